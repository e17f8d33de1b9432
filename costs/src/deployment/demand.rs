//! What shoppers request of an environment in a month: orders become journeys, journeys requests, requests work.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rust_decimal::{Decimal, dec};

use super::{Deployment, Inputs, Path};
use crate::measured::{Measured, Route};
use crate::profile::Environment;

/// CPU time that Service Connect's proxies add to a request, ms: one beside the frontend, one beside the backend. AWS advises 256
/// CPU units for 500 requests a second (ECS developer guide, "Service Connect"), half a millisecond each.
const PROXY_MS: Decimal = dec!(1);

/// Work of a month.
#[derive(Debug, Default)]
pub struct Demand {
    /// Journeys of all kinds.
    pub journeys: Decimal,
    pub requests: Decimal,
    /// CPU time, s of one vCPU.
    pub cpu_s: Decimal,
    pub request_bytes: Decimal,
    pub response_bytes: Decimal,
    /// Of DynamoDB.
    pub read_units: Decimal,
    pub write_units: Decimal,
    /// On PostgreSQL.
    pub sql_statements: Decimal,
    pub log_bytes: Decimal,
}

/// Work of a function in a month.
#[derive(Debug, Default)]
pub struct FunctionDemand {
    pub requests: Decimal,
    /// Time of all handlers on a whole vCPU, ms.
    pub wall_ms: Decimal,
    /// CPU time in it, ms.
    pub cpu_ms: Decimal,
}

/// The demand on an environment, by what serves it.
#[derive(Debug, Default)]
pub struct Load {
    pub tasks: Demand,
    /// All functions together.
    pub lambda: Demand,
    /// Each function, also one without requests.
    pub functions: BTreeMap<String, FunctionDemand>,
    /// Tasks and functions.
    pub all: Demand,
}

impl Load {
    /// The demand on each path. A journey that was not measured is an error, and so is a route for this path and store.
    pub fn of(deployment: Deployment, environment: &Environment, inputs: Inputs<'_>) -> anyhow::Result<Self> {
        let Inputs { profile, measured, .. } = inputs;
        let mut load = Self::default();
        for route in &measured.routes {
            load.functions.entry(route.function.clone()).or_default();
        }
        for path in [Path::Fargate, Path::Lambda] {
            // Of an area's requests, the share that this path serves.
            let share = |area: &str| match (deployment.path, path) {
                (Path::Both, Path::Lambda) => environment.stack.lambda_share(area),
                (Path::Both, _) => Decimal::ONE - environment.stack.lambda_share(area),
                (only, path) => Decimal::from(u8::from(only == path)),
            };
            for (journey, per_order) in &profile.journeys_per_order {
                let steps = measured.journeys.get(journey).with_context(|| {
                    let known: Vec<&str> = measured.journeys.keys().map(String::as_str).collect();
                    format!("journey {journey:?} was not measured (known: {})", known.join(", "))
                })?;
                let journeys = profile.orders_per_month * environment.load * per_order;
                let area = steps.first().and_then(|step| measured.route(&step.route, path, deployment.store));
                let begun = journeys * area.map_or(Decimal::ONE, |route| share(&route.function));
                load.each(path, |demand| demand.journeys += begun);
                for step in steps {
                    let route = measured.route(&step.route, path, deployment.store);
                    let missing = || format!("{} was not measured for this path and store", step.route);
                    let route = route.with_context(missing)?;
                    load.add(route, measured, path, journeys * step.count * share(&route.function));
                }
            }
        }
        Ok(load)
    }

    /// Changes the demand on a path, and that on both.
    fn each(&mut self, path: Path, change: impl Fn(&mut Demand)) {
        change(if path == Path::Lambda { &mut self.lambda } else { &mut self.tasks });
        change(&mut self.all);
    }

    fn add(&mut self, route: &Route, measured: &Measured, path: Path, requests: Decimal) {
        let cpu_ms = cpu_ms(measured, route, path);
        self.each(path, |demand| {
            demand.requests += requests;
            demand.cpu_s += requests * cpu_ms / dec!(1000);
            demand.request_bytes += requests * route.request_bytes;
            demand.response_bytes += requests * route.response_bytes;
            demand.read_units += requests * route.read_units;
            demand.write_units += requests * route.write_units;
            demand.sql_statements += requests * route.sql_statements;
            demand.log_bytes += requests * route.log_bytes;
        });
        if path == Path::Lambda {
            let function = self.functions.entry(route.function.clone()).or_default();
            function.requests += requests;
            function.wall_ms += requests * measured.wall_ms(route);
            function.cpu_ms += requests * cpu_ms;
        }
    }
}

/// CPU time of a request, ms; on tasks with that of Service Connect's proxies.
pub fn cpu_ms(measured: &Measured, route: &Route, path: Path) -> Decimal {
    measured.cpu_ms(route) + if path == Path::Fargate { PROXY_MS } else { Decimal::ZERO }
}

/// Bytes as GB, 1,024-based as AWS meters.
pub fn gigabytes(bytes: Decimal) -> Decimal {
    bytes / dec!(1_073_741_824)
}
