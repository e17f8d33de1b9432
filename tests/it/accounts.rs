//! `/api/v1/accounts`, `/api/v1/sessions` and `/api/v1/admin`: authentication, and what only operators may do.

use std::time::{Duration as Elapsed, Instant};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shopease_shop::testing::fixtures;
use time::Duration;

use crate::harness::{Client, PASSWORD, TestShop, both_stores, text};

both_stores!(
    registering_signs_in,
    a_role_cannot_be_chosen,
    an_email_address_has_one_account,
    signing_in_gives_a_new_token_and_ends_the_old_one,
    signing_in_merges_the_carts,
    signing_out_ends_the_session_everywhere,
    a_session_ends_after_thirty_days,
    a_wrong_password_and_an_unknown_address_look_alike,
    orders_belong_to_the_account,
    checkout_starts_with_the_address_of_the_last_order,
    earlier_orders_of_the_browser_move_to_the_account,
    administration_is_for_operators_only,
    operators_see_every_order,
    a_correction_under_a_key_corrects_once,
    corrections_follow_the_rules_of_stock,
);

const ME: &str = "/api/v1/accounts/me";
const CORRECTIONS: &str = "/api/v1/admin/stock-corrections";

async fn stocked(shop: &TestShop) -> Client {
    shop.sell(&fixtures::product("kettle").build(), 50).await;
    shop.sell(&fixtures::product("lamp").build(), 50).await;
    shop.client()
}

async fn is_signed_in(client: &mut Client) -> bool {
    let answer = client.get(ME).await;
    if answer.status != StatusCode::OK {
        assert_eq!(answer.problem(), (401, "sign-in-required".to_owned()));
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"shopease\"");
    }
    answer.status == StatusCode::OK
}

async fn registering_signs_in(shop: TestShop) {
    let mut client = stocked(&shop).await;
    client.add("KETTLE", 2).await;
    let visitor = client.token();
    let answer = client.register(" Ada@Example.COM ").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let signed_in = answer.json();
    assert_eq!(signed_in["token"], client.token(), "the body contains the cookie's token for API clients");
    assert_eq!(signed_in["cart_units"], 2);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_ne!(client.token(), visitor);
    let me = client.get(ME).await.json();
    assert_eq!(
        (&me["email"], &me["name"], &me["role"]),
        (&"ada@example.com".into(), &"Ada".into(), &"customer".into())
    );
    assert_eq!(me, signed_in["customer"]);
    assert!(!answer.text().contains("password") && !answer.text().contains("argon2"), "{}", answer.text());
    assert_eq!(client.cart_lines().await, [("KETTLE".to_owned(), 2)], "the cart was merged");
}

async fn a_role_cannot_be_chosen(shop: TestShop) {
    let mut client = stocked(&shop).await;
    let mut eve = serde_json::json!({"email": "eve@example.com", "name": "Eve", "password": PASSWORD});
    eve["role"] = "operator".into();
    // The field is unknown, and ignored like any other.
    let signed_in = client.post("/api/v1/accounts", &eve).await;
    assert_eq!((signed_in.status, &signed_in.json()["customer"]["role"]), (StatusCode::CREATED, &"customer".into()));
    assert_eq!(client.get(ME).await.json()["role"], "customer");
    assert_eq!(client.get("/api/v1/admin/orders").await.problem(), (403, "forbidden".to_owned()));
}

async fn an_email_address_has_one_account(shop: TestShop) {
    assert_eq!(shop.client().register("ada@example.com").await.status, StatusCode::CREATED);
    for email in ["ada@example.com", "ADA@example.com"] {
        let mut second = shop.client();
        let answer = second.register(email).await;
        assert_eq!(answer.problem(), (409, "already-exists".to_owned()), "{email}");
        assert_eq!(answer.json()["subject"], "email");
        assert!(!is_signed_in(&mut second).await);
    }
    let at_once = (0..4).map(|_| {
        let mut client = shop.client();
        tokio::spawn(async move { client.register("bob@example.com").await.status })
    });
    let mut created = 0;
    for status in at_once.collect::<Vec<_>>() {
        created += usize::from(status.await.expect("an answer") == StatusCode::CREATED);
    }
    assert_eq!(created, 1, "of four at once");
}

async fn signing_in_gives_a_new_token_and_ends_the_old_one(shop: TestShop) {
    let mut client = shop.client();
    client.register("ada@example.com").await;
    let mut former = client.clone();
    assert!(is_signed_in(&mut former).await);
    assert_eq!(client.log_in("ada@example.com", PASSWORD).await.status, StatusCode::CREATED);
    assert_ne!(client.token(), former.token());
    assert!(is_signed_in(&mut client).await);
    assert!(!is_signed_in(&mut former).await, "the former token is not signed in");
    // Another browser has its own session.
    let mut phone = shop.client();
    phone.log_in("ADA@example.com", PASSWORD).await;
    assert!(is_signed_in(&mut phone).await && is_signed_in(&mut client).await);
}

