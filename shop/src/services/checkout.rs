//! Checkout: quotes, placing an order, and the orders of a caller. Key, prices, stock, order and cart are one store command;
//! payment happens outside it.

use async_trait::async_trait;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use super::failpoint::failpoint;
use super::idempotent::{Fingerprint, claim, is_done};
use super::order_view::OrderView;
use super::payment_steps::Poll;
use super::placement::{NewOrder, refuse_unavailable};
use super::{Caller, LocalShop};
use crate::domain::{
    Address, CountryCode, DestinationFields, EmailAddress, Field, Money, Order, OrderId, OrderState, OrderSummary,
    OutboxMessageId, Page, PageLimit, PaymentState, Position, Quote, Role, Subject, quote,
};
use crate::ports::{
    Claim, Claimed, IdempotencyKey, IdempotencyRecord, OutboxMessage, PaymentError, PaymentEvent, Placement, StoreError,
};
use crate::{ShopError, ShopResult};
use shopease_process::telemetry::metrics;

/// The route of the keys that orders are placed with.
pub(super) const CHECKOUT: &str = "checkout";

/// How many order numbers are drawn: two orders of one second share one in 1 of 262,144 cases.
const MAX_DRAWS: u32 = 5;

const QUOTE_FIELDS: DestinationFields = DestinationFields { country: Field::Country, region: Field::Region };

/// Asks what the caller's cart costs at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteCart {
    /// ISO 3166-1 alpha-2.
    pub country: CountryCode,
    /// State or province where taxes depend on it.
    pub region: Option<String>,
    /// Chosen shipping method; the first offered if absent.
    pub shipping_method: Option<String>,
}

/// Orders what is in the caller's cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// Where messages about the order go.
    pub email: EmailAddress,
    /// Where the order is shipped.
    pub shipping_address: Address,
    /// A method that the quote offers.
    pub shipping_method: String,
    /// The payment provider's token of the card.
    pub payment_method: String,
    /// What the shopper saw as the total; when it is given and no longer true, nothing is ordered.
    pub expected_total: Option<Money>,
    /// The client's idempotency key.
    pub client_key: String,
}

/// Asks for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindOrder {
    /// Which one.
    pub id: OrderId,
    /// Its access key, for a caller who did not place it.
    pub access_key: Option<String>,
}

/// Asks where an order's payment stands at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckPayment {
    /// Which order.
    pub id: OrderId,
    /// Its access key, for a caller who did not place it.
    pub access_key: Option<String>,
}

/// A webhook of the payment provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivePaymentEvent {
    /// The signature over the body.
    pub signature: Option<String>,
    /// The body, byte by byte.
    pub body: bytes::Bytes,
}

/// Asks for the caller's orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOrders {
    /// Only orders after this position.
    pub after: Option<Position>,
    /// Page size.
    pub limit: PageLimit,
}

/// From the cart to a paid order.
#[async_trait]
pub trait Checkout: Send + Sync {
    /// What the caller's cart costs at a place.
    ///
    /// # Errors
    /// [`ShopError::Rules`].
    async fn quote(&self, caller: &Caller, command: QuoteCart) -> ShopResult<Quote>;

    /// Orders and pays what is in the caller's cart; repeating it with the same key gives the first answer. An order
    /// whose payment is not known to be done is given back in state `pending`.
    ///
    /// # Errors
    /// [`ShopError::Rules`], [`ShopError::OutOfStock`], [`ShopError::Conflict`] (the cart changed),
    /// [`ShopError::PaymentDeclined`], the idempotency errors.
    async fn place_order(&self, caller: &Caller, command: PlaceOrder) -> ShopResult<OrderView>;

    /// An order: for who placed it, for who has its access key, for operators.
    ///
    /// # Errors
    /// [`ShopError::NotFound`], also when it is not the caller's.
    async fn find_order(&self, caller: &Caller, command: FindOrder) -> ShopResult<OrderView>;

    /// Asks the payment provider where the payment of an order stands, and carries it on: what the shopper's browser does
    /// when it comes back from the bank. For a paid order, books what was refunded or disputed at the provider. For the same
    /// callers as [`Checkout::find_order`].
    ///
    /// # Errors
    /// [`ShopError::NotFound`], also when it is not the caller's.
    async fn check_payment(&self, caller: &Caller, command: CheckPayment) -> ShopResult<OrderView>;

