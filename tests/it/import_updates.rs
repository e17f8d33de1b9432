//! Importing a second file: missing values are kept, invalid ones are rejected, and stock is never counted twice.

use http::StatusCode;
use shopease_catalog_files::{ImportReport, IssueKind, WriteOptions};
use shopease_shop::domain::{Inventory, Product, ProductStatus, SearchTerms, StockChange};
use shopease_shop::testing::fixtures;

use crate::harness::{TestShop, both_stores};
use crate::import::{WRITE, counts, product, run, run_with};

both_stores!(
    a_level_is_kept_if_the_file_has_no_quantity,
    a_sku_that_was_tracked_before_is_tracked_again,
    a_missing_column_changes_nothing,
    an_empty_cell_clears_an_optional_field,
    a_file_with_prices_changes_only_prices,
    replacing_clears_missing_fields_but_keeps_the_stock,
    variants_missing_from_the_file_are_kept_unless_it_replaces,
    a_renamed_handle_does_not_double_the_stock,
    an_old_and_a_new_handle_in_one_file_do_not_double_the_stock,
    an_unreadable_row_takes_no_variant_off_sale,
    a_renamed_sku_keeps_its_units,
    an_interrupted_rename_of_a_sku_loses_no_units,
    skus_that_swap_variants_keep_their_own_stock,
    a_dry_run_reports_the_same_as_the_real_run,
    a_gift_card_is_withdrawn_from_sale,
    one_category_has_one_title,
    a_product_too_large_for_the_front_doors_is_rejected,
    an_order_of_the_longest_lines_can_be_placed,
);

const TEE: &str = "Handle,Title,Type,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price\n\
                   tee,Tee,Clothes,TEE-1,shopify,7,deny,10.00\n";

const MUGS: &str = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,\
    Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Compare At Price,\
    Variant Requires Shipping,Variant Taxable,Variant Tax Code,Variant Barcode,Image Src,Image Position,Image Alt Text,\
    Variant Image,SEO Title,SEO Description,Status\n\
    mug,Stone mug,<p>Holds tea.</p>,Potter,Kitchen,\"clay, tea\",true,Colour,Red,MUG-R,300,shopify,7,deny,10.00,12.00,false,\
    true,reduced,4006381333931,https://img.example/1.jpg,1,Red mug,https://img.example/1.jpg,Mugs,All mugs,active\n\
    mug,,,,,,,,Blue,MUG-B,310,shopify,9,deny,11.00,,true,false,,4006381333932,https://img.example/2.jpg,2,Blue mug,\
    https://img.example/2.jpg,,,\n";

/// The file without a column.
fn without(file: &str, column: usize) -> String {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let headers = reader.headers().expect("a header").clone();
    let records = reader.records().map(|record| record.expect("a record"));
    for record in std::iter::once(headers).chain(records) {
        let fields = record.iter().enumerate().filter(|(place, _)| *place != column).map(|(_, field)| field);
        writer.write_record(fields).expect("a record is written");
    }
    String::from_utf8(writer.into_inner().expect("all is written")).expect("text")
}

fn reasons(report: &ImportReport) -> String {
    report.issues.iter().map(|issue| format!("{}: {}", issue.line, issue.reason)).collect::<Vec<_>>().join("\n")
}

async fn stored(shop: &TestShop, handle: &str) -> Product {
    product(shop, handle).await.expect("a product")
}

async fn a_level_is_kept_if_the_file_has_no_quantity(shop: TestShop) {
    let expect_seven = async |price: i64, what: &str| {
        let variant = stored(&shop, "tee").await.variants.remove(0);
        assert_eq!((variant.inventory, variant.price.amount_minor), (Inventory::Tracked, price), "{what}");
        assert_eq!(shop.levels("TEE-1").await.0, 7, "{what}");
        assert_eq!(shop.client().add("TEE-1", 500).await.status, StatusCode::CONFLICT, "{what}");
    };
    let set_stock = WriteOptions { set_stock: true, ..WRITE };
    for replace in [false, true] {
        run(&shop, TEE.as_bytes(), WRITE).await;
        for quantity in ["\"1,000\"", "1.5", "many", "1e3", "7 000", "99999999999999999999"] {
            let file = TEE.replace(",7,deny,10.00", &format!(",{quantity},deny,99.00"));
            let report = run_with(&shop, file.as_bytes(), set_stock, replace).await;
            let kinds: Vec<_> = report.issues.iter().map(|issue| (issue.line, issue.kind)).collect();
            assert_eq!(kinds, [(2, IssueKind::RejectedRow), (2, IssueKind::RejectedProduct)], "{quantity}");
            assert!(reasons(&report).contains("quantity"), "{}", reasons(&report));
            expect_seven(1000, quantity).await;
        }
        run_with(&shop, TEE.replace(",7,deny,10.00", ",,deny,11.00").as_bytes(), set_stock, replace).await;
        expect_seven(1100, "an empty quantity").await;
        let no_quantity = without(TEE, 5).replace("10.00", "12.00");
        run_with(&shop, no_quantity.as_bytes(), set_stock, replace).await;
        expect_seven(1200, "no quantity").await;
        run_with(&shop, without(&no_quantity, 4).as_bytes(), set_stock, replace).await;
        expect_seven(1200, "neither tracker nor quantity").await;
    }
    let report = run(&shop, TEE.replace("shopify", "").as_bytes(), WRITE).await;
    assert!(reasons(&report).contains("is no longer tracked"), "{}", reasons(&report));
}

