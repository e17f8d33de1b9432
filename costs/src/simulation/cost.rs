//! What the compute of a run costs, hour by hour: the only part of the simulation that knows prices. The other lines of a bill
//! depend on what is ordered and on totals, which `costs estimate` knows without simulating.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use serde::Serialize;

use super::Outcome;
use crate::deployment::{invocations, tasks};
use crate::line::Line;
use crate::services::lambda::Lambda;
use crate::services::{Context, Quantity, ServiceError, Statement};

/// Compute cost of a run, USD before tax.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComputeCost {
    /// Lambda, all hours.
    pub lambda: Vec<Line>,
    /// Fargate, all hours.
    pub fargate: Vec<Line>,
    /// Hour by hour.
    pub by_hour: Vec<HourCost>,
}

/// Compute cost of an hour, USD before tax.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HourCost {
    /// Lambda.
    #[serde(with = "crate::number")]
    pub lambda_usd: Decimal,
    /// Fargate.
    #[serde(with = "crate::number")]
    pub fargate_usd: Decimal,
}

impl ComputeCost {
    /// Prices a run. Each hour costs what the bill grows by in it, so that the hours sum to the bill also where a price has tiers.
    ///
    /// # Errors
    /// When a price is missing.
    pub fn of(outcome: &Outcome, context: &Context<'_>) -> Result<Self, ServiceError> {
        let (mut requests, mut gb_seconds) = (0, 0.0);
        let mut task_hours = vec![0.0; outcome.fargate.services.len()];
        let mut upto = [Decimal::ZERO; 2];
        let (mut by_hour, mut lines) = (Vec::with_capacity(outcome.by_hour.len()), [Vec::new(), Vec::new()]);
        for hour in &outcome.by_hour {
            requests += hour.lambda.answered;
            gb_seconds += hour.lambda.gb_seconds;
            for (all, service) in task_hours.iter_mut().zip(&hour.services) {
                *all += service.tasks;
            }
            // All the hours so far are billed anew, to an account that has used nothing.
            let context = context.for_new_account();
            lines = [lambda_lines(requests, gb_seconds, &context)?, fargate_lines(outcome, &task_hours, &context)?];
            let totals = lines.each_ref().map(crate::line::total);
            by_hour.push(HourCost { lambda_usd: totals[0] - upto[0], fargate_usd: totals[1] - upto[1] });
            upto = totals;
        }
        let [lambda, fargate] = lines;
        Ok(Self { lambda, fargate, by_hour })
    }
}

fn lambda_lines(requests: u64, gb_seconds: f64, context: &Context<'_>) -> Result<Vec<Line>, ServiceError> {
    let functions =
        Lambda { gb_seconds: Some(Quantity::derived(decimal(gb_seconds))), ..invocations(Quantity::derived(requests)) };
    Ok(Statement::of(&functions, context)?.lines)
}

/// Lines of each service, named after it.
fn fargate_lines(outcome: &Outcome, task_hours: &[f64], context: &Context<'_>) -> Result<Vec<Line>, ServiceError> {
    let mut lines = Vec::new();
    for (service, hours) in outcome.fargate.services.iter().zip(task_hours) {
        let size = [service.vcpu, service.memory_gb].map(decimal);
        let tasks = tasks(Quantity::derived(decimal(*hours)), size);
        let named = |line: Line| Line { name: format!("{}: {}", service.name, line.name), ..line };
        lines.extend(Statement::of(&tasks, context)?.lines.into_iter().map(named));
    }
    Ok(lines)
}

/// A simulated quantity. What a decimal cannot hold becomes the largest, which no bill accepts, and never free.
fn decimal(value: f64) -> Decimal {
    Decimal::from_f64(value).unwrap_or(Decimal::MAX)
}