async fn signing_in_merges_the_carts(shop: TestShop) {
    let mut laptop = stocked(&shop).await;
    laptop.register("ada@example.com").await;
    laptop.add("KETTLE", 1).await;
    let mut phone = shop.client();
    phone.add("LAMP", 2).await;
    phone.add("KETTLE", 2).await;
    let mut before = phone.clone();
    let signed_in = phone.log_in("ada@example.com", PASSWORD).await.json();
    assert_eq!(signed_in["cart_units"], 5);
    assert_eq!(phone.cookies["shopease_cart_units"], "5");
    let merged = vec![("KETTLE".to_owned(), 3), ("LAMP".to_owned(), 2)];
    assert_eq!((laptop.cart_lines().await, phone.cart_lines().await), (merged.clone(), merged.clone()));
    assert_eq!(before.cart().await["units"], 0, "the visitor's cart has moved, not been copied");
    phone.log_in("ada@example.com", PASSWORD).await;
    assert_eq!(phone.cart_lines().await, merged, "signing in again adds nothing");
}

async fn signing_out_ends_the_session_everywhere(shop: TestShop) {
    let mut client = stocked(&shop).await;
    client.register("ada@example.com").await;
    client.add("KETTLE", 1).await;
    let mut copy = client.clone();
    let answer = client.delete("/api/v1/sessions/current").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    assert!(client.token().starts_with("vis_"), "the browser has no session token");
    assert_eq!(client.cookies["shopease_cart_units"], "0");
    assert!(!is_signed_in(&mut client).await && !is_signed_in(&mut copy).await);
    assert_eq!((client.cart().await["units"].clone(), copy.cart().await["units"].clone()), (0.into(), 0.into()));
    assert_eq!(
        client.delete("/api/v1/sessions/current").await.status,
        StatusCode::NO_CONTENT,
        "also without a session"
    );
    client.log_in("ada@example.com", PASSWORD).await;
    assert_eq!(client.cart().await["units"], 1, "the account has kept its cart");
}

async fn a_session_ends_after_thirty_days(shop: TestShop) {
    let mut client = stocked(&shop).await;
    client.register("ada@example.com").await;
    client.add("KETTLE", 1).await;
    shop.clock.advance(Duration::days(30) - Duration::seconds(1));
    assert!(is_signed_in(&mut client).await);
    shop.clock.advance(Duration::seconds(2));
    assert!(!is_signed_in(&mut client).await);
    assert_eq!(client.cart().await["units"], 0);
}

async fn a_wrong_password_and_an_unknown_address_look_alike(shop: TestShop) {
    let mut client = shop.client();
    client.register("ada@example.com").await;
    client.delete("/api/v1/sessions/current").await;
    let mut attempt = async |email: &str, password: &str| {
        // So that no pause applies.
        shop.clock.advance(Duration::hours(2));
        let start = Instant::now();
        let answer = client.log_in(email, password).await;
        let elapsed = start.elapsed();
        assert_eq!(answer.problem(), (401, "wrong-credentials".to_owned()), "{email}");
        (answer, elapsed)
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        let (wrong, elapsed) = attempt("ada@example.com", "wrong password").await;
        known.push(elapsed);
        let (nobody, elapsed) = attempt("nobody@example.com", "wrong password").await;
        unknown.push(elapsed);
        assert_eq!(wrong.text_without_request_id(), nobody.text_without_request_id());
        let names = |answer: &crate::harness::Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&wrong), names(&nobody));
    }
    let (known, unknown) = (median(known), median(unknown));
    // Without the dummy hash, the response for an unknown address would be about twenty times faster.
    assert!(known < unknown * 4 && unknown < known * 4, "wrong password {known:?}, unknown address {unknown:?}");
    let (long, _) = attempt("ada@example.com", &"x".repeat(2000)).await;
    assert_eq!(long.json()["detail"], "The email address or the password is wrong.");
}

fn median(mut samples: Vec<Elapsed>) -> Elapsed {
    samples.sort();
    samples[samples.len() / 2]
}

