//! `kill -9` at random moments while shoppers buy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shopease_shop::testing::SeededRandom;

use crate::attempt::{Attempt, check};
use crate::shopper::Shopper;
use crate::site::{SCARCE, SKUS, Site, Store};

crate::both_stores!(a_shop_killed_while_shoppers_buy_keeps_all_confirmed_orders);

const ROUNDS: u32 = 3;
const BUYERS: usize = 8;
const CARDS: [&str; 4] = ["card_approved", "card_approved", "card_declined", "card_requires_action"];

async fn a_shop_killed_while_shoppers_buy_keeps_all_confirmed_orders(store: Store) {
    let mut random = SeededRandom::new(crate::seed());
    let mut site = Site::open(store).await;
    let (mut attempts, mut lost) = (Vec::new(), 0);
    for round in 0..ROUNDS * crate::scale() {
        let wait = Duration::from_millis(300 + random.number() % 2_500);
        let mut made = under_load(&site, round, wait).await;
        lost += made.iter().filter(|attempt| attempt.response.is_none()).count();
        if round % 3 == 2 {
            site.crash_provider().await;
        }
        // Half of the shoppers without a response retry.
        site.pass_time(31);
        let shop = site.serve(&[]).await;
        for attempt in made.iter_mut().filter(|attempt| attempt.response.is_none()) {
            if random.below(2) == 0 {
                let response =
                    attempt.shopper.check_out(&shop.url, &attempt.key, attempt.card).await.expect("a response");
                assert!(response.status < 500 && response.status != 404, "round {round}: {response:?}");
                attempt.response = Some(response);
            }
        }
        attempts.extend(made);
        shop.kill();
        site.settle().await;
    }
    check(&site, &attempts).await;
    println!("{} checkouts, {lost} without a response", attempts.len());
    site.close().await;
}

/// Buyers buy, each time as a new visitor, until the shop is killed.
pub async fn under_load(site: &Site, round: u32, wait: Duration) -> Vec<Attempt> {
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
                    let response = shopper.check_out(&url, &key, card).await;
                    if let Some(response) = &response {
                        // Sold out is the only other acceptable response.
                        assert!(matches!(response.status, 201 | 202 | 409 | 422), "{response:?}");
                    }
                    made.push(Attempt { shopper, key, card, response });
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
        attempts.extend(buyer.await.expect("the buyer succeeds"));
    }
    attempts
}
