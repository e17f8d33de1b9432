//! Checkout: quotes, placing an order, and the caller's orders. Key, stock, order and cart are written by one store command; the
//! payment happens outside of it.

use async_trait::async_trait;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use super::attempts::Attempt;
use super::failpoint::failpoint;
use super::idempotent::{Fingerprint, claim, is_done};
use super::notices::AWAITING_TRANSFER;
use super::order_view::OrderView;
use super::payment_steps::Poll;
use super::placement::{NewOrder, require_available};
use super::{Caller, LocalShop};
use crate::domain::{
    Address, BANK_TRANSFER, CountryCode, DestinationFields, EmailAddress, Field, Money, Order, OrderDetails, OrderId,
    OrderNumber, OrderState, OrderSummary, OutboxMessageId, Page, PageLimit, PaymentKind, PaymentState, Position,
    Quote, Role, RuleError, Subject, ValueRule, quote,
};
use crate::ports::{
    Claim, Claimed, IdempotencyKey, IdempotencyRecord, OutboxMessage, PaymentError, PaymentEvent, PaymentOption,
    Placement, StoreError,
};
use crate::{ShopError, ShopResult};
use shopease_process::telemetry::metrics;

/// Route of the idempotency keys of orders.
pub(super) const CHECKOUT: &str = "checkout";

/// Maximum tries to generate a unique order number: two orders in the same second collide in 1 of 262,144 cases.
const MAX_NUMBER_TRIES: u32 = 5;

const QUOTE_FIELDS: DestinationFields = DestinationFields { country: Field::Country, region: Field::Region };

/// Requests a quote of the caller's cart for a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteCart {
    /// ISO 3166-1 alpha-2.
    pub country: CountryCode,
    /// State or province where taxes depend on it.
    pub region: Option<String>,
    /// ID of the chosen shipping method; by default the first offered.
    pub shipping_method: Option<String>,
}

/// Places an order for the caller's cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// Contact address for the order.
    pub email: EmailAddress,
    /// Addresses, and what else the shopper has entered.
    pub details: OrderDetails,
    /// ID of a shipping method that the quote offers.
    pub shipping_method: String,
    /// The token of a payment option, or what the payment provider's fields made of the entered details.
    pub payment_method: String,
    /// The total that the shopper agreed to. If the current total differs, nothing is ordered.
    pub expected_total: Option<Money>,
    /// The version of the settings whose terms the shopper has seen; by default the current one. If the terms have changed since,
    /// nothing is ordered.
    pub terms_version: Option<u64>,
    /// The client's idempotency key.
    pub client_key: String,
}

/// Requests the ways to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPaymentOptions {
    /// The total to pay.
    pub total: Money,
}

/// Requests an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindOrder {
    /// ID of the order.
    pub id: OrderId,
    /// Its access key, for a caller who did not place it.
    pub access_key: Option<String>,
}

/// Requests a mail with a link to an order, for a shopper who has neither an account nor the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestOrderLink {
    /// The order's number.
    pub number: OrderNumber,
    /// The email address that it was placed with.
    pub email: EmailAddress,
}

/// Polls the payment provider for an order's payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckPayment {
    /// ID of the order.
    pub id: OrderId,
    /// Its access key, for a caller who did not place it.
    pub access_key: Option<String>,
}

/// Cancels an order that waits for its payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelUnpaidOrder {
    /// ID of the order.
    pub id: OrderId,
    /// Its access key, for a caller who did not place it.
    pub access_key: Option<String>,
}

/// A webhook of the payment provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivePaymentEvent {
    /// The signature over the body.
    pub signature: Option<String>,
    /// The raw body.
    pub body: bytes::Bytes,
}

/// Requests the caller's orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOrders {
    /// Only orders after this position.
    pub after: Option<Position>,
    /// Page size.
    pub limit: PageLimit,
}

/// Quotes, checkout and orders.
#[async_trait]
pub trait Checkout: Send + Sync {
    /// Quotes the caller's cart for a destination.
    ///
    /// # Errors
    /// [`ShopError::Rules`].
    async fn quote(&self, caller: &Caller, command: QuoteCart) -> ShopResult<Quote>;

