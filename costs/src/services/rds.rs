//! RDS for PostgreSQL, RDS Proxy, and Aurora PostgreSQL.
//!
//! Multi-AZ is a price of its own, not twice Single-AZ (RDS price list). The proxy bills the vCPU of its target, at least two
//! (RDS Proxy pricing page).

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, Statement};
use crate::price_book::Key;

/// An instance of RDS for PostgreSQL.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rds {
    /// As in db.t4g.micro.
    pub instance_class: String,
    /// A standby in another AZ.
    pub multi_az: bool,
    /// Hours that it runs; the month when not given.
    pub hours: Option<Quantity>,
    /// gp3 storage that is allocated.
    pub storage_gb_months: Option<Quantity>,
    /// IOPS beyond those that gp3 includes, in each AZ.
    pub extra_iops: Option<Quantity>,
    /// Throughput beyond what gp3 includes, MB/s in each AZ.
    pub extra_throughput_mbps: Option<Quantity>,
    /// Backups beyond the allocated storage.
    pub backup_gb_months: Option<Quantity>,
}

impl Service for Rds {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let azs = if self.multi_az { "Multi-AZ" } else { "Single-AZ" };
        let item = format!("{} {azs}", self.instance_class);
        let hours = statement.context.hours(self.hours);
        let price = Key::new("RDS PostgreSQL", &item, "hour");
        statement.charge("instance", &format!("Instance {item}"), price, hours)?;
        let item = format!("gp3 storage {azs}");
        let price = Key::new("RDS PostgreSQL", &item, "GB-month");
        statement.charge("storage", &item, price, self.storage_gb_months)?;
        let copies = if self.multi_az { Decimal::TWO } else { Decimal::ONE };
        for (name, line, item, unit, extra) in [
            ("iops", "gp3 IOPS", "gp3 IOPS Single-AZ", "IOPS-month", self.extra_iops),
            ("throughput", "gp3 throughput", "gp3 throughput Single-AZ", "MBps-month", self.extra_throughput_mbps),
        ] {
            let extra = extra.map(|extra| extra.times(copies)).transpose()?;
            statement.charge(name, line, Key::new("RDS PostgreSQL", item, unit), extra)?;
        }
        let price = Key::new("RDS PostgreSQL", "backup storage", "GB-month");
        statement.charge("backup", "Backups beyond the storage", price, self.backup_gb_months)
    }
}

/// RDS Proxy.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RdsProxy {
    /// vCPU of the target; at least 2 are billed.
    pub vcpu: Quantity,
    /// Hours that it exists; the month when not given.
    pub hours: Option<Quantity>,
}

impl Service for RdsProxy {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let vcpu = self.vcpu.map(|vcpu| vcpu.max(Decimal::TWO));
        let hours = vcpu.times(statement.context.hours(self.hours))?;
        statement.charge("proxy", "RDS Proxy", Key::new("RDS Proxy", "proxy vCPU", "vCPU-hour"), hours)
    }
}

/// A cluster of Aurora PostgreSQL: Serverless v2 capacity or instances, storage, I/O.
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
    /// Backups beyond the data stored.
    pub backup_gb_months: Option<Quantity>,
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
        let backups = Key::new("Aurora", "backup storage", "GB-month");
        statement.charge("backup", "Aurora backups", backups, self.backup_gb_months)?;
        if self.io_optimized {
            return Ok(());
        }
        if self.io_requests.is_none() && self.storage_gb_months.is_some() {
            statement.note("I/O is not included: io_requests is not given");
        }
        statement.charge("io", "I/O requests", Key::new("Aurora", "I/O request", "request"), self.io_requests)
    }
}
