//! Guarantees of [`CatalogStore`](crate::ports::CatalogStore) about single products, their SKUs and categories.

use std::slice::from_ref;

use super::support::{listed, listing, race, upsert};
use crate::domain::{Category, Handle, Product, ProductSort, ProductStatus, SearchQuery, SearchWord, Sku, Subject};
use crate::ports::{ProductListing, SharedStore, StoreError, Upserted};
use crate::testing::fixtures::{ProductBuilder, category, handle, index, product, sku, terms};

pub(super) async fn a_product_is_created_once_and_then_updated(store: SharedStore) {
    let first = rich_product("kettle").build();
    let created = store.upsert_product(&first, &index(&first)).await.expect("written");
    assert_eq!(created, Upserted::Created);
    assert_eq!(find(&store, &["kettle"]).await, from_ref(&first), "every field is kept");

    let second = Product { title: "Other".to_owned(), seo_title: None, images: Vec::new(), ..first };
    for _ in 0..3 {
        let updated = store.upsert_product(&second, &index(&second)).await.expect("written");
        assert_eq!(updated, Upserted::Updated, "repeating gives the same result");
        assert_eq!(find(&store, &["kettle"]).await, from_ref(&second));
        assert_eq!(listed(&store, &listing(ProductSort::Title)).await, [handle("kettle")]);
        let summaries = store.list_products(&listing(ProductSort::Newest)).await.expect("a page").items;
        assert_eq!(summaries, [second.summary()]);
    }
}

pub(super) async fn products_are_found_by_handle(store: SharedStore) {
    let names = ["kettle", "växel-9", "東京", "a_b.c", "a!b|c", "A"];
    let products: Vec<Product> = names.into_iter().map(|name| product(name).build()).collect();
    upsert(&store, &products).await;
    assert_eq!(find(&store, &names).await, by_handle(products.clone()));
    assert_eq!(find(&store, &["kettl", "kettle", "Kettle", "kettles"]).await, [products[0].clone()], "exactly");
    assert_eq!(find(&store, &["kettle", "kettle"]).await, [products[0].clone()], "once, even if requested twice");
    assert_eq!(find(&store, &["nothing"]).await, []);
    assert_eq!(find(&store, &[]).await, []);
}

pub(super) async fn a_hundred_products_are_found_at_once(store: SharedStore) {
    let products: Vec<Product> = (0..100).map(|number| rich_product(&format!("p{number:02}")).build()).collect();
    upsert(&store, &products).await;
    let handles: Vec<&str> = products.iter().map(|product| product.handle.as_str()).collect();
    assert_eq!(find(&store, &handles).await, products);
    let skus: Vec<&str> = products.iter().map(|product| product.variants[0].sku.as_str()).collect();
    assert_eq!(find_by_sku(&store, &skus).await, products);
}

pub(super) async fn products_are_found_by_sku_each_once(store: SharedStore) {
    let codes = ["Größe/L", "茶-01", "a b", "50%_off", "it's", "\\", "\"q\"", "x#y|z:1", "😀"];
    let variants: Vec<(&str, i64)> = codes.iter().zip(100..).map(|(code, price)| (*code, price)).collect();
    let (many, one) = (product("many").variants(&variants).build(), product("one").build());
    upsert(&store, &[many.clone(), one.clone()]).await;
    for code in codes {
        assert_eq!(find_by_sku(&store, &[code]).await, from_ref(&many), "{code}");
    }
    let mut requested = codes.to_vec();
    requested.extend(["ONE", "ONE", "one", "nothing"]);
    assert_eq!(find_by_sku(&store, &requested).await, [many, one], "each once, SKUs compared exactly");
    assert_eq!(find_by_sku(&store, &["nothing"]).await, []);
    assert_eq!(find_by_sku(&store, &[]).await, []);
}

