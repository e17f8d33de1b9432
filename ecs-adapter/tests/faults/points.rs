//! `kill -9` at each named point of a checkout, a refund and the worker. Whether or not the client comes again with its
//! key: the worker finishes the order, money is collected once and for paid orders alone, and no key has two orders.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::shopper::Shopper;
use crate::site::{SKUS, Site, Store, assert_aborted};

crate::both_stores!(a_shop_that_dies_at_any_point_loses_no_order_and_no_money);

/// Moments of a checkout that is paid: T1, then ask and write for create, confirm and capture.
const APPROVED: [&str; 14] = [
    "before-place",
    "after-place",
    "before-provider:1",
    "after-provider:1",
    "before-step:1",
    "after-step:1",
    "before-provider:2",
    "after-provider:2",
    "before-step:2",
    "after-step:2",
    "before-provider:3",
    "after-provider:3",
    "before-step:3",
    "after-step:3",
];
/// Moments of a checkout whose card is declined, where it differs: the refusal is written, the intent cancelled.
const DECLINED: [&str; 7] = [
    "after-provider:2",
    "before-step:2",
    "after-step:2",
    "before-provider:3",
    "after-provider:3",
    "before-step:3",
    "after-step:3",
];
/// Moments of a checkout whose bank wants to ask the shopper.
const ASKED: [&str; 4] = ["before-provider:2", "after-provider:2", "before-step:2", "after-step:2"];
/// Moments of a refund before the wish is written: the provider is asked what it has refunded before.
const NO_WISH_YET: [&str; 2] = ["before-provider:1", "before-step:1"];
/// All moments of a refund: the wish is written, the provider asked, the refund written.
const REFUND: [&str; 7] = [
    NO_WISH_YET[0],
    NO_WISH_YET[1],
    "after-step:1",
    "before-provider:2",
    "after-provider:1",
    "before-step:2",
    "after-step:2",
];
/// Moments of a worker that finishes an order whose capture was never asked for.
const WORKER: [&str; 6] = [
    "worker-before-carry-on",
    "before-provider:1",
    "after-provider:1",
    "before-step:1",
    "after-step:1",
    "worker-after-deliver",
];
/// Moments of a worker that calls off an order whose hold has ended.
const HOLD_ENDS: [&str; 5] = ["before-step:1", "after-step:1", "after-provider:1", "before-step:2", "after-step:2"];
/// Moments of a checkout after which nobody works until the hold has ended. What the bank holds by then is let go; what was
/// collected is kept, and the order is paid.
const LONG_GONE: [(&str, End); 5] = [
    ("after-provider:1", End::Cancelled),
    ("before-provider:2", End::Cancelled),
    ("after-provider:2", End::Cancelled),
    ("before-provider:3", End::Cancelled),
    ("after-provider:3", End::Paid),
];

/// What an order must have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NoOrder,
    Paid,
    Refunded,
    Cancelled,
}

/// A shopper whose only key met a crash.
struct Case {
    name: String,
    shopper: Shopper,
    key: String,
    card: &'static str,
    end: End,
}

struct Run {
    site: Site,
    /// Counts moments: every other client comes again, on the other store the others.
    number: usize,
    cases: Vec<Case>,
}

async fn a_shop_that_dies_at_any_point_loses_no_order_and_no_money(store: Store) {
    let number = usize::from(matches!(store, Store::Postgres(_)));
    let mut run = Run { site: Site::open(store).await, number, cases: Vec::new() };
    for point in APPROVED {
        run.crash_in_checkout(point, "card_approved").await;
    }
    for point in DECLINED {
        run.crash_in_checkout(point, "card_declined").await;
    }
    for point in ASKED {
        run.crash_in_checkout(point, "card_requires_action").await;
    }
    run.crash_in_refunds().await;
    run.crash_in_worker().await;
    run.crash_where_holds_end().await;
    run.crash_and_nobody_works_until_the_hold_ends().await;
    run.check_every_case().await;
    run.site.close().await;
}

impl Run {
    fn case(&mut self, name: String, card: &'static str, end: End) -> &Case {
        let shopper = Shopper::new(&self.site);
        self.cases.push(Case { key: name.replace(' ', "-"), name, shopper, card, end });
        self.cases.last().expect("just pushed")
    }

