//! Mails about orders: which events lead to them, what happens when the relay refuses or is away, and the pages for operators.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::StatusCode;
use serde_json::json;
use shopease_mail::testing::{Relay, delivery_report, delivery_status};
use shopease_mail::{Audience, MailDirectory, MailSink, Security, SmtpConfig, SmtpMailer, returned_mail};
use shopease_shared::http as shop_http;
use shopease_shop::domain::Token;
use shopease_shop::ports::{
    BounceQueue, BounceReport, Clock as _, Consumer, EventSink, HeaderText, LogSink, Mailbox, Mailer, Source,
};
use shopease_shop::services::{Worker, WorkerReport};
use shopease_shop::testing::fixtures;

use crate::harness::{Client, TestShop, both_stores, order_with, text};
use crate::payments::{find, paid_order, refund};

both_stores!(
    every_step_of_an_order_is_mailed_once,
    a_refused_mail_is_shown_on_its_order_and_delays_no_other,
    mails_wait_for_the_relay_and_delay_no_event,
    a_deferred_mail_is_retried_and_delays_no_other_order,
    a_returned_mail_is_shown_on_its_order,
    an_operator_reads_the_mails_of_a_laptop,
    an_order_paid_by_transfer_is_mailed_with_the_account,
);

const OPERATOR: &str = "owner@shop.example";

pub fn smtp(port: u16) -> Arc<dyn Mailer> {
    let host = "127.0.0.1".to_owned();
    Arc::new(SmtpMailer::new(SmtpConfig { host, port, security: Security::Plain, credentials: None }))
}

/// A shop that sends mail, its relay and its worker.
pub async fn mailing(shop: TestShop) -> (TestShop, Relay, Worker) {
    let shop = shop.with_mail();
    let relay = Relay::start().await;
    let worker = worker(&shop, &smtp(relay.port()));
    (shop, relay, worker)
}

/// A worker that writes to the log, to shoppers, and to the operator.
pub fn worker(shop: &TestShop, mailer: &Arc<dyn Mailer>) -> Worker {
    let sender = Mailbox { name: HeaderText::new(""), email: "orders@shop.example".parse().expect("an address") };
    let sink = |audience| -> Arc<dyn EventSink> {
        Arc::new(MailSink::new(shop.of_worker().clone(), Arc::clone(mailer), sender.clone(), audience))
    };
    let operator = sink(Audience::Operator(OPERATOR.parse().expect("an address")));
    shop.worker(vec![Arc::new(LogSink), operator, sink(Audience::Shopper)])
}

pub async fn run(worker: &Worker) -> WorkerReport {
    worker.run_once().await.expect("a run")
}

/// Recipient and subject of the mails that the relay has received since the last call.
struct Inbox<'a>(&'a Relay, usize);

impl Inbox<'_> {
    fn new_mails(&mut self) -> Vec<(String, String)> {
        let all = self.0.received();
        let new = all[self.1..].iter().map(|mail| (mail.to.join(" "), mail.subject()));
        self.1 = all.len();
        all[all.len() - new.len()..].iter().map(|mail| (mail.to.join(" "), mail.subject())).collect()
    }
}

/// Places an order of a visitor with an email address. Returns the response.
async fn order_by(shop: &TestShop, name: &str, card: &str) -> (Client, serde_json::Value) {
    let mut client = shop.visitor(name);
    client.add("KETTLE", 1).await;
    let mut order = order_with(card);
    order["email"] = json!(format!("{name}@example.com"));
    let answer = client.post_once("/api/v1/checkout", "key", &order).await;
    (client, answer.json())
}

