//! Services whose bill is a list of quantity x price: each line is one usage field.

use rust_decimal::Decimal;

use super::{Context, Field, ServiceError, Statement, Usage};
use crate::price_book::Key;

/// One line: so much of `field` at `price`, after the `allowance` of the free tier.
#[derive(Debug)]
pub struct Meter {
    /// The quantity.
    pub field: Field,
    /// Name of the total.
    pub key: &'static str,
    /// Name of the line.
    pub name: &'static str,
    /// Its price.
    pub price: &'static Key,
    /// Monthly allowance of the account.
    pub allowance: Option<&'static Key>,
}

/// Charges what is set of `meters`.
///
/// # Errors
/// When a price is missing.
pub fn charge(
    statement: &mut Statement,
    meters: &'static [Meter],
    usage: &Usage,
    context: &Context<'_>,
) -> Result<Decimal, ServiceError> {
    let mut total = Decimal::ZERO;
    for meter in meters {
        let Some(quantity) = usage.given(&meter.field) else { continue };
        let billed = match meter.allowance {
            Some(allowance) => context.after_allowance(quantity, allowance)?,
            None => quantity,
        };
        let known = usage.known_of(&[&meter.field]);
        total += statement.charge(meter.key, meter.name, meter.price, billed, known, context)?;
    }
    Ok(total)
}
