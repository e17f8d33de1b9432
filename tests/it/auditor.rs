//! The auditor itself: consistent data has no violations, and each kind of corruption is found.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use http::StatusCode;
use serde_json::json;
use shopease_payments::fake::Command;
use shopease_shop::domain::{
    FulfillmentState, Order, OrderId, OrderState, PaymentState, Refund, RefundId, RefundSource, RefundState, StockLevel,
};
use shopease_shop::ports::{AuditPage, AuditRecord, AuditStore, Clock as _, OutboxMessage, StoreError};
use shopease_shop::services::{AuditReport, Invariant, audit};
use shopease_shop::testing::fixtures::{self, eur};

use crate::harness::{TestShop, both_stores, text};

both_stores!(every_kind_of_corruption_is_found, an_open_order_is_a_violation_only_if_all_should_be_settled);

/// The records of a store, to be corrupted. Returns three records per page.
#[derive(Clone)]
struct Records(Vec<AuditRecord>);

#[async_trait]
impl AuditStore for Records {
    async fn audit_page(&self, from: Option<&str>) -> Result<AuditPage, StoreError> {
        let from: usize = from.map_or(Ok(0), str::parse).map_err(StoreError::corrupt)?;
        let to = self.0.len().min(from + 3);
        Ok(AuditPage { records: self.0[from..to].to_vec(), next: (to < self.0.len()).then(|| to.to_string()) })
    }
}

impl Records {
    /// Changes the order that a buyer placed.
    fn order(&mut self, buyer: &str, change: impl FnOnce(&mut Order)) {
        let owner = fixtures::visitor(buyer);
        let order = self.0.iter_mut().find_map(|record| match record {
            AuditRecord::Order(order) if order.owner == owner => Some(order),
            _ => None,
        });
        change(order.unwrap_or_else(|| panic!("{buyer} has an order")));
    }

    fn find(&self, buyer: &str) -> Order {
        let mut found = None;
        self.clone().order(buyer, |order| found = Some(order.clone()));
        found.expect("an order")
    }

    fn level(&mut self, change: impl FnOnce(&mut StockLevel)) {
        let level = self.0.iter_mut().find_map(|record| match record {
            AuditRecord::Stock(level) if level.sku == fixtures::sku("KETTLE") => Some(level),
            _ => None,
        });
        change(level.expect("a level"));
    }

    fn placed_of(&mut self, buyer: &str) -> &mut OutboxMessage {
        let id = self.find(buyer).id.to_string();
        let message = self.0.iter_mut().find_map(|record| match record {
            AuditRecord::Message(message) if message.topic == "order.placed" && message.subject == id => Some(message),
            _ => None,
        });
        message.expect("a message")
    }
}

/// A shop with all kinds of orders: Ada's is paid, Grace's declined, Alan's partially refunded, Joan's canceled.
async fn seasoned(shop: &TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 20).await;
    let mut operator = shop.operator().await;
    for (name, card, status) in [
        ("ada", "card_approved", StatusCode::CREATED),
        ("grace", "card_declined", StatusCode::UNPROCESSABLE_ENTITY),
        ("alan", "card_approved", StatusCode::CREATED),
        ("joan", "card_approved", StatusCode::CREATED),
    ] {
        let mut client = shop.visitor(name);
        client.add("KETTLE", 2).await;
        let answer = client.check_out(name, card).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let id = if status == StatusCode::CREATED { text(&answer.json()["id"]) } else { continue };
        let path = format!("/api/v1/admin/orders/{id}/refunds");
        match name {
            "alan" => operator.post_once(&path, "k", &json!({"amount": eur(100)})).await,
            "joan" => operator.post(&format!("/api/v1/admin/orders/{id}/cancellation"), &json!({})).await,
            _ => continue,
        };
    }
    shop.settle().await;
}

async fn audit_settled(shop: &TestShop, books: &Records) -> AuditReport {
    audit(books, &shop.provider, true, shop.clock.now()).await.expect("the books are read")
}

type Corrupt = Box<dyn Fn(&mut Records) + Send + Sync>;

