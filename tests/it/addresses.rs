//! Customers save addresses in their account, and checkout starts with them.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, Client, TestShop, address, both_stores};

both_stores!(
    addresses_are_saved_changed_and_removed,
    a_customer_has_one_default_address,
    an_address_of_another_account_does_not_exist,
    invalid_addresses_are_refused_with_all_errors,
    the_region_is_read_as_at_checkout,
    pages_save_and_remove_an_address,
    checkout_starts_with_a_saved_address,
);

const BOOK: &str = "/api/v1/accounts/me/addresses";

fn at(city: &str) -> Value {
    let mut address = address();
    address["city"] = city.into();
    address
}

async fn save(client: &mut Client, address: Value, is_default: bool) -> Value {
    let answer = client.post(BOOK, &json!({ "address": address, "is_default": is_default })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

async fn replace(client: &mut Client, id: &Value, body: &Value) -> Answer {
    let path = format!("{BOOK}/{}", id.as_str().expect("an ID"));
    client.json(Method::PUT, &path, body, &[]).await
}

async fn remove(client: &mut Client, id: &Value) -> StatusCode {
    let path = format!("{BOOK}/{}", id.as_str().expect("an ID"));
    client.json(Method::DELETE, &path, &Value::Null, &[]).await.status
}

/// City of each address, with `*` for the default.
async fn cities(client: &mut Client) -> Vec<String> {
    let list = client.get(BOOK).await.json();
    let city = |saved: &Value| {
        let city = saved["address"]["city"].as_str().expect("a city");
        format!("{city}{}", if saved["is_default"] == true { "*" } else { "" })
    };
    list["addresses"].as_array().expect("addresses").iter().map(city).collect()
}

async fn signed_in(shop: &TestShop, name: &str) -> Client {
    let mut client = shop.visitor(name);
    client.register(&format!("{name}@example.com")).await;
    client
}

async fn addresses_are_saved_changed_and_removed(shop: TestShop) {
    assert_eq!(shop.client().get(BOOK).await.problem(), (401, "sign-in-required".to_owned()));
    let mut ada = signed_in(&shop, "ada").await;
    assert!(cities(&mut ada).await.is_empty());
    let home = save(&mut ada, at(" Berlin "), false).await;
    let mut office = at("Wien");
    office["country"] = "AT".into();
    office["company"] = "Engines Ltd".into();
    let office = save(&mut ada, office, false).await;
    assert_eq!(office["address"]["company"], "Engines Ltd");
    assert_eq!(cities(&mut ada).await, ["Berlin*", "Wien"], "oldest first; the first is the default");

    let moved = replace(&mut ada, &home["id"], &json!({ "address": at("Bonn"), "is_default": true })).await;
    assert_eq!((moved.status, &moved.json()["id"]), (StatusCode::OK, &home["id"]));
    assert_eq!(cities(&mut ada).await, ["Bonn*", "Wien"]);
    assert_eq!(remove(&mut ada, &home["id"]).await, StatusCode::NO_CONTENT);
    assert_eq!(remove(&mut ada, &home["id"]).await, StatusCode::NO_CONTENT, "repeated");
    let gone = replace(&mut ada, &home["id"], &json!({ "address": at("Bonn") })).await;
    assert_eq!(gone.problem(), (404, "not-found".to_owned()));
    assert_eq!(cities(&mut ada).await, ["Wien"]);
    // Addresses belong to the account, not to the browser.
    assert_eq!(cities(&mut signed_in_again(&shop).await).await, ["Wien"]);
}

async fn signed_in_again(shop: &TestShop) -> Client {
    let mut laptop = shop.visitor("laptop");
    assert_eq!(laptop.log_in("ada@example.com", crate::harness::PASSWORD).await.status, StatusCode::CREATED);
    laptop
}

async fn a_customer_has_one_default_address(shop: TestShop) {
    let mut ada = signed_in(&shop, "ada").await;
    let first = save(&mut ada, at("A"), false).await;
    save(&mut ada, at("B"), true).await;
    assert_eq!(cities(&mut ada).await, ["A", "B*"]);
    let answer = replace(&mut ada, &first["id"], &json!({ "address": at("A"), "is_default": true })).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(cities(&mut ada).await, ["A*", "B"]);
    assert_eq!(replace(&mut ada, &first["id"], &json!({ "address": at("A") })).await.status, StatusCode::OK);
    assert_eq!(cities(&mut ada).await, ["A", "B"], "none");
    for number in 2..20 {
        save(&mut ada, at(&number.to_string()), false).await;
    }
    let one_more = ada.post(BOOK, &json!({ "address": at("C") })).await;
    assert_eq!(one_more.problem(), (422, "rule-broken".to_owned()));
    assert_eq!(one_more.json()["errors"][0]["field"], "address", "{}", one_more.text());
    assert_eq!(cities(&mut ada).await.len(), 20);
}

async fn an_address_of_another_account_does_not_exist(shop: TestShop) {
    let mut ada = signed_in(&shop, "ada").await;
    let home = save(&mut ada, at("Berlin"), true).await;
    let mut eve = signed_in(&shop, "eve").await;
    let stolen = replace(&mut eve, &home["id"], &json!({ "address": at("Elsewhere") })).await;
    assert_eq!(stolen.problem(), (404, "not-found".to_owned()));
    assert_eq!(remove(&mut eve, &home["id"]).await, StatusCode::NO_CONTENT);
    let id = home["id"].as_str().expect("an ID");
    for path in [format!("/account/addresses/{id}"), format!("/account/addresses/{id}/removal")] {
        let page = eve.get(&path).await;
        assert!(page.status == StatusCode::NOT_FOUND && !page.text().contains("Gartenweg"), "{}", page.text());
    }
    assert!(!eve.get(&format!("/checkout?address={id}")).await.text().contains("Gartenweg"));
    assert_eq!(cities(&mut ada).await, ["Berlin*"]);
}

async fn invalid_addresses_are_refused_with_all_errors(shop: TestShop) {
    let mut ada = signed_in(&shop, "ada").await;
    let mut wrong = at(" ");
    wrong["name"] = "x".repeat(121).into();
    wrong["company"] = "two\nlines".into();
    wrong["line1"] = "1 \u{202e}teertS".into();
    wrong["country"] = "XX".into();
    let refused = ada.post(BOOK, &json!({ "address": wrong })).await;
    let mut fields: Vec<_> = refused.json()["errors"].as_array().expect("errors").clone();
    fields.sort_by_key(|error| error["field"].to_string());
    let fields: Vec<_> = fields.iter().map(|error| error["field"].as_str().expect("a field")).collect();
    assert_eq!(fields, ["address.city", "address.company", "address.country", "address.line1", "address.name"]);
    assert_eq!(ada.post(BOOK, &json!({ "address": null })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(cities(&mut ada).await.is_empty());
}

async fn the_region_is_read_as_at_checkout(shop: TestShop) {
    let mut ada = signed_in(&shop, "ada").await;
    let in_the_states = |region: &str| {
        let mut address = at("Portland");
        (address["country"], address["region"]) = ("US".into(), region.into());
        address
    };
    for (region, rule) in [("", "required"), (" ", "required"), ("Kalifornia", "offered")] {
        let refused = ada.post(BOOK, &json!({ "address": in_the_states(region) })).await;
        let errors = refused.json()["errors"].clone();
        assert_eq!((&errors[0]["field"], &errors[0]["rule"]), (&json!("address.region"), &json!(rule)), "{errors}");
        assert_eq!(errors[0]["message"].as_str().map(|text| text.ends_with("taxes depend on it.")), Some(true));
    }
    let saved = save(&mut ada, in_the_states("us-or"), false).await;
    assert_eq!(saved["address"]["region"], "OR");
    let mut nowhere = in_the_states("");
    nowhere["city"] = "".into();
    let refused = replace(&mut ada, &saved["id"], &json!({ "address": nowhere })).await;
    assert_eq!(refused.json()["errors"].as_array().map(Vec::len), Some(2), "all at once: {}", refused.text());

    let csrf = ada.get("/account/addresses/new").await.hidden("csrf");
    let typed = [("csrf", csrf.as_str()), ("name", "Ada"), ("line1", "1 Main St"), ("city", "Portland")];
    let typed = [&typed[..], &[("postal_code", "97035"), ("country", "US")]].concat();
    let page = ada.form("/account/addresses/new", &typed).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let text = page.text();
    assert!(text.contains("id=\"region-error\"") && text.contains("<option value=\"OR\">Oregon"), "{text}");
    assert!(text.contains("value=\"1 Main St\""), "{text}");
    // Where taxes do not depend on it, the region stays as typed.
    let mut zurich = at("Zürich");
    (zurich["country"], zurich["region"]) = ("CH".into(), " Zürich ".into());
    assert_eq!(save(&mut ada, zurich, false).await["address"]["region"], "Zürich");
}

async fn pages_save_and_remove_an_address(shop: TestShop) {
    let guest = shop.client().get("/account/addresses").await;
    assert_eq!((guest.status, guest.header("location")), (StatusCode::SEE_OTHER, "/login?next=/account/addresses"));
    let mut ada = signed_in(&shop, "ada").await;
    let form = ada.get("/account/addresses/new").await;
    let csrf = form.hidden("csrf");
    let fields = |city, country| {
        [
            ("csrf", csrf.as_str()),
            ("name", "Ada"),
            ("company", "Engines & Söhne"),
            ("line1", "Gartenweg 3"),
            ("city", city),
        ]
        .into_iter()
        .chain([("postal_code", "10115"), ("country", country), ("is_default", "on")])
        .collect::<Vec<_>>()
    };
    let refused = ada.form("/account/addresses/new", &fields("", "DE")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text().contains("Enter a city.") && refused.text().contains("Engines &#38; Söhne"),
        "{}",
        refused.text()
    );
    let saved = ada.form("/account/addresses/new", &fields("Berlin", "DE")).await;
    assert_eq!((saved.status, saved.header("location")), (StatusCode::SEE_OTHER, "/account/addresses?done=saved"));
    let list = ada.get("/account/addresses?done=saved").await.text();
    for text in ["The address is saved.", "Engines &#38; Söhne", "Germany", "Default"] {
        assert!(list.contains(text), "{text} in {list}");
    }
    let id = ada.get(BOOK).await.json()["addresses"][0]["id"].as_str().expect("an ID").to_owned();
    let edit = ada.get(&format!("/account/addresses/{id}")).await.text();
    assert!(edit.contains("value=\"Berlin\"") && edit.contains("<option value=\"DE\" selected>"), "{edit}");
    let changed = ada.form(&format!("/account/addresses/{id}"), &fields("Bonn", "DE")).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER, "{}", changed.text());
    assert_eq!(cities(&mut ada).await, ["Bonn*"]);

    let removal = format!("/account/addresses/{id}/removal");
    assert!(ada.get(&removal).await.text().contains("Bonn"));
    assert_eq!(cities(&mut ada).await, ["Bonn*"], "asked first");
    let removed = ada.form(&removal, &[("csrf", &csrf)]).await;
    assert_eq!(
        (removed.status, removed.header("location")),
        (StatusCode::SEE_OTHER, "/account/addresses?done=removed")
    );
    assert!(cities(&mut ada).await.is_empty());
    let gone = ada.form(&format!("/account/addresses/{id}"), &fields("Bonn", "DE")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(gone.text().contains("value=\"Bonn\""), "what was typed is kept: {}", gone.text());
}

async fn checkout_starts_with_a_saved_address(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 50).await;
    let mut ada = signed_in(&shop, "ada").await;
    ada.add("KETTLE", 1).await;
    let order = ada.check_out("k", "card_approved").await;
    assert!(order.status.is_success(), "{}", order.text());
    ada.add("KETTLE", 1).await;
    assert!(
        signed_in_again(&shop).await.get("/checkout").await.text().contains("value=\"Berlin\""),
        "the last order's"
    );
    save(&mut ada, at("Bonn"), true).await;
    let wien = save(&mut ada, at("Wien"), false).await;
    let page = ada.get("/checkout").await.text();
    assert!(page.contains("value=\"Bonn\""), "the default comes before the last order: {page}");
    let link = format!("/checkout?address={}", wien["id"].as_str().expect("an ID"));
    assert!(page.contains(&format!("href=\"{link}\"")), "{page}");
    let page = ada.get(&link).await.text();
    assert!(page.contains("value=\"Wien\"") && page.contains("value=\"ada@example.com\""), "{page}");
}
