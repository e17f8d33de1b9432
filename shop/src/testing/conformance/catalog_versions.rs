//! Guarantees of [`CatalogStore`](crate::ports::CatalogStore) about conditional writes, deletions, and the listing of operators.

use std::collections::BTreeSet;
use std::slice::from_ref;

use super::support::{RACERS, limit, listed, listing, race, units, upsert};
use crate::domain::{Handle, Product, ProductSort, ProductStatus, SearchQuery, SearchWord, Subject};
use crate::ports::{ProductListing, SharedStore, StatusListing, StoreError, VersionedProduct};
use crate::testing::fixtures::{handle, index, product, sku, terms};

/// The product with its version.
async fn found(store: &SharedStore, name: &str) -> Option<VersionedProduct> {
    store.find_versioned_product(&handle(name)).await.expect("read")
}

async fn insert(store: &SharedStore, product: &Product) -> Result<u64, StoreError> {
    store.insert_product(product, &index(product)).await
}

async fn update(store: &SharedStore, seen: u64, product: &Product) -> Result<u64, StoreError> {
    store.update_product(seen, product, &index(product)).await
}

fn exists<T: std::fmt::Debug>(result: &Result<T, StoreError>, expected: &Subject) {
    assert!(matches!(result, Err(StoreError::AlreadyExists { subject }) if subject == expected), "{result:?}");
}

fn conflicts<T: std::fmt::Debug>(result: &Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Conflict)), "{result:?}");
}

