//! Faults of DynamoDB (conflicts, throttling, errors, lost responses) in every use case that writes: clients that retry with the same
//! key get each effect once, and the number of requests per call is bounded.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use shopease_shop::domain::{OrderId, OrderState, Quantity, StockChange, Token};
use shopease_shop::services::{
    AddLineItem, Caller, Carts as _, Checkout as _, CorrectStock, Operations as _, OrderView, PlaceOrder, ProductStock,
    RefundAmount, RefundOrder, ViewCart,
};
use shopease_shop::testing::{SeededRandom, fixtures};
use shopease_shop::{ShopError, ShopResult};
use shopease_storage::testing::{Faults, on_faulty_dynamodb};

use crate::harness::{TestShop, scale};

/// Concurrent shoppers.
const SHOPPERS: u64 = 16;
/// Total calls, a quarter of them at each fault rate.
const CALLS: u32 = 2_000;
const PERCENT: [u32; 4] = [5, 15, 30, 50];
/// Maximum requests per call, which makes about twenty without faults: retries must not multiply across layers.
const MOST_REQUESTS: u64 = 80;
const INITIAL: u32 = 1_000_000;
const SKUS: [&str; 3] = ["KETTLE", "LAMP", "STOVE"];

/// A returning visitor, and an operator who processes the visitor's orders.
struct Shopper {
    shop: Arc<TestShop>,
    operator: Caller,
    faults: Faults,
    name: String,
    random: SeededRandom,
    calls: Arc<AtomicU32>,
    percent: u32,
    most_requests: u64,
    /// The variant to correct, and its expected received units.
    variant: String,
    corrected: u32,
    /// Refunded minor units of each order reported as paid.
    told: BTreeMap<OrderId, i64>,
}

