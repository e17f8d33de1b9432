//! SSM Parameter Store: advanced parameters are charged by the hour of their existence, standard ones not at all.

use rust_decimal::Decimal;

use super::{Context, Field, Kind, Service, ServiceError, Statement, Usage, metered};
use crate::price_book::Key;
use metered::Meter;

/// Advanced parameters.
pub const ADVANCED: Field =
    Field::number("advanced_parameters", &["parameters_advanced"], "advanced parameters that exist all month");
const ADVANCED_HOURS: Field =
    Field::number("advanced_hours", &["advanced_parameter_hours"], "hours of advanced parameters, instead");
/// Standard parameters.
pub const STANDARD: Field = Field::number("standard_parameters", &["parameters"], "standard parameters, free");
const TIER: Field = Field {
    name: "tier",
    also: &["parameter_tier"],
    kind: Kind::Choice(&[&["standard"], &["advanced"]]),
    about: "standard (default) or advanced: what parameters are",
};
/// Calls that are charged.
pub const CALLS: Field =
    Field::number("calls", &["api_calls", "requests"], "API calls on advanced parameters or with higher throughput");

const ADVANCED_MONTH: Key = Key {
    name: "advanced_month",
    also: &["advanced", "advanced_parameter"],
    service: "SSM Parameter Store",
    item: "advanced parameter",
    unit: "parameter-month",
};
const STANDARD_MONTH: Key =
    Key { name: "standard_month", also: &["standard"], item: "standard parameter", ..ADVANCED_MONTH };
const CALL: Key =
    Key { name: "call", also: &["api_call", "request"], item: "API call", unit: "call", ..ADVANCED_MONTH };

const METERS: &[Meter] = &[Meter { field: CALLS, key: "calls", name: "API calls", price: &CALL, allowance: None }];

/// SSM Parameter Store.
pub const SERVICE: Service = Service {
    name: "ssm",
    also: &["parameter store", "ssm parameter store", "systems manager"],
    about: "SSM Parameter Store",
    fields: &[ADVANCED, ADVANCED_HOURS, STANDARD, TIER, CALLS],
    prices: &[ADVANCED_MONTH, STANDARD_MONTH, CALL],
    totals: &["advanced", "standard", "calls"],
    bill,
};

/// The bill.
///
/// # Errors
/// When a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let months = match (usage.given(&ADVANCED), usage.given(&ADVANCED_HOURS)) {
        (None, None) => None,
        (count, hours) => Some(count.unwrap_or_default() + hours.unwrap_or(Decimal::ZERO) / context.month_hours),
    };
    if let Some(months) = months {
        let known = usage.known_of(&[&ADVANCED, &ADVANCED_HOURS]);
        statement.charge("advanced", "Advanced parameters", &ADVANCED_MONTH, months, known, context)?;
    }
    if let Some(count) = usage.given(&STANDARD) {
        let known = usage.known_of(&[&STANDARD]);
        let advanced = usage.text(&TIER) == Some("advanced");
        let (key, name, price) = if advanced {
            ("advanced", "Advanced parameters", &ADVANCED_MONTH)
        } else {
            ("standard", "Standard parameters", &STANDARD_MONTH)
        };
        statement.charge(key, name, price, count, known, context)?;
    }
    metered::charge(&mut statement, METERS, usage, context)?;
    Ok(statement)
}
