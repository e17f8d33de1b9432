//! The reading rules, one small file each, and the accounting over real exports.

mod real_exports;
mod updates;
mod values;

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use time::OffsetDateTime;

use super::group::Outcome;
use super::issue::Issues;
use super::merge::{Context, merge};
use super::*;
use shopease_shop::domain::{Inventory, TaxClass, Variant};

fn options() -> ImportOptions {
    ImportOptions {
        currency: Currency::EUR,
        default_stock: None,
        decimal_comma: false,
        created_at: OffsetDateTime::UNIX_EPOCH,
        encoding: None,
        replace: false,
    }
}

/// The result of importing a file into an empty store.
struct ParsedCatalog {
    rows: usize,
    products: Vec<ImportedProduct>,
    left_out: Vec<LeftOutProduct>,
    rejected_products: usize,
    issues: Vec<ImportIssue>,
}

fn read_all(bytes: &[u8], options: ImportOptions) -> Result<ParsedCatalog, ReadError> {
    let mut file = read(bytes.to_vec(), options)?;
    let mut issues = std::mem::take(&mut file.issues);
    let (mut products, mut left_out, mut rejected_products) = (Vec::new(), Vec::new(), 0);
    for (outcome, found) in file.outcomes(0..file.products()) {
        issues.append(found);
        match outcome {
            Outcome::Rejected => rejected_products += 1,
            Outcome::LeftOut(product) => left_out.push(product),
            Outcome::Sold(draft) => {
                let none = HashMap::new();
                let context =
                    Context { options: &file.options, book: &file.skus, kept_elsewhere: &none, owners: &none };
                let mut found = Issues::default();
                let imported = merge(&draft, None, &context, &mut found);
                issues.append(found);
                match imported {
                    Ok(imported) => {
                        for variant in &imported.product.variants {
                            file.skus.take(&variant.sku);
                        }
                        products.push(imported);
                    }
                    Err(reason) => {
                        issues.reject_product(draft.first_line, &draft.handle, reason);
                        rejected_products += 1;
                    }
                }
            }
        }
    }
    Ok(ParsedCatalog { rows: file.rows, products, left_out, rejected_products, issues: issues.sorted() })
}

fn parse(text: &str) -> ParsedCatalog {
    read_all(text.as_bytes(), options()).expect("a product file")
}

/// A file of one row per product with the given columns; Handle, Title and Variant Price are filled in.
fn parse_cells(header: &str, cells: &str) -> ParsedCatalog {
    parse(&format!("Handle,Title,Variant Price,{header}\nmug,Mug,5.00,{cells}\n"))
}

fn variant(catalog: &ParsedCatalog) -> &Variant {
    &catalog.products[0].product.variants[0]
}

/// Line and kind of every issue.
fn kinds(catalog: &ParsedCatalog) -> Vec<(u64, IssueKind)> {
    catalog.issues.iter().map(|issue| (issue.line, issue.kind)).collect()
}

fn skus(catalog: &ParsedCatalog) -> Vec<String> {
    let products = catalog.products.iter();
    products.flat_map(|product| &product.product.variants).map(|variant| variant.sku.to_string()).collect()
}

#[test]
fn several_rows_of_a_handle_are_one_product_wherever_they_are() {
    let catalog = parse(
        "Handle,Title,Body (HTML),Vendor,Type,Tags,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Price\n\
         shirt,Shirt,<p>Soft</p>,Weaver,Shirts,\"soft, red ,soft\",Storlek,M,Färg,Röd,20\n\
         mug,Mug,,,,,Title,Default Title,,,5.50\n\
         shirt,,,,,,,L,,Blå,21.00\n",
    );
    assert_eq!(catalog.issues, []);
    let [shirt, mug] = &catalog.products[..] else { panic!("two products, not {}", catalog.products.len()) };
    assert_eq!(shirt.product.handle.as_str(), "shirt");
    assert_eq!((shirt.first_line, mug.first_line), (2, 3));
    let options: Vec<_> =
        shirt.product.options.iter().map(|option| (option.name.as_str(), option.values.join("+"))).collect();
    assert_eq!(options, [("Storlek", "M+L".to_owned()), ("Färg", "Röd+Blå".to_owned())]);
    let titles: Vec<_> = shirt.product.variants.iter().map(|variant| (variant.title(), variant.price)).collect();
    let money = |minor| shopease_shop::domain::Money::new(minor, Currency::EUR);
    assert_eq!(titles, [("M / Röd".to_owned(), money(2000)), ("L / Blå".to_owned(), money(2100))]);
    assert_eq!(shirt.product.description_html, "<p>Soft</p>");
    assert_eq!(shirt.product.vendor.as_deref(), Some("Weaver"));
    assert_eq!(shirt.product.tags, ["soft", "red"]);
    assert_eq!(mug.product.options, []);
    assert_eq!(mug.product.variants[0].option_values, Vec::<String>::new());
}

