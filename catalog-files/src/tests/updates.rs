//! A second file for products that the store already has.

use super::*;
use shopease_shop::domain::{Money, Product};

/// The products after importing two files, and the issues of the second file.
struct Updated {
    products: HashMap<String, Product>,
    removed: Vec<String>,
    issues: Vec<ImportIssue>,
}

fn update_with(first: &str, second: &str, options: ImportOptions) -> Updated {
    let stored = parse(first).products.into_iter().map(|imported| imported.product);
    let mut products: HashMap<String, Product> = stored.map(|product| (product.handle.to_string(), product)).collect();
    let own = |product: &Product| product.variants.iter().map(|variant| variant.sku.clone()).collect::<Vec<_>>();
    let owners: HashMap<Sku, Handle> = products
        .values()
        .flat_map(|product| own(product).into_iter().map(|sku| (sku, product.handle.clone())))
        .collect();
    let mut file = read(second.as_bytes().to_vec(), options).expect("a product file");
    let mut issues = std::mem::take(&mut file.issues);
    let mut removed = Vec::new();
    for (outcome, found) in file.outcomes(0..file.products()) {
        issues.append(found);
        let Outcome::Sold(draft) = outcome else { continue };
        let none = HashMap::new();
        let context = Context { options: &file.options, book: &file.skus, kept_elsewhere: &none, owners: &owners };
        let mut found = Issues::default();
        let merged = merge(&draft, products.get(draft.handle.as_str()), &context, &mut found);
        issues.append(found);
        match merged {
            Ok(imported) => {
                removed.extend(imported.removed.iter().map(|variant| variant.sku.to_string()));
                products.insert(draft.handle.to_string(), imported.product);
            }
            Err(reason) => issues.reject_product(draft.first_line, &draft.handle, reason),
        }
    }
    Updated { products, removed, issues: issues.sorted() }
}

fn update(first: &str, second: &str) -> Updated {
    update_with(first, second, options())
}

impl Updated {
    /// The variants of a product as `SKU=values`, and its option names.
    fn layout(&self, handle: &str) -> (String, Vec<String>) {
        let product = &self.products[handle];
        let names: Vec<&str> = product.options.iter().map(|option| option.name.as_str()).collect();
        let variants = product.variants.iter().map(|variant| format!("{}={}", variant.sku, variant.title()));
        (names.join("+"), variants.collect())
    }

    fn reasons(&self, kind: IssueKind) -> Vec<&str> {
        self.issues.iter().filter(|issue| issue.kind == kind).map(|issue| issue.reason.as_str()).collect()
    }
}

const FULL: &str = "Handle,Variant SKU,Variant Price,Title,Body (HTML),Tags,Image Src\n";

#[test]
fn cells_that_a_short_row_lacks_change_nothing() {
    let first = format!("{FULL}mug,M-1,10.00,Mug,<p>Soft</p>,\"a, b\",https://e.org/1.png\n");
    let short = update(&first, &format!("{FULL}mug,M-1,12.00,New\n"));
    let mug = &short.products["mug"];
    assert_eq!((mug.title.as_str(), mug.description_html.as_str()), ("New", "<p>Soft</p>"));
    assert_eq!((mug.tags.len(), mug.images.len(), mug.variants[0].price.amount_minor), (2, 1, 1200));

    let empty = update(&first, &format!("{FULL}mug,M-1,12.00,New,,,\n"));
    let mug = &empty.products["mug"];
    assert_eq!((mug.description_html.as_str(), mug.tags.len(), mug.images.len()), ("", 0, 0));

    // The product's own cells are in its first row; a later row may end before them.
    let later = "Handle,Option1 Value,Variant SKU,Variant Price,Tags,Image Src\nmug,S,M-1,1,c,/2.png\nmug,M,M-2,1\n";
    let mug = &update(&first, later).products["mug"];
    assert_eq!((mug.tags.as_slice(), mug.images.len()), (["c".to_owned()].as_slice(), 1));
}

