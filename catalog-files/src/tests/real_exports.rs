//! Exports of real shops, if they are beside the project: no row may be lost.
//!
//! The expected counts are computed here from the raw records and compared with the numbers recorded with the files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use super::super::IssueKind;
use super::{options, read_all};

/// Rows, handles, and priced rows of each file.
const EXPORTS: [(&str, usize, usize, usize); 7] = [
    ("apparel.csv", 22, 20, 22),
    ("jewelery.csv", 41, 20, 23),
    ("store-a.csv", 115, 27, 95),
    ("store-b.csv", 48, 14, 19),
    ("store-c.csv", 354, 56, 207),
    ("store-d.csv", 4088, 338, 3675),
    ("store-e.csv", 1775, 196, 1477),
];

/// One handle in the raw records.
#[derive(Default)]
struct Counted {
    hidden: bool,
    priced: usize,
    prices: BTreeSet<String>,
}

fn count(bytes: &[u8]) -> (usize, BTreeMap<String, Counted>) {
    let mut reader = csv::Reader::from_reader(bytes);
    let mut rows = 0;
    let mut handles: BTreeMap<String, Counted> = BTreeMap::new();
    for record in reader.deserialize::<BTreeMap<String, String>>() {
        let record = record.expect("a record");
        let cell = |name: &str| record.get(name).cloned().unwrap_or_default();
        let counted = handles.entry(cell("Handle")).or_default();
        rows += 1;
        counted.hidden |= cell("Published") == "false" || ["draft", "archived"].contains(&cell("Status").as_str());
        if !cell("Variant Price").is_empty() {
            counted.priced += 1;
            counted.prices.insert(padded(&cell("Variant Price")));
        }
    }
    (rows, handles)
}

#[test]
fn every_product_and_variant_of_real_exports_is_sold_or_reported() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/catalogs");
    for (name, rows, products, priced) in EXPORTS {
        let Ok(bytes) = std::fs::read(folder.join(name)) else {
            // Not `eprintln!`, whose output is hidden for a passing test.
            writeln!(std::io::stderr(), "skipped: {name} is not in {}", folder.display()).expect("stderr is writable");
            continue;
        };
        let (counted_rows, handles) = count(&bytes);
        let all_priced: usize = handles.values().map(|counted| counted.priced).sum();
        assert_eq!((counted_rows, handles.len(), all_priced), (rows, products, priced), "{name}");

        let catalog = read_all(&bytes, options()).expect("a product file");
        assert_eq!(catalog.rows, rows, "{name}");
        assert_eq!(catalog.rejected_products, 0, "{name}: {:?}", catalog.issues);
        assert_eq!(catalog.products.len() + catalog.left_out.len(), products, "{name}");
        let rejected =
            catalog.issues.iter().filter(|issue| issue.kind > IssueKind::LeftOut && issue.kind < IssueKind::Note);
        assert_eq!(rejected.count(), 0, "{name}: {:?}", catalog.issues);
        for left_out in &catalog.left_out {
            let counted = &handles[left_out.handle.as_str()];
            assert!(counted.hidden, "{name}: {} is not imported", left_out.handle);
            assert_eq!(left_out.variant_rows, counted.priced, "{name}: {}", left_out.handle);
            let reported = catalog.issues.iter().any(|issue| {
                issue.kind == IssueKind::LeftOut && issue.handle.as_deref() == Some(left_out.handle.as_str())
            });
            assert!(reported, "{name}: {} is dropped silently", left_out.handle);
        }
        let mut all_skus = BTreeSet::new();
        for imported in &catalog.products {
            let (product, counted) = (&imported.product, &handles[imported.product.handle.as_str()]);
            assert!(!counted.hidden, "{name}: {} is sold", product.handle);
            assert_eq!(product.variants.len(), counted.priced, "{name}: {}", product.handle);
            assert!(
                product.variants.iter().all(|variant| all_skus.insert(variant.sku.clone())),
                "{name}: {}",
                product.handle
            );
            let prices: BTreeSet<String> = product.variants.iter().map(|variant| variant.price.decimal()).collect();
            assert_eq!(prices, counted.prices, "{name}: {}", product.handle);
        }
        println!(
            "{name}: {} products with {} variants sold, {} left out, {} notes",
            catalog.products.len(),
            all_skus.len(),
            catalog.left_out.len(),
            catalog.issues.len() - catalog.left_out.len()
        );
    }
}

/// `5` and `5.0` as `5.00`.
fn padded(price: &str) -> String {
    let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
    format!("{whole}.{fraction:0<2}")
}
