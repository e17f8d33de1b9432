//! A database server that is killed and restarted while shoppers order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shopease_shop::testing::SeededRandom;
use shopease_storage::testing::OwnPostgres;

use crate::crowd::Crowd;
use crate::site::{Site, Store};

const KILLS: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_killed_while_shoppers_order_loses_no_order() {
    let Some(server) = OwnPostgres::start("postgres_kills", &[]) else { return };
    let server = Arc::new(server);
    let mut random = SeededRandom::new(crate::seed());
    let site = Site::open(Store::OwnPostgres(Arc::clone(&server))).await;
    // The shop's own worker must recover, too.
    let shop = site.serve(&[("SHOPEASE_WORKER_SECONDS", "1")]).await;
    let crowd = Crowd::of(&site, &shop);
    for kill in 1..=KILLS * crate::scale() {
        crowd.until_ordered(crowd.ordered() + 20).await;
        tokio::time::sleep(Duration::from_millis(random.number() % 500)).await;
        let (killed, pause) = (Arc::clone(&server), Duration::from_millis(100 + random.number() % 2_900));
        let before = crowd.ordered();
        let down = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            killed.kill();
            std::thread::sleep(pause);
            killed.restart();
            begun.elapsed()
        });
        let down = down.await.expect("killed and started");
        let recovery = crowd.until_recovered().await;
        println!("kill {kill}: after {before} orders, down for {down:.1?}, recovered {recovery:.1?} later");
    }
    let visits = crowd.leave().await;
    visits.until_announced(&site).await;
    shop.kill();
    site.settle().await;
    visits.check(&site).await;
    site.close().await;
}
