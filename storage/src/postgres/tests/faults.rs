//! A network that loses requests and responses.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::super::PostgresStore;
use super::{Ledger, stock_up};
use crate::postgres::PostgresConfig;
use crate::testing::{Fault, FaultPlan, FaultProxy, on_schema};

const RECEIVED: u32 = 100_000;

/// A proxy without faults, a stocked store without the proxy, and the same store through it.
async fn behind_proxy(config: PostgresConfig) -> (FaultProxy, PostgresStore, PostgresStore) {
    let url = config.url.expose_secret().to_owned();
    let port = url.parse::<sqlx::postgres::PgConnectOptions>().expect("a URL").get_port();
    let proxy = FaultProxy::start(port).await;
    let direct = PostgresStore::connect(&config).await.expect("a store");
    stock_up(&direct, RECEIVED).await;
    let config = PostgresConfig { max_connections: 8, url: proxy.url(&url).into(), ..config };
    let store = PostgresStore::connect(&config).await.expect("a store");
    (proxy, direct, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_lost_connections_lose_no_order_and_create_none_twice() {
    on_schema("200 faults", |config| async move {
        let (proxy, direct, store) = behind_proxy(config).await;
        let seed = 4_711;
        println!("seed {seed}");
        let lost = [Fault::LostBefore, Fault::LostAfter, Fault::LostAfter, Fault::Delayed(Duration::from_millis(30))];
        proxy.follow(FaultPlan { seed, one_in: 12, faults: lost.to_vec(), at_most: 200 });
        let ledger = Arc::new(Ledger::default());
        let mut round = 0;
        while proxy.counts().faults() < 200 {
            let shoppers = (0..16).map(|number| {
                let (ledger, store) = (ledger.clone(), store.clone());
                tokio::spawn(async move { ledger.shop(&store, &format!("round {round} shopper {number}")).await })
            });
            for shopper in shoppers.collect::<Vec<_>>() {
                shopper.await.expect("a shopper gets a response");
            }
            round += 1;
            assert!(round < 1_000, "{:?}", proxy.counts());
        }
        println!("{:?}; {}", proxy.counts(), ledger.summary());
        assert!(proxy.counts().lost_after > 50 && proxy.counts().lost_before > 20);
        ledger.audit(&direct, RECEIVED).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_end_in_a_response_within_the_limits() {
    on_schema("silent connections", |config| async move {
        let (proxy, direct, store) = behind_proxy(config).await;
        let seed = 4_712;
        println!("seed {seed}");
        let plan = FaultPlan { seed, one_in: 10, faults: vec![Fault::BlackHole, Fault::LostAfter], at_most: 24 };
        proxy.follow(plan);
        let ledger = Arc::new(Ledger::default());
        for round in 0..12 {
            let shoppers = (0..8).map(|number| {
                let (ledger, store) = (ledger.clone(), store.clone());
                tokio::spawn(async move { ledger.shop(&store, &format!("round {round} shopper {number}")).await })
            });
            for shopper in shoppers.collect::<Vec<_>>() {
                shopper.await.expect("a shopper gets a response");
            }
            if proxy.counts().faults() >= 24 {
                break;
            }
        }
        println!("{:?}; {}", proxy.counts(), ledger.summary());
        assert!(proxy.counts().black_holed > 5);
        // The statements of silent connections end with them.
        drop(store);
        drop(proxy);
        tokio::time::sleep(Duration::from_millis(500)).await;
        ledger.audit(&direct, RECEIVED).await;
    })
    .await;
}
