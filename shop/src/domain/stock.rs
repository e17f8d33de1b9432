//! Stock: what is available, what is reserved by unpaid orders, what was sold.

use super::{Quantity, Sku};

/// How many units of one tracked SKU there are. `available + reserved + sold == received`, nothing is negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLevel {
    /// The variant.
    pub sku: Sku,
    /// Units that can be ordered now.
    pub available: u32,
    /// Units held by orders that are not paid yet.
    pub reserved: u32,
    /// Units of paid orders.
    pub sold: u32,
    /// Units ever received, less corrections.
    pub received: u32,
}

impl StockLevel {
    /// Most units of one SKU.
    pub const MAX_UNITS: u32 = 1_000_000_000;

    /// The level of a variant that has just come in.
    pub fn initial(sku: Sku, available: u32) -> Self {
        Self { sku, available, reserved: 0, sold: 0, received: available }
    }
}

/// Units of a tracked SKU that an order holds. An order has at most one reservation per SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The variant.
    pub sku: Sku,
    /// How many units.
    pub quantity: Quantity,
}

/// An operator's correction of what is available. `received` changes by the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockChange {
    /// The count says so many are available.
    SetAvailable(u32),
    /// So many came in (positive) or were lost (negative).
    Adjust(i32),
}