async fn earlier_orders_of_the_browser_move_to_the_account(shop: TestShop) {
    for (name, has_account) in [("ada", false), ("ben", true)] {
        let email = format!("{name}@example.com");
        if has_account {
            shop.client().register(&email).await;
        }
        let mut laptop = stocked(&shop).await;
        let mut ordered = Vec::new();
        for (number, card) in ["card_approved", "card_requires_action"].into_iter().enumerate() {
            laptop.add("KETTLE", 1).await;
            let order = laptop.check_out(&format!("{name}-{number}"), card).await.json();
            ordered.push((text(&order["id"]), text(&order["access_key"])));
            shop.clock.advance(time::Duration::minutes(1));
        }
        ordered.reverse();
        let guest = laptop.clone();
        let answer = if has_account { laptop.log_in(&email, PASSWORD).await } else { laptop.register(&email).await };
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let listed = laptop.get("/api/v1/orders").await.json();
        let ids: Vec<_> = listed["items"].as_array().expect("orders").iter().map(|order| text(&order["id"])).collect();
        assert!(ids.iter().eq(ordered.iter().map(|(id, _)| id)), "{ids:?} {ordered:?}");
        let mut phone = shop.client();
        phone.log_in(&email, PASSWORD).await;
        for (id, key) in &ordered {
            assert_eq!(phone.get(&format!("/api/v1/orders/{id}")).await.status, StatusCode::OK, "on every device");
            let link = shop.client().get(&format!("/api/v1/orders/{id}?key={key}")).await;
            assert_eq!(link.status, StatusCode::OK, "the link still opens it");
            let nobody = guest.clone().get(&format!("/api/v1/orders/{id}")).await;
            assert_eq!(nobody.problem().0, 404, "and the browser's old token does not");
        }
        assert_eq!(guest.clone().get("/api/v1/orders").await.json()["items"], json!([]));
        assert!(phone.get("/account").await.text().contains("/orders/ord_"), "the page lists them too");
    }
    // Open orders are finished: they are paid, or their reservation ends.
    shop.settle().await;
    shop.assert_books_agree().await;
}

async fn checkout_starts_with_the_address_of_the_last_order(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    let mut phone = shop.visitor("phone");
    phone.register("ada@example.com").await;
    phone.add("KETTLE", 1).await;
    let empty = phone.get("/checkout").await.text();
    assert!(empty.contains("value=\"ada@example.com\"") && !empty.contains("Gartenweg"), "{empty}");
    assert_eq!(phone.check_out("k", "card_approved").await.status, StatusCode::CREATED);
    let mut laptop = shop.client();
    assert_eq!(laptop.log_in("ada@example.com", PASSWORD).await.status, StatusCode::CREATED);
    laptop.add("KETTLE", 1).await;
    let form = laptop.get("/checkout").await.text();
    for value in ["ada@example.com", "Ada Lovelace", "Gartenweg 3", "10115", "Berlin"] {
        assert!(form.contains(&format!("value=\"{value}\"")), "{value} is not in {form}");
    }
    let mut other = shop.visitor("other");
    other.register("bob@example.com").await;
    other.add("KETTLE", 1).await;
    assert!(!other.get("/checkout").await.text().contains("Gartenweg"));
}

async fn orders_belong_to_the_account(shop: TestShop) {
    let mut laptop = stocked(&shop).await;
    laptop.register("ada@example.com").await;
    laptop.add("KETTLE", 1).await;
    let order = laptop.check_out("one", "card_approved").await.json();
    let path = format!("/api/v1/orders/{}", text(&order["id"]));
    laptop.delete("/api/v1/sessions/current").await;
    assert_eq!(
        laptop.get(&path).await.problem(),
        (404, "not-found".to_owned()),
        "after signing out, the order is not visible"
    );
    assert_eq!(laptop.get("/api/v1/orders").await.json()["items"], json!([]));
    let mut phone = shop.client();
    phone.log_in("ada@example.com", PASSWORD).await;
    assert_eq!(phone.get(&path).await.json(), order);
    let listed = phone.get("/api/v1/orders").await.json();
    assert_eq!(listed["items"][0]["id"], order["id"]);
    assert_eq!(listed["items"][0]["units"], 1);
    let mut other = shop.client();
    other.register("bob@example.com").await;
    assert_eq!(other.get("/api/v1/orders").await.json()["items"], json!([]));
    assert_eq!(other.get(&path).await.status, StatusCode::NOT_FOUND);
}

async fn administration_is_for_operators_only(shop: TestShop) {
    let mut visitor = stocked(&shop).await;
    let mut customer = shop.client();
    customer.register("ada@example.com").await;
    let mut operator = shop.operator().await;
    let correction = json!({"sku": "KETTLE", "change": "adjust", "units": 1});
    for (method, path, body, done) in [
        (Method::GET, "/api/v1/admin/orders", Value::Null, StatusCode::OK),
        (Method::GET, "/api/v1/admin/products/kettle/stock", Value::Null, StatusCode::OK),
        (Method::POST, CORRECTIONS, correction, StatusCode::CREATED),
    ] {
        let refused = visitor.json(method.clone(), path, &body, &[]).await;
        assert_eq!(refused.problem(), (401, "sign-in-required".to_owned()), "{path}");
        let refused = customer.json(method.clone(), path, &body, &[]).await;
        assert_eq!(refused.problem(), (403, "forbidden".to_owned()), "{path}");
        assert_eq!(operator.json(method, path, &body, &[]).await.status, done, "{path}");
    }
    assert_eq!(shop.levels("KETTLE").await, (51, 0, 0), "only the operator's correction counts");
    for path in ["/api/v1/admin/orders", "/api/v1/admin/products/none/stock"] {
        let before = visitor.get(path).await;
        assert_eq!(before.problem().0, 401, "{path}: existence is not revealed to unauthorized callers");
    }
    assert_eq!(operator.get("/api/v1/admin/products/none/stock").await.problem(), (404, "not-found".to_owned()));
}

