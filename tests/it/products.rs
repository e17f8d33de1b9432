//! Products through the API: operators create, change, archive and delete them; every problem is named, and nobody's change is lost.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, Client, TestShop, both_stores, text};

both_stores!(
    a_product_is_created_changed_archived_and_deleted,
    every_problem_of_a_product_is_reported_with_its_path,
    a_handle_or_sku_in_use_names_the_other_product,
    a_second_editor_overwrites_nothing,
    a_change_keeps_what_only_imports_write,
    a_deleted_product_vanishes_and_its_orders_stay,
    descriptions_are_sanitized_and_skus_derived,
    all_products_are_listed_with_status_and_stock,
    a_product_that_no_front_door_can_send_is_refused,
    only_operators_see_and_change_products,
    a_product_of_many_parts_is_changed_and_deleted,
    a_request_of_many_problems_is_small_work,
    a_variant_with_another_sku_keeps_its_units,
    a_product_keeps_its_currency,
    a_handle_is_written_in_lower_case,
);

pub const PRODUCTS: &str = "/api/v1/admin/products";

pub fn path_of(handle: &str) -> String {
    format!("{PRODUCTS}/{handle}")
}

fn eur(amount_minor: i64) -> Value {
    json!({"amount_minor": amount_minor, "currency": "EUR"})
}

/// A product with one variant.
pub fn kettle() -> Value {
    json!({
        "handle": "kettle", "title": "Copper kettle", "description_html": "<p>It whistles.</p>", "vendor": "Kessel & Co",
        "category": "Coffee & Tea", "tags": ["kitchen", "kitchen", " "], "status": "active",
        "variants": [{"sku": "KETTLE", "price": eur(4900), "weight_grams": 900, "initial_stock": 7}],
    })
}

/// A product with options.
fn shirt() -> Value {
    let variant =
        |size: &str, color: &str| json!({"option_values": [size, color], "price": eur(1990), "initial_stock": 3});
    let variants = [variant("S", "Red"), variant("S", "Blue"), variant("L", "Red")];
    json!({"handle": "shirt", "title": "Shirt", "status": "active", "options": ["Size", "Color"], "variants": variants})
}

pub async fn create(operator: &mut Client, product: &Value) -> Value {
    let answer = operator.post(PRODUCTS, product).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.header("etag"), tag(&answer.json()));
    answer.json()
}

/// The ETag of a product.
pub fn tag(product: &Value) -> String {
    format!("\"{}\"", product["version"])
}

pub async fn put(operator: &mut Client, handle: &str, tag: &str, product: &Value) -> Answer {
    operator.json(Method::PUT, &path_of(handle), product, &[("if-match", tag)]).await
}

pub async fn delete(operator: &mut Client, handle: &str, tag: &str) -> Answer {
    operator.json(Method::DELETE, &path_of(handle), &Value::Null, &[("if-match", tag)]).await
}

/// Path and rule of every problem.
fn problems(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.problem(), (422, "rule-broken".to_owned()), "{}", answer.text());
    let problem = answer.json();
    let errors = problem["errors"].as_array().expect("errors");
    errors.iter().map(|error| (text(&error["field"]), text(&error["rule"]))).collect()
}

