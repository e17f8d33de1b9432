//! `shopease import` from the file to the store: what a second run does, what sells meanwhile, what is withdrawn.

use std::io::Write as _;
use std::path::Path;

use http::StatusCode;
use shopease_catalog_files::{ImportIssue, ImportOptions, ImportReport, IssueKind, WriteOptions, import, read};
use shopease_shop::domain::{Currency, Language, Product, ProductStatus, StockChange, Tokenizer};
use shopease_shop::ports::Clock as _;
use shopease_shop::testing::fixtures;
use time::Duration;

use crate::harness::{TestShop, both_stores};

both_stores!(
    what_was_read_is_what_the_store_gives_back,
    a_second_run_changes_nothing_and_leaves_the_stock_to_the_orders,
    only_what_differs_is_written,
    what_the_merchant_withdraws_is_no_longer_sold,
    a_sku_stays_with_the_product_outside_the_file_that_owns_it,
    a_sku_moves_with_its_variant_inside_a_file,
    a_dry_run_tells_and_writes_nothing,
    what_is_imported_is_shown,
    real_exports_are_sold_completely_and_a_second_run_changes_nothing,
);

const FILE: &str = "Handle,Title,Type,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,\
                    Variant Price,Image Src,Status\n\
                    mug,Mug & Saucer,Kitchen,Size,Small,MUG-S,shopify,5,4.50,https://img.example/mug.jpg,active\n\
                    mug,,,,Large,,shopify,7,6.50,,\n\
                    pot,Pot,Kitchen,,,POT,,,12.00,,active\n\
                    jar,Jar,Kitchen,,,,shopify,3,\"1,50\",,active\n\
                    lid,Lid,Kitchen,,,,,,1.00,,draft\n";

const WRITE: WriteOptions = WriteOptions { set_stock: false, dry_run: false };

fn options(shop: &TestShop) -> ImportOptions {
    ImportOptions { currency: Currency::EUR, default_stock: None, created_at: shop.clock.now(), encoding: None }
}

async fn run(shop: &TestShop, file: &[u8], write: WriteOptions) -> ImportReport {
    let catalog = read(file, &options(shop)).expect("a product file");
    let tokenizer = Tokenizer::new(Language::English);
    import(catalog, &*shop.store, &tokenizer, write, &|_| {}).await.expect("the store answers")
}

async fn product(shop: &TestShop, handle: &str) -> Option<Product> {
    let found = shop.store.find_products(&[fixtures::handle(handle)]).await.expect("the store answers");
    found.into_iter().next()
}

/// Created, updated, unchanged.
fn counts(report: &ImportReport) -> (usize, usize, usize) {
    (report.created, report.updated, report.unchanged)
}

async fn what_was_read_is_what_the_store_gives_back(shop: TestShop) {
    let expected = read(FILE.as_bytes(), &options(&shop)).expect("a product file").products;
    let report = run(&shop, FILE.as_bytes(), WRITE).await;
    assert_eq!((counts(&report), report.variants, report.stock_initialized), ((2, 0, 0), 3, 2));
    assert_eq!((report.left_out, report.rejected_rows, report.rejected_products), (1, 1, 1));
    for imported in expected {
        assert_eq!(product(&shop, imported.product.handle.as_str()).await.as_ref(), Some(&imported.product));
        for (sku, units) in imported.stock {
            assert_eq!(shop.levels(sku.as_str()).await.0, units, "{sku}");
        }
    }
    assert_eq!((product(&shop, "jar").await, product(&shop, "lid").await), (None, None));
}

async fn a_second_run_changes_nothing_and_leaves_the_stock_to_the_orders(shop: TestShop) {
    run(&shop, FILE.as_bytes(), WRITE).await;
    let before = product(&shop, "mug").await;
    shop.store.correct_stock(&fixtures::sku("MUG-S"), StockChange::Adjust(-2)).await.expect("the stock is written");
    shop.clock.advance(Duration::days(1));
    let second = run(&shop, FILE.as_bytes(), WRITE).await;
    assert_eq!((counts(&second), second.stock_initialized, second.stock_corrected), ((0, 0, 2), 0, 0));
    assert_eq!(product(&shop, "mug").await, before);
    assert_eq!(shop.levels("MUG-S").await.0, 3);
    let third = run(&shop, FILE.as_bytes(), WriteOptions { set_stock: true, ..WRITE }).await;
    assert_eq!((counts(&third), third.stock_corrected), ((0, 0, 2), 1));
    assert_eq!(shop.levels("MUG-S").await.0, 5);
}

async fn only_what_differs_is_written(shop: TestShop) {
    run(&shop, FILE.as_bytes(), WRITE).await;
    let created_at = product(&shop, "pot").await.expect("a product").created_at;
    shop.clock.advance(Duration::days(1));
    let report = run(&shop, FILE.replace("12.00", "13.00").as_bytes(), WRITE).await;
    assert_eq!(counts(&report), (0, 1, 1));
    let pot = product(&shop, "pot").await.expect("a product");
    assert_eq!((pot.variants[0].price.amount_minor, pot.created_at), (1300, created_at));
}

