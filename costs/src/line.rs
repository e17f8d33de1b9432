//! Lines of a bill, and how each of their quantities is known.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::price_book::Provenance;

words! {
    /// How a quantity is known. The order is that of trust, so the `max` of several is what a product of them is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    Known {
        /// Taken from the running code by `costs measure`.
        Measured = "measured",
        /// Said by whoever asks: a profile, an option.
        #[default]
        Declared = "declared",
        /// Computed from declared and measured quantities.
        Derived = "derived",
        /// A guess that stands until somebody measures or declares it.
        Assumed = "assumed",
    }
}

/// One line of a bill: `amount = quantity x unit_price`, USD before tax.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The service that bills it, as on the invoice: `Lambda`, `RDS PostgreSQL`.
    pub service: String,
    /// Stable name of the total that the line adds to: `compute`, `storage`.
    pub key: String,
    /// What the reader of a bill sees: `Duration arm64, first 7,500,000,000 GB-second`.
    pub name: String,
    /// In `unit`, not rounded.
    #[serde(serialize_with = "crate::number::shortest")]
    pub quantity: Decimal,
    /// The unit that is billed: `GB-second`, `request`, `hour`.
    pub unit: String,
    /// USD per unit.
    #[serde(serialize_with = "crate::number::shortest")]
    pub unit_price: Decimal,
    /// USD, not rounded.
    #[serde(serialize_with = "crate::number::shortest")]
    pub amount: Decimal,
    /// Where the unit price is from.
    pub price: Provenance,
    /// How the quantity is known.
    pub known: Known,
}

/// Sum of the amounts, USD.
pub fn total<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Decimal {
    lines.into_iter().map(|line| line.amount).sum()
}