#[test]
fn images_keep_their_order_without_duplicates_and_variants_refer_to_theirs() {
    let catalog = parse(
        "Handle,Title,Option1 Name,Option1 Value,Variant Price,Image Src,Image Position,Image Alt Text,Variant Image\n\
         mug,Mug,Color,Red,5,https://e.org/2.png,2,Two,https://e.org/1.png\n\
         mug,,,Blue,5,,,,https://e.org/3.png\n\
         mug,,,,,https://e.org/1.png,1,One,\n\
         mug,,,,,https://e.org/1.png,3,Again,\n\
         mug,,,,,ftp://e.org/4.png,4,,\n",
    );
    let product = &catalog.products[0].product;
    let images: Vec<_> = product.images.iter().map(|image| (image.url.as_str(), image.alt.as_str())).collect();
    assert_eq!(images, [("https://e.org/1.png", "One"), ("https://e.org/2.png", "Two"), ("https://e.org/3.png", "")]);
    assert_eq!(product.variants.iter().map(|variant| variant.image).collect::<Vec<_>>(), [Some(0), Some(2)]);
    assert_eq!(kinds(&catalog), [(6, IssueKind::Note)]);
}

#[test]
fn a_bad_price_rejects_only_its_row_and_reports_the_line() {
    for price in ["\"1,50\"", "-1", "free", "1.005", "€5", "", "1e3"] {
        let catalog = parse(&format!(
            "Handle,Title,Option1 Name,Option1 Value,Variant Price\nmug,Mug,Size,S,5\nmug,,,M,{price}\nmug,,,L,6\npot,Pot,,,7\n"
        ));
        assert_eq!(kinds(&catalog), [(3, IssueKind::RejectedRow)], "{price}");
        assert_eq!(catalog.products[0].product.options[0].values, ["S", "L"], "{price}");
        assert_eq!(catalog.products.len(), 2, "{price}");
    }
}

#[test]
fn a_product_without_any_usable_variant_is_rejected() {
    let catalog = parse("Handle,Title,Variant Price\nmug,Mug,\"1,50\"\npot,Pot,\njar,Jar,0\n");
    let expected = [(2, IssueKind::RejectedRow), (2, IssueKind::RejectedProduct), (3, IssueKind::RejectedProduct)];
    assert_eq!(kinds(&catalog), expected);
    assert_eq!((catalog.rejected_products, catalog.products.len()), (2, 1));
    assert_eq!(variant(&catalog).price.amount_minor, 0);
}

#[test]
fn prices_follow_the_currency_and_former_prices_must_be_higher() {
    let yen = ImportOptions { currency: "JPY".parse().expect("a currency"), ..options() };
    let text = "Handle,Title,Variant Price,Variant Compare At Price\na,A,1200,1500\nb,B,1200.00,1200\nc,C,12.50,\n";
    let catalog = read_all(text.as_bytes(), yen).expect("a product file");
    let prices: Vec<_> = catalog
        .products
        .iter()
        .map(|product| &product.product.variants[0])
        .map(|variant| (variant.price.amount_minor, variant.compare_at_price.map(|price| price.amount_minor)))
        .collect();
    assert_eq!(prices, [(1200, Some(1500)), (1200, None)]);
    assert_eq!(kinds(&catalog), [(4, IssueKind::RejectedRow), (4, IssueKind::RejectedProduct)]);
}

