//! Destinations: quote, order and page validate them alike. Countries must exist, regions must exist where taxes depend on them, and
//! postal codes are required only where every address has one.

use http::StatusCode;
use serde_json::{Value, json};
use shopease_shop::testing::fixtures;

use crate::harness::{Client, TestShop, address, both_stores, order_with, text};
use crate::settings::change;

both_stores!(
    quote_and_order_interpret_a_region_alike,
    where_taxes_depend_on_the_region_it_must_exist,
    regions_that_only_the_tax_table_knows_are_required_and_taxed,
    only_existing_countries_are_allowed,
    a_postal_code_is_required_only_where_every_address_has_one,
    the_page_requires_the_region_and_keeps_the_input,
);

const QUOTE: &str = "/api/v1/checkout/quote";

async fn with_kettle(shop: &TestShop) -> Client {
    shop.sell(&fixtures::product("kettle").price(1990).build(), 50).await;
    let mut client = shop.client();
    client.add("KETTLE", 1).await;
    client
}

/// An order with a changed address.
fn order_to(change: &Value) -> Value {
    let (mut order, mut place) = (order_with("card_approved"), address());
    let fields = change.as_object().expect("fields").clone();
    place.as_object_mut().expect("an address").extend(fields);
    order["shipping_address"] = place;
    order["shipping_method"] = "international".into();
    order
}

/// The fields with errors in a problem.
fn fields(problem: &Value) -> Vec<String> {
    problem["errors"].as_array().expect("rules").iter().map(|rule| text(&rule["field"])).collect()
}

async fn quote_and_order_interpret_a_region_alike(shop: TestShop) {
    for (number, region) in ["CA", "ca", " Ca ", "California", "CALIFORNIA", "US-CA"].into_iter().enumerate() {
        let mut client = with_kettle(&shop).await;
        let quoted = client.post(QUOTE, &json!({"country": "us", "region": region})).await.json();
        assert_eq!(quoted["tax_lines"][0]["rate_ppm"], 72_500, "{region}");
        let order = order_to(&json!({"country": "US", "region": region}));
        let order = client.post_once("/api/v1/checkout", &format!("k{number}"), &order).await;
        assert_eq!(order.status, StatusCode::CREATED, "{}", order.text());
        let order = order.json();
        assert_eq!((&order["tax_total"], &order["total"]), (&quoted["tax_total"], &quoted["total"]), "{region}");
        assert_eq!(order["shipping_address"]["region"], "CA", "normalized to its code");
    }
    let mut client = with_kettle(&shop).await;
    let quebec = client.post(QUOTE, &json!({"country": "CA", "region": "quebec"})).await.json();
    assert_eq!(quebec["tax_lines"][0]["rate_ppm"], 50_000, "a region without its own rate has the country's");
    let oregon = client.post(QUOTE, &json!({"country": "US", "region": "oregon"})).await.json();
    assert_eq!(oregon["tax_lines"], json!([]), "no tax");
}

async fn where_taxes_depend_on_the_region_it_must_exist(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    for country in ["US", "CA"] {
        for region in [Value::Null, json!(""), json!("  "), json!("ZZ"), json!("Kalifornia"), json!("Bayern")] {
            let refused = client.post(QUOTE, &json!({"country": country, "region": region})).await;
            assert_eq!((refused.rules().len(), fields(&refused.json())), (1, vec!["region".to_owned()]), "{region}");
            let order = order_to(&json!({"country": country, "region": region}));
            let refused = client.post_once("/api/v1/checkout", "k", &order).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{country} {region}");
            assert_eq!(fields(&refused.json()), ["shipping_address.region"], "{region}");
        }
    }
    let zurich = order_to(&json!({"country": "CH", "region": "Zürich"}));
    let ordered = client.post_once("/api/v1/checkout", "k", &zurich).await;
    assert_eq!(ordered.status, StatusCode::CREATED, "{}", ordered.text());
    assert_eq!(ordered.json()["shipping_address"]["region"], "Zürich", "unchanged where taxes do not depend on it");
}

