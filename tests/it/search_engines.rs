//! What search engines and social networks read: canonical addresses, descriptions, structured data, sitemap, robots.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use shopease_process::config::Reader;
use shopease_shared::config::HttpConfig;
use shopease_shared::http::{self as shop_http, App, MAX_RESPONSE_BYTES};
use shopease_shop::domain::{Money, Product, ProductStatus, Variant};
use shopease_shop::services::Services;
use shopease_shop::testing::{MapEnv, SeededIds, fixtures};

use crate::harness::{Answer, Client, TestShop, both_stores, text};
use crate::settings::change;

both_stores!(
    public_pages_have_absolute_addresses_whatever_the_host_header_says,
    pages_of_one_visitor_are_not_listed,
    pages_are_described,
    structured_data_is_what_page_and_api_show,
    breadcrumbs_and_shop_are_structured_data,
    a_title_cannot_end_the_script_element,
    the_sitemap_lists_what_is_public,
    a_sitemap_has_parts_when_it_is_full,
    a_part_of_long_addresses_fits_a_response,
    robots_find_the_sitemap_and_stay_away_from_pages_of_one_visitor,
);

/// The public URL of the shop in these tests.
const SHOP: &str = "https://shop.example";

/// A client of the shop at [`SHOP`].
fn client_of(shop: &TestShop) -> Client {
    let env = MapEnv::new([("SHOPEASE_PUBLIC_URL", "https://shop.example/"), ("SHOPEASE_REQUEST_TIMEOUT_MS", "60000")]);
    let mut reader = Reader::new(&env);
    let http = HttpConfig::read(&mut reader);
    reader.finish().expect("the configuration is right");
    Client::new(shop_http::all(App::new(Services::of(shop.local.clone()), Arc::new(SeededIds::new(8)), http)))
}

/// The values of an attribute in the elements that contain a text.
fn attributes(page: &str, element: &str, attribute: &str) -> Vec<String> {
    let start = format!(" {attribute}=\"");
    let found = page.split('<').filter(|tag| tag.contains(element));
    let values = found.filter_map(|tag| tag.split(&start).nth(1)?.split('"').next());
    values.map(|value| value.replace("&#38;", "&").replace("&#39;", "'").replace("&#60;", "<")).collect()
}

/// The value of the only one.
fn attribute(page: &str, element: &str, name: &str) -> String {
    let values = attributes(page, element, name);
    assert_eq!(values.len(), 1, "{element}: {page}");
    values[0].clone()
}

fn canonical(page: &Answer) -> Vec<String> {
    attributes(&page.text(), "rel=\"canonical\"", "href")
}

fn meta(page: &Answer, name: &str) -> String {
    attribute(&page.text(), &format!("=\"{name}\""), "content")
}

fn is_listed(page: &Answer) -> bool {
    !page.text().contains("<meta name=\"robots\" content=\"noindex\">")
}

/// The structured data of a page.
fn structured(page: &Answer) -> Vec<Value> {
    let text = page.text();
    let scripts = text.split("<script type=\"application/ld+json\">").skip(1);
    let scripts = scripts.map(|rest| rest.split("</script>").next().expect("an end"));
    scripts.map(|json| serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))).collect()
}

fn structured_as(page: &Answer, kind: &str) -> Value {
    let found = structured(page).into_iter().find(|data| data["@type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}: {}", page.text()))
}

/// The addresses in a sitemap or an index, below [`SHOP`].
fn addresses(sitemap: &Answer) -> Vec<String> {
    assert_eq!(sitemap.status, StatusCode::OK, "{}", sitemap.text());
    assert_eq!(sitemap.header("content-type"), "application/xml; charset=utf-8");
    let text = sitemap.text();
    let found = text.split("<loc>").skip(1).map(|rest| rest.split("</loc>").next().expect("an end"));
    let found = found.map(|url| url.replace("&amp;", "&"));
    found.map(|url| url.strip_prefix(SHOP).unwrap_or_else(|| panic!("{url} is not absolute")).to_owned()).collect()
}