async fn a_sku_that_was_tracked_before_is_tracked_again(shop: TestShop) {
    shop.stock("TEE-1", 3).await;
    let unknown = without(TEE, 5);
    run(&shop, unknown.as_bytes(), WRITE).await;
    assert_eq!(stored(&shop, "tee").await.variants[0].inventory, Inventory::Tracked);
    assert_eq!(shop.levels("TEE-1").await.0, 3);
    let other = unknown.replace("TEE-1", "CAP-1").replace("tee,", "cap,");
    let report = run(&shop, other.as_bytes(), WRITE).await;
    assert_eq!(stored(&shop, "cap").await.variants[0].inventory, Inventory::Untracked, "no level is known");
    assert!(reasons(&report).contains("sold without stock tracking"), "{}", reasons(&report));
}

async fn a_missing_column_changes_nothing(shop: TestShop) {
    run(&shop, MUGS.as_bytes(), WRITE).await;
    let before = stored(&shop, "mug").await;
    let headers: Vec<&str> = MUGS.lines().next().expect("a header").split(',').map(str::trim).collect();
    for (place, header) in headers.iter().enumerate() {
        if ["Handle", "Variant Price"].contains(header) {
            continue;
        }
        let report = run(&shop, without(MUGS, place).as_bytes(), WRITE).await;
        assert_eq!(stored(&shop, "mug").await, before, "without {header}: {}", reasons(&report));
        assert_eq!(counts(&report), (0, 0, 1), "without {header}");
        assert_eq!(report.issues, [], "without {header}");
    }
    assert_eq!((shop.levels("MUG-R").await.0, shop.levels("MUG-B").await.0), (7, 9));
    let mut archived = before.clone();
    archived.status = ProductStatus::Archived;
    shop.store.upsert_product(&archived, &SearchTerms::default()).await.expect("it is written");
    let report = run(&shop, b"Handle,Variant SKU,Variant Price\nmug,MUG-R,10.00\n", WRITE).await;
    assert_eq!((stored(&shop, "mug").await, report.variants), (archived, 0));
    assert!(reasons(&report).contains("not on sale"), "{}", reasons(&report));
}

async fn an_empty_cell_clears_an_optional_field(shop: TestShop) {
    run(&shop, MUGS.as_bytes(), WRITE).await;
    let before = stored(&shop, "mug").await;
    let file = "Handle,Title,Body (HTML),Vendor,Tags,Variant SKU,Variant Grams,Variant Price,Variant Compare At Price,\
                Variant Barcode,SEO Title,Status\nmug,,,,,MUG-R,,10.00,,,,\n";
    run(&shop, file.as_bytes(), WRITE).await;
    let after = stored(&shop, "mug").await;
    assert_eq!((after.vendor, after.description_html.as_str(), after.tags.len(), after.seo_title), (None, "", 0, None));
    let (red, was) = (&after.variants[0], &before.variants[0]);
    assert_eq!((&red.barcode, red.compare_at_price), (&None, None));
    assert_eq!((red.weight_grams, after.title, after.status), (was.weight_grams, before.title, before.status));
}

async fn a_file_with_prices_changes_only_prices(shop: TestShop) {
    run(&shop, MUGS.as_bytes(), WRITE).await;
    let mut expected = stored(&shop, "mug").await;
    let report = run(&shop, b"Handle,Variant SKU,Variant Price\nmug,MUG-B,12.50\nmug,NEW,3\n", WRITE).await;
    expected.variants[1].price.amount_minor = 1250;
    assert_eq!(stored(&shop, "mug").await, expected);
    assert_eq!((counts(&report), report.rejected_rows, report.variants), ((0, 1, 0), 1, 2));
    assert!(reasons(&report).starts_with("3: the product has the options Colour"), "{}", reasons(&report));
}

