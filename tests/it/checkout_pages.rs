//! The checkout pages: every step is shown by GET, so that Back and reload order nothing, and the input is kept.

use http::StatusCode;
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, Client, TestShop, both_stores};

both_stores!(
    every_step_is_shown_by_get_and_keeps_the_input,
    a_declined_card_is_shown_once_and_everything_is_kept,
    an_order_without_a_way_to_pay_is_refused_beside_the_field,
    back_from_an_order_leads_to_the_order,
    details_are_kept_for_the_next_order_but_not_for_another_visitor,
    details_too_long_for_a_cookie_are_still_reviewed,
);

const ADDRESS: [(&str, &str); 6] = [
    ("email", "ada@example.com"),
    ("name", "Ada Lovelace"),
    ("line1", "Gartenweg 3"),
    ("postal_code", "10115"),
    ("city", "Berlin"),
    ("country", "DE"),
];

async fn with_a_kettle(shop: &TestShop) -> Client {
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    let mut client = shop.client();
    assert_eq!(client.add("KETTLE", 1).await.status, StatusCode::CREATED);
    client
}

async fn send(client: &mut Client, page: &Answer, fields: &[(&str, &str)]) -> Answer {
    let csrf = page.hidden("csrf");
    client.form("/checkout", &[&[("csrf", csrf.as_str())], fields].concat()).await
}

/// From the cart to the review.
async fn review(client: &mut Client) -> Answer {
    let details = client.get("/checkout").await;
    let sent = send(client, &details, &[&ADDRESS[..], &[("action", "review")]].concat()).await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/checkout/review"), "{}", sent.text());
    client.get("/checkout/review").await
}

async fn place(client: &mut Client, review: &Answer, card: &str) -> Answer {
    let (key, total) = (review.hidden("idempotency_key"), review.hidden("expected_total"));
    let order = [
        ("action", "place"),
        ("shipping_method", "standard"),
        ("payment_method", card),
        ("idempotency_key", &key),
        ("expected_total", &total),
    ];
    send(client, review, &[&ADDRESS[..], &order].concat()).await
}

fn is_checked(page: &Answer, value: &str) -> bool {
    let text = page.text();
    let field = text.split("<input").find(|tag| tag.contains(&format!("value=\"{value}\"")));
    field.is_some_and(|tag| tag.split('>').next().is_some_and(|tag| tag.contains(" checked")))
}

