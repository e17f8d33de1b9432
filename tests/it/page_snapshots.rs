//! Every page as HTML, kept as a snapshot: a change of a template, of a text or of the data behind it shows up in the review.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shopease_mail::MailDirectory;
use shopease_shared::http as shop_http;
use shopease_shop::domain::{EmailChange, PasswordReset, Token, hex};
use shopease_shop::ports::{Clock as _, Mailer};
use shopease_shop::testing::fixtures;
use shopease_storage::testing::on_dynamodb;
use time::Duration;

use crate::catalog::market_bag;
use crate::harness::{Answer, Client, PASSWORD, TestShop, address, order_with, text};
use crate::mails::{run, worker};

/// Pages of which no request here makes a snapshot: the wait for another request under the same key (`checkout_resumed.rs`).
const WITHOUT: &[&str] = &["checkout_wait"];

/// The snapshots of a shop's pages, by template.
#[derive(Default)]
struct Pages(BTreeSet<String>);

impl Pages {
    fn keep(&mut self, template: &str, status: StatusCode, answer: &Answer) {
        assert_eq!(answer.status, status, "{template}: {}", answer.text());
        let page = answer.text();
        // The frame is the same on every page; the home page shows it.
        let own = if template == "home" { page.clone() } else { content(&page) };
        insta::assert_snapshot!(format!("page_{template}"), stable(&own));
        assert!(self.0.insert(template.to_owned()), "{template} twice");
    }

    async fn get(&mut self, client: &mut Client, template: &str, path: &str) -> Answer {
        let answer = client.get(path).await;
        self.keep(template, StatusCode::OK, &answer);
        answer
    }
}

/// The title and the main part of a page; all of it if it has no frame.
fn content(page: &str) -> String {
    let part = |begin: &str, end: &str| {
        let start = page.find(begin)?;
        page[start..].find(end).map(|length| &page[start..start + length + end.len()])
    };
    match (part("<title>", "</title>"), part("<main ", "</main>")) {
        (Some(title), Some(main)) => format!("{title}\n{main}"),
        _ => page.to_owned(),
    }
}

/// A page without what differs in each run or release: versions of files, IDs, secrets. Empty lines go, too.
fn stable(page: &str) -> String {
    let mut lines = Vec::new();
    for line in page.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let mut line = line.to_owned();
        for (before, what) in
            [("?v=", "VERSION"), ("?key=", "KEY"), ("name=\"csrf\" value=\"", "CSRF"), ("token=", "TOKEN")]
        {
            line = masked(&line, before, what);
        }
        for prefix in ["ord_", "msg_", "ref_", "li_", "prd_", "var_", "cus_", "vis_", "ses_", "adr_"] {
            line = masked(&line, prefix, "ID");
        }
        lines.push(line);
    }
    lines.join("\n")
}

/// Replaces the letters, digits, `-` and `_` after each `before`.
fn masked(line: &str, before: &str, what: &str) -> String {
    let mut parts = line.split(before);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let value = if rest.len() == part.len() { "" } else { what };
        masked.extend([before, value, rest]);
    }
    masked
}

