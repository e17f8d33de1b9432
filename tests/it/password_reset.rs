//! Resetting a forgotten password: through the pages with the mailed link, once, within an hour, and without telling who has an
//! account.

use http::{Method, StatusCode};
use serde_json::json;
use shopease_mail::testing::Relay;
use shopease_shop::ports::{Consumer, OutboxMessage};
use time::Duration;

use crate::harness::{Answer, Client, PASSWORD, TestShop, both_stores};
use crate::mails::{run, smtp, worker};

both_stores!(
    a_forgotten_password_is_reset_once,
    links_end_after_an_hour_and_with_a_newer_one,
    a_request_does_not_tell_who_has_an_account,
    requests_are_limited_for_each_client,
    addresses_reach_no_consumer_but_mail,
);

const NEW: &str = "a brand new password";
const FORGOT: &str = "/password/forgot";
const REQUESTS: &str = "/api/v1/password-resets";

async fn is_signed_in(client: &mut Client) -> bool {
    client.get("/api/v1/accounts/me").await.status == StatusCode::OK
}

async fn request(client: &mut Client, email: &str) -> Answer {
    client.post(REQUESTS, &json!({ "email": email })).await
}

async fn reset(client: &mut Client, token: &str, password: &str) -> Answer {
    client.json(Method::PUT, "/api/v1/password", &json!({ "token": token, "password": password }), &[]).await
}

/// The tokens of the links that the relay has received, oldest first.
fn tokens(relay: &Relay) -> Vec<String> {
    let link = |mail: &shopease_mail::testing::Received| {
        let text = mail.text();
        let (_, rest) = text.split_once("/password/reset?token=").expect("a link");
        rest.split_whitespace().next().expect("a token").to_owned()
    };
    relay.received().iter().map(link).collect()
}

