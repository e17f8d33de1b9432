//! SSM Parameter Store: advanced parameters are charged by the hour of their existence, standard ones not at all.

use rust_decimal::Decimal;

use super::{Context, Field, Service, ServiceError, Statement, Usage, metered};
use crate::price_book::Key;
use metered::Meter;

/// Advanced parameters.
pub const ADVANCED: Field =
    Field::number("advanced_parameters", &["parameters_advanced"], "advanced parameters that exist all month");
const ADVANCED_HOURS: Field =
    Field::number("advanced_hours", &["advanced_parameter_hours"], "hours of advanced parameters, instead");
/// Standard parameters.
pub const STANDARD: Field = Field::number("standard_parameters", &["parameters"], "standard parameters, free");
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

const METERS: &[Meter] = &[
    Meter { field: STANDARD, key: "standard", name: "Standard parameters", price: &STANDARD_MONTH, allowance: None },
    Meter { field: CALLS, key: "calls", name: "API calls", price: &CALL, allowance: None },
];

/// SSM Parameter Store.
pub const SERVICE: Service = Service {
    name: "ssm",
    also: &["parameter store", "ssm parameter store", "systems manager"],
    about: "SSM Parameter Store",
    fields: &[ADVANCED, ADVANCED_HOURS, STANDARD, CALLS],
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
    metered::charge(&mut statement, METERS, usage, context)?;
    Ok(statement)
}
