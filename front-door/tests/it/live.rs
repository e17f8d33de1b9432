//! The live page's resources.

use std::time::Duration;

use front_door::alb::Pair;
use serde_json::Value;
use shopease_shop::testing::Stopwatch;

use crate::support::{Connection, Door, Options, get, send};

/// The complete snapshots in a stream of server-sent events.
fn snapshots(stream: &str) -> Vec<Value> {
    let whole = |part: &&str| part.ends_with('}');
    let events = stream.split("data: ").skip(1).filter_map(|event| event.split_once("\n\n").map(|(event, _)| event));
    events.filter(whole).map(|event| serde_json::from_str(event).expect("JSON")).collect()
}

/// Whether the last snapshot counts this many requests.
fn last_counts(stream: &str, requests: u64) -> bool {
    let all = snapshots(stream);
    let of = |runtime: &str| all.last().and_then(|last| last["runtimes"][runtime]["requests"].as_u64());
    of("fargate").zip(of("lambda")).is_some_and(|(fargate, lambda)| fargate + lambda == requests)
}

/// `cargo xtask test` runs it last, with nothing beside it.
mod timing {
    use super::*;

    #[tokio::test]
    async fn snapshots_arrive_each_second_and_count_requests() {
        let door = Door::start(Options { weights: Pair { fargate: 2, lambda: 1 }, ..Options::default() }).await;
        let mut connection = Connection::open(door.address).await;
        let begun = Stopwatch::start();
        connection.write(b"GET /_front-door/events HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let received = connection.read_until(|text| snapshots(text).len() == 1).await;
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "the first one arrives at once, not after {:?}",
            begun.elapsed()
        );
        let head = received.split("\r\n\r\n").next().expect("a header").to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200") && head.contains("content-type: text/event-stream"), "{head}");
        assert_eq!(snapshots(&received)[0]["runtimes"]["lambda"]["requests"], 0);
        for _ in 0..6 {
            assert_eq!(get(door.address, "/products", &[]).await.status, 200);
            door.idle().await;
        }
        assert_eq!(get(door.address, "/cart?do=close", &[]).await.status, 502);
        let received = connection.read_until(|text| snapshots(text).len() >= 4 && last_counts(text, 5 + 2)).await;
        let (elapsed, all) = (begun.total(), snapshots(&received));
        let at_least = Duration::from_secs(1) * u32::try_from(all.len() - 1).expect("few");
        assert!(elapsed >= at_least, "{} snapshots in {elapsed:?}", all.len());
        let last = all.last().expect("a snapshot");
        assert_eq!(last["runtimes"]["fargate"]["requests"], 5);
        assert_eq!(last["runtimes"]["fargate"]["errors"], 1);
        assert_eq!(last["runtimes"]["lambda"]["requests"], 2);
        assert_eq!(last["runtimes"]["lambda"]["cold_starts"], 1);
        assert!(last["runtimes"]["lambda"]["billed_ms"].as_u64() >= Some(2), "{last}");
        assert!(last["runtimes"]["lambda"]["cost_usd"].as_f64() > Some(0.000_000_4), "two requests: {last}");
        let areas = last["areas"].as_array().expect("areas");
        let area = |name: &str| areas.iter().find(|area| area["name"] == name).expect("an area");
        assert_eq!(
            (&area("storefront")["fargate_requests"], &area("storefront")["lambda_requests"]),
            (&4.into(), &2.into())
        );
        assert_eq!((&area("cart")["fargate_requests"], &area("cart")["environments"]["idle"]), (&1.into(), &0.into()));
        assert_eq!(area("storefront")["environments"]["idle"], 1);
        assert!(area("storefront")["max_memory_bytes"].as_u64() > Some(1024 * 1024), "{last}");
        assert!(area("admin")["environments"].is_null(), "it has no function here");
        let state = get(door.address, "/_front-door/state", &[]).await;
        assert_eq!(state.json()["runtimes"]["lambda"]["requests"], 2, "requests to the page are not counted");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_rejected() {
    let door = Door::start(Options::default()).await;
    for (method, path, expected) in [
        ("GET", "/_front-door", 200),
        ("GET", "/_front-door/state", 200),
        ("GET", "/_front-door/", 404),
        ("GET", "/_front-door/nonsense", 404),
        ("POST", "/_front-door", 405),
        ("DELETE", "/_front-door/state", 405),
        ("PUT", "/_front-door/events", 405),
        ("GET", "/_front-door/weights", 405),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(send(door.address, request).await.status, expected, "{method} {path}");
    }
    // A path of the shop that only has the same beginning.
    let reply = get(door.address, "/_front-doors", &[]).await;
    assert_eq!((reply.status, reply.path()), (200, "fargate"));
}
