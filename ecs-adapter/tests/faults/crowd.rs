//! Shoppers who order while the database fails, and retry as instructed: the responses that they get, and whether all
//! of them are acceptable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::attempt::{Attempt, check};
use crate::shopper::{Response, Shopper};
use crate::site::{SKUS, Shop, Site};

/// Concurrent shoppers.
const SHOPPERS: usize = 16;
/// Longest time until a shopper who retries has a result: the lease of a lost checkout, with a margin.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Longest time until the shop has recovered after the fault has ended.
const RECOVERY: Duration = Duration::from_secs(10);

/// A crowd that starts shopping when it is created.
pub struct Crowd {
    observed: Arc<Observed>,
    shoppers: Vec<JoinHandle<Vec<Attempt>>>,
    /// Shoppers who tested whether the shop had recovered.
    testers: Mutex<Vec<Attempt>>,
    /// Creates further test shoppers.
    tester: Shopper,
    url: String,
}

/// The responses that shoppers received.
#[derive(Default)]
struct Observed {
    over: AtomicBool,
    ordered: AtomicUsize,
    responses: Mutex<BTreeMap<String, usize>>,
    unexpected: Mutex<Vec<String>>,
}

impl Crowd {
    /// Starts the shoppers of a shop.
    pub fn of(site: &Site, shop: &Shop) -> Self {
        let observed = Arc::new(Observed::default());
        let tester = Shopper::new(site);
        let shoppers = (0..SHOPPERS).map(|number| {
            let (shopper, observed, url) = (tester.another(), Arc::clone(&observed), shop.url.clone());
            tokio::spawn(async move {
                let mut attempts = Vec::new();
                while !observed.over.load(Ordering::SeqCst) {
                    let key = format!("{number}-{}", attempts.len());
                    attempts.push(observed.shop(&url, shopper.another(), key, number + attempts.len()).await);
                }
                attempts
            })
        });
        Self { shoppers: shoppers.collect(), observed, testers: Mutex::default(), tester, url: shop.url.clone() }
    }

    /// Number of confirmed orders so far.
    pub fn ordered(&self) -> usize {
        self.observed.ordered.load(Ordering::SeqCst)
    }

