//! What shoppers request of an environment in a month: orders become journeys, journeys requests, requests work.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, dec};

use super::{Deployment, Inputs, Path, Store};
use crate::measured::{Measured, Route};
use crate::profile::Environment;

/// CPU time that Service Connect's proxies add to a request, ms: one beside the frontend, one beside the backend. AWS advises 256
/// CPU units for 500 requests a second (ECS developer guide, "Service Connect"), half a millisecond each.
const PROXY_MS: Decimal = dec!(1);

/// Work of a month.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Demand {
    /// Journeys of all kinds.
    pub journeys: Decimal,
    /// Requests.
    pub requests: Decimal,
    /// CPU time, s of one vCPU.
    pub cpu_s: Decimal,
    /// Bytes of requests.
    pub request_bytes: Decimal,
    /// Bytes of responses.
    pub response_bytes: Decimal,
    /// Read units of DynamoDB.
    pub read_units: Decimal,
    /// Write units of DynamoDB.
    pub write_units: Decimal,
    /// Statements on PostgreSQL.
    pub sql_statements: Decimal,
    /// Bytes that the shop logs.
    pub log_bytes: Decimal,
    /// Work of each function.
    pub functions: BTreeMap<String, FunctionDemand>,
}

/// Work of a function in a month.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FunctionDemand {
    /// Invocations.
    pub requests: Decimal,
    /// Time of all handlers on a whole vCPU, ms.
    pub wall_ms: Decimal,
    /// CPU time in it, ms.
    pub cpu_ms: Decimal,
}

/// The demand on an environment, by what serves it.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Served by tasks.
    pub tasks: Demand,
    /// Served by functions.
    pub functions: Demand,
    /// Both.
    pub all: Demand,
}

impl Load {
    /// The demand on each path.
    ///
    /// # Errors
    /// When the profile has a journey that is not in the measured profile, or a route was not measured for this path and store.
    pub fn of(deployment: Deployment, environment: &Environment, inputs: Inputs<'_>) -> Result<Self, String> {
        let share = |area: &str| match deployment.path {
            Path::Fargate => Decimal::ZERO,
            Path::Lambda => Decimal::ONE,
            Path::Both => environment.stack.lambda_share(area),
        };
        let of =
            |path, share: &dyn Fn(&str) -> Decimal| Demand::part_of(path, deployment.store, environment, inputs, share);
        let tasks = of(Path::Fargate, &|area| Decimal::ONE - share(area))?;
        let functions = of(Path::Lambda, &share)?;
        let all = tasks.plus(&functions);
        Ok(Self { tasks, functions, all })
    }
}

impl Demand {
    /// What one path serves: of each area the share that it gets.
    fn part_of(
        path: Path,
        store: Store,
        environment: &Environment,
        inputs: Inputs<'_>,
        share: &dyn Fn(&str) -> Decimal,
    ) -> Result<Self, String> {
        let Inputs { profile, measured, .. } = inputs;
        let orders = profile.orders_per_month * environment.load;
        let mut demand = Self::default();
        // Every function exists, with or without requests.
        for route in &measured.routes {
            demand.functions.entry(route.function.clone()).or_default();
        }
        for (journey, per_order) in &profile.journeys_per_order {
            let known = || measured.journeys.keys().cloned().collect::<Vec<_>>().join(", ");
            let steps = measured.journeys.get(journey);
            let steps = steps.ok_or_else(|| format!("journey {journey:?} was not measured (known: {})", known()))?;
            let journeys = orders * per_order.0;
            let area = steps.first().and_then(|step| measured.route(&step.route, path, store));
            demand.journeys += journeys * area.map_or(Decimal::ONE, |route| share(&route.function));
            for step in steps {
                let route = measured.route(&step.route, path, store);
                let route = route.ok_or_else(|| format!("{} was not measured for this path and store", step.route))?;
                demand.add(route, measured, path, journeys * step.count * share(&route.function));
            }
        }
        Ok(demand)
    }

    fn add(&mut self, route: &Route, measured: &Measured, path: Path, requests: Decimal) {
        let (cpu_ms, wall_ms) = (cpu_ms(measured, route, path), measured.wall_ms(route));
        self.requests += requests;
        self.cpu_s += requests * cpu_ms / dec!(1000);
        self.request_bytes += requests * route.request_bytes;
        self.response_bytes += requests * route.response_bytes;
        self.read_units += requests * route.read_units;
        self.write_units += requests * route.write_units;
        self.sql_statements += requests * route.sql_statements;
        self.log_bytes += requests * route.log_bytes;
        let function = self.functions.entry(route.function.clone()).or_default();
        function.requests += requests;
        function.wall_ms += requests * wall_ms;
        function.cpu_ms += requests * cpu_ms;
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            journeys: self.journeys + other.journeys,
            requests: self.requests + other.requests,
            cpu_s: self.cpu_s + other.cpu_s,
            request_bytes: self.request_bytes + other.request_bytes,
            response_bytes: self.response_bytes + other.response_bytes,
            read_units: self.read_units + other.read_units,
            write_units: self.write_units + other.write_units,
            sql_statements: self.sql_statements + other.sql_statements,
            log_bytes: self.log_bytes + other.log_bytes,
            functions: BTreeMap::new(),
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
