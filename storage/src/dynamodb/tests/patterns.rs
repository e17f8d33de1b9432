//! Every access pattern of the table: its requests, and that it finds what was written.

use shopease_shop::domain::{PageLimit, Product, ProductSort, ProductStatus, SearchQuery, SearchWord, StockEffect};
use shopease_shop::ports::{
    AccountStore as _, CartStore as _, CatalogStore as _, Claimed, Consumer, Health as _, IdempotencyStore as _,
    KeyAnswer, OrderStore as _, OutboxStore as _, ProductListing, SessionStore as _, SettingsStore as _, StatusListing,
    StockStore as _,
};
use shopease_shop::testing::FixedClock;
use shopease_shop::testing::fixtures::{
    advance, cart, category, checkout_key, claim, customer, dispatched, handle, order, placement, product, session,
    settings, sku, terms, versioned_settings, visitor,
};
use time::Duration;

use super::{Bench, everything};

const NOW: time::OffsetDateTime = FixedClock::START;
const LATER: time::OffsetDateTime = NOW.saturating_add(Duration::days(30));

fn kettles() -> [Product; 3] {
    [
        product("copper-kettle").title("Copper kettle").category("kitchen").price(4900).build(),
        product("tin-kettle").title("Tin kettle").category("kitchen").price(1900).build(),
        product("kite").title("Kite").category("toys").price(2900).build(),
    ]
}

#[tokio::test]
async fn products_are_one_batch_by_handle_and_two_by_sku() {
    let bench = Bench::new().await;
    bench.upsert(&kettles()).await;
    let handles = ["kite", "kite", "tin-kettle", "none"].map(handle);
    assert_eq!(bench.store.find_products(&handles).await.expect("products").len(), 2);
    assert_eq!(bench.wire.take_operations(), ["BatchGetItem"]);
    let found = bench.store.find_products_by_sku(&["KITE", "NONE"].map(sku)).await.expect("products");
    assert_eq!(found, [kettles()[2].clone()]);
    assert_eq!(bench.wire.take_operations(), ["BatchGetItem", "BatchGetItem"]);
}

#[tokio::test]
async fn a_product_with_its_version_is_one_batch_and_a_change_reads_it_with_its_index() {
    let bench = Bench::new().await;
    let [kettle, ..] = kettles();
    let version = bench.store.insert_product(&kettle, &terms(&[("kettl", 1)])).await.expect("inserted");
    bench.wire.take_operations();
    let found = bench.store.find_versioned_product(&kettle.handle).await.expect("read").expect("a product");
    assert_eq!((found.version, &found.product), (version, &kettle));
    assert_eq!(bench.wire.take_operations(), ["BatchGetItem"]);
    bench.store.update_product(version, &kettle, &terms(&[("kettl", 1)])).await.expect("updated");
    let written = bench.wire.take_operations();
    assert_eq!(written[..2], ["GetItem", "GetItem"], "{written:?}");
    bench.store.update_product(version, &kettle, &terms(&[])).await.expect_err("another version");
    assert_eq!(bench.wire.take_operations(), ["GetItem", "GetItem"], "nothing is written");
}

#[tokio::test]
async fn the_products_of_operators_are_a_query_per_status() {
    let bench = Bench::new().await;
    let [kettle, tin, kite] = kettles();
    let draft = Product { status: ProductStatus::Draft, ..tin };
    bench.upsert(&[kettle, draft, kite]).await;
    bench.wire.take_operations();
    let listing = |status| StatusListing { status, after: None, limit: PageLimit::DEFAULT };
    let all = bench.store.list_handles(&listing(None)).await.expect("a page").items;
    assert_eq!(all, ["copper-kettle", "kite", "tin-kettle"].map(handle));
    assert_eq!(bench.wire.take_operations(), ["Query", "Query", "Query"]);
    let drafts = bench.store.list_handles(&listing(Some(ProductStatus::Draft))).await.expect("a page").items;
    assert_eq!(drafts, [handle("tin-kettle")]);
    assert_eq!(bench.wire.take_operations(), ["Query"]);
}

#[tokio::test]
async fn a_page_of_a_listing_is_one_query() {
    let bench = Bench::new().await;
    bench.upsert(&kettles()).await;
    let kitchen = |sort| ProductListing { category: Some(handle("kitchen")), ..everything(sort) };
    assert_eq!(bench.listed(&everything(ProductSort::PriceDescending)).await, ["copper-kettle", "kite", "tin-kettle"]);
    assert_eq!(bench.listed(&kitchen(ProductSort::PriceAscending)).await, ["tin-kettle", "copper-kettle"]);
    assert_eq!(bench.wire.take_operations(), ["Query", "Query"]);
}