    /// Takes in a webhook of the payment provider: the raw body and the value of its signature header. Events may come
    /// late, twice and in any order: each only makes the shop look at the intent.
    ///
    /// # Errors
    /// [`ShopError::WebhookRefused`], [`ShopError::Unavailable`] when the event does not carry its order and the provider does
    /// not answer which it is: the provider sends the event again.
    async fn receive_payment_event(&self, command: ReceivePaymentEvent) -> ShopResult<()>;

    /// The caller's orders, newest first.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn list_orders(&self, caller: &Caller, command: ListOrders) -> ShopResult<Page<OrderSummary>>;
}

#[async_trait]
impl Checkout for LocalShop {
    async fn quote(&self, caller: &Caller, command: QuoteCart) -> ShopResult<Quote> {
        let owner = self.identify(caller).await?.owner;
        let priced = self.price_cart(self.cart_of(&owner).await?).await?;
        refuse_unavailable(&priced)?;
        let pricing = &self.config.pricing;
        let place = pricing.destination(command.country, command.region.as_deref(), QUOTE_FIELDS)?;
        let (method, limits) = (command.shipping_method.as_deref(), self.limits_of(&priced));
        Ok(quote(&priced.lines, &place, method, pricing, &limits)?)
    }

    async fn place_order(&self, caller: &Caller, command: PlaceOrder) -> ShopResult<OrderView> {
        let identity = self.identify(caller).await?;
        let key = IdempotencyKey::new(identity.owner.clone(), CHECKOUT, &command.client_key)?;
        let (hash, now) = (command.fingerprint().finish(), self.clock.now());
        if let Some(record) = self.store.find_idempotency_record(&key, now).await? {
            return self.answer_again(&record, &hash, now).await;
        }
        let mut draws = 1;
        let placed = loop {
            let new = match self.new_order(&identity, command.clone(), now).await {
                Ok(new) => new,
                // The first request with the key may have emptied the cart meanwhile: the key decides before the cart.
                Err(error) => match self.store.find_idempotency_record(&key, now).await? {
                    Some(record) => return self.answer_again(&record, &hash, now).await,
                    None => return Err(error),
                },
            };
            match self.place(new, claim(key.clone(), hash.clone(), None, now)).await {
                // Another order of this second has the number.
                Err(StoreError::AlreadyExists { subject: Subject::Order }) if draws < MAX_DRAWS => draws += 1,
                placed => break placed?,
            }
        };
        match placed {
            Ok(order) => {
                failpoint("after-place");
                metrics::order_event("order.placed");
                self.forget_products_of(&order).await;
                answer(self.advance_payment(order, Poll::Never).await?)
            }
            Err(record) => self.answer_again(&record, &hash, now).await,
        }
    }

    async fn find_order(&self, caller: &Caller, command: FindOrder) -> ShopResult<OrderView> {
        self.readable_order(caller, &command.id, command.access_key.as_deref()).await.map(OrderView::from)
    }

    async fn check_payment(&self, caller: &Caller, command: CheckPayment) -> ShopResult<OrderView> {
        let order = self.readable_order(caller, &command.id, command.access_key.as_deref()).await?;
        Ok(self.advance_payment(order, Poll::Everything).await?.into())
    }

    async fn receive_payment_event(&self, command: ReceivePaymentEvent) -> ShopResult<()> {
        let read = self.payments.read_webhook(command.signature.as_deref(), &command.body, self.clock.now())?;
        let Some(event) = read else { return Ok(()) };
        let Some(order_id) = self.order_of(&event).await? else { return Ok(()) };
        let Some(order) = self.store.find_order(&order_id).await? else {
            // Signed by the provider, so not an attack: another shop on the same account, or a store that was reset.
            tracing::warn!(event_id = event.id, %order_id, "a payment event names no order");
            return Ok(());
        };
        if order.payment.intent_id.as_ref() != Some(&event.intent_id) {
            // Before its intent is noted, the checkout itself is at work; afterwards it is not this order's payment.
            tracing::info!(event_id = event.id, %order_id, "a payment event names another intent");
            return Ok(());
        }
        self.advance_payment(order, Poll::Everything).await.map(|_| ())
    }

