//! `kill -9` at each named point of a checkout, a refund, and the worker. Whether or not the client retries with its
//! key, the worker finishes the order, money is captured once and only for paid orders, and no key has two orders.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::shopper::Shopper;
use crate::site::{SKUS, Site, Store, assert_aborted};

crate::both_stores!(a_shop_killed_at_any_point_loses_no_order_and_no_money);

/// Points of a successful checkout: T1, then a request and a write each for create, confirm, and capture.
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
/// Additional points of a checkout whose card is declined: the decline is written, the intent canceled.
const DECLINED: [&str; 7] = [
    "after-provider:2",
    "before-step:2",
    "after-step:2",
    "before-provider:3",
    "after-provider:3",
    "before-step:3",
    "after-step:3",
];
/// Points of a checkout whose bank requires confirmation.
const ASKED: [&str; 4] = ["before-provider:2", "after-provider:2", "before-step:2", "after-step:2"];
/// Points of a refund before the request is stored: the provider is queried for earlier refunds.
const NO_WISH_YET: [&str; 2] = ["before-provider:1", "before-step:1"];
/// All points of a refund: the request is stored, the provider called, the refund stored.
const REFUND: [&str; 7] = [
    NO_WISH_YET[0],
    NO_WISH_YET[1],
    "after-step:1",
    "before-provider:2",
    "after-provider:1",
    "before-step:2",
    "after-step:2",
];
/// Points of a worker that finishes an order whose capture was never requested.
const WORKER: [&str; 6] = [
    "worker-before-resume",
    "before-provider:1",
    "after-provider:1",
    "before-step:1",
    "after-step:1",
    "worker-after-deliver",
];
/// Points of a worker that cancels an order whose authorization has expired.
const HOLD_ENDS: [&str; 5] = ["before-step:1", "after-step:1", "after-provider:1", "before-step:2", "after-step:2"];
/// Points of a checkout after which nothing runs until the authorization has expired. An authorization is released; a
/// captured amount is kept, and the order is paid.
const LONG_GONE: [(&str, End); 5] = [
    ("after-provider:1", End::Cancelled),
    ("before-provider:2", End::Cancelled),
    ("after-provider:2", End::Cancelled),
    ("before-provider:3", End::Cancelled),
    ("after-provider:3", End::Paid),
];

/// The expected final state of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NoOrder,
    Paid,
    Refunded,
    Cancelled,
}

/// A shopper whose only key was affected by a crash.
struct Case {
    name: String,
    shopper: Shopper,
    key: String,
    card: &'static str,
    end: End,
}

struct Run {
    site: Site,
    /// Counts points: every other client retries, and on the other store the opposite ones.
    number: usize,
    cases: Vec<Case>,
}