#[tokio::test]
async fn a_search_is_a_query_for_each_form_of_a_word_and_one_batch() {
    let bench = Bench::new().await;
    bench.upsert(&kettles()).await;
    let word =
        |term: &str, prefix: Option<&str>| SearchWord { term: term.to_owned(), prefix: prefix.map(ToOwned::to_owned) };
    let search = async |words: &[SearchWord]| {
        let search = Some(SearchQuery { words: words.to_vec() });
        bench.listed(&ProductListing { search, ..everything(ProductSort::Relevance) }).await
    };
    assert_eq!(search(&[word("kettl", None)]).await, ["copper-kettle", "tin-kettle"]);
    assert_eq!(bench.wire.take_operations(), ["Query", "BatchGetItem"]);
    assert_eq!(search(&[word("kettl", Some("kettles"))]).await, ["copper-kettle", "tin-kettle"]);
    assert_eq!(bench.wire.take_operations(), ["Query", "Query", "BatchGetItem"]);
    assert_eq!(search(&[word("kettl", None), word("ti", Some("ti"))]).await, ["tin-kettle"]);
    assert_eq!(bench.wire.take_operations(), ["Query", "Query", "BatchGetItem"], "a prefix includes its own term");
    assert!(search(&[word("kettl", None), word("none", None)]).await.is_empty());
    assert_eq!(bench.wire.take_operations(), ["Query", "Query"], "nothing to read for no hit");
}

#[tokio::test]
async fn categories_are_one_query() {
    let bench = Bench::new().await;
    bench.upsert(&kettles()).await;
    assert_eq!(bench.store.list_categories().await.expect("categories"), ["kitchen", "toys"].map(category));
    assert_eq!(bench.wire.take_operations(), ["Query"]);
}

#[tokio::test]
async fn stock_is_one_batch() {
    let bench = Bench::new().await;
    bench.store.initialize_stock(&[(sku("A"), 1), (sku("B"), 2)]).await.expect("levels");
    assert_eq!(bench.wire.take_operations(), ["BatchGetItem", "TransactWriteItems"]);
    assert_eq!(bench.store.find_stock_levels(&["A", "B", "C"].map(sku)).await.expect("levels").len(), 2);
    assert_eq!(bench.wire.take_operations(), ["BatchGetItem"]);
}

#[tokio::test]
async fn a_cart_is_one_item() {
    let bench = Bench::new().await;
    let mine = cart(&visitor("ada"), &[("A", 1)]);
    bench.store.save_cart(&mine, LATER).await.expect("saved");
    assert_eq!(bench.store.find_cart(&mine.owner, NOW).await.expect("a cart"), Some(mine));
    assert_eq!(bench.wire.take_operations(), ["PutItem", "GetItem"]);
}

#[tokio::test]
async fn every_step_of_an_order_is_one_transaction() {
    let bench = Bench::new().await;
    let owner = visitor("ada");
    bench.store.initialize_stock(&[(sku("A"), 3)]).await.expect("levels");
    bench.store.save_cart(&cart(&owner, &[("A", 2)]), LATER).await.expect("saved");
    bench.wire.take_operations();
    let placed = order(&owner, "first", &[("A", 2)]);
    assert_eq!(bench.store.place_order(&placement(&placed, 1)).await.expect("placed"), Claimed::New);
    bench.store.advance_order(&advance(&placed, StockEffect::Commit)).await.expect("advanced");
    assert_eq!(bench.wire.take_operations(), ["TransactWriteItems", "TransactWriteItems"]);
}

#[tokio::test]
async fn orders_are_found_by_id_by_owner_by_email_and_all_together() {
    let bench = Bench::new().await;
    let owner = visitor("ada");
    bench.store.save_cart(&cart(&owner, &[]), LATER).await.expect("saved");
    for version in 1..=9_u64 {
        let mut placed = order(&owner, &format!("order {version}"), &[]);
        placed.placed_at += Duration::seconds(i64::try_from(version).expect("small"));
        bench.store.place_order(&placement(&placed, version)).await.expect("placed");
    }
    let mine_email = order(&owner, "order 1", &[]).email;
    bench.wire.take_operations();
    let limit = shopease_shop::domain::PageLimit::new(4).expect("a limit");
    let mine = bench.store.list_orders_of(&owner, None, limit).await.expect("a page");
    assert_eq!(bench.wire.take_operations(), ["Query"]);
    let by_email = bench.store.list_orders_by_email(&mine_email, None, limit).await.expect("a page");
    assert_eq!(by_email.map(|order| order.summary), mine);
    assert_eq!(bench.wire.take_operations(), ["Query"]);
    let all = bench.store.list_orders(None, limit).await.expect("a page");
    assert_eq!(bench.wire.take_operations(), ["Query"; 8], "one per shard");
    assert_eq!((&mine, mine.items.len()), (&all, 4));
    assert_eq!(mine.items[0].id, order(&owner, "order 9", &[]).id, "newest first");
    assert!(bench.store.find_order(&mine.items[0].id).await.expect("an order").is_some());
    assert_eq!(bench.wire.take_operations(), ["GetItem"]);
    let messages = bench.store.list_outbox().await.expect("messages");
    assert_eq!(messages.len(), 9);
    assert_eq!(bench.wire.take_operations(), ["Query"; 8]);
    bench.store.dispatch(&dispatched(&messages[..8], &[]), NOW).await.expect("delivered");
    assert_eq!(bench.wire.take_operations(), ["TransactWriteItems"], "all in one transaction");
    bench.store.dispatch(&dispatched(&messages[8..], &[Consumer::Http]), NOW).await.expect("not delivered");
    assert_eq!(bench.wire.take_operations(), ["TransactWriteItems"]);
    assert_eq!(bench.store.list_backlog(Consumer::Http, None).await.expect("messages"), messages[8..]);
    bench.store.remove_from_backlog(Consumer::Http, &[messages[8].id.clone()]).await.expect("delivered");
    assert!(bench.store.take_outbox_lease("me", NOW, LATER).await.expect("a lease"));
    assert!(bench.store.renew_outbox_lease("me", LATER).await.expect("a lease"));
    bench.store.release_outbox_lease("me").await.expect("released");
    assert_eq!(bench.wire.take_operations(), ["Query", "DeleteItem", "PutItem", "PutItem", "DeleteItem"]);
    assert_eq!(bench.store.list_due_orders(LATER).await.expect("due orders").len(), 9);
    assert_eq!(bench.wire.take_operations(), ["Query"; 8]);
}

