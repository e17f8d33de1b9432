//! What the compute of a run costs, hour by hour: the only part of the simulation that knows prices. The other lines of a bill
//! depend on what is ordered and on totals, which `costs estimate` knows without simulating.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use serde::Serialize;

use super::Outcome;
use crate::deployment::ARCH;
use crate::line::{Known, Line};
use crate::services::{Context, ServiceError, Usage, fargate, lambda};

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
            lines = [
                lambda_lines(requests, gb_seconds, context)?,
                fargate_lines(outcome, &task_hours, context)?,
            ];
            let totals = lines.each_ref().map(crate::line::total);
            by_hour.push(HourCost { lambda_usd: totals[0] - upto[0], fargate_usd: totals[1] - upto[1] });
            upto = totals;
        }
        let [lambda, fargate] = lines;
        Ok(Self { lambda, fargate, by_hour })
    }
}

fn lambda_lines(
    requests: u64,
    gb_seconds: f64,
    context: &Context<'_>,
) -> Result<Vec<Line>, ServiceError> {
    let usage = Usage::new()
        .with(&lambda::REQUESTS, requests, Known::Derived)
        .with(&lambda::GB_SECONDS, decimal(gb_seconds), Known::Derived)
        .with_text(&lambda::ARCH, ARCH);
    Ok((lambda::SERVICE.bill)(&usage, context)?.lines)
}

/// Lines of each service, named after it.
fn fargate_lines(
    outcome: &Outcome,
    task_hours: &[f64],
    context: &Context<'_>,
) -> Result<Vec<Line>, ServiceError> {
    let mut lines = Vec::new();
    for (service, hours) in outcome.fargate.services.iter().zip(task_hours) {
        let usage = Usage::new()
            .with(&fargate::TASK_HOURS, decimal(*hours), Known::Derived)
            .with(&fargate::VCPU, decimal(service.vcpu), Known::Declared)
            .with(&fargate::MEMORY_GB, decimal(service.memory_gb), Known::Declared)
            .with_text(&fargate::ARCH, ARCH);
        let named = |line: Line| Line { name: format!("{}: {}", service.name, line.name), ..line };
        lines.extend((fargate::SERVICE.bill)(&usage, context)?.lines.into_iter().map(named));
    }
    Ok(lines)
}

/// A simulated quantity. What a decimal cannot hold becomes the largest, which no bill accepts, and never free.
fn decimal(value: f64) -> Decimal {
    Decimal::from_f64(value).unwrap_or(Decimal::MAX)
}