async fn every_step_of_an_order_is_mailed_once(shop: TestShop) {
    let relay = Relay::start().await;
    let mut inbox = Inbox(&relay, 0);
    let worker = worker(&shop, &smtp(relay.port()));
    shop.sell(&fixtures::product("kettle").build(), 4).await;
    let (_, order) = order_by(&shop, "ada", "card_approved").await;
    let number = text(&order["order_number"]);
    run(&worker).await;
    let mine = |subject: String| ("ada@example.com".to_owned(), subject);
    let total = "€24.80";
    assert_eq!(
        inbox.new_mails(),
        [
            (OPERATOR.to_owned(), "Low stock: kettle, 3 left".to_owned()),
            (OPERATOR.to_owned(), format!("New order {number}: {total}")),
            mine(format!("Your order {number} at My shop")),
        ]
    );
    let mut operator = shop.operator().await;
    let path = format!("/api/v1/admin/orders/{}", text(&order["id"]));
    operator.post(&format!("{path}/fulfillments"), &json!({"event": "shipped"})).await;
    let amount = json!({"amount": {"amount_minor": 100, "currency": "EUR"}});
    assert_eq!(refund(&mut operator, &order, "part", &amount).await.status, StatusCode::CREATED);
    run(&worker).await;
    assert_eq!(
        inbox.new_mails(),
        [
            mine(format!("Order {number} from My shop is on its way")),
            mine(format!("Refund for order {number} at My shop")),
        ]
    );
    let (_, whole) = order_by(&shop, "grace", "card_approved").await;
    run(&worker).await;
    assert_eq!(inbox.new_mails()[0].1, "Low stock: kettle, 2 left", "each order that leaves few units is reported");
    operator.post(&format!("/api/v1/admin/orders/{}/cancellation", text(&whole["id"])), &json!({})).await;
    let (_, _) = order_by(&shop, "alan", "card_declined").await;
    run(&worker).await;
    let to_shoppers = inbox.new_mails().into_iter().filter(|(to, _)| to != OPERATOR);
    let subjects: Vec<_> = to_shoppers.map(|(to, subject)| format!("{to} {subject}")).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects[0].starts_with("grace@example.com Order ") && subjects[0].ends_with("was canceled and refunded"));
    assert!(subjects[1].starts_with("alan@example.com Payment failed for order "), "{subjects:?}");
    run(&worker).await;
    assert_eq!(inbox.new_mails(), []);
    let confirmation = &relay.received()[2];
    let link = format!("/orders/{}?key=", text(&order["id"]));
    assert!(confirmation.content.replace("=\r\n", "").replace("=3D", "=").contains(&link), "{}", confirmation.content);
    shop.assert_books_agree().await;
}

async fn an_order_paid_by_transfer_is_mailed_with_the_account(shop: TestShop) {
    let relay = Relay::start().await;
    let mut inbox = Inbox(&relay, 0);
    let worker = worker(&shop, &smtp(relay.port()));
    shop.sell(&fixtures::product("kettle").build(), 100).await;
    let (_, order) = order_by(&shop, "ada", "bank_transfer").await;
    let number = text(&order["order_number"]);
    run(&worker).await;
    let mine = |subject: String| ("ada@example.com".to_owned(), subject);
    let please = format!("Your order {number} at My shop: please transfer €24.80");
    assert_eq!(inbox.new_mails(), [(OPERATOR.to_owned(), format!("New order {number}: €24.80")), mine(please)]);
    let mails: Vec<_> = relay.received().iter().map(|mail| mail.content.replace("=\r\n", "")).collect();
    assert!(mails.iter().any(|mail| mail.contains("ada@example.com will transfer")), "{mails:?}");
    let until = format_until(&shop);
    assert!(mails.iter().any(|mail| mail.contains("IBAN DE02") && mail.contains(&until)), "{mails:?}");

    let mut operator = shop.operator().await;
    operator.post(&format!("/api/v1/admin/orders/{}/transfer", text(&order["id"])), &json!({})).await;
    run(&worker).await;
    assert_eq!(inbox.new_mails(), [mine(format!("Your order {number} at My shop"))], "the operator recorded it");
}

/// The day until which an order of now that is paid by bank transfer is held.
fn format_until(shop: &TestShop) -> String {
    let until = shop.clock.now() + time::Duration::days(7);
    format!("by {} {} {}", until.day(), until.month(), until.year())
}

async fn a_refused_mail_is_shown_on_its_order_and_delays_no_other(shop: TestShop) {
    let relay = Relay::start().await;
    let mut inbox = Inbox(&relay, 0);
    let worker = worker(&shop, &smtp(relay.port()));
    shop.sell(&fixtures::product("kettle").build(), 100).await;
    relay.reply("RCPT TO:<ada@example.com>", "550 5.1.1 no such user at 10.0.0.7");
    relay.reply(&format!("RCPT TO:<{OPERATOR}>"), "550 5.1.1 no such user");
    let (mut ada, refused) = order_by(&shop, "ada", "card_approved").await;
    let (_, fine) = order_by(&shop, "grace", "card_approved").await;
    let report = run(&worker).await;
    assert_eq!(report.undelivered, 0);
    let received = inbox.new_mails();
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(received[0].0, "grace@example.com");
    let order = find(&mut ada, &refused).await;
    let mail = &order["undelivered_mails"][0];
    assert_eq!((text(&mail["kind"]), text(&mail["code"])), ("order_confirmation".to_owned(), "550".to_owned()));
    assert!(!order.to_string().contains("10.0.0.7"), "the reply is for the log");
    let mut operator = shop.operator().await;
    let page = |order: &serde_json::Value| format!("/admin/orders/{}", text(&order["id"]));
    let shown = operator.get(&page(&refused)).await.text();
    assert!(shown.contains("The order confirmation could not be delivered to ada@example.com"), "{shown}");
    assert!(!operator.get(&page(&fine)).await.text().contains("could not be delivered"));
    assert_eq!(run(&worker).await.delivered, 0, "it is not tried again");
    shop.assert_books_agree().await;
}