async fn a_product_is_created_changed_archived_and_deleted(shop: TestShop) {
    let (mut operator, mut shopper) = (shop.operator().await, shop.client());
    assert_eq!(shopper.get("/api/v1/products/kettle").await.status, StatusCode::NOT_FOUND);
    let created = create(&mut operator, &kettle()).await;
    assert_eq!(created["tags"], json!(["kitchen"]));
    assert_eq!(created["category"], json!({"handle": "coffee-tea", "title": "Coffee & Tea"}));
    assert_eq!(operator.get(&path_of("kettle")).await.json(), created);
    assert_eq!(shop.levels("KETTLE").await, (7, 0, 0), "its stock was initialized");
    // At once in this process, although listings and products are cached.
    let shown = shopper.get("/api/v1/products/kettle").await.json();
    assert_eq!((text(&shown["title"]).as_str(), &shown["variants"][0]["available"]), ("Copper kettle", &json!(7)));
    let found = async |shopper: &mut Client, listing: &str| {
        let page = shopper.get(&format!("/api/v1/products{listing}")).await;
        page.json()["items"].as_array().map_or(0, Vec::len)
    };
    for listing in ["", "?q=copper", "?category=coffee-tea"] {
        assert_eq!(found(&mut shopper, listing).await, 1, "{listing}");
    }

    let mut changed = kettle();
    changed["title"] = json!("Tin kettle");
    changed["category"] = json!("Kettles");
    changed["variants"][0]["price"] = eur(1900);
    changed["variants"][0]["compare_at_price"] = eur(4900);
    let answer = put(&mut operator, "kettle", &tag(&created), &changed).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let changed_product = answer.json();
    assert_eq!(answer.header("etag"), tag(&changed_product));
    assert!(changed_product["version"].as_u64() > created["version"].as_u64());
    assert_eq!(changed_product["variants"][0]["id"], created["variants"][0]["id"]);
    assert_eq!(shop.levels("KETTLE").await, (7, 0, 0), "the stock of an existing SKU stays");
    assert_eq!(shopper.get("/api/v1/products/kettle").await.json()["title"], "Tin kettle");
    assert_eq!(found(&mut shopper, "?q=copper").await, 0);
    assert_eq!(found(&mut shopper, "?q=tin").await, 1);
    let categories = shopper.get("/api/v1/categories").await.json();
    assert_eq!(categories["items"], json!([{"handle": "kettles", "title": "Kettles"}]), "the empty one is gone");
    // The same product again is no new version.
    let same = put(&mut operator, "kettle", &tag(&changed_product), &changed).await;
    assert_eq!(same.json(), changed_product);

    changed["status"] = json!("archived");
    let archived = put(&mut operator, "kettle", &tag(&changed_product), &changed).await.json();
    assert_eq!(archived["status"], "archived");
    assert_eq!(shopper.get("/api/v1/products/kettle").await.status, StatusCode::NOT_FOUND);
    assert_eq!(found(&mut shopper, "").await, 0);
    assert_eq!(shopper.get("/api/v1/categories").await.json()["items"], json!([]));
    assert_eq!(operator.get(&path_of("kettle")).await.json(), archived);

    assert_eq!(delete(&mut operator, "kettle", &tag(&archived)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(operator.get(&path_of("kettle")).await.problem(), (404, "not-found".to_owned()));
    assert_eq!(delete(&mut operator, "kettle", &tag(&archived)).await.problem(), (404, "not-found".to_owned()));
    let again = create(&mut operator, &kettle()).await;
    assert!(again["version"].as_u64() > archived["version"].as_u64(), "no version is repeated");
    assert_eq!(shop.levels("KETTLE").await, (7, 0, 0), "the level remained and is not added up");
}

async fn every_problem_of_a_product_is_reported_with_its_path(shop: TestShop) {
    let mut operator = shop.operator().await;
    let long = "x".repeat(501);
    let cases: [(&str, Value, &str, &str); 33] = [
        ("/title", json!(" "), "title", "required"),
        ("/title", json!("<b></b>"), "title", "required"),
        ("/title", json!(long), "title", "line"),
        ("/handle", json!("a/b"), "handle", "format"),
        ("/handle", json!("..").clone(), "handle", "format"),
        ("/vendor", json!(long), "vendor", "line"),
        ("/category", json!(long), "category", "line"),
        ("/category", json!("***"), "category", "format"),
        ("/tags", json!([long]), "tags[0]", "line"),
        ("/tags", json!((0..251).map(|n| n.to_string()).collect::<Vec<_>>()), "tags", "count"),
        ("/options", json!(["Size", "size"]), "options[1]", "unique"),
        ("/options", json!(["", "Color"]), "options[0]", "required"),
        ("/options", json!(["Size", "Color", "A", "B"]), "options", "count"),
        ("/options", json!([]), "variants", "count"),
        ("/variants", json!([]), "variants", "required"),
        ("/variants/0/option_values", json!(["S"]), "variants[0].option_values[1]", "required"),
        ("/variants/0/option_values", json!(["S", ""]), "variants[0].option_values[1]", "required"),
        ("/variants/0/option_values", json!(["S", long]), "variants[0].option_values[1]", "line"),
        ("/variants/0/option_values", json!(["S", "Red", "x"]), "variants[0].option_values", "count"),
        ("/variants/1/option_values", json!(["S", "Red"]), "variants[1].option_values", "unique"),
        ("/variants/1/option_values", json!(["S", " Red"]), "variants[1].option_values", "unique"),
        ("/variants/1/sku", json!("A\u{202e}B"), "variants[1].sku", "format"),
        ("/variants/1/sku", json!(long), "variants[1].sku", "format"),
        ("/variants/1/sku", json!(" SHIRT-1 "), "variants[1].sku", "unique"),
        ("/variants/2/price", eur(-1), "variants[2].price", "range"),
        ("/variants/2/price", eur(i64::MAX), "variants[2].price", "range"),
        ("/variants/2/price", json!({"amount_minor": 1, "currency": "USD"}), "variants[2].price", "same_currency"),
        ("/variants/2/compare_at_price", eur(1990), "variants[2].compare_at_price", "above_price"),
        ("/variants/2/compare_at_price", eur(-5), "variants[2].compare_at_price", "range"),
        ("/variants/2/barcode", json!(long), "variants[2].barcode", "line"),
        ("/variants/2/initial_stock", json!(1_000_000_001), "variants[2].initial_stock", "stock_limit"),
        ("/variants/2/initial_stock", json!(-1), "body", "format"),
        ("/of_the_next_release", json!(1), "body", "format"),
    ];
    for (pointer, value, path, rule) in cases {
        let mut product = shirt();
        product["variants"][0]["sku"] = json!("SHIRT-1");
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        product.pointer_mut(parent).expect("a parent")[name] = value.clone();
        let answer = operator.post(PRODUCTS, &product).await;
        let found = problems(&answer);
        assert!(found.contains(&(path.to_owned(), rule.to_owned())), "{pointer} {value}: {found:?}");
        let message = text(&answer.json()["errors"][0]["message"]);
        assert!(message.ends_with('.') && !message.contains("a value"), "{message}");
    }
    let many =
        json!({"title": "", "status": "draft", "variants": [{"price": eur(-1)}, {"price": eur(1), "sku": "\u{0}"}]});
    let found = problems(&operator.post(PRODUCTS, &many).await);
    for path in ["title", "variants", "variants[1].sku"] {
        assert!(found.iter().any(|(field, _)| field == path), "all at once: {found:?}");
    }
    assert_eq!(operator.get(PRODUCTS).await.json()["items"], json!([]), "nothing was written");
}

async fn a_handle_or_sku_in_use_names_the_other_product(shop: TestShop) {
    let mut operator = shop.operator().await;
    create(&mut operator, &kettle()).await;
    let used = |answer: &Answer, path: &str| {
        let problem = answer.json();
        let error = problem["errors"].as_array().and_then(|errors| errors.iter().find(|error| error["field"] == path));
        let error = error.unwrap_or_else(|| panic!("no {path} in {problem}"));
        assert_eq!((&error["rule"], &error["product"]), (&json!("used_by"), &json!("kettle")), "{problem}");
        assert!(text(&error["message"]).contains("kettle"), "{problem}");
    };
    let mut twin = kettle();
    twin["variants"][0]["sku"] = json!("TWIN");
    used(&operator.post(PRODUCTS, &twin).await, "handle");
    twin["handle"] = json!("twin");
    twin["variants"][0]["sku"] = json!("KETTLE");
    used(&operator.post(PRODUCTS, &twin).await, "variants[0].sku");
    // Also for a product that was archived, and for a change.
    let shirt = create(&mut operator, &shirt()).await;
    let mut changed = self::shirt();
    changed["variants"][1]["sku"] = json!("KETTLE");
    used(&put(&mut operator, "shirt", &tag(&shirt), &changed).await, "variants[1].sku");
    assert_eq!(operator.get(&path_of("shirt")).await.json(), shirt, "nothing was changed");
}

async fn a_second_editor_overwrites_nothing(shop: TestShop) {
    let mut operator = shop.operator().await;
    let first = create(&mut operator, &kettle()).await;
    let mut mine = kettle();
    mine["title"] = json!("Mine");
    let second = put(&mut operator, "kettle", &tag(&first), &mine).await.json();
    let mut theirs = kettle();
    theirs["title"] = json!("Theirs");
    for stale in [tag(&first), "\"0\"".to_owned(), "*".to_owned(), "\"x\"".to_owned(), format!("W/{}", tag(&second))] {
        let answer = put(&mut operator, "kettle", &stale, &theirs).await;
        assert_eq!(answer.problem(), (412, "version-changed".to_owned()), "{stale}");
        let answer = delete(&mut operator, "kettle", &stale).await;
        assert_eq!(answer.problem(), (412, "version-changed".to_owned()), "{stale}");
    }
    for method in [Method::PUT, Method::DELETE] {
        for headers in [&[][..], &[("if-match", "")]] {
            let answer = operator.json(method.clone(), &path_of("kettle"), &theirs, headers).await;
            assert_eq!(answer.problem(), (428, "precondition-required".to_owned()));
        }
    }
    assert_eq!(operator.get(&path_of("kettle")).await.json(), second);
    // An import that writes the product is another version, too.
    shop.sell(&fixtures::product("kettle").build(), 1).await;
    assert_eq!(
        put(&mut operator, "kettle", &tag(&second), &theirs).await.problem(),
        (412, "version-changed".to_owned())
    );
    let renamed = operator.get(&path_of("kettle")).await.json();
    theirs["handle"] = json!("other");
    assert_eq!(
        problems(&put(&mut operator, "kettle", &tag(&renamed), &theirs).await),
        [("handle".to_owned(), "fixed".to_owned())]
    );
    assert_eq!(put(&mut operator, "none", "\"1\"", &kettle()).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut none = kettle();
    none["handle"] = json!("none");
    assert_eq!(put(&mut operator, "none", "\"1\"", &none).await.problem(), (404, "not-found".to_owned()));
    // Many editors at once: one wins.
    let version = tag(&operator.get(&path_of("kettle")).await.json());
    let editors = (0..8).map(|number| {
        let (mut operator, version, mut product) = (operator.clone(), version.clone(), kettle());
        product["title"] = json!(format!("Editor {number}"));
        async move { put(&mut operator, "kettle", &version, &product).await }
    });
    let answers = futures_util::future::join_all(editors).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 412].contains(status)), "{statuses:?}");
}

