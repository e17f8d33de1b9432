//! Placing an order: key, prices, stock, order and cart in one store command; payment outside it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use ulid::Ulid;

use super::LocalShop;
use super::cart::PricedCart;
use super::failpoint::failpoint;
use super::idempotent::{claim, judge, replay, request_hash};
use super::local_shop::Identity;
use crate::domain::{
    FulfillmentState, LineItemId, Order, OrderId, OrderLine, OrderState, OutboxMessageId, Payment, PaymentId,
    PaymentState, Quote, Reservation, Role, RuleError, Sku, Token, quote,
};
use crate::ports::{Claimed, IdempotencyKey, IdempotencyRecord, OutboxMessage, Placement};
use crate::shop::{Caller, OrderView, PlaceOrder, QuoteRequest, ShopError, ShopResult};
use shopease_process::telemetry::{metrics, request};

/// The route of the keys that orders are placed with.
pub(super) const CHECKOUT: &str = "checkout";

/// Most articles of one order that tell of low stock: what an order writes has to fit one DynamoDB transaction.
const MAX_LOW_STOCK_MESSAGES: usize = 20;

/// The final answer of a checkout, as it is kept under the key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Placed(Box<OrderView>),
    Declined { code: String },
}

impl Outcome {
    /// What the checkout of an order that is no longer pending comes to.
    pub fn of(order: Order) -> Self {
        match &order.payment.decline_code {
            Some(code) if order.state == OrderState::Cancelled => Self::Declined { code: code.clone() },
            _ => Self::Placed(Box::new(order.into())),
        }
    }

    pub fn into_result(self) -> ShopResult<OrderView> {
        match self {
            Self::Placed(order) => Ok(*order),
            Self::Declined { code } => Err(ShopError::PaymentDeclined { code }),
        }
    }
}

impl LocalShop {
    pub(super) async fn quote_impl(&self, caller: &Caller, request: QuoteRequest) -> ShopResult<Quote> {
        let Identity { owner, .. } = self.identify(caller).await?;
        let priced = self.price_cart(self.cart_of(&owner).await?).await?;
        refuse_unavailable(&priced)?;
        Ok(quote(
            &priced.lines,
            request.country,
            request.region.as_deref(),
            request.shipping_method.as_deref(),
            &self.config.pricing,
        )?)
    }

    /// Runs in a task of its own: a client that hangs up must not stop a checkout between two steps.
    pub(super) async fn place_order_impl(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        client_key: &str,
    ) -> ShopResult<OrderView> {
        let (shop, caller, client_key) = (self.clone(), caller.clone(), client_key.to_owned());
        let task =
            tokio::spawn(request::in_current(async move { shop.place_and_pay(&caller, command, &client_key).await }));
        task.await.map_err(|error| ShopError::Internal(error.into()))?
    }

    async fn place_and_pay(&self, caller: &Caller, command: PlaceOrder, client_key: &str) -> ShopResult<OrderView> {
        let identity = self.identify(caller).await?;
        let key = IdempotencyKey::new(identity.owner.clone(), CHECKOUT, client_key)?;
        let (hash, now) = (request_hash(&command)?, self.clock.now());
        if let Some(record) = self.store.find_idempotency_record(&key, now).await? {
            return self.answer_again(&record, &hash, now).await;
        }
        let new = match self.new_order(identity, command, client_key, now).await {
            Ok(new) => new,
            // The first request with the key may have emptied the cart meanwhile: the key decides before the cart.
            Err(error) => match self.store.find_idempotency_record(&key, now).await? {
                Some(record) => return self.answer_again(&record, &hash, now).await,
                None => return Err(error),
            },
        };
        let mut outbox = vec![self.message("order.placed", new.order.id.as_str())];
        outbox.extend(new.running_low.iter().map(|sku| self.message("stock.low", sku.as_str())));
        let placement = Placement {
            claim: claim(key, hash.clone(), Some(new.order.id.clone()), now),
            outbox,
            order: new.order,
            cart_version: new.cart_version,
        };
        failpoint("before-place");
        match self.store.place_order(&placement).await? {
            Claimed::New => {
                failpoint("after-place");
                metrics::order_event("order.placed");
                self.forget_products_of(&placement.order).await;
                answer(self.carry_on(placement.order, false).await?)
            }
            Claimed::Existing(record) => self.answer_again(&record, &hash, now).await,
        }
    }

    /// Answers a repeated request: with the kept answer, with the order as it is while its payment waits for somebody
    /// else, or by going on where the first caller was lost.
    async fn answer_again(&self, record: &IdempotencyRecord, hash: &str, now: OffsetDateTime) -> ShopResult<OrderView> {
        let in_use = match judge(record, hash, now) {
            Ok(Some(outcome)) => return replay::<Outcome>(&outcome)?.into_result(),
            Ok(None) => None,
            Err(error @ ShopError::IdempotencyKeyInUse { .. }) => Some(error),
            Err(error) => return Err(error),
        };
        let lost = || ShopError::Internal("a checkout key names no order".into());
        let order = self.order(record.order_id.as_ref().ok_or_else(lost)?).await?;
        match in_use {
            None => answer(self.carry_on(order, true).await?),
            // Who writes one of these has nothing left to do, and has answered.
            Some(_) if matches!(order.payment.state, PaymentState::RequiresAction | PaymentState::Unknown) => {
                answer(order)
            }
            Some(error) => Err(error),
        }
    }

