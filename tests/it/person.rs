//! What the store has about a person is exported, and erased without a trace in the store.

use serde_json::json;
use shopease_shop::domain::{Customer, EmailAddress, EmailState};
use shopease_shop::ports::{AuditRecord, Clock as _};
use shopease_shop::services::{ErasedPerson, erase_person, personal_data};
use shopease_shop::testing::fixtures;

use crate::harness::{PASSWORD, TestShop, address, both_stores, order_with};

both_stores!(a_person_is_found_and_erased_everywhere, what_others_own_stays, unfinished_orders_keep_what_they_need,);

/// What Ada has typed.
const SECRETS: [&str; 10] = [
    "ada@example.com",
    "Ada Lovelace",
    "Gartenweg",
    "10115",
    "Berlin",
    "Engines of Ada",
    "Accounting of Ada",
    "030 7654321",
    "DE987654321",
    "Ring at Ada's",
];

fn email(name: &str) -> EmailAddress {
    format!("{name}@example.com").parse().expect("an address")
}

/// Everything in the store that an auditor reads, as text.
async fn everything(shop: &TestShop) -> String {
    let records = shop.records().await;
    // Accounts do not print their personal data.
    let emails = records.iter().filter_map(|record| match record {
        AuditRecord::Customer(account) => Some((&account.email, &account.email_change, &account.name)),
        _ => None,
    });
    format!("{records:#?} {:#?}", emails.collect::<Vec<_>>())
}

/// An account with a shipped order, an order without the account, and waiting mails.
async fn with_ada(shop: TestShop) -> TestShop {
    let shop = shop.with_mail();
    shop.sell(&fixtures::product("kettle").build(), 50).await;
    let mut ada = shop.visitor("ada");
    ada.register("ada@example.com").await;
    for mut client in [ada, shop.visitor("guest")] {
        client.add("KETTLE", 1).await;
        let mut order = order_with("card_approved");
        order["shipping_address"]["company"] = "Engines of Ada".into();
        order["billing_address"] = address();
        order["billing_address"]["name"] = "Accounting of Ada".into();
        (order["phone"], order["vat_number"]) = ("030 7654321".into(), "DE987654321".into());
        order["delivery_note"] = "Ring at Ada's".into();
        let order = client.post_once("/api/v1/checkout", "k", &order).await.json();
        let shipped = format!("/api/v1/admin/orders/{}/fulfillments", order["id"].as_str().expect("an ID"));
        let answer = shop_operator(&shop).await.post_once(&shipped, "ship", &json!({ "event": "shipped" })).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    }
    shop.client().post("/api/v1/password-resets", &json!({ "email": "ada@example.com" })).await;
    shop
}

async fn shop_operator(shop: &TestShop) -> crate::harness::Client {
    let mut client = shop.client();
    if client.log_in("operator@example.com", PASSWORD).await.status.is_success() {
        client
    } else {
        shop.operator().await
    }
}

