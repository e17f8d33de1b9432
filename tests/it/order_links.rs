//! Finding an order without an account: a link by mail, to nobody but the order's own address, and without revealing which orders exist.

use http::StatusCode;
use serde_json::{Value, json};
use shopease_mail::testing::Relay;
use shopease_shop::ports::{Clock as _, Consumer, OutboxMessage};
use shopease_shop::services::{Worker, erase_person};
use shopease_shop::testing::fixtures;
use time::Duration;

use crate::harness::{Answer, Client, TestShop, both_stores, text};
use crate::mails::{self, run};

both_stores!(
    a_guest_finds_an_order_with_a_mailed_link,
    a_request_does_not_reveal_which_orders_exist,
    requests_for_links_are_limited_and_expire,
    the_link_of_an_erased_person_is_mailed_to_nobody,
    without_mail_the_page_leads_to_the_contact_page,
);

/// The tests in shops that send mail.
pub const WITH_MAIL: [&str; 4] = [
    "a_guest_finds_an_order_with_a_mailed_link",
    "a_request_does_not_reveal_which_orders_exist",
    "requests_for_links_are_limited_and_expire",
    "the_link_of_an_erased_person_is_mailed_to_nobody",
];

const FIND: &str = "/orders/find";
const REQUESTS: &str = "/api/v1/order-links";
const EMAIL: &str = "ada@example.com";

async fn request(client: &mut Client, number: &str, email: &str) -> Answer {
    client.post(REQUESTS, &json!({ "number": number, "email": email })).await
}

/// A shop that sends mail, with an order of a guest whose mails were delivered.
async fn mailing(shop: TestShop) -> (TestShop, Relay, Worker, Value) {
    let (shop, relay, worker) = mails::mailing(shop).await;
    shop.sell(&fixtures::product("kettle").build(), 50).await;
    let mut guest = shop.visitor("guest");
    guest.add("KETTLE", 1).await;
    let order = guest.check_out("key", "card_approved").await.json();
    run(&worker).await;
    (shop, relay, worker, order)
}

/// Recipients and texts of the mails with a requested link.
fn links(relay: &Relay) -> Vec<(String, String)> {
    let links = relay.received().into_iter().filter(|mail| mail.subject().starts_with("Link to your order"));
    links.map(|mail| (mail.to.join(" "), mail.text())).collect()
}

async fn a_guest_finds_an_order_with_a_mailed_link(shop: TestShop) {
    let (shop, relay, worker, order) = mailing(shop).await;
    let number = text(&order["order_number"]);
    let mut phone = shop.client();
    assert!(phone.get("/login").await.text().contains("href=\"/orders/find\""));
    let missing = phone.get(&format!("/orders/{}", text(&order["id"]))).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text().contains("href=\"/orders/find\""), "a way onward: {}", missing.text());

    let form = phone.get(FIND).await;
    assert_eq!((form.status, form.header("cache-control")), (StatusCode::OK, "no-store"));
    let csrf = form.hidden("csrf");
    let fields = |number, email| [("csrf", csrf.as_str()), ("number", number), ("email", email)];
    for (typed, email, says) in [
        ("4711", EMAIL, "Enter an order number of ten letters and digits"),
        (number.as_str(), "ada at home", "Enter an email address"),
        ("", "", "Enter an order number of ten letters and digits"),
    ] {
        let refused = phone.form(FIND, &fields(typed, email)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let page = refused.text();
        assert!(page.contains(says), "{page}");
        for kept in [typed, email] {
            assert!(page.contains(&format!("value=\"{kept}\"")), "what was typed stays: {page}");
        }
    }
    assert_eq!(shop.topics().await, [""; 0]);

    let typed = format!(" #{} ", number.to_lowercase().replace('-', " "));
    let sent = phone.form(FIND, &fields(&typed, " Ada@Example.com ")).await;
    assert_eq!(sent.status, StatusCode::OK);
    assert!(sent.text().contains("Check your mail") && sent.text().contains(&number), "{}", sent.text());
    run(&worker).await;
    let mails = links(&relay);
    let [(to, mail)] = &mails[..] else { panic!("one mail: {mails:?}") };
    assert_eq!(to, EMAIL);
    let (_, rest) = mail.split_once("/orders/").expect("a link");
    let link = rest.split_whitespace().next().expect("a link");
    let page = phone.get(&format!("/orders/{link}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains(&number), "{}", page.text());
    let csrf = form.hidden("csrf");
    let stale = shop.client().form(FIND, &[("csrf", &csrf), ("number", &number), ("email", EMAIL)]).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN);
    assert!(stale.text().contains(&format!("value=\"{number}\"")), "{}", stale.text());
}

async fn a_request_does_not_reveal_which_orders_exist(shop: TestShop) {
    let (shop, relay, worker, order) = mailing(shop).await;
    let number = text(&order["order_number"]);
    let mut eve = shop.client();
    let csrf = eve.get(FIND).await.hidden("csrf");
    let (mut answers, mut pages) = (Vec::new(), Vec::new());
    for (number, email) in [(&*number, EMAIL), (&*number, "eve@example.com"), ("00000-00000", EMAIL)] {
        let answer = request(&mut eve, number, email).await;
        assert_eq!(shop.topics().await, [OutboxMessage::ORDER_LINK], "the same write for {number} {email}");
        run(&worker).await;
        answers.push((answer.status, answer.text()));
        let page = eve.form(FIND, &[("csrf", &csrf), ("number", number), ("email", email)]).await;
        let body = page.text_without_request_id().replace(number, "NUMBER").replace(email, "EMAIL");
        pages.push((page.status, body));
        run(&worker).await;
    }
    assert_eq!(answers, vec![(StatusCode::NO_CONTENT, String::new()); 3]);
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:?}");
    let recipients: Vec<_> = links(&relay).into_iter().map(|(to, _)| to).collect();
    assert_eq!(recipients, [EMAIL; 2], "only to the order's own address");
    assert_eq!(shop.backlog(Consumer::ShopperMail).await, [""; 0]);
    shop.assert_books_agree().await;
}

