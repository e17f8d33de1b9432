//! Shoppers who order while the database has trouble, and come again as they are told to: what they were told, and whether
//! all of it was fit to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::attempt::{Attempt, check};
use crate::shopper::{Answer, Shopper};
use crate::site::{SKUS, Shop, Site};

/// Shoppers at once.
const SHOPPERS: usize = 16;
/// Longest time until a shopper who comes again and again has an answer: the lease of a lost checkout, and then some.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Longest time until the shop is well again after the trouble is over.
const RECOVERY: Duration = Duration::from_secs(10);

/// They come when it is made.
pub struct Crowd {
    told: Arc<Told>,
    shoppers: Vec<JoinHandle<Vec<Attempt>>>,
    /// Those who tried whether the shop is well.
    testers: Mutex<Vec<Attempt>>,
    /// For more of them.
    tester: Shopper,
    url: String,
}

/// What they were told.
#[derive(Default)]
struct Told {
    over: AtomicBool,
    ordered: AtomicUsize,
    answers: Mutex<BTreeMap<String, usize>>,
    unfit: Mutex<Vec<String>>,
}

impl Crowd {
    /// Shoppers of a shop.
    pub fn of(site: &Site, shop: &Shop) -> Self {
        let told = Arc::new(Told::default());
        let tester = Shopper::new(site);
        let shoppers = (0..SHOPPERS).map(|number| {
            let (shopper, told, url) = (tester.another(), Arc::clone(&told), shop.url.clone());
            tokio::spawn(async move {
                let mut attempts = Vec::new();
                while !told.over.load(Ordering::SeqCst) {
                    let key = format!("{number}-{}", attempts.len());
                    attempts.push(told.shop(&url, shopper.another(), key, number + attempts.len()).await);
                }
                attempts
            })
        });
        Self { shoppers: shoppers.collect(), told, testers: Mutex::default(), tester, url: shop.url.clone() }
    }

    /// How many orders were promised so far.
    pub fn ordered(&self) -> usize {
        self.told.ordered.load(Ordering::SeqCst)
    }