pub(super) async fn a_product_that_is_not_active_is_found_but_not_listed(store: SharedStore) {
    let active = rich_product("kettle").category("kitchen").build();
    for status in [ProductStatus::Archived, ProductStatus::Draft, ProductStatus::Active] {
        upsert(&store, from_ref(&active)).await;
        let product = Product { status, ..active.clone() };
        upsert(&store, from_ref(&product)).await;
        let shown = if status == ProductStatus::Active { vec![handle("kettle")] } else { Vec::new() };
        assert_eq!(find(&store, &["kettle"]).await, from_ref(&product), "{status:?}");
        assert_eq!(find_by_sku(&store, &["KETTLE-S"]).await, [product], "{status:?}");
        for listing in scopes("kettle", "kitchen") {
            assert_eq!(listed(&store, &listing).await, shown, "{status:?} in {listing:?}");
        }
    }
    let draft = product("draft").status(ProductStatus::Draft).build();
    let created = store.upsert_product(&draft, &index(&draft)).await.expect("written");
    assert_eq!(created, Upserted::Created, "also as a draft");
    assert_eq!(find(&store, &["draft"]).await, [draft]);
}

pub(super) async fn an_update_leaves_nothing_of_the_old_version(store: SharedStore) {
    let old = product("thing").title("Old name").category("old").variants(&[("S1", 100), ("S2", 200)]).build();
    let new = product("thing").title("New name").category("new").variants(&[("S2", 900), ("S3", 300)]).build();
    store.upsert_product(&old, &terms(&[("old", 16), ("both", 8), ("weight", 1)])).await.expect("written");
    store.upsert_product(&new, &terms(&[("new", 16), ("both", 4), ("weight", 9)])).await.expect("written");

    for (code, found) in [("S1", false), ("S2", true), ("S3", true)] {
        assert_eq!(find_by_sku(&store, &[code]).await.len(), usize::from(found), "SKU {code}");
    }
    let here = vec![handle("thing")];
    for (term, found) in [("old", false), ("new", true), ("both", true)] {
        for sort in ProductSort::STORED.into_iter().chain([ProductSort::Relevance]) {
            let listing = ProductListing { search: Some(word(term)), ..listing(sort) };
            assert_eq!(!listed(&store, &listing).await.is_empty(), found, "term {term} by {sort:?}");
        }
    }
    for sort in ProductSort::STORED {
        assert_eq!(listed(&store, &listing(sort)).await, here, "once by {sort:?}");
        for (name, found) in [("old", false), ("new", true)] {
            let listing = ProductListing { category: Some(handle(name)), ..listing(sort) };
            assert_eq!(!listed(&store, &listing).await.is_empty(), found, "category {name} by {sort:?}");
        }
    }
    let taker = product("taker").variants(&[("S1", 100)]).build();
    upsert(&store, from_ref(&taker)).await;
    assert_eq!(find_by_sku(&store, &["S1"]).await, [taker], "a released SKU is free");
}

pub(super) async fn an_update_may_drop_everything_that_is_optional(store: SharedStore) {
    let full = rich_product("kettle").category("kitchen").build();
    upsert(&store, from_ref(&full)).await;
    let bare = product("kettle").build();
    store.upsert_product(&bare, &terms(&[])).await.expect("written without terms");
    assert_eq!(find(&store, &["kettle"]).await, [bare]);
    for search in ["kettle", "copper"] {
        let listing = ProductListing { search: Some(word(search)), ..listing(ProductSort::Relevance) };
        assert_eq!(listed(&store, &listing).await, [], "{search}");
    }
    let listing = ProductListing { category: Some(handle("kitchen")), ..listing(ProductSort::Title) };
    assert_eq!(listed(&store, &listing).await, []);
}