async fn every_step_is_shown_by_get_and_keeps_the_input(shop: TestShop) {
    let mut client = with_a_kettle(&shop).await;
    assert_eq!(client.get("/checkout/review").await.header("location"), "/checkout", "nothing was typed yet");
    let shown = review(&mut client).await;
    assert_eq!((shown.status, shown.header("cache-control")), (StatusCode::OK, "no-store"));
    assert!(shown.text().contains("Gartenweg 3"));
    let again = client.get("/checkout/review").await;
    assert_eq!(again.status, StatusCode::OK, "a reload");
    let kept = client.cookies["shopease_checkout"].clone();
    assert!(!kept.contains("Ada") && !kept.contains("Garten"), "{kept}");
    let fields = [&ADDRESS[..], &[("action", "edit"), ("shipping_method", "express")]].concat();
    let edit = send(&mut client, &again, &fields).await;
    assert_eq!(edit.header("location"), "/checkout");
    let details = client.get("/checkout").await;
    assert_eq!(details.hidden("shipping_method"), "express");
    assert!(details.text().contains("value=\"Gartenweg 3\""));
    // Errors are shown at their fields.
    let wrong = send(&mut client, &details, &[("action", "review"), ("city", "Berlin")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("value=\"Berlin\""));
}

async fn a_declined_card_is_shown_once_and_everything_is_kept(shop: TestShop) {
    let mut client = with_a_kettle(&shop).await;
    let shown = review(&mut client).await;
    let refused = place(&mut client, &shown, "card_declined").await;
    assert_eq!((refused.status, refused.header("location")), (StatusCode::SEE_OTHER, "/checkout/review"));
    let said = client.get("/checkout/review").await;
    assert!(said.text().contains("The bank declined the card."), "{}", said.text());
    assert!(said.text().contains("Gartenweg 3") && is_checked(&said, "card_declined"));
    assert!(!client.get("/checkout/review").await.text().contains("declined the card"), "not with every reload");
    assert_ne!(said.hidden("idempotency_key"), shown.hidden("idempotency_key"), "a key identifies one attempt");
    let placed = place(&mut client, &said, "card_approved").await;
    assert!(placed.header("location").starts_with("/orders/ord_"), "{}", placed.text());
    shop.assert_books_agree().await;
}

async fn an_order_without_a_way_to_pay_is_refused_beside_the_field(shop: TestShop) {
    let mut client = with_a_kettle(&shop).await;
    let shown = review(&mut client).await;
    let (key, total) = (shown.hidden("idempotency_key"), shown.hidden("expected_total"));
    let order = [("action", "place"), ("shipping_method", "express"), ("payment_method", "")];
    let keys = [("idempotency_key", key.as_str()), ("expected_total", &total)];
    let refused = send(&mut client, &shown, &[&ADDRESS[..], &order, &keys].concat()).await;
    assert_eq!((refused.status, refused.header("location")), (StatusCode::SEE_OTHER, "/checkout/review"));
    let said = client.get("/checkout/review").await;
    let page = said.text();
    let fieldset = page.split_once("<legend>Payment</legend>").expect("the ways to pay").1.trim_start();
    assert!(fieldset.starts_with("<p class=\"field-error\" id=\"payment_method-error\">"), "{page}");
    assert!(page.contains("Choose a way to pay.") && page.contains("<title>Please check"), "{page}");
    assert!(page.contains("href=\"#payment_method\"") && page.contains("id=\"payment_method\""), "{page}");
    assert!(page.contains("Gartenweg 3") && is_checked(&said, "express"), "{page}");
    assert!(!is_checked(&said, "card_approved"), "no choice is made for the shopper: {page}");
    assert!(!client.get("/checkout/review").await.text().contains("Choose a way to pay."), "shown once");
    assert_eq!(shop.orders().await.len(), 0);
}

async fn back_from_an_order_leads_to_the_order(shop: TestShop) {
    let mut client = with_a_kettle(&shop).await;
    let shown = review(&mut client).await;
    let placed = place(&mut client, &shown, "card_approved").await;
    let order = placed.header("location").split('?').next().expect("a path").to_owned();
    for back in ["/checkout/review", "/checkout"] {
        let answer = client.get(back).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert!(answer.header("location").starts_with(&order), "{back}: {}", answer.header("location"));
        let location = answer.header("location").to_owned();
        assert_eq!(client.get(&location).await.status, StatusCode::OK);
    }
    let again = place(&mut client, &shown, "card_approved").await;
    assert!(again.header("location").starts_with(&order), "the same form, the same order");
    assert_eq!(shop.orders().await.len(), 1);
}

async fn details_are_kept_for_the_next_order_but_not_for_another_visitor(shop: TestShop) {
    let mut client = with_a_kettle(&shop).await;
    let shown = review(&mut client).await;
    place(&mut client, &shown, "card_approved").await;
    client.add("KETTLE", 1).await;
    assert!(client.get("/checkout").await.text().contains("value=\"Gartenweg 3\""));
    assert!(client.get("/checkout/review").await.text().contains("Gartenweg 3"));
    // The cookie is useless without the token.
    let mut other = shop.client();
    other.add("KETTLE", 1).await;
    other.cookies.insert("shopease_checkout".to_owned(), client.cookies["shopease_checkout"].clone());
    assert!(!other.get("/checkout").await.text().contains("Gartenweg"));
    assert_eq!(other.get("/checkout/review").await.header("location"), "/checkout");
}

async fn details_too_long_for_a_cookie_are_still_reviewed(shop: TestShop) {
    let mut client = with_a_kettle(&shop).await;
    let (long, method) = ("𝔊".repeat(120), "x".repeat(2_000));
    let details = client.get("/checkout").await;
    let fields = ADDRESS.map(|(name, value)| match name {
        "email" | "country" | "postal_code" => (name, value),
        _ => (name, long.as_str()),
    });
    let shown =
        send(&mut client, &details, &[&fields[..], &[("shipping_method", &method), ("action", "review")]].concat())
            .await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.text().contains("Order and pay"), "{}", shown.text());
}
