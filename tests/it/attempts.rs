//! Limits on failed attempts to sign in and register, through pages and API, per client and account.

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::json;
use shopease_shared::http::ClientAddress;
use shopease_shop::testing::fixtures;
use time::Duration;

use crate::harness::{Answer, PASSWORD, TestShop, both_stores};

both_stores!(
    wrong_passwords_cause_growing_pauses,
    a_stranger_does_not_lock_the_owner_out,
    one_client_cannot_try_one_password_on_every_account,
    many_clients_cannot_try_many_passwords_on_one_account,
    concurrent_guesses_get_no_more_attempts_than_sequential_ones,
    concurrent_guesses_on_many_accounts_get_no_more_attempts_either,
    the_pages_show_when_to_try_again_and_keep_the_form,
    registering_known_addresses_is_limited,
    opening_the_page_of_a_link_counts_for_nobody,
    declined_cards_cause_pauses,
);

const ADA: &str = "ada@example.com";

fn request(path: &str, content_type: &str, body: String, address: &str) -> Request<Body> {
    let mut request =
        Request::post(path).header(header::CONTENT_TYPE, content_type).body(Body::from(body)).expect("a request");
    request.extensions_mut().insert(ClientAddress(address.parse().expect("an address")));
    request
}

async fn sign_in(shop: &TestShop, address: &str, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password}).to_string();
    shop.client().send(request("/api/v1/sessions", "application/json", body, address)).await
}

async fn register(shop: &TestShop, address: &str, email: &str) -> Answer {
    let body = json!({"email": email, "name": "Ada", "password": PASSWORD}).to_string();
    shop.client().send(request("/api/v1/accounts", "application/json", body, address)).await
}

/// `Retry-After` of a response in seconds.
fn pause(answer: &Answer) -> i64 {
    assert_eq!(answer.problem(), (429, "too-many-attempts".to_owned()));
    let seconds: i64 = answer.header("retry-after").parse().expect("seconds");
    assert_eq!(answer.json()["retry_after_seconds"], seconds);
    seconds
}

async fn wrong_passwords_cause_growing_pauses(shop: TestShop) {
    shop.operator().await;
    for (email, address) in [("operator@example.com", "192.0.2.1"), ("nobody@example.com", "192.0.2.2")] {
        for _ in 0..5 {
            let answer = sign_in(&shop, address, email, "wrong password").await;
            assert_eq!(answer.problem(), (401, "wrong-credentials".to_owned()), "{email}");
        }
        for expected in [1, 2, 4, 8, 16] {
            assert_eq!(pause(&sign_in(&shop, address, email, PASSWORD).await), expected, "{email}");
            shop.clock.advance(Duration::seconds(expected) - Duration::milliseconds(1));
            assert_eq!(
                pause(&sign_in(&shop, address, email, "wrong password").await),
                1,
                "a rejected attempt does not count"
            );
            shop.clock.advance(Duration::milliseconds(1));
            assert_eq!(sign_in(&shop, address, email, "wrong password").await.status, StatusCode::UNAUTHORIZED);
        }
    }
    shop.clock.advance(Duration::seconds(32));
    let answer = sign_in(&shop, "192.0.2.1", "operator@example.com", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::CREATED, "after the pause the correct password works");
    shop.clock.advance(Duration::hours(1));
    for _ in 0..5 {
        let answer = sign_in(&shop, "192.0.2.2", "nobody@example.com", "wrong password").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "after an hour the count has expired");
    }
}

