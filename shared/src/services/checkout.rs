//! Placing an order: key, prices, stock, order and cart in one store command; payment outside it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use ulid::Ulid;

use super::LocalShop;
use super::cart::PricedCart;
use super::idempotent::{claim, judge, request_hash};
use super::local_shop::Identity;
use crate::domain::{
    FulfillmentState, LineItemId, Order, OrderId, OrderLine, OrderState, OutboxMessageId, Payment, PaymentId,
    PaymentState, Quote, Reservation, Role, RuleError, Token, quote,
};
use crate::ports::{Claimed, IdempotencyKey, IdempotencyRecord, OutboxMessage, Placement};
use crate::shop::{Caller, OrderView, PlaceOrder, QuoteRequest, ShopError, ShopResult};

/// The final answer of a checkout, as it is kept under the key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Placed(Box<OrderView>),
    Declined { code: String },
}

impl Outcome {
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
        let task = tokio::spawn(async move { shop.place_and_pay(&caller, command, &client_key).await });
        task.await.map_err(|error| ShopError::Internal(error.into()))?
    }

    async fn place_and_pay(&self, caller: &Caller, command: PlaceOrder, client_key: &str) -> ShopResult<OrderView> {
        let identity = self.identify(caller).await?;
        let key = IdempotencyKey::new(identity.owner.clone(), "checkout", client_key)?;
        let (hash, now) = (request_hash(&command)?, self.clock.now());
        if let Some(record) = self.store.find_idempotency_record(&key, now).await? {
            return self.answer_again(&record, &hash, key, now).await;
        }
        let (order, cart_version) = match self.new_order(identity, command, now).await {
            Ok(new) => new,
            // The first request with the key may have emptied the cart meanwhile: the key decides before the cart.
            Err(error) => match self.store.find_idempotency_record(&key, now).await? {
                Some(record) => return self.answer_again(&record, &hash, key, now).await,
                None => return Err(error),
            },
        };
        let placement = Placement {
            claim: claim(key.clone(), hash.clone(), Some(order.id.clone()), now),
            outbox: vec![self.message("order.placed", &order)],
            order,
            cart_version,
        };
        match self.store.place_order(&placement).await? {
            Claimed::New => {
                self.forget_products_of(&placement.order).await;
                self.pay(placement.order, key).await
            }
            Claimed::Existing(record) => self.answer_again(&record, &hash, key, now).await,
        }
    }

    /// Answers a repeated request: with the kept answer, or by going on where its first caller was lost.
    async fn answer_again(
        &self,
        record: &IdempotencyRecord,
        hash: &str,
        key: IdempotencyKey,
        now: OffsetDateTime,
    ) -> ShopResult<OrderView> {
        if let Some(outcome) = judge(record, hash, now)? {
            let outcome: Outcome = serde_json::from_str(&outcome).map_err(|error| ShopError::Internal(error.into()))?;
            return outcome.into_result();
        }
        let lost = || ShopError::Internal("a checkout key names no order".into());
        let order_id = record.order_id.as_ref().ok_or_else(lost)?;
        let order = self.store.find_order(order_id).await?.ok_or_else(lost)?;
        self.pay(order, key).await
    }

    async fn new_order(
        &self,
        identity: Identity,
        command: PlaceOrder,
        now: OffsetDateTime,
    ) -> ShopResult<(Order, u64)> {
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
        let payment = Payment {
            id: PaymentId::from_ulid(self.ids.ulid()),
            provider: self.payments.name().to_owned(),
            method: command.payment_method,
            attempt: 1,
            state: PaymentState::Pending,
            intent_id: None,
            decline_code: None,
        };
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
            state: OrderState::Pending,
            payment,
            fulfillment: FulfillmentState::Unfulfilled,
            version: 1,
            placed_at: now,
            id,
        };
        Ok((order, priced.cart.version))
    }

    /// Ten Crockford characters, 50 random bits: two of a million orders share one in 1 of 2,000 shops, and nothing
    /// is looked up by it.
    fn order_number(&self) -> String {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.ids.secret()[..16]);
        let text = Ulid::from_bytes(bytes).to_string();
        format!("{}-{}", &text[16..21], &text[21..26])
    }

    pub(super) fn message(&self, topic: &str, order: &Order) -> OutboxMessage {
        OutboxMessage {
            id: OutboxMessageId::from_ulid(self.ids.ulid()),
            topic: topic.to_owned(),
            order_id: order.id.clone(),
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
        let not_found = || ShopError::NotFound { what: "order".to_owned() };
        let order = self.store.find_order(id).await?.ok_or_else(not_found)?;
        let key_opens = access_key
            .is_some_and(|key| bool::from(subtle::ConstantTimeEq::ct_eq(key.as_bytes(), order.access_key.as_bytes())));
        if key_opens {
            return Ok(order.into());
        }
        let identity = self.identify(caller).await?;
        let operator = identity.customer.is_some_and(|customer| customer.role == Role::Operator);
        if operator || identity.owner == order.owner { Ok(order.into()) } else { Err(not_found()) }
    }
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
