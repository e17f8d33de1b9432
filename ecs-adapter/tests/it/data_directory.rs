//! The shop's data directory: who can read it, and the messages when a part of it is missing.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shopease_shop::testing::{fixtures, free_port};

use crate::client::{Shop, get, post, post_with};

fn command(directory: &Path, port: u16, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopease"));
    command
        .args(args)
        .env("SHOPEASE_DATA_DIR", directory)
        .env("SHOPEASE_HTTP_PORT", port.to_string())
        .env("SHOPEASE_LOG", "warn")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the shop until it is ready, then stops it; returns its output.
fn run(directory: &Path, args: &[&str], while_ready: impl FnOnce(u16)) -> Output {
    let port = free_port();
    let child = command(directory, port, args).spawn().expect("the binary starts");
    let begun = Instant::now();
    while get(port, "/readyz").map(|response| response.status).ok() != Some(200) {
        assert!(begun.elapsed() < Duration::from_mins(1), "the shop is not ready after a minute");
        thread::sleep(Duration::from_millis(50));
    }
    while_ready(port);
    stop(child)
}

/// The error output of a command that must fail by itself.
fn failed(directory: &Path, args: &[&str]) -> String {
    let mut child = command(directory, free_port(), args).spawn().expect("the binary starts");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child is there") {
            break status;
        }
        if begun.elapsed() > Duration::from_mins(1) {
            child.kill().expect("it runs");
            panic!("{args:?} does not end");
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert!(!status.success(), "{args:?}");
    let output = child.wait_with_output().expect("it ended");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stop(child: Child) -> Output {
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    child.wait_with_output().expect("it ends")
}

#[test]
fn files_are_restricted_to_their_owner_whatever_the_directory_allows() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("a mode");
    let check = || {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory.path()).expect("a directory") {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", entry.path().display());
            names.push(entry.file_name().into_string().expect("text"));
        }
        for name in ["shopease.sqlite", "payments.jsonl", "operator-password.txt"] {
            assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
        }
    };
    let output = run(directory.path(), &[], |_| check());
    assert!(!String::from_utf8_lossy(&output.stdout).contains("DynamoDB"), "no port is configured");
    for entry in fs::read_dir(directory.path()).expect("a directory") {
        // Modes from an earlier release.
        fs::set_permissions(entry.expect("an entry").path(), Permissions::from_mode(0o644)).expect("a mode");
    }
    run(directory.path(), &[], |_| check());
}

#[test]
fn a_currency_without_decimals_starts_an_empty_shop() {
    let shop = Shop::start(&[("SHOPEASE_CURRENCY", "KRW")]);
    let products = get(shop.port, "/api/v1/products").expect("a response");
    let products: serde_json::Value = serde_json::from_str(&products.body).expect("JSON");
    assert_eq!(products["items"], json!([]));
    assert_eq!(get(shop.port, "/").expect("a response").status, 200);
}

#[test]
fn the_operators_password_is_kept_until_the_first_sign_in() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("operator-password.txt");
    let printed = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let first = printed(&run(directory.path(), &[], |_| {}));
    let password = fs::read_to_string(&file).expect("a password").trim().to_owned();
    assert!(first.contains(&password), "{first}");
    let sign_in = |port: u16, password: &str| {
        let body = json!({"email": "operator@shopease.test", "password": password}).to_string();
        post(port, "/api/v1/sessions", "203.0.113.7", &body).expect("a response").status
    };
    let second = run(directory.path(), &[], |port| {
        assert_eq!(sign_in(port, "another password"), 401);
        assert!(file.exists(), "no operator has signed in");
        assert_eq!(sign_in(port, &password), 201);
        let begun = Instant::now();
        while file.exists() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the file is still there");
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert!(printed(&second).contains(&password), "no operator had signed in before");
    let third = run(directory.path(), &[], |port| assert_eq!(sign_in(port, &password), 201, "the account remains"));
    assert!(!printed(&third).contains(&password) && !file.exists(), "{}", printed(&third));
}

#[test]
fn a_missing_store_beside_its_payments_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let (store, journal) = (directory.path().join("shopease.sqlite"), directory.path().join("payments.jsonl"));
    run(directory.path(), &[], |_| {});
    fs::write(&journal, "{\"delivered\":\"evt_1\"}\n").expect("a journal with something in it");
    for is_there in [true, false] {
        if is_there {
            fs::write(&store, "").expect("an empty store");
        } else {
            fs::remove_file(&store).expect("no store");
        }
        for args in [&["serve"][..], &["worker", "--once"], &["audit"], &["migrate"], &["settings", "export"]] {
            let text = failed(directory.path(), args);
            for expected in [&*store.to_string_lossy(), &*journal.to_string_lossy(), "--fresh"] {
                assert!(text.contains(expected), "{args:?}: {text}");
            }
            assert_eq!(fs::metadata(&store).map_or(0, |store| store.len()), 0, "it is unchanged");
        }
    }
    run(directory.path(), &["--fresh"], |_| {});
}

#[test]
fn missing_payments_beside_their_orders_are_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let journal = directory.path().join("payments.jsonl");
    run(directory.path(), &[], |_| {});
    fs::remove_file(&journal).expect("a journal");
    run(directory.path(), &[], |port| order(port, "card_declined"));
    let before = fs::read(&journal).expect("a journal");
    fs::remove_file(&journal).expect("a journal");
    for args in [&["serve"][..], &["worker", "--once"], &["audit"]] {
        let text = failed(directory.path(), args);
        assert!(text.contains(&*journal.to_string_lossy()) && text.contains("--fresh"), "{args:?}: {text}");
        assert!(!journal.exists(), "{args:?}");
    }
    fs::write(&journal, before).expect("restored");
    run(directory.path(), &[], |_| {});
}

/// A visitor orders something with a card.
fn order(port: u16, card: &str) {
    let token = fixtures::visitor_token("ada");
    let bearer = format!("Bearer {}", token.expose());
    let headers = [("Authorization", &*bearer), ("Idempotency-Key", "once")];
    let products: Value = serde_json::from_str(&get(port, "/api/v1/products").expect("a list").body).expect("JSON");
    let handle = products["items"][0]["handle"].as_str().expect("a product");
    let product = get(port, &format!("/api/v1/products/{handle}")).expect("a product").body;
    let product: Value = serde_json::from_str(&product).expect("JSON");
    let line = json!({"sku": product["variants"][0]["sku"], "quantity": 1}).to_string();
    assert_eq!(post_with(port, "/api/v1/cart/line-items", &headers[..1], &line).expect("a response").status, 201);
    let address =
        json!({"name": "Ada", "line1": "Street 1", "city": "Berlin", "postal_code": "10115", "country": "DE"});
    let checkout = json!({
        "email": "ada@example.com", "shipping_address": address, "shipping_method": "standard", "payment_method": card,
    });
    let placed = post_with(port, "/api/v1/checkout", &headers, &checkout.to_string()).expect("a response");
    assert!([201, 422].contains(&placed.status), "{placed:?}");
}
