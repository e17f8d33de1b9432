//! Carts with present prices and stock.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;

use super::idempotent::{Fingerprint, answer};
use super::{Caller, LocalShop, written};
use crate::domain::{
    Cart, CartId, CartOwner, ChargeLimits, Currency, Inventory, LineItemId, Money, PricedLine, Product, ProductStatus,
    Quantity, QuoteLine, RuleError, Sku, StockLevel, Subject, Variant,
};
use crate::ports::{IdempotencyKey, Outcome};
use crate::{ShopError, ShopResult};
use shopease_process::retry::Policy;

/// When a write that met another process's write of the same cart is tried again with what is there now. Changes of different
/// lines commute, so as many as a cart has lines may meet; each round one of them is written, and pauses spread the others.
pub(super) const CLASHES: Policy<'static> = Policy::new(64, Duration::from_millis(4))
    .with_longest_pause(Duration::from_millis(100))
    .beginning_within(Duration::from_secs(6));

/// A cart with present titles, prices and stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartView {
    /// Identity; absent while nothing was ever put in.
    pub id: Option<CartId>,
    /// Rises with every change; 0 while there is no cart.
    pub version: u64,
    /// What is in it and sold.
    pub lines: Vec<CartLineView>,
    /// What is in it but not sold any more: to be removed before checkout.
    pub unavailable: Vec<UnavailableLine>,
    /// Units over all lines.
    pub units: u32,
    /// Sum of the lines; absent for an empty cart and for one of several currencies.
    pub subtotal: Option<Money>,
}

/// A line of a cart whose variant is not sold any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnavailableLine {
    /// Identity of the line.
    pub id: LineItemId,
    /// The variant.
    pub sku: Sku,
}

/// A line of a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartLineView {
    /// Identity, derived from the SKU.
    pub id: LineItemId,
    /// Variant, quantity, price.
    pub line: QuoteLine,
    /// Units that can be ordered, if fewer than the quantity.
    pub short_available: Option<u32>,
    /// Whether it is priced in another currency than the first line: it has to be ordered separately.
    pub other_currency: bool,
    /// Units that can be ordered; `None` when they are not counted.
    pub available: Option<u32>,
}

impl CartView {
    /// Whether an order of it would not be refused for one of its lines.
    pub fn can_check_out(&self) -> bool {
        !self.lines.is_empty()
            && self.unavailable.is_empty()
            && self.lines.iter().all(|line| line.short_available.is_none() && !line.other_currency)
    }

    /// The currency of its first line.
    pub fn currency(&self) -> Option<Currency> {
        self.lines.first().map(|line| line.line.unit_price.currency)
    }
}

/// Asks for the caller's cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewCart;

/// Puts units of a variant into the cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddLineItem {
    /// The variant.
    pub sku: Sku,
    /// Units to add to those in the cart.
    pub quantity: Quantity,
    /// The client's idempotency key.
    pub client_key: Option<String>,
}

/// Sets the units of a line in the cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetLineItem {
    /// The line.
    pub id: LineItemId,
    /// Units wanted.
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

    /// Puts units of a variant into the caller's cart. With a client key, repeating it changes nothing.
    ///
    /// # Errors
    /// [`ShopError::Rules`] (not sold, limits, another currency), [`ShopError::OutOfStock`] when the line would pass
    /// what is available, the idempotency errors.
    async fn add_line_item(&self, caller: &Caller, command: AddLineItem) -> ShopResult<CartView>;

    /// Sets the units of a variant in the caller's cart.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] when it is not in the cart, [`ShopError::OutOfStock`].
    async fn set_line_item(&self, caller: &Caller, command: SetLineItem) -> ShopResult<CartView>;

    /// Takes a variant out of the caller's cart.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] when it is not in the cart.
    async fn remove_line_item(&self, caller: &Caller, command: RemoveLineItem) -> ShopResult<CartView>;
}

/// A cart with what the catalog says of its lines now.
pub(super) struct PricedCart {
    pub cart: Cart,
    /// Lines that are sold, in cart order.
    pub lines: Vec<PricedLine>,
    /// Lines that are not sold any more.
    pub unavailable: Vec<Sku>,
    /// Levels of the tracked lines; a tracked line without a level has nothing available.
    levels: HashMap<Sku, StockLevel>,
    tracked: HashSet<Sku>,
}

impl PricedCart {
    /// Units that can be ordered; `None` when they are not counted.
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
            CartLineView { id, line, short_available, other_currency, available }
        });
        CartView {
            lines: lines.collect(),
            id: (self.cart.version > 0).then_some(self.cart.id),
            version: self.cart.version,
            units: self.lines.iter().map(|priced| priced.line.quantity.get()).sum(),
            // A sum that is out of range or of several currencies is none; the quote says why.
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
        self.present_cart(&owner).await
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
        let again = async || self.present_cart(&owner).await;
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
    /// The owner's cart as it is now.
    async fn present_cart(&self, owner: &CartOwner) -> ShopResult<CartView> {
        Ok(self.price_cart(self.cart_of(owner).await?).await?.view())
    }

    /// A price as it can be part of a total that the payment provider charges.
    pub(super) fn payable(&self, price: Money) -> Result<Money, RuleError> {
        Ok(self.payments.charge_limits(price.currency).round(price)?)
    }

    /// What the payment provider can charge in a cart's currency.
    pub(super) fn limits_of(&self, priced: &PricedCart) -> ChargeLimits {
        let currency = priced.lines.first().map(|line| line.line.unit_price.currency);
        currency.map_or(ChargeLimits::NONE, |currency| self.payments.charge_limits(currency))
    }

    /// The owner's cart, or a new one that no store has yet.
    pub(super) async fn cart_of(&self, owner: &CartOwner) -> ShopResult<Cart> {
        let now = self.clock.now();
        let found = self.store.find_cart(owner, now).await?;
        Ok(found.unwrap_or_else(|| Cart::new(CartId::from_ulid(self.ids.ulid()), owner.clone(), now)))
    }

    /// Puts variants back that an order did not get.
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

    /// Changes the cart; `change` names the variant that must be sold and in stock in the new quantity, if any. Under a
    /// key, the answer is written with the cart.
    async fn change_cart(
        &self,
        owner: &CartOwner,
        key: Option<&IdempotencyKey>,
        change: impl Fn(&mut Cart) -> ShopResult<Option<Sku>> + Sync,
    ) -> ShopResult<CartView> {
        let _turn = self.turns.take(owner.key()).await;
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
                Some(key) => self.store.save_cart_under_key(&cart, self.expiry(), &answer(key, Outcome::Done)).await,
                None => self.store.save_cart(&cart, self.expiry()).await,
            };
            written(saved)?;
            Ok(view)
        };
        CLASHES.run(&*self.ids, attempt).await
    }

    async fn write_cart(
        &self,
        owner: &CartOwner,
        change: impl Fn(&mut Cart) -> ShopResult<()> + Sync,
    ) -> ShopResult<()> {
        let _turn = self.turns.take(owner.key()).await;
        let attempt = || async {
            let mut cart = self.cart_of(owner).await?;
            change(&mut cart)?;
            cart.version += 1;
            cart.updated_at = self.clock.now();
            written(self.store.save_cart(&cart, self.expiry()).await)
        };
        CLASHES.run(&*self.ids, attempt).await
    }

    /// Prices a cart from the catalog and the stock as they are now, past every cache.
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

/// Checks the line that was just written: sold, one currency with the others, enough in stock.
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
