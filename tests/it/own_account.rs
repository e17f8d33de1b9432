//! Customers confirm the email address of their account with a mailed link, and change or delete the account.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shopease_mail::testing::Relay;
use shopease_shop::ShopError;
use shopease_shop::ports::Clock as _;
use shopease_shop::services::create_operator;
use shopease_shop::testing::fixtures;
use time::Duration;

use crate::harness::{Answer, Client, PASSWORD, TestShop, both_stores, order_with, text};
use crate::mails::{mailing, run};

both_stores!(
    a_new_account_is_confirmed_with_its_link_and_password,
    registering_does_not_reveal_who_has_an_account,
    an_address_of_another_account_cannot_be_confirmed,
    links_are_valid_for_a_day_and_only_the_newest,
    an_email_address_changes_with_a_link,
    mails_to_one_address_are_limited,
    a_changed_address_and_password_are_reported_by_mail,
    orders_of_a_confirmed_address_join_its_account,
    an_unconfirmed_address_adopts_no_orders,
    an_email_address_changes_at_once_without_mail,
    a_name_and_a_password_change,
    an_account_is_deleted_with_its_password,
    wrong_passwords_are_limited,
    common_and_guessable_passwords_are_refused_everywhere,
    a_session_is_listed_and_ended_elsewhere,
    all_other_sessions_end_at_once,
    sessions_of_others_cannot_be_ended,
    a_new_password_and_a_deletion_leave_no_other_session,
);

/// The tests in shops that send mail.
pub const WITH_MAIL: [&str; 8] = [
    "a_changed_address_and_password_are_reported_by_mail",
    "a_new_account_is_confirmed_with_its_link_and_password",
    "registering_does_not_reveal_who_has_an_account",
    "an_address_of_another_account_cannot_be_confirmed",
    "links_are_valid_for_a_day_and_only_the_newest",
    "an_email_address_changes_with_a_link",
    "mails_to_one_address_are_limited",
    "orders_of_a_confirmed_address_join_its_account",
];

const ME: &str = "/api/v1/accounts/me";
const NEW: &str = "a brand new password";

async fn put(client: &mut Client, path: &str, body: &Value) -> Answer {
    client.json(Method::PUT, path, body, &[]).await
}

async fn confirm(client: &mut Client, token: &str, password: &str) -> Answer {
    client.post("/api/v1/email-confirmations", &json!({ "token": token, "password": password })).await
}

/// Recipient and token of every mail with a link to confirm an address, oldest first.
fn links(relay: &Relay) -> Vec<(String, String)> {
    let link = |mail: &shopease_mail::testing::Received| {
        let text = mail.text();
        let (_, rest) = text.split_once("/email/confirm?token=")?;
        Some((mail.to.join(" "), rest.split_whitespace().next()?.to_owned()))
    };
    relay.received().iter().filter_map(link).collect()
}

fn newest_token(relay: &Relay) -> String {
    links(relay).pop().expect("a link").1
}

async fn is_signed_in(client: &mut Client) -> bool {
    client.get(ME).await.status == StatusCode::OK
}

async fn log_in_status(shop: &TestShop, email: &str, password: &str) -> StatusCode {
    shop.client().log_in(email, password).await.status
}

