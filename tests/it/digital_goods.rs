//! Goods that are not shipped: no page, mail or response promises a delivery.

use http::StatusCode;
use serde_json::{Value, json};
use shopease_shop::domain::Product;
use shopease_shop::testing::fixtures;

use crate::harness::{Client, TestShop, address, both_stores, text};

both_stores!(nothing_promises_a_delivery_of_digital_goods, a_mixed_cart_is_shipped);

fn download() -> Product {
    let mut download = fixtures::product("download").build();
    download.variants[0].requires_shipping = false;
    download
}

/// The main part of a page in lower case: the footer links to the page about shipping in any case.
async fn main_part(client: &mut Client, path: &str) -> String {
    let answer = client.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    let page = answer.text();
    let main = page.split_once("<main ").and_then(|(_, rest)| rest.split_once("</main>")).expect("a main part").0;
    main.to_lowercase()
}

fn assert_promises_nothing(place: &str, page: &str) {
    for word in ["ship", "deliver", "days", "immediately"] {
        let at = page.find(word);
        let near = at.map(|at| page.chars().skip(page[..at].chars().count().saturating_sub(80)).take(160));
        assert_eq!(near.map(String::from_iter), None, "{place} speaks of {word}");
    }
}

async fn review(client: &mut Client) -> String {
    let (to, csrf) = (address(), client.get("/checkout").await.hidden("csrf"));
    let names = ["name", "line1", "city", "postal_code", "country"];
    let mut form: Vec<_> = names.iter().map(|name| (*name, text(&to[name]))).collect();
    form.extend([("csrf", csrf), ("email", "ada@example.com".to_owned()), ("action", "review".to_owned())]);
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let sent = client.form("/checkout", &form).await;
    assert_eq!(sent.header("location"), "/checkout/review", "{}", sent.text());
    main_part(client, "/checkout/review").await
}

async fn nothing_promises_a_delivery_of_digital_goods(shop: TestShop) {
    shop.sell(&download(), 5).await;
    let mut client = shop.client();
    let product = main_part(&mut client, "/products/download").await;
    assert!(product.contains(">incl. vat<"), "{product}");
    assert_promises_nothing("the product page", &product);
    client.add("DOWNLOAD", 1).await;
    assert_promises_nothing("the cart", &main_part(&mut client, "/cart").await);
    let review = review(&mut client).await;
    // The hidden field says that nothing is shipped.
    assert!(review.contains(r#"name="shipping_method" value="none""#), "{review}");
    assert_promises_nothing("the review", &review.replace("shipping_method", "").replace("delivery_note", ""));

    let quoted = client.post("/api/v1/checkout/quote", &json!({"country": "DE"})).await.json();
    assert_eq!((&quoted["shipping"]["id"], &quoted["shipping"]["delivery_estimate"]), (&json!("none"), &json!("")));
    assert_eq!(client.get("/api/v1/products/download").await.json()["variants"][0]["requires_shipping"], false);
    assert_eq!(client.cart().await["lines"][0]["requires_shipping"], false);
    let order = json!({
        "email": "ada@example.com", "shipping_address": address(), "shipping_method": "none",
        "payment_method": "card_approved"
    });
    let placed = client.post_once("/api/v1/checkout", "one", &order).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    let placed: Value = placed.json();
    let page = main_part(&mut client, &format!("/orders/{}", text(&placed["id"]))).await;
    assert!(page.contains("not provided yet"), "{page}");
    assert_promises_nothing("the order", &page);
}

async fn a_mixed_cart_is_shipped(shop: TestShop) {
    shop.sell(&download(), 5).await;
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    let mut client = shop.client();
    client.add("DOWNLOAD", 1).await;
    client.add("KETTLE", 1).await;
    let cart = main_part(&mut client, "/cart").await;
    assert!(cart.contains("plus shipping") && cart.contains("3 to 5 business days"), "{cart}");
    assert!(review(&mut client).await.contains("3 to 5 business days"));
}
