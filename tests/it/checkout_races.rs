//! Many orders at once, through the API: the last unit is sold once, a key orders once, a cart is ordered once.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use shopease_shared::domain::PageLimit;
use shopease_shared::testing::fixtures;
use tokio::sync::Barrier;

use crate::harness::{Answer, Client, TestShop, both_stores};

both_stores!(
    the_last_unit_is_sold_once,
    a_key_orders_once_however_often_it_is_sent,
    a_cart_in_two_tabs_is_ordered_once,
    carts_that_share_articles_sell_what_is_there_and_no_more,
);

const BUYERS: usize = 32;

/// Every client orders its cart under its key, all let go at the same moment.
async fn check_out_at_once(clients: &[Client], key: impl Fn(usize) -> String) -> Vec<Answer> {
    let gate = Arc::new(Barrier::new(clients.len()));
    let orders: Vec<_> = clients
        .iter()
        .enumerate()
        .map(|(number, client)| {
            let (mut client, key, gate) = (client.clone(), key(number), Arc::clone(&gate));
            tokio::spawn(async move {
                gate.wait().await;
                client.check_out(&key, "card_approved").await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for order in orders {
        answers.push(order.await.expect("an answer"));
    }
    answers
}

/// How many answers there are of each status and kind.
fn tally(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        let kind = if answer.status.is_success() {
            answer.status.as_u16().to_string()
        } else {
            let (status, kind) = answer.problem();
            format!("{status} {kind}")
        };
        *tally.entry(kind).or_default() += 1;
    }
    tally
}

fn expected(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
}

async fn orders(shop: &TestShop) -> usize {
    let limit = PageLimit::new(100).expect("a page size");
    shop.store.list_orders(None, limit).await.expect("the orders are read").items.len()
}

async fn the_last_unit_is_sold_once(shop: TestShop) {
    const ROUNDS: u32 = 50;
    shop.sell(&fixtures::product("kettle").build(), 1).await;
    let mut buyers: Vec<Client> = (0..BUYERS).map(|number| shop.visitor(&format!("buyer {number}"))).collect();
    for buyer in &mut buyers {
        assert_eq!(buyer.add("KETTLE", 1).await.status, StatusCode::CREATED);
    }
    for round in 1..=ROUNDS {
        let answers = check_out_at_once(&buyers, |number| format!("round-{round}-{number}")).await;
        assert_eq!(tally(&answers), expected(&[("201", 1), ("409 out-of-stock", BUYERS - 1)]), "round {round}");
        assert_eq!(shop.levels("KETTLE").await, (0, 0, round));
        for refused in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
            assert_eq!(refused.json()["sku"], "KETTLE");
        }
        shop.stock("KETTLE", 1).await;
        let winner = answers.iter().position(|answer| answer.status == StatusCode::CREATED).expect("one has it");
        assert_eq!(buyers[winner].add("KETTLE", 1).await.status, StatusCode::CREATED, "only the buyer's cart is empty");
    }
    assert_eq!(orders(&shop).await, ROUNDS as usize, "who got nothing has no order");
}

async fn a_key_orders_once_however_often_it_is_sent(shop: TestShop) {
    const KEYS: u32 = 20;
    shop.sell(&fixtures::product("kettle").build(), 1000).await;
    for number in 1..=KEYS {
        let mut buyer = shop.visitor(&format!("buyer {number}"));
        buyer.add("KETTLE", 2).await;
        let answers = check_out_at_once(&vec![buyer.clone(); BUYERS], |_| "the-key".to_owned()).await;
        let placed: Vec<_> = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).collect();
        let first = placed.first().unwrap_or_else(|| panic!("nobody ordered: {:?}", tally(&answers)));
        for answer in &answers {
            if answer.status == StatusCode::CREATED {
                assert_eq!(answer.body, first.body, "key {number}");
                assert_eq!(answer.header("location"), first.header("location"), "key {number}");
            } else {
                assert_eq!(answer.problem(), (409, "idempotency-key-in-use".to_owned()), "key {number}");
                assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
            }
        }
        let later = buyer.check_out("the-key", "card_approved").await;
        assert_eq!((later.status, &later.body), (StatusCode::CREATED, &first.body), "key {number}");
        assert_eq!(shop.levels("KETTLE").await, (1000 - 2 * number, 0, 2 * number), "key {number}");
        assert_eq!(orders(&shop).await, number as usize);
    }
}

async fn a_cart_in_two_tabs_is_ordered_once(shop: TestShop) {
    const ROUNDS: u32 = 25;
    shop.sell(&fixtures::product("kettle").build(), 1000).await;
    for round in 1..=ROUNDS {
        let mut buyer = shop.visitor(&format!("buyer {round}"));
        buyer.add("KETTLE", 1).await;
        let answers = check_out_at_once(&[buyer.clone(), buyer.clone()], |tab| format!("tab-{tab}")).await;
        assert_eq!(tally(&answers).get("201"), Some(&1), "round {round}");
        for refused in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
            // The cart was seen before it was ordered from the other tab, or after.
            let seen_before = refused.problem() == (409, "conflict".to_owned());
            assert!(seen_before || refused.rules() == ["empty_cart"], "round {round}");
        }
        assert_eq!(shop.levels("KETTLE").await, (1000 - round, 0, round), "round {round}");
    }
    assert_eq!(orders(&shop).await, ROUNDS as usize);
}

async fn carts_that_share_articles_sell_what_is_there_and_no_more(shop: TestShop) {
    const PAIRS: usize = 12;
    for handle in ["kettle", "lamp"] {
        shop.sell(&fixtures::product(handle).build(), 100).await;
    }
    // Half of the carts name the articles in the other order, which must not make them wait for each other for ever.
    let mut buyers: Vec<Client> = (0..2 * PAIRS).map(|number| shop.visitor(&format!("buyer {number}"))).collect();
    for (number, buyer) in buyers.iter_mut().enumerate() {
        let skus = if number % 2 == 0 { ["KETTLE", "LAMP"] } else { ["LAMP", "KETTLE"] };
        for sku in skus {
            assert_eq!(buyer.add(sku, 1).await.status, StatusCode::CREATED);
        }
    }
    shop.stock("KETTLE", 10).await;
    shop.stock("LAMP", 7).await;
    let answers = check_out_at_once(&buyers, |number| format!("key-{number}")).await;
    assert_eq!(tally(&answers), expected(&[("201", 7), ("409 out-of-stock", 2 * PAIRS - 7)]));
    assert_eq!((shop.levels("KETTLE").await, shop.levels("LAMP").await), ((3, 0, 7), (0, 0, 7)));
}