/// Templates of whole pages.
fn templates() -> BTreeSet<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/templates");
    let files = std::fs::read_dir(directory).expect("the templates").map(|entry| entry.expect("a file").path());
    let pages = files.filter(|file| {
        let content = std::fs::read_to_string(file).expect("a template");
        content.contains("{% extends") || content.contains("<!doctype html>") && !content.contains("{% block main %}")
    });
    pages.map(|file| file.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

/// The token of a link that confirms the email address of an account, and of one that resets its password.
async fn mailed_link(shop: &TestShop) -> String {
    let mut eve = shop.visitor("eve");
    eve.register("eve@example.com").await;
    let email = "eve@example.com".parse().expect("an address");
    let previous = shop.store.find_customer_by_email(&email).await.expect("read").expect("an account");
    let token = format!("{}.secret", previous.id);
    let (digest, expires_at) = (hex(&Sha256::digest(&token)), shop.clock.now() + Duration::hours(1));
    let mut customer = previous.clone();
    customer.password_reset = Some(PasswordReset { digest: digest.clone(), expires_at });
    customer.email_change = Some(EmailChange { email, digest: Some(digest), expires_at });
    customer.version += 1;
    shop.store.replace_customer(&previous, &customer).await.expect("written");
    token
}

async fn shoppers(pages: &mut Pages, shop: &TestShop) {
    let mut ada = shop.visitor("ada");
    pages.get(&mut ada, "home", "/").await;
    pages.get(&mut ada, "listing", "/categories/kitchen?sort=price").await;
    pages.get(&mut ada, "product", "/products/bag").await;
    pages.get(&mut ada, "legal", "/pages/terms").await;
    pages.get(&mut ada, "api_reference", "/api/docs").await;
    pages.get(&mut ada, "login", "/login?next=/cart").await;
    pages.get(&mut ada, "register", "/register").await;
    pages.get(&mut ada, "password_forgot", "/password/forgot").await;
    for dead in ["/password/reset?token=abc", "/email/confirm?token=abc"] {
        assert_eq!(ada.get(dead).await.status, StatusCode::NOT_FOUND, "{dead}");
    }
    let missing = ada.get("/products/nothing").await;
    pages.keep("error", StatusCode::NOT_FOUND, &missing);
    ada.add("BAG-S", 2).await;
    ada.add("KETTLE", 1).await;
    pages.get(&mut ada, "cart", "/cart").await;
    let details = pages.get(&mut ada, "checkout_details", "/checkout").await;
    let csrf = details.hidden("csrf");
    let typed = [
        ("csrf", csrf.as_str()),
        ("action", "review"),
        ("email", "ada@example.com"),
        ("name", "Ada Lovelace"),
        ("line1", "Gartenweg 3"),
        ("postal_code", "10115"),
        ("city", "Berlin"),
        ("country", "DE"),
        ("company", "Engines Ltd"),
        ("phone", "+49 30 123456"),
        ("delivery_note", "Ring twice.\r\nThen wait."),
        ("billing_other", "on"),
        ("billing_name", "Accounting"),
        ("billing_line1", "1 Yonge Street"),
        ("billing_city", "Toronto"),
        ("billing_region", "Ontario"),
        ("billing_postal_code", "M5V 3L9"),
        ("billing_country", "CA"),
        ("vat_number", "DE123456789"),
    ];
    assert_eq!(ada.form("/checkout", &typed).await.header("location"), "/checkout/review");
    let review = pages.get(&mut ada, "checkout_review", "/checkout/review").await;
    let hidden = ["idempotency_key", "expected_total", "terms_version"].map(|name| review.hidden(name));
    let mut placed = typed.to_vec();
    placed[1] = ("action", "place");
    placed.extend([("shipping_method", "standard"), ("payment_method", "card_approved")]);
    placed.extend([
        ("idempotency_key", hidden[0].as_str()),
        ("expected_total", &hidden[1]),
        ("terms_version", &hidden[2]),
    ]);
    let order = ada.form("/checkout", &placed).await;
    let order = order.header("location").to_owned();
    pages.get(&mut ada, "order", &order).await;
    ada.register("ada@example.com").await;
    let saved = ada.post("/api/v1/accounts/me/addresses", &json!({ "address": address(), "is_default": true })).await;
    let saved = text(&saved.json()["id"]);
    pages.get(&mut ada, "addresses", "/account/addresses").await;
    pages.get(&mut ada, "address_edit", &format!("/account/addresses/{saved}")).await;
    pages.get(&mut ada, "address_removal", &format!("/account/addresses/{saved}/removal")).await;
    pages.get(&mut ada, "account", "/account").await;
    pages.get(&mut ada, "account_change", "/account/password").await;
}

async fn on_two_devices(pages: &mut Pages, shop: &TestShop) {
    let mut ada = shop.visitor("desktop");
    let account = json!({ "email": "ada@example.com", "password": PASSWORD });
    let agent = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0");
    shop.clock.advance(Duration::minutes(1));
    let signed_in = ada.json(Method::POST, "/api/v1/sessions", &account, &[agent]).await;
    assert_eq!(signed_in.status, StatusCode::CREATED);
    pages.get(&mut ada, "account_sessions", "/account/sessions").await;
}

/// An order that waits for a bank transfer.
async fn unpaid(pages: &mut Pages, shop: &TestShop) {
    let mut guest = shop.visitor("guest");
    guest.add("KETTLE", 1).await;
    let order = guest.check_out("transfer", "bank_transfer").await.json();
    pages.get(&mut guest, "order_cancellation", &format!("/orders/{}/cancellation", text(&order["id"]))).await;
}

async fn operators(pages: &mut Pages, shop: &TestShop) {
    let home = tempfile::tempdir().expect("a directory");
    let directory = MailDirectory::new(home.path());
    let mailer: Arc<dyn Mailer> = Arc::new(directory.clone());
    let mut grace = shop.visitor("grace");
    grace.add("KETTLE", 1).await;
    let order = grace.post_once("/api/v1/checkout", "key", &order_with("card_approved")).await.json();
    run(&worker(shop, &mailer)).await;
    let token = Token::parse(&shop.operator().await.token()).expect("a token");
    let mut operator = Client::new(shop_http::all(shop.app.clone().with_mails(Arc::new(directory))));
    operator.carry(&token);
    pages.get(&mut operator, "admin_orders", "/admin").await;
    let path = format!("/admin/orders/{}", text(&order["id"]));
    let page = pages.get(&mut operator, "admin_order", &path).await;
    let (csrf, key) = (page.hidden("csrf"), page.hidden("idempotency_key"));
    let refund = [
        ("csrf", csrf.as_str()),
        ("idempotency_key", key.as_str()),
        ("currency", "EUR"),
        ("action", "refund"),
        ("amount", "1.50"),
    ];
    let asked = operator.form(&path, &refund).await;
    pages.keep("admin_order_confirm", StatusCode::OK, &asked);
    pages.get(&mut operator, "admin_stock", "/admin/stock").await;
    pages.get(&mut operator, "admin_product", "/admin/stock/bag").await;
    let products = pages.get(&mut operator, "admin_products", "/admin/products").await;
    let csrf = products.hidden("csrf");
    let repricing = [("csrf", csrf.as_str()), ("handle", "bag"), ("price_change", "-10")];
    let asked = operator.form("/admin/products", &repricing).await;
    pages.keep("admin_prices_confirm", StatusCode::OK, &asked);
    pages.get(&mut operator, "admin_product_form", "/admin/products/bag").await;
    pages.get(&mut operator, "admin_product_deletion", "/admin/products/bag/deletion").await;
    let mails = pages.get(&mut operator, "admin_mails", "/admin/mails").await.text();
    let (_, link) = mails.split_once("<a href=\"/admin/mails/").expect("a mail");
    let mail = format!("/admin/mails/{}", link.split('"').next().expect("a link"));
    pages.get(&mut operator, "admin_mail", &mail).await;
    pages.get(&mut operator, "admin_settings", "/admin/settings/shop").await;
    pages.get(&mut operator, "admin_setup", "/admin/setup").await;
    let saved = json!("Kettles & Co");
    crate::settings::change(&mut operator, "/shop/name", saved).await;
    pages.get(&mut operator, "admin_settings_history", "/admin/settings/history").await;
    pages.get(&mut operator, "admin_settings_version", "/admin/settings/history/1").await;
}

#[tokio::test]
async fn every_page_matches_its_snapshot() {
    on_dynamodb(|store| async move {
        let shop = TestShop::new(store);
        let kettle = fixtures::product("kettle").title("Copper kettle").category("kitchen").build();
        shop.sell(&market_bag(), 5).await;
        shop.sell(&kettle, 4).await;
        let mut pages = Pages::default();
        shoppers(&mut pages, &shop).await;
        operators(&mut pages, &shop).await;
        on_two_devices(&mut pages, &shop).await;
        pages.get(&mut shop.visitor("guest"), "order_find", "/orders/find").await;
        unpaid(&mut pages, &shop).await;
        let token = mailed_link(&shop).await;
        pages.get(&mut shop.client(), "password_reset", &format!("/password/reset?token={token}")).await;
        pages.get(&mut shop.client(), "email_confirm", &format!("/email/confirm?token={token}")).await;
        let expected: BTreeSet<_> = templates().into_iter().filter(|name| !WITHOUT.contains(&name.as_str())).collect();
        assert_eq!(pages.0, expected, "every template has a snapshot");
    })
    .await;
}
