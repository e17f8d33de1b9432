//! `shopease export products` and in again: nothing is lost, and the second file equals the first.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::path::Path;

use shopease_catalog_files::{Catalog, ProductFile, StockedProduct};
use shopease_shared::http::ProductFeed;
use shopease_shop::domain::{
    Currency, DraftOf, Image, Inventory, Money, Picture, Product, ProductDraft, ProductStatus, TaxClass, VariantDraft,
};
use shopease_shop::services::{Catalog as _, FindProduct};
use shopease_shop::testing::fixtures;
use shopease_storage::testing::{on_dynamodb, on_postgres};
use time::Duration;
use tokio::sync::oneshot;

use crate::harness::{TestShop, both_stores};
use crate::import::{REAL_EXPORTS, WRITE, counts, run};

both_stores!(
    real_exports_and_the_demo_come_back_unchanged,
    back_office_products_come_back_unchanged,
    a_feed_has_the_required_attributes_of_everything_on_sale,
);

/// The products of a shop and the file of its export.
async fn exported(shop: &TestShop) -> (Vec<StockedProduct>, Vec<u8>) {
    let mut catalog = Catalog::of(shop.store.clone()).await.expect("the store answers");
    let (mut all, mut bytes) = (Vec::new(), Vec::new());
    let mut file = ProductFile::new(&mut bytes).expect("a header");
    while let Some(products) = catalog.next().await.expect("the store answers") {
        for product in &products {
            file.write(product).expect("rows");
        }
        all.extend(products);
    }
    file.finish().expect("written");
    assert_eq!(all.len(), catalog.products());
    (all, bytes)
}

/// Imports the file of an export into an empty shop and compares what both shops have.
async fn compare_with_empty_shop((products, file): (Vec<StockedProduct>, Vec<u8>), empty: TestShop) {
    empty.clock.advance(Duration::days(3));
    let report = run(&empty, &file, WRITE).await;
    assert_eq!((report.rejected_rows, report.rejected_products, report.left_out), (0, 0, 0), "{report}");
    assert_eq!(counts(&report), (products.len(), 0, 0), "{report}");
    assert_eq!(report.issues, [], "{report}");
    let (again, same_file) = exported(&empty).await;
    for (product, again) in products.iter().zip(&again) {
        let available = |stocked: &StockedProduct| {
            let tracked = stocked.product.variants.iter().filter(|variant| variant.inventory == Inventory::Tracked);
            let levels = tracked.map(|variant| stocked.levels.get(&variant.sku));
            levels.map(|level| level.map_or(0, |level| level.available)).collect::<Vec<_>>()
        };
        assert_eq!(product.product, again.product);
        assert_eq!(available(product), available(again), "{}", product.product.handle);
    }
    assert!(file == same_file, "the second file differs from the first");
    let once_more = run(&empty, &file, WRITE).await;
    assert_eq!(counts(&once_more), (0, 0, products.len()), "{once_more}");
}

/// Imports these exports of real shops as far as they are beside the project.
async fn import_exports(shop: &TestShop, names: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/catalogs");
    for name in names {
        match std::fs::read(folder.join(name).with_extension("csv")) {
            Ok(file) => drop(run(shop, &file, WRITE).await),
            // Not `eprintln!`, whose output is hidden for passing tests.
            Err(_) => writeln!(std::io::stderr(), "skipped: {name}.csv is not in {}", folder.display())
                .expect("stderr takes a line"),
        }
    }
}

