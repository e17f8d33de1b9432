//! Builds the order from a cart: current prices, stock and totals, checked against the total that the shopper agreed to.

use time::OffsetDateTime;

use super::LocalShop;
use super::carts::PricedCart;
use super::checkout::PlaceOrder;
use super::local_shop::Identity;
use super::settings::SettingsInForce;
use crate::domain::{
    BANK_TRANSFER, DestinationFields, Field, Format, FulfillmentState, LineItemId, Order, OrderLine, OrderNumber,
    OrderState, Payment, PaymentId, Reservation, RuleError, Sku, Token, quote,
};
use crate::ports::IdGenerator;
use crate::{ShopError, ShopResult};

/// Maximum SKUs per order that are reported as low: the writes of an order must fit into one DynamoDB transaction.
const MAX_LOW_STOCK_MESSAGES: usize = 20;

const ADDRESS_FIELDS: DestinationFields =
    DestinationFields { country: Field::ShippingCountry, region: Field::ShippingRegion };

/// An order that is not placed yet.
pub(super) struct NewOrder {
    pub order: Order,
    pub cart_version: u64,
    /// SKUs whose stock will be low, based on the stock that was read: of parallel orders, perhaps only the next reports it.
    pub running_low: Vec<Sku>,
}

impl LocalShop {
    pub(super) async fn new_order(
        &self,
        identity: &Identity,
        command: PlaceOrder,
        now: OffsetDateTime,
    ) -> ShopResult<NewOrder> {
        let mut details = command.details.validated()?;
        let transfers = command.payment_method == BANK_TRANSFER && self.config.bank_transfer.is_some();
        if !transfers && !self.payments.accepts(&command.payment_method) {
            return Err(RuleError::malformed(Field::PaymentMethod, Format::PaymentMethod).into());
        }
        let priced = self.price_cart(self.cart_of(&identity.owner).await?).await?;
        require_available(&priced)?;
        let in_force = self.settings().await?;
        let pricing = &in_force.pricing;
        let place = pricing.destination(
            details.shipping_address.country,
            details.shipping_address.region.as_deref(),
            ADDRESS_FIELDS,
        )?;
        details.shipping_address.region = place.region().map(str::to_owned);
        let limits = self.limits_of(&priced);
        let quote = quote(&priced.lines, &place, Some(&command.shipping_method), pricing, &limits)?;
        if let Some(expected) = command.expected_total.filter(|expected| *expected != quote.total) {
            return Err(RuleError::TotalChanged { expected, actual: quote.total }.into());
        }
        let terms_version = self.accepted_terms(&in_force, command.terms_version).await?;
        let number = OrderNumber::generate(now, self.ids.secret());
        let id = number.order_id();
        let lines = quote
            .lines
            .iter()
            .enumerate()
            .map(|(number, line)| OrderLine { id: LineItemId::derive(&format!("{id}/{number}")), line: line.clone() });
        let payment_id = PaymentId::from_ulid(self.ids.ulid());
        let provider = if transfers { BANK_TRANSFER } else { self.payments.name() };
        let payment = Payment::new(payment_id, provider, command.payment_method);
        let order = Order {
            order_number: number.to_string(),
            access_key: access_key(&*self.ids),
            owner: identity.owner.clone(),
            placed_by: identity.owner.clone(),
            customer_id: identity.customer.as_ref().map(|customer| customer.id.clone()),
            email: command.email,
            shipping_address: details.shipping_address,
            billing_address: details.billing_address,
            vat_number: details.vat_number,
            phone: details.phone,
            delivery_note: details.delivery_note,
            lines: lines.collect(),
            subtotal: quote.subtotal,
            shipping: quote.shipping,
            tax_lines: quote.tax_lines,
            tax_total: quote.tax_total,
            prices_include_tax: quote.prices_include_tax,
            total: quote.total,
            reservations: reservations(&priced),
            terms_version: Some(terms_version),
            client_key: command.client_key,
            due_at: Some(Order::first_check(now)),
            state: OrderState::Pending,
            payment,
            fulfillment: FulfillmentState::Unfulfilled,
            tracking: None,
            undelivered_mails: Vec::new(),
            version: 1,
            placed_at: now,
            id,
        };
        let low = in_force.settings.selling.low_stock_units;
        let running_low = order.reservations.iter().filter(|held| {
            priced.available(&held.sku).is_some_and(|units| units.saturating_sub(held.quantity.get()) <= low)
        });
        let running_low = running_low.map(|held| held.sku.clone()).take(MAX_LOW_STOCK_MESSAGES).collect();
        Ok(NewOrder { cart_version: priced.cart.version, running_low, order })
    }
}

impl LocalShop {
    /// The version of the terms that a shopper accepts: the one that was shown, unless its text has changed since.
    async fn accepted_terms(&self, in_force: &SettingsInForce, shown: Option<u64>) -> ShopResult<u64> {
        let version = shown.unwrap_or(in_force.version);
        if version == in_force.version {
            return Ok(version);
        }
        let is_same = match self.settings_of_version(version).await {
            Ok(shown) => shown.settings.pages.terms == in_force.settings.pages.terms,
            Err(ShopError::NotFound { .. }) => false,
            Err(error) => return Err(error),
        };
        if is_same { Ok(version) } else { Err(RuleError::TermsChanged.into()) }
    }
}

pub(super) fn require_available(priced: &PricedCart) -> ShopResult<()> {
    if priced.unavailable.is_empty() {
        return Ok(());
    }
    Err(ShopError::Rules(priced.unavailable.iter().map(|sku| RuleError::NotSold { sku: sku.clone() }).collect()))
}

/// The reservations of the order: tracked lines sorted by SKU. A cart has one line per SKU, so no SKU occurs twice.
fn reservations(priced: &PricedCart) -> Vec<Reservation> {
    let mut reservations: Vec<_> = priced
        .lines
        .iter()
        .filter(|line| priced.available(&line.line.sku).is_some())
        .map(|line| Reservation { sku: line.line.sku.clone(), quantity: line.line.quantity })
        .collect();
    reservations.sort_by(|a, b| a.sku.cmp(&b.sku));
    reservations
}

/// A new access key of an order.
pub(super) fn access_key(ids: &dyn IdGenerator) -> String {
    Token::visitor(ids.secret()).expose().trim_start_matches("vis_").to_owned()
}