    /// Waits until there is this many promised orders.
    pub async fn until_ordered(&self, orders: usize) {
        let begun = Instant::now();
        while self.ordered() < orders {
            assert!(begun.elapsed() < TIMEOUT, "{} of {orders} orders: {:?}", self.ordered(), self.told);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How long it takes until the shop says that it is ready and somebody new has ordered something.
    pub async fn until_well(&self) -> Duration {
        let begun = Instant::now();
        loop {
            let (shopper, key, card) = (self.tester.another(), "test".to_owned(), "card_approved");
            let answer = self.order_something(&shopper, &key, card).await;
            let well = answer.as_ref().is_some_and(|answer| answer.states().0 == "paid");
            assert!(well || begun.elapsed() < RECOVERY, "the shop is not well again: {answer:?}, {:?}", self.told);
            self.testers.lock().expect("whole").push(Attempt { shopper, key, card, answer });
            if well {
                return begun.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The answer to an order, or to what was asked before and failed.
    async fn order_something(&self, shopper: &Shopper, key: &str, card: &str) -> Option<Answer> {
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

    /// Nobody begins anything new; who has begun stays until there is an answer.
    pub async fn leave(self) -> Visits {
        self.told.over.store(true, Ordering::SeqCst);
        let mut attempts = self.testers.into_inner().expect("whole");
        for shopper in self.shoppers {
            attempts.extend(shopper.await.expect("a shopper"));
        }
        Visits { attempts, told: self.told }
    }
}

/// What is left of a crowd.
pub struct Visits {
    attempts: Vec<Attempt>,
    told: Arc<Told>,
}

impl Visits {
    /// Waits until the shop's own worker has told of every promised order.
    pub async fn until_announced(&self, site: &Site) {
        let begun = Instant::now();
        let promised: Vec<String> = self.attempts.iter().filter_map(Attempt::promised).map(Answer::order_id).collect();
        loop {
            let events = site.receiver.events().into_iter().filter(|(topic, _)| topic == "order.placed");
            let told: BTreeSet<String> = events.map(|(_, order_id)| order_id).collect();
            let missing = promised.iter().filter(|order_id| !told.contains(*order_id)).count();
            if missing == 0 {
                return;
            }
            assert!(begun.elapsed() < RECOVERY, "the worker has not told of {missing} of {} orders", promised.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sees, on a site at rest, that everybody was told what is fit and true: who came again until there was an answer
    /// has one order, of what was in the cart; who did not has one at most.
    pub async fn check(&self, site: &Site) {
        for (answer, times) in &*self.told.answers.lock().expect("whole") {
            println!("{times:>6} x {answer}");
        }
        let unfit = self.told.unfit.lock().expect("whole").clone();
        assert!(unfit.is_empty(), "{} unfit answers: {unfit:#?}", unfit.len());
        let gone = self.attempts.iter().filter(|attempt| attempt.answer.is_none()).count();
        println!("{} checkouts, {gone} of them given up", self.attempts.len());
        let orders = check(site, &self.attempts).await;
        // Each cart held a unit each of two variants of one price, however often they were put in under one key.
        let totals: BTreeSet<String> = orders.iter().map(|order| order["total"].to_string()).collect();
        assert_eq!(totals.len(), 1, "{totals:?}");
    }
}

impl Told {
    /// Somebody new fills a cart and orders it. Every fourth goes away at the first trouble, the others stay.
    async fn shop(&self, url: &str, shopper: Shopper, key: String, number: usize) -> Attempt {
        let stays = number % 4 != 3;
        let card = if number % 5 == 4 { "card_requires_action" } else { "card_approved" };
        let answer = async {
            self.fit("page", "text/html", shopper.visit(url, "/cart").await);
            for (place, sku) in [SKUS[number % 2], SKUS[2 + number % 2]].into_iter().enumerate() {
                let add_key = format!("{key}-{place}");
                self.until_done("cart", stays, || shopper.add_once(url, &add_key, sku)).await?;
            }
            self.until_done("order", stays, || shopper.check_out(url, &key, card)).await
        };
        let answer = answer.await;
        self.ordered.fetch_add(usize::from(answer.is_some()), Ordering::SeqCst);
        Attempt { shopper, key, card, answer }
    }

    /// Asks until it is done, or once.
    async fn until_done<F>(&self, what: &str, stays: bool, ask: impl Fn() -> F) -> Option<Answer>
    where
        F: Future<Output = Option<Answer>>,
    {
        let begun = Instant::now();
        loop {
            let answer = self.fit(what, "application/problem+json", ask().await)?;
            if answer.status < 300 {
                return Some(answer);
            }
            if !stays {
                return None;
            }
            if begun.elapsed() > TIMEOUT {
                self.unfit(format!("{what}: still no answer but {answer:?}"));
                return None;
            }
            tokio::time::sleep(answer.retry_after.map_or(Duration::from_millis(50), Duration::from_secs)).await;
        }
    }

    /// An answer that may be given: done, someone else was first, or come again and when. All else is kept as unfit.
    fn fit(&self, what: &str, problem_type: &str, answer: Option<Answer>) -> Option<Answer> {
        let Some(answer) = answer else {
            self.unfit(format!("{what}: the connection broke"));
            return None;
        };
        let kind = answer.body["type"].as_str().unwrap_or_default().to_owned();
        *self.answers.lock().expect("whole").entry(format!("{what} {} {kind}", answer.status)).or_default() += 1;
        let fit = match answer.status {
            200..300 => true,
            409 => matches!(&*kind, "/problems/conflict" | "/problems/idempotency-key-in-use"),
            503 => {
                answer.retry_after.is_some_and(|seconds| seconds > 0) && answer.content_type.starts_with(problem_type)
            }
            _ => false,
        };
        if !fit {
            self.unfit(format!("{what}: {answer:?}"));
        }
        fit.then_some(answer)
    }

    fn unfit(&self, answer: String) {
        self.unfit.lock().expect("whole").push(answer);
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, unfit: {:?}", self.answers, self.unfit)
    }
}