async fn a_person_is_found_and_erased_everywhere(shop: TestShop) {
    let shop = with_ada(shop).await;
    let found = personal_data(&*shop.store, &email("ada"), shop.clock.now()).await.expect("read");
    assert_eq!((found.accounts.len(), found.orders.len(), found.messages.len()), (1, 2, 2));
    let before = everything(&shop).await;
    for secret in SECRETS {
        assert!(before.contains(secret), "{secret}");
    }
    let account = &found.accounts[0].id;
    assert_eq!(found.sessions.iter().map(|session| &session.customer_id).collect::<Vec<_>>(), [account]);
    let erased = erase_person(&*shop.store, &*shop.ids, &email("ada"), shop.clock.now()).await.expect("erased");
    assert_eq!(shop.store.list_sessions(account, shop.clock.now()).await.expect("sessions"), []);
    let numbers: Vec<_> = found.orders.iter().map(|order| order.order_number.clone()).collect();
    assert_eq!(erased, ErasedPerson { accounts: 1, messages: 2, orders: numbers, ..ErasedPerson::default() });
    assert!(erased.is_complete());

    let after = everything(&shop).await;
    for secret in SECRETS {
        assert!(!after.contains(secret), "{secret} is left in {after}");
    }
    for order in &found.orders {
        assert!(!after.contains(&order.access_key), "links in mails end");
        let now = shop.store.find_order(&order.id).await.expect("read").expect("the order stays");
        assert_eq!((now.total, &now.tax_lines, &now.lines), (order.total, &order.tax_lines, &order.lines));
        assert_eq!(now.shipping_address.country, order.shipping_address.country);
    }
    let mut operator = shop_operator(&shop).await;
    let list = operator.get("/admin").await.text();
    assert!(list.contains(&erased.orders[0]) && !list.contains("ada@example.com"), "{list}");
    shop.assert_books_agree().await;
    let again = erase_person(&*shop.store, &*shop.ids, &email("ada"), shop.clock.now()).await.expect("erased");
    assert_eq!(again, ErasedPerson::default(), "nothing is left");
    assert!(!shop.client().log_in("ada@example.com", PASSWORD).await.status.is_success());
}

async fn what_others_own_stays(shop: TestShop) {
    let shop = with_ada(shop).await;
    let mut bob = shop.visitor("bob");
    bob.register("bob@example.com").await;
    let account = shop.records().await.into_iter().find_map(|record| match record {
        AuditRecord::Customer(account) if account.email == email("bob") => Some(*account),
        _ => None,
    });
    let account = account.expect("an account");
    let confirmed = Customer {
        email_state: EmailState::Confirmed,
        email_change: None,
        version: account.version + 1,
        ..account.clone()
    };
    shop.store.replace_customer(&account, &confirmed).await.expect("confirmed");
    // Somebody else wants the address.
    let wish = json!({ "email": "ada@example.com", "password": PASSWORD });
    let answer = bob.json(http::Method::PUT, "/api/v1/accounts/me/email", &wish, &[]).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    let erased = erase_person(&*shop.store, &*shop.ids, &email("ada"), shop.clock.now()).await.expect("erased");
    assert_eq!((erased.accounts, erased.orders.len()), (2, 2));
    assert!(!everything(&shop).await.contains("ada@example.com"));
    let bobs = bob.get("/api/v1/accounts/me").await.json();
    assert_eq!((&bobs["email"], &bobs["unconfirmed_email"]), (&json!("bob@example.com"), &json!(null)));
    let mut operator = shop_operator(&shop).await;
    operator.add("KETTLE", 1).await;
    let order = operator.check_out("k", "card_approved").await.json();
    let shipped = format!("/api/v1/admin/orders/{}/fulfillments", order["id"].as_str().expect("an ID"));
    operator.post_once(&shipped, "ship", &json!({ "event": "shipped" })).await;
    let orders = vec![order["order_number"].as_str().expect("a number").to_owned()];
    for _ in 0..2 {
        // The account remains, and with it its erased order.
        let operators =
            erase_person(&*shop.store, &*shop.ids, &email("operator"), shop.clock.now()).await.expect("erased");
        assert_eq!(operators, ErasedPerson { operators: 1, orders: orders.clone(), ..ErasedPerson::default() });
    }
    shop_operator(&shop).await;
}

async fn unfinished_orders_keep_what_they_need(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 50).await;
    let mut ada = shop.visitor("ada");
    ada.add("KETTLE", 1).await;
    let order = ada.check_out("k", "card_approved").await.json();
    let erased = erase_person(&*shop.store, &*shop.ids, &email("ada"), shop.clock.now()).await.expect("erased");
    assert_eq!(erased.unfinished_orders, [order["order_number"].as_str().expect("a number")]);
    assert!(!erased.is_complete() && everything(&shop).await.contains("Gartenweg"));
}