async fn write(shop: &TestShop, product: &Product) {
    shop.store.upsert_product(product, &fixtures::index(product)).await.expect("the product is written");
}

async fn write_all(shop: &TestShop, products: &[Product]) {
    stream::iter(products).for_each_concurrent(16, |product| write(shop, product)).await;
}

async fn public_pages_have_absolute_addresses_whatever_the_host_header_says(shop: TestShop) {
    for number in 0..30 {
        let name = format!("kettle-{number:02}");
        let image = format!("/assets/{name}.svg");
        write(&shop, &fixtures::product(&name).category("kitchen").image(&image, "A kettle").build()).await;
    }
    change(&mut shop.operator().await, "/pages/terms", json!({"text": "# Terms\n\nThe terms.", "is_draft": false}))
        .await;
    let mut client = client_of(&shop);
    for (path, expected) in [
        ("/", "/"),
        ("/products", "/products"),
        ("/products?sort=price", "/products"),
        ("/categories/kitchen", "/categories/kitchen"),
        ("/categories/kitchen?sort=title", "/categories/kitchen"),
        ("/products/kettle-07", "/products/kettle-07"),
        ("/products/kettle-07?variant=KETTLE-07&quantity=2&image=0", "/products/kettle-07"),
        ("/pages/terms", "/pages/terms"),
    ] {
        let request = Request::get(path)
            .header(header::HOST, "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("forwarded", "host=evil.example");
        let page = client.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.text().contains("evil.example"), "{path}");
        let url = format!("{SHOP}{expected}");
        assert_eq!(canonical(&page), [&*url], "{path}");
        assert_eq!(meta(&page, "og:url"), url, "{path}");
        assert_eq!(meta(&page, "og:site_name"), "My shop", "{path}");
        assert!(is_listed(&page), "{path}");
        if path.starts_with("/products/") {
            assert_eq!(meta(&page, "og:image"), format!("{SHOP}/assets/kettle-07.svg"));
            assert_eq!(meta(&page, "og:type"), "product");
            assert_eq!(meta(&page, "twitter:card"), "summary_large_image");
        }
    }
    // Where the next page begins changes with the catalog.
    for first in ["/products", "/categories/kitchen?sort=price"] {
        let next = attribute(&client.get(first).await.text(), "rel=\"next\"", "href");
        let page = client.get(&next).await;
        assert_eq!((page.status, canonical(&page), is_listed(&page)), (StatusCode::OK, vec![], false), "{next}");
    }
}

async fn pages_of_one_visitor_are_not_listed(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").category("kitchen").build(), 5).await;
    let mut operator = shop.operator().await;
    let mut visitor = shop.visitor("ada");
    visitor.register("ada@example.com").await;
    visitor.add("KETTLE", 1).await;
    let order = visitor.check_out("key", "card_approved").await.json();
    visitor.add("KETTLE", 1).await;
    let order = format!("/orders/{}", text(&order["id"]));
    let own = ["/cart", "/checkout", "/account", &order, "/search?q=kettle", "/search"];
    for path in own.into_iter().chain(["/pages/terms"]) {
        let page = visitor.get(path).await;
        assert_eq!((page.status, canonical(&page), is_listed(&page)), (StatusCode::OK, vec![], false), "{path}");
    }
    for path in ["/login", "/register", "/password/forgot", "/orders/find"] {
        let page = shop.client().get(path).await;
        assert_eq!((page.status, canonical(&page), is_listed(&page)), (StatusCode::OK, vec![], false), "{path}");
    }
    for path in ["/admin", "/admin/stock", "/admin/stock/kettle", "/admin/settings/shop"] {
        let page = operator.get(path).await;
        assert_eq!((page.status, canonical(&page), is_listed(&page)), (StatusCode::OK, vec![], false), "{path}");
    }
    let missing = visitor.get("/products/nothing").await;
    assert_eq!((missing.status, is_listed(&missing)), (StatusCode::NOT_FOUND, false));
}

