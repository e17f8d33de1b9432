//! Texts and input of pages: the cart form, shortages, forms of an earlier session, notices, error pages, empty fields.

use http::StatusCode;
use serde_json::json;
use shopease_shop::domain::{Image, LineItemId, Token};
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, Client, PASSWORD, TestShop, both_stores};

both_stores!(
    checkout_uses_the_typed_quantities,
    several_lines_change_at_once_and_rejected_input_is_kept,
    removing_a_line_keeps_the_input_of_others,
    a_shortage_shows_the_units_left_and_the_units_in_the_cart,
    a_form_of_an_earlier_session_is_shown_again_with_its_input,
    a_notice_is_shown_once_and_in_the_title,
    an_error_page_has_the_frame_of_every_page,
    every_empty_field_is_named,
    viewing_another_image_keeps_variant_and_quantity,
    each_option_is_chosen_and_the_page_follows,
    a_combination_that_does_not_exist_leads_to_the_nearest,
    few_variants_and_very_many_have_other_choices,
    a_product_shows_others_of_its_category,
    short_urls_redirect,
    prices_show_tax_and_shipping,
    prices_claim_only_the_tax_of_the_shops_country,
    prices_link_to_the_shipping_page_once_it_is_written,
);

async fn with_two_lines(shop: &TestShop) -> Client {
    shop.sell(&fixtures::product("kettle").category("kitchen").build(), 5).await;
    shop.sell(&fixtures::product("lamp").build(), 5).await;
    let mut client = shop.client();
    client.add("KETTLE", 1).await;
    client.add("LAMP", 1).await;
    client
}

fn quantity_field(sku: &str) -> String {
    format!("quantity-{}", LineItemId::derive(sku))
}

/// Submits the cart form with quantities and a pressed button.
async fn send_cart(client: &mut Client, quantities: &[(&str, &str)], button: (&str, &str)) -> Answer {
    let csrf = Token::parse(&client.token()).expect("a token").csrf();
    let names: Vec<String> = quantities.iter().map(|(sku, _)| quantity_field(sku)).collect();
    let typed = names.iter().zip(quantities).map(|(name, (_, typed))| (name.as_str(), *typed));
    let fields: Vec<_> = [("csrf", csrf.as_str())].into_iter().chain(typed).chain([button]).collect();
    client.form("/cart", &fields).await
}

fn lines(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect()
}

/// The value of a field by its name.
fn value_of(page: &Answer, name: &str) -> String {
    page.hidden(name)
}

fn title(page: &Answer) -> String {
    let text = page.text();
    text.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).expect("a title").to_owned()
}

async fn checkout_uses_the_typed_quantities(shop: TestShop) {
    let mut client = with_two_lines(&shop).await;
    let gone = send_cart(&mut client, &[("KETTLE", "3"), ("LAMP", "2")], ("action", "checkout")).await;
    assert_eq!((gone.status, gone.header("location")), (StatusCode::SEE_OTHER, "/checkout"), "{}", gone.text());
    assert_eq!(client.cart_lines().await, lines(&[("KETTLE", 3), ("LAMP", 2)]));
    assert_eq!(client.cookies["shopease_cart_units"], "5");
    let stays = send_cart(&mut client, &[("KETTLE", "6"), ("LAMP", "2")], ("action", "checkout")).await;
    assert_eq!(stays.status, StatusCode::CONFLICT);
    assert!(stays.text().contains("Only 5 left. Your cart still has 3."), "{}", stays.text());
    assert_eq!(value_of(&stays, &quantity_field("KETTLE")), "6", "the input is kept");
    // A line that became short blocks the checkout, although nothing was typed.
    shop.stock("LAMP", 1).await;
    let short = send_cart(&mut client, &[("KETTLE", "3"), ("LAMP", "2")], ("action", "checkout")).await;
    assert_eq!(short.status, StatusCode::OK);
    assert!(short.text().contains("Only 1 left. Lower the quantity"), "{}", short.text());
}