#[test]
fn numbers_may_have_a_decimal_comma() {
    let text = "Handle,Title,Variant Price,Variant Compare At Price,Variant Grams,Variant Inventory Qty\n\
        a,A,\"1.234,50\",\"1\u{202f}300,00\",\"1.200,5\",1.000\n\
        b,B,19,\"1'000\",,\"-2,0\"\n\
        c,C,19.90,,,\n\
        d,D,\"1,234.50\",,,\n\
        e,E,\"12.34.567,00\",,,\n";
    let catalog =
        read_all(text.as_bytes(), ImportOptions { decimal_comma: true, ..options() }).expect("a product file");
    let read: Vec<_> = catalog.products.iter().map(|imported| &imported.product.variants[0]).collect();
    let prices: Vec<_> = read.iter().map(|variant| variant.price.amount_minor).collect();
    let former: Vec<_> = read.iter().filter_map(|variant| variant.compare_at_price).map(|p| p.amount_minor).collect();
    assert_eq!((prices, former), (vec![123_450, 1_900], vec![130_000, 100_000]));
    assert_eq!(read[0].weight_grams, 1_201);
    let rejected: Vec<_> = kinds(&catalog).into_iter().filter(|(_, kind)| *kind == IssueKind::RejectedRow).collect();
    assert_eq!(rejected, [4, 5, 6].map(|line| (line, IssueKind::RejectedRow)));
}

#[test]
fn equal_option_values_are_sold_once() {
    let catalog = parse(
        "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src\n\
         mug,Mug,Size,S,A,5,https://e.org/1.png\n\
         mug,,,S,B,5,\n\
         mug,,,S,A,5,https://e.org/2.png\n\
         mug,,,S,,,https://e.org/3.png\n",
    );
    assert_eq!(skus(&catalog), ["A"]);
    assert_eq!(catalog.products[0].product.images.len(), 3);
    assert_eq!(kinds(&catalog), [(3, IssueKind::RejectedRow), (4, IssueKind::Note), (5, IssueKind::Note)]);
}

#[test]
fn unpublished_products_are_not_imported_and_the_reason_is_reported() {
    for (published, status, expected) in [
        ("true", "active", None),
        ("", "", None),
        ("WAHR", "", None),
        ("false", "active", Some(ProductStatus::Draft)),
        ("FAUX", "", Some(ProductStatus::Draft)),
        ("true", "draft", Some(ProductStatus::Draft)),
        ("true", "archived", Some(ProductStatus::Archived)),
        ("true", "unlisted", Some(ProductStatus::Draft)),
    ] {
        let catalog = parse_cells("Published,Status", &format!("{published},{status}"));
        let left_out = catalog.left_out.first().map(|product| product.status);
        assert_eq!(left_out, expected, "{published} {status}");
        assert_eq!(catalog.products.len(), usize::from(expected.is_none()), "{published} {status}");
        let issues = if expected.is_some() { vec![(2, IssueKind::LeftOut)] } else { vec![] };
        assert_eq!(kinds(&catalog), issues, "{published} {status}");
    }
}

#[test]
fn only_a_known_quantity_limits_the_sale() {
    for (tracker, quantity, policy, default_stock, expected, notes) in [
        ("", "5", "deny", None, None, 0),
        ("shopify", "5", "deny", None, Some(5), 0),
        ("shopify", "5", "continue", None, None, 0),
        ("shopify", "-2", "deny", None, Some(0), 1),
        // The column exists: an empty cell does not mean "not tracked".
        ("shopify", "", "deny", None, Some(0), 1),
        ("shopify", "", "deny", Some(9), Some(9), 0),
        ("shopify", "5.0", "deny", Some(9), Some(5), 0),
    ] {
        let text = format!(
            "Handle,Title,Variant Price,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy\n\
             mug,Mug,5,{tracker},{quantity},{policy}\n"
        );
        let catalog = read_all(text.as_bytes(), ImportOptions { default_stock, ..options() }).expect("a product file");
        let stock = &catalog.products[0].stock;
        let inventory = if expected.is_some() { Inventory::Tracked } else { Inventory::Untracked };
        assert_eq!(variant(&catalog).inventory, inventory, "{text}");
        assert_eq!(stock.iter().map(|target| target.units).collect::<Vec<_>>(), Vec::from_iter(expected), "{text}");
        assert_eq!(catalog.issues.len(), notes, "{text}");
    }
}

#[test]
fn unknown_quantities_are_kept_for_the_note() {
    let catalog = parse(
        "Handle,Title,Option1 Value,Variant Price,Variant Inventory Tracker\nmug,Mug,S,5,shopify\nmug,,M,5,shopify\n",
    );
    assert_eq!(catalog.products[0].unknown_stock.len(), 2);
}