async fn pages_are_described(shop: TestShop) {
    let long = "Fish &amp; chips ".repeat(20);
    let mut texts = fixtures::product("texts").category("kitchen").build();
    texts.description_html = format!("<h2>Care</h2><p>{long}</p>");
    let mut own = fixtures::product("own").build();
    (own.seo_title, own.seo_description) =
        (Some("For engines".to_owned()), Some("Written for \"engines\".".to_owned()));
    write_all(&shop, &[texts, own, fixtures::product("bare").build()]).await;
    let mut operator = shop.operator().await;
    change(&mut operator, "/home/text", json!("Things\nfor every day.")).await;
    change(&mut operator, "/pages/terms", json!({"text": "# 1\n\n**Who** we are.", "is_draft": false})).await;
    let mut client = client_of(&shop);
    let shortened = format!("Care {}Fish &…", "Fish & chips ".repeat(11));
    assert!((155..=160).contains(&shortened.chars().count()), "no room for another word");
    for (path, title, description) in [
        ("/", "My shop", "Things for every day."),
        ("/products", "All products", "All products at My shop."),
        ("/categories/kitchen", "kitchen", "kitchen at My shop."),
        ("/products/texts", "texts", &shortened),
        ("/products/own", "For engines", "Written for &#34;engines&#34;."),
        ("/products/bare", "bare", "bare at My shop."),
        ("/pages/terms", "Terms and conditions", "1 Who we are."),
    ] {
        let page = client.get(path).await;
        assert_eq!(meta(&page, "description"), description, "{path}");
        assert_eq!(meta(&page, "og:description"), description, "{path}");
        assert_eq!(meta(&page, "og:title"), title, "{path}");
    }
}

/// Changes a variant.
fn with(mut product: Product, variant: usize, change: impl FnOnce(&mut Variant)) -> Product {
    change(&mut product.variants[variant]);
    product
}

fn price(amount_minor: i64, currency: &str) -> Money {
    Money::new(amount_minor, currency.parse().expect("a currency"))
}

/// An amount of the API in major units.
fn decimal(price: &Value) -> String {
    let minor = price["amount_minor"].as_i64().expect("an amount");
    match text(&price["currency"]).as_str() {
        "JPY" => format!("{minor}"),
        "KWD" => format!("{}.{:03}", minor / 1000, minor % 1000),
        _ => format!("{}.{:02}", minor / 100, minor % 100),
    }
}

fn availability(variant: &Value) -> &'static str {
    match variant["in_stock"].as_bool() {
        Some(true) => "https://schema.org/InStock",
        _ => "https://schema.org/OutOfStock",
    }
}

fn assert_offer(offer: &Value, variant: &Value, url: &str) {
    assert_eq!(offer["@type"], "Offer");
    assert_eq!(offer["price"], decimal(&variant["price"]), "{variant}");
    assert_eq!(offer["priceCurrency"], variant["price"]["currency"]);
    assert_eq!(offer["availability"], availability(variant), "{variant}");
    assert_eq!(offer["url"], format!("{SHOP}{url}"));
}