#[test]
fn a_file_without_prices_changes_what_it_names() {
    let first = format!("{FULL}mug,M-1,10.00,Mug,<p>Soft</p>,,\nmug,M-2,11.00,,,,\n")
        .replace("Variant SKU", "Option1 Value,Variant SKU")
        .replace("M-1", "S,M-1")
        .replace("M-2", "M,M-2");
    let skus = update(
        &first,
        "Handle,Option1 Value,Variant SKU,Variant Barcode\nmug,M,M-2,4006381333931\nmug,L,M-3,\npot,,P,\n",
    );
    let mug = &skus.products["mug"];
    let prices: Vec<i64> = mug.variants.iter().map(|variant| variant.price.amount_minor).collect();
    assert_eq!((prices, mug.variants[1].barcode.as_deref()), (vec![1000, 1100], Some("4006381333931")));
    let rejected: Vec<_> = skus.issues.iter().map(|issue| (issue.line, issue.reason.as_str())).collect();
    assert!(
        rejected.contains(&(3, "the row has no price")) && rejected.contains(&(4, "the row has no price")),
        "{rejected:?}"
    );
    assert!(!skus.products.contains_key("pot"));

    let single = format!("{FULL}pot,P-1,10.00,Pot,,,\n");
    for (column, cell) in
        [("Variant Grams", "250"), ("Variant Barcode", "4006381333931"), ("Variant Compare At Price", "12.00")]
    {
        let pot = &update(&single, &format!("Handle,{column}\npot,{cell}\n")).products["pot"].variants[0];
        let found = [
            pot.weight_grams.to_string(),
            pot.barcode.clone().unwrap_or_default(),
            pot.compare_at_price.map_or_else(String::new, Money::decimal),
        ];
        assert!(found.contains(&cell.to_owned()), "{column}: {found:?}");
        let mug = update(&first, &format!("Handle,{column}\nmug,{cell}\n"));
        assert_eq!(mug.reasons(IssueKind::RejectedRow).len(), 1, "which variant? {:?}", mug.issues);
    }
    let dollars = ImportOptions { currency: "USD".parse().expect("a currency"), ..options() };
    let mixed = update_with(&single, "Handle,Variant SKU,Variant Compare At Price\npot,P-1,49.00\n", dollars);
    assert_eq!(mixed.reasons(IssueKind::RejectedRow).len(), 1, "{:?}", mixed.issues);

    let texts = update(&first, "Handle,Title,Body (HTML)\nmug,Cup,<p>Hard</p>\npot,Pot,\n");
    let mug = &texts.products["mug"];
    assert_eq!((mug.title.as_str(), mug.description_html.as_str(), mug.variants.len()), ("Cup", "<p>Hard</p>", 2));
    assert_eq!(texts.reasons(IssueKind::RejectedProduct).len(), 1, "a new product needs a price: {:?}", texts.issues);

    let replaced = update_with(&first, "Handle,Title\nmug,Cup\n", ImportOptions { replace: true, ..options() });
    assert_eq!((replaced.products["mug"].title.as_str(), replaced.removed.len()), ("Mug", 0), "{:?}", replaced.issues);
    assert!(read(b"Title,Vendor\nMug,Acme\n".to_vec(), options()).is_err(), "neither handles nor prices");
}

#[test]
fn stock_tracking_does_not_depend_on_cells_that_a_row_lacks() {
    let header = "Handle,Variant SKU,Variant Price,Variant Inventory Tracker,Variant Inventory Qty";
    let tracked = update(&format!("{header}\nmug,M-1,10,shopify,5\n"), &format!("{header}\nmug,M-1,12\n"));
    assert_eq!(tracked.products["mug"].variants[0].inventory, Inventory::Tracked);
}

#[test]
fn a_file_that_is_cut_off_does_not_change_the_product_of_its_last_row() {
    let first = format!("{FULL}mug,M-1,10.00,Mug,<p>Soft</p>,,\n");
    for last in ["mug,M-1,12.00,Long ti", "mug,M-1,12.00,\"Long ti", "mug,M-1,1"] {
        let cut = update(&first, &format!("{FULL}{last}"));
        assert_eq!(cut.products["mug"].variants[0].price.amount_minor, 1000, "{last}");
        assert_eq!(cut.products["mug"].title, "Mug", "{last}");
        assert_eq!(cut.issues.len(), 1, "{last}: {:?}", cut.issues);
        let issue = &cut.issues[0];
        assert_eq!((issue.line, issue.kind), (2, IssueKind::RejectedRow));
        assert!(issue.reason.contains("the file seems to be cut off"), "{issue:?}");
    }
    // The last row is inside a broken quotation; the rows before it are read.
    let inside = update(&first, &format!("{FULL}mug,M-1,12.00,\"New\npot,P-1,5,Pot,,,\ncup,C-1"));
    let lines: Vec<u64> =
        inside.issues.iter().filter(|issue| issue.kind == IssueKind::RejectedRow).map(|issue| issue.line).collect();
    assert_eq!((lines, inside.products.len()), (vec![2, 4], 2));
    let whole = update(&first, &format!("{FULL}mug,M-1,12.00,New,,,"));
    assert_eq!((whole.products["mug"].title.as_str(), whole.issues.len()), ("New", 0));
}

