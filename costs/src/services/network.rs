//! NAT gateways, interface endpoints and public IPv4 addresses: what a VPC costs before the first request. And data transfer, which
//! is free into AWS.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, Statement};
use crate::price_book::Key;

/// A public IPv4 address, in use or idle.
pub(super) const ADDRESS: Key<'_> = Key::new("Public IPv4", "address", "address-hour");

/// NAT gateways.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nat {
    /// NAT gateways.
    pub gateways: Quantity,
    /// Hours that each exists; the month when not given.
    pub hours: Option<Quantity>,
    /// Data processed.
    pub data_gb: Quantity,
    /// Public IPv4 addresses of each: one, unless something else pays for it.
    pub public_ipv4_addresses: Quantity,
}

impl Service for Nat {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let hours = self.gateways.times(statement.context.hours(self.hours))?;
        statement.charge("hours", "NAT gateways", Key::new("NAT gateway", "gateway", "hour"), hours)?;
        let price = Key::new("NAT gateway", "data processed", "GB");
        statement.charge("data", "Data through NAT", price, self.data_gb)?;
        if self.public_ipv4_addresses.is_zero() {
            return Ok(());
        }
        let address_hours = hours.times(self.public_ipv4_addresses)?;
        statement.charge("ipv4", "Public IPv4 of NAT gateways", ADDRESS, address_hours)
    }
}

/// Interface endpoints (`PrivateLink`). Gateway endpoints for S3 and DynamoDB are free.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InterfaceEndpoints {
    /// Interface endpoints.
    pub endpoints: Quantity,
    /// AZs that each is in.
    pub azs: Quantity,
    /// Hours that each exists; the month when not given.
    pub hours: Option<Quantity>,
    /// Data processed.
    pub data_gb: Quantity,
}

impl Service for InterfaceEndpoints {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let key = |item, unit| Key::new("VPC interface endpoint", item, unit);
        let hours = self.endpoints.times(statement.context.hours(self.hours))?.times(self.azs)?;
        statement.charge("hours", "Interface endpoints x AZs", key("endpoint in an AZ", "hour"), hours)?;
        statement.charge("data", "Data through endpoints", key("data processed", "GB"), self.data_gb)
    }
}

/// Public IPv4 addresses that belong to nothing else on the bill.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicIpv4 {
    /// Addresses, in use or idle.
    pub addresses: Quantity,
    /// Hours that each exists; the month when not given.
    pub hours: Option<Quantity>,
}

impl Service for PublicIpv4 {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let hours = self.addresses.times(statement.context.hours(self.hours))?;
        statement.charge("ipv4", "Public IPv4 addresses", ADDRESS, hours)
    }
}

/// Data transfer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "a name ends with its unit")]
pub struct DataTransfer {
    /// To the internet.
    pub internet_gb: Option<Quantity>,
    /// Between AZs; billed once in each direction, so twice.
    pub inter_az_gb: Option<Quantity>,
    /// To another region.
    pub inter_region_gb: Option<Quantity>,
}

impl Service for DataTransfer {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let key = |item| Key::new("Data transfer", item, "GB");
        let (free, price) = (key("free to the internet"), key("to the internet"));
        statement.charge_after(free, "transfer", "Transfer to the internet", price, self.internet_gb)?;
        let price = key("to another region");
        statement.charge("inter_region", "Transfer to another region", price, self.inter_region_gb)?;
        let both_ways = self.inter_az_gb.map(|gb| gb.times(Decimal::TWO)).transpose()?;
        statement.charge("inter_az", "Transfer between AZs, both ways", key("between AZs, each way"), both_ways)
    }
}
