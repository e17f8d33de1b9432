//! Carts.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{CartId, Customer, Field, RuleError, Sku, Token, ValueRule};

/// Maximum of distinct SKUs in a cart, and so in an order: with the other writes of an order, they fit into one DynamoDB
/// transaction (100 actions).
pub const MAX_CART_LINES: usize = 50;

/// Maximum units of one SKU in a cart.
pub const MAX_LINE_QUANTITY: u32 = 999;

/// A number of units, 1..=[`MAX_LINE_QUANTITY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Quantity(u32);

impl Quantity {
    /// A quantity of `units`.
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] outside 1..=999.
    pub fn new(units: u32) -> Result<Self, RuleError> {
        if (1..=MAX_LINE_QUANTITY).contains(&units) {
            Ok(Self(units))
        } else {
            let rule = ValueRule::Range { min: 1, max: i64::from(MAX_LINE_QUANTITY) };
            Err(RuleError::invalid(Field::Quantity, rule))
        }
    }

    /// The number of units.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Quantity {
    type Error = RuleError;

    fn try_from(units: u32) -> Result<Self, RuleError> {
        Self::new(units)
    }
}

impl From<Quantity> for u32 {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

/// Owner of a cart, order or idempotency key. The text form is a store key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CartOwner(String);

impl CartOwner {
    /// The owner with a visitor's token.
    pub fn visitor(token: &Token) -> Self {
        Self(format!("visitor:{}", token.digest()))
    }

    /// A customer, on any device.
    pub fn customer(customer: &Customer) -> Self {
        Self(format!("customer:{}", customer.id))
    }

    /// Whether this is a visitor, who has no account.
    pub fn is_visitor(&self) -> bool {
        self.0.starts_with("visitor:")
    }

    /// An owner from its store key.
    pub fn from_key(key: String) -> Self {
        Self(key)
    }

    /// The store key.
    pub fn key(&self) -> &str {
        &self.0
    }
}

/// One variant in a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartLine {
    /// The variant.
    pub sku: Sku,
    /// Number of units.
    pub quantity: Quantity,
}

/// A cart: one line per SKU, in the order in which they were first added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    /// Cart ID.
    pub id: CartId,
    /// Owner of the cart.
    pub owner: CartOwner,
    /// At most [`MAX_CART_LINES`], no SKU twice.
    pub lines: Vec<CartLine>,
    /// Incremented by every write; a write states the version it is based on.
    pub version: u64,
    /// When it was last written.
    pub updated_at: OffsetDateTime,
}

impl Cart {
    /// An empty cart that is not stored yet (version 0).
    pub fn new(id: CartId, owner: CartOwner, now: OffsetDateTime) -> Self {
        Self { id, owner, lines: Vec::new(), version: 0, updated_at: now }
    }

    /// Total units of all lines.
    pub fn units(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity.get()).sum()
    }

    /// Adds units of a variant to its line, or adds a line.
    ///
    /// # Errors
    /// [`RuleError`] when the line would exceed [`MAX_LINE_QUANTITY`] or the cart [`MAX_CART_LINES`].
    pub fn add(&mut self, sku: &Sku, quantity: Quantity) -> Result<(), RuleError> {
        if let Some(line) = self.lines.iter_mut().find(|line| line.sku == *sku) {
            line.quantity = Quantity::new(line.quantity.get() + quantity.get())?;
            return Ok(());
        }
        if self.lines.len() >= MAX_CART_LINES {
            return Err(RuleError::TooManyLines { limit: MAX_CART_LINES });
        }
        self.lines.push(CartLine { sku: sku.clone(), quantity });
        Ok(())
    }

    /// Sets the quantity of a variant in the cart. Returns whether it is in the cart.
    pub fn set(&mut self, sku: &Sku, quantity: Quantity) -> bool {
        let line = self.lines.iter_mut().find(|line| line.sku == *sku);
        line.map(|line| line.quantity = quantity).is_some()
    }

    /// Removes a variant. Returns whether it was in the cart.
    pub fn remove(&mut self, sku: &Sku) -> bool {
        let before = self.lines.len();
        self.lines.retain(|line| line.sku != *sku);
        self.lines.len() < before
    }

    /// Adds another cart's lines. What exceeds the limits is dropped: signing in must not fail because of a full cart.
    pub fn merge(&mut self, other: &Self) {
        for line in &other.lines {
            if let Some(own) = self.lines.iter_mut().find(|own| own.sku == line.sku) {
                let units = (own.quantity.get() + line.quantity.get()).min(MAX_LINE_QUANTITY);
                own.quantity = Quantity(units);
            } else if self.lines.len() < MAX_CART_LINES {
                self.lines.push(line.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cart() -> Cart {
        let owner = CartOwner::from_key("visitor:x".to_owned());
        Cart::new(CartId::derive("x"), owner, OffsetDateTime::UNIX_EPOCH)
    }

    fn sku(text: &str) -> Sku {
        text.parse().expect("a SKU")
    }

    fn units(number: u32) -> Quantity {
        Quantity::new(number).expect("in range")
    }

    #[test]
    fn adding_a_variant_twice_gives_one_line_within_the_limit() {
        let mut cart = cart();
        cart.add(&sku("A"), units(998)).expect("fits");
        cart.add(&sku("A"), units(1)).expect("fits");
        assert!(cart.add(&sku("A"), units(1)).is_err());
        assert_eq!((cart.lines.len(), cart.units()), (1, 999));
    }

    #[test]
    fn the_fifty_first_variant_is_rejected() {
        let mut cart = cart();
        for number in 0..MAX_CART_LINES {
            cart.add(&sku(&format!("A{number}")), units(1)).expect("fits");
        }
        assert_eq!(cart.add(&sku("B"), units(1)), Err(RuleError::TooManyLines { limit: 50 }));
    }

    #[test]
    fn merging_adds_up_to_the_limits() {
        let (mut mine, mut other) = (cart(), cart());
        mine.add(&sku("A"), units(600)).expect("fits");
        other.add(&sku("A"), units(600)).expect("fits");
        other.add(&sku("B"), units(2)).expect("fits");
        mine.merge(&other);
        assert_eq!(
            mine.lines,
            [CartLine { sku: sku("A"), quantity: units(999) }, CartLine { sku: sku("B"), quantity: units(2) }]
        );
    }
}
