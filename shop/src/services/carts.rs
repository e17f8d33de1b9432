//! Carts with current prices and stock.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;

use super::idempotent::{Fingerprint, key_answer};
use super::{Caller, LocalShop, written};
use crate::domain::{
    Cart, CartId, CartOwner, ChargeLimits, Currency, Inventory, LineItemId, Money, PricedLine, Product, ProductStatus,
    Quantity, QuoteLine, RuleError, Sku, StockLevel, Subject, Variant,
};
use crate::ports::{IdempotencyKey, Outcome};
use crate::{ShopError, ShopResult};
use shopease_process::retry::Policy;

/// Retries of a cart write that conflicted with another process's write of the same cart. Changes of different lines commute, so as
/// many may conflict as a cart has lines; each round writes one of them, and pauses spread the others.
pub(super) const CART_CONFLICTS: Policy<'static> = Policy::new(64, Duration::from_millis(4))
    .with_longest_pause(Duration::from_millis(100))
    .beginning_within(Duration::from_secs(6));

/// A cart with current titles, prices and stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartView {
    /// Cart ID; absent before the first line is added.
    pub id: Option<CartId>,
    /// Incremented by every change; 0 while there is no cart.
    pub version: u64,
    /// Lines whose variants are for sale.
    pub lines: Vec<CartLineView>,
    /// Lines whose variants are no longer for sale. They must be removed before checkout.
    pub unavailable: Vec<UnavailableLine>,
    /// Total units of all lines.
    pub units: u32,
    /// Sum of the lines; absent for an empty cart and for a cart with several currencies.
    pub subtotal: Option<Money>,
}

/// A cart line whose variant is no longer for sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnavailableLine {
    /// Line ID.
    pub id: LineItemId,
    /// The variant.
    pub sku: Sku,
}

/// A line of a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartLineView {
    /// Line ID, derived from the SKU.
    pub id: LineItemId,
    /// Variant, quantity and price.
    pub line: QuoteLine,
    /// Units available, if fewer than the quantity.
    pub short_available: Option<u32>,
    /// Whether the line has a different currency than the first line, so that it must be ordered separately.
    pub other_currency: bool,
    /// Units available; `None` if stock is not tracked.
    pub available: Option<u32>,
    /// Whether it is shipped. Digital goods are not.
    pub requires_shipping: bool,
}

impl CartView {
    /// Returns whether all lines can be ordered.
    pub fn can_check_out(&self) -> bool {
        !self.lines.is_empty()
            && self.unavailable.is_empty()
            && self.lines.iter().all(|line| line.short_available.is_none() && !line.other_currency)
    }

    /// Returns whether any line is shipped.
    pub fn requires_shipping(&self) -> bool {
        self.lines.iter().any(|line| line.requires_shipping)
    }

    /// The currency of the first line.
    pub fn currency(&self) -> Option<Currency> {
        self.lines.first().map(|line| line.line.unit_price.currency)
    }
}

/// Requests the caller's cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewCart;

/// Adds units of a variant to the cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddLineItem {
    /// The variant.
    pub sku: Sku,
    /// Units to add to those in the cart.
    pub quantity: Quantity,
    /// The client's idempotency key.
    pub client_key: Option<String>,
}

/// Sets the quantity of a line in the cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetLineItem {
    /// The line.
    pub id: LineItemId,
    /// New quantity.
    pub quantity: Quantity,
}

/// Removes a line from the cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveLineItem {
    /// The line.
    pub id: LineItemId,
}

/// The caller's cart.
#[async_trait]
pub trait Carts: Send + Sync {
    /// The caller's cart.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn view_cart(&self, caller: &Caller, command: ViewCart) -> ShopResult<CartView>;

    /// Adds units of a variant to the caller's cart. With a client key, repeating the command changes nothing.
    ///
    /// # Errors
    /// [`ShopError::Rules`] (not for sale, limits, another currency), [`ShopError::OutOfStock`] when the line would exceed
    /// the available units, the idempotency errors.
    async fn add_line_item(&self, caller: &Caller, command: AddLineItem) -> ShopResult<CartView>;

    /// Sets the quantity of a line in the caller's cart.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] when the line is not in the cart, [`ShopError::OutOfStock`].
    async fn set_line_item(&self, caller: &Caller, command: SetLineItem) -> ShopResult<CartView>;

    /// Removes a line from the caller's cart.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] when the line is not in the cart.
    async fn remove_line_item(&self, caller: &Caller, command: RemoveLineItem) -> ShopResult<CartView>;
}

/// A cart with the current catalog data of its lines.
pub(super) struct PricedCart {
    pub cart: Cart,
    /// Lines whose variants are for sale, in cart order.
    pub lines: Vec<PricedLine>,
    /// Lines whose variants are no longer for sale.
    pub unavailable: Vec<Sku>,
    /// Stock levels of the tracked lines; a tracked line without a level has no available units.
    levels: HashMap<Sku, StockLevel>,
    tracked: HashSet<Sku>,
}