async fn a_new_account_is_confirmed_with_its_link_and_password(shop: TestShop) {
    let (shop, relay, worker) = mailing(shop).await;
    let mut phone = shop.visitor("phone");
    phone.register("ada@example.com").await;
    let me = phone.get(ME).await.json();
    assert_eq!(me["unconfirmed_email"], "ada@example.com");
    let page = phone.get("/account").await.text();
    assert!(page.contains("Confirm your email address") && page.contains("href=\"/account/link\""), "{page}");
    assert_eq!(log_in_status(&shop, "ada@example.com", PASSWORD).await, StatusCode::UNAUTHORIZED);

    run(&worker).await;
    let links = links(&relay);
    assert_eq!(links.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(), ["ada@example.com"]);
    let token = &links[0].1;
    let mut laptop = shop.visitor("laptop");
    let opened = format!("/email/confirm?token={token}");
    // Opening the link uses nothing up, and is no attempt with a wrong password.
    for _ in 0..8 {
        assert_eq!(laptop.get(&opened).await.status, StatusCode::OK);
    }
    let form = laptop.get(&opened).await;
    assert_eq!((form.status, form.header("cache-control")), (StatusCode::OK, "no-store"));
    assert_eq!(form.hidden("token"), *token);
    let csrf = form.hidden("csrf");
    // Whoever reads the mail without having registered cannot confirm the address for somebody else.
    let fields = |password| [("csrf", csrf.as_str()), ("token", token.as_str()), ("password", password)];
    let wrong = laptop.form("/email/confirm", &fields("not the password")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("This is not the password of your account"), "{}", wrong.text());
    assert_eq!(wrong.hidden("token"), *token);
    assert_eq!(log_in_status(&shop, "ada@example.com", PASSWORD).await, StatusCode::UNAUTHORIZED);

    let done = laptop.form("/email/confirm", &fields(PASSWORD)).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/account?done=confirmed"));
    let page = laptop.get("/account?done=confirmed").await.text();
    assert!(page.contains("Your email address is confirmed") && !page.contains("/account/link"), "{page}");
    assert!(is_signed_in(&mut phone).await, "the session of the registration goes on");
    assert_eq!(log_in_status(&shop, "ada@example.com", PASSWORD).await, StatusCode::CREATED);
    let dead = shop.visitor("tablet").get(&opened).await;
    assert_eq!(dead.status, StatusCode::NOT_FOUND);
    let page = dead.text();
    assert!(page.contains("already used") && page.contains("href=\"/account\""), "a way onward: {page}");
    assert!(!page.contains("name=\"password\""), "nobody types a password in vain: {page}");
    let again = laptop.form("/email/confirm", &fields(PASSWORD)).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "the form is of the visitor before signing in");
    assert_eq!(confirm(&mut shop.client(), token, PASSWORD).await.problem(), (404, "not-found".to_owned()));
    assert_eq!(phone.post("/api/v1/accounts/me/email-confirmations", &json!({})).await.status, StatusCode::NOT_FOUND);
}

async fn registering_does_not_reveal_who_has_an_account(shop: TestShop) {
    let (shop, relay, worker) = mailing(shop).await;
    shop.visitor("ada").register("ada@example.com").await;
    run(&worker).await;
    let first = newest_token(&relay);
    assert_eq!(confirm(&mut shop.visitor("ada"), &first, PASSWORD).await.status, StatusCode::CREATED);

    let mut answers = Vec::new();
    for email in ["ada@example.com", "bob@example.com"] {
        let mut eve = shop.visitor(&format!("eve of {email}"));
        let account = json!({ "email": email, "name": "Eve", "password": NEW });
        let answer = eve.post("/api/v1/accounts", &account).await;
        let mut body = answer.json();
        body["token"] = Value::Null;
        body["customer"]["id"] = Value::Null;
        let page = eve.get("/account").await.text_without_request_id();
        let hide = |text: String| text.replace(email, "EMAIL").replace(&eve_csrf(&page), "CSRF");
        answers.push((answer.status, hide(body.to_string()), hide(page.clone())));
        assert_eq!(eve.post("/api/v1/accounts", &account).await.status, StatusCode::CREATED, "again: {email}");
    }
    assert_eq!(answers[0], answers[1]);
    run(&worker).await;
    let received = relay.received();
    let to_ada: Vec<_> = received.iter().filter(|mail| mail.to == ["ada@example.com"]).skip(1).collect();
    assert_eq!(to_ada.len(), 2);
    for mail in to_ada {
        let text = mail.text();
        assert!(text.contains("You already have an account") && !text.contains("token="), "{text}");
    }
    assert_eq!(log_in_status(&shop, "ada@example.com", NEW).await, StatusCode::UNAUTHORIZED);
    assert_eq!(log_in_status(&shop, "ada@example.com", PASSWORD).await, StatusCode::CREATED);
}

fn eve_csrf(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form");
    rest.split('"').next().expect("a value").to_owned()
}

async fn an_address_of_another_account_cannot_be_confirmed(shop: TestShop) {
    let (shop, relay, worker) = mailing(shop).await;
    let (mut first, mut second) = (shop.visitor("first"), shop.visitor("second"));
    for client in [&mut first, &mut second] {
        client.register("ada@example.com").await;
    }
    run(&worker).await;
    let links = links(&relay);
    assert_eq!(links.len(), 2, "the address is nobody's yet");
    assert_eq!(confirm(&mut second, &links[1].1, PASSWORD).await.status, StatusCode::CREATED);
    assert_eq!(confirm(&mut first, &links[0].1, PASSWORD).await.status, StatusCode::NOT_FOUND);
    let id = |answer: Answer| answer.json()["id"].clone();
    let mut third = shop.client();
    assert_eq!(third.log_in("ada@example.com", PASSWORD).await.status, StatusCode::CREATED);
    assert_eq!(id(third.get(ME).await), id(second.get(ME).await));
    assert!(is_signed_in(&mut first).await, "nothing is taken from the other one");
}

