//! Products in the browser, without JavaScript: nothing that was typed is lost, nobody's change is overwritten unseen, and nothing
//! irreversible happens without a confirmation that names the product.

use http::StatusCode;
use serde_json::json;
use shopease_shop::testing::fixtures;

use crate::harness::{Client, TestShop, both_stores};
use crate::products::{create, delete, kettle, path_of, put, tag};
use crate::settings_pages::{fields_of, send, set};

both_stores!(
    a_product_is_created_in_the_browser,
    a_product_is_edited_and_keeps_its_stock,
    every_wrong_entry_is_named_and_kept,
    two_operators_see_both_versions,
    deleting_needs_a_confirmation_and_archiving_comes_first,
    a_copy_starts_as_a_draft_without_skus,
    the_list_shows_every_status,
    selected_products_are_changed_together,
    prices_of_a_selection_change_once_and_after_a_confirmation,
    a_product_with_many_variants_keeps_them,
    a_form_of_an_earlier_session_is_kept,
    another_change_is_noticed_after_a_mistake,
);

const NEW: &str = "/admin/new-product";
const KETTLE: &str = "/admin/products/kettle";

async fn form(operator: &mut Client, path: &str) -> Vec<(String, String)> {
    let page = operator.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    fields_of(&page.text(), path)
}

/// Presses a button of a form.
fn pressing(fields: &[(String, String)], action: &str) -> Vec<(String, String)> {
    let mut fields = fields.to_vec();
    fields.push(("action".to_owned(), action.to_owned()));
    fields
}

/// Adds a field that a page without JavaScript does not show yet.
fn add(fields: &mut Vec<(String, String)>, name: &str, value: &str) {
    fields.push((name.to_owned(), value.to_owned()));
}

async fn a_product_is_created_in_the_browser(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut fields = form(&mut operator, NEW).await;
    for (name, value) in [
        ("title", "Shirt"),
        ("options[0]", "Size"),
        ("category", "Clothes"),
        ("tags", "soft, blue"),
        ("status", "active"),
        ("seo_title", "Shirts of linen"),
        ("seo_description", "Soft shirts in two sizes."),
    ] {
        set(&mut fields, name, value);
    }
    for (name, value) in
        [("price", "19.90"), ("compare_at_price", "24"), ("initial_stock", "3"), ("weight_grams", "200")]
    {
        set(&mut fields, &format!("variants[0].{name}"), value);
    }
    let answer = send(&mut operator, NEW, &pressing(&fields, "add_variant")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let mut fields = fields_of(&answer.text(), NEW);
    set(&mut fields, "variants[0].option_values[0]", "S");
    set(&mut fields, "variants[1].option_values[0]", "L");
    set(&mut fields, "variants[1].price", "21.90");
    // One more row stays empty and is left out.
    let answer = send(&mut operator, NEW, &pressing(&fields, "add_variant")).await;
    let fields = fields_of(&answer.text(), NEW);
    let answer = send(&mut operator, NEW, &pressing(&fields, "save")).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::SEE_OTHER, "/admin/products/shirt"),
        "{}",
        answer.text()
    );
    let page = operator.get("/admin/products/shirt").await.text();
    assert!(page.contains("Saved. Shoppers see the change"), "{page}");
    let product = operator.get(&path_of("shirt")).await.json();
    assert_eq!((&product["status"], &product["tags"]), (&json!("active"), &json!(["soft", "blue"])));
    assert_eq!(product["variants"].as_array().map(Vec::len), Some(2));
    assert_eq!(product["variants"][1]["sku"], "SHIRT-L");
    assert_eq!(product["variants"][0]["compare_at_price"], json!({"amount_minor": 2400, "currency": "EUR"}));
    assert_eq!((shop.levels("SHIRT-S").await, shop.levels("SHIRT-L").await), ((3, 0, 0), (0, 0, 0)));
    let shown = shop.client().get("/products/shirt").await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.text().contains("<title>Shirts of linen · My shop</title>"), "{}", shown.text());
    assert!(shown.text().contains("name=\"description\" content=\"Soft shirts in two sizes.\""), "{}", shown.text());
}

