//! Execution environments: how many there are, which one is used, when they are frozen, when they end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use front_door::lambda::InvokeError;
use serde_json::{Value, json};
use shopease_shop::testing::Stopwatch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::{Host, eventually, lives, soon, state};

fn pid(response: &Value) -> u64 {
    response["pid"].as_u64().expect("a pid")
}

fn spawn(host: &Arc<Host>, event: Value) -> JoinHandle<Value> {
    let host = Arc::clone(host);
    tokio::spawn(async move { host.response(event).await })
}

#[tokio::test]
async fn each_takes_one_request_at_a_time_and_new_ones_start_on_demand() {
    let host = Arc::new(Host::start(|_| {}));
    let running: Vec<_> = (0..4).map(|_| spawn(&host, json!({ "sleep_ms": 400 }))).collect();
    eventually("four environments", || host.function.environments().busy == 4).await;
    let mut pids = Vec::new();
    for response in running {
        let response = soon("a response", response).await.expect("a response");
        assert_eq!(response["invocations"], 1);
        pids.push(pid(&response));
    }
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 4);
    host.idle(4).await;
}

#[tokio::test]
async fn the_last_one_used_is_the_first_one_reused() {
    let host = Arc::new(Host::start(|_| {}));
    let long = spawn(&host, json!({ "sleep_ms": 3_000 }));
    eventually("it runs", || host.function.environments().busy == 1).await;
    let short = host.response(json!({})).await;
    eventually("the other one is idle", || host.function.environments().idle == 1).await;
    let long = soon("the long one", long).await.expect("a response");
    host.idle(2).await;
    assert_ne!(pid(&short), pid(&long));
    for _ in 0..3 {
        assert_eq!(pid(&host.response(json!({})).await), pid(&long));
        host.idle(2).await;
    }
}

#[tokio::test]
async fn beyond_the_concurrency_limit_invocations_are_throttled() {
    let host = Arc::new(Host::start(|settings| settings.concurrency = 2));
    let running: Vec<_> = (0..2).map(|_| spawn(&host, json!({ "sleep_ms": 300 }))).collect();
    eventually("two environments", || host.function.environments().busy == 2).await;
    assert_eq!(host.try_invoke(json!({})).await.err(), Some(InvokeError::Throttled));
    for response in running {
        soon("a response", response).await.expect("a response");
    }
    host.idle(2).await;
    assert!(host.try_invoke(json!({})).await.is_ok());
}

#[tokio::test]
async fn an_idle_one_expires() {
    let host = Host::start(|settings| settings.idle_expiry = Duration::from_millis(100));
    let response = host.response(json!({})).await;
    host.idle(0).await;
    eventually("the process is gone", || !lives(pid(&response))).await;
    let next = host.invoke(json!({})).await;
    assert!(next.init.is_some(), "the next one is cold");
}

#[tokio::test]
async fn an_environment_in_use_does_not_expire() {
    let host = Host::start(|settings| settings.idle_expiry = Duration::from_secs(2));
    let first = host.response(json!({})).await;
    for _ in 0..6 {
        sleep(Duration::from_millis(500)).await;
        assert_eq!(pid(&host.response(json!({})).await), pid(&first));
    }
}

/// How far a background task counts, at most a thousand times a second, while its function is idle.
async fn counted_while_idle(freeze: bool) -> (u64, char) {
    let host = Host::start(|settings| settings.freeze = freeze);
    let count = |response: &Value| response["count"].as_u64().expect("a count");
    let before = host.response(json!({ "count": true })).await;
    host.idle(1).await;
    let idle = Stopwatch::start();
    while idle.elapsed() < Duration::from_millis(800) {
        sleep(Duration::from_millis(50)).await;
    }
    let state = state(pid(&before)).expect("a process");
    let after = host.response(json!({})).await;
    assert_eq!(pid(&after), pid(&before));
    (count(&after) - count(&before), state)
}

#[tokio::test]
async fn it_is_frozen_between_invocations() {
    let (counted, state) = counted_while_idle(true).await;
    assert_eq!(state, 'T');
    assert!(counted < 100, "it counted to {counted} in 0.8 s");
    let (counted, state) = counted_while_idle(false).await;
    assert_ne!(state, 'T');
    assert!(counted >= 100, "it counted only to {counted} in 0.8 s although it was not frozen");
}

#[tokio::test]
async fn dropping_the_function_ends_all_of_them() {
    let host = Arc::new(Host::start(|_| {}));
    let busy = spawn(&host, json!({ "sleep_ms": 60_000, "allocate_mb": 1 }));
    eventually("the first runs", || host.function.environments().busy == 1).await;
    let idle = host.response(json!({})).await;
    host.idle_beside(1).await;
    let pids = host.processes();
    assert!(pids.len() == 2 && pids.contains(&pid(&idle)), "{pids:?}");
    busy.abort();
    assert!(busy.await.expect_err("no response").is_cancelled());
    drop(Arc::into_inner(host).expect("the last one"));
    for pid in pids {
        eventually("the process is gone", || state(pid).is_none()).await;
        for mount in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
            let group = Path::new(mount).join(format!("front-door-{pid}"));
            eventually("its control group is gone", || !group.exists()).await;
        }
    }
}