async fn links_are_valid_for_a_day_and_only_the_newest(shop: TestShop) {
    let (shop, relay, worker) = mailing(shop).await;
    let mut ada = shop.visitor("ada");
    ada.register("ada@example.com").await;
    run(&worker).await;
    let csrf = ada.get("/account/link").await.hidden("csrf");
    let sent = ada.form("/account/link", &[("csrf", &csrf)]).await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/account?done=link"));
    run(&worker).await;
    let tokens: Vec<_> = links(&relay).into_iter().map(|(_, token)| token).collect();
    assert_eq!(tokens.len(), 2);
    let mut laptop = shop.client();
    assert_eq!(confirm(&mut laptop, &tokens[0], PASSWORD).await.status, StatusCode::NOT_FOUND);
    for invalid in ["", "x", "cus_01ARZ3NDEKTSV4RRFFQ69G5FAV.00"] {
        assert_eq!(confirm(&mut laptop, invalid, PASSWORD).await.status, StatusCode::NOT_FOUND, "{invalid}");
    }
    shop.clock.advance(Duration::hours(24) - Duration::milliseconds(1));
    assert_eq!(confirm(&mut laptop, &tokens[1], "wrong").await.rules().len(), 1, "still valid");
    shop.clock.advance(Duration::milliseconds(1));
    assert_eq!(confirm(&mut laptop, &tokens[1], PASSWORD).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.post("/api/v1/accounts/me/email-confirmations", &json!({})).await.status, StatusCode::NO_CONTENT);
    run(&worker).await;
    assert_eq!(confirm(&mut laptop, &newest_token(&relay), PASSWORD).await.status, StatusCode::CREATED);
}

async fn an_email_address_changes_with_a_link(shop: TestShop) {
    let (shop, relay, worker) = mailing(shop).await;
    let mut ada = shop.visitor("ada");
    ada.register("ada@example.com").await;
    run(&worker).await;
    assert_eq!(confirm(&mut ada, &newest_token(&relay), PASSWORD).await.status, StatusCode::CREATED);
    let csrf = ada.get("/account/email").await.hidden("csrf");
    let fields = |email, password| [("csrf", csrf.as_str()), ("email", email), ("password", password)];
    for (email, password, says) in [
        ("ada at home", PASSWORD, "value=\"ada at home\""),
        ("ada@home.example", "wrong", "This is not the password of your account"),
    ] {
        let refused = ada.form("/account/email", &fields(email, password)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().contains(says) && refused.text().contains(email), "{}", refused.text());
    }
    let sent = ada.form("/account/email", &fields("ada@home.example", PASSWORD)).await;
    assert_eq!(sent.header("location"), "/account?done=link");
    let me = ada.get(ME).await.json();
    assert_eq!((&me["email"], &me["unconfirmed_email"]), (&json!("ada@example.com"), &json!("ada@home.example")));
    assert!(ada.get("/account").await.text().contains("Your address becomes ada@home.example"));
    run(&worker).await;
    assert_eq!(links(&relay).last().expect("a link").0, "ada@home.example");
    assert_eq!(log_in_status(&shop, "ada@example.com", PASSWORD).await, StatusCode::CREATED, "still the former one");
    assert_eq!(confirm(&mut shop.client(), &newest_token(&relay), PASSWORD).await.status, StatusCode::CREATED);
    assert_eq!(log_in_status(&shop, "ada@home.example", PASSWORD).await, StatusCode::CREATED);
    assert_eq!(log_in_status(&shop, "ada@example.com", PASSWORD).await, StatusCode::UNAUTHORIZED);
    // The former address is free, and nothing reveals that the new one is taken.
    let mut bob = shop.visitor("bob");
    bob.register("ada@example.com").await;
    let wish = json!({ "email": "ada@home.example", "password": PASSWORD });
    let answer = put(&mut bob, "/api/v1/accounts/me/email", &wish).await;
    assert_eq!((answer.status, &answer.json()["unconfirmed_email"]), (StatusCode::OK, &json!("ada@home.example")));
    run(&worker).await;
    let mail = relay.received().pop().expect("a mail");
    assert_eq!(mail.to, ["ada@home.example"]);
    assert!(mail.text().contains("You already have an account"), "{}", mail.text());
}

/// Recipient and subject of all mails without a link to confirm an address, oldest first.
fn notices(relay: &Relay) -> Vec<(String, String)> {
    let received = relay.received();
    let notices = received.iter().filter(|mail| !mail.text().contains("/email/confirm?token="));
    notices.map(|mail| (mail.to.join(" "), mail.subject())).collect()
}