    /// Waits until this many orders have been confirmed.
    pub async fn until_ordered(&self, orders: usize) {
        let begun = Instant::now();
        while self.ordered() < orders {
            assert!(begun.elapsed() < TIMEOUT, "{} of {orders} orders: {:?}", self.ordered(), self.observed);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Measures how long it takes until the shop is ready and a new shopper has placed an order.
    pub async fn until_recovered(&self) -> Duration {
        let begun = Instant::now();
        loop {
            let (shopper, key, card) = (self.tester.another(), "test".to_owned(), "card_approved");
            let response = self.order_something(&shopper, &key, card).await;
            let recovered = response.as_ref().is_some_and(|response| response.states().0 == "paid");
            assert!(
                recovered || begun.elapsed() < RECOVERY,
                "the shop has not recovered: {response:?}, {:?}",
                self.observed
            );
            self.testers.lock().expect("whole").push(Attempt { shopper, key, card, response });
            if recovered {
                return begun.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The response to an order, after retrying failed requests.
    async fn order_something(&self, shopper: &Shopper, key: &str, card: &str) -> Option<Response> {
        let ready = shopper.visit(&self.url, "/readyz").await?;
        if ready.status != 200 {
            return Some(ready);
        }
        for sku in &SKUS[..2] {
            let added = shopper.add(&self.url, sku).await?;
            if added.status != 201 {
                return Some(added);
            }
        }
        shopper.check_out(&self.url, key, card).await
    }

    /// Stops new orders; shoppers with an order in progress continue until it has a result.
    pub async fn leave(self) -> Visits {
        self.observed.over.store(true, Ordering::SeqCst);
        let mut attempts = self.testers.into_inner().expect("whole");
        for shopper in self.shoppers {
            attempts.extend(shopper.await.expect("a shopper"));
        }
        Visits { attempts, observed: self.observed }
    }
}

/// The results of a crowd.
pub struct Visits {
    attempts: Vec<Attempt>,
    observed: Arc<Observed>,
}

impl Visits {
    /// Waits until the shop's worker has published events of every confirmed order.
    pub async fn until_announced(&self, site: &Site) {
        let begun = Instant::now();
        let confirmed: Vec<String> =
            self.attempts.iter().filter_map(Attempt::confirmed).map(Response::order_id).collect();
        loop {
            let events = site.receiver.events().into_iter().filter(|(topic, _)| topic == "order.placed");
            let published: BTreeSet<String> = events.map(|(_, order_id)| order_id).collect();
            let missing = confirmed.iter().filter(|order_id| !published.contains(*order_id)).count();
            if missing == 0 {
                return;
            }
            assert!(
                begun.elapsed() < RECOVERY,
                "the worker has not published events of {missing} of {} orders",
                confirmed.len()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Checks, on a site at rest, that all responses were acceptable and correct: a shopper who retried until there was
    /// a result has one order with the contents of the cart; any other has at most one.
    pub async fn check(&self, site: &Site) {
        for (response, times) in &*self.observed.responses.lock().expect("whole") {
            println!("{times:>6} x {response}");
        }
        let unexpected = self.observed.unexpected.lock().expect("whole").clone();
        assert!(unexpected.is_empty(), "{} unexpected responses: {unexpected:#?}", unexpected.len());
        let abandoned = self.attempts.iter().filter(|attempt| attempt.response.is_none()).count();
        println!("{} checkouts, {abandoned} of them abandoned", self.attempts.len());
        let orders = check(site, &self.attempts).await;
        // Each cart contained one unit each of two variants with the same price, however often they were added under
        // one key.
        let totals: BTreeSet<String> = orders.iter().map(|order| order["total"].to_string()).collect();
        assert_eq!(totals.len(), 1, "{totals:?}");
    }
}

impl Observed {
    /// A new shopper fills a cart and orders it. Every fourth shopper leaves at the first failure; the others keep
    /// trying.
    async fn shop(&self, url: &str, shopper: Shopper, key: String, number: usize) -> Attempt {
        let stays = number % 4 != 3;
        let card = if number % 5 == 4 { "card_requires_action" } else { "card_approved" };
        let response = async {
            self.check("page", "text/html", shopper.visit(url, "/cart").await);
            for (place, sku) in [SKUS[number % 2], SKUS[2 + number % 2]].into_iter().enumerate() {
                let add_key = format!("{key}-{place}");
                self.until_done("cart", stays, || shopper.add_once(url, &add_key, sku)).await?;
            }
            self.until_done("order", stays, || shopper.check_out(url, &key, card)).await
        };
        let response = response.await;
        self.ordered.fetch_add(usize::from(response.is_some()), Ordering::SeqCst);
        Attempt { shopper, key, card, response }
    }

    /// Repeats a request until it succeeds, or makes it once.
    async fn until_done<F>(&self, what: &str, stays: bool, request: impl Fn() -> F) -> Option<Response>
    where
        F: Future<Output = Option<Response>>,
    {
        let begun = Instant::now();
        loop {
            let response = self.check(what, "application/problem+json", request().await)?;
            if response.status < 300 {
                return Some(response);
            }
            if !stays {
                return None;
            }
            if begun.elapsed() > TIMEOUT {
                self.report(format!("{what}: still no result but {response:?}"));
                return None;
            }
            tokio::time::sleep(response.retry_after.map_or(Duration::from_millis(50), Duration::from_secs)).await;
        }
    }

    /// Returns an acceptable response: success, conflict, or retry later with a time. Any other is recorded as
    /// unexpected.
    fn check(&self, what: &str, problem_type: &str, response: Option<Response>) -> Option<Response> {
        let Some(response) = response else {
            self.report(format!("{what}: the connection failed"));
            return None;
        };
        let kind = response.body["type"].as_str().unwrap_or_default().to_owned();
        *self.responses.lock().expect("whole").entry(format!("{what} {} {kind}", response.status)).or_default() += 1;
        let expected = match response.status {
            200..300 => true,
            409 => matches!(&*kind, "/problems/conflict" | "/problems/idempotency-key-in-use"),
            503 => {
                response.retry_after.is_some_and(|seconds| seconds > 0)
                    && response.content_type.starts_with(problem_type)
            }
            _ => false,
        };
        if !expected {
            self.report(format!("{what}: {response:?}"));
        }
        expected.then_some(response)
    }

    fn report(&self, response: String) {
        self.unexpected.lock().expect("whole").push(response);
    }
}

impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, unexpected: {:?}", self.responses, self.unexpected)
    }
}