async fn what_the_merchant_withdraws_is_no_longer_sold(shop: TestShop) {
    run(&shop, FILE.as_bytes(), WRITE).await;
    let withdrawn = FILE.replace("12.00,,active", "12.00,,archived");
    for (withdrawn_now, run_number) in [(1, "first"), (0, "second")] {
        let report = run(&shop, withdrawn.as_bytes(), WRITE).await;
        assert_eq!((report.withdrawn, report.left_out), (withdrawn_now, 2), "{run_number}");
    }
    let pot = product(&shop, "pot").await.expect("it is kept");
    assert_eq!((pot.status, pot.variants.len()), (ProductStatus::Archived, 1));
    assert_eq!(shop.client().get("/api/v1/products/pot").await.status, StatusCode::NOT_FOUND);
    assert_eq!(counts(&run(&shop, FILE.as_bytes(), WRITE).await), (0, 1, 1), "it can be sold again");
}

async fn a_sku_stays_with_the_product_outside_the_file_that_owns_it(shop: TestShop) {
    let owner = fixtures::product("older").variants(&[("POT", 100)]).build();
    shop.sell(&owner, 1).await;
    for expected in [(2, 0, 0), (0, 0, 2)] {
        let report = run(&shop, FILE.as_bytes(), WRITE).await;
        assert_eq!(counts(&report), expected);
        let told = |issue: &&ImportIssue| issue.kind == IssueKind::Note && issue.reason.contains("SKU POT");
        assert_eq!(report.issues.iter().filter(told).count(), 1, "{:?}", report.issues);
    }
    assert_eq!(product(&shop, "older").await, Some(owner));
    let pot = product(&shop, "pot").await.expect("a product");
    assert!(pot.variants[0].sku.as_str().starts_with("POT-"), "{}", pot.variants[0].sku);
}

async fn a_sku_moves_with_its_variant_inside_a_file(shop: TestShop) {
    let header = "Handle,Title,Variant SKU,Variant Price\n";
    run(&shop, format!("{header}a,A,ONE,1\nb,B,TWO,1\n").as_bytes(), WRITE).await;
    let moved = format!("{header}b,B,ONE,1\na,A,THREE,1\n");
    assert_eq!(counts(&run(&shop, moved.as_bytes(), WRITE).await), (0, 2, 0));
    assert_eq!(counts(&run(&shop, moved.as_bytes(), WRITE).await), (0, 0, 2));
    let owners = shop.store.find_products_by_sku(&[fixtures::sku("ONE")]).await.expect("the store answers");
    assert_eq!(owners.iter().map(|product| product.handle.as_str()).collect::<Vec<_>>(), ["b"]);
}

async fn a_dry_run_tells_and_writes_nothing(shop: TestShop) {
    let report = run(&shop, FILE.as_bytes(), WriteOptions { dry_run: true, ..WRITE }).await;
    assert_eq!((counts(&report), report.dry_run), ((2, 0, 0), true));
    assert_eq!(product(&shop, "mug").await, None);
    assert_eq!(shop.levels("MUG-S").await.0, 0);
}

async fn what_is_imported_is_shown(shop: TestShop) {
    run(&shop, FILE.as_bytes(), WRITE).await;
    let mut client = shop.client();
    let listing = client.get("/api/v1/products?sort=price").await.json();
    let titles: Vec<_> = listing["items"].as_array().expect("rows").iter().map(|row| row["title"].clone()).collect();
    assert_eq!(titles, ["Mug & Saucer", "Pot"]);
    let page = client.get("/products/mug").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("Mug &#38; Saucer"), "{}", page.text());
}

/// Exports of real shops that may lie beside the project. The last two are large: on the embedded engine, as a test
/// builds it, they would take minutes.
const REAL_EXPORTS: [&str; 7] = ["apparel", "jewelery", "store-a", "store-b", "store-c", "store-d", "store-e"];

async fn real_exports_are_sold_completely_and_a_second_run_changes_nothing(shop: TestShop) {
    import_twice(&shop, &REAL_EXPORTS[..5]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_exports_are_sold_completely_and_a_second_run_changes_nothing_on_postgres() {
    let name = concat!(module_path!(), "::large_exports");
    shopease_storage::testing::on_postgres(name, |store| async {
        import_twice(&TestShop::new(store), &REAL_EXPORTS[5..]).await;
    })
    .await;
}

async fn import_twice(shop: &TestShop, names: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/catalogs");
    for name in names {
        let Ok(file) = std::fs::read(folder.join(name).with_extension("csv")) else {
            // Not `eprintln!`: what a passing test prints so is not shown.
            writeln!(std::io::stderr(), "skipped: {name}.csv is not in {}", folder.display())
                .expect("stderr takes a line");
            continue;
        };
        let expected = read(&file, &options(shop)).expect("a product file");
        let variants: usize = expected.products.iter().map(|imported| imported.product.variants.len()).sum();
        let first = run(shop, &file, WRITE).await;
        assert_eq!(first.created + first.updated, expected.products.len(), "{name}: {first}");
        assert_eq!((first.variants, first.rejected_products, first.rejected_rows), (variants, 0, 0), "{name}: {first}");
        let second = run(shop, &file, WRITE).await;
        assert_eq!(counts(&second), (0, 0, expected.products.len()), "{name}: {second}");
        assert_eq!((second.withdrawn, second.stock_initialized), (0, 0), "{name}: {second}");
    }
}
