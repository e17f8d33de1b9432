//! Fargate: vCPU and memory by the second, and storage above 20 GB.
//!
//! AWS bills from the start of the image pull to the end of the task, per second with a minimum of one minute on Linux, and
//! includes 20 GB of storage in every task (Fargate pricing page).

use anyhow::{anyhow, ensure};
use rust_decimal::{Decimal, dec};
use schemars::JsonSchema;
use serde::Deserialize;

use super::network::ADDRESS;
use super::{Architecture, HOUR_SECONDS, Quantity, Service, Statement};
use crate::price_book::Key;

/// Storage that every task has without charge, GB.
const INCLUDED_STORAGE_GB: Decimal = dec!(20);
/// The largest task (ECS developer guide, "Task size").
const MOST_VCPU: Decimal = dec!(16);
const MOST_GB: Decimal = dec!(120);
/// Shortest billed time of a task, s.
const LEAST_SECONDS: Decimal = dec!(60);

/// Linux tasks of one size.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fargate {
    /// Hours of all tasks together, where they run on.
    pub task_hours: Option<Quantity>,
    /// Tasks that end, instead of `task_hours`.
    pub runs: Option<Runs>,
    /// vCPU of a task.
    pub vcpu: Quantity,
    /// Memory of a task.
    pub memory_gb: Quantity,
    /// Storage of a task; 20 GB are included.
    pub ephemeral_gb: Option<Quantity>,
    /// Processor.
    #[serde(default)]
    pub architecture: Architecture,
    /// How it is bought.
    #[serde(default)]
    pub purchase: Purchase,
    /// Public IPv4 addresses of each task.
    pub public_ipv4_addresses: Option<Quantity>,
}

/// Tasks that end. At least a minute is billed for each.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Tasks that are started.
    pub tasks_per_month: Quantity,
    /// How long each runs.
    pub duration_s: Quantity,
}

/// How capacity is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purchase {
    /// Without commitment.
    #[default]
    OnDemand,
    /// Spot, whose price floats.
    Spot,
    /// Compute Savings Plan of one year without upfront payment.
    SavingsPlan1Year,
    /// Compute Savings Plan of three years without upfront payment.
    SavingsPlan3Years,
}

impl Service for Fargate {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        for (name, size, most) in [("vcpu", self.vcpu, MOST_VCPU), ("memory_gb", self.memory_gb, MOST_GB)] {
            ensure!(size.value <= most, "fargate: {name} is {}, and no task has more than {most}", size.value);
        }
        let task_hours = self.task_hours()?;
        statement.figure("task_hours", task_hours);
        let offer = match self.purchase {
            Purchase::OnDemand => "Linux",
            Purchase::Spot => "Spot",
            Purchase::SavingsPlan1Year => "Compute Savings Plan 1y no upfront",
            Purchase::SavingsPlan3Years => "Compute Savings Plan 3y no upfront",
        };
        let offer = format!("{offer} {}", self.architecture.word());
        // How well one part of the size is known says how well the task is known.
        let known = task_hours.known.max(self.vcpu.known).max(self.memory_gb.known);
        for (name, size, unit) in [("vcpu", self.vcpu, "vCPU-hour"), ("memory", self.memory_gb, "GB-hour")] {
            let item = format!("{offer} {}", if name == "vcpu" { "vCPU" } else { name });
            let hours = Quantity { known, ..task_hours.times(size)? };
            statement.charge(name, &item, Key::new("Fargate", &item, unit), hours)?;
        }
        if let Some(storage) = self.ephemeral_gb {
            let gb_hours = task_hours.times(storage.above(INCLUDED_STORAGE_GB))?;
            let price = Key::new("Fargate", "ephemeral storage above 20 GB", "GB-hour");
            statement.charge("ephemeral", "Storage above 20 GB", price, gb_hours)?;
        }
        let Some(addresses) = self.public_ipv4_addresses else { return Ok(()) };
        statement.charge("ipv4", "Public IPv4 of tasks", ADDRESS, task_hours.times(addresses)?)
    }
}

impl Fargate {
    fn task_hours(&self) -> anyhow::Result<Quantity> {
        match (self.task_hours, self.runs) {
            (Some(hours), None) => Ok(hours),
            (None, Some(Runs { tasks_per_month, duration_s })) => {
                Ok(tasks_per_month.times(duration_s.map(|seconds| seconds.max(LEAST_SECONDS)))? / HOUR_SECONDS)
            }
            _ => Err(anyhow!("fargate: either task_hours is needed or runs")),
        }
    }
}
