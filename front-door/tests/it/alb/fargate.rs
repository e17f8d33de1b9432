//! Failing targets of the ECS services.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;
use shopease_shared::http::routes::Surface;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::support::{Door, Options, TIMEOUT, get};

#[tokio::test]
async fn a_target_without_a_response_is_a_bad_gateway() {
    let door = Door::start(Options::default()).await;
    for target in ["/products?do=close", "/products?do=large-header"] {
        let reply = get(door.address, target, &[]).await;
        assert_eq!((reply.status, reply.path()), (502, "fargate"), "{target}");
        assert!(reply.text().contains("502 Bad Gateway"), "{}", reply.text());
    }
    assert_eq!(get(door.address, "/products?do=header", &[]).await.status, 200);
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port").local_addr().expect("an address");
    door.registered.set(Some(nobody));
    assert_eq!(get(door.address, "/products", &[]).await.status, 502);
    door.registered.set(Some(door.target.address));
    assert_eq!(get(door.address, "/products", &[]).await.status, 200);
}

#[tokio::test]
async fn an_http_1_0_request_is_forwarded_as_http_1_1() {
    let door = Door::start(Options::default()).await;
    let reply = get(door.address, "/products?do=http10", &[]).await;
    assert_eq!((reply.version.as_str(), reply.status, reply.text().as_str()), ("HTTP/1.1", 200, "old"));
    let request = "GET /products HTTP/1.0\r\nHost: shop.example\r\n\r\n";
    let reply = crate::support::send(door.address, request).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(door.target.last_head().starts_with("GET /products HTTP/1.1\r\n"), "{}", door.target.last_head());
}

#[tokio::test]
async fn the_live_state_shows_health_check_results() {
    let door = Door::start(Options::default()).await;
    door.live.watch_task("shop", std::process::id());
    let checks = door.targets.clone().check_health(
        door.live.clone(),
        vec![("shop".to_owned(), Surface::Page)],
        Duration::from_millis(20),
    );
    tokio::spawn(checks);
    for is_unhealthy in [true, false] {
        door.target.state.is_unhealthy.store(is_unhealthy, Ordering::Relaxed);
        let begun = Instant::now();
        loop {
            let state: Value = get(door.address, "/_front-door/state", &[]).await.json();
            let task = &state["tasks"][0];
            assert_eq!(task["name"], "shop");
            if task["healthy"] == !is_unhealthy {
                break;
            }
            assert!(begun.elapsed() < TIMEOUT, "{state}");
            sleep(Duration::from_millis(10)).await;
        }
    }
    door.registered.set(None);
    let begun = Instant::now();
    while get(door.address, "/_front-door/state", &[]).await.json()["tasks"][0]["healthy"] == true {
        assert!(begun.elapsed() < TIMEOUT, "still healthy without a target");
        sleep(Duration::from_millis(10)).await;
    }
    assert!(door.target.last_head().contains("user-agent: ELB-HealthChecker/2.0"), "{}", door.target.last_head());
}