async fn replacing_clears_missing_fields_but_keeps_the_stock(shop: TestShop) {
    run(&shop, MUGS.as_bytes(), WRITE).await;
    let file = b"Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price\nmug,Mug,Colour,Red,MUG-R,12.00\n";
    let report = run_with(&shop, file, WRITE, true).await;
    let mug = stored(&shop, "mug").await;
    assert_eq!((mug.vendor, mug.tags.len(), mug.images.len(), mug.category), (None, 0, 0, None));
    assert_eq!(
        (mug.variants.len(), mug.variants[0].weight_grams, mug.variants[0].inventory),
        (1, 0, Inventory::Tracked)
    );
    assert_eq!((report.replace, report.variants_withdrawn, shop.levels("MUG-R").await.0), (true, 1, 7));
    assert!(reasons(&report).contains("taken off sale: Blue (MUG-B)"), "{}", reasons(&report));
}

async fn variants_missing_from_the_file_are_kept_unless_it_replaces(shop: TestShop) {
    run(&shop, MUGS.as_bytes(), WRITE).await;
    let (head, _) = MUGS.split_once("mug,,,").expect("a second row");
    let before = stored(&shop, "mug").await;
    let report = run(&shop, head.as_bytes(), WRITE).await;
    let after = stored(&shop, "mug").await;
    assert_eq!((after.variants.len(), report.variants_withdrawn), (2, 0));
    assert_eq!((after.options, after.variants[0].clone()), (before.options, before.variants[0].clone()));
    // A new option: the remaining variants have no value for it.
    let sizes = head.replace("Variant SKU", "Option2 Value,Variant SKU");
    let sizes = sizes.replace("Red,MUG-R", "Red,Large,MUG-R");
    let report = run(&shop, sizes.as_bytes(), WRITE).await;
    assert_eq!((stored(&shop, "mug").await.variants.len(), report.variants_withdrawn), (1, 1));
    assert!(reasons(&report).contains("taken off sale: Blue (MUG-B)"), "{}", reasons(&report));
}

async fn a_renamed_handle_does_not_double_the_stock(shop: TestShop) {
    run(&shop, TEE.as_bytes(), WRITE).await;
    let renamed = TEE.replace("tee,", "shirt,");
    for dry_run in [true, false, false] {
        let report = run(&shop, renamed.as_bytes(), WriteOptions { dry_run, ..WRITE }).await;
        assert_eq!((counts(&report), report.rejected_products, report.stock_initialized), ((0, 0, 0), 1, 0));
        assert!(reasons(&report).contains("SKU TEE-1 belongs to the product tee,"), "{}", reasons(&report));
    }
    assert_eq!((product(&shop, "shirt").await, shop.levels("TEE-1").await.0), (None, 7));
}

async fn an_old_and_a_new_handle_in_one_file_do_not_double_the_stock(shop: TestShop) {
    run(&shop, TEE.as_bytes(), WRITE).await;
    let (header, tee) = TEE.split_at(TEE.find("tee,").expect("a row"));
    let shirt = tee.replace("tee,", "shirt,");
    for rows in [format!("{tee}{shirt}"), format!("{shirt}{tee}")] {
        for dry_run in [true, false] {
            let file = format!("{header}{rows}");
            let report = run(&shop, file.as_bytes(), WriteOptions { dry_run, ..WRITE }).await;
            assert_eq!((counts(&report), report.rejected_rows, report.stock_initialized), ((0, 0, 1), 1, 0), "{rows}");
            assert!(reasons(&report).contains("SKU TEE-1 belongs to the product tee,"), "{}", reasons(&report));
        }
    }
    assert_eq!((product(&shop, "shirt").await, shop.levels("TEE-1").await.0), (None, 7));
}

async fn an_unreadable_row_takes_no_variant_off_sale(shop: TestShop) {
    run(&shop, MUGS.as_bytes(), WRITE).await;
    let report = run_with(&shop, MUGS.replace("11.00", "\"11,0\"").as_bytes(), WRITE, true).await;
    assert_eq!((report.rejected_rows, report.variants_withdrawn), (1, 0), "{}", reasons(&report));
    assert!(reasons(&report).contains("stay on sale, because a row was rejected: MUG-B"), "{}", reasons(&report));
    assert_eq!(shop.client().add("MUG-B", 1).await.status, StatusCode::CREATED);
}