async fn several_lines_change_at_once_and_rejected_input_is_kept(shop: TestShop) {
    let mut client = with_two_lines(&shop).await;
    let refused = send_cart(&mut client, &[("KETTLE", "4"), ("LAMP", "9")], ("action", "update")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(client.cart_lines().await, lines(&[("KETTLE", 4), ("LAMP", 1)]));
    assert_eq!(
        (value_of(&refused, &quantity_field("LAMP")), title(&refused)),
        ("9".to_owned(), "Please check: Cart · My shop".to_owned())
    );
    let wrong = send_cart(&mut client, &[("KETTLE", "many"), ("LAMP", "2")], ("action", "update")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("Enter a quantity from 1 to 999."));
    let emptied = send_cart(&mut client, &[("KETTLE", "0"), ("LAMP", "0")], ("action", "update")).await;
    assert_eq!(emptied.header("location"), "/cart");
    assert!(client.get("/cart").await.text().contains("Removed from your cart."));
    assert_eq!(client.cart_lines().await, lines(&[]));
    let gone = send_cart(&mut client, &[("KETTLE", "2")], ("action", "update")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(gone.text().contains("This item is no longer in the cart."));
}

async fn removing_a_line_keeps_the_input_of_others(shop: TestShop) {
    let mut client = with_two_lines(&shop).await;
    let line = LineItemId::derive("KETTLE").to_string();
    for _ in 0..2 {
        let removed = send_cart(&mut client, &[("KETTLE", "7"), ("LAMP", "3")], ("remove", &line)).await;
        assert_eq!(
            (removed.status, removed.header("location")),
            (StatusCode::SEE_OTHER, "/cart"),
            "{}",
            removed.text()
        );
        assert_eq!(client.cart_lines().await, lines(&[("LAMP", 3)]));
    }
}

async fn add_on_page(client: &mut Client, quantity: &str) -> Answer {
    let page = client.get("/products/kettle").await;
    let (csrf, key) = (page.hidden("csrf"), page.hidden("idempotency_key"));
    let fields = [
        ("csrf", &*csrf),
        ("idempotency_key", &*key),
        ("product", "kettle"),
        ("sku", "KETTLE"),
        ("quantity", quantity),
    ];
    client.form("/cart/line-items", &fields).await
}

async fn a_shortage_shows_the_units_left_and_the_units_in_the_cart(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    let mut client = shop.client();
    let refused = |answer: Answer, sentence: &str| {
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(answer.text().contains(sentence), "{sentence}: {}", answer.text());
    };
    refused(add_on_page(&mut client, "6").await, "Only 5 left. Enter 5 or less.");
    add_on_page(&mut client, "2").await;
    refused(add_on_page(&mut client, "4").await, "Only 5 left, 2 of them already in your cart. You can add 3 more.");
    add_on_page(&mut client, "3").await;
    refused(add_on_page(&mut client, "1").await, "Only 5 left, and all of them are already in your cart.");
    shop.stock("KETTLE", 1).await;
    refused(add_on_page(&mut client, "1").await, "Only 1 left, and it is already in your cart.");
}

async fn a_form_of_an_earlier_session_is_shown_again_with_its_input(shop: TestShop) {
    let mut client = with_two_lines(&shop).await;
    let again = |answer: &Answer, typed: &str| {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text().contains("press the button again"), "{}", answer.text());
        assert!(answer.text().contains(typed), "{typed}: {}", answer.text());
    };
    let old = [("csrf", "of-another-session"), ("product", "kettle"), ("sku", "KETTLE"), ("quantity", "3")];
    let product = client.form("/cart/line-items", &old).await;
    again(&product, "name=\"quantity\" value=\"3\"");
    let (csrf, key) = (product.hidden("csrf"), product.hidden("idempotency_key"));
    let cart = client.form("/cart", &[("csrf", "old"), (&quantity_field("LAMP"), "4"), ("action", "checkout")]).await;
    again(&cart, "value=\"4\"");
    let details = [("csrf", "old"), ("city", "Berlin"), ("action", "review")];
    again(&client.form("/checkout", &details).await, "value=\"Berlin\"");
    again(&client.form("/login", &[("csrf", "old"), ("email", "ada@example.com")]).await, "value=\"ada@example.com\"");
    again(&client.form("/register", &[("csrf", "old"), ("name", "Ada")]).await, "value=\"Ada\"");
    assert_eq!(client.cart_lines().await, lines(&[("KETTLE", 1), ("LAMP", 1)]), "nothing was done");
    let mut fresh = old;
    fresh[0] = ("csrf", &csrf);
    let added = client.form("/cart/line-items", &[&fresh[..], &[("idempotency_key", &key)]].concat()).await;
    assert_eq!(added.header("location"), "/cart");
    assert_eq!(client.cart_lines().await, lines(&[("KETTLE", 4), ("LAMP", 1)]));
    // After signing in elsewhere, the form redirects to its target.
    client.register("ada@example.com").await;
    let login = client.form("/login", &[("csrf", "old"), ("next", "/checkout"), ("password", PASSWORD)]).await;
    assert_eq!((login.status, login.header("location")), (StatusCode::SEE_OTHER, "/checkout"));
}

async fn a_notice_is_shown_once_and_in_the_title(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    let mut client = shop.client();
    let added = add_on_page(&mut client, "2").await;
    assert_eq!(added.header("location"), "/cart");
    let cart = client.get("/cart").await;
    assert!(
        cart.text().contains("role=\"status\"") && title(&cart).starts_with("Added to your cart."),
        "{}",
        title(&cart)
    );
    let reloaded = client.get("/cart").await;
    assert!(!reloaded.text().contains("Added to your cart."), "{}", reloaded.text());
    assert_eq!(title(&reloaded), "Cart · My shop");
    let mut operator = shop.operator().await;
    let page = operator.get("/admin/stock/kettle").await;
    let (csrf, key) = (page.hidden("csrf"), page.hidden("idempotency_key"));
    let correction =
        [("csrf", &*csrf), ("idempotency_key", &*key), ("sku", "KETTLE"), ("change", "adjust"), ("units", "1")];
    let corrected = operator.form("/admin/stock/kettle", &correction).await;
    assert_eq!(corrected.header("location"), "/admin/stock/kettle", "{}", corrected.text());
    assert!(title(&operator.get("/admin/stock/kettle").await).starts_with("The stock has been corrected."));
    assert!(title(&operator.get("/admin/stock/kettle").await).starts_with("Stock of"));
}

async fn an_error_page_has_the_frame_of_every_page(shop: TestShop) {
    let mut client = with_two_lines(&shop).await;
    for (path, status) in [("/nowhere", 404), ("/products/none", 404), ("/products?cursor=x", 400), ("/a%5Cb", 400)] {
        let page = client.get(path).await;
        assert_eq!(page.status.as_u16(), status);
        let text = page.text();
        assert!(text.contains("<nav class=\"departments\"") && text.contains("href=\"/categories/kitchen\""), "{path}");
        assert!(text.contains("<span class=\"count\">2") && text.contains("<span>Sign in</span>"), "{path}: {text}");
    }
    client.register("ada@example.com").await;
    assert!(client.get("/nowhere").await.text().contains("<span>Account</span>"));
}

async fn every_empty_field_is_named(shop: TestShop) {
    let mut client = with_two_lines(&shop).await;
    let csrf = client.get("/cart").await.hidden("csrf");
    let mut operator = shop.operator().await;
    let operators = operator.get("/admin/stock/kettle").await.hidden("csrf");
    let mut says = async |is_operator: bool, path: &str, fields: &[(&str, &str)], sentences: &[&str]| {
        let (client, csrf) = if is_operator { (&mut operator, &operators) } else { (&mut client, &csrf) };
        let answer = client.form(path, &[&[("csrf", csrf.as_str())], fields].concat()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {fields:?}");
        for sentence in sentences {
            assert!(answer.text().contains(sentence), "{path} {fields:?}: {sentence}: {}", answer.text());
        }
    };
    let details = [
        "Enter your email address.",
        "Enter a name.",
        "Enter a street address.",
        "Enter a city.",
        "Enter a postal code.",
        "Choose a country from the list.",
    ];
    says(false, "/checkout", &[("action", "review")], &details).await;
    says(false, "/register", &[], &["Enter your email address.", "Enter a name.", "Enter a password."]).await;
    says(false, "/login", &[], &["Enter your email address.", "Enter a password."]).await;
    let product = [("product", "kettle"), ("sku", "KETTLE"), ("quantity", "")];
    says(false, "/cart/line-items", &product, &["Enter a quantity from 1 to 999."]).await;
    says(false, "/cart", &[(&quantity_field("KETTLE"), "")], &["Enter a quantity from 1 to 999."]).await;
    let stock = [("sku", "KETTLE"), ("change", "adjust"), ("units", "")];
    says(true, "/admin/stock/kettle", &stock, &["Enter a number of units from"]).await;
}

async fn viewing_another_image_keeps_variant_and_quantity(shop: TestShop) {
    let mut product = fixtures::product("kettle").variants(&[("RED", 1990), ("TEAL", 2490)]).build();
    let image = |name: &str| Image { url: format!("https://img.example/{name}.jpg"), alt: String::new() };
    product.images = vec![image("red"), image("teal"), image("box")];
    product.variants[0].image = Some(0);
    product.variants[1].image = Some(1);
    shop.sell(&product, 5).await;
    let page = shop.client().get("/products/kettle?variant=TEAL&quantity=2").await;
    assert_eq!(page.hidden("quantity"), "2");
    for image in 0..3 {
        let link = format!("/products/kettle?variant=TEAL&#38;quantity=2&#38;image={image}#pictures");
        assert!(page.text().contains(&link), "{link}: {}", page.text());
    }
    let looked = shop.client().get("/products/kettle?variant=TEAL&quantity=2&image=0").await;
    assert_eq!(looked.hidden("quantity"), "2");
    let chosen = looked.text().split("<input").find(|tag| tag.contains("value=\"TEAL\"")).expect("a choice").to_owned();
    assert!(chosen.contains(" checked"), "{chosen}");
    assert_eq!(shop.client().get("/products/kettle?quantity=many").await.hidden("quantity"), "1");
}

/// A shirt in three colors and sizes: one combination is sold out, one does not exist.
async fn shirt(shop: &TestShop) {
    let variants = [("TEAL-S", 1990), ("TEAL-L", 2490), ("RED-S", 2190), ("BLUE-S", 1990), ("BLUE-L", 2990)];
    let mut shirt = fixtures::product("shirt")
        .variants(&variants)
        .option("Color", &["Teal", "Teal", "Red", "Blue", "Blue"])
        .option("Size", &["S", "L", "S", "S", "L"])
        .build();
    let image = |name: &str| Image { url: format!("https://img.example/{name}.jpg"), alt: name.to_owned() };
    shirt.images = ["teal", "red", "blue"].map(image).to_vec();
    for (variant, image) in shirt.variants.iter_mut().zip([0, 0, 1, 2, 2]) {
        variant.image = Some(image);
    }
    shop.sell(&shirt, 3).await;
    shop.stock("BLUE-L", 0).await;
}

/// The price at the top of a product's page.
fn price_of(page: &Answer) -> String {
    let text = page.text();
    let price = text.split("<span class=\"price").nth(1).and_then(|rest| rest.split(['>', '<']).nth(1));
    price.unwrap_or_else(|| panic!("no price in {text}")).to_owned()
}

/// The attributes and the text of the link to a value.
fn link_to(page: &str, title: &str) -> String {
    let values = page.split("<li><a ").skip(1).map(|rest| rest.split("</a>").next().unwrap_or_default());
    let shows = |value: &&str| {
        let text = value.rsplit('>').find(|text| !text.is_empty()).unwrap_or_default();
        value.contains("option-value") && (text.starts_with(title) || value.contains(&format!(">{title}<")))
    };
    values.into_iter().find(shows).unwrap_or_else(|| panic!("no {title} in {page}")).to_owned()
}

async fn each_option_is_chosen_and_the_page_follows(shop: TestShop) {
    shirt(&shop).await;
    let mut client = shop.client();
    // Without a choice, the first variant in stock: its own price, not the range of all.
    let page = client.get("/products/shirt").await;
    assert_eq!((&*page.hidden("sku"), &*price_of(&page)), ("TEAL-S", "€19.90"));
    assert!(link_to(&page.text(), "Teal").contains("aria-current=\"true\""));
    assert!(link_to(&page.text(), "L").contains("/products/shirt?variant=TEAL-L#options"));
    assert!(link_to(&page.text(), "Red").contains("src=\"https://img.example/red.jpg\""), "each color has a picture");
    let page = client.get("/products/shirt?variant=TEAL-L").await;
    assert_eq!((&*page.hidden("sku"), &*price_of(&page)), ("TEAL-L", "€24.90"));
    assert!(page.text().contains("max=\"3\"") && page.text().contains("Only 3 left"), "{}", page.text());
    // A sold-out combination says so, and cannot be put into the cart.
    let blue = link_to(&page.text(), "Blue");
    assert!(blue.contains("variant=BLUE-L#options") && blue.contains(", sold out"), "{blue}");
    let page = client.get("/products/shirt?variant=BLUE-L").await;
    assert_eq!((&*page.hidden("sku"), &*price_of(&page)), ("BLUE-L", "€29.90"));
    assert!(page.text().contains(" disabled>Sold out</button>"), "{}", page.text());
    assert!(page.text().contains("src=\"https://img.example/blue.jpg\" alt=\"blue\""), "{}", page.text());
}

async fn a_combination_that_does_not_exist_leads_to_the_nearest(shop: TestShop) {
    shirt(&shop).await;
    let page = shop.client().get("/products/shirt?variant=TEAL-L").await.text();
    let red = link_to(&page, "Red");
    assert!(red.contains("variant=RED-S#options") && red.contains("with another choice"), "{red}");
    // Of several that are equally near, one in stock.
    let page = shop.client().get("/products/shirt?variant=RED-S").await.text();
    let large = link_to(&page, "L");
    assert!(large.contains("variant=TEAL-L#options"), "{large}");
}

async fn few_variants_and_very_many_have_other_choices(shop: TestShop) {
    let few = fixtures::product("few").variants(&[("A", 100), ("B", 200)]).option("Size", &["S", "L"]).build();
    shop.sell(&few, 1).await;
    let page = shop.client().get("/products/few").await;
    assert_eq!(page.text().matches("type=\"radio\"").count(), 2);
    assert!(page.text().contains("class=\"from\""), "nothing is chosen yet");
    let chosen = shop.client().get("/products/few?variant=B").await;
    assert_eq!(price_of(&chosen), "€2.00");
    let skus: Vec<String> = (0..101).map(|number| format!("N{number}")).collect();
    let variants: Vec<_> = skus.iter().map(|sku| (sku.as_str(), 100)).collect();
    let values: Vec<_> = skus.iter().map(String::as_str).collect();
    shop.sell(&fixtures::product("many").variants(&variants).option("Number", &values).build(), 1).await;
    let page = shop.client().get("/products/many").await.text();
    assert_eq!(page.matches("<option ").count(), 101, "{page}");
}

async fn a_product_shows_others_of_its_category(shop: TestShop) {
    for name in ["a", "b", "c", "d", "e", "kettle"] {
        shop.sell(&fixtures::product(name).category("kitchen").build(), 1).await;
    }
    shop.sell(&fixtures::product("lamp").category("light").build(), 1).await;
    let page = shop.client().get("/products/kettle").await.text();
    let related = page.split("id=\"related\"").nth(1).unwrap_or_else(|| panic!("no related products: {page}"));
    let shown = related.matches("class=\"card\"").count();
    assert!(shown == 4 && !related.contains("/products/kettle\"") && !related.contains("/products/lamp"), "{related}");
    assert!(!shop.client().get("/products/lamp").await.text().contains("id=\"related\""), "it is the only one");
}

async fn short_urls_redirect(shop: TestShop) {
    let mut client = shop.client();
    for (from, to) in [("/categories", "/products"), ("/orders", "/account")] {
        let answer = client.get(from).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, to));
    }
}

