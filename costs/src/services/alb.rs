//! Application Load Balancer: its hours, and the load balancer capacity units (LCU) of the dimension that needs most.
//!
//! One LCU is 25 new connections/s, 3,000 active connections, 1 GB/h to instances, addresses and containers or 0.4 GB/h to
//! functions, or 1,000 rule evaluations/s beyond the first ten rules; fractions count (ELB pricing page, "LCU details"). An
//! internet-facing balancer has one public IPv4 address in each of at least two AZs.

use anyhow::bail;
use rust_decimal::{Decimal, dec};
use schemars::JsonSchema;
use serde::Deserialize;

use super::network::ADDRESS;
use super::{Quantity, Service, Statement};
use crate::price_book::Key;

const NEW_PER_LCU: Decimal = dec!(25);
const ACTIVE_PER_LCU: Decimal = dec!(3000);
const LAMBDA_GB_PER_LCU: Decimal = dec!(0.4);
const RULES_PER_LCU: Decimal = dec!(1000);
const FREE_RULES: Decimal = dec!(10);

/// A load balancer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alb {
    /// Hours that it exists; the month when not given.
    pub hours: Option<Quantity>,
    /// LCU-hours.
    pub lcu_hours: Option<Quantity>,
    /// What decides the LCUs of each hour, instead of `lcu_hours`.
    pub traffic: Option<Traffic>,
    /// Public IPv4 addresses: two or more when it faces the internet.
    pub public_ipv4_addresses: Quantity,
}

/// Traffic of a load balancer.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// New connections.
    pub new_connections_per_s: Quantity,
    /// Connections open at once.
    pub active_connections: Quantity,
    /// Data to and from containers, instances and addresses.
    pub container_gb_per_hour: Quantity,
    /// Data to and from functions.
    pub lambda_gb_per_hour: Quantity,
    /// Requests.
    pub requests_per_s: Quantity,
    /// Rules that are evaluated for a request; ten are free.
    pub rules_per_request: Quantity,
}

impl Traffic {
    /// LCUs that each dimension needs, the one that needs most last.
    pub fn dimensions(&self) -> anyhow::Result<[(&'static str, Quantity); 4]> {
        let mut dimensions = [
            ("lcu_rules", self.requests_per_s.times(self.rules_per_request.above(FREE_RULES))? / RULES_PER_LCU),
            ("lcu_bytes", self.container_gb_per_hour + self.lambda_gb_per_hour / LAMBDA_GB_PER_LCU),
            ("lcu_active", self.active_connections / ACTIVE_PER_LCU),
            ("lcu_new", self.new_connections_per_s / NEW_PER_LCU),
        ];
        dimensions.sort_by_key(|(_, needed)| needed.value);
        Ok(dimensions)
    }
}

impl Service for Alb {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let hours = statement.context.hours(self.hours);
        statement.charge("alb", "Load balancer hours", Key::new("ALB", "load balancer", "hour"), hours)?;
        let lcu_hours = match (self.lcu_hours, self.traffic) {
            (Some(_), Some(_)) => bail!("alb: lcu_hours and traffic are both given"),
            (given, None) => given,
            (None, Some(traffic)) => {
                let dimensions = traffic.dimensions()?;
                for (name, needed) in dimensions {
                    statement.figure(name, needed);
                }
                let [.., (binding, lcu)] = dimensions;
                statement.note(format!("{binding} decides the LCUs"));
                Some(lcu.times(hours)?)
            }
        };
        if lcu_hours.is_none() {
            statement.note("LCUs are not included: neither lcu_hours nor traffic is given");
        }
        statement.charge("lcu_charge", "LCUs", Key::new("ALB", "LCU", "LCU-hour"), lcu_hours)?;
        if self.public_ipv4_addresses.is_zero() {
            return Ok(());
        }
        let address_hours = self.public_ipv4_addresses.times(hours)?;
        statement.charge("ipv4", "Public IPv4 of the load balancer", ADDRESS, address_hours)
    }
}