#[tokio::test]
async fn an_idempotency_record_is_one_item() {
    let bench = Bench::new().await;
    let key = checkout_key(&visitor("ada"), "k");
    let claimed = claim(key.clone(), "request", NOW);
    assert_eq!(bench.store.claim_idempotency_key(&claimed, NOW).await.expect("claimed"), Claimed::New);
    let answer = KeyAnswer { key: key.clone(), outcome: "{}".to_owned() };
    bench.store.save_cart_under_key(&cart(&visitor("ada"), &[]), LATER, &answer).await.expect("a response");
    let found = bench.store.find_idempotency_record(&key, NOW).await.expect("a record").expect("is there");
    assert_eq!(found.outcome.as_deref(), Some("{}"));
    bench.store.release_idempotency_key(&key).await.expect("released");
    assert_eq!(bench.wire.take_operations(), ["PutItem", "TransactWriteItems", "GetItem", "DeleteItem"]);
}

#[tokio::test]
async fn an_account_is_one_item_by_id_and_two_by_address() {
    let bench = Bench::new().await;
    let ada = customer("ada");
    bench.store.insert_customer(&ada).await.expect("inserted");
    assert_eq!(bench.wire.take_operations(), ["TransactWriteItems"]);
    assert_eq!(bench.store.find_customer(&ada.id).await.expect("an account").as_ref(), Some(&ada));
    assert_eq!(bench.wire.take_operations(), ["GetItem"]);
    assert_eq!(bench.store.find_customer_by_email(&ada.email).await.expect("an account"), Some(ada));
    assert_eq!(bench.wire.take_operations(), ["GetItem", "GetItem"]);
}

#[tokio::test]
async fn a_session_is_two_items_of_which_one_is_read() {
    let bench = Bench::new().await;
    let session = session(&customer("ada"), "phone", LATER);
    bench.store.insert_session(&session).await.expect("inserted");
    assert_eq!(bench.store.find_session(&session.token_digest, NOW).await.expect("a session"), Some(session.clone()));
    assert_eq!(
        bench.store.list_sessions(&session.customer_id, NOW).await.expect("sessions"),
        std::slice::from_ref(&session)
    );
    bench.store.remove_sessions(&[session]).await.expect("removed");
    bench.store.check().await.expect("healthy");
    let operations = ["TransactWriteItems", "GetItem", "Query", "TransactWriteItems", "GetItem"];
    assert_eq!(bench.wire.take_operations(), operations);
}

#[tokio::test]
async fn writing_the_same_product_again_writes_only_the_product() {
    let bench = Bench::new().await;
    let kettle = product("kettle").category("kitchen").build();
    let found_by = terms(&[("kettle", 16), ("kitchen", 8)]);
    bench.store.upsert_product(&kettle, &found_by).await.expect("written");
    assert_eq!(
        bench.wire.take_operations(),
        ["GetItem", "TransactWriteItems", "TransactWriteItems", "TransactWriteItems"],
        "keys claimed, postings written, product published"
    );
    bench.store.upsert_product(&kettle, &found_by).await.expect("written");
    assert_eq!(bench.wire.take_operations(), ["GetItem", "TransactWriteItems", "TransactWriteItems"]);
}

#[tokio::test]
async fn settings_are_one_transaction_to_write_and_one_item_to_read() {
    let bench = Bench::new().await;
    bench.store.insert_settings(&versioned_settings(1, &settings())).await.expect("written");
    assert_eq!(bench.wire.take_operations(), ["TransactWriteItems"]);
    assert_eq!(bench.store.find_settings_version().await.expect("a number"), 1);
    bench.store.find_settings(1).await.expect("a read").expect("the version");
    assert_eq!(bench.wire.take_operations(), ["GetItem", "GetItem"]);
    assert_eq!(bench.store.list_settings_versions().await.expect("a list").len(), 1);
    assert_eq!(bench.wire.take_operations(), ["Query"]);
}