async fn a_stranger_does_not_lock_the_owner_out(shop: TestShop) {
    register(&shop, "198.51.100.1", ADA).await;
    for number in 0..80 {
        sign_in(&shop, &format!("203.0.113.{number}"), ADA, "wrong password").await;
    }
    for address in ["198.51.100.1", "198.51.100.2", "2001:db8::1"] {
        let answer = sign_in(&shop, address, ADA, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{address}: {}", answer.text());
    }
}

async fn one_client_cannot_try_one_password_on_every_account(shop: TestShop) {
    let mut tried = 0;
    for number in 0..30 {
        let answer = sign_in(&shop, "203.0.113.1", &format!("customer-{number}@example.com"), "password1").await;
        tried += usize::from(answer.status == StatusCode::UNAUTHORIZED);
    }
    assert_eq!(tried, 20);
    let neighbor = sign_in(&shop, "203.0.113.1", "customer-29@example.com", "password1").await;
    assert!(pause(&neighbor) <= 60, "others may share the address");
    shop.clock.advance(Duration::minutes(1));
    let neighbor = sign_in(&shop, "203.0.113.1", "customer-29@example.com", "password1").await;
    assert_eq!(neighbor.status, StatusCode::UNAUTHORIZED);
}

async fn many_clients_cannot_try_many_passwords_on_one_account(shop: TestShop) {
    let mut tried = 0;
    for round in 0..5 {
        for number in 0..40 {
            let answer = sign_in(&shop, &format!("203.0.113.{number}"), ADA, &format!("password {round}")).await;
            tried += usize::from(answer.status == StatusCode::UNAUTHORIZED);
        }
    }
    assert_eq!(tried, 50, "from then on, each client has one attempt");
}

async fn concurrent_guesses_get_no_more_attempts_than_sequential_ones(shop: TestShop) {
    let guesses = (0..16).map(|number| {
        let mut client = shop.client();
        let body = json!({"email": ADA, "password": format!("guess {number}")}).to_string();
        let request = request("/api/v1/sessions", "application/json", body, "203.0.113.1");
        tokio::spawn(async move { client.send(request).await.status })
    });
    let mut tried = 0;
    for guess in guesses.collect::<Vec<_>>() {
        tried += usize::from(guess.await.expect("an answer") == StatusCode::UNAUTHORIZED);
    }
    assert!((1..=5).contains(&tried), "{tried} of 16 at once");
}

async fn concurrent_guesses_on_many_accounts_get_no_more_attempts_either(shop: TestShop) {
    let guesses = (0..48).map(|number| {
        let mut client = shop.client();
        let body = json!({"email": format!("customer-{number}@example.com"), "password": "password1"}).to_string();
        let request = request("/api/v1/sessions", "application/json", body, "203.0.113.1");
        tokio::spawn(async move { client.send(request).await.status })
    });
    let mut tried = 0;
    for guess in guesses.collect::<Vec<_>>() {
        tried += usize::from(guess.await.expect("an answer") == StatusCode::UNAUTHORIZED);
    }
    assert!((1..=20).contains(&tried), "{tried} of 48 at once");
}

async fn the_pages_show_when_to_try_again_and_keep_the_form(shop: TestShop) {
    register(&shop, "198.51.100.1", ADA).await;
    for number in 0..20 {
        sign_in(&shop, "203.0.113.1", &format!("customer-{number}@example.com"), "wrong password").await;
    }
    for (path, field) in [("/login", "email"), ("/register", "name")] {
        let mut client = shop.client();
        let csrf = client.get(path).await.hidden("csrf");
        let body = format!("csrf={csrf}&email=ada%40example.com&name=Ada+L&password=wrong+password&next=%2Fcheckout");
        let answer = client.send(request(path, "application/x-www-form-urlencoded", body, "203.0.113.1")).await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"), "{path}");
        let page = answer.text();
        assert!(page.contains("Too many attempts have failed. Try again in a second."), "{path}: {page}");
        assert!(page.contains("value=\"ada@example.com\"") && !page.contains("wrong password"), "{path}");
        assert!(page.contains(&format!("id=\"{field}\"")) && answer.hidden("next") == "/checkout", "{path}");
    }
}

async fn registering_known_addresses_is_limited(shop: TestShop) {
    register(&shop, "198.51.100.1", ADA).await;
    for _ in 0..20 {
        let answer = register(&shop, "203.0.113.1", ADA).await;
        assert_eq!(answer.problem(), (409, "already-exists".to_owned()));
    }
    pause(&register(&shop, "203.0.113.1", ADA).await);
    pause(&register(&shop, "203.0.113.1", "unknown@example.com").await);
    let other = register(&shop, "203.0.113.2", "bob@example.com").await;
    assert_eq!(other.status, StatusCode::CREATED, "{}", other.text());
}

async fn opening_the_page_of_a_link_counts_for_nobody(shop: TestShop) {
    register(&shop, "198.51.100.1", ADA).await;
    let token = format!("{}.0", fixtures::customer("eve").id);
    for number in 0..30 {
        for path in ["/password/reset", "/email/confirm"] {
            let mut opened =
                Request::get(format!("{path}?token={token}{number}")).body(Body::empty()).expect("a request");
            opened.extensions_mut().insert(ClientAddress("203.0.113.1".parse().expect("an address")));
            assert_eq!(shop.client().send(opened).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    assert_eq!(sign_in(&shop, "203.0.113.1", ADA, PASSWORD).await.status, StatusCode::CREATED);
}

async fn declined_cards_cause_pauses(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 100).await;
    let pay = async |name: &str, key: String, card: &str| {
        let mut client = shop.visitor(name);
        client.add("KETTLE", 1).await;
        client.check_out(&key, card).await
    };
    for number in 0..5 {
        let answer = pay("eve", number.to_string(), "card_declined").await;
        assert_eq!(answer.problem(), (422, "payment-declined".to_owned()));
    }
    assert_eq!(pause(&pay("eve", "5".to_owned(), "card_approved").await), 1);
    assert_eq!(pay("eve", "0".to_owned(), "card_declined").await.problem().0, 422, "the same request has its answer");
    shop.clock.advance(Duration::seconds(1));
    assert_eq!(pay("eve", "6".to_owned(), "card_approved").await.status, StatusCode::CREATED);

    // A visitor is new without a cookie; the client is not. Orders that are paid later also count.
    for number in 0..15 {
        let card = if number % 2 == 0 { "card_declined" } else { "bank_transfer" };
        let answer = pay(&format!("eve-{number}"), "key".to_owned(), card).await;
        assert!([StatusCode::ACCEPTED, StatusCode::UNPROCESSABLE_ENTITY].contains(&answer.status), "{number}");
    }
    assert_eq!(pause(&pay("grace", "key".to_owned(), "card_approved").await), 1);
    shop.clock.advance(Duration::seconds(1));
    assert_eq!(pay("grace", "key".to_owned(), "card_approved").await.status, StatusCode::CREATED);
    shop.clock.advance(Duration::days(8));
    shop.work().await;
    shop.assert_books_agree().await;
}