async fn prices_claim_only_the_tax_of_the_shops_country(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").price(1990).category("kitchen").build(), 9).await;
    let (mut client, mut operator) = (shop.client(), shop.operator().await);
    client.add("KETTLE", 1).await;
    for (countries, prices_include_tax, note, tax_title) in [
        (json!(["DE", "JP"]), true, "incl. VAT, plus shipping", json!("VAT")),
        (json!(["JP", "DE"]), true, "plus shipping", json!(null)),
        (json!(["JP"]), false, "plus shipping", json!(null)),
        (json!(["JP", "DE"]), false, "plus tax and shipping", json!("VAT")),
        (json!(["AU"]), true, "incl. GST, plus shipping", json!("GST")),
        (json!(["US"]), false, "plus tax and shipping", json!("Sales tax")),
    ] {
        crate::settings::change(&mut operator, "/selling/countries", countries).await;
        crate::settings::change(&mut operator, "/selling/prices_include_tax", json!(prices_include_tax)).await;
        shop.clock.advance(time::Duration::seconds(6));
        for path in ["/products/kettle", "/cart"] {
            let page = client.get(path).await.text();
            assert!(page.contains(&format!("\"muted price-note\">{note}</p>")), "{path}, {note}: {page}");
        }
        assert!(client.get("/products").await.text().contains(&format!("All prices {note}.")), "{note}");
        assert_eq!(client.get("/api/v1/sale-terms").await.json()["tax_title"], tax_title, "{note}");
    }
}