impl Shopper {
    /// Retries until there is a response, like a client with a key.
    async fn insist<T>(&mut self, ask: impl AsyncFn(&TestShop) -> ShopResult<T>) -> ShopResult<T> {
        for attempt in 1..=500 {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let before = self.faults.requests();
            // If half of all requests fail, a use case of ten requests hardly ever succeeds, so faults pause now and then.
            if attempt % 10 == 0 {
                self.faults.set_percent(0);
            }
            let answer = ask(&self.shop).await;
            self.faults.set_percent(self.percent);
            self.most_requests = self.most_requests.max(self.faults.requests() - before);
            match answer {
                Err(ShopError::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(ShopError::IdempotencyKeyInUse { .. }) => self.shop.clock.advance(time::Duration::seconds(31)),
                answer => return answer,
            }
        }
        panic!("{}: no answer", self.name)
    }

    /// A visitor fills a cart and orders it; then an operator refunds it or corrects stock.
    async fn visit(&mut self, number: u32) {
        let token = fixtures::visitor_token(&format!("{} {number}", self.name));
        // Declined cards of others delay nobody.
        let address = Some(Ipv4Addr::from_bits(0x0a00_0000 + number).into());
        let visitor = Caller { address, ..Caller::new(token) };
        let mut cart = BTreeMap::new();
        for part in 0..=self.random.below(3) {
            let (code, units) = (self.random.pick(&SKUS), 1 + u32::try_from(self.random.below(3)).expect("few"));
            let (before, quantity) = (cart.get(code).copied().unwrap_or(0), Quantity::new(units).expect("a few"));
            for again in 0.. {
                let command = AddLineItem { sku: fixtures::sku(code), quantity, client_key: None };
                let key = format!("part-{part}-{again}");
                match self
                    .insist(async |shop| {
                        shop.local
                            .add_line_item(&visitor, AddLineItem { client_key: Some(key.clone()), ..command.clone() })
                            .await
                    })
                    .await
                {
                    Ok(_) => break,
                    // The outcome is unknown, so the shopper polls the order.
                    Err(ShopError::Conflict) => {}
                    Err(error) => panic!("{error:?}"),
                }
                let seen =
                    self.insist(async |shop| shop.local.view_cart(&visitor, ViewCart).await).await.expect("a cart");
                let seen = seen.lines.iter().find(|line| line.line.sku.as_str() == code);
                match seen.map_or(0, |line| line.line.quantity.get()) {
                    found if found == before + units => break,
                    found => assert_eq!(found, before, "{}: once or not at all", self.name),
                }
            }
            *cart.entry(code.to_owned()).or_default() += units;
        }
        let approved = self.random.below(5) > 0;
        let command = PlaceOrder {
            email: "ada@example.com".parse().expect("an address"),
            details: fixtures::order_details(),
            shipping_method: "standard".to_owned(),
            payment_method: if approved { "card_approved" } else { "card_declined" }.to_owned(),
            expected_total: None,
            terms_version: None,
            client_key: String::new(),
        };
        match self
            .insist(async |shop| {
                shop.local
                    .place_order(&visitor, PlaceOrder { client_key: "the-key".to_owned(), ..command.clone() })
                    .await
            })
            .await
        {
            Ok(order) => {
                assert!(approved, "{order:?}");
                let ordered: BTreeMap<String, u32> =
                    order.lines.iter().map(|line| (line.sku.to_string(), line.quantity.get())).collect();
                assert_eq!(ordered, cart, "{} {number}: what was put in is what is ordered", self.name);
                self.told.insert(order.id.clone(), 0);
                self.refund(&order).await;
            }
            Err(ShopError::PaymentDeclined { .. }) => assert!(!approved),
            Err(error) => panic!("{error:?}"),
        }
        self.correct().await;
    }

    /// Corrects the stock of the visitor's own variant.
    async fn correct(&mut self) {
        let (units, operator) = (1 + u32::try_from(self.random.below(9)).expect("few"), self.operator.clone());
        let change = StockChange::Adjust(i32::try_from(units).expect("few"));
        let (sku, before) = (fixtures::sku(&self.variant), self.corrected);
        self.corrected += units;
        for again in 0.. {
            let key = format!("{}-{before}-{again}", self.variant);
            let command = CorrectStock { sku: sku.clone(), change, client_key: None };
            match self
                .insist(async |shop| {
                    shop.local
                        .correct_stock(&operator, CorrectStock { client_key: Some(key.clone()), ..command.clone() })
                        .await
                })
                .await
            {
                Ok(_) => return,
                Err(ShopError::Conflict) => {}
                Err(error) => panic!("{error:?}"),
            }
            let handle = fixtures::handle(&self.variant.to_lowercase());
            let seen = self
                .insist(async |shop| shop.local.product_stock(&operator, ProductStock { handle: handle.clone() }).await)
                .await
                .expect("stock");
            match seen[0].level.as_ref().expect("a level").received {
                found if found == self.corrected => return,
                found => assert_eq!(found, before, "{}: once or not at all", self.name),
            }
        }
    }

    async fn refund(&mut self, order: &OrderView) {
        // An order reported as pending is paid later.
        if order.state != OrderState::Paid {
            return;
        }
        let operator = self.operator.clone();
        for number in 0..self.random.below(3) {
            let command = RefundOrder {
                id: order.id.clone(),
                amount: RefundAmount::Exactly(fixtures::eur(100)),
                client_key: format!("refund-{number}"),
            };
            let refunded = self.insist(async |shop| shop.local.refund_order(&operator, command.clone()).await).await;
            refunded.expect("money is left");
            *self.told.entry(order.id.clone()).or_default() += 100;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_duplicate_nothing_and_retries_end() {
    let seed = 31_337;
    println!("seed {seed}");
    let faults = Faults::new(seed);
    on_faulty_dynamodb(&faults.clone(), |store| async move {
        let shop = Arc::new(TestShop::new(store));
        for code in SKUS {
            shop.sell(&fixtures::product(&code.to_lowercase()).build(), INITIAL).await;
        }
        let operator = Caller::new(Token::parse(&shop.operator().await.token()).expect("a session"));
        let calls = Arc::new(AtomicU32::new(0));
        let mut shoppers: Vec<Shopper> = (0..SHOPPERS)
            .map(|number| Shopper {
                shop: Arc::clone(&shop),
                operator: operator.clone(),
                faults: faults.clone(),
                name: format!("shopper {number}"),
                random: SeededRandom::new(seed + number),
                calls: Arc::clone(&calls),
                percent: 0,
                most_requests: 0,
                variant: format!("SKU-{number}"),
                corrected: 1,
                told: BTreeMap::new(),
            })
            .collect();
        for shopper in &shoppers {
            shop.sell(&fixtures::product(&shopper.variant.to_lowercase()).build(), 1).await;
        }
        let mut visits = 0;
        for (phase, percent) in (1..).zip(PERCENT) {
            faults.set_percent(percent);
            for shopper in &mut shoppers {
                shopper.percent = percent;
            }
            while calls.load(Ordering::SeqCst) < phase * scale() * CALLS / 4 {
                visits += 1;
                join_all(shoppers.iter_mut().map(|shopper| shopper.visit(visits))).await;
            }
        }
        // Sequentially, so that requests can be counted.
        println!("{} calls, {} faults", calls.load(Ordering::SeqCst), faults.faults());
        let one = &mut shoppers[0];
        one.most_requests = 0;
        for _ in 0..10 * scale() {
            visits += 1;
            one.visit(visits).await;
        }
        let (most, met, sent) = (one.most_requests, faults.faults(), faults.requests());
        println!("{} calls, {met} faults in {sent} requests, at most {most} in one call", calls.load(Ordering::SeqCst));
        assert!(most <= MOST_REQUESTS, "{most} requests in one call");
        faults.set_percent(0);
        shop.settle().await;
        shop.assert_books_agree().await;
        for shopper in &shoppers {
            let sku = fixtures::sku(&shopper.variant);
            let level = shop.store.find_stock_levels(&[sku]).await.expect("a level").remove(0);
            assert_eq!(level.received, shopper.corrected, "{}: each correction once", shopper.variant);
        }
        let paid: BTreeMap<OrderId, i64> = shop
            .orders()
            .await
            .into_iter()
            .filter(|order| order.state == OrderState::Paid)
            .map(|order| (order.id.clone(), order.payment.refunded_minor()))
            .collect();
        let told: BTreeMap<OrderId, i64> = shoppers.into_iter().flat_map(|shopper| shopper.told).collect();
        assert_eq!(paid, told, "each order and each refund once");
    })
    .await;
}