async fn structured_data_is_what_page_and_api_show(shop: TestShop) {
    let mut kettle = with(fixtures::product("kettle").category("kitchen").build(), 0, |variant| {
        variant.price = price(123_400, "JPY");
        variant.barcode = Some("4006381333931".to_owned());
    });
    kettle.vendor = Some("Brackwood".to_owned());
    kettle.description_html = "<p>Copper &amp; tin.</p>".to_owned();
    let kettle =
        fixtures::ProductBuilder::from(kettle).image("https://cdn.example/k.jpg", "").image("/logo", "").build();
    let dinar = with(fixtures::product("dinar").build(), 0, |variant| {
        variant.price = price(12_340, "KWD");
        variant.barcode = Some("4006381333932".to_owned());
    });
    let bag = fixtures::product("bag").variants(&[("BAG S", 3_005), ("BAG-L", 1_234_500), ("BAG-M", 2_990)]);
    let bag = with(bag.option("Size", &["Small", "Large", "Medium"]).build(), 1, |large| {
        large.barcode = Some("96385074".to_owned());
    });
    for product in [&kettle, &dinar, &bag] {
        shop.sell(product, 5).await;
    }
    shop.stock("DINAR", 0).await;
    shop.stock("BAG-M", 0).await;
    let mut client = client_of(&shop);

    for (name, shown) in [("kettle", "¥123,400"), ("dinar", "12.340\u{a0}KWD")] {
        let page = client.get(&format!("/products/{name}")).await;
        let api = client.get(&format!("/api/v1/products/{name}")).await.json();
        let data = structured_as(&page, "Product");
        assert!(page.text().contains(shown), "{}", page.text());
        assert_offer(&data["offers"], &api["variants"][0], &format!("/products/{name}"));
        assert_eq!((&data["name"], &data["sku"]), (&api["title"], &api["variants"][0]["sku"]));
        assert_eq!(data["url"], canonical(&page)[0]);
    }
    let kettle = structured_as(&client.get("/products/kettle").await, "Product");
    assert_eq!(kettle["offers"]["price"], "123400");
    assert_eq!(kettle["image"], json!(["https://cdn.example/k.jpg", format!("{SHOP}/logo")]));
    assert_eq!((&kettle["gtin"], &kettle["description"]), (&json!("4006381333931"), &json!("Copper & tin.")));
    assert_eq!(kettle["brand"]["name"], "Brackwood");
    let dinar = structured_as(&client.get("/products/dinar").await, "Product");
    assert_eq!((&dinar["offers"]["price"], &dinar["gtin"]), (&json!("12.340"), &Value::Null), "no GTIN");
    assert_eq!(dinar["offers"]["availability"], "https://schema.org/OutOfStock");

    let page = client.get("/products/bag?variant=BAG-L").await;
    let api = client.get("/api/v1/products/bag").await.json();
    let offers = &structured_as(&page, "Product")["offers"];
    assert_eq!(offers["@type"], "AggregateOffer");
    assert_eq!((&offers["lowPrice"], &offers["highPrice"]), (&json!("29.90"), &json!("12345.00")));
    assert_eq!((&offers["offerCount"], &offers["priceCurrency"]), (&json!(3), &json!("EUR")));
    assert_eq!(offers["availability"], "https://schema.org/InStock");
    assert!(page.text().contains("<span class=\"price\">€12,345.00</span>"), "the price of the chosen variant");
    let lowest = client.get("/products/bag").await;
    assert!(lowest.text().contains("<span class=\"price\">€29.90</span>"), "as long as none is chosen");
    let variants = api["variants"].as_array().expect("variants");
    let listed = offers["offers"].as_array().expect("offers");
    assert_eq!(listed.len(), variants.len());
    for (offer, variant) in listed.iter().zip(variants) {
        let url = format!("/products/bag?variant={}", text(&variant["sku"]).replace(' ', "%20"));
        assert_offer(offer, variant, &url);
        assert_eq!((&offer["sku"], &offer["name"]), (&variant["sku"], &variant["title"]));
        assert_eq!(offer["gtin"], variant["barcode"]);
    }
}

async fn breadcrumbs_and_shop_are_structured_data(shop: TestShop) {
    write_all(&shop, &[fixtures::product("kettle").category("kitchen").build(), fixtures::product("pen").build()])
        .await;
    let mut operator = shop.operator().await;
    change(&mut operator, "/contact", json!({"email": "hello@shop.example", "phone": "+49 30 1234"})).await;
    let mut client = client_of(&shop);
    let trail = |page: &Answer| {
        let list = structured_as(page, "BreadcrumbList")["itemListElement"].clone();
        let steps = list.as_array().expect("steps").iter().zip(1_u64..).map(|(step, position)| {
            assert_eq!(step["position"], position);
            (text(&step["name"]), text(&step["item"]).replace(SHOP, ""))
        });
        steps.collect::<Vec<_>>()
    };
    let step = |name: &str, path: &str| (name.to_owned(), path.to_owned());
    let (all, kitchen) = (step("All products", "/products"), step("kitchen", "/categories/kitchen"));
    let product = client.get("/products/kettle").await;
    assert_eq!(trail(&product), [all.clone(), kitchen.clone(), step("kettle", "/products/kettle")]);
    assert_eq!(trail(&client.get("/categories/kitchen").await), [all, kitchen]);
    assert_eq!(structured(&client.get("/products/pen").await).len(), 1, "no category");
    let home = structured(&client.get("/").await);
    let url = format!("{SHOP}/");
    assert_eq!(
        home[0]["@graph"],
        json!([
            {"@type": "Organization", "name": "My shop", "url": url, "email": "hello@shop.example", "telephone": "+49 30 1234"},
            {"@type": "WebSite", "name": "My shop", "url": url},
        ])
    );
}