async fn regions_that_only_the_tax_table_knows_are_required_and_taxed(shop: TestShop) {
    let mut operator = shop.operator().await;
    let rate = |region: Value, rate_ppm: u32| json!({"country": "PT", "region": region, "class": "standard", "rate_ppm": rate_ppm, "title": "IVA"});
    let islands = [rate(json!("Açores"), 160_000), rate(json!("Madeira"), 220_000)];
    let changed = change(&mut operator, "/tax/rates", json!(islands)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    shop.clock.advance(time::Duration::seconds(5));
    let order_to = |region: &Value| {
        let mut order = order_to(&json!({"country": "PT", "region": region}));
        order["shipping_method"] = "standard".into();
        order
    };
    let mut client = with_kettle(&shop).await;
    for region in [Value::Null, json!(" "), json!("Lisboa"), json!("ZZ")] {
        let refused = client.post(QUOTE, &json!({"country": "PT", "region": region})).await;
        assert_eq!(fields(&refused.json()), ["region"], "no quote without tax: {region}");
        let order = order_to(&region);
        let refused = client.post_once("/api/v1/checkout", "k", &order).await;
        assert_eq!(fields(&refused.json()), ["shipping_address.region"], "{region}");
    }
    for (number, region) in ["acores", " AÇORES ", "PT-Açores"].into_iter().enumerate() {
        let mut client = with_kettle(&shop).await;
        let quoted = client.post(QUOTE, &json!({"country": "PT", "region": region})).await.json();
        assert_eq!(quoted["tax_lines"][0]["rate_ppm"], 160_000, "{region}");
        let order = order_to(&json!(region));
        let order = client.post_once("/api/v1/checkout", &format!("k{number}"), &order).await;
        assert_eq!(order.status, StatusCode::CREATED, "{}", order.text());
        assert_eq!(order.json()["shipping_address"]["region"], "Açores");
        assert_eq!(order.json()["tax_total"], quoted["tax_total"], "{region}");
    }
    // With a rate of the country, other regions have that one.
    let all = [&islands[..], &[rate(Value::Null, 230_000)]].concat();
    assert_eq!(change(&mut operator, "/tax/rates", json!(all)).await.status, StatusCode::OK);
    shop.clock.advance(time::Duration::seconds(5));
    let lisbon = client.post(QUOTE, &json!({"country": "PT", "region": "Lisboa"})).await.json();
    assert_eq!(lisbon["tax_lines"][0]["rate_ppm"], 230_000);
    // Forms suggest what the table knows.
    let mut ada = shop.visitor("ada");
    ada.register("ada@example.com").await;
    let csrf = ada.get("/account/addresses/new").await.hidden("csrf");
    let typed = [("csrf", csrf.as_str()), ("name", "Ada"), ("line1", "Rua 1"), ("city", "Horta"), ("country", "PT")];
    let page = ada.form("/account/addresses/new", &[&typed[..], &[("postal_code", "9900-114")]].concat()).await.text();
    assert!(page.contains("taxes depend on it") && page.contains("<option value=\"Açores\">"), "{page}");
    let twice = [&all[..], &[rate(json!("ACORES"), 1)]].concat();
    assert_eq!(
        change(&mut operator, "/tax/rates", json!(twice)).await.json()["errors"][0]["field"],
        "tax.rates[3].class"
    );
}

async fn only_existing_countries_are_allowed(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    for country in ["UK", "XX", "EU", "EL", "ZZ", "AA"] {
        let refused = client.post(QUOTE, &json!({"country": country})).await;
        assert_eq!((refused.rules().len(), fields(&refused.json())), (1, vec!["country".to_owned()]), "{country}");
        let refused = client.post_once("/api/v1/checkout", "k", &order_to(&json!({"country": country}))).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{country}");
        assert_eq!(fields(&refused.json()), ["shipping_address.country"], "{country}");
    }
    let britain = client.post(QUOTE, &json!({"country": "gb"})).await.json();
    assert_eq!(britain["tax_lines"][0]["rate_ppm"], 200_000);
}

async fn a_postal_code_is_required_only_where_every_address_has_one(shop: TestShop) {
    for (number, (country, city)) in [("HK", "Hong Kong"), ("AE", "Dubai"), ("CO", "Bogota")].into_iter().enumerate() {
        let mut client = with_kettle(&shop).await;
        let order = order_to(&json!({"country": country, "city": city, "postal_code": ""}));
        let ordered = client.post_once("/api/v1/checkout", &format!("k{number}"), &order).await;
        assert_eq!(ordered.status, StatusCode::CREATED, "{}", ordered.text());
        assert_eq!(ordered.json()["shipping_address"]["postal_code"], "");
    }
    let mut client = with_kettle(&shop).await;
    let mut without = order_to(&json!({"country": "HK", "city": "Hong Kong"}));
    without["shipping_address"].as_object_mut().expect("an address").remove("postal_code");
    assert_eq!(client.post_once("/api/v1/checkout", "k", &without).await.status, StatusCode::CREATED);
    for country in ["CH", "GB", "JP"] {
        let order = order_to(&json!({"country": country, "postal_code": " "}));
        let refused = client.post_once("/api/v1/checkout", "j", &order).await;
        assert_eq!(fields(&refused.json()), ["shipping_address.postal_code"], "{country}");
    }
}

async fn the_page_requires_the_region_and_keeps_the_input(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    let page = client.get("/checkout").await;
    assert!(page.text().contains(r#"<option value="HK">Hong Kong"#), "{}", page.text());
    let csrf = page.hidden("csrf");
    let typed = |country: &'static str, region: &'static str, postal_code: &'static str| {
        [
            ("csrf", csrf.clone()),
            ("action", "review".to_owned()),
            ("email", "ada@example.com".to_owned()),
            ("name", "Ada Lovelace".to_owned()),
            ("line1", "12 Some Road".to_owned()),
            ("city", "Town".to_owned()),
            ("country", country.to_owned()),
            ("region", region.to_owned()),
            ("postal_code", postal_code.to_owned()),
        ]
    };
    for region in ["", "Kalifornia"] {
        let form = typed("US", region, "90001");
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        client.form("/checkout", &form).await;
        let review = client.get("/checkout/review").await;
        assert_eq!((review.status, review.header("location")), (StatusCode::SEE_OTHER, "/checkout"));
        let asked = client.get("/checkout").await;
        assert_eq!(asked.status, StatusCode::OK);
        let page = asked.text();
        assert!(page.contains("taxes depend on it."), "{page}");
        assert!(page.contains(r#"<option value="CA">California"#), "chosen from what exists: {page}");
        assert!(page.contains("12 Some Road") && page.contains("90001") && page.contains(region), "{page}");
        let again = client.get("/checkout").await.text();
        assert!(again.contains("12 Some Road") && !again.contains("taxes depend on it."), "once: {again}");
    }
    for (country, region, postal_code, shown) in [
        ("US", "california", "90001", "Sales tax"),
        ("HK", "Kowloon", "", "Hong Kong"),
        ("us", "OR", "97035", "OR<br>United States"),
    ] {
        let form = typed(country, region, postal_code);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let sent = client.form("/checkout", &form).await;
        assert_eq!(sent.header("location"), "/checkout/review", "{}", sent.text());
        let review = client.get("/checkout/review").await;
        assert_eq!(review.status, StatusCode::OK, "{}", review.text());
        assert!(review.text().contains(shown), "{country}: {}", review.text());
    }
}