async fn requests_for_links_are_limited_and_expire(shop: TestShop) {
    let (shop, relay, worker, order) = mailing(shop).await;
    let number = text(&order["order_number"]);
    let mut eve = shop.client();
    for _ in 0..5 {
        assert_eq!(request(&mut eve, &number, EMAIL).await.status, StatusCode::NO_CONTENT);
    }
    let refused = request(&mut eve, &number, EMAIL).await;
    assert_eq!(refused.problem(), (429, "too-many-attempts".to_owned()));
    assert_eq!(refused.header("retry-after"), "1");
    let csrf = eve.get(FIND).await.hidden("csrf");
    let page = eve.form(FIND, &[("csrf", &csrf), ("number", &number), ("email", EMAIL)]).await;
    assert_eq!((page.status, page.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    assert!(page.text().contains(&format!("value=\"{number}\"")), "{}", page.text());
    let reset = eve.post("/api/v1/password-resets", &json!({ "email": EMAIL })).await;
    assert_eq!(reset.status, StatusCode::TOO_MANY_REQUESTS, "all mails to one address count");
    shop.clock.advance(Duration::minutes(61));
    run(&worker).await;
    assert_eq!(links(&relay), [], "nobody waits for them any more");
    let malformed = request(&mut eve, "UUUUU-UUUUU", EMAIL).await;
    assert_eq!(malformed.rules(), ["invalid_value"]);
    assert_eq!(malformed.json()["errors"][0]["field"], "number");
}

async fn the_link_of_an_erased_person_is_mailed_to_nobody(shop: TestShop) {
    let (shop, relay, worker, order) = mailing(shop).await;
    let number = text(&order["order_number"]);
    let shipped = format!("/api/v1/admin/orders/{}/fulfillments", text(&order["id"]));
    shop.operator().await.post(&shipped, &json!({ "event": "shipped" })).await;
    run(&worker).await;
    request(&mut shop.client(), &number, EMAIL).await;
    let erased = erase_person(&*shop.store, &*shop.ids, &EMAIL.parse().expect("an address"), shop.clock.now())
        .await
        .expect("erased");
    assert_eq!((erased.orders, erased.messages), (vec![number.clone()], 1));
    for email in [EMAIL, "erased@erased.invalid"] {
        assert_eq!(request(&mut shop.client(), &number, email).await.status, StatusCode::NO_CONTENT);
    }
    run(&worker).await;
    assert_eq!(links(&relay), []);
}

async fn without_mail_the_page_leads_to_the_contact_page(shop: TestShop) {
    let mut ada = shop.client();
    let refused = request(&mut ada, "0GXB7-65C6F", EMAIL).await;
    assert_eq!(refused.rules(), ["no_mail"]);
    let csrf = ada.get(FIND).await.hidden("csrf");
    let page = ada.form(FIND, &[("csrf", &csrf), ("number", "0GXB7-65C6F"), ("email", EMAIL)]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = page.text();
    for part in ["This shop sends no mail", "href=\"/pages/contact\">Contact", "value=\"0GXB7-65C6F\""] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert_eq!(shop.topics().await, [""; 0]);
}