    async fn crash_in_checkout(&mut self, point: &'static str, card: &'static str) {
        self.number += 1;
        let comes_again = self.number.is_multiple_of(2);
        let end = match card {
            _ if point == "before-place" && !comes_again => End::NoOrder,
            "card_approved" => End::Paid,
            // Who comes again also answers the bank.
            "card_requires_action" if comes_again => End::Paid,
            _ => End::Cancelled,
        };
        let name = format!("{card} {point}{}", if comes_again { " again" } else { "" });
        let shop = self.site.serve(&[("SHOPEASE_FAILPOINT", point)]).await;
        let sku = SKUS[self.number % SKUS.len()];
        let case = self.case(name.clone(), card, end);
        let (shopper, key) = (case.shopper.clone(), case.key.clone());
        assert_eq!(shopper.add(&shop.url, sku).await.map(|answer| answer.status), Some(201), "{name}");
        let answer = shopper.check_out(&shop.url, &key, card).await;
        assert!(answer.is_none(), "{name}: {answer:?}");
        shop.has_crashed().await;
        if comes_again {
            self.come_again(&name, &shopper, &key, card).await;
        }
        self.settle(&name).await;
    }

    /// Comes again with the key when the lease of the first request is over.
    async fn come_again(&self, name: &str, shopper: &Shopper, key: &str, card: &str) {
        self.site.pass_time(31);
        let shop = self.site.serve(&[]).await;
        let answer = shopper.check_out(&shop.url, key, card).await.expect("an answer");
        match card {
            "card_approved" => assert_eq!((answer.status, answer.states()), (201, ("paid", "captured")), "{name}"),
            "card_declined" => assert_eq!(answer.status, 422, "{name}: {answer:?}"),
            _ => {
                assert_eq!((answer.status, answer.states()), (202, ("pending", "requires_action")), "{name}");
                shopper.approve(answer.body["payment_action_url"].as_str().expect("the bank's page")).await;
            }
        }
        shop.kill();
    }

    async fn crash_in_refunds(&mut self) {
        let shop = self.site.serve(&[]).await;
        let operator = Shopper::operator(&self.site, &shop).await;
        let mut orders = Vec::new();
        for point in REFUND {
            let case = self.case(format!("refund {point}"), "card_approved", End::Refunded);
            let (shopper, key) = (case.shopper.clone(), case.key.clone());
            shopper.add(&shop.url, SKUS[0]).await.expect("an answer");
            let answer = shopper.check_out(&shop.url, &key, "card_approved").await.expect("an answer");
            orders.push((point, answer.order_id(), self.cases.len() - 1));
        }
        shop.kill();
        for (point, order_id, case) in orders {
            self.number += 1;
            let comes_again = self.number.is_multiple_of(2);
            if NO_WISH_YET.contains(&point) && !comes_again {
                self.cases[case].end = End::Paid;
            }
            let shop = self.site.serve(&[("SHOPEASE_FAILPOINT", point)]).await;
            let answer = operator.refund(&shop.url, &order_id, "refund", None).await;
            assert!(answer.is_none(), "refund {point}: {answer:?}");
            shop.has_crashed().await;
            if comes_again {
                let shop = self.site.serve(&[]).await;
                let answer = operator.refund(&shop.url, &order_id, "refund", None).await.expect("an answer");
                assert_eq!(answer.status, 201, "refund {point}: {answer:?}");
                shop.kill();
            }
            self.settle(&format!("refund {point}")).await;
        }
    }

    async fn crash_in_worker(&mut self) {
        for point in WORKER {
            let shop = self.site.serve(&[("SHOPEASE_FAILPOINT", "before-provider:3")]).await;
            let case = self.case(format!("worker {point}"), "card_approved", End::Paid);
            let (shopper, key) = (case.shopper.clone(), case.key.clone());
            shopper.add(&shop.url, SKUS[1]).await.expect("an answer");
            assert!(shopper.check_out(&shop.url, &key, "card_approved").await.is_none());
            shop.has_crashed().await;
            self.site.pass_time(61);
            assert_aborted(self.site.work(point).await.status);
            self.settle(&format!("worker {point}")).await;
        }
    }

