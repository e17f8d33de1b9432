//! Aurora PostgreSQL: Serverless v2 capacity or instances, storage, I/O.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, Statement};
use crate::price_book::Key;

/// A cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aurora {
    /// Capacity of Serverless v2 x the hours of each ACU.
    pub acu_hours: Option<Quantity>,
    /// Class of provisioned instances, as in db.r6g.large.
    pub instance_class: Option<String>,
    /// Hours of all provisioned instances; the month when not given.
    pub instance_hours: Option<Quantity>,
    /// I/O-Optimized: dearer capacity, no I/O charge.
    pub io_optimized: bool,
    /// Data stored.
    pub storage_gb_months: Option<Quantity>,
    /// I/O requests (Standard only).
    pub io_requests: Option<Quantity>,
}

impl Service for Aurora {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let class = if self.io_optimized { "I/O-Optimized" } else { "Standard" };
        let item = format!("ACU {class}");
        let price = Key::new("Aurora Serverless v2", &item, "ACU-hour");
        statement.charge("acu_charge", &format!("Serverless v2 capacity, {class}"), price, self.acu_hours)?;
        if let Some(instance) = &self.instance_class {
            let item = format!("{instance} {class}");
            let hours = statement.context.hours(self.instance_hours);
            let price = Key::new("Aurora", &item, "hour");
            statement.charge("instance", &format!("Instance {item}"), price, hours)?;
        }
        let item = format!("storage {class}");
        let price = Key::new("Aurora", &item, "GB-month");
        statement.charge("storage", &format!("Aurora {item}"), price, self.storage_gb_months)?;
        if self.io_optimized {
            return Ok(());
        }
        if self.io_requests.is_none() && self.storage_gb_months.is_some() {
            statement.note("I/O is not included: io_requests is not given");
        }
        statement.charge("io", "I/O requests", Key::new("Aurora", "I/O request", "request"), self.io_requests)
    }
}
