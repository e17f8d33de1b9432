//! `/api/v1/products` and `/api/v1/categories`: listing, search, pagination, `ETag`s.

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::Value;
use shopease_shop::domain::{Product, ProductStatus};
use shopease_shop::testing::{FixedClock, fixtures};
use time::Duration;

use crate::harness::{Answer, Client, TestShop, both_stores, text};

both_stores!(
    listings_have_the_requested_order,
    searches_match_every_word_and_a_prefix_of_the_last,
    words_are_found_however_they_are_written,
    every_code_and_text_of_a_product_with_many_variants_is_found,
    a_search_without_results_shows_new_products,
    a_category_lists_its_own_products_and_an_unknown_one_is_not_found,
    paging_shows_every_product_once,
    a_cursor_is_valid_only_for_its_listing,
    inactive_products_are_neither_listed_nor_found,
    a_product_has_its_stock,
    an_unchanged_response_is_not_sent_again,
    head_responds_like_get_without_a_body,
    listing_and_product_match_their_snapshots,
);

/// Five products that differ in title, age, price, category and words.
fn products() -> Vec<Product> {
    [
        ("kettle", "Copper kettle", 4900, "kitchen", ["tea", "stove"], 1),
        ("teapot", "Teapot of cast iron", 3900, "kitchen", ["tea", "iron"], 5),
        ("lamp", "Desk lamp", 7900, "office", ["light", "iron"], 3),
        ("pen", "Fountain pen", 2900, "office", ["writing", "ink"], 4),
        ("cafetiere", "Cafetière", 3400, "kitchen", ["coffee", "glass"], 2),
    ]
    .into_iter()
    .map(|(handle, title, price, category, tags, days)| {
        fixtures::product(handle)
            .title(title)
            .price(price)
            .category(category)
            .tags(&tags)
            .created_at(FixedClock::START - Duration::days(days))
            .build()
    })
    .collect()
}

async fn stocked(shop: &TestShop) -> Client {
    for product in products() {
        shop.sell(&product, 7).await;
    }
    shop.client()
}

fn handles(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let body = answer.json();
    body["items"].as_array().expect("rows").iter().map(|row| text(&row["handle"])).collect()
}

async fn list(client: &mut Client, query: &str) -> Vec<String> {
    handles(&client.get(&format!("/api/v1/products?{query}")).await)
}

async fn listings_have_the_requested_order(shop: TestShop) {
    let mut client = stocked(&shop).await;
    let newest = ["kettle", "cafetiere", "lamp", "pen", "teapot"];
    for (query, expected) in [
        ("", newest),
        ("sort=newest", newest),
        ("sort=title", ["cafetiere", "kettle", "lamp", "pen", "teapot"]),
        ("sort=price", ["pen", "cafetiere", "teapot", "kettle", "lamp"]),
        ("sort=-price", ["lamp", "kettle", "teapot", "cafetiere", "pen"]),
    ] {
        assert_eq!(list(&mut client, query).await, expected, "{query}");
    }
}

async fn searches_match_every_word_and_a_prefix_of_the_last(shop: TestShop) {
    let mut client = stocked(&shop).await;
    for (query, expected) in [
        ("q=kettle", vec!["kettle"]),
        ("q=KETTLES", vec!["kettle"]),
        ("q=cafetiere", vec!["cafetiere"]),
        ("q=CAFETI%C3%88RE", vec!["cafetiere"]),
        ("q=desk+la", vec!["lamp"]),
        ("q=iron+tea", vec!["teapot"]),
        // The title has more weight than a tag.
        ("q=iron", vec!["teapot", "lamp"]),
        ("q=iron&sort=-price", vec!["lamp", "teapot"]),
        ("q=tea&category=kitchen&sort=price", vec!["teapot", "kettle"]),
        ("q=tea&category=office", vec![]),
        ("q=tea+lamp", vec![]),
        ("q=nothing", vec![]),
        ("q=---", vec![]),
    ] {
        assert_eq!(list(&mut client, query).await, expected, "{query}");
    }
    // Spaces are not a search.
    assert_eq!(list(&mut client, "q=+&sort=title").await.len(), 5);
    assert_eq!(client.get("/api/v1/products?sort=relevance").await.rules(), ["invalid_value"]);
}