async fn a_title_cannot_end_the_script_element(shop: TestShop) {
    let title = "</script><script>alert('x')</script><!-- \"&amp;\" \\u003c";
    let mut product = fixtures::product("kettle").title(title).category("kitchen").build();
    product.vendor = Some(title.to_owned());
    write(&shop, &product).await;
    change(&mut shop.operator().await, "/shop/name", json!("</script><script>alert(1)//")).await;
    let mut client = client_of(&shop);
    for path in ["/products/kettle", "/", "/categories/kitchen"] {
        let page = client.get(path).await;
        let text = page.text();
        // The shop's script, and the structured data.
        assert_eq!(text.matches("<script").count(), 1 + structured(&page).len(), "{path}: {text}");
        assert!(!text.contains("<script>") && !text.contains("<!--"), "{path}: {text}");
    }
    let data = structured_as(&client.get("/products/kettle").await, "Product");
    assert_eq!((&data["name"], &data["brand"]["name"]), (&json!(title), &json!(title)));
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

async fn the_sitemap_lists_what_is_public(shop: TestShop) {
    let products = [
        fixtures::product("kettle").category("kitchen").build(),
        fixtures::product("schöner-stift").category("büro").build(),
        fixtures::product("hidden").category("kitchen").status(ProductStatus::Draft).build(),
        fixtures::product("gone").status(ProductStatus::Archived).build(),
    ];
    write_all(&shop, &products).await;
    let mut operator = shop.operator().await;
    change(&mut operator, "/pages/imprint", json!({"text": "Ada GmbH", "is_draft": false})).await;
    let mut client = client_of(&shop);
    let listed = addresses(&client.get("/sitemap.xml").await);
    let public = ["/", "/products", "/categories/kitchen", "/categories/b%C3%BCro", "/pages/imprint"];
    let expected = [&public[..], &["/products/kettle", "/products/sch%C3%B6ner-stift"]].concat();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), set(&expected));
    assert_eq!(listed.len(), expected.len(), "each once: {listed:?}");
    for path in &listed {
        let page = client.get(path).await;
        assert_eq!((page.status, is_listed(&page)), (StatusCode::OK, true), "{path}");
        assert_eq!(canonical(&page), [format!("{SHOP}{path}")]);
    }
    // The catalog and the pages have changed.
    write(&shop, &fixtures::product("gone").build()).await;
    write(&shop, &fixtures::product("kettle").status(ProductStatus::Archived).build()).await;
    change(&mut operator, "/pages/imprint", json!({"text": "Ada GmbH", "is_draft": true})).await;
    let answer = client.get("/sitemap.xml").await;
    let listed: BTreeSet<_> = addresses(&answer).into_iter().collect();
    assert!(listed.contains("/products/gone") && !listed.contains("/products/kettle"), "{listed:?}");
    assert!(!listed.contains("/pages/imprint"), "{listed:?}");
    // Unchanged, it is not sent again.
    let again = Request::get("/sitemap.xml").header(header::IF_NONE_MATCH, answer.header("etag"));
    assert_eq!(client.send(again.body(Body::empty()).expect("a request")).await.status, StatusCode::NOT_MODIFIED);
}

