//! A network between shop and database that loses statements, loses responses, and delivers statements after the caller
//! has stopped waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shopease_storage::testing::{Fault, FaultPlan, FaultProxy, OwnPostgres};

use crate::crowd::Crowd;
use crate::site::{Site, Store};

const FAULTS: u32 = 200;
/// Longer than the shop's statement timeout, so that the statement is executed after the caller has received an error.
const TOO_LONG: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_loses_statements_and_responses_loses_no_order() {
    let Some(server) = OwnPostgres::start("postgres_network", &[]) else { return };
    let server = Arc::new(server);
    let proxy = FaultProxy::start(server.port()).await;
    let site = Site::open(Store::OwnPostgres(Arc::clone(&server))).await;
    let through_proxy = proxy.url(&server.url());
    let shop = site.serve(&[("SHOPEASE_DATABASE_URL", &through_proxy), ("SHOPEASE_WORKER_SECONDS", "1")]).await;
    let crowd = Crowd::of(&site, &shop);
    crowd.until_ordered(20).await;
    let faults = u64::from(FAULTS * crate::scale());
    // In two thirds of the lost responses, the statement was executed.
    let kinds = [Fault::LostBefore, Fault::LostBefore, Fault::LostAfter, Fault::LostAfter, Fault::Delayed(TOO_LONG)];
    let at_most = usize::try_from(faults).expect("few");
    proxy.follow(FaultPlan { seed: crate::seed(), one_in: 25, faults: kinds.to_vec(), at_most });
    let begun = Instant::now();
    while proxy.counts().faults() < faults {
        let minutes = 5 * u64::from(crate::scale());
        assert!(begun.elapsed() < Duration::from_mins(minutes), "{:?}", proxy.counts());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (took, recovery) = (begun.elapsed(), crowd.until_recovered().await);
    let visits = crowd.leave().await;
    visits.until_announced(&site).await;
    // Wait for the last delayed statements.
    tokio::time::sleep(TOO_LONG).await;
    let counts = proxy.counts();
    println!("{counts:?} in {took:.1?}, recovered {recovery:.1?} later");
    assert!(counts.lost_before.min(counts.lost_after).min(counts.delayed) >= faults / 10, "some of each kind");
    shop.kill();
    site.settle().await;
    visits.check(&site).await;
    site.close().await;
}
