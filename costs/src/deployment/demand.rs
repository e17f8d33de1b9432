//! What shoppers ask of an environment in a month: orders become journeys, journeys requests, requests work.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, dec};

use super::{Deployment, Inputs};
use crate::profile::Environment;

/// Work of a month.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Demand {
    /// Orders.
    pub orders: Decimal,
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

impl Demand {
    /// The demand on an environment.
    ///
    /// # Errors
    /// When the profile has a journey that is not in the measured profile, or a route was not measured for this path and store.
    pub fn of(deployment: Deployment, environment: &Environment, inputs: Inputs<'_>) -> Result<Self, String> {
        let Inputs { profile, measured, .. } = inputs;
        let orders = profile.orders_per_month * environment.load;
        let mut demand = Self { orders, ..Self::default() };
        // Every function is there, whether or not somebody comes.
        for route in &measured.routes {
            demand.functions.entry(route.function.clone()).or_default();
        }
        for (journey, per_order) in &profile.journeys_per_order {
            let known = || measured.journeys.keys().cloned().collect::<Vec<_>>().join(", ");
            let steps = measured.journeys.get(journey);
            let steps = steps.ok_or_else(|| format!("journey {journey:?} was not measured (known: {})", known()))?;
            let journeys = orders * per_order.0;
            demand.journeys += journeys;
            for step in steps {
                let route = measured.route(&step.route, deployment.path, deployment.store);
                let missing = || format!("{} was not measured for {}", step.route, deployment.name());
                let route = route.ok_or_else(missing)?;
                let requests = journeys * step.count;
                let (cpu_ms, wall_ms) = (measured.cpu_ms(route), measured.wall_ms(route));
                demand.requests += requests;
                demand.cpu_s += requests * cpu_ms / dec!(1000);
                demand.request_bytes += requests * route.request_bytes;
                demand.response_bytes += requests * route.response_bytes;
                demand.read_units += requests * route.read_units;
                demand.write_units += requests * route.write_units;
                demand.sql_statements += requests * route.sql_statements;
                demand.log_bytes += requests * route.log_bytes;
                let function = demand.functions.entry(route.function.clone()).or_default();
                function.requests += requests;
                function.wall_ms += requests * wall_ms;
                function.cpu_ms += requests * cpu_ms;
            }
        }
        Ok(demand)
    }
}

/// Bytes as GB, 1,024-based as AWS meters.
pub fn gigabytes(bytes: Decimal) -> Decimal {
    bytes / dec!(1_073_741_824)
}
