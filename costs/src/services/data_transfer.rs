//! Data transfer: to the internet, between AZs and between regions. Into AWS it is free.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, Statement};
use crate::price_book::Key;

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
