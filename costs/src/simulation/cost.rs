//! What the compute of a run costs: the only part of the simulation that knows prices. The other lines of a bill depend on what is
//! ordered and on totals, which `costs estimate` knows without simulating.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use serde::Serialize;

use super::Outcome;
use crate::deployment::{invocations, tasks};
use crate::line::Line;
use crate::services::fargate::Purchase;
use crate::services::lambda::Lambda;
use crate::services::{Context, Quantity, Statement};

/// Compute cost of a run, USD before tax.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComputeCost {
    /// Lambda.
    pub lambda: Vec<Line>,
    /// Fargate, each line named after its service.
    pub fargate: Vec<Line>,
}

impl ComputeCost {
    pub(crate) fn of(outcome: &Outcome, context: &Context<'_>) -> anyhow::Result<Self> {
        let lambda = &outcome.lambda;
        let functions = Lambda {
            gb_seconds: Some(Quantity::derived(decimal(lambda.gb_seconds))),
            ..invocations(Quantity::derived(outcome.requests))
        };
        let mut fargate = Vec::new();
        for service in &outcome.fargate.services {
            let hours = Quantity::derived(decimal(service.tasks)).times(Decimal::from(outcome.hours))?;
            let size = [service.vcpu, service.memory_gb].map(decimal);
            let tasks = tasks(hours, size, Purchase::OnDemand);
            let named = |line: Line| Line { name: format!("{}: {}", service.name, line.name), ..line };
            fargate.extend(Statement::of(&tasks, context)?.lines.into_iter().map(named));
        }
        Ok(Self { lambda: Statement::of(&functions, context)?.lines, fargate })
    }
}

/// A simulated quantity. What a decimal cannot hold becomes the largest, which no bill accepts, and never free.
fn decimal(value: f64) -> Decimal {
    Decimal::from_f64(value).unwrap_or(Decimal::MAX)
}
