//! What an order contains beside its shipping address: company, billing address, VAT number, phone number and note.

use http::StatusCode;
use serde_json::{Value, json};
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, Client, TestShop, address, both_stores, order_with};
use crate::mails::{mailing, run};

both_stores!(
    details_are_kept_in_the_order_and_shown_everywhere,
    orders_without_details_show_none,
    wrong_details_are_refused_all_at_once,
    the_form_sends_what_was_typed,
    a_repeated_order_has_the_same_details,
);

fn detailed() -> Value {
    let mut order = order_with("card_approved");
    order["shipping_address"]["company"] = " Engines & Söhne ".into();
    order["billing_address"] = address();
    order["billing_address"]["name"] = "Accounting".into();
    order["billing_address"]["city"] = "Toronto".into();
    order["billing_address"]["region"] = "Ontario".into();
    order["billing_address"]["country"] = "CA".into();
    order["vat_number"] = "de 123.456-789".into();
    order["phone"] = " +49 (0)30 123456".into();
    order["delivery_note"] = "Ring twice.\r\nThen <b>wait</b>.".into();
    order
}

async fn place(client: &mut Client, key: &str, order: &Value) -> Answer {
    client.add("KETTLE", 1).await;
    client.post_once("/api/v1/checkout", key, order).await
}

async fn selling(shop: &TestShop) -> Client {
    shop.sell(&fixtures::product("kettle").build(), 50).await;
    shop.visitor("ada")
}

async fn details_are_kept_in_the_order_and_shown_everywhere(shop: TestShop) {
    let (shop, relay, worker) = mailing(shop).await;
    let mut ada = selling(&shop).await;
    let placed = place(&mut ada, "k", &detailed()).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    let id = placed.json()["id"].as_str().expect("an ID").to_owned();
    let mut operator = shop.operator().await;
    for order in [placed.json(), operator.get(&format!("/api/v1/orders/{id}")).await.json()] {
        assert_eq!(order["shipping_address"]["company"], "Engines & Söhne");
        assert_eq!(order["billing_address"]["region"], "ON", "as its code");
        assert_eq!(order["billing_address"]["name"], "Accounting");
        assert_eq!(order["vat_number"], "DE123456789");
        assert_eq!(order["phone"], "+49 (0)30 123456");
        assert_eq!(order["delivery_note"], "Ring twice.\nThen <b>wait</b>.");
    }
    let shown = [
        "Engines &#38; Söhne",
        "Accounting",
        "Toronto",
        "Canada",
        "DE123456789",
        "+49 (0)30 123456",
        "Then &#60;b&#62;wait",
    ];
    for page in
        [ada.get(&format!("/orders/{id}")).await.text(), operator.get(&format!("/admin/orders/{id}")).await.text()]
    {
        for text in shown {
            assert!(page.contains(text), "{text} in {page}");
        }
    }
    run(&worker).await;
    let mail =
        relay.received().iter().map(shopease_mail::testing::Received::text).find(|text| text.contains("Thank you"));
    let mail = mail.expect("a confirmation");
    for text in ["Engines & Söhne", "Accounting", "Toronto", "DE123456789", "+49 (0)30 123456", "Then <b>wait</b>."] {
        assert!(mail.contains(text), "{text} in {mail}");
    }
    // A new device of the customer starts with the same details.
    ada.add("KETTLE", 1).await;
    shop.assert_books_agree().await;
}

async fn orders_without_details_show_none(shop: TestShop) {
    let mut ada = selling(&shop).await;
    let mut plain = order_with("card_approved");
    for field in ["vat_number", "phone", "delivery_note"] {
        plain[field] = " ".into();
    }
    plain["shipping_address"]["company"] = "".into();
    let placed = place(&mut ada, "k", &plain).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    for field in ["vat_number", "phone", "delivery_note", "billing_address"] {
        assert!(placed.json().get(field).is_none_or(Value::is_null), "{field} in {}", placed.text());
    }
    let page = ada.get(&format!("/orders/{}", placed.json()["id"].as_str().expect("an ID"))).await.text();
    for text in ["Billing", "VAT number", "Phone"] {
        assert!(!page.contains(text), "{text} in {page}");
    }
}

async fn wrong_details_are_refused_all_at_once(shop: TestShop) {
    let mut ada = selling(&shop).await;
    let mut order = detailed();
    order["billing_address"]["city"] = "".into();
    order["billing_address"]["country"] = "XX".into();
    order["shipping_address"]["company"] = "x".repeat(121).into();
    order["vat_number"] = "DE".into();
    order["phone"] = "call me".into();
    order["delivery_note"] = "x".repeat(501).into();
    let refused = place(&mut ada, "k", &order).await;
    assert_eq!(refused.problem(), (422, "rule-broken".to_owned()));
    let errors = refused.json()["errors"].as_array().expect("errors").clone();
    let mut fields: Vec<_> = errors.iter().map(|error| error["field"].as_str().expect("a field")).collect();
    fields.sort_unstable();
    let expected = [
        "billing_address.city",
        "billing_address.country",
        "delivery_note",
        "phone",
        "shipping_address.company",
        "vat_number",
    ];
    assert_eq!(fields, expected, "{}", refused.text());
    assert_eq!(shop.levels("KETTLE").await.0, 50, "nothing was ordered");
}