    /// The ways to pay, the preferred one first.
    ///
    /// # Errors
    /// [`ShopError`], when a remote shop does not respond.
    async fn list_payment_options(&self, command: ListPaymentOptions) -> ShopResult<Vec<PaymentOption>>;

    /// Places an order for the caller's cart and pays for it. Idempotent under the client's key: repeating it returns the same order. If
    /// the payment is not settled yet, the order is returned in state `pending`.
    ///
    /// # Errors
    /// [`ShopError::Rules`], [`ShopError::OutOfStock`], [`ShopError::Conflict`] (the cart changed),
    /// [`ShopError::PaymentDeclined`], [`ShopError::TooManyAttempts`] after too many declined cards or orders paid by bank
    /// transfer, the idempotency errors.
    async fn place_order(&self, caller: &Caller, command: PlaceOrder) -> ShopResult<OrderView>;

    /// An order. Allowed for the caller who placed it, for callers with its access key, and for operators.
    ///
    /// # Errors
    /// [`ShopError::NotFound`], also if the order is not the caller's.
    async fn find_order(&self, caller: &Caller, command: FindOrder) -> ShopResult<OrderView>;

    /// Requests a mail with a link to an order, to the email address that the order was placed with. Nothing reveals whether there is such
    /// an order.
    ///
    /// # Errors
    /// [`ShopError::Rules`] ([`RuleError::NoMail`]) if the shop sends no mail; [`ShopError::TooManyAttempts`] after too many requests of
    /// this client or for this email address.
    async fn request_order_link(&self, caller: &Caller, command: RequestOrderLink) -> ShopResult<()>;

    /// Polls the payment provider and advances the payment of an order, for example after the shopper returns from the bank's page. For a
    /// paid order, books refunds and disputes made at the provider. Allowed for the same callers as [`Checkout::find_order`].
    ///
    /// # Errors
    /// [`ShopError::NotFound`], also if the order is not the caller's.
    async fn check_payment(&self, caller: &Caller, command: CheckPayment) -> ShopResult<OrderView>;

    /// Cancels an order that waits for its payment, and puts its items back into the cart. The payment is canceled at the provider before
    /// the stock is released. Canceling it again changes nothing. Allowed for the same callers as [`Checkout::find_order`].
    ///
    /// # Errors
    /// [`ShopError::NotFound`], also if the order is not the caller's; [`ShopError::Rules`] if it is paid, also when the payment was
    /// faster.
    async fn cancel_unpaid_order(&self, caller: &Caller, command: CancelUnpaidOrder) -> ShopResult<OrderView>;

