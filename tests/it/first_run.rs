//! The first run of a merchant: setting the shop up on one page, and removing the demo catalog.

use http::StatusCode;
use serde_json::json;
use shopease_shop::domain::{HomePage, Product};
use shopease_shop::services::{LAPTOP_OPERATOR, create_operator};
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, Client, PASSWORD, TestShop, both_stores, text};
use crate::settings::{change, current};

both_stores!(
    operators_are_invited_until_the_shop_is_set_up,
    a_merchant_sets_the_shop_up,
    a_wrong_entry_is_shown_beside_its_field_and_kept,
    two_operators_do_not_overwrite_each_other,
    a_currency_without_prices_is_said_before_it_is_saved,
    the_demo_catalog_is_taken_off_sale,
    demo_products_can_stay,
    the_account_of_the_first_start_is_to_be_changed,
);

/// Tests that need the demo catalog, which no function has.
pub const WITH_DEMO: [&str; 2] = ["the_demo_catalog_is_taken_off_sale", "demo_products_can_stay"];

const SETUP: &str = "/admin/setup";
const DEMO: &str = "/api/v1/admin/demo-catalog";
const INVITATION: &str = "href=\"/admin/setup\"";
const FIVE_SECONDS: time::Duration = time::Duration::seconds(5);

/// What a merchant types, over the fields of the page.
async fn send(operator: &mut Client, page: &Answer, typed: &[(&str, &str)]) -> Answer {
    let (csrf, version) = (page.hidden("csrf"), page.hidden("version"));
    let mut fields = vec![("csrf", csrf.as_str()), ("version", version.as_str())];
    fields.extend(typed);
    operator.form(SETUP, &fields).await
}

const TYPED: [(&str, &str); 4] =
    [("name", "Kettles & Co"), ("country", "SE"), ("currency", "EUR"), ("email", "hello@kettles.example")];

/// The usual input with one field changed.
fn typed_with<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    TYPED.iter().copied().filter(|(field, _)| *field != name).chain([(name, value)]).collect()
}

async fn operators_are_invited_until_the_shop_is_set_up(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    let mut operator = shop.operator().await;
    let below = ["/admin", "/admin/stock", "/admin/stock/kettle", "/admin/settings/shop", "/admin/settings/history"];
    for path in below {
        let page = operator.get(path).await.text();
        assert!(page.contains("Set up your shop") && page.contains(INVITATION), "{path}: {page}");
    }
    let page = operator.get(SETUP).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text().contains(INVITATION), "{}", page.text());
    for path in ["/", "/products/kettle", "/account"] {
        assert!(!operator.get(path).await.text().contains(INVITATION), "{path}");
    }
    let mut visitor = shop.client();
    assert!(!visitor.get("/").await.text().contains(INVITATION));
    let sign_in = visitor.get(SETUP).await;
    assert_eq!((sign_in.status, sign_in.header("location")), (StatusCode::SEE_OTHER, "/login?next=/admin/setup"));
    visitor.register("ada@example.com").await;
    assert_eq!(visitor.get(SETUP).await.status, StatusCode::FORBIDDEN);
    assert_eq!(visitor.get(DEMO).await.problem(), (403, "forbidden".to_owned()));
    assert_eq!(visitor.delete(DEMO).await.problem(), (403, "forbidden".to_owned()));
    let token = visitor.get("/account").await.hidden("csrf");
    let refused = visitor.form(SETUP, &[&[("csrf", token.as_str()), ("version", "1")], &TYPED[..]].concat()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(current(&mut operator).await["version"], 1);
    // Other changes do not set it up; the name is enough.
    change(&mut operator, "/home/headline", json!("Hello")).await;
    shop.clock.advance(FIVE_SECONDS);
    for path in below {
        assert!(operator.get(path).await.text().contains(INVITATION), "{path}");
    }
    change(&mut operator, "/shop/name", json!("Kettles & Co")).await;
    shop.clock.advance(FIVE_SECONDS);
    for path in below {
        assert!(!operator.get(path).await.text().contains(INVITATION), "{path}");
    }
}