async fn mails_wait_for_the_relay_and_delay_no_event(shop: TestShop) {
    let relay = Relay::start().await;
    let port = relay.port();
    let worker = worker(&shop, &smtp(port));
    drop(relay);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    shop.sell(&fixtures::product("kettle").build(), 100).await;
    for name in ["ada", "grace", "alan"] {
        order_by(&shop, name, "card_approved").await;
    }
    for delivered in [6, 0] {
        assert_eq!(run(&worker).await.delivered, delivered, "the log gets two events of each order at once");
    }
    assert_eq!(shop.backlog(Consumer::ShopperMail).await.len(), 3);
    shop.clock.advance(time::Duration::days(8));
    let relay = Relay::start_at(port).await;
    let report = run(&worker).await;
    assert_eq!((report.delivered, report.undelivered), (6, 0), "late rather than lost");
    let mut recipients: Vec<_> = Inbox(&relay, 0).new_mails().into_iter().map(|(to, _)| to).collect();
    recipients.sort_unstable();
    let expected = ["ada@example.com", "alan@example.com", "grace@example.com", OPERATOR, OPERATOR, OPERATOR];
    assert_eq!(recipients, expected);
    assert_eq!(run(&worker).await.delivered, 0);
    shop.assert_books_agree().await;
}

async fn a_deferred_mail_is_retried_and_delays_no_other_order(shop: TestShop) {
    let relay = Relay::start().await;
    let mut inbox = Inbox(&relay, 0);
    let worker = worker(&shop, &smtp(relay.port()));
    shop.sell(&fixtures::product("kettle").build(), 100).await;
    relay.reply("RCPT TO:<ada@example.com>", "451 4.7.1 greylisted");
    let (mut ada, deferred) = order_by(&shop, "ada", "card_approved").await;
    order_by(&shop, "grace", "card_approved").await;
    assert_eq!(run(&worker).await.undelivered, 1);
    assert_eq!(inbox.new_mails().len(), 3, "two to the operator, one to grace");
    relay.accept_all();
    run(&worker).await;
    assert_eq!(inbox.new_mails().iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(), ["ada@example.com"]);
    relay.reply("RCPT TO:<ada@example.com>", "451 4.7.1 greylisted");
    let mut operator = shop.operator().await;
    let path = format!("/api/v1/admin/orders/{}/fulfillments", text(&deferred["id"]));
    operator.post(&path, &json!({"event": "shipped"})).await;
    for (days, recorded) in [(0, 0), (4, 0), (2, 1)] {
        shop.clock.advance(time::Duration::days(days));
        run(&worker).await;
        let order = find(&mut ada, &deferred).await;
        assert_eq!(order["undelivered_mails"].as_array().map_or(0, Vec::len), recorded, "{order}");
    }
    assert_eq!(shop.backlog(Consumer::ShopperMail).await, [""; 0]);
}

/// Reports that come again until they are removed.
#[derive(Default)]
struct Reports(Mutex<Vec<BounceReport>>);

#[async_trait]
impl BounceQueue for Reports {
    async fn receive(&self) -> Result<Vec<BounceReport>, Source> {
        Ok(self.0.lock().expect("not poisoned").clone())
    }

    async fn remove(&self, receipt: &str) -> Result<(), Source> {
        self.0.lock().expect("not poisoned").retain(|report| report.receipt != receipt);
        Ok(())
    }
}

/// The report of a mail server that cannot deliver a mail.
fn undelivered(mail: &str) -> Vec<u8> {
    let original = format!("Content-Type: message/rfc822\n\n{mail}");
    delivery_report(&delivery_status("failed", "5.1.1"), &original).into_bytes()
}

