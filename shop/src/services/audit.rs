//! The auditor: whether stock, orders, keys, messages and the provider's money agree. Tests run it after everything
//! that touches money; operators run it as `shopease audit`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;

use crate::domain::{FulfillmentState, Money, Order, OrderId, OrderState, PaymentState, Sku, StockLevel};
use crate::ports::{
    AuditRecord, AuditStore, IdempotencyKey, IntentStatus, OutboxMessage, PaymentIntent, PaymentProvider, StoreError,
};

use super::checkout::CHECKOUT;

/// What an invariant is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    /// I1: per SKU, available + reserved + sold = received; reserved and sold are what the orders hold and bought.
    Stock,
    /// I2: a key names at most one order, and an order has one key.
    Keys,
    /// I3: collected payments and paid orders are the same, with equal amounts; so are refunds, one by one and in all, and
    /// disputes. A cancelled order whose refund the bank returned still owes its money.
    Money,
    /// I4: nothing waits for a payment or refund.
    Settled,
    /// I5: each order was announced once, and no message speaks of an order that is not there.
    Announced,
    /// I6: the total is lines + shipping + tax.
    Totals,
}

/// One thing that does not agree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// Which invariant is broken.
    pub invariant: Invariant,
    /// What it is about: an order's id, a SKU, a key, an intent.
    pub subject: String,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.invariant, self.subject, self.detail)
    }
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Orders read.
    pub orders: usize,
    /// Variants with a stock level.
    pub variants: usize,
    /// Messages read, delivered or not.
    pub messages: usize,
    /// Intents that the provider was asked about.
    pub intents: usize,
    /// Everything that does not agree, by invariant.
    pub violations: Vec<Violation>,
}

/// Everything that was read from a store.
#[derive(Debug, Default)]
struct Books {
    orders: BTreeMap<OrderId, Order>,
    levels: BTreeMap<Sku, StockLevel>,
    messages: Vec<OutboxMessage>,
    keys: Vec<(String, OrderId)>,
}

/// Reads a store whole and compares it with itself and with the payment provider. With `settled`, also that nothing is
/// open: true when no request runs and the worker is done. `now` says which orders are so new that their messages must still
/// be there. An audit of a shop that is busy may report what is just
/// changing; what it reports twice is wrong.
///
/// # Errors
/// [`StoreError`] when the store cannot be read. A provider that does not answer is a violation of its order.
pub async fn audit<S: AuditStore + ?Sized>(
    store: &S,
    payments: &dyn PaymentProvider,
    settled: bool,
    now: OffsetDateTime,
) -> Result<AuditReport, StoreError> {
    let books = read(store).await?;
    let mut auditor = Auditor { violations: BTreeSet::new() };
    auditor.check_stock(&books);
    auditor.check_keys(&books);
    auditor.check_messages(&books, now);
    auditor.check_totals(&books);
    if settled {
        auditor.check_settled(&books);
    }
    let intents = auditor.check_money(&books, payments).await;
    Ok(AuditReport {
        orders: books.orders.len(),
        variants: books.levels.len(),
        messages: books.messages.len(),
        intents,
        violations: auditor.violations.into_iter().collect(),
    })
}