    async fn crash_where_holds_end(&mut self) {
        for point in HOLD_ENDS {
            let shop = self.site.serve(&[]).await;
            let case = self.case(format!("hold ends {point}"), "card_requires_action", End::Cancelled);
            let (shopper, key) = (case.shopper.clone(), case.key.clone());
            shopper.add(&shop.url, SKUS[2]).await.expect("an answer");
            let answer = shopper.check_out(&shop.url, &key, "card_requires_action").await.expect("an answer");
            assert_eq!(answer.status, 202, "{answer:?}");
            shop.kill();
            self.site.pass_time(31 * 60);
            assert_aborted(self.site.work(point).await.status);
            self.settle(&format!("hold ends {point}")).await;
        }
    }

    async fn crash_and_nobody_works_until_the_hold_ends(&mut self) {
        for (point, end) in LONG_GONE {
            let shop = self.site.serve(&[("SHOPEASE_FAILPOINT", point)]).await;
            let case = self.case(format!("long gone {point}"), "card_approved", end);
            let (shopper, key) = (case.shopper.clone(), case.key.clone());
            shopper.add(&shop.url, SKUS[3]).await.expect("an answer");
            assert!(shopper.check_out(&shop.url, &key, "card_approved").await.is_none());
            shop.has_crashed().await;
            self.site.pass_time(31 * 60);
            self.settle(&format!("long gone {point}")).await;
        }
    }

    /// Lets the worker finish, and counts: as many orders and captures as there must be by now.
    async fn settle(&self, name: &str) {
        let report = self.site.settle().await;
        let orders = self.cases.iter().filter(|case| case.end != End::NoOrder).count();
        assert_eq!(report["orders"], orders, "{name}");
    }

    /// Every shopper has the order that it must have, and the provider's ledger has these payments and no others.
    async fn check_every_case(&self) {
        let shop = self.site.serve(&[]).await;
        let ledger = self.site.settled_ledger().await;
        let captures = ledger["captures"].as_array().expect("a list");
        let mut captures: BTreeMap<&str, &Value> =
            captures.iter().map(|row| (row["order_id"].as_str().expect("an id"), row)).collect();
        let events = self.site.receiver.events();
        for Case { name, shopper, key, card, end } in &self.cases {
            let orders = shopper.orders(&shop.url).await;
            if *end == End::NoOrder {
                assert!(orders.is_empty(), "{name}: {orders:?}");
                continue;
            }
            assert_eq!(orders.len(), 1, "{name}: {orders:?}");
            let (order, id) = (&orders[0], orders[0]["id"].as_str().expect("an id"));
            let wanted = if *end == End::Paid { "paid" } else { "cancelled" };
            assert_eq!(order["state"], wanted, "{name}: {order}");
            let capture = captures.remove(id);
            assert_eq!(capture.is_some(), *end != End::Cancelled, "{name}: {capture:?}");
            if let Some(capture) = capture {
                let refunded = if *end == End::Refunded { &order["total"]["amount_minor"] } else { &Value::from(0) };
                assert_eq!(capture["captures"], 1, "{name}: {capture}");
                assert_eq!(capture["captured"], order["total"], "{name}");
                assert_eq!(&capture["refunded"]["amount_minor"], refunded, "{name}");
                assert!(events.contains(&("order.paid".to_owned(), id.to_owned())), "{name}: nobody heard of it");
            }
            assert!(events.contains(&("order.placed".to_owned(), id.to_owned())), "{name}: nobody heard of it");
            // The key still gives its answer, and nothing new.
            let again = shopper.check_out(&shop.url, key, card).await.expect("an answer");
            match again.status {
                201 => assert_eq!(again.order_id(), id, "{name}"),
                status => assert_eq!((status, *card), (422, "card_declined"), "{name}: {again:?}"),
            }
            assert_eq!(shopper.orders(&shop.url).await.len(), 1, "{name}");
        }
        assert!(captures.is_empty(), "collected for no order: {captures:?}");
        shop.kill();
        println!("{} crashes, {} seconds in the future", self.cases.len(), self.site.ahead());
    }
}