pub(super) async fn a_product_is_inserted_once(store: SharedStore) {
    assert_eq!(found(&store, "kettle").await, None);
    let first = product("kettle").category("kitchen").build();
    let version = insert(&store, &first).await.expect("the handle is free");
    assert!(version > 0, "0 is the version of no product");
    assert_eq!(found(&store, "kettle").await, Some(VersionedProduct { version, product: first.clone() }));
    assert_eq!(listed(&store, &listing(ProductSort::Title)).await, [handle("kettle")]);
    let second = product("kettle").title("Other").variants(&[("OTHER", 100)]).build();
    exists(&insert(&store, &second).await, &Subject::Product);
    let foreign = product("pot").variants(&[("POT", 1), ("KETTLE", 1)]).build();
    exists(&insert(&store, &foreign).await, &Subject::Sku(sku("KETTLE")));
    assert_eq!(found(&store, "kettle").await, Some(VersionedProduct { version, product: first }), "unchanged");
    assert_eq!(found(&store, "pot").await, None);
    let free = product("free").variants(&[("OTHER", 1), ("POT", 1)]).build();
    insert(&store, &free).await.expect("what was refused holds no SKU");
    let results = race(RACERS, |number| {
        let (store, product) = (store.clone(), product("raced").title(&format!("Title {number}")).build());
        async move { store.insert_product(&product, &index(&product)).await }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
}

pub(super) async fn an_update_must_have_seen_the_current_version(store: SharedStore) {
    let old = product("kettle").title("Old").build();
    conflicts(&update(&store, 0, &old).await);
    conflicts(&update(&store, 1, &old).await);
    let first = insert(&store, &old).await.expect("inserted");
    let new = product("kettle").title("New").variants(&[("NEW", 100)]).build();
    let second = update(&store, first, &new).await.expect("the current version");
    assert!(second > first);
    assert_eq!(found(&store, "kettle").await, Some(VersionedProduct { version: second, product: new.clone() }));
    for stale in [first, 0, second + 1] {
        conflicts(&update(&store, stale, &old).await);
    }
    assert_eq!(found(&store, "kettle").await, Some(VersionedProduct { version: second, product: new.clone() }));
    // An unconditional write, as of an import, is a new version too.
    upsert(&store, from_ref(&old)).await;
    conflicts(&update(&store, second, &new).await);
    let third = found(&store, "kettle").await.expect("a product");
    assert!(third.version > second);
    assert_eq!(third.product, old);
    insert(&store, &product("owner").build()).await.expect("inserted");
    let taken = product("kettle").variants(&[("OWNER", 100)]).build();
    exists(&update(&store, third.version, &taken).await, &Subject::Sku(sku("OWNER")));
    let same = update(&store, third.version, &old).await.expect("a refused write leaves the version");
    assert!(same > third.version, "also without a change");
}

pub(super) async fn one_of_many_concurrent_updates_wins(store: SharedStore) {
    let mut version = insert(&store, &product("kettle").build()).await.expect("inserted");
    for round in 0..3 {
        let results = race(RACERS, |number| {
            let title = format!("Round {round}, {number}");
            let (store, product) = (store.clone(), product("kettle").title(&title).build());
            async move { (title, store.update_product(version, &product, &index(&product)).await) }
        })
        .await;
        let winners: Vec<_> = results.iter().filter(|(_, result)| result.is_ok()).collect();
        let [(title, Ok(won))] = winners.as_slice() else { panic!("{results:?}") };
        for (_, result) in results.iter().filter(|(_, result)| result.is_err()) {
            assert!(matches!(result, Err(StoreError::Conflict | StoreError::Throttled(_))), "{result:?}");
        }
        let now = found(&store, "kettle").await.expect("a product");
        assert_eq!((&now.product.title, now.version), (title, *won));
        version = *won;
    }
}

pub(super) async fn a_deleted_product_leaves_nothing_but_stock(store: SharedStore) {
    for status in ProductStatus::ALL {
        let thing = product("thing").category("things").variants(&[("T1", 100), ("T2", 200)]).status(status).build();
        let version = store.insert_product(&thing, &terms(&[("thing", 16), ("blue", 1)])).await.expect("inserted");
        store.initialize_stock(&[(sku("T1"), 7)]).await.expect("stock");
        assert!(store.delete_product(&thing.handle, version).await.expect("deleted"), "{status:?}");
        assert_eq!(found(&store, "thing").await, None);
        assert_eq!(store.find_products_by_sku(&[sku("T1"), sku("T2")]).await.expect("read"), []);
        for sort in ProductSort::STORED {
            assert_eq!(listed(&store, &listing(sort)).await, [], "{sort:?}");
            let scope = ProductListing { category: Some(handle("things")), ..listing(sort) };
            assert_eq!(listed(&store, &scope).await, [], "{sort:?}");
            for term in ["thing", "blue"] {
                let words = vec![SearchWord { term: term.to_owned(), prefix: None }];
                let search = ProductListing { search: Some(SearchQuery { words }), ..listing(sort) };
                assert_eq!(listed(&store, &search).await, [], "{term} by {sort:?}");
            }
        }
        assert_eq!(all(&store, None, 100).await, Vec::<Handle>::new());
        assert_eq!(units(&store, "T1").await, (7, 0, 0), "stock remains");
        assert!(!store.delete_product(&thing.handle, version).await.expect("repeated"), "repeating changes nothing");
        let taker = product("taker").variants(&[("T1", 100), ("T2", 100)]).build();
        let version = insert(&store, &taker).await.expect("its SKUs are free");
        assert!(store.delete_product(&taker.handle, version).await.expect("deleted"));
    }
    store.remove_empty_category(&handle("things")).await.expect("removed");
    assert_eq!(store.list_categories().await.expect("read"), []);
    assert!(!store.has_products().await.expect("read"));
}

pub(super) async fn a_deletion_must_have_seen_the_current_version(store: SharedStore) {
    assert!(!store.delete_product(&handle("kettle"), 1).await.expect("nothing to delete"));
    let old = product("kettle").build();
    let first = insert(&store, &old).await.expect("inserted");
    let second = update(&store, first, &old).await.expect("updated");
    for stale in [0, first, second + 1] {
        conflicts(&store.delete_product(&old.handle, stale).await);
    }
    assert_eq!(found(&store, "kettle").await, Some(VersionedProduct { version: second, product: old.clone() }));
    assert_eq!(listed(&store, &listing(ProductSort::Title)).await, [handle("kettle")]);
    assert!(store.delete_product(&old.handle, second).await.expect("deleted"));
}

pub(super) async fn a_product_that_is_created_again_repeats_no_version(store: SharedStore) {
    let kettle = product("kettle").build();
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let first = insert(&store, &kettle).await.expect("inserted");
        let second = update(&store, first, &kettle).await.expect("updated");
        assert!(seen.insert(first) && seen.insert(second), "{first} and {second} after {seen:?}");
        assert_eq!(listed(&store, &listing(ProductSort::Title)).await, [handle("kettle")]);
        assert!(store.delete_product(&kettle.handle, second).await.expect("deleted"));
        conflicts(&update(&store, second, &kettle).await);
    }
}

pub(super) async fn an_update_and_a_deletion_exclude_each_other(store: SharedStore) {
    for round in 0..5 {
        let name = format!("thing-{round}");
        let thing = product(&name).variants(&[(format!("T-{round}").as_str(), 100)]).build();
        let version = insert(&store, &thing).await.expect("inserted");
        let results = race(8, |number| {
            let (store, thing) = (store.clone(), thing.clone());
            async move {
                if number % 2 == 0 {
                    store.delete_product(&thing.handle, version).await.map(|done| if done { "deleted" } else { "gone" })
                } else {
                    store.update_product(version, &thing, &index(&thing)).await.map(|_| "updated")
                }
            }
        })
        .await;
        let count = |what| results.iter().filter(|result| matches!(result, Ok(done) if *done == what)).count();
        assert_eq!(count("deleted") + count("updated"), 1, "{results:?}");
        let is_kept = count("updated") == 1;
        assert_eq!(found(&store, &name).await.is_some(), is_kept, "{results:?}");
        assert_eq!(listed(&store, &listing(ProductSort::Title)).await.contains(&handle(&name)), is_kept);
        let by_sku = store.find_products_by_sku(&[thing.variants[0].sku.clone()]).await.expect("read");
        assert_eq!(by_sku.len(), usize::from(is_kept));
    }
}

/// All products with a status, page by page.
async fn all(store: &SharedStore, status: Option<ProductStatus>, rows: u16) -> Vec<Handle> {
    let (mut listing, mut handles) = (StatusListing { status, after: None, limit: limit(rows) }, Vec::new());
    loop {
        let page = store.list_handles(&listing).await.expect("a page");
        assert!(page.items.len() <= usize::from(rows));
        handles.extend(page.items);
        listing.after = page.next;
        if listing.after.is_none() {
            return handles;
        }
    }
}

pub(super) async fn all_products_are_listed_by_title_and_status(store: SharedStore) {
    use ProductStatus::{Active, Archived, Draft};
    let titles = ["Apron", "Bowl", "Cup", "Dish", "Ewer", "Fork", "Glass"];
    let statuses = [Draft, Active, Archived, Draft, Active, Archived, Draft];
    for (title, status) in titles.into_iter().zip(statuses) {
        let product = product(&title.to_lowercase()).title(title).category("table").status(status).build();
        upsert(&store, from_ref(&product)).await;
    }
    let names = |only: Option<ProductStatus>| -> Vec<Handle> {
        let rows = titles.into_iter().zip(statuses).filter(|(_, status)| only.is_none_or(|only| only == *status));
        rows.map(|(title, _)| handle(&title.to_lowercase())).collect()
    };
    for rows in [1, 2, 3, 100] {
        for status in [None, Some(Active), Some(Draft), Some(Archived)] {
            assert_eq!(all(&store, status, rows).await, names(status), "{status:?} by {rows}");
        }
    }
    // Every change of the status moves the product.
    for (from, to) in [(Draft, Archived), (Archived, Draft), (Draft, Active), (Active, Archived)] {
        for status in [from, to] {
            upsert(&store, &[product("apron").title("Apron").category("table").status(status).build()]).await;
        }
        assert!(!all(&store, Some(from), 100).await.contains(&handle("apron")), "{from:?} to {to:?}");
        assert!(all(&store, Some(to), 100).await.contains(&handle("apron")), "{from:?} to {to:?}");
        assert_eq!(all(&store, None, 100).await, names(None));
        let shown = listed(&store, &listing(ProductSort::Title)).await.contains(&handle("apron"));
        assert_eq!(shown, to == Active, "{from:?} to {to:?}");
    }
    let odd = StatusListing { status: None, after: Some("\0".to_owned()), limit: limit(100) };
    assert_eq!(store.list_handles(&odd).await.expect("any text is a position").items, names(None));
}
