//! The route table, the routers built from it, and its copies.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use shopease_shared::http::routes::{self, Area, Surface};
use shopease_shared::http::{self as shop_http};
use shopease_shop::domain::UploadedImage;
use shopease_shop::testing::fixtures;
use shopease_storage::testing::on_dynamodb;

use crate::harness::{Answer, Client, TestShop};

/// A path that matches a route, with IDs that do not exist.
pub fn example(path: &str) -> String {
    path.replace("{*path}", "shop.css")
        .replace("{file}", "swagger-ui.css")
        .replace("/cart/line-items/{id}", "/cart/line-items/li_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .replace("/orders/{id}", "/orders/ord_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .replace("/addresses/{id}", "/addresses/adr_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .replace("/sessions/{id}", "/sessions/ses_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .replace("{handle}", "kettle")
        .replace("{name}", "terms")
        .replace("{change}", "name")
        .replace("{version}", "1")
        .replace("{section}", "shop")
        .replace("{image}", "logo")
}

async fn send(router: Router, method: &Method, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    Client::new(router).send(request).await
}

/// Returns whether a router lacks a route: its own 404 for unknown paths (as a problem or a page), or 405.
fn is_unrouted(answer: &Answer) -> bool {
    let text = answer.text();
    let nowhere = text.contains("\"subject\":\"page\"") || text.contains("It may have moved");
    answer.status == StatusCode::METHOD_NOT_ALLOWED || (answer.status == StatusCode::NOT_FOUND && nowhere)
}

/// Status, headers and body, without request ID and cookies.
fn comparable(answer: &Answer) -> (StatusCode, BTreeSet<(String, String)>, String) {
    let id = answer.header("x-request-id").to_owned();
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "set-cookie", "content-length"].contains(&name.as_str()));
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    (answer.status, headers.collect(), answer.text().replace(&id, "ID"))
}

/// Without a logo and an icon, their addresses do not exist.
async fn with_images(shop: &TestShop) {
    let mut settings = fixtures::settings();
    settings.shop.logo = UploadedImage::new(b"\x89PNG\r\n\x1a\n".to_vec().into());
    settings.shop.icon = settings.shop.logo.clone();
    shop.store.insert_settings(&fixtures::versioned_settings(1, &settings)).await.expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_functions_together_serve_exactly_what_one_process_serves() {
    on_dynamodb(|store| async {
        let shop = TestShop::new(store);
        with_images(&shop).await;
        // With the category of the examples, so that no route responds with the 404 of an unknown path.
        shop.sell(&fixtures::product("kettle").category("kettle").build(), 3).await;
        for route in routes::all() {
            let path = example(route.path);
            let whole = send(shop.router(), &route.method, &path).await;
            assert!(!is_unrouted(&whole), "{} {path} is not served: {}", route.method, whole.text());
            for area in Area::ALL {
                let part = send(shop_http::area(shop.app.clone(), area), &route.method, &path).await;
                let expected = route.area == area || route.surface == Surface::Probe;
                assert_eq!(!is_unrouted(&part), expected, "{} {path} in {}", route.method, area.name());
                // Pages contain new tokens, so only the other responses are compared bytewise.
                if expected && route.surface != Surface::Page {
                    assert_eq!(comparable(&part), comparable(&whole), "{} {path} in {}", route.method, area.name());
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frontend_and_backend_share_only_the_probes() {
    on_dynamodb(|store| async {
        let shop = TestShop::new(store);
        with_images(&shop).await;
        shop.sell(&fixtures::product("kettle").category("kettle").build(), 3).await;
        for route in routes::all() {
            let path = example(route.path);
            let frontend = send(shop_http::frontend(shop.app.clone()), &route.method, &path).await;
            let backend = send(shop_http::backend(shop.app.clone()), &route.method, &path).await;
            assert_eq!(!is_unrouted(&frontend), route.surface != Surface::Api, "{path} on the frontend");
            assert_eq!(!is_unrouted(&backend), route.surface != Surface::Page, "{path} on the backend");
        }
    })
    .await;
}

#[test]
fn every_path_belongs_to_one_area() {
    for route in routes::all() {
        let areas: BTreeSet<_> =
            routes::all().filter(|other| other.path == route.path).map(|other| other.area).collect();
        assert_eq!(areas.len(), 1, "{} is split over functions, which no listener rule can express", route.path);
    }
}

#[test]
fn cargo_lambda_watch_knows_every_route() {
    let manifest = include_str!("../../Cargo.toml");
    for route in routes::all() {
        let line = format!("{:?} = {:?}\n", route.path, route.area.name());
        assert!(manifest.contains(&line), "Cargo.toml lacks {line}; run `cargo xtask generate`");
    }
}

/// Product code that mentions a command, except for pages: the files to write for a use case.
fn files_with(command: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for part in ["process", "shop", "shared", "payments", "events", "aws", "functions", "ecs-adapter"] {
        folders.push(root.join(part));
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if entry.is_dir() && !["tests", "target", "pages"].contains(&name) {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&entry).expect("a source file");
                let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
                if words.clone().any(|word| word == command) {
                    files.push(entry.strip_prefix(&root).expect("below the root").display().to_string());
                }
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_use_case_is_declared_in_two_files() {
    assert_eq!(files_with("CancelOrder"), ["shared/src/http/api/operations.rs", "shop/src/services/operations.rs"]);
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src/http/api");
    let mut commands = 0;
    for file in fs::read_dir(api).expect("the API").map(|entry| entry.expect("an entry").path()) {
        let text = fs::read_to_string(file).expect("a source file");
        // A line of `endpoints!`: `post "/api/v1/x" => name(Command) ... {`.
        for line in text.lines().map(str::trim).filter(|line| line.contains("\"/api/v1/") && line.contains(" => ")) {
            let command = line.split(['(', ')']).nth(1).and_then(|command| command.rsplit("::").next());
            let files = files_with(command.expect("a command"));
            // Placing an order has a third file, which builds the order.
            assert!(files.len() <= 3, "{line}: {files:?}");
            commands += 1;
        }
    }
    assert!(commands >= 23, "{commands}");
}