    async fn list_orders(&self, caller: &Caller, command: ListOrders) -> ShopResult<Page<OrderSummary>> {
        let owner = self.identify(caller).await?.owner;
        Ok(self.store.list_orders_of(&owner, command.after.as_ref(), command.limit).await?)
    }
}

impl PlaceOrder {
    /// What makes a repeated request the same request.
    fn fingerprint(&self) -> Fingerprint {
        let address = &self.shipping_address;
        Fingerprint::new()
            .field("email", &self.email)
            .field("name", &address.name)
            .field("line1", &address.line1)
            .optional("line2", address.line2.as_ref())
            .field("city", &address.city)
            .optional("region", address.region.as_ref())
            .field("postal_code", &address.postal_code)
            .field("country", address.country)
            .field("shipping_method", &self.shipping_method)
            .field("payment_method", &self.payment_method)
            .optional(
                "expected_total",
                self.expected_total.map(|total| format!("{} {}", total.amount_minor, total.currency)),
            )
    }
}

impl LocalShop {
    /// Places an order under a key, or gives the record that is under it.
    async fn place(&self, new: NewOrder, mut claim: Claim) -> Result<Result<Order, IdempotencyRecord>, StoreError> {
        let NewOrder { order, cart_version, running_low } = new;
        claim.record.order_id = Some(order.id.clone());
        let mut outbox = vec![self.message("order.placed", order.id.as_str())];
        outbox.extend(running_low.iter().map(|sku| self.message("stock.low", sku.as_str())));
        let placement = Placement { claim, order, cart_version, outbox };
        failpoint("before-place");
        Ok(match self.store.place_order(&placement).await? {
            Claimed::New => Ok(placement.order),
            Claimed::Existing(record) => Err(record),
        })
    }

    /// Answers a repeated request: with the order that the first one placed, also while its payment waits for somebody else,
    /// or by resuming where the first caller stopped.
    async fn answer_again(&self, record: &IdempotencyRecord, hash: &str, now: OffsetDateTime) -> ShopResult<OrderView> {
        let done = match is_done(record, hash, now) {
            // Its order may wait for somebody else.
            in_use @ Err(ShopError::IdempotencyKeyInUse { .. }) => in_use,
            done => Ok(done?),
        };
        let lost = || ShopError::Internal("a checkout key names no order".into());
        let order = self.order(record.order_id.as_ref().ok_or_else(lost)?).await?;
        match done {
            Ok(true) => answer(order),
            Ok(false) => answer(self.advance_payment(order, Poll::Once).await?),
            // The process that wrote one of these states is done, and has answered.
            Err(_) if matches!(order.payment.state, PaymentState::RequiresAction | PaymentState::Unknown) => {
                answer(order)
            }
            Err(error) => Err(error),
        }
    }

    /// The order of an event; `None` when it is of no order.
    async fn order_of(&self, event: &PaymentEvent) -> ShopResult<Option<OrderId>> {
        if let Some(order_id) = &event.order_id {
            return Ok(Some(order_id.clone()));
        }
        match self.payments.find_intent(&event.intent_id).await {
            Ok(intent) => Ok(intent.order_id),
            Err(PaymentError::NotFound | PaymentError::Refused { .. }) => Ok(None),
            Err(error @ PaymentError::Unknown(_)) => {
                Err(ShopError::Unavailable { retry_after_seconds: 10, source: Some(error.into()) })
            }
        }
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
        let key_opens = access_key.is_some_and(|key| bool::from(key.as_bytes().ct_eq(order.access_key.as_bytes())));
        if key_opens {
            return Ok(order);
        }
        let identity = self.identify(caller).await?;
        let operator = identity.customer.is_some_and(|customer| customer.role == Role::Operator);
        if operator || identity.owner == order.owner { Ok(order) } else { Err(no_order()) }
    }
}

/// The same for an order that is not there and one that is not the caller's.
fn no_order() -> ShopError {
    ShopError::NotFound { subject: Subject::Order }
}

/// What a checkout answers for an order as it is now.
fn answer(order: Order) -> ShopResult<OrderView> {
    match (order.state, &order.payment.decline_code) {
        (OrderState::Cancelled, Some(code)) => Err(ShopError::PaymentDeclined { code: code.clone() }),
        _ => Ok(order.into()),
    }
}