async fn a_renamed_sku_keeps_its_units(shop: TestShop) {
    run(&shop, TEE.as_bytes(), WRITE).await;
    shop.store.correct_stock(&fixtures::sku("TEE-1"), StockChange::Adjust(-5)).await.expect("the stock is written");
    let renamed = TEE.replace("TEE-1", "TEE-2");
    for dry_run in [true, false] {
        let report = run(&shop, renamed.as_bytes(), WriteOptions { dry_run, ..WRITE }).await;
        assert_eq!((counts(&report), report.stock_moved, report.stock_initialized), ((0, 1, 0), 1, 0));
        assert!(
            reasons(&report).contains("SKU TEE-1 was renamed to TEE-2; its 2 available units moved with it"),
            "{}",
            reasons(&report)
        );
    }
    assert_eq!((shop.levels("TEE-1").await.0, shop.levels("TEE-2").await.0), (0, 2));
    assert_eq!(counts(&run(&shop, renamed.as_bytes(), WRITE).await), (0, 0, 1));
    assert_eq!(shop.levels("TEE-2").await.0, 2);
    run(&shop, TEE.as_bytes(), WRITE).await;
    assert_eq!((shop.levels("TEE-1").await.0, shop.levels("TEE-2").await.0), (2, 0), "and back");
    shop.assert_books_agree().await;
}

async fn an_interrupted_rename_of_a_sku_loses_no_units(shop: TestShop) {
    run(&shop, TEE.as_bytes(), WRITE).await;
    // The units have moved, but the product has not been written.
    shop.store.move_available(&fixtures::sku("TEE-1"), &fixtures::sku("TEE-2")).await.expect("the units move");
    assert_eq!((shop.levels("TEE-1").await.0, shop.levels("TEE-2").await.0), (0, 7));
    for expected in [(0, 1, 0), (0, 0, 1)] {
        let report = run(&shop, TEE.replace("TEE-1", "TEE-2").as_bytes(), WRITE).await;
        assert_eq!(counts(&report), expected, "{}", reasons(&report));
        assert_eq!((shop.levels("TEE-1").await.0, shop.levels("TEE-2").await.0), (0, 7));
    }
    assert_eq!(shop.client().add("TEE-2", 7).await.status, StatusCode::CREATED);
    shop.assert_books_agree().await;
}

async fn skus_that_swap_variants_keep_their_own_stock(shop: TestShop) {
    run(&shop, MUGS.as_bytes(), WRITE).await;
    let swapped = MUGS.replace("MUG-R", "X").replace("MUG-B", "MUG-R").replace(",X,", ",MUG-B,");
    for dry_run in [true, false] {
        let report = run(&shop, swapped.as_bytes(), WriteOptions { dry_run, ..WRITE }).await;
        assert_eq!((counts(&report), report.stock_moved, report.variants_withdrawn), ((0, 1, 0), 0, 0));
    }
    assert_eq!((shop.levels("MUG-R").await.0, shop.levels("MUG-B").await.0), (7, 9));
    let titles: Vec<_> = stored(&shop, "mug")
        .await
        .variants
        .iter()
        .map(|variant| format!("{} {}", variant.title(), variant.sku))
        .collect();
    assert_eq!(titles, ["Red MUG-B", "Blue MUG-R"]);
}

async fn a_dry_run_reports_the_same_as_the_real_run(shop: TestShop) {
    let header = "Handle,Title,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,Status\n";
    let files = [
        format!("{header}a,A,ONE,shopify,5,1,active\nb,B,TWO,shopify,6,1,active\nc,C,THREE,,,1,active\n"),
        // ONE moves to another product, TWO is renamed, THREE is withdrawn, FOUR is new.
        format!(
            "{header}b,B,ONE,shopify,5,1,active\na,A,FOUR,shopify,4,1,active\nc,C,THREE,,,1,draft\nd,D,D,shopify,,2,active\n"
        ),
        format!("{header}a,A,FOUR,shopify,9,3,active\ne,E,D,shopify,8,1,active\nf,F,,shopify,\"1,5\",1,active\n"),
    ];
    for (number, file) in files.iter().enumerate() {
        let write = WriteOptions { set_stock: number == 2, dry_run: true };
        let dry = run(&shop, file.as_bytes(), write).await;
        let real = run(&shop, file.as_bytes(), WriteOptions { dry_run: false, ..write }).await;
        assert_eq!(ImportReport { dry_run: true, ..real }, dry, "file {number}");
    }
    shop.assert_books_agree().await;
}