    async fn new_order(
        &self,
        identity: Identity,
        command: PlaceOrder,
        client_key: &str,
        now: OffsetDateTime,
    ) -> ShopResult<NewOrder> {
        let address = command.shipping_address.validated()?;
        if !self.payments.accepts(&command.payment_method) {
            return Err(RuleError::invalid("payment_method", "is not a card token of the payment provider").into());
        }
        let priced = self.price_cart(self.cart_of(&identity.owner).await?).await?;
        refuse_unavailable(&priced)?;
        let region = address.region.as_deref();
        let quote =
            quote(&priced.lines, address.country, region, Some(&command.shipping_method), &self.config.pricing)?;
        if let Some(expected) = command.expected_total.filter(|expected| *expected != quote.total) {
            return Err(RuleError::TotalChanged { expected, actual: quote.total }.into());
        }
        let id = OrderId::from_ulid(self.ids.ulid());
        let lines = quote
            .lines
            .iter()
            .enumerate()
            .map(|(number, line)| OrderLine { id: LineItemId::derive(&format!("{id}/{number}")), line: line.clone() });
        let payment_id = PaymentId::from_ulid(self.ids.ulid());
        let payment = Payment::new(payment_id, self.payments.name(), command.payment_method);
        let order = Order {
            order_number: self.order_number(),
            access_key: Token::visitor(self.ids.secret()).expose().trim_start_matches("vis_").to_owned(),
            owner: identity.owner,
            customer_id: identity.customer.map(|customer| customer.id),
            email: command.email,
            shipping_address: address,
            lines: lines.collect(),
            subtotal: quote.subtotal,
            shipping: quote.shipping,
            tax_lines: quote.tax_lines,
            tax_total: quote.tax_total,
            prices_include_tax: quote.prices_include_tax,
            total: quote.total,
            reservations: reservations(&priced),
            client_key: client_key.to_owned(),
            due_at: Some(Order::first_look(now)),
            state: OrderState::Pending,
            payment,
            fulfillment: FulfillmentState::Unfulfilled,
            version: 1,
            placed_at: now,
            id,
        };
        let low = self.config.low_stock_units;
        let running_low = order.reservations.iter().filter(|held| {
            let left = |units: u32| units.saturating_sub(held.quantity.get());
            priced.available(&held.sku).is_some_and(|units| units > low && left(units) <= low)
        });
        let running_low = running_low.map(|held| held.sku.clone()).take(MAX_LOW_STOCK_MESSAGES).collect();
        Ok(NewOrder { cart_version: priced.cart.version, running_low, order })
    }

    /// Ten Crockford characters, 50 random bits: two of a million orders share one in 1 of 2,000 shops, and nothing
    /// is looked up by it.
    fn order_number(&self) -> String {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.ids.secret()[..16]);
        let text = Ulid::from_bytes(bytes).to_string();
        format!("{}-{}", &text[16..21], &text[21..26])
    }

    pub(super) fn message(&self, topic: &str, subject: &str) -> OutboxMessage {
        OutboxMessage {
            id: OutboxMessageId::from_ulid(self.ids.ulid()),
            topic: topic.to_owned(),
            subject: subject.to_owned(),
            occurred_at: self.clock.now(),
        }
    }

    /// Pages of this process show the new stock at once.
    pub(super) async fn forget_products_of(&self, order: &Order) {
        for line in &order.lines {
            self.cache.forget_product(&line.line.product_handle).await;
        }
    }

    pub(super) async fn find_order_impl(
        &self,
        caller: &Caller,
        id: &OrderId,
        access_key: Option<&str>,
    ) -> ShopResult<OrderView> {
        self.readable_order(caller, id, access_key).await.map(OrderView::from)
    }

    /// An order that somebody asked for.
    pub(super) async fn existing_order(&self, id: &OrderId) -> ShopResult<Order> {
        self.store.find_order(id).await?.ok_or_else(no_order)
    }

    /// An order that the caller may see.
    pub(super) async fn readable_order(
        &self,
        caller: &Caller,
        id: &OrderId,
        access_key: Option<&str>,
    ) -> ShopResult<Order> {
        let order = self.existing_order(id).await?;
        let key_opens = access_key
            .is_some_and(|key| bool::from(subtle::ConstantTimeEq::ct_eq(key.as_bytes(), order.access_key.as_bytes())));
        if key_opens {
            return Ok(order);
        }
        let identity = self.identify(caller).await?;
        let operator = identity.customer.is_some_and(|customer| customer.role == Role::Operator);
        if operator || identity.owner == order.owner { Ok(order) } else { Err(no_order()) }
    }
}

/// An order that is not placed yet.
struct NewOrder {
    order: Order,
    cart_version: u64,
    /// SKUs of which few will be left, judged by the stock that was read: a hint for the operator, not a count.
    running_low: Vec<Sku>,
}

/// The same for an order that is not there and one that is not the caller's.
fn no_order() -> ShopError {
    ShopError::NotFound { what: "order".to_owned() }
}

/// What a checkout answers for an order as it is now.
fn answer(order: Order) -> ShopResult<OrderView> {
    if order.state == OrderState::Pending { Ok(order.into()) } else { Outcome::of(order).into_result() }
}

fn refuse_unavailable(priced: &PricedCart) -> ShopResult<()> {
    if priced.unavailable.is_empty() {
        return Ok(());
    }
    Err(ShopError::Rules(priced.unavailable.iter().map(|sku| RuleError::NotSold { sku: sku.clone() }).collect()))
}

/// What the order takes from stock: tracked lines by rising SKU. A cart has one line per SKU, so no SKU is twice.
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
