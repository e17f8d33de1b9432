//! RDS for PostgreSQL and RDS Proxy.
//!
//! Multi-AZ is a price of its own, not twice Single-AZ (RDS price list). The proxy bills the vCPU of its target, at least two,
//! or Aurora capacity units, at least eight (RDS Proxy pricing page).

use rust_decimal::{Decimal, dec};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, ServiceError, Statement};
use crate::price_book::Key;

const LEAST_PROXY_VCPU: Decimal = dec!(2);
const LEAST_PROXY_ACU: Decimal = dec!(8);

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
    /// Backups beyond the allocated storage.
    pub backup_gb_months: Option<Quantity>,
    /// gp3 IOPS above the included 3,000 (12,000 from 400 GB).
    pub extra_iops: Option<Quantity>,
    /// gp3 throughput above the included.
    pub extra_throughput_mbps: Option<Quantity>,
    /// Use beyond the credits of a t class.
    pub cpu_credit_vcpu_hours: Option<Quantity>,
    /// Time in the first year of extended support.
    pub extended_support_vcpu_hours: Option<Quantity>,
}

const fn key<'a>(item: &'a str, unit: &'static str) -> Key<'a> {
    Key::new("RDS PostgreSQL", item, unit)
}

impl Service for Rds {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let azs = if self.multi_az { "Multi-AZ" } else { "Single-AZ" };
        let item = format!("{} {azs}", self.instance_class);
        let hours = statement.context.hours(self.hours);
        statement.charge("instance", &format!("Instance {item}"), key(&item, "hour"), hours)?;
        let item = format!("gp3 storage {azs}");
        statement.charge("storage", &item, key(&item, "GB-month"), self.storage_gb_months)?;
        let price = key("backup storage", "GB-month");
        statement.charge("backup", "Backups beyond the storage", price, self.backup_gb_months)?;
        // Multi-AZ pays IOPS and throughput on both copies (RDS price list).
        let copies = if self.multi_az { Decimal::TWO } else { Decimal::ONE };
        let on_all = |quantity: Option<Quantity>| quantity.map(|quantity| quantity.times(copies)).transpose();
        let price = key("gp3 IOPS Single-AZ", "IOPS-month");
        statement.charge("iops", "gp3 IOPS", price, on_all(self.extra_iops)?)?;
        let price = key("gp3 throughput Single-AZ", "MBps-month");
        statement.charge("throughput", "gp3 throughput", price, on_all(self.extra_throughput_mbps)?)?;
        let price = key("CPU credits", "vCPU-hour");
        statement.charge("cpu_credits", "CPU credits", price, self.cpu_credit_vcpu_hours)?;
        let price = key("extended support, year 1", "vCPU-hour");
        statement.charge("extended_support", "Extended support", price, self.extended_support_vcpu_hours)
    }
}

/// RDS Proxy.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RdsProxy {
    /// vCPU of the target; at least 2 are billed.
    pub vcpu: Option<Quantity>,
    /// Aurora capacity units of the target, instead of vcpu; at least 8 are billed.
    pub acu: Option<Quantity>,
    /// Hours that it exists; the month when not given.
    pub hours: Option<Quantity>,
}

impl Service for RdsProxy {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let (size, least, item, unit) = match (self.vcpu, self.acu) {
            (Some(vcpu), None) => (vcpu, LEAST_PROXY_VCPU, "proxy vCPU", "vCPU-hour"),
            (None, Some(acu)) => (acu, LEAST_PROXY_ACU, "proxy ACU", "ACU-hour"),
            _ => return Err(ServiceError::usage("rds_proxy", "either vcpu is needed or acu")),
        };
        let hours = size.map(|size| size.max(least)).times(statement.context.hours(self.hours))?;
        statement.charge("proxy", "RDS Proxy", Key::new("RDS Proxy", item, unit), hours)
    }
}