pub(super) async fn a_sku_of_another_product_is_rejected_and_nothing_changes(store: SharedStore) {
    let owner = product("owner").variants(&[("S1", 100), ("S2", 100)]).build();
    let old = product("other").title("Old").category("old").variants(&[("S3", 100)]).build();
    upsert(&store, &[owner.clone(), old.clone()]).await;
    let new = product("other").title("New").category("new").variants(&[("S4", 1), ("S2", 1), ("S3", 1)]).build();
    let fresh = product("fresh").category("new").variants(&[("S5", 1), ("S1", 1)]).build();
    for (refused, code) in [(&new, "S2"), (&fresh, "S1")] {
        let result = store.upsert_product(refused, &index(refused)).await;
        let taken = Subject::Sku(code.parse().expect("a SKU"));
        assert!(matches!(&result, Err(StoreError::AlreadyExists { subject }) if *subject == taken), "{result:?}");
    }
    assert_eq!(find(&store, &["owner", "other", "fresh"]).await, [old.clone(), owner.clone()]);
    assert_eq!(find_by_sku(&store, &["S1", "S2", "S3", "S4", "S5"]).await, [old, owner]);
    assert_eq!(listed(&store, &listing(ProductSort::Title)).await, [handle("other"), handle("owner")]);
    let search = |term| ProductListing { search: Some(word(term)), ..listing(ProductSort::Relevance) };
    assert_eq!(listed(&store, &search("new")).await, []);
    assert_eq!(listed(&store, &search("old")).await, [handle("other")]);
    let scope = |name| ProductListing { category: Some(handle(name)), ..listing(ProductSort::Title) };
    assert_eq!(listed(&store, &scope("new")).await, []);
    assert_eq!(listed(&store, &scope("old")).await, [handle("other")]);
    let free = product("free").variants(&[("S4", 1), ("S5", 1)]).build();
    upsert(&store, from_ref(&free)).await;
    assert_eq!(find_by_sku(&store, &["S4", "S5"]).await, [free], "rejected products hold no SKU");
}