#[test]
fn nothing_is_removed_from_a_product_with_a_rejected_row() {
    let header = "Handle,Option1 Name,Option1 Value,Variant SKU,Variant Price\n";
    let first = format!("{header}cup,Size,S,C-S,10\ncup,,M,C-M,10\ncup,,L,C-L,10\npot,Size,S,P-S,10\npot,,M,P-M,10\n");
    let replace = || ImportOptions { replace: true, ..options() };
    for row in ["cup,,M,C-M,\"12,5\"\n", "cup,,\"M,C-M,12\n"] {
        let second = format!("{header}cup,Size,S,C-S,11\n{row}pot,Size,S,P-S,11\n");
        let updated = update_with(&first, &second, replace());
        assert_eq!(updated.layout("cup").1, ["C-S=S", "C-M=M", "C-L=L"], "{row}");
        assert_eq!(updated.products["cup"].variants[0].price.amount_minor, 1100, "{row}");
        assert_eq!(updated.removed, ["P-M"], "{row}: a product without a rejected row matches the file");
        let notes = updated.reasons(IssueKind::Note);
        assert!(notes.iter().any(|note| note.contains("C-M") && note.contains("stay on sale")), "{notes:?}");
    }
    // A row without a handle may belong to any product.
    let unknown = format!("{header}cup,Size,S,C-S,11\n,,M,C-M,12\n");
    assert_eq!(update_with(&first, &unknown, replace()).layout("cup").1.len(), 3);
}

#[test]
fn a_product_with_a_rejected_row_keeps_its_options() {
    let first = "Handle,Option1 Name,Option1 Value,Variant SKU,Variant Price\ncup,Size,S,C-S,10\ncup,,M,C-M,10\n";
    let second = "Handle,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price\n\
                  cup,Size,S,Color,Red,C-S,11\ncup,,M,,Red,C-M,x\n";
    let updated = update(first, second);
    assert_eq!(updated.layout("cup"), ("Size".to_owned(), vec!["C-S=S".to_owned(), "C-M=M".to_owned()]));
    assert_eq!(updated.reasons(IssueKind::RejectedProduct).len(), 1, "{:?}", updated.issues);
}

const SHIRT: &str = "Handle,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price\n\
                     shirt,Size,S,Colour,Red,S-R,10\nshirt,,S,,Blue,S-B,10\nshirt,,M,,Red,M-R,10\n";

#[test]
fn options_without_columns_keep_names_and_values() {
    for second in [
        "Handle,Option1 Name,Option1 Value,Variant SKU,Variant Price\nshirt,Size,S,S-R,11\nshirt,,S,S-B,11\nshirt,,M,M-R,11\n",
        "Handle,Option2 Value,Variant SKU,Variant Price\nshirt,Red,S-R,11\nshirt,Blue,S-B,11\nshirt,Red,M-R,11\n",
        "Handle,Option1 Name,Option1 Value,Variant SKU,Variant Price\nshirt,colour,Red,S-R,11\nshirt,,Blue,S-B,11\nshirt,,Red,M-R,11\n",
    ] {
        let updated = update(SHIRT, second);
        let (names, variants) = updated.layout("shirt");
        assert_eq!(names.to_lowercase(), "size+colour", "{second}");
        assert_eq!(variants, ["S-R=S / Red", "S-B=S / Blue", "M-R=M / Red"], "{second}");
        assert!(updated.products["shirt"].variants.iter().all(|variant| variant.price.amount_minor == 1100));
        assert_eq!(updated.issues, [], "{second}");
    }
    let unknown = update(SHIRT, "Handle,Option1 Value,Variant SKU,Variant Price\nshirt,S,NEW,11\nshirt,L,S-R,11\n");
    assert_eq!(unknown.layout("shirt").1, ["S-R=L / Red", "S-B=S / Blue", "M-R=M / Red"]);
    assert_eq!(unknown.reasons(IssueKind::RejectedRow).len(), 1, "{:?}", unknown.issues);

    let other =
        update(SHIRT, "Handle,Option1 Name,Option1 Value,Variant SKU,Variant Price\nshirt,Fabric,Wool,S-R,11\n");
    assert_eq!(other.layout("shirt"), update(SHIRT, SHIRT).layout("shirt"));
    assert_eq!(other.reasons(IssueKind::RejectedProduct).len(), 1, "{:?}", other.issues);

    let header = "Handle,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price\n";
    let emptied = update(SHIRT, &format!("{header}shirt,Size,S,,,S-R,11\n"));
    assert_eq!(
        emptied.layout("shirt"),
        ("Size".to_owned(), vec!["S-R=S".to_owned()]),
        "an empty column removes an option"
    );
}