async fn a_returned_mail_is_shown_on_its_order(shop: TestShop) {
    let relay = Relay::start().await;
    let queue = Arc::new(Reports::default());
    let worker = worker(&shop, &smtp(relay.port())).with_bounces(Some(queue.clone()));
    shop.sell(&fixtures::product("kettle").build(), 100).await;
    let (_, order) = order_by(&shop, "ada", "card_approved").await;
    run(&worker).await;
    let confirmation = relay.received().into_iter().find(|mail| mail.to == ["ada@example.com"]).expect("a mail");
    let news = relay.received().into_iter().find(|mail| mail.to == [OPERATOR]).expect("a mail");
    let report = |receipt: &str, mail| BounceReport { mail, receipt: receipt.to_owned() };
    let returned = returned_mail(&undelivered(&confirmation.content)).expect("a returned mail");
    for _ in 0..2 {
        // Queues deliver a message more than once, and other mail ends up in them, too.
        queue.0.lock().expect("not poisoned").extend([
            report("1", Some(returned.clone())),
            report("2", None),
            report("3", returned_mail(&undelivered(&news.content))),
        ]);
        assert_eq!(run(&worker).await.returned_mails, 1);
        assert!(queue.0.lock().expect("not poisoned").is_empty());
    }
    let mut operator = shop.operator().await;
    let shown = operator.get(&format!("/admin/orders/{}", text(&order["id"]))).await.text();
    let notice = "The order confirmation could not be delivered to ada@example.com";
    assert_eq!(shown.matches(notice).count(), 1, "{shown}");
    assert!(shown.contains("(5.1.1)"), "{shown}");
    shop.assert_books_agree().await;
}

async fn an_operator_reads_the_mails_of_a_laptop(shop: TestShop) {
    let home = tempfile::tempdir().expect("a directory");
    let directory = MailDirectory::new(home.path().join("mail"));
    let mailer: Arc<dyn Mailer> = Arc::new(directory.clone());
    let order = paid_order(&shop).await;
    run(&worker(&shop, &mailer)).await;
    let name = std::fs::read_dir(home.path().join("mail")).expect("a directory");
    let names: Vec<_> = name.map(|entry| entry.expect("a file").file_name().into_string().expect("text")).collect();
    let confirmation = names.iter().find(|name| name.contains("order_confirmation")).expect("a confirmation");
    let path = format!("/admin/mails/{}", confirmation.strip_suffix(".eml").expect("the extension"));

    let mut operator = shop.operator().await;
    assert_eq!(operator.get("/admin/mails").await.status, StatusCode::NOT_FOUND, "a shop that sends its mails");
    assert!(!operator.get("/admin").await.text().contains("/admin/mails"));

    let router = shop_http::all(shop.app.clone().with_mails(Arc::new(directory)));
    let token = Token::parse(&operator.token()).expect("a token");
    let mut operator = Client::new(router.clone());
    operator.carry(&token);
    assert!(operator.get("/admin").await.text().contains("/admin/mails"));
    let list = operator.get("/admin/mails").await;
    let number = text(&order["order_number"]);
    assert!(list.text().contains(&format!("Your order {number} at My shop")), "{}", list.text());
    assert!(list.text().contains(&path), "{}", list.text());
    let page = operator.get(&path).await;
    assert!(page.text().contains(&format!("src=\"{path}/html\" sandbox=\"allow-popups ")), "{}", page.text());
    assert!(page.text().contains("Auto-Submitted: auto-generated") && page.text().contains("Thank you for your order"));
    let html = operator.get(&format!("{path}/html")).await;
    assert_eq!(html.status, StatusCode::OK);
    assert!(html.header("content-security-policy").starts_with("sandbox "), "{:?}", html.headers);
    assert!(html.text().contains("<h1") && html.text().contains(&number));
    for unknown in ["/admin/mails/nothing", "/admin/mails/..%2F..%2Fetc%2Fpasswd/html"] {
        assert!(operator.get(unknown).await.status.is_client_error(), "{unknown}");
    }

    let mut visitor = Client::new(router.clone());
    for page in ["/admin/mails".to_owned(), path.clone(), format!("{path}/html")] {
        let answer = visitor.get(&page).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{page}");
        assert!(answer.header("location").starts_with("/login?next="));
    }
    visitor.register("ada@example.com").await;
    assert_eq!(visitor.get(&path).await.status, StatusCode::FORBIDDEN);
}