async fn a_product_is_edited_and_keeps_its_stock(shop: TestShop) {
    let mut operator = shop.operator().await;
    create(&mut operator, &kettle()).await;
    let mut fields = form(&mut operator, KETTLE).await;
    set(&mut fields, "title", "Tin kettle");
    set(&mut fields, "variants[0].price", "19");
    let answer = send(&mut operator, KETTLE, &pressing(&fields, "save")).await;
    assert_eq!(answer.header("location"), KETTLE, "{}", answer.text());
    let product = operator.get(&path_of("kettle")).await.json();
    assert_eq!(
        (&product["title"], &product["variants"][0]["price"]["amount_minor"]),
        (&json!("Tin kettle"), &json!(1900))
    );
    assert_eq!(shop.levels("KETTLE").await, (7, 0, 0));
    assert!(operator.get(KETTLE).await.text().contains("href=\"/admin/stock/kettle\""), "the way to the stock");
    // A form that changes nothing writes nothing.
    let fields = form(&mut operator, KETTLE).await;
    send(&mut operator, KETTLE, &pressing(&fields, "save")).await;
    assert_eq!(operator.get(&path_of("kettle")).await.json(), product);
}

async fn every_wrong_entry_is_named_and_kept(shop: TestShop) {
    let mut operator = shop.operator().await;
    create(&mut operator, &kettle()).await;
    let mut fields = form(&mut operator, NEW).await;
    set(&mut fields, "handle", "a b");
    set(&mut fields, "description_html", "<p>Soft</p></textarea><script>alert(1)</script>");
    for (name, value) in [
        ("price", "19,90"),
        ("compare_at_price", "x"),
        ("weight_grams", "heavy"),
        ("initial_stock", "-1"),
        ("sku", "KETTLE"),
    ] {
        set(&mut fields, &format!("variants[0].{name}"), value);
    }
    let answer = send(&mut operator, NEW, &pressing(&fields, "save")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text();
    for field in [
        "title",
        "handle",
        "variants[0].price",
        "variants[0].compare_at_price",
        "variants[0].weight_grams",
        "variants[0].initial_stock",
    ] {
        assert!(page.contains(&format!("id=\"{field}-error\"")), "{field}: {page}");
    }
    assert!(page.contains("not a price in EUR") && !page.contains("<script>alert"), "{page}");
    let shown: Vec<_> = fields_of(&page, NEW).into_iter().filter(|(name, _)| name != "csrf").collect();
    for (name, value) in fields.iter().filter(|(name, _)| name != "csrf") {
        assert!(shown.contains(&(name.clone(), value.clone())), "{name} {value} in {shown:?}");
    }
    // Next, what only the store knows.
    for (name, value) in [
        ("title", "Other"),
        ("handle", "kettle"),
        ("variants[0].price", "19.90"),
        ("variants[0].compare_at_price", ""),
        ("variants[0].weight_grams", ""),
        ("variants[0].initial_stock", ""),
    ] {
        set(&mut fields, name, value);
    }
    let page = send(&mut operator, NEW, &pressing(&fields, "save")).await.text();
    assert!(page.contains("id=\"handle-error\"") && page.contains("id=\"variants[0].sku-error\""), "{page}");
    assert!(page.contains("The product kettle has it already."), "{page}");
    // An option without values, and two variants alike.
    let mut fields = form(&mut operator, KETTLE).await;
    set(&mut fields, "options[1]", "Color");
    add(&mut fields, "variants[0].option_values[1]", "Red");
    add(&mut fields, "variants[1].option_values[1]", "Red");
    add(&mut fields, "variants[1].price", "1");
    set(&mut fields, "rows", "2");
    let page = send(&mut operator, KETTLE, &pressing(&fields, "save")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text().contains("id=\"variants[1].option_values[1]-error\""), "{}", page.text());
}

async fn two_operators_see_both_versions(shop: TestShop) {
    let mut operator = shop.operator().await;
    let first = create(&mut operator, &kettle()).await;
    let mut mine = form(&mut operator, KETTLE).await;
    let mut theirs = kettle();
    theirs["title"] = json!("Their kettle");
    theirs["vendor"] = json!("Their brand");
    assert_eq!(put(&mut operator, "kettle", &tag(&first), &theirs).await.status, StatusCode::OK);
    set(&mut mine, "title", "My kettle");
    let answer = send(&mut operator, KETTLE, &pressing(&mine, "save")).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{}", answer.text());
    let page = answer.text();
    for text in [
        "Somebody else has changed this product",
        "Their kettle",
        "Their brand",
        "value=\"My kettle\"",
        "Discard your entries",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert_eq!(operator.get(&path_of("kettle")).await.json()["title"], "Their kettle", "nothing was saved");
    let again = fields_of(&page, KETTLE);
    assert_eq!(send(&mut operator, KETTLE, &pressing(&again, "save")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(operator.get(&path_of("kettle")).await.json()["title"], "My kettle");
    // The product was deleted meanwhile.
    let form = form(&mut operator, KETTLE).await;
    let current = operator.get(&path_of("kettle")).await.json();
    crate::products::delete(&mut operator, "kettle", &tag(&current)).await;
    let answer = send(&mut operator, KETTLE, &pressing(&form, "save")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let page = answer.text();
    assert!(page.contains("was deleted while you edited it") && page.contains("value=\"My kettle\""), "{page}");
    let again = fields_of(&page, NEW);
    assert_eq!(send(&mut operator, NEW, &pressing(&again, "save")).await.header("location"), KETTLE);
}

async fn deleting_needs_a_confirmation_and_archiving_comes_first(shop: TestShop) {
    let mut operator = shop.operator().await;
    create(&mut operator, &kettle()).await;
    let path = format!("{KETTLE}/deletion");
    assert!(operator.get(KETTLE).await.text().contains(&format!("href=\"{path}\"")));
    let asked = operator.get(&path).await.text();
    let (archive, delete) = (asked.find("Archive Copper kettle"), asked.find("Delete Copper kettle for good"));
    assert!(archive.is_some() && archive < delete, "{asked}");
    assert_eq!(operator.get(&path_of("kettle")).await.status, StatusCode::OK, "asking deletes nothing");
    let fields = fields_of(&asked, &path);
    assert_eq!(send(&mut operator, &path, &pressing(&fields, "archive")).await.header("location"), KETTLE);
    assert_eq!(operator.get(&path_of("kettle")).await.json()["status"], "archived");
    // The page shows an earlier version.
    let stale = send(&mut operator, &path, &pressing(&fields, "delete")).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    assert!(
        stale.text().contains("has changed since you opened this page") && !stale.text().contains("Archive Copper")
    );
    let fields = fields_of(&stale.text(), &path);
    // Without the button that says so, nothing is deleted.
    send(&mut operator, &path, &fields).await;
    assert_eq!(operator.get(&path_of("kettle")).await.status, StatusCode::OK);
    let gone = send(&mut operator, &path, &pressing(&fields, "delete")).await;
    assert_eq!(gone.header("location"), "/admin/products", "{}", gone.text());
    assert!(operator.get("/admin/products").await.text().contains("The product was deleted."));
    assert_eq!(operator.get(KETTLE).await.status, StatusCode::NOT_FOUND);
    assert_eq!(shop.client().get("/products/kettle").await.status, StatusCode::NOT_FOUND);
}

async fn a_copy_starts_as_a_draft_without_skus(shop: TestShop) {
    let mut operator = shop.operator().await;
    create(&mut operator, &kettle()).await;
    let page = operator.get(&format!("{NEW}?copy=kettle")).await.text();
    let mut fields = fields_of(&page, NEW);
    assert!(fields.contains(&("title".to_owned(), "Copper kettle (copy)".to_owned())), "{fields:?}");
    assert!(fields.contains(&("status".to_owned(), "draft".to_owned())), "{fields:?}");
    set(&mut fields, "handle", "second");
    let answer = send(&mut operator, NEW, &pressing(&fields, "save")).await;
    assert_eq!(answer.header("location"), "/admin/products/second", "{}", answer.text());
    let copy = operator.get(&path_of("second")).await.json();
    assert_eq!((&copy["variants"][0]["sku"], &copy["status"]), (&json!("SECOND"), &json!("draft")));
    assert_eq!(operator.get(&format!("{NEW}?copy=none")).await.status, StatusCode::NOT_FOUND);
}

async fn the_list_shows_every_status(shop: TestShop) {
    let mut operator = shop.operator().await;
    assert!(operator.get("/admin/products").await.text().contains("There are no products."));
    for number in 0..26 {
        let mut product = kettle();
        product["handle"] = json!(format!("kettle-{number:02}"));
        product["title"] = json!(format!("Kettle {number:02}"));
        product["variants"][0]["sku"] = json!(format!("K-{number:02}"));
        product["status"] = json!(["active", "draft", "archived"][number % 3]);
        create(&mut operator, &product).await;
    }
    let first = operator.get("/admin/products").await.text();
    assert!(first.contains("Kettle 00") && first.contains("Archived") && first.contains("7 in stock"), "{first}");
    let next = first.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a next page");
    let second = operator.get(&next.replace("&#38;", "&")).await.text();
    assert!(second.contains("Kettle 25") && !second.contains("Kettle 00"), "{second}");
    let drafts = operator.get("/admin/products?status=draft").await.text();
    assert!(drafts.contains("Kettle 01") && !drafts.contains("Kettle 00"), "{drafts}");
    let mut shopper = shop.client();
    assert!(shopper.get("/admin/products").await.header("location").starts_with("/login"));
    shopper.register("ada@example.com").await;
    assert_eq!(shopper.get("/admin/products").await.status, StatusCode::FORBIDDEN);
    for path in [NEW, "/admin/products/kettle-00", "/admin/products/kettle-00/deletion"] {
        assert_eq!(shopper.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

async fn prices_of_a_selection_change_once_and_after_a_confirmation(shop: TestShop) {
    const LIST: &str = "/admin/products";
    let mut operator = shop.operator().await;
    for (name, price) in [("red", 1990), ("blue", 2500)] {
        let mut product = kettle();
        product["handle"] = json!(name);
        product["variants"][0]["sku"] = json!(name.to_uppercase());
        product["variants"][0]["price"]["amount_minor"] = json!(price);
        product["variants"][0]["compare_at_price"] = json!(null);
        create(&mut operator, &product).await;
    }
    let mut fields = form(&mut operator, LIST).await;
    set(&mut fields, "price_change", "ten");
    add(&mut fields, "handle", "red");
    add(&mut fields, "handle", "blue");
    add(&mut fields, "shows_former", "yes");
    let refused = send(&mut operator, LIST, &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("is not a change of prices") && refused.text().contains("value=\"ten\""));
    set(&mut fields, "price_change", "-10 %");
    let asked = send(&mut operator, LIST, &fields).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text());
    assert!(
        asked.text().contains("Change the prices of 2 products?") && asked.text().contains("<strong>€17.91</strong>")
    );
    let price = async |operator: &mut Client, name: &str| {
        let product = operator.get(&path_of(name)).await.json();
        let minor = |field: &str| product["variants"][0][field]["amount_minor"].as_i64();
        (minor("price"), minor("compare_at_price"))
    };
    assert_eq!(price(&mut operator, "red").await, (Some(1990), None), "nothing is changed yet");
    // Somebody else changes one of them meanwhile: the price that was confirmed is not its price.
    let fields = fields_of(&asked.text(), LIST);
    let mut blue = form(&mut operator, "/admin/products/blue").await;
    set(&mut blue, "variants[0].price", "30.00");
    assert_eq!(
        send(&mut operator, "/admin/products/blue", &pressing(&blue, "save")).await.status,
        StatusCode::SEE_OTHER
    );
    let answer = send(&mut operator, LIST, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("blue: It has changed in the meantime."), "{}", answer.text());
    assert_eq!(price(&mut operator, "red").await, (Some(1791), Some(1990)));
    assert_eq!(price(&mut operator, "blue").await, (Some(3000), None));
    // A second press of the button does not change them again.
    let again = send(&mut operator, LIST, &fields).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(price(&mut operator, "red").await, (Some(1791), Some(1990)));
}

async fn a_product_with_many_variants_keeps_them(shop: TestShop) {
    let codes: Vec<String> = (0..61).map(|number| format!("M-{number:02}")).collect();
    let variants: Vec<(&str, i64)> = codes.iter().map(|code| (code.as_str(), 1990)).collect();
    let values: Vec<&str> = codes.iter().map(String::as_str).collect();
    let many = fixtures::product("many").variants(&variants).option("Number", &values).build();
    shop.sell(&many, 1).await;
    let mut operator = shop.operator().await;
    let path = "/admin/products/many";
    let page = operator.get(path).await.text();
    assert!(page.contains("This product has 61 variants."), "{page}");
    let mut fields = fields_of(&page, path);
    set(&mut fields, "title", "Renamed");
    let answer = send(&mut operator, path, &pressing(&fields, "save")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let product = operator.get(&path_of("many")).await.json();
    assert_eq!((&product["title"], product["variants"].as_array().map(Vec::len)), (&json!("Renamed"), Some(61)));
}

async fn a_form_of_an_earlier_session_is_kept(shop: TestShop) {
    let mut operator = shop.operator().await;
    create(&mut operator, &kettle()).await;
    for path in [KETTLE, NEW] {
        let mut fields = form(&mut operator, path).await;
        set(&mut fields, "csrf", "of-another-session");
        set(&mut fields, "title", "Typed for an hour");
        let answer = send(&mut operator, path, &pressing(&fields, "save")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.text().contains("value=\"Typed for an hour\""), "{path}: {}", answer.text());
    }
    assert_eq!(operator.get(&path_of("kettle")).await.json()["title"], "Copper kettle");
}

/// A form that was shown again, for another variant or for a mistake, is still based on the version that it started from.
async fn another_change_is_noticed_after_a_mistake(shop: TestShop) {
    let mut ada = shop.operator().await;
    let mut ben = ada.clone();
    let created = create(&mut ben, &kettle()).await;
    let mut fields = form(&mut ada, KETTLE).await;
    let mut other = kettle();
    other["title"] = "Kettle of Ben".into();
    assert_eq!(put(&mut ben, "kettle", &tag(&created), &other).await.status, StatusCode::OK);
    set(&mut fields, "variants[0].price", "cheap");
    let refused = send(&mut ada, KETTLE, &pressing(&fields, "save")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text());
    let mut fields = fields_of(&refused.text(), KETTLE);
    set(&mut fields, "variants[0].price", "39");
    let larger = send(&mut ada, KETTLE, &pressing(&fields, "add_variant")).await;
    let fields = fields_of(&larger.text(), KETTLE);
    let conflict = send(&mut ada, KETTLE, &pressing(&fields, "save")).await;
    assert_eq!(conflict.status, StatusCode::PRECONDITION_FAILED, "{}", conflict.text());
    assert!(conflict.text().contains("Kettle of Ben"), "{}", conflict.text());
    let fields = fields_of(&conflict.text(), KETTLE);
    let saved = send(&mut ada, KETTLE, &pressing(&fields, "save")).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
}

async fn selected_products_are_changed_together(shop: TestShop) {
    const LIST: &str = "/admin/products?status=active";
    let mut operator = shop.operator().await;
    for name in ["red", "green", "blue"] {
        let mut product = kettle();
        product["handle"] = json!(name);
        product["variants"][0]["sku"] = json!(name.to_uppercase());
        product["tags"] = json!(["new", "copper"]);
        create(&mut operator, &product).await;
    }
    let fields = form(&mut operator, LIST).await;
    assert!(fields.iter().all(|(name, _)| name != "handle"), "none is selected at first");
    let selecting = |selected: &[&str], entries: &[(&str, &str)]| {
        let mut fields = fields.clone();
        for (name, value) in entries {
            set(&mut fields, name, value);
        }
        for handle in selected {
            add(&mut fields, "handle", handle);
        }
        fields
    };
    for (fields, problem) in [
        (selecting(&[], &[("new_status", "draft")]), "Select at least one product."),
        (selecting(&["red"], &[]), "Enter what to change in the selected products."),
    ] {
        let answer = send(&mut operator, LIST, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().contains(problem), "{}", answer.text());
    }
    let change = [("new_category", "Sale"), ("added_tags", "sale, Copper"), ("removed_tags", "NEW")];
    let answer = send(&mut operator, LIST, &selecting(&["red", "blue"], &change)).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, LIST), "{}", answer.text());
    assert!(operator.get(LIST).await.text().contains("The selected products were changed."));
    for (handle, category, tags) in
        [("red", "Sale", json!(["copper", "sale"])), ("green", "Coffee & Tea", json!(["new", "copper"]))]
    {
        let product = operator.get(&path_of(handle)).await.json();
        assert_eq!((&product["category"]["title"], &product["tags"]), (&json!(category), &tags), "{handle}");
    }
    assert!(operator.get("/categories/sale").await.text().contains("href=\"/products/blue\""));

    // One of them is gone: the others are changed, and it is named.
    let blue = operator.get(&path_of("blue")).await.json();
    assert_eq!(delete(&mut operator, "blue", &tag(&blue)).await.status, StatusCode::NO_CONTENT);
    let answer = send(&mut operator, LIST, &selecting(&["red", "blue"], &[("new_status", "archived")])).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("<span>blue: "), "{}", answer.text());
    assert_eq!(operator.get(&path_of("red")).await.json()["status"], "archived");
    assert_eq!(shop.client().get("/products/red").await.status, StatusCode::NOT_FOUND);

    let mut shopper = shop.client();
    shopper.register("ada@example.com").await;
    let answer = send(&mut shopper, "/admin/products", &selecting(&["green"], &[("new_status", "archived")])).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(operator.get(&path_of("green")).await.json()["status"], "active");
}