async fn read<S: AuditStore + ?Sized>(store: &S) -> Result<Books, StoreError> {
    let (mut books, mut from) = (Books::default(), None);
    loop {
        let page = store.audit_page(from.as_deref()).await?;
        for record in page.records {
            match record {
                AuditRecord::Order(order) => drop(books.orders.insert(order.id.clone(), *order)),
                AuditRecord::Stock(level) => drop(books.levels.insert(level.sku.clone(), level)),
                AuditRecord::Message(message) => books.messages.push(message),
                AuditRecord::CheckoutKey { store_key, order_id } => books.keys.push((store_key, order_id)),
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(books);
        }
    }
}

struct Auditor {
    violations: BTreeSet<Violation>,
}

impl Auditor {
    fn report(&mut self, invariant: Invariant, subject: &(impl ToString + ?Sized), detail: impl Into<String>) {
        self.violations.insert(Violation { invariant, subject: subject.to_string(), detail: detail.into() });
    }

    fn check_stock(&mut self, books: &Books) {
        let (mut held, mut bought): (BTreeMap<&Sku, u64>, BTreeMap<&Sku, u64>) = (BTreeMap::new(), BTreeMap::new());
        for order in books.orders.values() {
            let returned = order.fulfillment == FulfillmentState::Returned;
            let side = match order.state {
                OrderState::Pending => &mut held,
                OrderState::Paid if !returned => &mut bought,
                OrderState::Paid | OrderState::Cancelled => continue,
            };
            for reservation in &order.reservations {
                *side.entry(&reservation.sku).or_default() += u64::from(reservation.quantity.get());
            }
        }
        for (sku, level) in &books.levels {
            let sum = u64::from(level.available) + u64::from(level.reserved) + u64::from(level.sold);
            if sum != u64::from(level.received) {
                self.report(Invariant::Stock, sku, format!("{sum} units are there of {} received", level.received));
            }
            for (name, counted, orders) in [("reserved", level.reserved, &held), ("sold", level.sold, &bought)] {
                let wanted = orders.get(sku).copied().unwrap_or(0);
                if u64::from(counted) != wanted {
                    self.report(Invariant::Stock, sku, format!("{counted} units are {name}, the orders say {wanted}"));
                }
            }
        }
        for sku in held.keys().chain(bought.keys()).filter(|sku| !books.levels.contains_key(**sku)) {
            self.report(Invariant::Stock, sku, "orders hold or bought it, and it has no level");
        }
    }

    fn check_keys(&mut self, books: &Books) {
        let mut orders_of_key: BTreeMap<&OrderId, usize> = BTreeMap::new();
        for (store_key, order_id) in &books.keys {
            *orders_of_key.entry(order_id).or_default() += 1;
            match books.orders.get(order_id) {
                None => self.report(Invariant::Keys, store_key, format!("names order {order_id}, which is not there")),
                Some(order) => {
                    let own = IdempotencyKey::new(order.placed_by.clone(), CHECKOUT, &order.client_key);
                    if own.map_or(true, |own| own.store_key() != *store_key) {
                        self.report(Invariant::Keys, store_key, format!("order {order_id} has another key"));
                    }
                }
            }
        }
        for (order_id, keys) in orders_of_key.iter().filter(|(_, keys)| **keys > 1) {
            self.report(Invariant::Keys, order_id, format!("has {keys} keys"));
        }
        let mut placed_under: BTreeMap<(&str, &str), &OrderId> = BTreeMap::new();
        for order in books.orders.values().filter(|order| !order.client_key.is_empty()) {
            if let Some(other) = placed_under.insert((order.placed_by.key(), &order.client_key), &order.id) {
                self.report(Invariant::Keys, &order.id, format!("was placed under the same key as {other}"));
            }
        }
    }

    fn check_messages(&mut self, books: &Books, now: OffsetDateTime) {
        let mut announced: BTreeMap<&str, usize> = BTreeMap::new();
        for message in books.messages.iter().filter(|message| message.topic.starts_with("order.")) {
            if message.topic == "order.placed" {
                *announced.entry(&message.subject).or_default() += 1;
            }
            if message.subject.parse().is_ok_and(|id: OrderId| !books.orders.contains_key(&id)) {
                self.report(Invariant::Announced, &message.subject, format!("{} speaks of no order", message.topic));
            }
        }
        // An older order without a message is no fault: delivered messages are kept for some days, and removed in any order.
        let kept_since = now - OutboxMessage::KEPT;
        for order in books.orders.values().filter(|order| order.placed_at > kept_since) {
            let times = announced.get(order.id.as_str()).copied().unwrap_or(0);
            if times != 1 {
                self.report(Invariant::Announced, &order.id, format!("was announced {times} times"));
            }
        }
    }

    fn check_totals(&mut self, books: &Books) {
        for order in books.orders.values() {
            let mut parts: Vec<Money> = order.lines.iter().map(|line| line.line.line_total).collect();
            parts.push(order.shipping.price);
            if !order.prices_include_tax {
                parts.push(order.tax_total);
            }
            let zero = Money::zero(order.total.currency);
            let sum = parts.into_iter().try_fold(zero, Money::checked_add);
            if sum != Ok(order.total) {
                self.report(
                    Invariant::Totals,
                    &order.id,
                    format!("the total is {}, its parts are {sum:?}", order.total),
                );
            }
        }
    }

    fn check_settled(&mut self, books: &Books) {
        for order in books.orders.values() {
            let payment = &order.payment;
            if !payment.state.is_settled() || payment.open_refund().is_some() || order.due_at.is_some() {
                let detail = format!("is {:?}, its payment {:?}", order.state, payment.state);
                self.report(Invariant::Settled, &order.id, detail);
            }
        }
    }

    /// Asks the provider about each order's intent; gives how many there are.
    async fn check_money(&mut self, books: &Books, payments: &dyn PaymentProvider) -> usize {
        let mut intents = 0;
        let mut orders_of_intent: BTreeMap<&str, &OrderId> = BTreeMap::new();
        for order in books.orders.values() {
            let should_be_paid = order.payment.state.is_collected();
            if !agree(order.state, order.payment.state) {
                let detail = format!("is {:?}, its payment {:?}", order.state, order.payment.state);
                self.report(Invariant::Money, &order.id, detail);
            }
            let Some(intent_id) = &order.payment.intent_id else {
                if should_be_paid && order.total.amount_minor > 0 {
                    self.report(Invariant::Money, &order.id, "is paid without an intent");
                }
                continue;
            };
            intents += 1;
            if let Some(other) = orders_of_intent.insert(intent_id, &order.id) {
                self.report(Invariant::Money, intent_id, format!("pays {other} and {}", order.id));
            }
            let intent = match payments.find_intent(intent_id).await {
                Ok(intent) => intent,
                Err(error) => {
                    self.report(Invariant::Money, &order.id, format!("intent {intent_id}: {error}"));
                    continue;
                }
            };
            let is_collected = intent.status == IntentStatus::Captured;
            if is_collected != should_be_paid && order.payment.state.is_settled() {
                let detail = format!("payment is {:?}, the provider says {:?}", order.payment.state, intent.status);
                self.report(Invariant::Money, &order.id, detail);
            }
            if intent.amount != order.total {
                let detail = format!("costs {}, the intent is over {}", order.total, intent.amount);
                self.report(Invariant::Money, &order.id, detail);
            }
            self.check_reversals(order, &intent, payments).await;
        }
        intents
    }

    /// Each refund and dispute, and their sum. An order of which neither side has any costs no request.
    async fn check_reversals(&mut self, order: &Order, intent: &PaymentIntent, payments: &dyn PaymentProvider) {
        let payment = &order.payment;
        let none_here = payment.refunds.is_empty() && payment.disputes.is_empty();
        if none_here && intent.refunded.amount_minor == 0 && !intent.disputed {
            return;
        }
        let reported = match payments.find_reversals(&intent.id).await {
            Ok(reported) => reported,
            Err(error) => {
                return self.report(Invariant::Money, &order.id, format!("refunds of {}: {error}", intent.id));
            }
        };
        for difference in order.reversal_differences(&reported) {
            self.report(Invariant::Money, &order.id, difference);
        }
        let open = payment.open_refund().is_some();
        if intent.refunded.amount_minor != payment.refunded_minor() && !open {
            let here = Money::new(payment.refunded_minor(), order.total.currency);
            let detail = format!("{here} is refunded in all, the provider says {}", intent.refunded);
            self.report(Invariant::Money, &order.id, detail);
        }
    }
}

/// Whether an order and its payment can stand so at the same time: both are written in one step.
fn agree(order: OrderState, payment: PaymentState) -> bool {
    match order {
        OrderState::Pending => !payment.is_settled(),
        OrderState::Paid => payment.is_collected(),
        OrderState::Cancelled => {
            matches!(payment, PaymentState::Declined | PaymentState::Voided | PaymentState::Refunded)
        }
    }
}
