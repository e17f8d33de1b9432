//! The settings through the API: changes reach every process, conflicts lose nothing, bad values are named, everything can be undone.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shopease_payments::fake::{FakeProvider, Ledger};
use shopease_process::config::Reader;
use shopease_shared::http as shop_http;
use shopease_shared::http::api::settings::SettingsDocument;
use shopease_shop::config::ShopConfig;
use shopease_shop::domain::{Settings, UploadedImage};
use shopease_shop::ports::SharedStore;
use shopease_shop::services::LocalShop;
use shopease_shop::testing::{MapEnv, SeededIds, fixtures};
use time::Duration;

use crate::harness::{Answer, Client, TestShop, both_stores, on_stores, order_with, text};

both_stores!(
    a_change_is_in_force_everywhere_within_five_seconds,
    an_update_of_another_version_changes_nothing,
    every_bad_value_is_reported_with_its_path,
    a_bad_change_is_undone_and_the_history_shows_it,
    an_exported_document_is_imported_unchanged,
    only_operators_see_and_change_the_settings,
    an_order_keeps_the_terms_that_its_shopper_accepted,
    terms_that_changed_meanwhile_must_be_accepted_again,
);
on_stores!(variables_on_dynamodb, variables_on_postgres; variables_are_moved_into_the_settings_once);

pub const SETTINGS: &str = "/api/v1/admin/settings";

