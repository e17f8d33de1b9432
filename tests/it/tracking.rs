//! How a shipment is tracked: by API and by page, on the order, in the mail.

use http::StatusCode;
use serde_json::{Value, json};
use shopease_mail::testing::Relay;

use crate::harness::{Answer, Client, TestShop, both_stores, text};
use crate::mails::{run, smtp, worker};
use crate::payments::paid_order;

both_stores!(
    the_tracking_of_a_shipment_is_shown_mailed_and_corrected,
    only_a_shipment_has_tracking,
    the_order_page_keeps_what_was_typed,
);

fn known() -> Value {
    json!({"carrier": "DHL", "number": "00340434161094021501", "url": "https://carrier.example/track?id=1&lang=de"})
}

async fn record(operator: &mut Client, order: &Value, event: &str, tracking: &Value) -> Answer {
    let path = format!("/api/v1/admin/orders/{}/fulfillments", text(&order["id"]));
    operator.post(&path, &json!({"event": event, "tracking": tracking})).await
}

async fn the_tracking_of_a_shipment_is_shown_mailed_and_corrected(shop: TestShop) {
    let order = paid_order(&shop).await;
    let relay = Relay::start().await;
    let worker = worker(&shop, &smtp(relay.port()));
    run(&worker).await;
    let mut operator = shop.operator().await;
    let spaced = json!({"carrier": " DHL ", "number": known()["number"], "url": known()["url"]});
    let shipped = record(&mut operator, &order, "shipped", &spaced).await.json();
    assert_eq!((&shipped["fulfillment"], &shipped["tracking"]), (&json!("fulfilled"), &known()));
    let path = format!("/orders/{}?key={}", text(&order["id"]), text(&order["access_key"]));
    let page = shop.visitor("guest").get(&path).await.text();
    assert!(page.contains("DHL <span class=\"number\">00340434161094021501</span>"), "{page}");
    assert!(page.contains("href=\"https://carrier.example/track?id=1&#38;lang=de\""), "{page}");
    run(&worker).await;
    let mails = || relay.received().into_iter().filter(|mail| mail.subject().contains("is on its way"));
    let mail = mails().next().expect("a mail about the shipment").content.replace("=\r\n", "").replace("=3D", "=");
    assert!(mail.contains("Tracking: DHL 00340434161094021501"), "{mail}");
    assert!(mail.contains("https://carrier.example/track?id=1&lang=de"), "{mail}");

    let other = json!({"number": "1Z999"});
    let corrected = record(&mut operator, &order, "tracking_changed", &other).await.json();
    assert_eq!(corrected["tracking"], other);
    run(&worker).await;
    assert_eq!(mails().count(), 2, "the shopper gets the right number");
    let removed = record(&mut operator, &order, "tracking_changed", &json!({"carrier": " "})).await.json();
    assert_eq!(removed["tracking"], Value::Null);
    run(&worker).await;
    assert_eq!(mails().count(), 2, "nothing is new for the shopper");
    shop.assert_books_agree().await;
}

async fn only_a_shipment_has_tracking(shop: TestShop) {
    let order = paid_order(&shop).await;
    let mut operator = shop.operator().await;
    let early = record(&mut operator, &order, "tracking_changed", &known()).await;
    assert_eq!((early.status, early.rules()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["invalid_value".to_owned()]));
    let wrong = json!({"carrier": "x".repeat(61), "number": "1\u{202e}2", "url": "http://carrier.example"});
    let refused = record(&mut operator, &order, "shipped", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = refused.json()["errors"].clone();
    let fields: Vec<_> = errors.as_array().into_iter().flatten().map(|error| text(&error["field"])).collect();
    assert_eq!(fields, ["tracking.carrier", "tracking.number", "tracking.url"]);
    let listed = record(&mut operator, &order, "shipped", &json!([null, null, null])).await;
    assert_eq!(listed.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", listed.text());
    assert_eq!(record(&mut operator, &order, "shipped", &Value::Null).await.status, StatusCode::CREATED);
    assert_eq!(record(&mut operator, &order, "returned", &known()).await.rules(), ["invalid_value"]);
    assert_eq!(record(&mut operator, &order, "returned", &Value::Null).await.json()["fulfillment"], "returned");
    assert_eq!(record(&mut operator, &order, "tracking_changed", &known()).await.rules(), ["invalid_value"]);
}

async fn the_order_page_keeps_what_was_typed(shop: TestShop) {
    let order = paid_order(&shop).await;
    let mut operator = shop.operator().await;
    let path = format!("/admin/orders/{}", text(&order["id"]));
    let csrf = operator.get(&path).await.hidden("csrf");
    let form = |action, number, url| {
        [("csrf", &*csrf), ("action", action), ("carrier", "Post"), ("tracking_number", number), ("tracking_url", url)]
    };
    let refused = operator.form(&path, &form("shipped", "RR 123", "carrier.example")).await;
    let page = refused.text();
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    assert!(page.contains("Enter a complete address that starts with https://."), "{page}");
    for typed in ["value=\"Post\"", "value=\"RR 123\"", "value=\"carrier.example\""] {
        assert!(page.contains(typed), "{typed}: {page}");
    }
    for (action, number, result) in
        [("shipped", "RR 123", "The order was marked as shipped."), ("tracking", "RR 124", "The tracking was saved.")]
    {
        let done = operator.form(&path, &form(action, number, "https://carrier.example/RR")).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
        let page = operator.get(done.header("location")).await.text();
        assert!(page.contains(result) && page.contains(&format!("value=\"{number}\"")), "{page}");
    }
}