/// The handles that a search finds.
async fn found(client: &mut Client, q: &str) -> Vec<String> {
    let q: Vec<_> = q.bytes().map(|byte| format!("%{byte:02X}")).collect();
    handles(&client.get(&format!("/api/v1/products?q={}", q.concat())).await)
}

async fn words_are_found_however_they_are_written(shop: TestShop) {
    for (handle, title) in [
        ("savon", "Savon à l'huile d’olive"),
        ("beer", "ビール グラス"),
        ("heel", "ヒール パンプス"),
        ("dish", "Smørrebrød dish"),
        ("cup", "Łódź cup"),
        ("shirt", "Cotton T-Shirt"),
        ("polo", "Polo Tshirt"),
        ("router", "Wi-Fi router"),
        ("notebook", "Notebook"),
        ("boots", "Women's boots"),
    ] {
        shop.sell(&fixtures::product(handle).title(title).build(), 7).await;
    }
    let mut client = shop.client();
    for (query, expected) in [
        ("huile ", vec!["savon"]),
        ("olive", vec!["savon"]),
        ("l’huile", vec!["savon"]),
        ("ヒール", vec!["heel"]),
        ("ビール", vec!["beer"]),
        ("ﾋﾞｰﾙ", vec!["beer"]),
        ("smorrebrod", vec!["dish"]),
        ("SMØRREBRØD", vec!["dish"]),
        ("lodz", vec!["cup"]),
        ("tshirt ", vec!["polo", "shirt"]),
        ("cotton t-shirt", vec!["shirt"]),
        ("polo t-shirt", vec!["polo"]),
        ("wifi", vec!["router"]),
        ("wi-fi", vec!["router"]),
        ("note book", vec!["notebook"]),
        ("womens", vec!["boots"]),
        ("women's boots", vec!["boots"]),
        ("women boots", vec!["boots"]),
        ("nothing like it", vec![]),
    ] {
        let mut handles = found(&mut client, query).await;
        handles.sort_unstable();
        assert_eq!(handles, expected, "{query}");
    }
}

async fn every_code_and_text_of_a_product_with_many_variants_is_found(shop: TestShop) {
    let codes: Vec<String> = (0..260).map(|number| format!("BOLT-{number:04}")).collect();
    let variants: Vec<_> = codes.iter().map(|code| (code.as_str(), 100)).collect();
    let values: Vec<String> = (0..260).map(|number| format!("{number} mm")).collect();
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    let mut bolt = fixtures::product("bolt").variants(&variants).option("Length", &values).tags(&["zinc"]).build();
    bolt.category = Some(fixtures::category("fasteners"));
    bolt.vendor = Some("Kestrelworks".to_owned());
    shop.sell(&bolt, 1).await;
    let mut client = shop.client();
    for query in ["BOLT-0000", "bolt-0259", "BOLT0259", "0131", "kestrelworks", "fasteners", "zinc"] {
        assert_eq!(found(&mut client, query).await, ["bolt"], "{query}");
    }
}

async fn a_search_without_results_shows_new_products(shop: TestShop) {
    let mut client = stocked(&shop).await;
    let page = client.get("/search?q=umbrella").await.text();
    assert!(page.contains("No products match your search") && page.contains("New arrivals"), "{page}");
    let newest = page.split("id=\"newest\"").nth(1).expect("products");
    assert_eq!(newest.matches("class=\"card\"").count(), 4, "{newest}");
    assert!(!client.get("/search?q=kettle").await.text().contains("New arrivals"));
}

