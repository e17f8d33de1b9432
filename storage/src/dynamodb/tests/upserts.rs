//! Writing products when requests fail in the middle, and products that are larger than one item or transaction.

use shopease_shop::domain::{Product, ProductSort, ProductStatus, SearchQuery, SearchTerms, SearchWord};
use shopease_shop::ports::{CatalogStore as _, ProductListing, StoreError, Upserted};
use shopease_shop::testing::fixtures::{handle, product, sku, terms};

use super::wire::Fault;
use super::{Bench, everything};
use crate::dynamodb::reads::{Consistency, Range};
use crate::dynamodb::{BulkWrites, keys};

fn many_variants(name: &str, count: usize) -> Product {
    let codes: Vec<String> = (0..count).map(|number| format!("{name}-{number:04}")).collect();
    let variants: Vec<(&str, i64)> = codes.iter().map(|code| (code.as_str(), 1990)).collect();
    product(name).variants(&variants).build()
}

/// Everything through which a product can be found.
async fn traces(bench: &Bench, words: &[&str]) -> Vec<String> {
    let mut traces = Vec::new();
    for sort in ProductSort::STORED {
        traces.push(format!("{sort:?}: {:?}", bench.listed(&everything(sort)).await));
    }
    for name in ["kitchen", "garden"] {
        let listing = ProductListing { category: Some(handle(name)), ..everything(ProductSort::Title) };
        traces.push(format!("{name}: {:?}", bench.listed(&listing).await));
    }
    for term in words {
        let search = Some(SearchQuery { words: vec![SearchWord { term: (*term).to_owned(), prefix: None }] });
        let listing = ProductListing { search, ..everything(ProductSort::PriceAscending) };
        traces.push(format!("{term}: {:?}", bench.listed(&listing).await));
    }
    let skus: Vec<_> = ["A", "B", "C"].map(sku).into();
    traces.push(format!("{:?}", bench.store.find_products_by_sku(&skus).await.expect("products")));
    traces.push(format!("{:?}", bench.store.find_products(&[handle("thing")]).await.expect("products")));
    traces
}

/// Three states of one product, each with other SKUs, category, terms, title, and price than the previous one.
fn states() -> [(Product, SearchTerms); 3] {
    let first = product("thing").title("Old").category("kitchen").variants(&[("A", 100), ("B", 200)]);
    let second = product("thing").title("New").category("garden").variants(&[("B", 300), ("C", 400)]);
    let third = product("thing").title("New").category("garden").variants(&[("C", 400)]).status(ProductStatus::Draft);
    [
        (first.build(), terms(&[("old", 16), ("both", 8)])),
        (second.build(), terms(&[("new", 16), ("both", 4)])),
        (third.build(), terms(&[("new", 16)])),
    ]
}

#[tokio::test]
async fn an_upsert_interrupted_anywhere_is_completed_by_the_next() {
    const WORDS: [&str; 3] = ["old", "new", "both"];
    for (step, (after, found_by)) in states().iter().enumerate() {
        let before = step.checked_sub(1).map(|index| states()[index].clone());
        let untouched = Bench::new().await;
        untouched.store.upsert_product(after, found_by).await.expect("written");
        let expected = traces(&untouched, &WORDS).await;
        for broken in 0.. {
            let bench = Bench::new().await;
            if let Some((product, terms)) = &before {
                bench.store.upsert_product(product, terms).await.expect("written");
            }
            let mut faults = vec![Fault::None; broken];
            faults.push(Fault::Denied);
            bench.wire.fail(&faults);
            let result = bench.store.upsert_product(after, found_by).await;
            if bench.wire.faults_left() > 0 {
                assert!(broken >= 4 && result.is_ok(), "state {step}: {result:?} after {broken} requests");
                break;
            }
            assert!(matches!(result, Err(StoreError::Corrupt(_))), "state {step}, request {broken}: {result:?}");
            let listed = bench.listed(&everything(ProductSort::Title)).await;
            let found = bench.store.find_products(&[handle("thing")]).await.expect("products");
            let active = found.iter().any(|product| product.status == ProductStatus::Active);
            assert_eq!(listed.len(), usize::from(active), "state {step}, request {broken}: listed if active");
            bench.store.upsert_product(after, found_by).await.expect("written");
            assert_eq!(traces(&bench, &WORDS).await, expected, "state {step}, interrupted at request {broken}");
        }
    }
}

#[tokio::test]
async fn a_deletion_interrupted_anywhere_is_completed_by_the_next() {
    const WORDS: [&str; 3] = ["old", "new", "both"];
    let (thing, found_by) = states()[0].clone();
    let nothing = traces(&Bench::new().await, &WORDS).await;
    for broken in 0.. {
        let bench = Bench::new().await;
        let version = bench.store.insert_product(&thing, &found_by).await.expect("inserted");
        let mut faults = vec![Fault::None; broken];
        faults.push(Fault::Denied);
        bench.wire.fail(&faults);
        let result = bench.store.delete_product(&thing.handle, version).await;
        if bench.wire.faults_left() > 0 {
            assert!(broken >= 4 && matches!(result, Ok(true)), "{result:?} after {broken} requests");
            break;
        }
        assert!(matches!(result, Err(StoreError::Corrupt(_))), "request {broken}: {result:?}");
        let listed = bench.listed(&everything(ProductSort::Title)).await;
        let found = bench.store.find_products(&[handle("thing")]).await.expect("products");
        assert_eq!(listed.len(), found.len(), "request {broken}: listed if it exists");
        bench.store.delete_product(&thing.handle, version).await.expect("completed");
        assert_eq!(traces(&bench, &WORDS).await, nothing, "interrupted at request {broken}");
        let taker = product("taker").variants(&[("A", 100), ("B", 200)]).build();
        bench.store.insert_product(&taker, &terms(&[])).await.expect("its SKUs are free");
        let again = bench.store.insert_product(&product("thing").build(), &found_by).await.expect("its handle is free");
        assert!(again > version, "request {broken}");
    }
}