    /// Receives a webhook of the payment provider: the raw body and the value of its signature header. Events may be late, duplicate and
    /// out of order, so each only triggers retrieving the intent.
    ///
    /// # Errors
    /// [`ShopError::WebhookRefused`]; [`ShopError::Unavailable`] when the event does not contain its order and the provider does not
    /// respond. The provider then sends the event again.
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
        require_available(&priced)?;
        let in_force = self.settings().await?;
        let pricing = &in_force.pricing;
        let place = pricing.destination(command.country, command.region.as_deref(), QUOTE_FIELDS)?;
        let (method, limits) = (command.shipping_method.as_deref(), self.limits_of(&priced));
        Ok(quote(&priced.lines, &place, method, pricing, &limits)?)
    }

    async fn list_payment_options(&self, command: ListPaymentOptions) -> ShopResult<Vec<PaymentOption>> {
        let mut options = self.payments.options(command.total);
        options.extend(self.config.bank_transfer.iter().map(|transfer| PaymentOption::BankTransfer {
            token: BANK_TRANSFER.to_owned(),
            account: transfer.account.clone(),
            hold_days: Some(transfer.hold_days),
        }));
        Ok(options)
    }

    async fn place_order(&self, caller: &Caller, command: PlaceOrder) -> ShopResult<OrderView> {
        let identity = self.identify(caller).await?;
        let key = IdempotencyKey::new(identity.owner.clone(), CHECKOUT, &command.client_key)?;
        let (hash, now) = (command.fingerprint().finish(), self.clock.now());
        if let Some(record) = self.store.find_idempotency_record(&key, now).await? {
            return self.repeat_outcome(&record, &hash, now).await;
        }
        let attempt = Attempt::to_pay(&identity.owner, caller.address);
        self.begin(&attempt).await?;
        let mut tries = 1;
        let placed = loop {
            let new = match self.new_order(&identity, command.clone(), now).await {
                Ok(new) => new,
                // The first request with the key may have emptied the cart in the meantime: the key takes precedence.
                Err(error) => match self.store.find_idempotency_record(&key, now).await? {
                    Some(record) => return self.repeat_outcome(&record, &hash, now).await,
                    None => return Err(error),
                },
            };
            match self.place(new, claim(key.clone(), hash.clone(), None, now)).await {
                // Another order in the same second has the number.
                Err(StoreError::AlreadyExists { subject: Subject::Order }) if tries < MAX_NUMBER_TRIES => tries += 1,
                placed => break placed?,
            }
        };
        match placed {
            Ok(order) => {
                failpoint("after-place");
                metrics::order_event("order.placed");
                self.forget_products_of(&order).await;
                let order = self.advance_payment(order, Poll::Never).await?;
                if order.state == OrderState::Cancelled || order.payment.kind() == PaymentKind::BankTransfer {
                    self.record_failure(&attempt).await?;
                }
                order_or_decline(order)
            }
            Err(record) => self.repeat_outcome(&record, &hash, now).await,
        }
    }

    async fn find_order(&self, caller: &Caller, command: FindOrder) -> ShopResult<OrderView> {
        self.readable_order(caller, &command.id, command.access_key.as_deref()).await.map(OrderView::from)
    }

    async fn request_order_link(&self, caller: &Caller, command: RequestOrderLink) -> ShopResult<()> {
        if !self.config.sends_mail {
            return Err(RuleError::NoMail.into());
        }
        let attempt = Attempt::to_request_mail(&command.email, caller.address);
        let _running = self.begin(&attempt).await?;
        // The worker reads the order, so that neither response nor time reveals whether it exists.
        let subject = OutboxMessage::order_link(&command.number.order_id(), &command.email);
        self.request_mail(&attempt, OutboxMessage::ORDER_LINK, &subject).await
    }

    async fn check_payment(&self, caller: &Caller, command: CheckPayment) -> ShopResult<OrderView> {
        let order = self.readable_order(caller, &command.id, command.access_key.as_deref()).await?;
        Ok(self.advance_payment(order, Poll::Everything).await?.into())
    }

    async fn cancel_unpaid_order(&self, caller: &Caller, command: CancelUnpaidOrder) -> ShopResult<OrderView> {
        let mut order = self.readable_order(caller, &command.id, command.access_key.as_deref()).await?;
        if order.state == OrderState::Pending {
            order = self.cancel_pending(order).await?;
        }
        if order.state == OrderState::Paid {
            // Perhaps only by now: a payment that was faster takes precedence.
            return Err(RuleError::invalid(Field::Order, ValueRule::Unpaid).into());
        }
        Ok(order.into())
    }

    async fn receive_payment_event(&self, command: ReceivePaymentEvent) -> ShopResult<()> {
        let read = self.payments.read_webhook(command.signature.as_deref(), &command.body, self.clock.now())?;
        let Some(event) = read else { return Ok(()) };
        let Some(order_id) = self.order_of(&event).await? else { return Ok(()) };
        let Some(order) = self.store.find_order(&order_id).await? else {
            // The event is signed, so it is not an attack: the account has another shop, or the store was reset.
            tracing::warn!(event_id = event.id, %order_id, "payment event for an unknown order");
            return Ok(());
        };
        if order.payment.intent_id.as_ref() != Some(&event.intent_id) {
            // Either the checkout has not recorded its intent yet, or this is not the order's payment.
            tracing::info!(event_id = event.id, %order_id, "payment event for another intent");
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
    /// The fingerprint by which a repeated request is recognized.
    fn fingerprint(&self) -> Fingerprint {
        let details = &self.details;
        let shipped = address_fields(Fingerprint::new().field("email", &self.email), &details.shipping_address);
        let billed = match &details.billing_address {
            Some(address) => address_fields(shipped.field("billing_address", ""), address),
            None => shipped,
        };
        billed
            .optional("vat_number", details.vat_number.as_ref())
            .optional("phone", details.phone.as_ref())
            .optional("delivery_note", details.delivery_note.as_ref())
            .field("shipping_method", &self.shipping_method)
            .field("payment_method", &self.payment_method)
            .optional(
                "expected_total",
                self.expected_total.map(|total| format!("{} {}", total.amount_minor, total.currency)),
            )
            .optional("terms_version", self.terms_version)
    }
}

fn address_fields(fingerprint: Fingerprint, address: &Address) -> Fingerprint {
    fingerprint
        .field("name", &address.name)
        .optional("company", address.company.as_ref())
        .field("line1", &address.line1)
        .optional("line2", address.line2.as_ref())
        .field("city", &address.city)
        .optional("region", address.region.as_ref())
        .field("postal_code", &address.postal_code)
        .field("country", address.country)
}

impl LocalShop {
    /// Places an order under a key, or returns the key's existing record.
    async fn place(&self, new: NewOrder, mut claim: Claim) -> Result<Result<Order, IdempotencyRecord>, StoreError> {
        let NewOrder { order, cart_version, running_low } = new;
        claim.record.order_id = Some(order.id.clone());
        let mut outbox = vec![self.message("order.placed", order.id.as_str())];
        if order.payment.kind() == PaymentKind::BankTransfer {
            outbox.push(self.message(AWAITING_TRANSFER, order.id.as_str()));
        }
        outbox.extend(running_low.iter().map(|sku| self.message("stock.low", sku.as_str())));
        let placement = Placement { claim, order, cart_version, outbox };
        failpoint("before-place");
        Ok(match self.store.place_order(&placement).await? {
            Claimed::New => Ok(placement.order),
            Claimed::Existing(record) => Err(record),
        })
    }

    /// Responds to a repeated request: with the order that the first request placed, even while its payment waits for someone else, or
    /// by resuming where the first request stopped.
    async fn repeat_outcome(
        &self,
        record: &IdempotencyRecord,
        hash: &str,
        now: OffsetDateTime,
    ) -> ShopResult<OrderView> {
        let done = match is_done(record, hash, now) {
            // The order may be waiting for someone else.
            in_use @ Err(ShopError::IdempotencyKeyInUse { .. }) => in_use,
            done => Ok(done?),
        };
        let missing = || ShopError::Internal("a checkout key has no order".into());
        let order = self.order(record.order_id.as_ref().ok_or_else(missing)?).await?;
        match done {
            Ok(true) => order_or_decline(order),
            Ok(false) => order_or_decline(self.advance_payment(order, Poll::Once).await?),
            // The process that wrote one of these states has finished and responded.
            Err(_) if matches!(order.payment.state, PaymentState::RequiresAction | PaymentState::Unknown) => {
                order_or_decline(order)
            }
            Err(error) => Err(error),
        }
    }

    /// The order of an event; `None` if it belongs to no order.
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

    /// Removes the order's products from the cache, so that pages of this process show the new stock at once.
    pub(super) async fn forget_products_of(&self, order: &Order) {
        for line in &order.lines {
            self.cache.forget_product(&line.line.product_handle).await;
        }
    }

    /// The order with an ID, or a not-found error.
    pub(super) async fn existing_order(&self, id: &OrderId) -> ShopResult<Order> {
        self.store.find_order(id).await?.ok_or_else(order_not_found)
    }

    /// An order that the caller may see.
    pub(super) async fn readable_order(
        &self,
        caller: &Caller,
        id: &OrderId,
        access_key: Option<&str>,
    ) -> ShopResult<Order> {
        let order = self.existing_order(id).await?;
        let has_access = access_key.is_some_and(|key| bool::from(key.as_bytes().ct_eq(order.access_key.as_bytes())));
        if has_access {
            return Ok(order);
        }
        let identity = self.identify(caller).await?;
        let operator = identity.customer.is_some_and(|customer| customer.role == Role::Operator);
        if operator || identity.owner == order.owner { Ok(order) } else { Err(order_not_found()) }
    }
}

/// The same error for an order that does not exist and one that is not the caller's.
fn order_not_found() -> ShopError {
    ShopError::NotFound { subject: Subject::Order }
}

/// The result of a checkout for its current order.
fn order_or_decline(order: Order) -> ShopResult<OrderView> {
    match (order.state, &order.payment.decline_code) {
        (OrderState::Cancelled, Some(code)) => Err(ShopError::PaymentDeclined { code: code.clone() }),
        _ => Ok(order.into()),
    }
}