impl PricedCart {
    /// Units available; `None` if stock is not tracked.
    pub fn available(&self, sku: &Sku) -> Option<u32> {
        self.tracked.contains(sku).then(|| self.levels.get(sku).map_or(0, |level| level.available))
    }

    fn view(self) -> CartView {
        let currency = self.lines.first().map(|priced| priced.line.unit_price.currency);
        let sum = self.lines.iter().try_fold(currency.map(Money::zero), |sum, priced| {
            sum.map(|sum| sum.checked_add(priced.line.line_total)).transpose()
        });
        let lines = self.lines.iter().map(|priced| {
            let line = priced.line.clone();
            let available = self.available(&line.sku);
            let short_available = available.filter(|available| *available < line.quantity.get());
            let other_currency = Some(line.unit_price.currency) != currency;
            let id = LineItemId::derive(line.sku.as_str());
            let requires_shipping = priced.requires_shipping;
            CartLineView { id, line, short_available, other_currency, available, requires_shipping }
        });
        CartView {
            lines: lines.collect(),
            id: (self.cart.version > 0).then_some(self.cart.id),
            version: self.cart.version,
            units: self.lines.iter().map(|priced| priced.line.quantity.get()).sum(),
            // Absent if out of range or in several currencies; the quote reports why.
            subtotal: sum.ok().flatten(),
            unavailable: self
                .unavailable
                .into_iter()
                .map(|sku| UnavailableLine { id: LineItemId::derive(sku.as_str()), sku })
                .collect(),
        }
    }
}

#[async_trait]
impl Carts for LocalShop {
    async fn view_cart(&self, caller: &Caller, _: ViewCart) -> ShopResult<CartView> {
        let owner = self.identify(caller).await?.owner;
        self.current_cart(&owner).await
    }

    async fn add_line_item(&self, caller: &Caller, command: AddLineItem) -> ShopResult<CartView> {
        let owner = self.identify(caller).await?.owner;
        let request = Fingerprint::new().field("sku", &command.sku).field("quantity", command.quantity.get());
        let add = async |key: Option<&IdempotencyKey>| {
            let change = |cart: &mut Cart| {
                cart.add(&command.sku, command.quantity)?;
                Ok(Some(command.sku.clone()))
            };
            self.change_cart(&owner, key, change).await
        };
        let again = async || self.current_cart(&owner).await;
        self.idempotently(&owner, "line-items", command.client_key.as_deref(), request, add, again).await
    }

    async fn set_line_item(&self, caller: &Caller, command: SetLineItem) -> ShopResult<CartView> {
        let owner = self.identify(caller).await?.owner;
        self.change_cart(&owner, None, |cart| {
            let sku = line_sku(cart, &command.id)?;
            cart.set(&sku, command.quantity);
            Ok(Some(sku))
        })
        .await
    }

    async fn remove_line_item(&self, caller: &Caller, command: RemoveLineItem) -> ShopResult<CartView> {
        let owner = self.identify(caller).await?.owner;
        self.change_cart(&owner, None, |cart| {
            let sku = line_sku(cart, &command.id)?;
            cart.remove(&sku);
            Ok(None)
        })
        .await
    }
}

impl LocalShop {
    /// The owner's current cart.
    async fn current_cart(&self, owner: &CartOwner) -> ShopResult<CartView> {
        Ok(self.price_cart(self.cart_of(owner).await?).await?.view())
    }

    /// Rounds a price to an amount that the payment provider can charge.
    pub(super) fn payable(&self, price: Money) -> Result<Money, RuleError> {
        Ok(self.payments.charge_limits(price.currency).round(price)?)
    }

    /// The payment provider's limits for a cart's currency.
    pub(super) fn limits_of(&self, priced: &PricedCart) -> ChargeLimits {
        let currency = priced.lines.first().map(|line| line.line.unit_price.currency);
        currency.map_or(ChargeLimits::NONE, |currency| self.payments.charge_limits(currency))
    }

    /// The owner's cart, or a new one that is not stored yet.
    pub(super) async fn cart_of(&self, owner: &CartOwner) -> ShopResult<Cart> {
        let now = self.clock.now();
        let found = self.store.find_cart(owner, now).await?;
        Ok(found.unwrap_or_else(|| Cart::new(CartId::from_ulid(self.ids.ulid()), owner.clone(), now)))
    }

    /// Puts the lines of a canceled order back into the cart.
    pub(super) async fn restore_cart(&self, owner: &CartOwner, lines: &[(Sku, Quantity)]) -> ShopResult<()> {
        let mut former = Cart::new(CartId::from_ulid(self.ids.ulid()), owner.clone(), self.clock.now());
        for (sku, quantity) in lines {
            former.add(sku, *quantity)?;
        }
        self.write_cart(owner, |cart| {
            cart.merge(&former);
            Ok(())
        })
        .await
    }