/// The fields of both steps, as a browser sends them.
fn form(csrf: &str, action: &str, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let usual = [
        ("csrf", csrf),
        ("action", action),
        ("email", "ada@example.com"),
        ("name", "Ada"),
        ("line1", "Gartenweg 3"),
        ("city", "Berlin"),
        ("postal_code", "10115"),
        ("country", "DE"),
    ];
    let kept = usual.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    kept.chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn submit(client: &mut Client, fields: &[(String, String)]) -> Answer {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    client.form("/checkout", &fields).await
}

async fn the_form_sends_what_was_typed(shop: TestShop) {
    let mut ada = selling(&shop).await;
    ada.add("KETTLE", 1).await;
    let csrf = ada.get("/checkout").await.hidden("csrf");
    let billing = [
        ("company", "Engines"),
        ("phone", "030 123456"),
        ("delivery_note", "Ring twice"),
        ("billing_other", "on"),
        ("billing_name", "Accounting"),
        ("billing_line1", "Street 1"),
        ("billing_city", "Toronto"),
        ("billing_postal_code", "M5V 3L9"),
        ("billing_region", "Ontario"),
        ("billing_country", "CA"),
        ("vat_number", "DE 123456789"),
    ];
    let wrong: Vec<_> = billing.iter().filter(|(name, _)| *name != "billing_city").copied().collect();
    let refused = submit(&mut ada, &form(&csrf, "review", &wrong)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "id=\"billing_city-error\"",
        "value=\"M5V 3L9\"",
        "value=\"Engines\"",
        ">Ring twice</textarea>",
        "name=\"billing_other\" value=\"on\" checked",
    ] {
        assert!(refused.text().contains(text), "{text} in {}", refused.text());
    }
    let answer = submit(&mut ada, &form(&csrf, "review", &billing)).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/checkout/review"));
    let review = ada.get("/checkout/review").await;
    for text in ["Engines", "Accounting", "Toronto", "DE123456789", "030 123456", "Ring twice"] {
        assert!(review.text().contains(text), "{text} in {}", review.text());
    }
    assert_eq!(review.hidden("billing_city"), "Toronto");
    let placing: Vec<_> = billing
        .iter()
        .copied()
        .chain([("shipping_method", "standard"), ("payment_method", "card_approved")])
        .map(|(name, value)| (name, value.to_owned()))
        .chain(["expected_total", "terms_version", "idempotency_key"].map(|name| (name, review.hidden(name))))
        .collect();
    let placing: Vec<_> = placing.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let placed = submit(&mut ada, &form(&csrf, "place", &placing)).await;
    assert_eq!(placed.status, StatusCode::SEE_OTHER, "{}", placed.text());
    let order = ada.get("/api/v1/orders?limit=1").await.json()["items"][0]["id"].as_str().expect("an ID").to_owned();
    let order = ada.get(&format!("/api/v1/orders/{order}")).await.json();
    assert_eq!((&order["billing_address"]["city"], &order["phone"]), (&json!("Toronto"), &json!("030 123456")));

    // Without the check mark, what was typed there does not count.
    ada.add("KETTLE", 1).await;
    let hidden: Vec<_> = billing.iter().filter(|(name, _)| *name != "billing_other").copied().collect();
    submit(&mut ada, &form(&csrf, "review", &hidden)).await;
    let review = ada.get("/checkout/review").await.text();
    assert!(review.contains("Engines") && !review.contains(">Accounting<"), "{review}");
}

async fn a_repeated_order_has_the_same_details(shop: TestShop) {
    let mut ada = selling(&shop).await;
    let placed = place(&mut ada, "k", &detailed()).await.json();
    let again = ada.post_once("/api/v1/checkout", "k", &detailed()).await.json();
    assert_eq!(again["id"], placed["id"]);
    for (field, value) in
        [("phone", json!("+49 30 654321")), ("delivery_note", Value::Null), ("vat_number", json!("DE1234"))]
    {
        let mut other = detailed();
        other[field] = value;
        let reused = ada.post_once("/api/v1/checkout", "k", &other).await;
        assert_eq!(reused.problem(), (422, "idempotency-key-reused".to_owned()), "{field}");
    }
    let mut other = detailed();
    other["billing_address"]["line1"] = "Elsewhere 1".into();
    assert_eq!(ada.post_once("/api/v1/checkout", "k", &other).await.problem().0, 422);
}