#[tokio::test]
async fn a_new_price_moves_a_product_in_searches_for_words_it_had_before() {
    let bench = Bench::new().await;
    let search = Some(SearchQuery { words: vec![SearchWord { term: "kettle".to_owned(), prefix: None }] });
    let cheapest = ProductListing { search, ..everything(ProductSort::PriceAscending) };
    for (price, order) in [(100, ["tin", "copper"]), (900, ["copper", "tin"])] {
        for (name, price) in [("tin", price), ("copper", 500)] {
            let kettle = product(name).price(price).build();
            bench.store.upsert_product(&kettle, &terms(&[("kettle", 16)])).await.expect("written");
        }
        assert_eq!(bench.listed(&cheapest).await, order);
    }
}

#[tokio::test]
async fn batches_have_the_same_result_as_transactions_and_unprocessed_items_are_resent() {
    let (transactions, mut batches) = (Bench::new().await, Bench::new().await);
    batches.store = batches.store.clone().with_bulk_writes(BulkWrites::Batches);
    for (product, terms) in states() {
        transactions.store.upsert_product(&product, &terms).await.expect("written");
        batches.wire.fail(&[Fault::None, Fault::None, Fault::Unprocessed, Fault::Unprocessed]);
        batches.store.upsert_product(&product, &terms).await.expect("written");
        assert_eq!(batches.wire.faults_left(), 0);
        let (expected, words) = (traces(&transactions, &["old", "new", "both"]).await, ["old", "new", "both"]);
        batches.wire.fail(&[]);
        assert_eq!(traces(&batches, &words).await, expected);
    }
    assert!(batches.wire.take_operations().contains(&"BatchWriteItem".to_owned()));
    batches.wire.fail(&[Fault::Unprocessed]);
    assert_eq!(batches.store.find_products(&[handle("thing")]).await.expect("products").len(), 1);
}

#[tokio::test]
async fn a_product_with_two_thousand_variants_is_stored_in_parts_that_are_deleted_with_it() {
    let bench = Bench::new().await;
    let mut big = many_variants("big", 2000);
    big.description_html = "<p>Größe</p>".repeat(20_000);
    let found_by = terms(&[("big", 16)]);
    assert_eq!(bench.store.upsert_product(&big, &found_by).await.expect("written"), Upserted::Created);
    assert_eq!(bench.store.find_products(&[handle("big")]).await.expect("products"), [big.clone()]);
    assert_eq!(bench.store.find_products_by_sku(&[sku("big-1999")]).await.expect("products"), [big.clone()]);
    let items = async || {
        let partition = keys::product(&handle("big")).pk;
        bench.store.query(&partition, Range::After(None), None, Consistency::Strong).await.expect("items").len()
    };
    assert!(items().await > 4, "index, summary, first item and parts");
    big.title = "Bigger".to_owned();
    assert_eq!(bench.store.upsert_product(&big, &found_by).await.expect("written"), Upserted::Updated);
    assert_eq!(bench.store.find_products(&[handle("big")]).await.expect("products"), [big]);

    let small = many_variants("big", 1);
    bench.store.upsert_product(&small, &found_by).await.expect("written");
    assert_eq!(bench.store.find_products(&[handle("big")]).await.expect("products"), [small]);
    assert_eq!(items().await, 3, "index, summary and first item");
    assert_eq!(bench.store.find_products_by_sku(&[sku("big-1999")]).await.expect("products"), []);
}

#[tokio::test]
async fn a_product_over_the_size_limit_is_rejected_by_name() {
    let bench = Bench::new().await;
    let mut huge = product("huge").build();
    huge.description_html = "x".repeat(6 * 1024 * 1024);
    let rejected = bench.store.upsert_product(&huge, &terms(&[("huge", 1)])).await;
    let Err(StoreError::Corrupt(why)) = rejected else { panic!("{rejected:?}") };
    assert!(why.to_string().contains("product huge"), "{why}");
    assert!(bench.listed(&everything(ProductSort::Title)).await.is_empty());
}

#[tokio::test]
async fn a_foreign_sku_after_the_first_transaction_releases_all_others() {
    let bench = Bench::new().await;
    let big = many_variants("big", 250);
    let owner = product("owner").variants(&[("big-0240", 1)]).build();
    bench.upsert(std::slice::from_ref(&owner)).await;
    let rejected = bench.store.upsert_product(&big, &terms(&[("big", 1)])).await;
    assert!(
        matches!(&rejected, Err(StoreError::AlreadyExists { subject }) if subject.to_string() == "sku big-0240"),
        "{rejected:?}"
    );
    assert_eq!(bench.store.find_products(&[handle("big")]).await.expect("products"), []);
    let codes: Vec<String> = (0..240).map(|number| format!("big-{number:04}")).collect();
    let variants: Vec<(&str, i64)> = codes.iter().map(|code| (code.as_str(), 1)).collect();
    let heir = product("heir").variants(&variants).build();
    bench.store.upsert_product(&heir, &terms(&[])).await.expect("the SKUs are free");
    bench.upsert(&[product("owner").variants(&[("other", 1)]).build()]).await;
    let rest = product("rest").variants(&[("big-0240", 1)]).build();
    bench.store.upsert_product(&rest, &terms(&[])).await.expect("the SKU is free");
}
