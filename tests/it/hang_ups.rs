//! Clients that disconnect at any moment: their requests are dropped between two awaits, and nothing is left half done.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use shopease_shop::testing::{SeededRandom, fixtures};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::harness::{TestShop, both_stores, scale};

both_stores!(clients_that_disconnect_leave_nothing_half_done);

/// Concurrent clients.
const CLIENTS: usize = 16;

/// Result of a future, unless its client disconnects at the `waits`-th await.
async fn disconnected_after<T>(waits: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut waited) = (pin!(future), 0);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => {
            waited += 1;
            if waited >= waits { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

async fn clients_that_disconnect_leave_nothing_half_done(shop: TestShop) {
    let (clients, seed) = (1_000 * scale() as usize, 90_210);
    println!("seed {seed}");
    let mut random = SeededRandom::new(seed);
    for handle in ["kettle", "lamp"] {
        shop.sell(&fixtures::product(handle).build(), 100_000).await;
    }
    // The router of all clients holds the store, too.
    let _router = shop.router();
    let tasks = Arc::strong_count(&shop.store);
    let plans: Vec<(usize, usize, usize, &str, bool)> = (0..clients)
        .map(|number| {
            let card = random.pick(&["card_approved", "card_approved", "card_declined", "card_requires_action"]);
            // A checkout runs in its own task, which its client awaits once.
            (number, 1 + random.below(24), 1 + random.below(4) / 3, card, random.below(3) == 0)
        })
        .collect();
    let turns = Arc::new(Semaphore::new(CLIENTS));
    let mut running = JoinSet::new();
    for (number, waits_of_cart, waits_of_order, card, comes_back) in plans {
        let (mut client, turns) = (shop.visitor(&format!("client {number}")), Arc::clone(&turns));
        // Everybody at home, so that declined cards of others delay nobody.
        let number = u32::try_from(number).expect("a few thousand");
        client.address = Some(Ipv4Addr::from_bits(0x0a00_0000 + number).into());
        running.spawn(async move {
            let _turn = turns.acquire().await.expect("never closed");
            disconnected_after(waits_of_cart, client.clone().add("LAMP", 1)).await;
            assert_eq!(client.add("KETTLE", 1).await.status, StatusCode::CREATED);
            let answer = disconnected_after(waits_of_order, client.clone().check_out("the-key", card)).await;
            if comes_back {
                let status = client.check_out("the-key", card).await.status.as_u16();
                assert!([201, 202, 409, 422].contains(&status), "{status}");
            }
            answer.is_none()
        });
    }
    let hung_up = running.join_all().await.into_iter().filter(|hung_up| *hung_up).count();
    assert!(hung_up * 2 > clients, "most hung up: {hung_up} of {clients}");
    // Checkouts continue without their clients.
    for _ in 0..600 {
        if Arc::strong_count(&shop.store) <= tasks {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(Arc::strong_count(&shop.store) <= tasks, "checkouts end");
    let placed = shop.orders().await.len();
    println!("{hung_up} of {clients} hung up, {placed} orders were placed");
    assert!(placed > clients / 2, "most orders were placed all the same: {placed}");
    shop.settle().await;
    shop.assert_books_agree().await;
    // Every connection still works.
    let mut running = JoinSet::new();
    for number in 0..64 {
        let mut client = shop.visitor(&format!("late {number}"));
        running.spawn(async move {
            assert_eq!(client.add("KETTLE", 1).await.status, StatusCode::CREATED);
            assert_eq!(client.check_out("the-key", "card_approved").await.status, StatusCode::CREATED);
        });
    }
    running.join_all().await;
    shop.assert_books_agree().await;
}