async fn a_change_keeps_what_only_imports_write(shop: TestShop) {
    let mut imported = fixtures::product("kettle").image("/assets/kettle.webp", "A kettle").build();
    imported.seo_title = Some("Kettles".to_owned());
    imported.seo_description = Some("Kettles of copper.".to_owned());
    imported.variants[0].image = Some(0);
    shop.sell(&imported, 3).await;
    let mut operator = shop.operator().await;
    let stored = operator.get(&path_of("kettle")).await.json();
    let mut change = kettle();
    change["seo_description"] = stored["seo_description"].clone();
    let changed = put(&mut operator, "kettle", &tag(&stored), &change).await.json();
    for member in ["images", "seo_description", "created_at", "id", "handle"] {
        assert_eq!(changed[member], stored[member], "{member}");
    }
    assert_eq!((&stored["seo_title"], &changed["seo_title"]), (&json!("Kettles"), &json!(null)), "what is left out");
    assert_eq!(changed["variants"][0]["image"], 0);
    assert_eq!(changed["variants"][0]["id"], stored["variants"][0]["id"]);
    assert_eq!(changed["title"], "Copper kettle");
}

async fn a_deleted_product_vanishes_and_its_orders_stay(shop: TestShop) {
    let (mut operator, mut ada, mut bob, mut eve) =
        (shop.operator().await, shop.client(), shop.client(), shop.client());
    let product = create(&mut operator, &kettle()).await;
    for shopper in [&mut ada, &mut bob, &mut eve] {
        assert_eq!(shopper.add("KETTLE", 2).await.status, StatusCode::CREATED);
    }
    let paid = ada.check_out("paid", "card_approved").await;
    assert_eq!(paid.status, StatusCode::CREATED, "{}", paid.text());
    let unpaid = bob.check_out("unpaid", "card_requires_action").await;
    assert_eq!(unpaid.status, StatusCode::ACCEPTED, "{}", unpaid.text());
    assert_eq!(shop.levels("KETTLE").await, (3, 2, 2));
    assert_eq!(eve.get("/products/kettle").await.status, StatusCode::OK);

    assert_eq!(delete(&mut operator, "kettle", &tag(&product)).await.status, StatusCode::NO_CONTENT);
    for path in ["/products/kettle", "/api/v1/products/kettle"] {
        assert_eq!(eve.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for listing in ["/api/v1/products", "/api/v1/products?q=copper", "/api/v1/categories"] {
        assert_eq!(eve.get(listing).await.json()["items"], json!([]), "{listing}");
    }
    assert_eq!(eve.get("/api/v1/products?category=coffee-tea").await.status, StatusCode::NOT_FOUND);
    let cart = eve.cart().await;
    assert_eq!((&cart["units"], &cart["unavailable"][0]["sku"]), (&json!(0), &json!("KETTLE")), "{cart}");
    assert_eq!(eve.check_out("k", "card_approved").await.rules(), ["not_sold"]);
    assert_eq!(eve.get("/cart").await.status, StatusCode::OK);

    let path = format!("/api/v1/orders/{}", text(&paid.json()["id"]));
    let order = ada.get(&path).await.json();
    assert_eq!((&order["lines"][0]["title"], &order["state"]), (&json!("Copper kettle"), &json!("paid")));
    assert_eq!(ada.get(&format!("/orders/{}", text(&paid.json()["id"]))).await.status, StatusCode::OK);
    // The unpaid order expires, and its units return to the level that remained.
    shop.settle().await;
    assert_eq!(shop.levels("KETTLE").await, (5, 0, 2));
    shop.assert_books_agree().await;
    // A refund restocks the SKU of a product that does not exist.
    let order = text(&paid.json()["id"]);
    let refund =
        operator.post_once(&format!("/api/v1/admin/orders/{order}/refunds"), "all", &json!({"all": true})).await;
    assert_eq!(refund.status, StatusCode::CREATED, "{}", refund.text());
    shop.settle().await;
    assert_eq!(shop.levels("KETTLE").await, (7, 0, 0));
    shop.assert_books_agree().await;
}

async fn descriptions_are_sanitized_and_skus_derived(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut product = shirt();
    product["handle"] = json!("");
    product["title"] = json!("Blue <b>Shirt</b> &amp; Tie");
    product["description_html"] = json!("<p onclick=x()>Soft</p><script>alert(1)</script>");
    product["variants"][1]["sku"] = json!("  OWN ");
    let created = create(&mut operator, &product).await;
    assert_eq!((&created["title"], &created["handle"]), (&json!("Blue Shirt & Tie"), &json!("blue-shirt-tie")));
    assert_eq!(created["description_html"], "<p>Soft</p>");
    let skus: Vec<String> =
        created["variants"].as_array().expect("variants").iter().map(|variant| text(&variant["sku"])).collect();
    assert_eq!(skus, ["BLUE-SHIRT-TIE-S-RED", "OWN", "BLUE-SHIRT-TIE-L-RED"]);
    assert_eq!(
        created["options"],
        json!([{"name": "Size", "values": ["S", "L"]}, {"name": "Color", "values": ["Red", "Blue"]}])
    );
    // Text without markup keeps its paragraphs.
    let mut text = kettle();
    text["description_html"] = json!("One\ntwo\n\nThree & four");
    let created = create(&mut operator, &text).await;
    assert_eq!(created["description_html"], "<p>One<br>two</p>\n<p>Three &amp; four</p>");
}

async fn all_products_are_listed_with_status_and_stock(shop: TestShop) {
    let mut operator = shop.operator().await;
    create(&mut operator, &shirt()).await;
    let mut lamp = kettle();
    (lamp["handle"], lamp["title"], lamp["status"]) = (json!("lamp"), json!("Lamp"), json!("draft"));
    lamp["variants"][0] = json!({"sku": "LAMP", "price": eur(100), "inventory": "untracked"});
    create(&mut operator, &lamp).await;
    let mut old = kettle();
    (old["handle"], old["status"], old["variants"][0]["sku"]) = (json!("old"), json!("archived"), json!("OLD"));
    create(&mut operator, &old).await;
    let rows = operator.get(PRODUCTS).await.json();
    let row = |handle: &str, title: &str, status: &str, price: i64, count: u16, available: Value| {
        let (price, price_to) = (eur(price), eur(price));
        json!({
            "handle": handle, "title": title, "status": status, "image": null, "price_from": price, "price_to": price_to,
            "variant_count": count, "available": available,
        })
    };
    let all = [
        row("old", "Copper kettle", "archived", 4900, 1, json!(7)),
        row("lamp", "Lamp", "draft", 100, 1, Value::Null),
        row("shirt", "Shirt", "active", 1990, 3, json!(9)),
    ];
    assert_eq!(rows, json!({"items": all, "next_cursor": null}));
    for (status, expected) in [("archived", &all[0]), ("draft", &all[1]), ("active", &all[2])] {
        assert_eq!(operator.get(&format!("{PRODUCTS}?status={status}")).await.json()["items"], json!([expected]));
    }
    let (mut path, mut found) = (format!("{PRODUCTS}?limit=1"), Vec::new());
    for _ in 0..3 {
        let page = operator.get(&path).await.json();
        found.push(page["items"][0].clone());
        path = format!("{PRODUCTS}?limit=1&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
    }
    assert_eq!(found, all);
    assert_eq!(operator.get(&format!("{PRODUCTS}?status=sold")).await.rules(), ["invalid_value"]);
    assert_eq!(operator.get(&format!("{PRODUCTS}?limit=0")).await.rules(), ["invalid_value"]);
    assert_eq!(operator.get(&format!("{PRODUCTS}?cursor=x")).await.status, StatusCode::BAD_REQUEST);
}

async fn a_product_that_no_front_door_can_send_is_refused(shop: TestShop) {
    let mut operator = shop.operator().await;
    let variants: Vec<Value> =
        (0..2048).map(|n| json!({"option_values": [format!("{n}{}", "\"".repeat(20))], "price": eur(1)})).collect();
    let large = json!({"title": "Large", "status": "active", "options": ["Size"], "variants": variants});
    let answer = operator.post(PRODUCTS, &large).await;
    assert_eq!(problems(&answer), [("variants".to_owned(), "size".to_owned())]);
    let wide = |chars: usize| "😀".repeat(chars);
    let longest = json!({
        "handle": "longest", "title": wide(500), "status": "active", "options": ["A", "B", "C"],
        "variants": [{"sku": wide(255), "option_values": [wide(255), wide(255), wide(255)], "price": eur(1)}],
    });
    let found = problems(&operator.post(PRODUCTS, &longest).await);
    assert_eq!(found, [("variants[0]".to_owned(), "size".to_owned())], "an order could not store the line");
    let page = operator.get(PRODUCTS).await.json();
    assert_eq!(page["items"], json!([]));
}

async fn only_operators_see_and_change_products(shop: TestShop) {
    let mut operator = shop.operator().await;
    let product = create(&mut operator, &kettle()).await;
    let (mut visitor, mut customer) = (shop.client(), shop.client());
    customer.register("ada@example.com").await;
    for (client, refused) in
        [(&mut visitor, (401, "sign-in-required".to_owned())), (&mut customer, (403, "forbidden".to_owned()))]
    {
        assert_eq!(client.get(PRODUCTS).await.problem(), refused);
        assert_eq!(client.get(&path_of("kettle")).await.problem(), refused);
        let mut other = kettle();
        other["handle"] = json!("other");
        assert_eq!(client.post(PRODUCTS, &other).await.problem(), refused);
        assert_eq!(put(client, "kettle", &tag(&product), &kettle()).await.problem(), refused);
        assert_eq!(delete(client, "kettle", &tag(&product)).await.problem(), refused);
    }
    assert_eq!(operator.get(&path_of("kettle")).await.json(), product);
}

/// A product whose document does not fit a DynamoDB item of 400 KB, and so has parts.
async fn a_product_of_many_parts_is_changed_and_deleted(shop: TestShop) {
    let mut operator = shop.operator().await;
    let value = |number: usize, name: &str| format!("{name} {number} {}", "x".repeat(24));
    let product = |name: &str| {
        let variant = |number| json!({"option_values": [value(number, name)], "price": eur(1990)});
        let variants: Vec<_> = (0..1_400).map(variant).collect();
        json!({"handle": "large", "title": "Large", "status": "active", "options": ["Size"], "variants": variants})
    };
    let created = create(&mut operator, &product("a")).await;
    let changed = put(&mut operator, "large", &tag(&created), &product("b")).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    assert_eq!(delete(&mut operator, "large", &tag(&changed.json())).await.status, StatusCode::NO_CONTENT);
    create(&mut operator, &product("a")).await;
    shop.assert_books_agree().await;
}

async fn a_request_of_many_problems_is_small_work(shop: TestShop) {
    let mut operator = shop.operator().await;
    let variants = vec![json!({"price": eur(-1)}); 2_000];
    let options = vec![""; 50_000];
    let product = json!({"title": "a", "status": "draft", "options": options, "variants": variants});
    // Also for somebody who is not signed in: the body is read first.
    let stranger = shop.client().post(PRODUCTS, &product).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{}", stranger.text());
    let refused = problems(&operator.post(PRODUCTS, &product).await);
    assert_eq!(refused.len(), 100);
    let tags: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    let product = json!({"title": "a", "status": "draft", "tags": tags, "variants": [{"price": eur(1)}]});
    assert_eq!(problems(&operator.post(PRODUCTS, &product).await), [("tags".to_owned(), "count".to_owned())]);
}

async fn a_variant_with_another_sku_keeps_its_units(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut product = kettle();
    let created = create(&mut operator, &product).await;
    product["variants"][0]["sku"] = "KETTLE-2".into();
    assert_eq!(put(&mut operator, "kettle", &tag(&created), &product).await.status, StatusCode::OK);
    assert_eq!((shop.levels("KETTLE").await.0, shop.levels("KETTLE-2").await.0), (0, 7));
    shop.assert_books_agree().await;
}

async fn a_product_keeps_its_currency(shop: TestShop) {
    let mut operator = shop.operator().await;
    let created = create(&mut operator, &kettle()).await;
    let mut document = operator.get("/api/v1/admin/settings").await.json();
    document["settings"]["selling"]["currency"] = "SEK".into();
    let change = json!({"expected_version": document["version"], "settings": document["settings"]});
    let changed = operator.json(Method::PUT, "/api/v1/admin/settings", &change, &[]).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    let mut product = kettle();
    product["title"] = "Kettle".into();
    let kept = put(&mut operator, "kettle", &tag(&created), &product).await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.text());
    assert_eq!(kept.json()["variants"][0]["price"], eur(4900));
    let page = operator.get("/admin/products/kettle").await.text();
    assert!(page.contains("In EUR, for example"), "{page}");
}

async fn a_handle_is_written_in_lower_case(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut product = kettle();
    product["handle"] = "Copper-Kettle".into();
    assert_eq!(create(&mut operator, &product).await["handle"], "copper-kettle");
}