#[test]
fn options_match_by_name_in_any_order() {
    let second = "Handle,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price\n\
                  shirt,COLOUR,Red,Size,S,S-R,11\n";
    for replace in [false, true] {
        let rejected = if replace { "shirt,,Red,,M,M-R,x\n" } else { "" };
        let updated = update_with(SHIRT, &format!("{second}{rejected}"), ImportOptions { replace, ..options() });
        let (names, variants) = updated.layout("shirt");
        assert_eq!(names, "COLOUR+Size");
        assert_eq!(variants, ["S-R=Red / S", "S-B=Blue / S", "M-R=Red / M"]);
        let values: Vec<_> = updated.products["shirt"].options.iter().map(|option| option.values.join(",")).collect();
        assert_eq!(values, ["Red,Blue", "S,M"]);
    }
    // Without SKUs, the variants are found by their values.
    let by_values = update(
        SHIRT,
        "Handle,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Price\nshirt,Colour,Blue,Size,S,12\n",
    );
    let prices: Vec<i64> =
        by_values.products["shirt"].variants.iter().map(|variant| variant.price.amount_minor).collect();
    assert_eq!(prices, [1000, 1200, 1000]);
}

#[test]
fn a_sku_of_another_product_in_the_store_rejects_its_row() {
    let header = "Handle,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price\n";
    let (old, new) = ("lamp-old,LAMP-1,shopify,50,10\n", "lamp-new,LAMP-1,shopify,50,10\n");
    let both = format!("{header}{old}{new}");
    let updated = update(&format!("{header}{old}"), &both);
    assert_eq!(updated.products.keys().collect::<Vec<_>>(), ["lamp-old"]);
    let reasons = updated.reasons(IssueKind::RejectedRow);
    assert!(reasons.len() == 1 && reasons[0].contains("belongs to the product lamp-old"), "{reasons:?}");
    // Both are new: the second has its own stock under a derived SKU, also if the file is imported again.
    let again = update(&both, &both);
    let skus: BTreeSet<&str> =
        again.products.values().flat_map(|product| &product.variants).map(|variant| variant.sku.as_str()).collect();
    assert_eq!(skus, BTreeSet::from(["LAMP-1", "LAMP-NEW"]));
    assert_eq!(again.reasons(IssueKind::RejectedRow), [""; 0]);
}

#[test]
fn a_sku_stays_with_the_product_that_has_it_wherever_its_row_is() {
    let header = "Handle,Option1 Value,Variant SKU,Variant Price\n";
    let first = format!("{header}lamp-old,,LAMP-1,10\n");
    let updated = update(&first, &format!("{header}lamp-new,,LAMP-1,11\nlamp-old,,LAMP-1,12\n"));
    let lamp = &updated.products["lamp-old"].variants[0];
    assert_eq!((lamp.sku.as_str(), lamp.price.amount_minor), ("LAMP-1", 1200));
}

#[test]
fn a_product_never_has_prices_in_two_currencies() {
    let header = "Handle,Option1 Name,Option1 Value,Variant SKU,Variant Price\n";
    let first = format!("{header}cup,Size,S,E-S,13\ncup,,M,E-M,13\n");
    let yen = || ImportOptions { currency: "JPY".parse().expect("a currency"), ..options() };
    let part = update_with(&first, &format!("{header}cup,Size,S,E-S,1300\n"), yen());
    assert!(part.products["cup"].variants.iter().all(|variant| variant.price.currency == Currency::EUR));
    let reasons = part.reasons(IssueKind::RejectedProduct);
    assert!(reasons.len() == 1 && ["EUR", "JPY", "E-M"].iter().all(|word| reasons[0].contains(word)), "{reasons:?}");
    let all = update_with(&first, &format!("{header}cup,Size,S,E-S,1300\ncup,,M,E-M,1300\n"), yen());
    assert!(all.products["cup"].variants.iter().all(|variant| variant.price.currency.to_string() == "JPY"));
}

#[test]
fn a_renamed_option_does_not_rename_the_values_of_variants_outside_the_file() {
    let header = "Handle,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price\n";
    let part = update(SHIRT, &format!("{header}shirt,Size,S,Fabric,Wool,S-R,11\n"));
    assert_eq!(part.layout("shirt"), update(SHIRT, SHIRT).layout("shirt"));
    let reasons = part.reasons(IssueKind::RejectedProduct);
    assert!(reasons.len() == 1 && reasons[0].contains("Colour") && reasons[0].contains("S-B"), "{reasons:?}");
    let all = update(SHIRT, &SHIRT.replace("Colour", "Color"));
    assert_eq!(all.layout("shirt").0, "Size+Color");
    assert_eq!((all.layout("shirt").1.len(), all.issues), (3, Vec::new()));
}