pub(super) async fn one_of_many_products_gets_a_sku(store: SharedStore) {
    for round in 0..5 {
        let shared = format!("SHARED-{round}");
        let build = |number: usize| {
            let own = format!("OWN-{round}-{number}");
            product(&format!("p{round}-{number}")).variants(&[(own.as_str(), 1), (shared.as_str(), 1)]).build()
        };
        let results = race(8, |number| {
            let (store, product) = (store.clone(), build(number));
            async move { store.upsert_product(&product, &index(&product)).await }
        })
        .await;
        let winners: Vec<usize> = (0..8).filter(|number| results[*number].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{results:?}");
        let taken = Subject::Sku(shared.parse().expect("a SKU"));
        for result in results.iter().filter(|result| result.is_err()) {
            assert!(matches!(result, Err(StoreError::AlreadyExists { subject }) if *subject == taken), "{result:?}");
        }
        for number in 0..8 {
            let found = find(&store, &[build(number).handle.as_str()]).await;
            assert_eq!(found.len(), usize::from(number == winners[0]), "the losers left no trace");
        }
        assert_eq!(find_by_sku(&store, &[&shared]).await, [build(winners[0])]);
    }
}

pub(super) async fn concurrent_updates_of_one_product_leave_one_version(store: SharedStore) {
    const WRITERS: usize = 4;
    let build = |number: usize| {
        let (own, scope) = (format!("V-{number:02}"), format!("c{}", number % 4));
        let price = i64::try_from(number).expect("small") * 100;
        let variants = [("ALWAYS", price), (own.as_str(), price)];
        product("thing").title(&format!("Title {number:02}")).category(&scope).variants(&variants).build()
    };
    upsert(&store, &[build(99)]).await;
    let results = race(WRITERS, |number| {
        let (store, product) = (store.clone(), build(number));
        async move {
            let terms = terms(&[(product.variants[1].sku.as_str(), 5), ("all", 1)]);
            // Repeating after a partial failure must give the same result.
            for _ in 0..50 {
                match store.upsert_product(&product, &terms).await {
                    Err(error) if error.retryable() => tokio::task::yield_now().await,
                    done => return done,
                }
            }
            Err(StoreError::Throttled("50 times".into()))
        }
    })
    .await;
    assert!(results.iter().all(|result| matches!(result, Ok(Upserted::Updated))), "{results:?}");

    let last = find(&store, &["thing"]).await.pop().expect("the product is there");
    let won: usize = (0..WRITERS).find(|number| build(*number) == last).expect("one version as a whole");
    for sort in ProductSort::STORED {
        let rows = store.list_products(&listing(sort)).await.expect("a page").items;
        assert_eq!(rows, [last.summary()], "one row by {sort:?}");
    }
    let all = ProductListing { search: Some(word("all")), ..listing(ProductSort::Relevance) };
    assert_eq!(listed(&store, &all).await, [handle("thing")]);
    for number in 0..WRITERS {
        let code = format!("V-{number:02}");
        let here = if number == won { vec![handle("thing")] } else { Vec::new() };
        assert_eq!(find_by_sku(&store, &[&code]).await.len(), here.len(), "SKU {code}");
        let search = ProductListing { search: Some(word(&code)), ..listing(ProductSort::Relevance) };
        assert_eq!(listed(&store, &search).await, here, "term {code}");
    }
    for number in 0..4 {
        let scope = ProductListing { category: Some(handle(&format!("c{number}"))), ..listing(ProductSort::Title) };
        assert_eq!(listed(&store, &scope).await.len(), usize::from(number == won % 4), "category c{number}");
    }
}

pub(super) async fn a_product_with_a_hundred_variants_and_two_hundred_terms_is_kept(store: SharedStore) {
    let codes = |from: usize| -> Vec<String> { (from..from + 100).map(|number| format!("BIG-{number:03}")).collect() };
    let weights = |from: usize| {
        let words: Vec<String> = (from..from + 200).map(|number| format!("word{number:03}")).collect();
        terms(&words.iter().map(|word| (word.as_str(), 3)).collect::<Vec<_>>())
    };
    let build = |codes: &[String]| {
        let variants: Vec<(&str, i64)> = codes.iter().zip(1..).map(|(code, price)| (code.as_str(), price)).collect();
        let values: Vec<&str> = codes.iter().map(String::as_str).collect();
        let mut product = rich_product("big").variants(&variants).option("Number", &values).build();
        product.description_html = "<p>Größe &amp; Länge</p>".repeat(600);
        product
    };
    // Half of the variants and terms change with the update.
    for (from, gone) in [(0, None), (50, Some((0, "word000"))), (50, Some((49, "word049")))] {
        let product = build(&codes(from));
        store.upsert_product(&product, &weights(from)).await.expect("written");
        assert_eq!(find(&store, &["big"]).await, from_ref(&product));
        for batch in codes(from).chunks(100) {
            let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
            assert_eq!(find_by_sku(&store, &batch).await, from_ref(&product));
        }
        for number in [from, from + 199] {
            let search = Some(word(&format!("word{number:03}")));
            assert_eq!(listed(&store, &ProductListing { search, ..listing(ProductSort::Newest) }).await.len(), 1);
        }
        if let Some((number, term)) = gone {
            assert_eq!(find_by_sku(&store, &[&format!("BIG-{number:03}")]).await, []);
            let search = Some(word(term));
            assert_eq!(listed(&store, &ProductListing { search, ..listing(ProductSort::Newest) }).await, []);
        }
    }
}

pub(super) async fn has_products_counts_products_with_any_status(store: SharedStore) {
    assert!(!store.has_products().await.expect("an answer"));
    let archived = Product { category: None, status: ProductStatus::Archived, ..product("kettle").build() };
    upsert(&store, from_ref(&archived)).await;
    assert!(store.has_products().await.expect("an answer"), "archived, and without a category");
    upsert(&store, &[Product { status: ProductStatus::Active, ..archived }]).await;
    assert!(store.has_products().await.expect("an answer"));
}

pub(super) async fn categories_are_listed_by_handle_and_kept(store: SharedStore) {
    assert_eq!(store.list_categories().await.expect("none"), []);
    let names = ["kitchen", "Kitchen", "kitchen-large", "äpfel", "zebra", "東京", "a.b", "😀"];
    for (number, name) in names.iter().enumerate() {
        upsert(&store, &[product(&format!("p{number}")).category(name).build()]).await;
    }
    upsert(&store, &[product("again").category("zebra").build(), product("none").build()]).await;
    upsert(&store, &[product("draft").category("drafts").status(ProductStatus::Draft).build()]).await;
    upsert(&store, &[product("p0").category("garden").build()]).await;
    let mut expected: Vec<Category> = names.iter().chain(&["garden", "drafts"]).map(|name| category(name)).collect();
    expected.sort_by(|a, b| a.handle.as_str().as_bytes().cmp(b.handle.as_str().as_bytes()));
    assert_eq!(store.list_categories().await.expect("all"), expected);

    let mut renamed = product("again").category("zebra").build();
    renamed.category = Some(Category { handle: handle("zebra"), title: "Zebras".to_owned() });
    upsert(&store, &[renamed]).await;
    let listed = store.list_categories().await.expect("all");
    let zebras: Vec<_> = listed.iter().filter(|category| category.handle == handle("zebra")).collect();
    assert_eq!(
        zebras,
        [&Category { handle: handle("zebra"), title: "Zebras".to_owned() }],
        "once, with the last title"
    );
}

pub(super) async fn only_categories_without_active_products_are_removed(store: SharedStore) {
    let kettle = product("kettle").category("kitchen").build();
    upsert(&store, &[kettle.clone(), product("lamp").category("desk").build()]).await;
    upsert(&store, &[Product { status: ProductStatus::Archived, ..kettle.clone() }]).await;
    for name in ["kitchen", "desk", "nothing", "kitchen"] {
        store.remove_empty_category(&handle(name)).await.expect("removed or kept");
    }
    assert_eq!(store.list_categories().await.expect("all"), [category("desk")]);
    upsert(&store, &[kettle]).await;
    assert_eq!(store.list_categories().await.expect("all"), ["desk", "kitchen"].map(category));
}

/// A product with every optional field.
fn rich_product(name: &str) -> ProductBuilder {
    let upper = name.to_uppercase();
    let (small, large) = (format!("{upper}-S"), format!("{upper}-L"));
    let mut product = product(name)
        .title("Kättle \"No. 1\" 王 \\ % _ 'x'")
        .tags(&["copper", "Größe"])
        .variants(&[(small.as_str(), 2490), (large.as_str(), 4990)])
        .option("Size", &["S", "L"])
        .image("/assets/kettle.svg", "A kettle")
        .image("https://example.com/a%20b.png", "")
        .build();
    product.description_html = String::from("<p>Hält <em>heiß</em> &amp; dicht.\n\tZeile</p>");
    product.vendor = Some("Müller & Söhne".to_owned());
    product.seo_title = Some("SEO title".to_owned());
    product.seo_description = Some("SEO description".to_owned());
    product.created_at += time::Duration::milliseconds(7);
    let variant = &mut product.variants[1];
    variant.compare_at_price = Some(crate::testing::fixtures::eur(5990));
    variant.barcode = Some("4006381333931".to_owned());
    variant.image = Some(1);
    ProductBuilder::from(product)
}

/// The listings in which a product of this category must be found, and, for a search, by this term.
fn scopes(term: &str, category: &str) -> Vec<ProductListing> {
    let mut scopes = Vec::new();
    for sort in ProductSort::STORED {
        for search in [None, Some(word(term))] {
            for category in [None, Some(handle(category))] {
                scopes.push(ProductListing { search: search.clone(), category, ..listing(sort) });
            }
        }
    }
    scopes.push(ProductListing { search: Some(word(term)), ..listing(ProductSort::Relevance) });
    scopes
}

/// A search for one whole word.
fn word(term: &str) -> SearchQuery {
    SearchQuery { words: vec![SearchWord { term: term.to_owned(), prefix: None }] }
}

async fn find(store: &SharedStore, names: &[&str]) -> Vec<Product> {
    let handles: Vec<Handle> = names.iter().map(|name| handle(name)).collect();
    by_handle(store.find_products(&handles).await.expect("products are read"))
}

async fn find_by_sku(store: &SharedStore, codes: &[&str]) -> Vec<Product> {
    let skus: Vec<Sku> = codes.iter().map(|code| sku(code)).collect();
    by_handle(store.find_products_by_sku(&skus).await.expect("products are read"))
}

fn by_handle(mut products: Vec<Product>) -> Vec<Product> {
    products.sort_by(|a, b| a.handle.cmp(&b.handle));
    products
}
