//! `shopease export` on the command line: products that can be imported again, stock, orders, customers.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use shopease_shop::testing::fixtures;

use crate::client::{Shop, get, post, post_with};

fn shopease(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopease"));
    command.args(args).env("SHOPEASE_DATA_DIR", data).env("SHOPEASE_LOG", "warn");
    command
}

fn run(data: &Path, args: &[&str]) -> Output {
    let output = shopease(data, args).output().expect("the binary starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn the_products_of_one_shop_are_imported_into_another() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, other) = (directory.path().join("one"), directory.path().join("other"));
    run(&one, &["migrate", "--demo"]);
    let products = run(&one, &["export", "products"]);
    assert!(products.stderr.is_empty(), "{}", String::from_utf8_lossy(&products.stderr));
    let file = directory.path().join("products.csv");
    std::fs::write(&file, &products.stdout).expect("written");
    run(&other, &["import", file.to_str().expect("a path"), "--strict"]);
    assert_eq!(products.stdout, run(&other, &["export", "products"]).stdout);

    let lines = run(&one, &["export", "products", "--json"]).stdout;
    let lines: Vec<Value> =
        lines.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).expect("JSON")).collect();
    let mut rows = csv::Reader::from_reader(&products.stdout[..]);
    let titled = rows.records().filter(|row| !row.as_ref().expect("a row")[1].is_empty()).count();
    assert_eq!(lines.len(), titled);
    let handles: Vec<&str> = lines.iter().filter_map(|line| line["handle"].as_str()).collect();
    assert!(lines.len() > 5 && handles.is_sorted(), "{handles:?}");
}

#[test]
fn a_feed_needs_the_address_of_the_shop() {
    let directory = tempfile::tempdir().expect("a directory");
    run(directory.path(), &["migrate", "--demo"]);
    let refused = shopease(directory.path(), &["export", "feed"]).output().expect("the binary starts");
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && refused.stdout.is_empty(), "{errors}");
    assert!(errors.contains("SHOPEASE_PUBLIC_URL is not set"), "{errors}");
    let mut command = shopease(directory.path(), &["export", "feed"]);
    let printed = command.env("SHOPEASE_PUBLIC_URL", "https://shop.example").output().expect("the binary starts");
    let feed = String::from_utf8(printed.stdout).expect("UTF-8");
    assert!(printed.status.success() && feed.ends_with("</item>\n</channel>\n</rss>\n"), "{feed}");
    assert!(feed.contains("<g:link>https://shop.example/products/enamel-mixing-bowl?variant="), "{feed}");
}

#[test]
fn a_reader_may_stop_reading() {
    let directory = tempfile::tempdir().expect("a directory");
    run(directory.path(), &["migrate", "--demo"]);
    for args in [&["export", "products"][..], &["export", "products", "--json"], &["export", "stock"]] {
        let mut command = shopease(directory.path(), args);
        let mut running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        drop(running.stdout.take());
        let ended = running.wait_with_output().expect("ends");
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*errors), (Some(128 + 13), ""), "{args:?}");
    }
}

/// A visitor with an account orders the first variants of two products. Returns the order.
fn sell(data: &Path) -> Value {
    let shop = Shop::start(&[("SHOPEASE_DATA_DIR", data.to_str().expect("a path"))]);
    let account = json!({"email": "ada@example.com", "name": "=1+1", "password": "correct horse battery"});
    assert_eq!(post(shop.port, "/api/v1/accounts", "", &account.to_string()).expect("a response").status, 201);
    let bearer = format!("Bearer {}", fixtures::visitor_token("ada").expose());
    let headers = [("Authorization", &*bearer), ("Idempotency-Key", "once")];
    let read =
        |path: &str| -> Value { serde_json::from_str(&get(shop.port, path).expect("a response").body).expect("JSON") };
    for number in 0..2 {
        let products = read("/api/v1/products");
        let handle = products["items"][number]["handle"].as_str().expect("a product");
        let sku = &read(&format!("/api/v1/products/{handle}"))["variants"][0]["sku"];
        let line = json!({"sku": sku, "quantity": 2}).to_string();
        let added = post_with(shop.port, "/api/v1/cart/line-items", &headers[..1], &line).expect("a response");
        assert_eq!(added.status, 201, "{added:?}");
    }
    let checkout = json!({
        "email": "ada@example.com", "shipping_method": "standard", "payment_method": "card_approved",
        "shipping_address":
            {"name": "@Ada", "line1": "Street 1, \"left\"", "city": "Berlin", "postal_code": "10115", "country": "DE"},
    });
    let placed = post_with(shop.port, "/api/v1/checkout", &headers, &checkout.to_string()).expect("a response");
    assert_eq!(placed.status, 201, "{placed:?}");
    serde_json::from_str(&placed.body).expect("JSON")
}