async fn a_gift_card_is_withdrawn_from_sale(shop: TestShop) {
    let file = |gift_card: &str| {
        format!("Handle,Title,Variant SKU,Variant Price,Gift Card\nvoucher,Voucher,G,25,{gift_card}\n")
    };
    run(&shop, file("false").as_bytes(), WRITE).await;
    let report = run(&shop, file("true").as_bytes(), WRITE).await;
    assert_eq!((report.left_out, report.withdrawn), (1, 1));
    assert_eq!(shop.client().get("/api/v1/products/voucher").await.status, StatusCode::NOT_FOUND);
}

async fn one_category_has_one_title(shop: TestShop) {
    run(&shop, b"Handle,Title,Variant Price,Type\na,A,1,Tea Pots\nb,B,1,TEA POTS\n", WRITE).await;
    for handle in ["a", "b"] {
        let category = stored(&shop, handle).await.category.expect("a department");
        assert_eq!(category.title, "Tea Pots", "{handle}");
    }
}

async fn a_product_too_large_for_the_front_doors_is_rejected(shop: TestShop) {
    let scale = format!("a rather long scale of sizes that nobody reads to its end, {}", "x".repeat(60));
    let sizes = (0..2048).map(|number| format!("many,Many,,Size,Size {number} of {scale},MANY-{number:05},10"));
    let described = |handle: &str, word: &str, times: usize| {
        let code = handle.to_uppercase();
        format!("{handle},{handle},<p>{}</p>,,,{code},10", word.repeat(times))
    };
    let header = "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant SKU,Variant Price".to_owned();
    let texts = [
        described("text", "long ", 160_000),
        described("quotes", "&amp;", 130_000),
        described("small", "long ", 100_000),
    ];
    let file = std::iter::once(header).chain(sizes).chain(texts).collect::<Vec<_>>().join("\n");
    let report = run(&shop, file.as_bytes(), WRITE).await;
    let refused: Vec<_> = report
        .issues
        .iter()
        .filter(|issue| issue.kind == IssueKind::RejectedProduct)
        .map(|issue| (issue.line, issue.handle.clone().expect("a handle")))
        .collect();
    assert_eq!(refused[..2], [(2, "many".to_owned()), (2050, "text".to_owned())], "{}", reasons(&report));
    assert!(reasons(&report).contains("the limit is 700 KiB"), "{}", reasons(&report));
    let mut client = shop.client();
    for handle in ["small", "quotes"] {
        let is_refused = refused.iter().any(|(_, refused)| refused == handle);
        for path in [format!("/api/v1/products/{handle}"), format!("/products/{handle}")] {
            let expected = if is_refused { StatusCode::NOT_FOUND } else { StatusCode::OK };
            assert_eq!(client.get(&path).await.status, expected, "{path}");
        }
    }
    assert_eq!(client.get("/products/small").await.status, StatusCode::OK);
}

async fn an_order_of_the_longest_lines_can_be_placed(shop: TestShop) {
    let header = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,\
                  Variant SKU,Variant Price,Image Src,Image Alt Text"
        .to_owned();
    let (value, title, alt, path) = ("赤".repeat(255), "日".repeat(500), "画".repeat(2500), "a".repeat(2020));
    let row = |number: usize| {
        // The last has a longer handle and exceeds the size limit of an order line.
        let handle = if number < 50 { format!("longest-{number}") } else { "長".repeat(255) };
        let options = format!("色,{value},大,{value},形,{value}");
        format!("{handle},{title},{options},LONGEST-{number},1.00,https://cdn.example/{path}{number}.jpg,{alt}")
    };
    let file = std::iter::once(header).chain((0..=50).map(row)).collect::<Vec<_>>().join("\n");
    let report = run(&shop, file.as_bytes(), WRITE).await;
    assert_eq!((report.created, report.rejected_products), (50, 1), "{}", reasons(&report));
    assert!(reasons(&report).contains("an order would store"), "{}", reasons(&report));
    let mut client = shop.client();
    for number in 0..50 {
        assert_eq!(client.add(&format!("LONGEST-{number}"), 1).await.status, StatusCode::CREATED, "{number}");
    }
    let answer = client.check_out("longest", "card_approved").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    shop.settle().await;
    assert_eq!(shop.orders().await[0].lines.len(), 50);
}
