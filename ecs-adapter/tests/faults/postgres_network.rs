//! A network between shop and database that loses statements, loses answers, and delivers statements when nobody waits for
//! them any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shopease_storage::testing::{Fault, FaultPlan, FaultProxy, OwnPostgres};

use crate::crowd::Crowd;
use crate::site::{Site, Store};

const FAULTS: u32 = 200;
/// Longer than the shop waits for a statement, so that it is carried out after the caller has gone without an answer.
const TOO_LONG: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_loses_statements_and_answers_costs_no_order() {
    let Some(server) = OwnPostgres::start("postgres_network", &[]) else { return };
    let server = Arc::new(server);
    let proxy = FaultProxy::start(server.port()).await;
    let site = Site::open(Store::OwnPostgres(Arc::clone(&server))).await;
    let through_proxy = proxy.url(&server.url());
    let shop = site.serve(&[("SHOPEASE_DATABASE_URL", &through_proxy), ("SHOPEASE_WORKER_SECONDS", "1")]).await;
    let crowd = Crowd::of(&site, &shop);
    crowd.until_ordered(20).await;
    let faults = u64::from(FAULTS * crate::scale());
    // Two thirds of the answers that get lost are those of a statement that was carried out.
    let kinds = [Fault::LostBefore, Fault::LostBefore, Fault::LostAfter, Fault::LostAfter, Fault::Delayed(TOO_LONG)];
    let at_most = usize::try_from(faults).expect("few");
    proxy.follow(FaultPlan { seed: crate::seed(), one_in: 25, faults: kinds.to_vec(), at_most });
    let begun = Instant::now();
    while proxy.counts().faults() < faults {
        let minutes = 5 * u64::from(crate::scale());
        assert!(begun.elapsed() < Duration::from_mins(minutes), "{:?}", proxy.counts());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (took, ill) = (begun.elapsed(), crowd.until_well().await);
    let visits = crowd.leave().await;
    visits.until_announced(&site).await;
    // The last statements come in.
    tokio::time::sleep(TOO_LONG).await;
    let counts = proxy.counts();
    println!("{counts:?} in {took:.1?}, well again {ill:.1?} later");
    assert!(counts.lost_before.min(counts.lost_after).min(counts.delayed) >= faults / 10, "of each kind some");
    shop.kill();
    site.settle().await;
    visits.check(&site).await;
    site.close().await;
}