/// The rows of an export as objects of their columns.
fn rows(data: &Path, what: &str) -> Vec<Value> {
    let file = run(data, &["export", what]).stdout;
    assert!(file.ends_with(b"\r\n"));
    let mut rows = csv::Reader::from_reader(&file[..]);
    let header = rows.headers().expect("a header").clone();
    let object = |row: csv::StringRecord| header.iter().zip(&row).map(|(name, cell)| (name, cell.to_owned())).collect();
    rows.records().map(|row| object(row.expect("a row"))).collect()
}

fn lines(data: &Path, what: &str) -> Vec<Value> {
    let lines = run(data, &["export", what, "--json"]).stdout;
    String::from_utf8(lines).expect("UTF-8").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn stock_orders_and_customers_are_exported() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path();
    let order = sell(data);

    let orders = rows(data, "orders");
    assert_eq!(orders.len(), 2, "{orders:?}");
    let total = order["total"]["amount_minor"].as_i64().expect("minor units");
    let first = &orders[0];
    assert_eq!(first["Total"], format!("{}.{:02}", total / 100, total % 100));
    for (column, cell) in [
        ("Name", order["order_number"].as_str().expect("a number")),
        ("Currency", "EUR"),
        ("Financial Status", order["payment_state"].as_str().expect("a state")),
        ("Shipping Name", "'@Ada"),
        ("Billing Name", "'@Ada"),
        ("Shipping Address1", "Street 1, \"left\""),
        ("Payment Method", "card"),
        ("Lineitem quantity", "2"),
    ] {
        assert_eq!(first[column], cell, "{column}");
    }
    for column in ["Total", "Shipping Name", "Payment Method", "Created at"] {
        assert_eq!(orders[1][column], "", "{column}");
    }
    for row in &orders {
        let sku = row["Lineitem sku"].as_str().expect("a SKU");
        assert_eq!((&row["Id"], &row["Email"]), (&order["id"], &"ada@example.com".into()));
        let stock = rows(data, "stock").into_iter().find(|stock| stock["SKU"] == sku).expect("its stock");
        let sold = if stock["Tracked"] == "true" { "2" } else { "0" };
        assert_eq!(stock["Sold"], sold, "{stock}");
    }
    let order_line = lines(data, "orders");
    assert_eq!((order_line.len(), &order_line[0]["id"]), (1, &order["id"]));
    assert!(order["access_key"].is_string() && order_line[0]["access_key"].is_null());
    assert_eq!(lines(data, "stock").len(), rows(data, "stock").len());

    let customers = rows(data, "customers");
    assert_eq!(customers.len(), 1, "operators are not customers: {customers:?}");
    assert_eq!((&customers[0]["Name"], &customers[0]["Email"]), (&"'=1+1".into(), &"ada@example.com".into()));
    let customers = run(data, &["export", "customers", "--json"]).stdout;
    let customers = String::from_utf8(customers).expect("UTF-8");
    assert!(customers.contains("\"=1+1\"") && !customers.contains("argon2"), "{customers}");
}

#[test]
fn a_store_in_use_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let _shop = Shop::start(&[("SHOPEASE_DATA_DIR", directory.path().to_str().expect("a path"))]);
    for what in ["products", "stock", "orders", "customers"] {
        let output = shopease(directory.path(), &["export", what]).output().expect("the binary starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{what}: {errors}");
        assert!(errors.starts_with("shopease: the store cannot be opened") && errors.lines().count() == 1, "{errors}");
    }
}
