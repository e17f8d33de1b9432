//! Stock: units that are available, reserved by unpaid orders, or sold.

use super::{Quantity, Sku};

/// Stock level of a tracked SKU. `available + reserved + sold == received`, and nothing is negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLevel {
    /// The variant.
    pub sku: Sku,
    /// Units available.
    pub available: u32,
    /// Units reserved by unpaid orders.
    pub reserved: u32,
    /// Units sold with paid orders.
    pub sold: u32,
    /// Units ever received, less corrections.
    pub received: u32,
}

impl StockLevel {
    /// Maximum units of one SKU.
    pub const MAX_UNITS: u32 = 1_000_000_000;

    /// The first level of a variant.
    pub fn initial(sku: Sku, available: u32) -> Self {
        Self { sku, available, reserved: 0, sold: 0, received: available }
    }
}

/// Units of a tracked SKU reserved by an order. An order has at most one reservation per SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The variant.
    pub sku: Sku,
    /// Number of units.
    pub quantity: Quantity,
}

/// An operator's correction of the available units. `received` changes by the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockChange {
    /// Sets the available units to the counted number.
    SetAvailable(u32),
    /// Adds received units (positive) or removes lost units (negative).
    Adjust(i32),
}
