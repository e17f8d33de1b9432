//! Data transfer: to the internet, between AZs and between regions.

use rust_decimal::Decimal;

use super::{Context, Field, Service, ServiceError, Statement, Usage, metered, product};
use crate::price_book::Key;
use metered::Meter;

/// To the internet.
pub const OUT_GB: Field = Field::number("gb_out", &["out_gb", "internet_gb", "egress_gb", "gb"], "GB to the internet");
/// Between AZs.
pub const INTER_AZ_GB: Field =
    Field::number("inter_az_gb", &["cross_az_gb"], "GB between AZs; billed once in each direction, so twice");
const INTER_REGION_GB: Field = Field::number("inter_region_gb", &["cross_region_gb"], "GB to another region");

/// To the internet, tiered.
pub const OUT: Key = Key {
    name: "dto_gb",
    also: &["tiers", "internet_gb", "egress_gb", "out_gb", "transfer_gb"],
    service: "Data transfer",
    item: "to the internet",
    unit: "GB",
};
const INTER_AZ: Key =
    Key { name: "inter_az_each_way", also: &["inter_az", "inter_az_gb"], item: "between AZs, each way", ..OUT };
const INTER_REGION: Key = Key { name: "inter_region", also: &["inter_region_gb"], item: "to another region", ..OUT };
const FREE: Key = Key { name: "free_gb", also: &["free_dto_gb"], item: "free to the internet", ..OUT };

const METERS: &[Meter] = &[
    Meter { field: OUT_GB, key: "transfer", name: "Transfer to the internet", price: &OUT, allowance: Some(&FREE) },
    Meter {
        field: INTER_REGION_GB,
        key: "inter_region",
        name: "Transfer to another region",
        price: &INTER_REGION,
        allowance: None,
    },
];

/// Data transfer.
pub const SERVICE: Service = Service {
    name: "data-transfer",
    also: &["dto", "transfer", "data transfer out", "egress"],
    about: "data transfer; into AWS it is free",
    fields: &[OUT_GB, INTER_AZ_GB, INTER_REGION_GB],
    prices: &[OUT, INTER_AZ, INTER_REGION, FREE],
    totals: &["transfer", "tier_1", "tier_2", "tier_3", "tier_4", "inter_az", "inter_region"],
    bill,
};

/// The bill.
///
/// # Errors
/// When a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    metered::charge(&mut statement, METERS, usage, context)?;
    statement.name_tiers("transfer");
    if let Some(gb) = usage.given(&INTER_AZ_GB) {
        let both_ways = product(&[gb, Decimal::TWO])?;
        let known = usage.known_of(&[&INTER_AZ_GB]);
        statement.charge("inter_az", "Transfer between AZs, both ways", &INTER_AZ, both_ways, known, context)?;
    }
    Ok(statement)
}