async fn a_changed_address_and_password_are_reported_by_mail(shop: TestShop) {
    let (shop, relay, worker) = mailing(shop).await;
    let mut ada = shop.visitor("ada");
    ada.register("ada@example.com").await;
    let change = |from, to| json!({ "password": from, "new_password": to });
    let pending = put(&mut ada, "/api/v1/accounts/me/password", &change(PASSWORD, NEW)).await;
    assert_eq!(pending.status, StatusCode::CREATED);
    run(&worker).await;
    assert_eq!(notices(&relay), [], "the address may be somebody else's");
    assert_eq!(confirm(&mut ada, &newest_token(&relay), NEW).await.status, StatusCode::CREATED);
    run(&worker).await;
    assert_eq!(notices(&relay), [], "its first address is no change");

    ada.post("/api/v1/password-resets", &json!({ "email": "ada@example.com" })).await;
    run(&worker).await;
    let mail = relay.received().pop().expect("a mail");
    let text = mail.text();
    let reset =
        text.split_once("/password/reset?token=").expect("a link").1.split_whitespace().next().expect("a token");
    let wish = json!({ "email": "ada@home.example", "password": NEW });
    assert_eq!(put(&mut ada, "/api/v1/accounts/me/email", &wish).await.status, StatusCode::OK);
    run(&worker).await;
    assert_eq!(confirm(&mut ada, &newest_token(&relay), NEW).await.status, StatusCode::CREATED);
    let stolen = json!({ "token": reset, "password": "the password of a thief" });
    assert_eq!(put(&mut shop.client(), "/api/v1/password", &stolen).await.problem(), (404, "not-found".to_owned()));

    let back = put(&mut ada, "/api/v1/accounts/me/password", &change(NEW, PASSWORD)).await;
    assert_eq!(back.status, StatusCode::CREATED);
    ada.post("/api/v1/password-resets", &json!({ "email": "ada@home.example" })).await;
    run(&worker).await;
    let mail = relay.received().pop().expect("a mail");
    let text = mail.text();
    let reset =
        text.split_once("/password/reset?token=").expect("a link").1.split_whitespace().next().expect("a token");
    let forgotten = json!({ "token": reset, "password": NEW });
    assert_eq!(put(&mut shop.client(), "/api/v1/password", &forgotten).await.status, StatusCode::NO_CONTENT);
    run(&worker).await;
    let expected = [
        ("ada@example.com", "Reset your password at My shop"),
        ("ada@example.com", "Your email address at My shop was changed"),
        ("ada@home.example", "Your password at My shop was changed"),
        ("ada@home.example", "Reset your password at My shop"),
        ("ada@home.example", "Your password at My shop was changed"),
    ];
    assert_eq!(notices(&relay), expected.map(|(to, subject)| (to.to_owned(), subject.to_owned())));
}

/// An order of a new visitor. Returns it as JSON.
async fn guest_order(shop: &TestShop, email: &str) -> Value {
    let mut guest = shop.client();
    guest.add("KETTLE", 1).await;
    let mut order = order_with("card_approved");
    order["email"] = json!(email);
    let placed = guest.post_once("/api/v1/checkout", "key", &order).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    shop.clock.advance(Duration::minutes(1));
    placed.json()
}

/// The numbers of the orders on the account page, in its order.
async fn listed(client: &mut Client) -> Vec<String> {
    let (mut numbers, mut path) = (Vec::new(), "/account".to_owned());
    loop {
        let page = client.get(&path).await.text();
        let found = page.split("class=\"number\">").skip(1);
        numbers.extend(found.filter_map(|rest| rest.split('<').next()).map(str::to_owned));
        let next = page.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
        let Some(next) = next else { return numbers };
        next.clone_into(&mut path);
    }
}