#[test]
fn tax_shipping_and_weight_follow_the_row() {
    let header = "Variant Taxable,Variant Tax Code,Variant Requires Shipping,Variant Grams";
    for (cells, tax_class, ships, grams) in [
        (",,,", TaxClass::Standard, true, 0),
        ("true,,true,400.5", TaxClass::Standard, true, 401),
        ("false,,true,", TaxClass::Exempt, true, 0),
        ("true,FR_Reduced,false,", TaxClass::Reduced, false, 0),
    ] {
        let catalog = parse_cells(header, cells);
        let variant = variant(&catalog);
        let read = (variant.tax_class, variant.requires_shipping, variant.weight_grams);
        assert_eq!(read, (tax_class, ships, grams), "{cells}");
    }
}

#[test]
fn the_category_is_the_merchants_type_or_the_end_of_the_taxonomy() {
    for (kind, taxonomy, expected) in [
        ("Tea Pots", "Home > Kitchen", Some(("tea-pots", "Tea Pots"))),
        ("", "Home & Garden > Kitchen > Tea & Coffee", Some(("tea-coffee", "Tea & Coffee"))),
        ("", "", None),
        ("", "Uncategorized", None),
        ("", "hg-11-3", None),
        ("***", "Kitchen", Some(("kitchen", "Kitchen"))),
    ] {
        let catalog = parse_cells("Type,Product Category", &format!("{kind},{taxonomy}"));
        let category = catalog.products[0].product.category.as_ref();
        let found = category.map(|category| (category.handle.as_str(), category.title.as_str()));
        assert_eq!(found, expected, "{kind} {taxonomy}");
    }
}

#[test]
fn missing_skus_are_derived_and_are_independent_of_row_order() {
    let header = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price\n";
    let rows =
        ["mug,Mug,Size,Extra Large,,5\n", "mug,,,S/M,,5\n", "mug,,,S-M,,5\n", "pot,Pot,,,'00123,5\n", "jar,Jar,,,,5\n"];
    let forward = skus(&parse(&format!("{header}{}", rows.concat())));
    assert_eq!(forward[0], "MUG-EXTRA-LARGE");
    assert!(forward[1].starts_with("MUG-S-M-") && forward[2].starts_with("MUG-S-M-"), "{forward:?}");
    assert_ne!(forward[1], forward[2]);
    assert_eq!(forward[3..], ["00123", "JAR"]);
    let mut backward = skus(&parse(&format!("{header}{}", rows.into_iter().rev().collect::<String>())));
    let mut sorted = forward;
    sorted.sort();
    backward.sort();
    assert_eq!(sorted, backward);
}

#[test]
fn a_sku_used_twice_stays_with_its_first_row() {
    let catalog =
        parse("Handle,Title,Variant SKU,Variant Price\nmug,Mug,A,5\npot,Pot,'A,5\njar,Jar,,5\nlid,Lid,JAR,5\n");
    let found = skus(&catalog);
    assert_eq!(found[..2], ["A", "POT"]);
    assert!(found[2].starts_with("JAR-"), "a derived SKU never takes a SKU of the file: {found:?}");
    assert_eq!(found[3], "JAR");
    assert_eq!(kinds(&catalog), [(3, IssueKind::Note)]);
}

#[test]
fn very_long_names_still_give_distinct_skus() {
    let long = "x".repeat(240);
    let catalog = parse(&format!(
        "Handle,Title,Option1 Name,Option1 Value,Variant Price\n{long},L,Size,{long}1,5\n{long},,,{long}2,5\n"
    ));
    let found = skus(&catalog);
    assert!(found.len() == 2 && found[0] != found[1], "{found:?}");
}

#[test]
fn every_store_derives_the_same_ids() {
    let catalog = parse("Handle,Title,Variant SKU,Variant Price\nmug,Mug,A,5\n");
    assert_eq!(catalog.products[0].product.id, shopease_shop::domain::ProductId::derive("mug"));
    assert_eq!(variant(&catalog).id, shopease_shop::domain::VariantId::derive("mug/A"));
}

#[test]
fn handles_are_repaired_with_a_note_and_required() {
    let catalog = parse("Handle,Title,Variant Price\nRed Mug!,Mug,5\n,Pot,5\n///,Jar,5\nkåpa-東京,Coat,5\n");
    let handles: Vec<_> = catalog.products.iter().map(|product| product.product.handle.as_str()).collect();
    assert_eq!(handles, ["red-mug", "kåpa-東京"]);
    assert_eq!(kinds(&catalog), [(2, IssueKind::Note), (3, IssueKind::RejectedRow), (4, IssueKind::RejectedRow)]);
}