    /// Changes the cart. `change` returns the SKU that must be for sale and in stock in its new quantity, if any. With a key, the
    /// outcome is written together with the cart.
    async fn change_cart(
        &self,
        owner: &CartOwner,
        key: Option<&IdempotencyKey>,
        change: impl Fn(&mut Cart) -> ShopResult<Option<Sku>> + Sync,
    ) -> ShopResult<CartView> {
        let _lock = self.cart_locks.lock(owner.key()).await;
        let attempt = || async {
            let mut cart = self.cart_of(owner).await?;
            let wanted = change(&mut cart)?;
            let mut priced = self.price_cart(cart).await?;
            if let Some(sku) = wanted {
                check_line(&priced, &sku)?;
            }
            priced.cart.version += 1;
            priced.cart.updated_at = self.clock.now();
            let (cart, view) = (priced.cart.clone(), priced.view());
            let saved = match key {
                Some(key) => {
                    self.store.save_cart_under_key(&cart, self.expiry(), &key_answer(key, Outcome::Done)).await
                }
                None => self.store.save_cart(&cart, self.expiry()).await,
            };
            written(saved)?;
            Ok(view)
        };
        CART_CONFLICTS.run(&*self.ids, attempt).await
    }

    async fn write_cart(
        &self,
        owner: &CartOwner,
        change: impl Fn(&mut Cart) -> ShopResult<()> + Sync,
    ) -> ShopResult<()> {
        let _lock = self.cart_locks.lock(owner.key()).await;
        let attempt = || async {
            let mut cart = self.cart_of(owner).await?;
            change(&mut cart)?;
            cart.version += 1;
            cart.updated_at = self.clock.now();
            written(self.store.save_cart(&cart, self.expiry()).await)
        };
        CART_CONFLICTS.run(&*self.ids, attempt).await
    }

    /// Prices a cart with the current catalog and stock, bypassing every cache.
    pub(super) async fn price_cart(&self, cart: Cart) -> ShopResult<PricedCart> {
        let skus: Vec<Sku> = cart.lines.iter().map(|line| line.sku.clone()).collect();
        let products = if skus.is_empty() { Vec::new() } else { self.store.find_products_by_sku(&skus).await? };
        let sold: HashMap<&Sku, (&Product, &Variant)> = products
            .iter()
            .filter(|product| product.status == ProductStatus::Active)
            .flat_map(|product| product.variants.iter().map(move |variant| (&variant.sku, (product, variant))))
            .collect();
        let (mut lines, mut unavailable, mut tracked) = (Vec::new(), Vec::new(), HashSet::new());
        for line in &cart.lines {
            match sold.get(&line.sku) {
                Some((product, variant)) => {
                    let price = self.payable(variant.price)?;
                    lines.push(priced_line(product, variant, price, line.quantity)?);
                    if variant.inventory == Inventory::Tracked {
                        tracked.insert(line.sku.clone());
                    }
                }
                None => unavailable.push(line.sku.clone()),
            }
        }
        let levels = self.stock_levels(tracked.iter().cloned().collect()).await?;
        Ok(PricedCart { cart, lines, unavailable, levels, tracked })
    }
}

fn line_sku(cart: &Cart, id: &LineItemId) -> ShopResult<Sku> {
    let line = cart.lines.iter().find(|line| LineItemId::derive(line.sku.as_str()) == *id);
    line.map(|line| line.sku.clone()).ok_or(ShopError::NotFound { subject: Subject::LineItem })
}

/// Checks the changed line: for sale, same currency as the others, enough in stock.
fn check_line(priced: &PricedCart, sku: &Sku) -> ShopResult<()> {
    let line = priced.lines.iter().map(|priced| &priced.line).find(|line| line.sku == *sku);
    let line = line.ok_or_else(|| RuleError::NotSold { sku: sku.clone() })?;
    let currency = line.unit_price.currency;
    if let Some(other) =
        priced.lines.iter().map(|priced| priced.line.unit_price.currency).find(|other| *other != currency)
    {
        return Err(RuleError::CurrencyMismatch { cart: other, variant: currency }.into());
    }
    if priced.available(sku).is_some_and(|available| available < line.quantity.get()) {
        return Err(ShopError::OutOfStock { sku: sku.clone() });
    }
    Ok(())
}

fn priced_line(
    product: &Product,
    variant: &Variant,
    unit_price: Money,
    quantity: Quantity,
) -> Result<PricedLine, RuleError> {
    Ok(PricedLine {
        line: QuoteLine::of(product, variant, unit_price, quantity)?,
        tax_class: variant.tax_class,
        weight_grams: variant.weight_grams,
        requires_shipping: variant.requires_shipping,
    })
}