/// The current version with its settings.
pub async fn current(operator: &mut Client) -> Value {
    let answer = operator.get(SETTINGS).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

/// Replaces settings in place of a version.
pub async fn put(operator: &mut Client, expected_version: &Value, settings: &Value) -> Answer {
    let body = json!({ "expected_version": expected_version, "settings": settings });
    operator.json(Method::PUT, SETTINGS, &body, &[]).await
}

/// Changes one value of the current settings.
pub async fn change(operator: &mut Client, pointer: &str, value: Value) -> Answer {
    let Value::Object(mut found) = current(operator).await else { panic!("no object") };
    let mut settings = found.remove("settings").expect("settings");
    *settings.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    put(operator, &found["version"], &settings).await
}

async fn a_change_is_in_force_everywhere_within_five_seconds(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").category("kitchen").build(), 50).await;
    let mut operator = shop.operator().await;
    // Another process on the same store, which has cached the settings.
    let (_, app) = shop.function(shop.store.clone(), 5);
    let mut other = Client::new(shop_http::all(app));
    assert_eq!(text(&other.get("/api/v1/settings").await.json()["name"]), "My shop");
    let quote = json!({"country": "DE"});
    other.add("KETTLE", 1).await;
    assert_eq!(other.post("/api/v1/checkout/quote", &quote).await.json()["shipping"]["price"]["amount_minor"], 490);

    let mut document = current(&mut operator).await;
    let settings = &mut document["settings"];
    settings["shop"]["name"] = json!("Mlouye");
    settings["shop"]["accent_color"] = json!("#003d99");
    settings["home"]["headline"] = json!("Bags from Istanbul");
    settings["shipping"]["methods"] = json!([{
        "id": "standard", "title": "Courier", "delivery_estimate": "2 days",
        "rate": {"kind": "flat", "price": {"EUR": 700}}, "free_from": {"EUR": 100_000}
    }]);
    settings["tax"]["rates"] = json!([]);
    settings["selling"]["countries"] = json!(["DE"]);
    settings["selling"]["low_stock_units"] = json!(48);
    let answer = put(&mut operator, &document["version"], &document["settings"]).await;
    assert_eq!((answer.status, &answer.json()["version"]), (StatusCode::OK, &json!(2)), "{}", answer.text());
    // At once in the process that wrote it.
    assert!(operator.get("/admin").await.text().contains(" · Mlouye</title>"));

    shop.clock.advance(Duration::seconds(5));
    let seen = other.get("/api/v1/settings").await.json();
    assert_eq!((text(&seen["name"]).as_str(), &seen["version"]), ("Mlouye", &json!(2)));
    let home = other.get("/").await.text();
    assert!(home.contains("<title>Mlouye: Bags from Istanbul</title>"), "{home}");
    assert!(home.contains("/theme.css?v=003d99"), "{home}");
    assert!(other.get("/theme.css?v=003d99").await.text().contains("--accent:#003d99"));
    assert!(other.get("/favicon.svg").await.text().contains(">M</text>"));
    let quoted = other.post("/api/v1/checkout/quote", &quote).await.json();
    assert_eq!(
        (&quoted["shipping"]["price"]["amount_minor"], &quoted["tax_total"]["amount_minor"]),
        (&json!(700), &json!(0))
    );
    assert_eq!(other.post("/api/v1/checkout/quote", &json!({"country": "FR"})).await.rules(), ["invalid_value"]);
    let order = other.check_out("k", "card_approved").await;
    assert_eq!((order.status, &order.json()["total"]["amount_minor"]), (StatusCode::CREATED, &json!(1990 + 700)));
    // 49 units are left.
    assert!(!shop.topics().await.contains(&"stock.low".to_owned()));
    other.add("KETTLE", 1).await;
    other.check_out("k2", "card_approved").await;
    assert!(shop.topics().await.contains(&"stock.low".to_owned()));
}

async fn an_update_of_another_version_changes_nothing(shop: TestShop) {
    let mut operator = shop.operator().await;
    let first = current(&mut operator).await;
    assert_eq!(change(&mut operator, "/shop/name", json!("First")).await.status, StatusCode::OK);
    let mut mine = first["settings"].clone();
    mine["shop"]["name"] = json!("Second");
    for version in [json!(1), json!(3), json!(0)] {
        assert_eq!(put(&mut operator, &version, &mine).await.problem(), (409, "conflict".to_owned()), "{version}");
    }
    assert_eq!(current(&mut operator).await["settings"]["shop"]["name"], "First");
    let again = put(&mut operator, &json!(2), &mine).await;
    assert_eq!((again.status, &again.json()["version"]), (StatusCode::OK, &json!(3)));
    // The same settings again are no new version.
    assert_eq!(put(&mut operator, &json!(3), &mine).await.json()["version"], 3);
    let body = json!({ "settings": mine });
    let missing = operator.json(Method::PUT, SETTINGS, &body, &[]).await;
    assert_eq!(missing.json()["errors"][0]["field"], "expected_version", "{}", missing.text());
}

/// Bad values: where, the value, the reported path, the reported rule.
fn bad_values() -> Vec<(String, Value, &'static str, &'static str)> {
    let long = "x".repeat(30_001);
    let method = "/shipping/methods/0";
    [
        ("/shop/name", json!(" "), "shop.name", "required"),
        ("/shop/name", json!("a\nb"), "shop.name", "line"),
        ("/shop/name", json!("a\u{202e}b"), "shop.name", "line"),
        ("/home/headline", json!("soft\u{ad}hyphen"), "home.headline", "line"),
        ("/shop/name", json!("x".repeat(61)), "shop.name", "line"),
        ("/shop/name", json!(7), "shop.name", "format"),
        ("/shop/accent_color", json!("red"), "shop.accent_color", "format"),
        ("/shop/accent_color", json!("#ffcc00"), "shop.accent_color", "contrast"),
        ("/shop/logo", json!({"base64": "PHN2Zz4="}), "shop.logo", "format"),
        ("/shop/logo", json!({"base64": "%"}), "shop.logo", "format"),
        ("/shop/icon", json!({"base64": "AAABAA=="}), "shop.icon", "format"),
        ("/contact/email", json!("nobody"), "contact.email", "format"),
        ("/contact/phone", json!("1".repeat(41)), "contact.phone", "line"),
        ("/contact/postal_address", json!("\u{7}"), "contact.postal_address", "length"),
        ("/home/headline", json!(""), "home.headline", "required"),
        ("/home/text", json!("x".repeat(1_001)), "home.text", "length"),
        ("/home/image", json!({"url": "http://x.example/a.png", "alt": ""}), "home.image.url", "format"),
        ("/home/image", json!({"url": "/a.png", "alt": "x".repeat(121)}), "home.image.alt", "line"),
        ("/home/featured_categories", json!(["a", "a"]), "home.featured_categories[1]", "unique"),
        ("/home/featured_categories", json!(["a b/"]), "home.featured_categories[0]", "format"),
        ("/footer/text", json!("x".repeat(1_001)), "footer.text", "length"),
        ("/footer/links", json!([{"title": "", "url": "/"}]), "footer.links[0].title", "required"),
        ("/footer/links", json!([{"title": "a", "url": "javascript:alert(1)"}]), "footer.links[0].url", "format"),
        ("/footer/links", json!(vec![json!({"title": "a", "url": "/"}); 21]), "footer.links", "count"),
        ("/pages/terms", json!({"text": long, "is_draft": true}), "pages.terms.text", "length"),
        ("/pages/imprint", json!({"text": " ", "is_draft": false}), "pages.imprint.text", "required"),
        ("/selling/currency", json!("EURO"), "selling.currency", "format"),
        ("/selling/time_zone", json!("Mars/Olympus"), "selling.time_zone", "format"),
        ("/selling/countries", json!(["DE", "UK"]), "selling.countries[1]", "format"),
        ("/selling/countries", json!(["DE", "DE"]), "selling.countries[1]", "unique"),
        ("/selling/low_stock_units", json!(1_000_001), "selling.low_stock_units", "range"),
        ("/selling/low_stock_units", json!(-1), "selling.low_stock_units", "format"),
        ("/tax/rates/0/country", json!("XX"), "tax.rates[0].country", "format"),
        ("/tax/rates/0/region", json!("Nowhere\u{0}"), "tax.rates[0].region", "line"),
        ("/tax/rates/0/class", json!("luxury"), "tax.rates[0].class", "format"),
        ("/tax/rates/0/rate_ppm", json!(1_000_001), "tax.rates[0].rate_ppm", "range"),
        ("/tax/rates/0/title", json!(""), "tax.rates[0].title", "required"),
        ("/tax/rates/1/class", json!("standard"), "tax.rates[1].class", "unique"),
    ]
    .into_iter()
    .map(|(pointer, value, field, rule)| (pointer.to_owned(), value, field, rule))
    .chain(
        [
            ("/id", json!("A B"), "shipping.methods[0].id", "format"),
            ("/id", json!("express"), "shipping.methods[1].id", "unique"),
            ("/title", json!(""), "shipping.methods[0].title", "required"),
            ("/delivery_estimate", json!(""), "shipping.methods[0].delivery_estimate", "required"),
            ("/countries", json!(["ZZ"]), "shipping.methods[0].countries[0]", "format"),
            ("/except_countries", json!(["D"]), "shipping.methods[0].except_countries[0]", "format"),
            ("/min_weight_grams", json!(5_000_000_000_u64), "shipping.methods[0].min_weight_grams", "range"),
            ("/free_from", json!({"EUR": -1}), "shipping.methods[0].free_from.EUR", "range"),
            ("/free_from", json!({"XXX": 1}), "shipping.methods[0].free_from.XXX", "format"),
            ("/rate", json!({"kind": "flat", "price": {"EUR": -5}}), "shipping.methods[0].rate.price.EUR", "range"),
            ("/rate", json!({"kind": "by_weight", "bands": []}), "shipping.methods[0].rate.bands", "required"),
            (
                "/rate",
                json!({"kind": "by_weight", "bands": [{"up_to_grams": 9, "price": {}}, {"up_to_grams": 9, "price": {}}]}),
                "shipping.methods[0].rate.bands[1].up_to_grams",
                "range",
            ),
        ]
        .into_iter()
        .map(|(pointer, value, field, rule)| (format!("{method}{pointer}"), value, field, rule)),
    )
    .collect()
}

async fn every_bad_value_is_reported_with_its_path(shop: TestShop) {
    let mut operator = shop.operator().await;
    let before = current(&mut operator).await;
    let sent = before["settings"].clone();
    let mut wrong = Vec::new();
    for (pointer, value, field, rule) in bad_values() {
        let mut settings = sent.clone();
        *settings.pointer_mut(&pointer).unwrap_or_else(|| panic!("no {pointer}")) = value.clone();
        let answer = put(&mut operator, &before["version"], &settings).await;
        let problem = answer.json();
        let found: Vec<_> = problem["errors"].as_array().into_iter().flatten().collect();
        let is_found = |error: &&&Value| error["field"] == field && error["rule"] == rule;
        let has_sentence = found.iter().all(|error| error["message"].as_str().is_some_and(|text| text.ends_with('.')));
        if answer.status != StatusCode::UNPROCESSABLE_ENTITY
            || found.len() != 1
            || found.iter().find(is_found).is_none()
            || !has_sentence
        {
            wrong.push(format!("{pointer} {value}: {}", answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Members that are missing or do not exist are named, and all problems are reported at once.
    let mut settings = sent.clone();
    settings["shop"]["nmae"] = json!("x");
    settings["tax"]["rates"][3]["rate"] = json!(19);
    settings["selling"]["time_zone"] = json!("x");
    let problem = put(&mut operator, &before["version"], &settings).await.json();
    let fields: Vec<_> =
        problem["errors"].as_array().expect("errors").iter().map(|error| text(&error["field"])).collect();
    assert_eq!(fields, ["shop.nmae", "tax.rates[3].rate", "selling.time_zone"]);
    let mut settings = sent;
    settings["selling"].as_object_mut().expect("an object").remove("prices_include_tax");
    let problem = put(&mut operator, &before["version"], &settings).await.json();
    let error = &problem["errors"][0];
    assert_eq!(
        (text(&error["field"]).as_str(), text(&error["rule"]).as_str()),
        ("selling.prices_include_tax", "required")
    );
    assert_eq!(current(&mut operator).await, before, "nothing was changed");
}

async fn a_bad_change_is_undone_and_the_history_shows_it(shop: TestShop) {
    let mut operator = shop.operator().await;
    let good = current(&mut operator).await;
    shop.clock.advance(Duration::minutes(1));
    // Nobody can order anything any more.
    assert_eq!(change(&mut operator, "/shipping/methods", json!([])).await.status, StatusCode::OK);
    shop.clock.advance(Duration::minutes(1));
    assert_eq!(change(&mut operator, "/pages/terms/text", json!("Other terms")).await.status, StatusCode::OK);
    let restore =
        |version: u64, expected_version: u64| json!({"version": version, "expected_version": expected_version});
    let restorations = format!("{SETTINGS}/restorations");
    assert_eq!(operator.post(&restorations, &restore(1, 2)).await.problem(), (409, "conflict".to_owned()));
    assert_eq!(operator.post(&restorations, &restore(9, 3)).await.problem(), (404, "not-found".to_owned()));
    let restored = operator.post(&restorations, &restore(1, 3)).await;
    assert_eq!((restored.status, &restored.json()["version"]), (StatusCode::OK, &json!(4)), "{}", restored.text());
    assert_eq!(current(&mut operator).await["settings"], good["settings"]);

    let versions = operator.get(&format!("{SETTINGS}/versions")).await.json();
    let entry = |entry: &Value| (entry["version"].clone(), text(&entry["changed_by"]), entry["sections"].clone());
    let entries: Vec<_> = versions["items"].as_array().expect("items").iter().map(entry).collect();
    let by = || "operator@example.com".to_owned();
    assert_eq!(
        entries,
        [
            (json!(4), by(), json!(["shipping", "pages.terms"])),
            (json!(3), by(), json!(["pages.terms"])),
            (json!(2), by(), json!(["shipping"])),
            (json!(1), "environment variables".to_owned(), json!([])),
        ]
    );
    let second = operator.get(&format!("{SETTINGS}/versions/2")).await.json();
    assert_eq!((&second["version"], &second["settings"]["shipping"]["methods"]), (&json!(2), &json!([])));
    assert_eq!(operator.get(&format!("{SETTINGS}/versions/9")).await.problem(), (404, "not-found".to_owned()));
}

async fn an_exported_document_is_imported_unchanged(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut settings = fixtures::settings();
    settings.shop.logo = UploadedImage::new(fixtures::png(40, 40, 0).into());
    let mut document = json!(SettingsDocument::from(settings));
    document["contact"] = json!({"email": "a@b.example", "phone": "+49 30 1", "postal_address": "A\nB"});
    document["home"]["image"] = json!({"url": "https://x.example/a.jpg", "alt": "Größe"});
    document["footer"]["links"] = json!([{"title": "News", "url": "mailto:a@b.example"}]);
    let written = put(&mut operator, &json!(1), &document).await;
    assert_eq!(written.status, StatusCode::OK, "{}", written.text());
    let exported = current(&mut operator).await;
    assert_eq!(exported["settings"], document);
    let again = put(&mut operator, &json!(2), &exported["settings"]).await.json();
    assert_eq!(again["version"], 2, "nothing differs");
    shop.clock.advance(Duration::seconds(5));
    let found = shop.client().get("/api/v1/settings/images/logo").await.json();
    let base64 = &document["shop"]["logo"]["base64"];
    assert_eq!(found, json!({"content_type": "image/png", "base64": base64}));
    let page = shop.client().get("/api/v1/pages/terms").await.json();
    assert_eq!(page, json!({"text": "The terms page.", "is_draft": true, "version": 2}));
    // A logo is served as an image and can do nothing else.
    let logo = shop.client().get("/logo").await;
    assert_eq!((logo.header("content-type"), &logo.body[..4]), ("image/png", &b"\x89PNG"[..]));
    assert_eq!(logo.header("content-security-policy"), "default-src 'none'; sandbox");
}

async fn only_operators_see_and_change_the_settings(shop: TestShop) {
    let mut visitor = shop.client();
    let mut customer = shop.client();
    customer.register("ada@example.com").await;
    let document = json!({"expected_version": 1, "settings": SettingsDocument::from(fixtures::settings())});
    for (client, status) in [(&mut visitor, 401), (&mut customer, 403)] {
        for path in [SETTINGS, &format!("{SETTINGS}/versions"), &format!("{SETTINGS}/versions/1")] {
            assert_eq!(client.get(path).await.status, status, "{path}");
        }
        assert_eq!(client.json(Method::PUT, SETTINGS, &document, &[]).await.status, status);
        let restore = json!({"version": 1, "expected_version": 1});
        assert_eq!(client.post(&format!("{SETTINGS}/restorations"), &restore).await.status, status);
    }
    let public = visitor.get("/api/v1/settings").await.json();
    assert_eq!(public["tax"], Value::Null, "the public part has no tables");
    assert_eq!(visitor.get("/api/v1/settings/images/logo").await.problem(), (404, "not-found".to_owned()));
}

async fn an_order_keeps_the_terms_that_its_shopper_accepted(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let mut operator = shop.operator().await;
    change(&mut operator, "/pages/terms", json!({"text": "The old terms.", "is_draft": false})).await;
    shop.clock.advance(Duration::seconds(5));
    let mut shopper = shop.client();
    shopper.add("KETTLE", 1).await;
    let order = shopper.check_out("k", "card_approved").await.json();
    assert_eq!(order["terms_version"], 2, "{order}");
    change(&mut operator, "/pages/terms", json!({"text": "The new terms.", "is_draft": false})).await;
    shop.clock.advance(Duration::seconds(5));
    let page = shopper.get(&format!("/orders/{}", text(&order["id"]))).await.text();
    assert!(page.contains("href=\"/pages/terms?version=2\""), "{page}");
    let old = shopper.get("/pages/terms?version=2").await.text();
    assert!(old.contains("The old terms.") && old.contains("This is version 2") && old.contains("noindex"), "{old}");
    let new = shopper.get("/pages/terms").await.text();
    assert!(new.contains("The new terms.") && !new.contains("This is version"), "{new}");
    assert_eq!(shopper.get("/pages/terms?version=9").await.status, StatusCode::NOT_FOUND);
    assert_eq!(shopper.get("/pages/nothing").await.status, StatusCode::NOT_FOUND);
}

async fn terms_that_changed_meanwhile_must_be_accepted_again(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let mut operator = shop.operator().await;
    let mut shopper = shop.client();
    shopper.add("KETTLE", 1).await;
    let order = |version: u64| {
        let mut order = order_with("card_approved");
        order["terms_version"] = json!(version);
        order
    };
    change(&mut operator, "/pages/terms/text", json!("Other terms")).await;
    shop.clock.advance(Duration::seconds(5));
    let refused = shopper.post_once("/api/v1/checkout", "a", &order(1)).await;
    assert_eq!(refused.rules(), ["terms_changed"]);
    assert_eq!(shopper.post_once("/api/v1/checkout", "b", &order(9)).await.rules(), ["terms_changed"]);
    assert_eq!(shopper.cart_lines().await.len(), 1, "nothing was ordered");
    // Another change of the settings leaves the terms as they are.
    change(&mut operator, "/shop/name", json!("Other")).await;
    shop.clock.advance(Duration::seconds(5));
    let placed = shopper.post_once("/api/v1/checkout", "c", &order(2)).await;
    assert_eq!((placed.status, &placed.json()["terms_version"]), (StatusCode::CREATED, &json!(2)));
    assert_eq!(shopper.post_once("/api/v1/checkout", "c", &order(2)).await.json(), placed.json());
}

fn shop_with<const N: usize>(store: &SharedStore, variables: [(&str, &str); N]) -> (LocalShop, ShopConfig) {
    let env = MapEnv::new(variables);
    let mut reader = Reader::new(&env);
    let config = ShopConfig::read(&mut reader);
    reader.finish().expect("valid variables");
    let clock = Arc::new(shopease_shop::testing::FixedClock::new());
    let ledger = Ledger::in_memory(clock.clone(), Arc::new(SeededIds::new(1)));
    let payments = Arc::new(FakeProvider::in_process(ledger, None, "whsec".into()));
    (LocalShop::new(store.clone(), payments, clock, Arc::new(SeededIds::new(2)), config.clone()), config)
}

async fn variables_are_moved_into_the_settings_once(store: SharedStore) {
    let tax = r#"{"rates": [{"country": "SE", "class": "standard", "rate_ppm": 250000, "title": "Moms"}]}"#;
    let shipping = r#"{"methods": [{"id": "post", "title": "Post", "delivery_estimate": "2 days",
        "rate": {"kind": "flat", "price": {"SEK": 4900}}}]}"#;
    let variables = [
        ("SHOPEASE_NAME", "Växlar"),
        ("SHOPEASE_CURRENCY", "SEK"),
        ("SHOPEASE_PRICES_INCLUDE_TAX", "false"),
        ("SHOPEASE_TAX_RATES", tax),
        ("SHOPEASE_SHIPPING_METHODS", shipping),
        ("SHOPEASE_COUNTRIES", "SE, NO"),
        ("SHOPEASE_LOW_STOCK_UNITS", "7"),
    ];
    let (first, config) = shop_with(&store, variables);
    // In force before any process with the right to write has stored them.
    let before = first.settings().await.expect("settings");
    assert_eq!((before.version, before.settings.shop.name.as_str()), (1, "Växlar"));
    assert_eq!(store.find_settings_version().await.expect("a number"), 0);
    let stored = first.prepare_settings().await.expect("stored");
    assert_eq!(stored, before.settings);
    let selling = &stored.selling;
    assert_eq!((selling.currency.code(), selling.prices_include_tax, selling.low_stock_units), ("SEK", false, 7));
    assert_eq!(selling.countries.iter().map(ToString::to_string).collect::<Vec<_>>(), ["SE", "NO"]);
    assert_eq!((stored.tax.rates.len(), stored.shipping.methods.len()), (1, 1));
    assert_eq!(config.settings.differing(&stored), Vec::<&str>::new());

    // A later start with other variables changes nothing; those that differ are known.
    let (second, config) = shop_with(&store, [("SHOPEASE_NAME", "Other"), ("SHOPEASE_CURRENCY", "SEK")]);
    let unchanged: Settings = second.prepare_settings().await.expect("stored");
    assert_eq!(unchanged, stored);
    assert_eq!(config.settings.differing(&stored), ["SHOPEASE_NAME"]);
    assert_eq!(store.list_settings_versions().await.expect("a list").len(), 1);
}