#[test]
fn a_file_without_handles_is_read_by_title() {
    let catalog = parse("Title,Price\nRed Mug,5\nBlue Mug,6\n");
    let handles: Vec<_> = catalog.products.iter().map(|product| product.product.handle.as_str()).collect();
    assert_eq!(handles, ["red-mug", "blue-mug"]);
    assert_eq!(catalog.issues, []);
}

#[test]
fn the_newer_headers_read_like_the_older_ones() {
    let new = parse(
        "Title,URL handle,Description,Published on online store,Status,SKU,Barcode,Option1 name,Option1 value,\
         Option1 Linked To,Price,Price / International,Compare-at price,Charge tax,Inventory tracker,Inventory quantity,\
         Continue selling when out of stock,Weight value (grams),Product image URL,Image alt text,Gift card\n\
         Mug,mug,<b>B</b>,TRUE,Active,A,'400,Size,S,product.metafields.size,5.00,9.00,6,FALSE,shopify,3,DENY,20,https://e.org/1.png,One,FALSE\n",
    );
    let old = parse(
        "\u{FEFF}Handle,Title,Body (HTML),Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,\
         Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Compare At Price,Variant Taxable,Variant Barcode,\
         Image Src,Image Alt Text,Gift Card,Status\r\n\
         mug,Mug,<b>B</b>,true,Size,S,A,20.0,shopify,3,deny,5.00,6.00,false,400,https://e.org/1.png,One,false,active\r\n",
    );
    assert_eq!(new.products, old.products);
    assert_eq!((new.products.len(), new.issues.len(), old.issues.len()), (1, 0, 0));
    assert_eq!(old.products[0].stock.len(), 1);
}

#[test]
fn rows_of_another_width_are_read_and_noted() {
    let catalog = parse("Handle,Title,Variant Price,Tags\nmug,Mug,5\npot,Pot,5,a,b\n");
    assert_eq!(catalog.products.len(), 2);
    assert_eq!(kinds(&catalog), [(2, IssueKind::Note), (3, IssueKind::Note)]);
}

#[test]
fn titles_are_plain_and_never_empty() {
    let catalog = parse("Handle,Title,Variant Price\nmug,<b>Big</b> &amp; \"\"red\"\",5\npot,,5\n");
    let titles: Vec<_> = catalog.products.iter().map(|product| product.product.title.as_str()).collect();
    assert_eq!(titles, ["Big & \"\"red\"\"", "pot"]);
    let quoted = parse("Handle,Title,Variant Price\nmug,\"12\"\" mug, red\",5\n");
    assert_eq!(quoted.products[0].product.title, "12\" mug, red");
}

#[test]
fn options_without_names_or_values_are_completed() {
    let catalog = parse("Handle,Title,Option1 Value,Option2 Value,Variant Price\nmug,Mug,S,,5\nmug,,M,Red,5\n");
    let product = &catalog.products[0].product;
    let names: Vec<_> = product.options.iter().map(|option| option.name.as_str()).collect();
    assert_eq!(names, ["1", "2"]);
    assert_eq!(product.variants[0].option_values, ["S", "Default"]);
}

#[test]
fn a_product_with_too_many_variants_is_rejected() {
    let rows: Vec<String> = (0..2049).map(|n| format!("mug,Mug,{n},5\n")).collect();
    let catalog = parse(&format!("Handle,Title,Option1 Value,Variant Price\n{}pot,Pot,,5\n", rows.concat()));
    assert_eq!((catalog.products.len(), catalog.rejected_products), (1, 1));
}

proptest! {
    /// Whatever the cells contain, reading ends, uses no SKU twice, and reports only existing lines.
    #[test]
    fn no_text_confuses_the_reader(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..120)) {
        let text = format!("Handle,Title,Option1 Value,Variant SKU,Variant Price,Image Src\n{}", pieces.concat());
        let catalog = parse(&text);
        let found = skus(&catalog);
        prop_assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
        let lines = text.lines().count() as u64;
        prop_assert!(catalog.issues.iter().all(|issue| (1..=lines).contains(&issue.line)), "{:?}", catalog.issues);
    }
}

const PIECES: [&str; 16] = [
    "\"",
    "\"\"",
    ",",
    ",",
    ",",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\n\"",
    "ä\u{FEFF}",
    "mug",
    "5.00",
    "<b>",
    "'A",
    "https://e.org/1.png",
];