async fn a_merchant_sets_the_shop_up(shop: TestShop) {
    let mut operator = shop.operator().await;
    let page = operator.get(SETUP).await;
    assert!(!page.text().contains("remove_demo"), "there is no demo catalog: {}", page.text());
    assert_eq!(operator.get(DEMO).await.json(), json!({ "handles": [] }));
    assert_eq!(operator.delete(DEMO).await.json(), json!({ "handles": [] }));
    let saved = send(&mut operator, &page, &TYPED).await;
    assert_eq!((saved.status, saved.header("location")), (StatusCode::SEE_OTHER, SETUP), "{}", saved.text());
    let found = current(&mut operator).await;
    assert_eq!((&found["version"], &found["changed_by"]), (&json!(2), &json!("operator@example.com")));
    let settings = &found["settings"];
    assert_eq!(settings["shop"]["name"], "Kettles & Co");
    assert_eq!(settings["contact"]["email"], "hello@kettles.example");
    assert_eq!(settings["selling"]["currency"], "EUR");
    assert_eq!(settings["selling"]["countries"], json!(["SE"]));
    let done = operator.get(SETUP).await;
    assert!(done.text().contains("Your shop is set up.") && done.text().contains("role=\"status\""), "{}", done.text());
    assert!(done.text().contains("value=\"Kettles &#38; Co\""), "{}", done.text());
    assert!(!operator.get(SETUP).await.text().contains("Your shop is set up."), "only once");
    shop.clock.advance(FIVE_SECONDS);
    assert!(!operator.get("/admin").await.text().contains(INVITATION));
    assert!(shop.client().get("/").await.text().contains("Kettles &#38; Co"));

    // A second visit adds another country of the shop, and names what its orders lack.
    let added = send(&mut operator, &done, &typed_with("country", "NO")).await;
    assert_eq!(added.status, StatusCode::SEE_OTHER);
    assert_eq!(current(&mut operator).await["settings"]["selling"]["countries"], json!(["NO", "SE"]));
    let page = operator.get(SETUP).await;
    let all = [&TYPED[..], &[("all_countries", "yes")]].concat();
    let won: Vec<_> =
        all.iter().map(|(field, value)| (*field, if *field == "currency" { "KRW" } else { value })).collect();
    assert_eq!(send(&mut operator, &page, &won).await.status, StatusCode::SEE_OTHER);
    let selling = &current(&mut operator).await["settings"]["selling"];
    assert_eq!((&selling["countries"], &selling["currency"]), (&json!([]), &json!("KRW")));
    let page = operator.get(SETUP).await.text();
    assert!(page.contains("Shipping has no price in KRW") && page.contains("/admin/settings/shipping"), "{page}");
}

async fn a_wrong_entry_is_shown_beside_its_field_and_kept(shop: TestShop) {
    let mut operator = shop.operator().await;
    let long = "x".repeat(61);
    for (field, value, sentence) in [
        ("name", "", "Enter a name."),
        ("name", long.as_str(), "Enter a name of 1 to 60 characters"),
        ("country", "", "Choose a country from the list."),
        ("country", "UK", "Choose a country from the list."),
        ("currency", "EURO", "Choose a currency from the list."),
        ("currency", "XAU", "Choose a currency from the list."),
        ("email", "me &amp you", "Enter an email address"),
    ] {
        let page = operator.get(SETUP).await;
        let answer = send(&mut operator, &page, &typed_with(field, value)).await;
        let page = answer.text();
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {page}");
        assert!(page.contains(&format!("id=\"{field}-error\"")) && page.contains(sentence), "{field}: {page}");
        assert!(page.contains("<title>Please check: "), "{field}");
        for (field, value) in typed_with(field, value) {
            let value = value.replace('&', "&#38;");
            let kept = match field {
                "country" | "currency" if value.len() == 2 && value == "SE" || value == "EUR" => {
                    format!("<option value=\"{value}\" selected>")
                }
                "country" | "currency" if value.is_empty() => continue,
                "country" | "currency" => format!("<option selected>{value}</option>"),
                _ => format!("name=\"{field}\" value=\"{value}\""),
            };
            assert!(page.contains(&kept), "{field}: {kept} in {page}");
        }
        assert_eq!(current(&mut operator).await["version"], 1, "{field}");
    }
    // A form of an earlier session is shown again and changes nothing.
    let stale = operator.form(SETUP, &[&[("csrf", "stale"), ("version", "1")], &TYPED[..]].concat()).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN);
    assert!(stale.text().contains("value=\"hello@kettles.example\""), "{}", stale.text());
    assert_eq!(current(&mut operator).await["version"], 1);
}

