//! `kill -9` at random moments while shoppers buy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shopease_shared::ports::{IdGenerator as _, SystemIds};

use crate::shopper::Shopper;
use crate::site::{SCARCE, SKUS, Site, Store};

crate::both_stores!(a_shop_that_is_killed_while_shoppers_buy_keeps_its_promises);

const ROUNDS: u32 = 3;
const BUYERS: usize = 8;
const CARDS: [&str; 4] = ["card_approved", "card_approved", "card_declined", "card_requires_action"];

/// What a buyer knows of one checkout.
struct Attempt {
    shopper: Shopper,
    key: String,
    card: &'static str,
    /// The order that the shop said is paid.
    paid: Option<String>,
    /// Whether the shop answered at all.
    answered: bool,
}

async fn a_shop_that_is_killed_while_shoppers_buy_keeps_its_promises(store: Store) {
    let seed = u64::from_be_bytes(SystemIds.secret()[..8].try_into().expect("eight"));
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let mut site = Site::open(store).await;
    let (mut attempts, mut lost) = (Vec::new(), 0);
    for round in 0..ROUNDS * crate::scale() {
        let wait = Duration::from_millis(300 + dice.below(2_500));
        let made = under_load(&site, round, wait).await;
        lost += made.iter().filter(|attempt| !attempt.answered).count();
        attempts.extend(made);
        if round % 3 == 2 {
            site.crash_provider().await;
        }
        // Half of those who got no answer come again.
        site.pass_time(31);
        let shop = site.serve(&[]).await;
        for attempt in attempts.iter_mut().filter(|attempt| !attempt.answered) {
            attempt.answered = true;
            if dice.below(2) == 0 {
                let answer = attempt.shopper.check_out(&shop.url, &attempt.key, attempt.card).await.expect("an answer");
                assert!(answer.status < 500 && answer.status != 404, "round {round}: {answer:?}");
                attempt.paid = (answer.states().0 == "paid").then(|| answer.order_id());
            }
        }
        shop.kill();
        site.settle().await;
    }
    check(&site, &attempts).await;
    println!("{} checkouts, {lost} without an answer, seed {seed}", attempts.len());
    site.close().await;
}

/// Buyers buy, each with a new visitor each time, until the shop is killed.
async fn under_load(site: &Site, round: u32, wait: Duration) -> Vec<Attempt> {
    let shop = site.serve(&[]).await;
    let over = Arc::new(AtomicBool::new(false));
    let buyers: Vec<_> = (0..BUYERS)
        .map(|buyer| {
            let (http, url, over) = (Shopper::new(site), shop.url.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut made = Vec::new();
                while !over.load(Ordering::SeqCst) {
                    let number = made.len();
                    let (shopper, card) = (http.another(), CARDS[(buyer + number) % CARDS.len()]);
                    let sku = if number % 4 == 3 { SCARCE } else { SKUS[(buyer / 2 + number) % SKUS.len()] };
                    let (Some(_), Some(_)) = (shopper.add(&url, SKUS[0]).await, shopper.add(&url, sku).await) else {
                        break;
                    };
                    let key = format!("{round}-{buyer}-{number}");
                    let answer = shopper.check_out(&url, &key, card).await;
                    let answered = answer.is_some();
                    if let Some(answer) = &answer {
                        // Sold out is the only other thing that may be said.
                        assert!(matches!(answer.status, 201 | 202 | 409 | 422), "{answer:?}");
                    }
                    let paid = answer.filter(|answer| answer.states().0 == "paid").map(|answer| answer.order_id());
                    made.push(Attempt { shopper, key, card, paid, answered });
                }
                made
            })
        })
        .collect();
    tokio::time::sleep(wait).await;
    over.store(true, Ordering::SeqCst);
    shop.kill();
    let mut attempts = Vec::new();
    for buyer in buyers {
        attempts.extend(buyer.await.expect("the buyer is content"));
    }
    attempts
}

/// What was promised is true, nobody has two orders of one key, and money was collected for paid orders alone.
async fn check(site: &Site, attempts: &[Attempt]) {
    let shop = site.serve(&[]).await;
    let ledger = site.settled_ledger().await;
    let captures = ledger["captures"].as_array().expect("a list");
    let mut paid_orders = 0;
    for Attempt { shopper, key, paid, .. } in attempts {
        let orders = shopper.orders(&shop.url).await;
        assert!(orders.len() <= 1, "{key}: {orders:?}");
        if let Some(promised) = paid {
            let kept = orders.iter().any(|order| order["id"] == **promised && order["state"] == "paid");
            assert!(kept, "{key}: {promised} was said to be paid, there is {orders:?}");
        }
        for order in orders.iter().filter(|order| order["state"] == "paid") {
            paid_orders += 1;
            let rows: Vec<_> = captures.iter().filter(|row| row["order_id"] == order["id"]).collect();
            assert_eq!(rows.len(), 1, "{key}: {rows:?}");
            assert_eq!((&rows[0]["captures"], &rows[0]["captured"]), (&1.into(), &order["total"]), "{key}");
        }
    }
    assert_eq!(captures.len(), paid_orders, "collected for paid orders alone");
    println!("{paid_orders} orders are paid");
    shop.kill();
}

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}