async fn a_category_lists_its_own_products_and_an_unknown_one_is_not_found(shop: TestShop) {
    let mut client = stocked(&shop).await;
    assert_eq!(list(&mut client, "category=office&sort=title").await, ["lamp", "pen"]);
    for category in ["", "garden", "a%20b", ".."] {
        let answer = client.get(&format!("/api/v1/products?category={category}")).await;
        assert_eq!(answer.problem(), (404, "not-found".to_owned()), "{category}");
        assert_eq!(answer.json()["subject"], "category", "{category}");
    }
    let categories = client.get("/api/v1/categories").await;
    assert_eq!(handles(&categories), ["kitchen", "office"]);
}

/// Every row of a listing, page by page.
async fn pages(client: &mut Client, query: &str) -> Vec<Vec<String>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = client.get(&format!("/api/v1/products?{query}{cursor}")).await;
        pages.push(handles(&answer));
        match &answer.json()["next_cursor"] {
            Value::Null => return pages,
            next => cursor = format!("&cursor={}", text(next)),
        }
        assert!(pages.len() < 10, "the listing does not end");
    }
}

async fn paging_shows_every_product_once(shop: TestShop) {
    let mut client = stocked(&shop).await;
    for sort in ["newest", "title", "price", "-price"] {
        let whole = list(&mut client, &format!("sort={sort}")).await;
        let pages = pages(&mut client, &format!("sort={sort}&limit=2")).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1], "{sort}");
        assert_eq!(pages.concat(), whole, "{sort}");
    }
    for query in ["category=kitchen", "q=tea", "q=iron", "q=e&sort=title"] {
        let whole = list(&mut client, query).await;
        assert_eq!(pages(&mut client, &format!("{query}&limit=1")).await.concat(), whole, "{query}");
    }
    assert_eq!(pages(&mut client, "limit=5").await.len(), 1, "a full last page has no next page");
}

async fn a_cursor_is_valid_only_for_its_listing(shop: TestShop) {
    let mut client = stocked(&shop).await;
    let page = client.get("/api/v1/products?sort=title&limit=2").await.json();
    let cursor = text(&page["next_cursor"]);
    assert_eq!(list(&mut client, &format!("sort=title&limit=1&cursor={cursor}")).await, ["lamp"], "any page size");
    for query in ["sort=price", "q=tea&sort=title", "category=kitchen&sort=title", ""] {
        let answer = client.get(&format!("/api/v1/products?{query}&cursor={cursor}")).await;
        assert_eq!(answer.problem(), (400, "malformed-request".to_owned()), "{query}");
    }
}

async fn inactive_products_are_neither_listed_nor_found(shop: TestShop) {
    let mut client = stocked(&shop).await;
    for status in [ProductStatus::Draft, ProductStatus::Archived] {
        let lamp = fixtures::product("lamp").title("Desk lamp").category("office").status(status).build();
        shop.sell(&lamp, 1).await;
        assert_eq!(list(&mut client, "category=office").await, ["pen"], "{status:?}");
        assert_eq!(list(&mut client, "q=lamp").await, Vec::<String>::new(), "{status:?}");
        let answer = client.get("/api/v1/products/lamp").await;
        assert_eq!(answer.problem(), (404, "not-found".to_owned()), "{status:?}");
        assert_eq!(answer.json()["subject"], "product");
    }
    assert_eq!(client.get("/api/v1/products/never-there").await.problem(), (404, "not-found".to_owned()));
}

