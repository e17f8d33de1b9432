//! Shoppers pay at Stripe, here at its double, through every front door: in Stripe's fields, as its script leaves them, with 3-D Secure;
//! and on Stripe's page, without scripts, with events in the wrong order.

use secrecy::SecretString;
use shopease_payments::sign;
use shopease_shop::ports::{Clock as _, SystemClock};
use shopease_storage::testing::lend_schema;
use shopease_tests::stripe_double::Stripe;

use crate::client::{Answer, Call};
use crate::deployment::{Deployment, WEBHOOK_SECRET};
use crate::journeys::{Visit, chosen};

/// Places the order of a new visitor. Returns the order page, which leads to the bank or to Stripe.
async fn place(visit: &mut Visit<'_>, deployment: &Deployment, payment_method: &str) -> Answer {
    let review = visit.review_of_new_cart(deployment).await;
    let shipping_method = chosen(&review.raw, "shipping_method");
    let fields = [("shipping_method", &*shipping_method), ("payment_method", payment_method), ("action", "place")];
    let placed = visit.submit(&review, "/checkout", &fields).await;
    let order = placed.location.unwrap_or_else(|| panic!("{}: {}", placed.status, placed.raw));
    visit.page(&order).await
}

/// Opens a page of the shop and follows its redirects.
async fn follow(visit: &mut Visit<'_>, url: &str) -> Answer {
    let path = url.strip_prefix("http://shop.test").unwrap_or(url);
    let answer = visit.page(path).await;
    match answer.location.clone() {
        Some(location) => visit.page(location.strip_prefix("http://shop.test").unwrap_or(&location)).await,
        None => answer,
    }
}

async fn everybody_pays(deployment: &Deployment, stripe: &Stripe) {
    for door in &deployment.doors {
        let mut visit = Visit::new(door);
        let order = place(&mut visit, deployment, "ctoken_secure").await;
        assert!(order.raw.contains("href=\"https://hooks.stripe.test/3d_secure\""), "{}: {}", door.name, order.raw);
        let paid = follow(&mut visit, &stripe.confirm_at_bank()).await;
        assert!(paid.raw.contains("your order is confirmed"), "{}, in Stripe's fields: {}", door.name, paid.raw);

        let mut visit = Visit::new(door);
        let order = place(&mut visit, deployment, "hosted_page").await;
        let page = stripe.page()["url"].as_str().expect("a URL").to_owned();
        assert!(order.raw.contains(&format!("href=\"{page}\"")), "{}: {}", door.name, order.raw);
        let back = stripe.page()["success_url"].as_str().expect("a URL").to_owned();
        let mut events = stripe.pay_on_page();
        events.reverse();
        for event in &events {
            let body = event.to_string();
            let secret = SecretString::from(WEBHOOK_SECRET);
            let signature = sign(&secret, SystemClock.now(), body.as_bytes());
            let call = Call::new("POST", "/api/v1/payments/webhooks").body("application/json", body);
            assert_eq!(
                door.client.send(&call.header("stripe-signature", signature)).await.expect("an answer").status,
                204
            );
        }
        let paid = follow(&mut visit, &back).await;
        assert!(paid.raw.contains("your order is confirmed"), "{}, on Stripe's page: {}", door.name, paid.raw);
    }
    assert_eq!(stripe.intents(), 2 * deployment.doors.len(), "nobody was charged twice");
}

async fn on(postgres_url: Option<&str>) {
    let (stripe, url) = Stripe::start().await;
    let deployment = Deployment::paid_at_stripe(postgres_url, &url).await;
    everybody_pays(&deployment, &stripe).await;
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_pays_on_dynamodb() {
    on(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_pays_on_postgres() {
    if let Some(schema) = lend_schema("parity::everybody_pays_on_postgres").await {
        on(Some(schema.url())).await;
        schema.give_back().await;
    }
}