async fn prices_link_to_the_shipping_page_once_it_is_written(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").price(1990).category("kitchen").build(), 9).await;
    let (mut client, mut operator) = (shop.client(), shop.operator().await);
    client.add("KETTLE", 1).await;
    let pages = ["/", "/products", "/products/kettle", "/cart"];
    let link = "incl. VAT, plus <a href=\"/pages/shipping\">shipping</a>";
    for path in pages {
        assert!(!client.get(path).await.text().contains(link), "{path}: the page is a draft");
    }
    crate::settings::change(&mut operator, "/pages/shipping/is_draft", json!(false)).await;
    for path in pages {
        assert!(client.get(path).await.text().contains(link), "{path}");
    }
}

async fn prices_show_tax_and_shipping(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").price(1990).category("kitchen").build(), 9).await;
    let mut client = shop.client();
    for listing in ["/", "/products", "/categories/kitchen", "/search?q=kettle"] {
        assert!(client.get(listing).await.text().contains("All prices incl. VAT, plus shipping."), "{listing}");
    }
    let product = client.get("/products/kettle").await.text();
    let shipping =
        "Standard shipping to 27 countries, up to 31.5\u{a0}kg: from €4.90, 3 to 5 business days, free from €75.00.";
    assert!(product.contains("incl. VAT, plus shipping") && product.contains(shipping), "{product}");
    client.add("KETTLE", 3).await;
    let cart = client.get("/cart").await.text();
    assert!(cart.contains(shipping) && cart.contains("Spend €15.30 more to get Standard shipping for free."), "{cart}");
    client.add("KETTLE", 1).await;
    let cart = client.get("/cart").await.text();
    assert!(
        cart.contains("Standard shipping is free to 27 countries, up to 31.5\u{a0}kg: 3 to 5")
            && !cart.contains("more to get"),
        "{cart}"
    );
}
