//! Concurrent orders through the API: the last unit is sold once, a key places one order, a cart is ordered once.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use shopease_shop::testing::{FixedClock, SeededRandom, fixtures};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use crate::harness::{Answer, Client, TestShop, both_stores, order_with, scale};

both_stores!(
    the_last_unit_is_sold_once,
    a_thousand_units_in_mixed_carts_are_sold_once_each,
    units_of_a_variant_are_checked_on_their_sum,
    a_key_places_one_order_however_often_it_is_sent,
    a_key_is_bound_to_its_request_and_its_owner,
    a_cart_in_two_tabs_is_ordered_once,
    carts_that_share_variants_never_oversell,
);

const BUYERS: usize = 32;

/// All clients check out concurrently, each with its key.
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

/// Number of responses by status and problem type.
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
    shop.orders().await.len()
}

async fn the_last_unit_is_sold_once(shop: TestShop) {
    let rounds = 50 * scale();
    shop.sell(&fixtures::product("kettle").build(), 1).await;
    let mut buyers: Vec<Client> = (0..BUYERS).map(|number| shop.visitor(&format!("buyer {number}"))).collect();
    for buyer in &mut buyers {
        assert_eq!(buyer.add("KETTLE", 1).await.status, StatusCode::CREATED);
    }
    for round in 1..=rounds {
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
    assert_eq!(orders(&shop).await, rounds as usize, "losers have no order");
    shop.assert_books_agree().await;
}

/// Ten variants with a hundred units each, and far more buyers, each with one to three variants in the cart.
async fn a_thousand_units_in_mixed_carts_are_sold_once_each(shop: TestShop) {
    const VARIANTS: usize = 10;
    const UNITS: u32 = 100;
    let (buyers, seed) = (5_000 * scale() as usize, 20_261);
    println!("seed {seed}");
    let mut random = SeededRandom::new(seed);
    let codes: Vec<String> = (0..VARIANTS).map(|number| format!("SKU-{number}")).collect();
    for code in &codes {
        shop.sell(&fixtures::product(&code.to_lowercase()).build(), UNITS).await;
    }
    let carts: Vec<Vec<(String, u32)>> = (0..buyers)
        .map(|_| {
            let mut wanted = codes.clone();
            random.shuffle(&mut wanted);
            wanted.truncate(1 + random.below(3));
            wanted.into_iter().map(|code| (code, 1 + u32::from(random.below(3) == 0))).collect()
        })
        .collect();
    let later = FixedClock::START + time::Duration::days(1);
    let turns = Arc::new(Semaphore::new(BUYERS));
    let mut running = JoinSet::new();
    for (number, cart) in carts.into_iter().enumerate() {
        let (store, turns, name) = (shop.store.clone(), Arc::clone(&turns), format!("buyer {number}"));
        let mut client = shop.visitor(&name);
        running.spawn(async move {
            let _turn = turns.acquire().await.expect("never closed");
            let lines: Vec<(&str, u32)> = cart.iter().map(|(code, units)| (code.as_str(), *units)).collect();
            let cart = fixtures::cart(&fixtures::visitor(&name), &lines);
            store.save_cart(&cart, later).await.expect("a cart");
            client.check_out("the-key", "card_approved").await
        });
    }
    let tally = tally(&running.join_all().await);
    let sold = tally.get("201").copied().unwrap_or_default();
    assert_eq!(tally, expected(&[("201", sold), ("409 out-of-stock", buyers - sold)]));
    assert_eq!(orders(&shop).await, sold);
    let mut left = 0;
    for code in &codes {
        let (available, reserved, bought) = shop.levels(code).await;
        assert_eq!((available + bought, reserved), (UNITS, 0), "{code}");
        left += available;
    }
    assert_eq!(left, 0, "every last unit is sold");
    println!("{sold} of {buyers} carts were ordered");
    shop.assert_books_agree().await;
}

/// A variant added several times is checked as one quantity.
async fn units_of_a_variant_are_checked_on_their_sum(shop: TestShop) {
    let (rounds, seed) = (200 * scale(), 4_711);
    println!("seed {seed}");
    let mut random = SeededRandom::new(seed);
    shop.sell(&fixtures::product("kettle").build(), 1000).await;
    shop.sell(&fixtures::product("lamp").build(), rounds).await;
    let mut sold = 0;
    for round in 1..=rounds {
        // Two buyers with the same quantity of a variant, with stock for one of them or for none.
        let parts: Vec<u32> = (0..2 + random.below(3)).map(|_| 1 + u32::from(random.below(2) == 0)).collect();
        let sum: u32 = parts.iter().sum();
        let mut buyers: Vec<Client> = (0..2).map(|number| shop.visitor(&format!("buyer {round} {number}"))).collect();
        for buyer in &mut buyers {
            assert_eq!(buyer.add("LAMP", 1).await.status, StatusCode::CREATED);
            for units in &parts {
                assert_eq!(buyer.add("KETTLE", *units).await.status, StatusCode::CREATED);
            }
            assert_eq!(buyer.cart_lines().await, [("LAMP".to_owned(), 1), ("KETTLE".to_owned(), sum.into())]);
        }
        let enough = random.below(2) == 0;
        shop.stock(
            "KETTLE",
            if enough { sum + u32::try_from(random.below(sum as usize)).expect("few") } else { sum - 1 },
        )
        .await;
        let answers = check_out_at_once(&buyers, |_| "the-key".to_owned()).await;
        let winners = usize::from(enough);
        let mut wanted = expected(&[("201", winners), ("409 out-of-stock", 2 - winners)]);
        wanted.retain(|_, count| *count > 0);
        assert_eq!(tally(&answers), wanted, "round {round}: {parts:?}");
        sold += if enough { sum } else { 0 };
        let (_, reserved, bought) = shop.levels("KETTLE").await;
        assert_eq!((reserved, bought), (0, sold), "round {round}: {parts:?}");
        shop.stock("KETTLE", 1000).await;
    }
    shop.assert_books_agree().await;
}

async fn a_key_places_one_order_however_often_it_is_sent(shop: TestShop) {
    let keys = 100 * scale();
    let mut first_answers = Vec::new();
    for number in 1..=keys {
        // Restocked now and then, so that there is always enough.
        if number % 100 == 1 {
            shop.sell(&fixtures::product("kettle").build(), 0).await;
            shop.stock("KETTLE", 1000).await;
        }
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
        let (_, reserved, sold) = shop.levels("KETTLE").await;
        assert_eq!((reserved, sold), (0, 2 * number), "key {number}");
        first_answers.push((buyer, first.body.clone()));
    }
    assert_eq!(orders(&shop).await, keys as usize);
    // Weeks later, after price change and shipping, the response is still the same order.
    shop.clock.advance(time::Duration::days(20));
    shop.sell(&fixtures::product("kettle").price(99).build(), 0).await;
    for (number, (buyer, first)) in first_answers.iter_mut().enumerate() {
        let replay = buyer.check_out("the-key", "card_approved").await;
        assert_eq!((replay.status, &replay.body), (StatusCode::CREATED, &*first), "key {number}");
    }
    assert_eq!(orders(&shop).await, keys as usize);
    shop.assert_books_agree().await;
}

async fn a_key_is_bound_to_its_request_and_its_owner(shop: TestShop) {
    let rounds = 50 * scale();
    shop.sell(&fixtures::product("kettle").build(), 10_000).await;
    for round in 1..=rounds {
        let (mut ada, mut eve) = (shop.visitor(&format!("ada {round}")), shop.visitor(&format!("eve {round}")));
        ada.add("KETTLE", 1).await;
        eve.add("KETTLE", 2).await;
        let placed = ada.check_out("the-key", "card_approved").await;
        assert_eq!(placed.status, StatusCode::CREATED);
        let mut others = vec![order_with("card_declined"), order_with("card_approved"), order_with("card_approved")];
        others[1]["email"] = "eve@example.com".into();
        others[2]["shipping_address"]["line1"] = format!("Gartenweg {round}a").into();
        for other in others {
            let reused = ada.post_once("/api/v1/checkout", "the-key", &other).await;
            assert_eq!(reused.problem(), (422, "idempotency-key-reused".to_owned()), "round {round}");
        }
        // The same text of another owner is a different key.
        let own = eve.check_out("the-key", "card_approved").await;
        assert_eq!((own.status, own.json()["lines"][0]["quantity"].as_u64()), (StatusCode::CREATED, Some(2)));
        assert_ne!(own.json()["id"], placed.json()["id"], "round {round}");
        let mut stranger = shop.visitor(&format!("mallory {round}"));
        assert_eq!(stranger.check_out("the-key", "card_approved").await.rules(), ["empty_cart"], "round {round}");
        assert_eq!(ada.check_out("the-key", "card_approved").await.body, placed.body, "round {round}");
    }
    assert_eq!((orders(&shop).await, shop.levels("KETTLE").await.2), (2 * rounds as usize, 3 * rounds));
    shop.assert_books_agree().await;
}

async fn a_cart_in_two_tabs_is_ordered_once(shop: TestShop) {
    let rounds = 50 * scale();
    shop.sell(&fixtures::product("kettle").build(), 1000).await;
    for round in 1..=rounds {
        let mut buyer = shop.visitor(&format!("buyer {round}"));
        buyer.add("KETTLE", 1).await;
        let answers = check_out_at_once(&[buyer.clone(), buyer.clone()], |tab| format!("tab-{tab}")).await;
        assert_eq!(tally(&answers).get("201"), Some(&1), "round {round}");
        for refused in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
            // The cart was read before or after the order from the other tab.
            let seen_before = refused.problem() == (409, "conflict".to_owned());
            assert!(seen_before || refused.rules() == ["empty_cart"], "round {round}");
        }
        assert_eq!(shop.levels("KETTLE").await, (1000 - round, 0, round), "round {round}");
    }
    assert_eq!(orders(&shop).await, rounds as usize);
    shop.assert_books_agree().await;
}

async fn carts_that_share_variants_never_oversell(shop: TestShop) {
    const PAIRS: usize = 12;
    for handle in ["kettle", "lamp"] {
        shop.sell(&fixtures::product(handle).build(), 100).await;
    }
    // Half of the carts list the variants in reverse order, which must not cause deadlocks.
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
    shop.assert_books_agree().await;
}