#[expect(clippy::too_many_lines, reason = "a table: one corruption after the other")]
async fn every_kind_of_corruption_is_found(shop: TestShop) {
    use Invariant::{Announced, Keys, Money, Settled, Stock, Totals};
    seasoned(&shop).await;
    shop.assert_books_agree().await;
    let books = Records(shop.records().await);
    assert_eq!(audit_settled(&shop, &books).await.violations, []);
    let cases: Vec<(&str, Invariant, Corrupt)> = vec![
        ("a unit too many", Stock, Box::new(|books| books.level(|level| level.available += 1))),
        ("a unit too few", Stock, Box::new(|books| books.level(|level| level.available -= 1))),
        (
            "a unit reserved for nobody",
            Stock,
            Box::new(|books| {
                books.level(|level| {
                    level.available -= 1;
                    level.reserved += 1;
                });
            }),
        ),
        (
            "a unit sold to nobody",
            Stock,
            Box::new(|books| {
                books.level(|level| {
                    level.available -= 1;
                    level.sold += 1;
                });
            }),
        ),
        ("a missing level", Stock, Box::new(|books| books.0.retain(|record| !matches!(record, AuditRecord::Stock(_))))),
        (
            "an order that holds more",
            Stock,
            Box::new(|books| {
                let more = fixtures::order(&fixtures::visitor("x"), "x", &[("KETTLE", 5)]).reservations;
                books.order("ada", |order| order.reservations = more.clone());
            }),
        ),
        (
            "a shipment returned without its units",
            Stock,
            Box::new(|books| books.order("ada", |order| order.fulfillment = FulfillmentState::Returned)),
        ),
        (
            "a second order with a key",
            Keys,
            Box::new(|books| {
                let second = Order { id: OrderId::derive("second"), ..books.find("ada") };
                books.0.push(AuditRecord::Order(Box::new(second)));
            }),
        ),
        (
            "a second key of an order",
            Keys,
            Box::new(|books| {
                let order_id = books.find("ada").id;
                books.0.push(AuditRecord::CheckoutKey { store_key: "other|checkout|k".to_owned(), order_id });
            }),
        ),
        (
            "a key without its order",
            Keys,
            Box::new(|books| {
                let owner = fixtures::visitor("ada");
                books.0.retain(|record| !matches!(record, AuditRecord::Order(order) if order.owner == owner));
            }),
        ),
        (
            "a key of another buyer's order",
            Keys,
            Box::new(|books| {
                let (ada, alan) = (books.find("ada").id, books.find("alan").id);
                for record in &mut books.0 {
                    match record {
                        AuditRecord::CheckoutKey { order_id, .. } if *order_id == ada => *order_id = alan.clone(),
                        _ => {}
                    }
                }
            }),
        ),
        (
            "a captured payment of a canceled order",
            Money,
            Box::new(|books| {
                books.order("ada", |order| {
                    order.state = OrderState::Cancelled;
                    order.payment.state = PaymentState::Voided;
                });
            }),
        ),
        (
            "a canceled order whose payment is captured",
            Money,
            Box::new(|books| {
                books.order("ada", |order| order.state = OrderState::Cancelled);
                books.level(|level| {
                    level.sold -= 2;
                    level.available += 2;
                });
            }),
        ),
        (
            "a paid order whose payment was never captured",
            Money,
            Box::new(|books| {
                books.order("grace", |order| {
                    order.state = OrderState::Paid;
                    order.payment.state = PaymentState::Captured;
                });
            }),
        ),
        (
            "a paid order without an intent",
            Money,
            Box::new(|books| books.order("ada", |order| order.payment.intent_id = None)),
        ),
        (
            "an intent that does not exist at the provider",
            Money,
            Box::new(|books| books.order("ada", |order| order.payment.intent_id = Some("pi_fake_none".to_owned()))),
        ),
        (
            "one intent that pays two orders",
            Money,
            Box::new(|books| {
                let intent_id = books.find("ada").payment.intent_id;
                books.order("joan", |order| order.payment.intent_id = intent_id.clone());
            }),
        ),
        (
            "a total that differs from the captured amount",
            Money,
            Box::new(|books| {
                books.order("ada", |order| {
                    order.total.amount_minor += 1;
                    order.shipping.price.amount_minor += 1;
                });
            }),
        ),
        (
            "a refund that does not exist at the provider",
            Money,
            Box::new(|books| {
                books.order("ada", |order| {
                    order.payment.state = PaymentState::PartiallyRefunded;
                    let state = RefundState::Succeeded;
                    let (id, amount, source) = (RefundId::derive("r"), eur(1), RefundSource::Shop);
                    let (failure_code, requested_at) = (None, order.placed_at);
                    let refund = Refund { id, amount, state, source, failure_code, requested_at };
                    order.payment.refunds.push(refund);
                });
            }),
        ),
        (
            "a refund that is missing in the order",
            Money,
            Box::new(|books| books.order("alan", |order| order.payment.refunds.clear())),
        ),
        (
            "two refunds with the sum of one",
            Money,
            Box::new(|books| {
                books.order("alan", |order| {
                    let made = &mut order.payment.refunds[0];
                    made.amount.amount_minor -= 1;
                    let rest = Refund { id: RefundId::derive("rest"), amount: eur(1), ..made.clone() };
                    order.payment.refunds.push(rest);
                });
            }),
        ),
        (
            "another refund of the same amount",
            Money,
            Box::new(|books| {
                books.order("alan", |order| order.payment.refunds[0].id = RefundId::derive("another"));
            }),
        ),
        (
            "a refund wrongly marked as returned by the bank",
            Money,
            Box::new(|books| {
                books.order("alan", |order| {
                    order.payment.refunds[0].state = RefundState::Failed;
                    order.payment.state = PaymentState::Captured;
                });
            }),
        ),
        (
            "an order with a pending payment",
            Settled,
            Box::new(|books| books.order("grace", |order| order.payment.state = PaymentState::Unknown)),
        ),
        (
            "a refund that was never completed",
            Settled,
            Box::new(|books| {
                books.order("alan", |order| order.payment.refunds[0].state = RefundState::Requested);
            }),
        ),
        (
            "an order that stays due forever",
            Settled,
            Box::new(|books| books.order("ada", |order| order.due_at = Some(order.placed_at))),
        ),
        (
            "an order that was not announced",
            Announced,
            Box::new(|books| "order.paid".clone_into(&mut books.placed_of("ada").topic)),
        ),
        (
            "an order that was announced twice",
            Announced,
            Box::new(|books| {
                let again = books.placed_of("ada").clone();
                books.0.push(AuditRecord::Message(again));
            }),
        ),
        (
            "a message about an order that does not exist",
            Announced,
            Box::new(|books| books.placed_of("ada").subject = OrderId::derive("nobody's").to_string()),
        ),
        (
            "a total that is not the sum",
            Totals,
            Box::new(|books| books.order("grace", |order| order.total.amount_minor += 1)),
        ),
        (
            "a line that is not in the total",
            Totals,
            Box::new(|books| {
                books.order("ada", |order| {
                    let line = order.lines[0].clone();
                    order.lines.push(line);
                });
            }),
        ),
    ];
    let mut found = BTreeSet::new();
    for (name, invariant, corrupt) in cases {
        let mut corrupted = books.clone();
        corrupt(&mut corrupted);
        let violations = audit_settled(&shop, &corrupted).await.violations;
        assert!(violations.iter().any(|found| found.invariant == invariant), "{name}: {violations:?}");
        assert!(violations.iter().all(|found| !found.subject.is_empty() && !found.to_string().is_empty()), "{name}");
        found.insert(invariant);
    }
    assert_eq!(found.len(), 6, "each invariant was violated");
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records", self.0.len())
    }
}

async fn an_open_order_is_a_violation_only_if_all_should_be_settled(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 20).await;
    let mut client = shop.visitor("ada");
    client.add("KETTLE", 2).await;
    assert_eq!(client.check_out("k", "card_requires_action").await.status, StatusCode::ACCEPTED);
    let audited = async |settled| {
        let report = audit(&*shop.store, &shop.provider, settled, shop.clock.now()).await.expect("the books are read");
        report.violations.into_iter().map(|violation| violation.invariant).collect::<Vec<_>>()
    };
    assert_eq!(audited(false).await, []);
    assert_eq!(audited(true).await, [Invariant::Settled]);
    // The provider captures a payment without the order.
    let intent_id = shop.orders().await[0].payment.intent_id.clone().expect("an intent");
    shop.settle().await;
    assert_eq!(audited(true).await, []);
    let late = shop.ledger.execute("late", Command::Capture { intent_id });
    assert!(late.is_err(), "a canceled intent stays canceled: {late:?}");
}
