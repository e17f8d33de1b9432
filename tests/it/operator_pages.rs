//! The operator's order page: its actions, and the confirmation before irreversible ones.

use http::StatusCode;
use serde_json::json;

use crate::harness::{Answer, Client, TestShop, both_stores, text};
use crate::payments::{eur, find, paid_order, refund};

both_stores!(the_administration_page_supports_every_action, irreversible_actions_need_a_confirmation);

async fn the_administration_page_supports_every_action(shop: TestShop) {
    let order = paid_order(&shop).await;
    let mut operator = shop.operator().await;
    let path = format!("/admin/orders/{}", text(&order["id"]));
    let orders = operator.get("/admin").await;
    assert!(orders.text().contains(&path), "the list leads to the order");
    let page = operator.get(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    let (csrf, key) = (page.hidden("csrf"), page.hidden("idempotency_key"));
    let fields = |action: &'static str, amount: &'static str| {
        let owned = |name, value: &str| (name, value.to_owned());
        vec![
            owned("csrf", &csrf),
            owned("idempotency_key", &key),
            owned("currency", "EUR"),
            owned("action", action),
            owned("amount", amount),
        ]
    };
    let act = async |operator: &mut Client, action, amount| post(operator, &path, &fields(action, amount)).await;
    for (action, amount) in
        [("refund", ""), ("refund", "1,000"), ("refund", "x"), ("refund", "0"), ("refund", "99999"), ("boil", "")]
    {
        let answer = act(&mut operator, action, amount).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{action} {amount}: {}", answer.text());
        assert!(answer.text().contains("role=\"alert\""), "{action} {amount}");
    }
    let refunded = confirmed(&mut operator, &path, &fields("refund", "1,50"), "Refund €1.50").await;
    assert!(refunded.contains("€1.50 was refunded."), "{refunded}");
    let sent = act(&mut operator, "shipped", "").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let sent = operator.get(sent.header("location")).await.text();
    assert!(sent.contains("The order was marked as shipped."), "{sent}");
    let summary = "Mark as returned and restock 2 units";
    let returned = confirmed(&mut operator, &path, &fields("returned", ""), summary).await;
    assert!(returned.contains("marked as returned. 2 units were returned to stock"), "{returned}");
    let page = operator.get(&path).await.text();
    assert!(page.contains("Partially refunded") && page.contains("Returned"), "{page}");
    assert_eq!(shop.ledger.captures()[0].refunded.amount_minor, 150);
    shop.assert_books_agree().await;
}

async fn post(operator: &mut Client, path: &str, fields: &[(&str, String)]) -> Answer {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    operator.form(path, &fields).await
}

/// Presses the button, checks the confirmation page and confirms. Returns the page afterwards.
async fn confirmed(operator: &mut Client, path: &str, fields: &[(&str, String)], summary: &str) -> String {
    let asked = post(operator, path, fields).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text());
    assert_eq!(asked.hidden("confirmed"), summary);
    let mut fields = fields.to_vec();
    fields.push(("confirmed", summary.to_owned()));
    for _ in 0..2 {
        let done = post(operator, path, &fields).await;
        if done.status == StatusCode::SEE_OTHER {
            return operator.get(done.header("location")).await.text();
        }
    }
    panic!("{summary} was not executed");
}

async fn irreversible_actions_need_a_confirmation(shop: TestShop) {
    let order = paid_order(&shop).await;
    let total = order["total"]["amount_minor"].to_string();
    let mut operator = shop.operator().await;
    let path = format!("/admin/orders/{}", text(&order["id"]));
    let page = operator.get(&path).await;
    let (csrf, key, amount) = (page.hidden("csrf"), page.hidden("idempotency_key"), page.hidden("amount"));
    assert_eq!(amount.replace('.', ""), total, "the field shows the full refundable amount");
    let with = |action: &str, amount: &str, confirmed: &str| {
        let pairs = [("csrf", csrf.as_str()), ("idempotency_key", &key), ("currency", "EUR"), ("action", action)];
        let more = [("amount", amount), ("confirmed", confirmed)];
        pairs.into_iter().chain(more).map(|(name, value)| (name, value.to_owned())).collect::<Vec<_>>()
    };
    let whole = format!("Refund €{amount} and cancel the order");
    for (action, confirmed, status) in [
        ("refund", "", StatusCode::OK),
        ("cancel", "", StatusCode::OK),
        // The confirmed summary differs from the current one.
        ("refund", "Refund €1.00", StatusCode::CONFLICT),
        ("cancel", whole.as_str(), StatusCode::CONFLICT),
    ] {
        let asked = post(&mut operator, &path, &with(action, &amount, confirmed)).await;
        assert_eq!(asked.status, status, "{action} {confirmed}");
        let page = asked.text();
        assert!(
            page.contains(&format!("€{amount} is refunded to the card")) && page.contains("2 units return to stock"),
            "{page}"
        );
    }
    assert_eq!(find(&mut operator, &order).await, order, "nothing was done");
    assert_eq!(shop.ledger.captures()[0].refunded.amount_minor, 0);
    // After a partial refund in the meantime, a cancellation would refund another amount than shown.
    let cancellation = format!("Cancel the order and refund €{amount}");
    refund(&mut operator, &order, "part", &json!({"amount": eur(100)})).await;
    let asked = post(&mut operator, &path, &with("cancel", "", &cancellation)).await;
    assert_eq!(asked.status, StatusCode::CONFLICT, "{}", asked.text());
    assert_eq!(find(&mut operator, &order).await["state"], "paid");
    let now = asked.hidden("confirmed");
    let done = confirmed_page(&mut operator, &path, &with("cancel", "", &now)).await;
    let sentence = format!("The order was canceled, and €{amount} was refunded.");
    assert!(done.contains(&sentence), "{done}");
    assert!(!operator.get(&path).await.text().contains(&sentence), "a reload does not show it again");
    shop.assert_books_agree().await;
}

async fn confirmed_page(operator: &mut Client, path: &str, fields: &[(&str, String)]) -> String {
    let done = post(operator, path, fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    operator.get(done.header("location")).await.text()
}