/// The products in all parts of a sitemap, by part.
async fn parts(client: &mut Client) -> Vec<Vec<String>> {
    let index = client.get("/sitemap.xml").await;
    assert!(index.text().contains("<sitemapindex "), "{}", index.text());
    let mut parts = Vec::new();
    for path in addresses(&index) {
        let part = client.get(&path).await;
        assert!(part.text().contains("<urlset ") && part.body.len() <= MAX_RESPONSE_BYTES, "{path}");
        parts.push(addresses(&part));
    }
    assert_eq!(parts.remove(0), ["/", "/products"]);
    parts
}

fn sizes(parts: &[Vec<String>]) -> Vec<usize> {
    parts.iter().map(Vec::len).collect()
}

async fn a_sitemap_has_parts_when_it_is_full(shop: TestShop) {
    let products: Vec<_> = (0..1_001).map(|number| fixtures::product(&format!("p-{number:04}")).build()).collect();
    let paths: Vec<_> = products.iter().map(|product| format!("/products/{}", product.handle)).collect();
    write_all(&shop, &products[..500]).await;
    let mut client = client_of(&shop);
    let listed = addresses(&client.get("/sitemap.xml").await);
    assert_eq!(listed, [&["/".to_owned(), "/products".to_owned()], &paths[..500]].concat(), "one part");
    write(&shop, &products[500]).await;
    let found = parts(&mut client).await;
    assert_eq!((sizes(&found), found.concat()), (vec![500, 1], paths[..501].to_vec()));
    // The parts stay the same for a while: a product is added to one of them.
    write(&shop, &fixtures::product("a-first").build()).await;
    let found = parts(&mut client).await;
    assert_eq!((sizes(&found), found.concat().len(), &*found[0][0]), (vec![501, 1], 502, "/products/a-first"));
    write(&shop, &fixtures::product("a-first").status(ProductStatus::Archived).build()).await;
    write_all(&shop, &products[501..]).await;
    // Another process has not found the parts yet.
    let found = parts(&mut client_of(&shop)).await;
    assert_eq!((sizes(&found), found.concat()), (vec![500, 500, 1], paths));
    for path in ["/sitemap-products.xml?cursor=AAAA", "/sitemap-products.xml?until=", "/sitemap.xml/x"] {
        let answer = client.get(path).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
    let listing = client.get("/api/v1/products?sort=title&limit=100").await.json();
    let foreign = format!("/sitemap-products.xml?cursor={}", text(&listing["next_cursor"]));
    assert_eq!(client.get(&foreign).await.status, StatusCode::BAD_REQUEST);
}

async fn a_part_of_long_addresses_fits_a_response(shop: TestShop) {
    let name = |number: u32| format!("{}{number:03}", "鍋".repeat(252));
    let product = |number| {
        let product = fixtures::product(&name(number)).title("Pan").build();
        with(product, 0, |variant| variant.sku = fixtures::sku(&format!("PAN-{number}")))
    };
    let products: Vec<_> = (0..201).map(product).collect();
    write_all(&shop, &products).await;
    let found = parts(&mut client_of(&shop)).await;
    assert_eq!(sizes(&found), [200, 1]);
    assert_eq!(found.concat().into_iter().collect::<BTreeSet<_>>().len(), products.len());
}

async fn robots_find_the_sitemap_and_stay_away_from_pages_of_one_visitor(shop: TestShop) {
    let mut client = client_of(&shop);
    let request = Request::get("/robots.txt").header(header::HOST, "evil.example");
    let robots = client.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(robots.header("content-type"), "text/plain; charset=utf-8");
    let text = robots.text();
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        lines,
        [
            "User-agent: *",
            "Disallow: /account",
            "Disallow: /admin",
            "Disallow: /cart",
            "Disallow: /checkout",
            "Disallow: /orders",
            "Sitemap: https://shop.example/sitemap.xml",
        ]
    );
    let sitemap = lines[6].split_once(SHOP).expect("below the shop").1;
    assert_eq!(client.get(sitemap).await.status, StatusCode::OK);
}