async fn operators_see_every_order(shop: TestShop) {
    stocked(&shop).await;
    let mut ids = Vec::new();
    for name in ["ada", "bob", "cleo"] {
        let mut client = shop.visitor(name);
        client.add("KETTLE", 1).await;
        ids.push(text(&client.check_out("k", "card_approved").await.json()["id"]));
        shop.clock.advance(Duration::minutes(1));
    }
    ids.reverse();
    let mut operator = shop.operator().await;
    let first = operator.get("/api/v1/admin/orders?limit=2").await.json();
    let second =
        operator.get(&format!("/api/v1/admin/orders?limit=2&cursor={}", text(&first["next_cursor"]))).await.json();
    let listed = [&first, &second].into_iter().flat_map(|page| page["items"].as_array().expect("rows"));
    assert_eq!(listed.map(|row| text(&row["id"])).collect::<Vec<_>>(), ids, "newest first");
    assert_eq!(second["next_cursor"], Value::Null);
    let path = format!("/api/v1/orders?cursor={}", text(&first["next_cursor"]));
    assert_eq!(operator.get(&path).await.problem(), (400, "malformed-request".to_owned()), "a cursor of another list");
    assert_eq!(operator.get(&format!("/api/v1/orders/{}", ids[0])).await.status, StatusCode::OK);
    assert_eq!(operator.get("/api/v1/orders").await.json()["items"], json!([]), "they have no orders of their own");
}

async fn a_correction_under_a_key_corrects_once(shop: TestShop) {
    stocked(&shop).await;
    let mut operator = shop.operator().await;
    let delivery = json!({"sku": "KETTLE", "change": "adjust", "units": 10});
    let first = operator.post_once(CORRECTIONS, "delivery-1", &delivery).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    let level = json!({"sku": "KETTLE", "available": 60, "reserved": 0, "sold": 0, "received": 60});
    assert_eq!(first.json(), level);
    let again = operator.post_once(CORRECTIONS, "delivery-1", &delivery).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    let other = json!({"sku": "KETTLE", "change": "adjust", "units": 11});
    let reused = operator.post_once(CORRECTIONS, "delivery-1", &other).await;
    assert_eq!(reused.problem(), (422, "idempotency-key-reused".to_owned()));
    assert_eq!(shop.levels("KETTLE").await, (60, 0, 0));
    operator.post_once(CORRECTIONS, "delivery-2", &delivery).await;
    operator.post(CORRECTIONS, &delivery).await;
    assert_eq!(shop.levels("KETTLE").await, (80, 0, 0));
}

async fn corrections_follow_the_rules_of_stock(shop: TestShop) {
    stocked(&shop).await;
    shop.sell(&fixtures::product("voucher").untracked().build(), 0).await;
    let mut operator = shop.operator().await;
    let counted = operator.post(CORRECTIONS, &json!({"sku": "KETTLE", "change": "set_available", "units": 4})).await;
    assert_eq!((counted.status, &counted.json()["received"]), (StatusCode::CREATED, &4.into()));
    let lost = operator.post(CORRECTIONS, &json!({"sku": "KETTLE", "change": "adjust", "units": -5})).await;
    assert_eq!((lost.problem(), &lost.json()["sku"]), ((409, "out-of-stock".to_owned()), &"KETTLE".into()));
    assert_eq!(shop.levels("KETTLE").await, (4, 0, 0));
    for (body, expected) in [
        (json!({"sku": "NONE", "change": "adjust", "units": 1}), (404, "not-found")),
        (json!({"sku": "VOUCHER", "change": "adjust", "units": 1}), (422, "rule-broken")),
        (json!({"sku": "KETTLE", "change": "set_available", "units": 1_000_000_001}), (422, "rule-broken")),
        (json!({"sku": "KETTLE", "change": "set_available", "units": -1}), (422, "rule-broken")),
        (json!({"sku": "KETTLE", "change": "steal", "units": 1}), (422, "rule-broken")),
    ] {
        let answer = operator.post(CORRECTIONS, &body).await;
        assert_eq!(answer.problem(), (expected.0, expected.1.to_owned()), "{body}");
    }
    let stock = operator.get("/api/v1/admin/products/voucher/stock").await.json();
    assert_eq!(stock["items"][0]["level"], Value::Null, "untracked variants have no level");
}
