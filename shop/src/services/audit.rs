//! The auditor: checks that stock, orders, keys, messages and the provider's payments agree. Tests run it after everything that
//! touches money; operators run it as `shopease audit`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;

use crate::domain::{FulfillmentState, Money, Order, OrderId, OrderState, PaymentKind, Sku, StockLevel};
use crate::ports::{
    AuditRecord, AuditStore, IdempotencyKey, IntentStatus, OutboxMessage, PaymentIntent, PaymentProvider, StoreError,
};

use super::checkout::CHECKOUT;

/// An invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    /// I1: per SKU, available + reserved + sold = received; reserved and sold match the orders.
    Stock,
    /// I2: a key belongs to at most one order, and an order has one key.
    Keys,
    /// I3: captured payments match paid orders, with equal amounts; so do refunds, each and in total, and disputes. A canceled order
    /// whose refund was returned by the bank still owes the money.
    Money,
    /// I4: no payment or refund is in progress.
    Settled,
    /// I5: each order was announced once, and no message refers to a missing order.
    Announced,
    /// I6: the total is the sum of lines, shipping and tax.
    Totals,
}

/// A violation of an invariant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// The violated invariant.
    pub invariant: Invariant,
    /// Subject: an order ID, a SKU, a key or an intent.
    pub subject: String,
    /// Description.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.invariant, self.subject, self.detail)
    }
}

/// The result of an audit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Orders read.
    pub orders: usize,
    /// Variants with a stock level.
    pub variants: usize,
    /// Messages read, delivered or not.
    pub messages: usize,
    /// Intents retrieved from the provider.
    pub intents: usize,
    /// Violations, sorted by invariant.
    pub violations: Vec<Violation>,
}

/// Everything read from a store.
#[derive(Debug, Default)]
struct Books {
    orders: BTreeMap<OrderId, Order>,
    levels: BTreeMap<Sku, StockLevel>,
    messages: Vec<OutboxMessage>,
    keys: Vec<(String, OrderId)>,
}

/// Reads a whole store and checks its consistency and its agreement with the payment provider. With `settled`, also checks that
/// nothing is open, which holds when no request is running and the worker is done. `now` determines which orders are so new that
/// their messages must still exist. An audit of a busy shop may report changes in progress; violations reported twice are real.
///
/// # Errors
/// [`StoreError`] when the store cannot be read. If the provider does not respond, that is a violation of the order.
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
    let mut books = Books::default();
    each_record(store, |record| match record {
        AuditRecord::Order(order) => drop(books.orders.insert(order.id.clone(), *order)),
        AuditRecord::Customer(_) => {}
        AuditRecord::Stock(level) => drop(books.levels.insert(level.sku.clone(), level)),
        AuditRecord::Message(message) => books.messages.push(message),
        AuditRecord::CheckoutKey { store_key, order_id } => books.keys.push((store_key, order_id)),
    })
    .await?;
    Ok(books)
}

/// Reads every record of a store.
pub(super) async fn each_record<S: AuditStore + ?Sized>(
    store: &S,
    mut take: impl FnMut(AuditRecord),
) -> Result<(), StoreError> {
    let mut from = None;
    loop {
        let page = store.audit_page(from.as_deref()).await?;
        page.records.into_iter().for_each(&mut take);
        from = page.next;
        if from.is_none() {
            return Ok(());
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
                self.report(
                    Invariant::Stock,
                    sku,
                    format!("available, reserved and sold add up to {sum} units, but {} were received", level.received),
                );
            }
            for (name, counted, orders) in [("reserved", level.reserved, &held), ("sold", level.sold, &bought)] {
                let wanted = orders.get(sku).copied().unwrap_or(0);
                if u64::from(counted) != wanted {
                    self.report(
                        Invariant::Stock,
                        sku,
                        format!("{counted} units are {name}, but {wanted} according to the orders"),
                    );
                }
            }
        }
        for sku in held.keys().chain(bought.keys()).filter(|sku| !books.levels.contains_key(**sku)) {
            self.report(Invariant::Stock, sku, "has orders but no stock level");
        }
    }

    fn check_keys(&mut self, books: &Books) {
        let mut orders_of_key: BTreeMap<&OrderId, usize> = BTreeMap::new();
        for (store_key, order_id) in &books.keys {
            *orders_of_key.entry(order_id).or_default() += 1;
            match books.orders.get(order_id) {
                None => self.report(
                    Invariant::Keys,
                    store_key,
                    format!("belongs to order {order_id}, which does not exist"),
                ),
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
                self.report(Invariant::Keys, &order.id, format!("was placed with the same key as {other}"));
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
                self.report(
                    Invariant::Announced,
                    &message.subject,
                    format!("{} refers to an order that does not exist", message.topic),
                );
            }
        }
        // Older orders may have no message: delivered messages are deleted after some days, in any order.
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
                    format!("the total is {}, but its parts add up to {sum:?}", order.total),
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

    /// Compares each order with its intent at the provider. Returns the number of intents.
    async fn check_money(&mut self, books: &Books, payments: &dyn PaymentProvider) -> usize {
        let mut intents = 0;
        let mut orders_of_intent: BTreeMap<&str, &OrderId> = BTreeMap::new();
        for order in books.orders.values() {
            let should_be_paid = order.payment.state.is_collected();
            if !states_match(order) {
                let detail = format!("is {:?}, its payment {:?}", order.state, order.payment.state);
                self.report(Invariant::Money, &order.id, detail);
            }
            let Some(intent_id) = &order.payment.intent_id else {
                let at_provider = order.payment.kind() != PaymentKind::BankTransfer;
                if should_be_paid && order.total.amount_minor > 0 && at_provider {
                    self.report(Invariant::Money, &order.id, "is paid without a payment intent");
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
                let detail = format!("payment is {:?}, but {:?} at the provider", order.payment.state, intent.status);
                self.report(Invariant::Money, &order.id, detail);
            }
            if intent.amount != order.total {
                let detail = format!("the total is {}, but the amount of the intent is {}", order.total, intent.amount);
                self.report(Invariant::Money, &order.id, detail);
            }
            self.check_reversals(order, &intent, payments).await;
        }
        intents
    }

    /// Compares each refund and dispute, and their sum. Orders without any on both sides cost no request.
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
            let detail = format!("{here} is refunded in total, but {} at the provider", intent.refunded);
            self.report(Invariant::Money, &order.id, detail);
        }
    }
}

/// Returns whether an order and its payment can have these states at the same time: both are written in one step.
fn states_match(order: &Order) -> bool {
    let payment = order.payment.state;
    match order.state {
        OrderState::Pending => !payment.is_settled(),
        OrderState::Paid => payment.is_collected(),
        // Of an order that was paid, no money is left.
        OrderState::Cancelled => payment.is_settled() && order.refundable().amount_minor == 0,
    }
}