async fn a_forgotten_password_is_reset_once(shop: TestShop) {
    let relay = Relay::start().await;
    let worker = worker(&shop, &smtp(relay.port()));
    let mut phone = shop.visitor("phone");
    phone.register("ada@example.com").await;
    let mut laptop = shop.visitor("laptop");
    assert!(laptop.get("/login").await.text().contains("href=\"/password/forgot\""));

    let form = laptop.get(FORGOT).await;
    let csrf = form.hidden("csrf");
    let wrong = laptop.form(FORGOT, &[("csrf", &csrf), ("email", "ada at example")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("value=\"ada at example\""), "what was typed stays: {}", wrong.text());
    let sent = laptop.form(FORGOT, &[("csrf", &csrf), ("email", " Ada@Example.com ")]).await;
    assert_eq!(sent.status, StatusCode::OK);
    assert!(sent.text().contains("Check your mail"), "{}", sent.text());
    run(&worker).await;
    let received = relay.received();
    assert_eq!(received.iter().map(|mail| mail.to.join(" ")).collect::<Vec<_>>(), ["ada@example.com"]);
    let token = tokens(&relay).pop().expect("a link");

    for _ in 0..2 {
        laptop.get(&format!("/password/reset?token={token}")).await;
    }
    let page = laptop.get(&format!("/password/reset?token={token}")).await;
    assert_eq!((page.status, page.hidden("token")), (StatusCode::OK, token.clone()), "opening it does not use it up");
    assert!(!page.text().contains("role=\"alert\""), "{}", page.text());
    assert_eq!(page.header("cache-control"), "no-store");
    let fields = |password| [("csrf", csrf.as_str()), ("token", token.as_str()), ("password", password)];
    let short = laptop.form("/password/reset", &fields("short")).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(short.text().contains("At least 8 characters") && short.hidden("token") == token, "{}", short.text());
    let common = laptop.form("/password/reset", &fields("Password1")).await;
    assert!(common.text().contains("This password is one of the most common ones."), "{}", common.text());
    assert!(is_signed_in(&mut phone).await, "nothing has changed yet");

    let done = laptop.form("/password/reset", &fields(NEW)).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/login?reset=true"));
    assert!(laptop.get("/login?reset=true").await.text().contains("Your password has been changed"));
    assert!(!is_signed_in(&mut phone).await, "every session has ended");
    assert_eq!(laptop.log_in("ada@example.com", PASSWORD).await.problem().0, 401);
    assert_eq!(laptop.log_in("ada@example.com", NEW).await.status, StatusCode::CREATED);
    assert!(is_signed_in(&mut laptop).await);

    let mut thief = shop.visitor("thief");
    let csrf = thief.get(FORGOT).await.hidden("csrf");
    let opened = thief.get(&format!("/password/reset?token={token}")).await;
    assert_eq!(opened.status, StatusCode::NOT_FOUND);
    let page = opened.text();
    assert!(page.contains("already used") && page.contains("href=\"/password/forgot\""), "{page}");
    assert!(!page.contains("name=\"password\""), "nobody types a password in vain: {page}");
    let again = thief
        .form("/password/reset", &[("csrf", &csrf), ("token", &token), ("password", "the password of a thief")])
        .await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert!(again.text().contains("href=\"/password/forgot\""), "a way onward: {}", again.text());
    assert_eq!(reset(&mut thief, &token, NEW).await.problem(), (404, "not-found".to_owned()));
    assert!(is_signed_in(&mut laptop).await);
}

async fn links_end_after_an_hour_and_with_a_newer_one(shop: TestShop) {
    let relay = Relay::start().await;
    let worker = worker(&shop, &smtp(relay.port()));
    let mut ada = shop.visitor("ada");
    ada.register("ada@example.com").await;
    for _ in 0..2 {
        assert_eq!(request(&mut ada, "ada@example.com").await.status, StatusCode::NO_CONTENT);
        run(&worker).await;
    }
    let tokens = tokens(&relay);
    assert_eq!(reset(&mut ada, &tokens[0], NEW).await.status, StatusCode::NOT_FOUND, "only the newest link");
    let other = tokens[1].replace(|c: char| c.is_ascii_digit(), "0");
    for invalid in ["", "x", "cus_01ARZ3NDEKTSV4RRFFQ69G5FAV.00", &other] {
        assert_eq!(reset(&mut ada, invalid, NEW).await.status, StatusCode::NOT_FOUND, "{invalid}");
    }
    shop.clock.advance(Duration::hours(1) - Duration::milliseconds(1));
    assert_eq!(reset(&mut ada, &tokens[1], "short").await.rules().len(), 1, "still valid");
    shop.clock.advance(Duration::milliseconds(1));
    assert_eq!(reset(&mut ada, &tokens[1], NEW).await.status, StatusCode::NOT_FOUND);
    assert!(is_signed_in(&mut ada).await);
    // Mails that wait longer than the link would be valid are not sent.
    request(&mut ada, "ada@example.com").await;
    shop.clock.advance(Duration::minutes(61));
    run(&worker).await;
    assert_eq!(relay.received().len(), 2);
    request(&mut ada, "ada@example.com").await;
    run(&worker).await;
    let newest = self::tokens(&relay).pop().expect("a link");
    assert_eq!(reset(&mut ada, &newest, NEW).await.status, StatusCode::NO_CONTENT);
    assert!(!is_signed_in(&mut ada).await);
}

async fn a_request_does_not_tell_who_has_an_account(shop: TestShop) {
    let relay = Relay::start().await;
    let worker = worker(&shop, &smtp(relay.port()));
    shop.visitor("ada").register("ada@example.com").await;
    let mut visitor = shop.visitor("eve");
    let csrf = visitor.get(FORGOT).await.hidden("csrf");
    let mut pages = Vec::new();
    for email in ["ada@example.com", "bob@example.com"] {
        assert_eq!(request(&mut visitor, email).await.status, StatusCode::NO_CONTENT, "{email}");
        let page = visitor.form(FORGOT, &[("csrf", &csrf), ("email", email)]).await;
        pages.push((page.status, page.text_without_request_id().replace(email, "EMAIL")));
    }
    assert_eq!(pages[0], pages[1]);
    run(&worker).await;
    assert_eq!(relay.received().len(), 2, "both to ada");
    assert_eq!(shop.backlog(Consumer::ShopperMail).await, [""; 0]);
}

async fn requests_are_limited_for_each_client(shop: TestShop) {
    let mut eve = shop.visitor("eve");
    for _ in 0..5 {
        assert_eq!(request(&mut eve, "ada@example.com").await.status, StatusCode::NO_CONTENT);
    }
    let refused = request(&mut eve, "ada@example.com").await;
    assert_eq!(refused.problem(), (429, "too-many-attempts".to_owned()));
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(request(&mut eve, "bob@example.com").await.status, StatusCode::NO_CONTENT);
    let csrf = eve.get(FORGOT).await.hidden("csrf");
    let page = eve.form(FORGOT, &[("csrf", &csrf), ("email", "ada@example.com")]).await;
    assert_eq!((page.status, page.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    assert!(page.text().contains("value=\"ada@example.com\""), "{}", page.text());
}

async fn addresses_reach_no_consumer_but_mail(shop: TestShop) {
    request(&mut shop.visitor("ada"), "ada@example.com").await;
    assert_eq!(shop.topics().await, [OutboxMessage::PASSWORD_RESET]);
    let log = shopease_shop::ports::LogSink;
    assert!(!shopease_shop::ports::EventSink::wants(&log, OutboxMessage::PASSWORD_RESET));
    assert_eq!(run(&shop.worker(vec![std::sync::Arc::new(log)])).await.delivered, 0);
    assert_eq!(shop.topics().await, [""; 0], "it does not wait for a mail that nobody sends");
}