async fn two_operators_do_not_overwrite_each_other(shop: TestShop) {
    let mut operator = shop.operator().await;
    let (one, other) = (operator.get(SETUP).await, operator.get(SETUP).await);
    assert_eq!(send(&mut operator, &one, &TYPED).await.status, StatusCode::SEE_OTHER);
    let late = send(&mut operator, &other, &typed_with("name", "Second")).await;
    let page = late.text();
    assert_eq!(late.status, StatusCode::CONFLICT, "{page}");
    assert!(page.contains("operator@example.com changed the settings") && page.contains("value=\"Second\""), "{page}");
    let found = current(&mut operator).await;
    assert_eq!((&found["version"], &found["settings"]["shop"]["name"]), (&json!(2), &json!("Kettles & Co")));
    // Saving again is a decision.
    assert_eq!(send(&mut operator, &late, &typed_with("name", "Second")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(current(&mut operator).await["settings"]["shop"]["name"], "Second");
}

async fn a_currency_without_prices_is_said_before_it_is_saved(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").title("Copper kettle").build(), 5).await;
    let mut operator = shop.operator().await;
    let page = operator.get(SETUP).await;
    let kronor = typed_with("currency", "SEK");
    let asked = send(&mut operator, &page, &kronor).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", asked.text());
    let sentence = "Products on sale have prices in EUR, such as Copper kettle. They are not converted.";
    assert!(asked.text().contains(sentence) && asked.text().contains("name=\"keep_prices\""), "{}", asked.text());
    assert_eq!(current(&mut operator).await["version"], 1);
    let confirmed = [&kronor[..], &[("keep_prices", "yes")]].concat();
    assert_eq!(send(&mut operator, &asked, &confirmed).await.status, StatusCode::SEE_OTHER);
    assert_eq!(current(&mut operator).await["settings"]["selling"]["currency"], "SEK");
}

/// A shop that sells two demo products, and three of the merchant: one of them under the handle of a demo product.
async fn with_demo(shop: TestShop) -> TestShop {
    let demo = |name: &str, category: &str| fixtures::product(name).category(category).build();
    let (lamp, board, chair) = (demo("lamp", "desk"), demo("board", "kitchen"), demo("chair", "garden"));
    let shop = shop.with_demo_catalog(&[lamp.clone(), board.clone(), chair.clone()]);
    let own = fixtures::product("chair").category("garden").variants(&[("MY-CHAIR", 9_900)]).build();
    for product in [lamp, board, own, fixtures::product("kettle").category("kitchen").build()] {
        shop.sell(&product, 5).await;
    }
    let mut settings = fixtures::settings();
    settings.shop.name = "My shop".to_owned();
    settings.home = HomePage::of_demo_catalog();
    shop.store.insert_settings(&fixtures::versioned_settings(1, &settings)).await.expect("written");
    shop
}

async fn status(client: &mut Client, path: &str) -> StatusCode {
    client.get(path).await.status
}

async fn the_demo_catalog_is_taken_off_sale(shop: TestShop) {
    let shop = with_demo(shop).await;
    let mut shopper = shop.visitor("ada");
    shopper.add("LAMP", 1).await;
    let order = shopper.check_out("key", "card_approved").await.json();
    let order = format!("/orders/{}", text(&order["id"]));
    shopper.add("BOARD", 1).await;
    let mut operator = shop.operator().await;
    let page = operator.get(SETUP).await;
    let box_of_demo = "name=\"remove_demo\" value=\"yes\" checked> Remove the demo products (2)";
    assert!(page.text().contains(box_of_demo), "{}", page.text());
    // Without the demo products, no price is in another currency but those of the merchant.
    let kronor = [&typed_with("currency", "SEK")[..], &[("remove_demo", "yes")]].concat();
    let asked = send(&mut operator, &page, &kronor).await;
    assert!(asked.text().contains("such as kettle.") || asked.text().contains("such as chair."), "{}", asked.text());
    assert_eq!(operator.get(DEMO).await.json(), json!({ "handles": ["board", "lamp"] }), "nothing was saved");

    let saved = send(&mut operator, &page, &[&TYPED[..], &[("remove_demo", "yes")]].concat()).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
    assert_eq!(operator.get(DEMO).await.json(), json!({ "handles": [] }));
    let page = operator.get(SETUP).await.text();
    assert!(!page.contains("remove_demo"), "{page}");
    let found = current(&mut operator).await;
    assert_eq!((&found["version"], &found["settings"]["home"]["headline"]), (&json!(2), &json!("Welcome")));
    for (handle, expected) in [
        ("lamp", StatusCode::NOT_FOUND),
        ("board", StatusCode::NOT_FOUND),
        ("chair", StatusCode::OK),
        ("kettle", StatusCode::OK),
    ] {
        assert_eq!(status(&mut shopper, &format!("/products/{handle}")).await, expected, "{handle}");
        let link = format!("/products/{handle}");
        for path in ["/products", &format!("/search?q={handle}"), "/sitemap-products.xml"] {
            let listed = shopper.get(path).await.text().contains(&link);
            assert_eq!(listed, expected == StatusCode::OK, "{handle} in {path}");
        }
    }
    let home = shopper.get("/").await.text();
    assert!(home.contains("/categories/kitchen") && home.contains("/categories/garden"), "{home}");
    assert!(!home.contains("/categories/desk") && !home.contains("Good things"), "{home}");
    let page = shopper.get(&order).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("/products/lamp"), "{}", page.text());
    let quoted = shopper.post("/api/v1/checkout/quote", &json!({ "country": "SE" })).await;
    assert!(quoted.status.is_client_error(), "what is no longer on sale cannot be ordered: {}", quoted.text());
    assert_eq!(operator.delete(DEMO).await.json(), json!({ "handles": [] }), "again");
    shop.settle().await;
    shop.assert_books_agree().await;
}

async fn demo_products_can_stay(shop: TestShop) {
    let shop = with_demo(shop).await;
    let mut operator = shop.operator().await;
    let page = operator.get(SETUP).await;
    assert_eq!(send(&mut operator, &page, &TYPED).await.status, StatusCode::SEE_OTHER);
    assert_eq!(operator.get(DEMO).await.json(), json!({ "handles": ["board", "lamp"] }));
    assert_eq!(status(&mut shop.client(), "/products/lamp").await, StatusCode::OK);
    assert_eq!(current(&mut operator).await["settings"]["home"]["headline"], "Good things for every day");
    // A later removal needs no other change.
    assert_eq!(operator.delete(DEMO).await.json(), json!({ "handles": ["board", "lamp"] }));
    assert_eq!(status(&mut shop.client(), "/products/lamp").await, StatusCode::NOT_FOUND);
    let chair: Vec<Product> = shop.store.find_products(&[fixtures::handle("chair")]).await.expect("read");
    assert_eq!(chair.len(), 1);
}

async fn the_account_of_the_first_start_is_to_be_changed(shop: TestShop) {
    const LINKS: [&str; 2] = ["href=\"/account/email\"", "href=\"/account/password\""];
    let page = shop.operator().await.get(SETUP).await.text();
    assert!(LINKS.iter().all(|link| !page.contains(link)), "{page}");
    let email = LAPTOP_OPERATOR.parse().expect("an address");
    create_operator(&*shop.store, &shop.clock, &*shop.ids, email, PASSWORD.to_owned()).await.expect("an operator");
    let mut operator = shop.client();
    operator.log_in(LAPTOP_OPERATOR, PASSWORD).await;
    let page = operator.get(SETUP).await.text();
    assert!(LINKS.iter().all(|link| page.contains(link)) && page.contains(LAPTOP_OPERATOR), "{page}");
}