async fn a_product_has_its_stock(shop: TestShop) {
    let variants = [("BAG-S", 3000), ("BAG-L", 4000)];
    shop.sell(&fixtures::product("bag").variants(&variants).option("Size", &["S", "L"]).build(), 2).await;
    shop.sell(&fixtures::product("voucher").untracked().build(), 0).await;
    shop.stock("BAG-S", 0).await;
    let mut client = shop.client();
    let bag = client.get("/api/v1/products/bag").await.json();
    let stock = |product: &Value| {
        let variants = product["variants"].as_array().expect("variants").iter();
        variants.map(|variant| (variant["in_stock"].clone(), variant["available"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(stock(&bag), [(false.into(), 0.into()), (true.into(), 2.into())]);
    let voucher = client.get("/api/v1/products/voucher").await.json();
    assert_eq!(stock(&voucher), [(true.into(), Value::Null)], "untracked, so never short");
}

async fn get_if_none_match(client: &mut Client, path: &str, tags: &str) -> Answer {
    client.send(Request::get(path).header(header::IF_NONE_MATCH, tags).body(Body::empty()).expect("a request")).await
}

async fn an_unchanged_response_is_not_sent_again(shop: TestShop) {
    let mut client = stocked(&shop).await;
    for path in ["/api/v1/products?sort=title", "/api/v1/products/pen", "/api/v1/categories", "/api/openapi.json"] {
        let first = client.get(path).await;
        let etag = first.header("etag").to_owned();
        let tag = etag.strip_prefix("W/").unwrap_or_else(|| panic!("{path}: {etag} stands for one encoding alone"));
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{path}: {etag}");
        for tags in [etag.clone(), tag.to_owned(), format!("\"other\", {etag} , \"more\""), "*".to_owned()] {
            let again = get_if_none_match(&mut client, path, &tags).await;
            assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path} {tags}");
            assert_eq!(again.header("etag"), etag, "{path} {tags}");
            for name in ["cache-control", "vary"] {
                assert_eq!(again.header(name), first.header(name), "{path} {tags}");
            }
        }
        for tags in ["\"other\"", "", &etag[..etag.len() - 2], tag.trim_matches('"')] {
            let again = get_if_none_match(&mut client, path, tags).await;
            assert_eq!((again.status, &again.body), (StatusCode::OK, &first.body), "{path} {tags}");
        }
    }
    let before = client.get("/api/v1/products/pen").await;
    shop.stock("PEN", 1).await;
    let after = get_if_none_match(&mut client, "/api/v1/products/pen", before.header("etag")).await;
    assert_eq!(after.status, StatusCode::OK, "a changed response is sent");
    assert_eq!(client.cookies.len(), 0, "browsing the catalog needs no cookie");
}

async fn head_responds_like_get_without_a_body(shop: TestShop) {
    let mut client = stocked(&shop).await;
    for path in [
        "/api/v1/products?limit=1",
        "/api/v1/products/pen",
        "/api/v1/products/none",
        "/api/v1/cart",
        "/",
        "/products/pen",
    ] {
        let get = client.get(path).await;
        let head = client.send(Request::head(path).body(Body::empty()).expect("a request")).await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<BTreeSet<_>>();
        let missing: Vec<_> = names(&get).difference(&names(&head)).cloned().collect();
        assert!(missing.is_empty() || missing == ["set-cookie"], "{path}: HEAD lacks {missing:?}");
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
    }
}

/// A product with everything that pages show: an option, an image, a category.
pub fn market_bag() -> Product {
    fixtures::product("bag")
        .title("Market bag")
        .category("kitchen")
        .tags(&["canvas"])
        .variants(&[("BAG-S", 3000), ("BAG-L", 4000)])
        .option("Size", &["Small", "Large"])
        .image("https://pictures.example/bag.jpg", "A canvas bag")
        .build()
}

async fn listing_and_product_match_their_snapshots(shop: TestShop) {
    let mut client = stocked(&shop).await;
    shop.sell(&market_bag(), 5).await;
    let listing = client.get("/api/v1/products?category=kitchen&sort=price&limit=2").await;
    assert_eq!(listing.header("content-type"), "application/json");
    insta::assert_json_snapshot!("products", listing.json(), { ".next_cursor" => "[cursor]" });
    insta::assert_json_snapshot!("product", client.get("/api/v1/products/bag").await.json());
}