async fn a_shop_killed_at_any_point_loses_no_order_and_no_money(store: Store) {
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
    run.crash_while_authorizations_expire().await;
    run.crash_and_nothing_runs_until_the_authorization_expires().await;
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
        let retries = self.number.is_multiple_of(2);
        let end = match card {
            _ if point == "before-place" && !retries => End::NoOrder,
            "card_approved" => End::Paid,
            // A client that retries also confirms at the bank.
            "card_requires_action" if retries => End::Paid,
            _ => End::Cancelled,
        };
        let name = format!("{card} {point}{}", if retries { " retried" } else { "" });
        let shop = self.site.serve(&[("SHOPEASE_FAILPOINT", point)]).await;
        let sku = SKUS[self.number % SKUS.len()];
        let case = self.case(name.clone(), card, end);
        let (shopper, key) = (case.shopper.clone(), case.key.clone());
        assert_eq!(shopper.add(&shop.url, sku).await.map(|response| response.status), Some(201), "{name}");
        let response = shopper.check_out(&shop.url, &key, card).await;
        assert!(response.is_none(), "{name}: {response:?}");
        shop.has_crashed().await;
        if retries {
            self.retry(&name, &shopper, &key, card).await;
        }
        self.settle(&name).await;
    }

    /// Retries with the key when the lease of the first request has expired.
    async fn retry(&self, name: &str, shopper: &Shopper, key: &str, card: &str) {
        self.site.pass_time(31);
        let shop = self.site.serve(&[]).await;
        let response = shopper.check_out(&shop.url, key, card).await.expect("a response");
        match card {
            "card_approved" => assert_eq!((response.status, response.states()), (201, ("paid", "captured")), "{name}"),
            "card_declined" => assert_eq!(response.status, 422, "{name}: {response:?}"),
            _ => {
                assert_eq!((response.status, response.states()), (202, ("pending", "requires_action")), "{name}");
                shopper.approve(response.body["payment_action_url"].as_str().expect("the bank's page")).await;
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
            shopper.add(&shop.url, SKUS[0]).await.expect("a response");
            let response = shopper.check_out(&shop.url, &key, "card_approved").await.expect("a response");
            orders.push((point, response.order_id(), self.cases.len() - 1));
        }
        shop.kill();
        for (point, order_id, case) in orders {
            self.number += 1;
            let retries = self.number.is_multiple_of(2);
            if NO_WISH_YET.contains(&point) && !retries {
                self.cases[case].end = End::Paid;
            }
            let shop = self.site.serve(&[("SHOPEASE_FAILPOINT", point)]).await;
            let response = operator.refund(&shop.url, &order_id, "refund", None).await;
            assert!(response.is_none(), "refund {point}: {response:?}");
            shop.has_crashed().await;
            if retries {
                let shop = self.site.serve(&[]).await;
                let response = operator.refund(&shop.url, &order_id, "refund", None).await.expect("a response");
                assert_eq!(response.status, 201, "refund {point}: {response:?}");
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
            shopper.add(&shop.url, SKUS[1]).await.expect("a response");
            assert!(shopper.check_out(&shop.url, &key, "card_approved").await.is_none());
            shop.has_crashed().await;
            self.site.pass_time(61);
            assert_aborted(self.site.work(point).await.status);
            self.settle(&format!("worker {point}")).await;
        }
    }

    async fn crash_while_authorizations_expire(&mut self) {
        for point in HOLD_ENDS {
            let shop = self.site.serve(&[]).await;
            let case = self.case(format!("authorization expires {point}"), "card_requires_action", End::Cancelled);
            let (shopper, key) = (case.shopper.clone(), case.key.clone());
            shopper.add(&shop.url, SKUS[2]).await.expect("a response");
            let response = shopper.check_out(&shop.url, &key, "card_requires_action").await.expect("a response");
            assert_eq!(response.status, 202, "{response:?}");
            shop.kill();
            self.site.pass_time(31 * 60);
            assert_aborted(self.site.work(point).await.status);
            self.settle(&format!("authorization expires {point}")).await;
        }
    }

    async fn crash_and_nothing_runs_until_the_authorization_expires(&mut self) {
        for (point, end) in LONG_GONE {
            let shop = self.site.serve(&[("SHOPEASE_FAILPOINT", point)]).await;
            let case = self.case(format!("long gone {point}"), "card_approved", end);
            let (shopper, key) = (case.shopper.clone(), case.key.clone());
            shopper.add(&shop.url, SKUS[3]).await.expect("a response");
            assert!(shopper.check_out(&shop.url, &key, "card_approved").await.is_none());
            shop.has_crashed().await;
            self.site.pass_time(31 * 60);
            self.settle(&format!("long gone {point}")).await;
        }
    }

    /// Lets the worker finish, and checks the expected number of orders and captures.
    async fn settle(&self, name: &str) {
        let report = self.site.settle().await;
        let orders = self.cases.iter().filter(|case| case.end != End::NoOrder).count();
        assert_eq!(report["orders"], orders, "{name}");
    }

    /// Checks that every shopper has the expected order, and that the provider's ledger has exactly these payments.
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
            let expected = if *end == End::Paid { "paid" } else { "cancelled" };
            assert_eq!(order["state"], expected, "{name}: {order}");
            let capture = captures.remove(id);
            assert_eq!(capture.is_some(), *end != End::Cancelled, "{name}: {capture:?}");
            if let Some(capture) = capture {
                let refunded = if *end == End::Refunded { &order["total"]["amount_minor"] } else { &Value::from(0) };
                assert_eq!(capture["captures"], 1, "{name}: {capture}");
                assert_eq!(capture["captured"], order["total"], "{name}");
                assert_eq!(&capture["refunded"]["amount_minor"], refunded, "{name}");
                assert!(events.contains(&("order.paid".to_owned(), id.to_owned())), "{name}: no event was published");
            }
            assert!(events.contains(&("order.placed".to_owned(), id.to_owned())), "{name}: no event was published");
            // The key still returns its result, and nothing new happens.
            let again = shopper.check_out(&shop.url, key, card).await.expect("a response");
            match again.status {
                201 => assert_eq!(again.order_id(), id, "{name}"),
                status => assert_eq!((status, *card), (422, "card_declined"), "{name}: {again:?}"),
            }
            assert_eq!(shopper.orders(&shop.url).await.len(), 1, "{name}");
        }
        assert!(captures.is_empty(), "captured without an order: {captures:?}");
        shop.kill();
        println!("{} crashes, {} seconds in the future", self.cases.len(), self.site.ahead());
    }
}