async fn real_exports_and_the_demo_come_back_unchanged(shop: TestShop) {
    run(&shop, include_bytes!("../../shared/demo/catalog.csv"), WRITE).await;
    import_exports(&shop, &REAL_EXPORTS[..5]).await;
    let before = exported(&shop).await;
    on_dynamodb(|store| compare_with_empty_shop(before, TestShop::new(store))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_exports_come_back_unchanged_on_postgres() {
    let (sender, receiver) = oneshot::channel();
    on_postgres(concat!(module_path!(), "::large_exports"), |store| async {
        let shop = TestShop::new(store);
        import_exports(&shop, &REAL_EXPORTS[5..]).await;
        sender.send(exported(&shop).await).expect("it is awaited");
    })
    .await;
    // Without PostgreSQL, the test is skipped.
    let Ok(before) = receiver.await else { return };
    let name = concat!(module_path!(), "::large_exports_again");
    on_postgres(name, |store| compare_with_empty_shop(before, TestShop::new(store))).await;
}

fn variant(sku: &str, values: &[&str]) -> VariantDraft {
    VariantDraft {
        sku: sku.to_owned(),
        option_values: values.iter().map(|&value| value.to_owned()).collect(),
        price: fixtures::eur(1990),
        compare_at_price: None,
        weight_grams: 250,
        requires_shipping: true,
        tax_class: TaxClass::Standard,
        barcode: String::new(),
        inventory: Inventory::Untracked,
        initial_stock: 0,
        image: None,
    }
}

fn draft(title: &str, status: ProductStatus) -> ProductDraft {
    ProductDraft {
        title: title.to_owned(),
        description_html: String::new(),
        vendor: String::new(),
        category: String::new(),
        tags: Vec::new(),
        status,
        seo_title: String::new(),
        seo_description: String::new(),
        options: Vec::new(),
        variants: vec![variant("", &[])],
        images: Some(Vec::new()),
    }
}

/// A product with everything that the back office can set, in texts that a file or a spreadsheet could misread.
fn shirt() -> ProductDraft {
    let mut dear = variant("-S/RED", &["Small", "=1+1", "&lt;b&gt;"]);
    dear.compare_at_price = Some(fixtures::eur(2990));
    dear.barcode = "0001234".to_owned();
    let mut tracked = variant("'1.23E+12\"x\"", &["+ 1", "'=x", "a, \"b\""]);
    tracked.inventory = Inventory::Tracked;
    tracked.tax_class = TaxClass::Reduced;
    tracked.barcode = "1.23E+12".to_owned();
    let mut digital = variant("=\"a\"", &["@home", "-", "AT&amp;amp;T"]);
    digital.requires_shipping = false;
    digital.weight_grams = 0;
    digital.tax_class = TaxClass::Exempt;
    ProductDraft {
        description_html: "- soft\n- <b>warm</b> &amp; \"blue\",\n<h1>x</h1>".to_owned(),
        vendor: "@Växlar".to_owned(),
        category: "Gift Cards".to_owned(),
        tags: ["blue, light", "+new", "&lt;i&gt;, x", "gift card"].map(str::to_owned).to_vec(),
        seo_title: "=SUM(A1)".to_owned(),
        seo_description: "''-quoted".to_owned(),
        options: ["=Size", "Color", "Cut, or not"].map(str::to_owned).to_vec(),
        variants: vec![dear, tracked, digital],
        ..draft("-20% \"Shirt\"", ProductStatus::Active)
    }
}

async fn back_office_products_come_back_unchanged(shop: TestShop) {
    let write = async |draft: ProductDraft, handle: &str, currency, change: fn(&mut Product)| {
        let mut product =
            draft.product(DraftOf::New { handle, now: fixtures::product("x").build().created_at }, currency);
        product.iter_mut().for_each(change);
        shop.sell(&product.expect("a product"), 7).await;
    };
    write(shirt(), "-shirt", Currency::EUR, |product| {
        let image = |url: &str, alt: &str| Image { url: url.to_owned(), alt: alt.to_owned() };
        product.images = vec![
            image("https://e.org/1.jpg?a=b,c", "-alt & \"text\""),
            image(&Picture::new(b"file", 1600, 1200).address(), ""),
            image("https://e.org/3.jpg", "&lt;p&gt;"),
            image("https://e.org/4.jpg", "four"),
            image("https://e.org/5.jpg", "five"),
        ];
        product.variants[0].image = Some(3);
        product.variants[2].image = Some(0);
    })
    .await;
    write(draft("Old", ProductStatus::Archived), "old", Currency::EUR, |_| ()).await;
    write(draft("New", ProductStatus::Draft), "new", Currency::EUR, |_| ()).await;
    let yen: Currency = "JPY".parse().expect("a currency");
    let mut tea = draft("茶", ProductStatus::Active);
    tea.variants[0].price = Money::new(1200, yen);
    write(tea, "茶", yen, |_| ()).await;
    let before = exported(&shop).await;
    assert_eq!(before.0.len(), 4);
    let text = String::from_utf8(before.1.clone()).expect("UTF-8");
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    for cell in rows.records().flat_map(|record| record.expect("a row").iter().map(str::to_owned).collect::<Vec<_>>()) {
        let is_code = cell.starts_with("=\"") && cell.ends_with('"');
        assert!(is_code || !cell.starts_with(['=', '+', '-', '@']), "{cell:?} is a formula in a spreadsheet");
    }
    on_dynamodb(|store| compare_with_empty_shop(before, TestShop::new(store))).await;
}

/// The attributes of the items of a feed, in their order.
fn items_of(feed: &[u8]) -> Vec<HashMap<String, String>> {
    let text = std::str::from_utf8(feed).expect("UTF-8");
    let document = roxmltree::Document::parse(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    assert_eq!(document.root_element().attribute("version"), Some("2.0"));
    let items = document.descendants().filter(|node| node.has_tag_name("item"));
    let items = items.map(|item| {
        let attributes = item.children().filter(roxmltree::Node::is_element);
        let attributes = attributes.map(|attribute| {
            assert_eq!(attribute.tag_name().namespace(), Some("http://base.google.com/ns/1.0"));
            (attribute.tag_name().name().to_owned(), attribute.text().unwrap_or_default().to_owned())
        });
        attributes.collect()
    });
    items.collect()
}

/// The feed of all products on sale, and the number of variants that are left out.
async fn feed_of(shop: &TestShop) -> (Vec<HashMap<String, String>>, usize) {
    let (local, mut file, mut left_out, mut after) = (&shop.local, Vec::new(), 0, None);
    let mut feed = ProductFeed::new(&mut file, "Cups & <more>", "https://shop.example").expect("written");
    loop {
        let page = local.list_by_title(after).await.expect("the store answers");
        for summary in page.items {
            let product = local.find_product(FindProduct { handle: summary.handle }).await.expect("a product");
            left_out += feed.write(&product).expect("written");
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    feed.finish().expect("written");
    (items_of(&file), left_out)
}

async fn a_feed_has_the_required_attributes_of_everything_on_sale(shop: TestShop) {
    run(&shop, include_bytes!("../../shared/demo/catalog.csv"), WRITE).await;
    let draft = fixtures::product("draft").status(ProductStatus::Draft).image("/d.svg", "").build();
    shop.sell(&draft, 5).await;
    shop.sell(&fixtures::product("without-image").build(), 5).await;
    let mut odd = fixtures::product("odd").title("A & B <i> \u{1}\u{fffe}").price(1_000).image("/o.svg", "").build();
    odd.variants[0].compare_at_price = Some(fixtures::eur(1_250));
    odd.variants[0].barcode = Some("4006381333931".to_owned());
    odd.variants[0].sku = fixtures::sku(&"X".repeat(51));
    odd.vendor = Some("Tom & Co".to_owned());
    shop.sell(&odd, 0).await;

    let (items, left_out) = feed_of(&shop).await;
    let (products, _) = exported(&shop).await;
    let on_sale = products.iter().filter(|stocked| stocked.product.status == ProductStatus::Active);
    let variants: usize = on_sale.map(|stocked| stocked.product.variants.len()).sum();
    assert_eq!((items.len(), left_out), (variants - 1, 1));
    let ids: HashSet<_> = items.iter().map(|item| &item["id"]).collect();
    assert_eq!(ids.len(), items.len(), "IDs are unique");
    for item in &items {
        for (required, longest) in
            [("id", 50), ("title", 150), ("description", 5_000), ("link", 2_000), ("image_link", 2_000)]
        {
            let length = item.get(required).map_or(0, |value| value.chars().count());
            assert!((1..=longest).contains(&length), "{required} of {item:?}");
        }
        assert!(["link", "image_link"].iter().all(|name| item[*name].starts_with("https://shop.example/")), "{item:?}");
        assert!(["in stock", "out of stock"].contains(&&*item["availability"]), "{item:?}");
        assert!(item["price"].ends_with(" EUR") && item["condition"] == "new", "{item:?}");
    }
    let bowl = items.iter().find(|item| item["title"] == "Enamel Mixing Bowl, Tomato / 3 l").expect("a variant");
    assert_eq!((&*bowl["color"], &*bowl["size"], &*bowl["availability"]), ("Tomato", "3 l", "out of stock"));
    assert_eq!(items.iter().filter(|item| item.get("item_group_id") == bowl.get("item_group_id")).count(), 6);
    let odd = items.iter().find(|item| item["title"].starts_with("A & B")).expect("an item");
    assert_eq!((&*odd["price"], &*odd["sale_price"]), ("12.50 EUR", "10.00 EUR"));
    assert_eq!((&*odd["gtin"], &*odd["brand"], &*odd["shipping_weight"]), ("4006381333931", "Tom & Co", "250 g"));
    assert_eq!(odd["title"], "A & B <i> ");
    let page = shop.client().get(odd["link"].strip_prefix("https://shop.example").expect("a path")).await;
    assert_eq!(page.status, http::StatusCode::OK, "the link leads to the product");
}
