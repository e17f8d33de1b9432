//! Values that are not valid: unreadable, reformatted by a spreadsheet, invisible, not for sale.

use time::format_description::well_known::Rfc3339;

use super::*;
use shopease_shop::domain::Money;

/// Columns with a value that is present and cannot be read.
const UNREADABLE: [(&str, &str); 17] = [
    ("Variant Inventory Qty", "\"1,000\""),
    ("Variant Inventory Qty", "1.5"),
    ("Variant Inventory Qty", "many"),
    ("Variant Inventory Qty", "9999999999"),
    ("Variant Inventory Qty", "99999999999999999999"),
    ("Variant Compare At Price", "\"7,50\""),
    ("Variant Compare At Price", "a lot"),
    ("Variant Grams", "heavy"),
    ("Variant Grams", "-5"),
    ("Variant Grams", "\"1,5\""),
    ("Variant Taxable", "perhaps"),
    ("Variant Requires Shipping", "perhaps"),
    ("Gift Card", "perhaps"),
    ("Published", "perhaps"),
    ("Status", "perhaps"),
    ("Variant Price", "\"5,00\""),
    ("Option1 Value", LONG),
];

const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

#[test]
fn an_unreadable_value_is_never_replaced_by_a_default() {
    for (column, value) in UNREADABLE {
        let price = if column == "Variant Price" { "" } else { ",Variant Price" };
        let five = if column == "Variant Price" { "" } else { ",5.00" };
        let catalog = parse(&format!("Handle,Title,{column}{price}\nmug,Mug,{value}{five}\n"));
        assert_eq!(catalog.products, [], "{column} {value}");
        assert_eq!(catalog.rejected_products, 1, "{column} {value}: {:?}", catalog.issues);
        assert!(catalog.issues.iter().all(|issue| issue.line == 2), "{column} {value}: {:?}", catalog.issues);
    }
}

#[test]
fn gift_cards_are_not_imported_however_the_file_marks_them() {
    for (header, cells) in [
        ("Gift Card", "true"),
        ("Gift card", "WAHR"),
        ("Type", "Gift Card"),
        ("Type", "gift cards"),
        ("Type", "Geschenkgutschein"),
        ("Type", "Cartes-cadeaux"),
        ("Tags", "\"sale, gift card\""),
        ("Tags", "Geschenkkarte"),
        ("Product Category", "Gift Cards"),
        ("Product Category", "Arts & Entertainment > Gift Giving > Gift Cards & Certificates"),
    ] {
        let catalog = parse_cells(header, cells);
        assert_eq!(catalog.products, [], "{header} {cells}");
        assert_eq!(kinds(&catalog), [(2, IssueKind::LeftOut)], "{header} {cells}");
        assert!(catalog.issues[0].reason.contains("gift card"), "{:?}", catalog.issues);
    }
    for (header, cells) in
        [("Gift Card", "false"), ("Type", "Gift card holders"), ("Tags", "\"gift, card\""), ("Gift Card", "")]
    {
        assert_eq!(parse_cells(header, cells).products.len(), 1, "{header} {cells}");
    }
}

#[test]
fn codes_that_a_spreadsheet_reformatted_are_reported_and_not_used() {
    let catalog = parse(
        "Handle,Title,Variant SKU,Variant Barcode,Variant Price\none,One,1.23457E+12,4.00638E+12,10\n\
         two,Two,#N/A,######,10\n1.23457E+12,Three,T,,10\nfour,Four,#ÜBERLAUF!,4.00638E12,10\n\
         five,Five,\"=\"\"00123\"\"\",=\"0042\",10\n",
    );
    assert_eq!(skus(&catalog), ["ONE", "TWO", "FOUR", "00123"]);
    let barcodes: Vec<_> =
        catalog.products.iter().map(|product| product.product.variants[0].barcode.as_deref()).collect();
    assert_eq!(barcodes, [None, None, None, Some("0042")]);
    let lost: Vec<u64> =
        catalog.issues.iter().filter(|issue| issue.reason.ends_with("is lost")).map(|issue| issue.line).collect();
    assert_eq!(lost, [2, 2, 3, 3, 4, 5, 5]);
}

#[test]
fn handles_ignore_case_and_codes_ignore_invisible_characters() {
    let catalog = parse(
        "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price\nMy-Shirt,My shirt,Size,S,SH-S,10\n\
         my-shirt,,,M,SH-M,10\ncap,Cap,,,CAP-1,10\nca\u{200B}p2,Cap,,,CAP-1\u{200B},10\nbag,Bag,Size,S\u{FEFF},B,1\nbag,,,S,C,1\n",
    );
    let handles: Vec<_> = catalog.products.iter().map(|product| product.product.handle.as_str()).collect();
    assert_eq!(handles, ["my-shirt", "cap", "cap2", "bag"]);
    assert_eq!(skus(&catalog), ["SH-S", "SH-M", "CAP-1", "CAP2", "B"]);
    let rejected: Vec<u64> =
        kinds(&catalog).iter().filter(|(_, kind)| *kind == IssueKind::RejectedRow).map(|(line, _)| *line).collect();
    assert_eq!(rejected, [7], "two sizes that look the same");
    assert!(
        catalog.issues.iter().any(|issue| issue.line == 5 && issue.reason.contains("SKU CAP-1 is already on line 4"))
    );
}

#[test]
fn a_binary_file_is_rejected_without_printing_its_bytes() {
    let workbook: Vec<u8> = b"PK\x03\x04\x14\x00\x06\x00Handle,Title\x1b[31m".to_vec();
    let image: Vec<u8> = (0..=255_u8).cycle().take(9000).collect();
    for bytes in [workbook, image] {
        let error = read_all(&bytes, options()).err().expect("rejected");
        assert!(matches!(error, ReadError::Binary), "{error}");
        assert!(!error.to_string().contains("Handle"), "{error}");
    }
    let header = "Name\u{1b}[31m,Email\nA,b\n";
    let error = read_all(header.as_bytes(), options()).err().expect("rejected").to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn the_own_columns_of_an_export_are_read_strictly() {
    for status in ProductStatus::ALL {
        let cells = format!("gift card,archived,true,{}", status.as_str());
        let catalog = parse_cells("Tags,Status,Gift Card,Shopease Status", &cells);
        assert_eq!(catalog.products[0].product.status, status, "the shop has the product, so it is one");
    }
    let sold = parse_cells("Shopease Currency,Shopease Created At", "SEK,2024-02-29T12:00:00.123Z");
    let product = &sold.products[0].product;
    assert_eq!(variant(&sold).price, Money::new(500, "SEK".parse().expect("a currency")));
    assert_eq!(product.created_at.format(&Rfc3339).expect("a time"), "2024-02-29T12:00:00.123Z");
    for (header, cell) in
        [("Shopease Status", "sold"), ("Shopease Created At", "yesterday"), ("Shopease Currency", "€")]
    {
        let catalog = parse_cells(header, cell);
        let reasons: Vec<&str> = catalog.issues.iter().map(|issue| issue.reason.as_str()).collect();
        assert!(catalog.products.is_empty() && reasons.iter().any(|reason| reason.contains(cell)), "{reasons:?}");
    }
}