async fn orders_of_a_confirmed_address_join_its_account(shop: TestShop) {
    let (shop, relay, worker) = mailing(shop).await;
    shop.sell(&fixtures::product("kettle").build(), 100).await;
    // More than a page.
    let mut mine = Vec::new();
    for _ in 0..26 {
        mine.push(guest_order(&shop, "Ada@example.com").await);
    }
    let strangers = guest_order(&shop, "ada.l@example.com").await;
    let number = |order: &Value| text(&order["order_number"]);

    let mut phone = shop.client();
    phone.register("ada@example.com").await;
    assert_eq!(listed(&mut phone).await, [""; 0], "nobody knows yet whose address it is");
    run(&worker).await;
    let mut laptop = shop.client();
    assert_eq!(confirm(&mut laptop, &newest_token(&relay), PASSWORD).await.status, StatusCode::CREATED);
    let newest_first: Vec<_> = mine.iter().rev().map(number).collect();
    assert_eq!(listed(&mut laptop).await, newest_first);
    assert_eq!(listed(&mut phone).await, newest_first);

    let later = guest_order(&shop, "ada@example.com").await;
    assert_eq!(listed(&mut phone).await, newest_first);
    assert_eq!(shop.client().log_in("ada@example.com", PASSWORD).await.status, StatusCode::CREATED);
    assert_eq!(listed(&mut phone).await, [&[number(&later)][..], &newest_first].concat());

    for order in [&mine[0], &later] {
        let path = format!("/orders/{}", text(&order["id"]));
        assert_eq!(phone.get(&path).await.status, StatusCode::OK);
        let link = format!("{path}?key={}", text(&order["access_key"]));
        assert_eq!(shop.client().get(&link).await.status, StatusCode::OK, "the mailed link still opens it");
        assert_eq!(shop.client().get(&path).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(phone.get(&format!("/orders/{}", text(&strangers["id"]))).await.status, StatusCode::NOT_FOUND);

    // An order belongs to one account, whoever gets the address later.
    let wish = json!({ "email": "ada.l@example.com", "password": PASSWORD });
    assert_eq!(put(&mut phone, "/api/v1/accounts/me/email", &wish).await.status, StatusCode::OK);
    run(&worker).await;
    let mut both = shop.client();
    assert_eq!(confirm(&mut both, &newest_token(&relay), PASSWORD).await.status, StatusCode::CREATED);
    assert_eq!(listed(&mut both).await.len(), 28, "the orders of both addresses");
    let mut second = shop.client();
    second.register("ada@example.com").await;
    run(&worker).await;
    assert_eq!(confirm(&mut second, &newest_token(&relay), PASSWORD).await.status, StatusCode::CREATED);
    assert_eq!(listed(&mut second).await, [""; 0]);
    shop.assert_books_agree().await;
}

async fn an_unconfirmed_address_adopts_no_orders(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    let order = guest_order(&shop, "ada@example.com").await;
    let mut eve = shop.client();
    assert_eq!(eve.register("ada@example.com").await.status, StatusCode::CREATED);
    assert_eq!(eve.log_in("ada@example.com", PASSWORD).await.status, StatusCode::CREATED);
    assert_eq!(listed(&mut eve).await, [""; 0], "anybody can enter an address in a shop without mail");
    assert_eq!(eve.get(&format!("/orders/{}", text(&order["id"]))).await.status, StatusCode::NOT_FOUND);
}

async fn an_email_address_changes_at_once_without_mail(shop: TestShop) {
    let (mut ada, mut bob) = (shop.visitor("ada"), shop.visitor("bob"));
    ada.register("ada@example.com").await;
    bob.register("bob@example.com").await;
    let csrf = ada.get("/account/email").await.hidden("csrf");
    let fields = |email| [("csrf", csrf.as_str()), ("email", email), ("password", PASSWORD)];
    let taken = ada.form("/account/email", &fields("bob@example.com")).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(taken.text().contains("This email address already has an account"), "{}", taken.text());
    let done = ada.form("/account/email", &fields("ada@home.example")).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/account?done=email"));
    assert_eq!(log_in_status(&shop, "ada@home.example", PASSWORD).await, StatusCode::CREATED);
    assert_eq!(shop.topics().await, [""; 0]);
}

async fn a_name_and_a_password_change(shop: TestShop) {
    let (mut phone, mut laptop) = (shop.visitor("phone"), shop.client());
    phone.register("ada@example.com").await;
    assert_eq!(laptop.log_in("ada@example.com", PASSWORD).await.status, StatusCode::CREATED);
    let csrf = phone.get("/account/name").await.hidden("csrf");
    let long = "x".repeat(121);
    let refused = phone.form("/account/name", &[("csrf", &csrf), ("name", &long)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains(&long), "what was typed stays");
    let done = phone.form("/account/name", &[("csrf", &csrf), ("name", " Ada King ")]).await;
    assert_eq!(done.header("location"), "/account?done=name");
    assert!(phone.get("/account?done=name").await.text().contains("<h1>Ada King</h1>"));

    let renamed = put(&mut phone, "/api/v1/accounts/me/name", &json!({ "name": "Ada Byron" })).await;
    assert_eq!((renamed.status, &renamed.json()["name"]), (StatusCode::OK, &json!("Ada Byron")));

    let fields = |new| [("csrf", csrf.as_str()), ("password", PASSWORD), ("new_password", new)];
    let short = phone.form("/account/password", &fields("short")).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(short.text().contains("At least 8 characters"), "{}", short.text());
    let done = phone.form("/account/password", &fields(NEW)).await;
    assert_eq!(done.header("location"), "/account?done=password");
    assert!(is_signed_in(&mut phone).await, "signed in again");
    assert!(!is_signed_in(&mut laptop).await, "the others are signed out");
    assert_eq!(log_in_status(&shop, "ada@example.com", PASSWORD).await, StatusCode::UNAUTHORIZED);
    assert_eq!(log_in_status(&shop, "ada@example.com", NEW).await, StatusCode::CREATED);
    let mut stranger = shop.client();
    for path in ["/account/name", "/account/email", "/account/password", "/account/deletion", "/account/link"] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.header("location"), format!("/login?next={path}"));
    }
    assert_eq!(phone.get("/account/role").await.status, StatusCode::NOT_FOUND);
}

async fn an_account_is_deleted_with_its_password(shop: TestShop) {
    let (mut phone, mut laptop) = (shop.visitor("phone"), shop.client());
    phone.register("ada@example.com").await;
    assert_eq!(laptop.log_in("ada@example.com", PASSWORD).await.status, StatusCode::CREATED);
    let form = phone.get("/account/deletion").await;
    assert!(form.text().contains("Nobody can undo this"), "{}", form.text());
    let csrf = form.hidden("csrf");
    for password in ["", "wrong"] {
        let refused = phone.form("/account/deletion", &[("csrf", &csrf), ("password", password)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert!(is_signed_in(&mut phone).await);
    let done = phone.form("/account/deletion", &[("csrf", &csrf), ("password", PASSWORD)]).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/login?deleted=true"));
    assert!(phone.get("/login?deleted=true").await.text().contains("Your account is deleted"));
    assert!(!is_signed_in(&mut phone).await && !is_signed_in(&mut laptop).await);
    assert_eq!(log_in_status(&shop, "ada@example.com", PASSWORD).await, StatusCode::UNAUTHORIZED);
    let mut somebody = shop.visitor("somebody");
    somebody.register("ada@example.com").await;
    let deleted = somebody.post("/api/v1/accounts/me/deletion", &json!({ "password": PASSWORD })).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert!(!is_signed_in(&mut somebody).await);

    let mut operator = shop.operator().await;
    let refused = operator.post("/api/v1/accounts/me/deletion", &json!({ "password": PASSWORD })).await;
    assert_eq!(refused.problem(), (403, "forbidden".to_owned()));
    assert_eq!(operator.get("/account/deletion").await.status, StatusCode::FORBIDDEN);
    assert!(!operator.get("/account").await.text().contains("/account/deletion"));
}

async fn wrong_passwords_are_limited(shop: TestShop) {
    let mut ada = shop.visitor("ada");
    ada.register("ada@example.com").await;
    let wrong = json!({ "password": "wrong", "new_password": NEW });
    for _ in 0..5 {
        assert_eq!(put(&mut ada, "/api/v1/accounts/me/password", &wrong).await.rules().len(), 1);
    }
    let right = json!({ "password": PASSWORD, "new_password": NEW });
    let refused = put(&mut ada, "/api/v1/accounts/me/password", &right).await;
    assert_eq!(refused.problem(), (429, "too-many-attempts".to_owned()));
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(ada.post("/api/v1/accounts/me/deletion", &right).await.status, StatusCode::TOO_MANY_REQUESTS);
    shop.clock.advance(Duration::seconds(2));
    assert_eq!(put(&mut ada, "/api/v1/accounts/me/password", &right).await.status, StatusCode::CREATED);
}

async fn mails_to_one_address_are_limited(shop: TestShop) {
    let shop = shop.with_mail();
    let account = json!({ "email": "ada@example.com", "name": "Eve", "password": PASSWORD });
    for number in 0..5 {
        let created = shop.visitor(&format!("eve {number}")).post("/api/v1/accounts", &account).await;
        assert_eq!(created.status, StatusCode::CREATED);
    }
    let mut eve = shop.visitor("eve");
    assert_eq!(eve.post("/api/v1/accounts", &account).await.problem(), (429, "too-many-attempts".to_owned()));
    let bob = json!({ "email": "bob@example.com", "name": "Eve", "password": PASSWORD });
    assert_eq!(eve.post("/api/v1/accounts", &bob).await.status, StatusCode::CREATED);
    let wish = json!({ "email": "ada@example.com", "password": PASSWORD });
    assert_eq!(put(&mut eve, "/api/v1/accounts/me/email", &wish).await.status, StatusCode::TOO_MANY_REQUESTS);
    // One client cannot write to any number of addresses, but what it has written does not delay signing in.
    let mut statuses = Vec::new();
    for number in 0..20 {
        let request = json!({ "email": format!("stranger-{number}@example.com") });
        statuses.push(eve.post("/api/v1/password-resets", &request).await.status);
    }
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    assert_eq!(log_in_status(&shop, "nobody@example.com", PASSWORD).await, StatusCode::UNAUTHORIZED);
}

async fn common_and_guessable_passwords_are_refused_everywhere(shop: TestShop) {
    let (common, guessable) = (
        "This password is one of the most common ones. Choose another.",
        "This password is your email address or the name of the shop. Choose another.",
    );
    let (mut ada, mut laptop) = (shop.visitor("ada"), shop.client());
    let csrf = laptop.get("/register").await.hidden("csrf");
    for (password, sentence) in [("Password123", common), ("ADA@example.com", guessable), ("longer.name", guessable)] {
        let email = if password == "longer.name" { "longer.name@example.com" } else { "ada@example.com" };
        let fields = [("csrf", csrf.as_str()), ("name", "Ada King"), ("email", email), ("password", password)];
        let refused = laptop.form("/register", &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{password}");
        let page = refused.text();
        assert!(page.contains(sentence) && page.contains("Ada King") && page.contains(email), "{page}");
    }
    ada.register("ada@example.com").await;
    let change = json!({ "password": PASSWORD, "new_password": "qwertyuiop" });
    let refused = put(&mut ada, "/api/v1/accounts/me/password", &change).await.json();
    let rule = &refused["errors"][0];
    assert_eq!((&rule["field"], &rule["rule"]), (&json!("new_password"), &json!("uncommon")), "{refused}");
    let change = json!({ "password": PASSWORD, "new_password": "ada@example.com" });
    let refused = put(&mut ada, "/api/v1/accounts/me/password", &change).await.json();
    assert_eq!(refused["errors"][0]["rule"], "unguessable", "{refused}");
    assert_eq!(log_in_status(&shop, "ada@example.com", PASSWORD).await, StatusCode::CREATED, "it is unchanged");
    let operator = "operator@example.com".parse().expect("an address");
    let created = create_operator(&*shop.store, &shop.clock, &*shop.ids, operator, "letmein123".to_owned()).await;
    assert!(matches!(created, Err(ShopError::Rules(_))), "{created:?}");
}

const SESSIONS: &str = "/api/v1/accounts/me/sessions";

/// Signs in with a browser.
async fn on_device(shop: &TestShop, agent: &str) -> Client {
    let mut client = shop.client();
    let account = json!({ "email": "ada@example.com", "password": PASSWORD });
    let answer = client.json(Method::POST, "/api/v1/sessions", &account, &[("user-agent", agent)]).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    client
}

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
    Version/18.6 Mobile/15E148 Safari/604.1";

async fn sessions(client: &mut Client) -> Vec<Value> {
    client.get(SESSIONS).await.json()["items"].as_array().expect("sessions").clone()
}

/// ID of the session on a device.
async fn session_on(client: &mut Client, device: &str) -> String {
    let found = sessions(client).await.into_iter().find(|session| session["device"] == device);
    text(&found.expect("a session")["id"])
}

async fn a_session_is_listed_and_ended_elsewhere(shop: TestShop) {
    let mut laptop = shop.visitor("laptop");
    laptop.register("ada@example.com").await;
    shop.clock.advance(Duration::minutes(5));
    let mut phone = on_device(&shop, PHONE).await;
    let mut listed = sessions(&mut phone).await;
    for session in &mut listed {
        session["id"].take();
    }
    let (earlier, later) = ("2026-01-15T12:00:00Z", "2026-01-15T12:05:00Z");
    assert_eq!(
        listed,
        [
            json!({ "id": null, "device": "Safari on iPhone", "signed_in_at": later, "is_current": true }),
            json!({ "id": null, "signed_in_at": earlier, "is_current": false }),
        ]
    );
    let page = laptop.get("/account/sessions").await;
    let shown = page.text();
    assert!(laptop.get("/account").await.text().contains("href=\"/account/sessions\""));
    assert!(shown.contains("Safari on iPhone") && shown.contains("Unknown device"), "{shown}");
    assert_eq!((shown.matches("This device").count(), shown.contains("15E148")), (1, false), "{shown}");

    let (csrf, id) = (page.hidden("csrf"), session_on(&mut laptop, "Safari on iPhone").await);
    let ended = laptop.form("/account/sessions", &[("csrf", &csrf), ("end", &id)]).await;
    assert_eq!((ended.status, ended.header("location")), (StatusCode::SEE_OTHER, "/account/sessions?done=one"));
    assert!(laptop.get("/account/sessions?done=one").await.text().contains("That device is signed out."));
    assert_eq!(phone.get(ME).await.problem(), (401, "sign-in-required".to_owned()));
    assert_eq!(phone.get("/account/sessions").await.header("location"), "/login?next=/account/sessions");
    assert!(is_signed_in(&mut laptop).await);
    let again = laptop.form("/account/sessions", &[("csrf", &csrf), ("end", &id)]).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert!(again.text().contains("This session has already ended."), "{}", again.text());
    assert_eq!(laptop.form("/account/sessions", &[("csrf", &csrf)]).await.status, StatusCode::NOT_FOUND);
    let stale = laptop.form("/account/sessions", &[("csrf", "old"), ("end", "others")]).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN);

    // Signing in again and signing out leave no session behind.
    laptop.log_in("ada@example.com", PASSWORD).await;
    assert_eq!(sessions(&mut laptop).await.len(), 1);
    let mut phone = on_device(&shop, PHONE).await;
    assert_eq!(phone.delete("/api/v1/sessions/current").await.status, StatusCode::NO_CONTENT);
    assert_eq!(sessions(&mut laptop).await.len(), 1);
    shop.clock.advance(Duration::days(30));
    assert_eq!(laptop.get(SESSIONS).await.problem(), (401, "sign-in-required".to_owned()));
}

async fn all_other_sessions_end_at_once(shop: TestShop) {
    let (mut laptop, mut bob) = (shop.visitor("laptop"), shop.visitor("bob"));
    laptop.register("ada@example.com").await;
    bob.register("bob@example.com").await;
    let mut phones = [on_device(&shop, PHONE).await, on_device(&shop, PHONE).await];
    let csrf = laptop.get("/account/sessions").await.hidden("csrf");
    let ended = laptop.form("/account/sessions", &[("csrf", &csrf), ("end", "others")]).await;
    assert_eq!(ended.header("location"), "/account/sessions?done=others");
    let page = laptop.get("/account/sessions?done=others").await.text();
    assert!(page.contains("Your other devices are signed out.") && !page.contains("everywhere else"), "{page}");
    for phone in &mut phones {
        assert!(!is_signed_in(phone).await);
    }
    assert!(is_signed_in(&mut laptop).await && is_signed_in(&mut bob).await);
    let mut phone = on_device(&shop, PHONE).await;
    assert_eq!(phone.delete(SESSIONS).await.status, StatusCode::NO_CONTENT);
    assert_eq!((is_signed_in(&mut laptop).await, sessions(&mut phone).await.len()), (false, 1));
    let id = session_on(&mut phone, "Safari on iPhone").await;
    assert_eq!(phone.delete(&format!("{SESSIONS}/{id}")).await.status, StatusCode::NO_CONTENT);
    assert!(!is_signed_in(&mut phone).await, "the caller's own session can be ended, too");
    for path in [SESSIONS.to_owned(), format!("{SESSIONS}/{id}")] {
        assert_eq!(phone.delete(&path).await.problem(), (401, "sign-in-required".to_owned()));
    }
}

async fn sessions_of_others_cannot_be_ended(shop: TestShop) {
    let (mut ada, mut bob) = (shop.visitor("ada"), shop.visitor("bob"));
    ada.register("ada@example.com").await;
    bob.register("bob@example.com").await;
    let id = text(&sessions(&mut ada).await[0]["id"]);
    let refused = bob.delete(&format!("{SESSIONS}/{id}")).await;
    assert_eq!((refused.problem(), &refused.json()["subject"]), ((404, "not-found".to_owned()), &json!("session")));
    let csrf = bob.get("/account/name").await.hidden("csrf");
    assert_eq!(bob.form("/account/sessions", &[("csrf", &csrf), ("end", &id)]).await.status, StatusCode::NOT_FOUND);
    assert!(is_signed_in(&mut ada).await);
}

async fn a_new_password_and_a_deletion_leave_no_other_session(shop: TestShop) {
    let mut laptop = shop.visitor("laptop");
    laptop.register("ada@example.com").await;
    let ada = text(&laptop.get(ME).await.json()["id"]).parse().expect("an ID");
    let mut phone = on_device(&shop, PHONE).await;
    let old = session_on(&mut laptop, "Safari on iPhone").await;
    let change = json!({ "password": PASSWORD, "new_password": NEW });
    assert_eq!(put(&mut laptop, "/api/v1/accounts/me/password", &change).await.status, StatusCode::CREATED);
    assert_eq!(sessions(&mut laptop).await.len(), 1);
    assert_eq!(laptop.delete(&format!("{SESSIONS}/{old}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(phone.log_in("ada@example.com", NEW).await.status, StatusCode::CREATED);
    let deleted = phone.post("/api/v1/accounts/me/deletion", &json!({ "password": NEW })).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    let left = shop.store.list_sessions(&ada, shop.clock.now()).await.expect("sessions");
    assert_eq!(left, [], "nothing of them stays in the store");
}
