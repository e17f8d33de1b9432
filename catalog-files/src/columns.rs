//! Maps the columns of a file to fields: all header names that Shopify has used over the years. Columns that the import
//! does not use (metafields, market prices, unit prices, advertising) are ignored.

use super::text;

/// A field that the import reads from a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Handle,
    Title,
    Body,
    Vendor,
    ProductCategory,
    Type,
    Tags,
    Published,
    Status,
    OptionName1,
    OptionName2,
    OptionName3,
    OptionValue1,
    OptionValue2,
    OptionValue3,
    Sku,
    Grams,
    Tracker,
    Quantity,
    Policy,
    Price,
    CompareAtPrice,
    RequiresShipping,
    Taxable,
    TaxCode,
    Barcode,
    ImageUrl,
    ImagePosition,
    ImageAlt,
    VariantImage,
    GiftCard,
    SeoTitle,
    SeoDescription,
    /// Own columns, which only [`super::export`] writes.
    OwnStatus,
    OwnCreatedAt,
    OwnCurrency,
}

/// Every column with its known headers in lower case, in order of preference.
const HEADERS: [(Column, &[&str]); 36] = [
    (Column::Handle, &["handle", "url handle"]),
    (Column::Title, &["title"]),
    (Column::Body, &["body (html)", "body html", "body", "description"]),
    (Column::Vendor, &["vendor"]),
    (Column::ProductCategory, &["product category", "standardized product type", "standard product type"]),
    (Column::Type, &["type", "custom product type", "product type"]),
    (Column::Tags, &["tags"]),
    (Column::Published, &["published", "published on online store", "published status"]),
    (Column::Status, &["status"]),
    (Column::OptionName1, &["option1 name"]),
    (Column::OptionName2, &["option2 name"]),
    (Column::OptionName3, &["option3 name"]),
    (Column::OptionValue1, &["option1 value"]),
    (Column::OptionValue2, &["option2 value"]),
    (Column::OptionValue3, &["option3 value"]),
    (Column::Sku, &["variant sku", "sku"]),
    (Column::Grams, &["variant grams", "weight value (grams)", "weight (grams)"]),
    (Column::Tracker, &["variant inventory tracker", "inventory tracker"]),
    (Column::Quantity, &["variant inventory qty", "variant inventory quantity", "inventory quantity"]),
    (Column::Policy, &["variant inventory policy", "continue selling when out of stock", "inventory policy"]),
    (Column::Price, &["variant price", "price"]),
    (Column::CompareAtPrice, &["variant compare at price", "compare-at price", "compare at price"]),
    (Column::RequiresShipping, &["variant requires shipping", "requires shipping"]),
    (Column::Taxable, &["variant taxable", "charge tax"]),
    (Column::TaxCode, &["variant tax code", "tax code"]),
    (Column::Barcode, &["variant barcode", "barcode", "barcodes"]),
    (Column::ImageUrl, &["image src", "product image url"]),
    (Column::ImagePosition, &["image position"]),
    (Column::ImageAlt, &["image alt text"]),
    (Column::VariantImage, &["variant image", "variant image url"]),
    (Column::GiftCard, &["gift card"]),
    (Column::SeoTitle, &["seo title"]),
    (Column::SeoDescription, &["seo description"]),
    (Column::OwnStatus, &["shopease status"]),
    (Column::OwnCreatedAt, &["shopease created at"]),
    (Column::OwnCurrency, &["shopease currency"]),
];

/// Positions of the columns in one file.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    places: [Option<usize>; HEADERS.len()],
    /// Number of columns in the header.
    pub(super) width: usize,
    /// Treat missing columns as empty, because the file replaces products.
    pub(super) replace: bool,
}

impl Columns {
    pub(super) fn of<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let headers: Vec<String> = headers.into_iter().map(normalized).collect();
        let place = |names: &[&str]| names.iter().find_map(|name| headers.iter().position(|header| header == name));
        Self { places: HEADERS.map(|(_, names)| place(names)), width: headers.len(), replace: false }
    }

    /// Number of columns that the import recognizes.
    pub(super) fn recognized(&self) -> usize {
        self.places.iter().flatten().count()
    }

    pub(super) fn has(&self, column: Column) -> bool {
        self.place(column).is_some()
    }

    /// Whether the row has a cell for the column. Spreadsheets drop empty cells at the end of a row.
    pub(super) fn has_cell(&self, record: &csv::StringRecord, column: Column) -> bool {
        self.place(column).is_some_and(|place| place < record.len())
    }

    /// Whether the row sets this field; an empty cell then clears it.
    pub(super) fn sets(&self, record: &csv::StringRecord, column: Column) -> bool {
        self.replace || self.has_cell(record, column)
    }

    /// The value without surrounding blanks and [formula guard](text::guarded). Empty if the file has no such column or the row is too short.
    pub(super) fn get<'r>(&self, record: &'r csv::StringRecord, column: Column) -> &'r str {
        self.place(column).and_then(|place| record.get(place)).map(text::unguarded).unwrap_or_default()
    }

    fn place(&self, column: Column) -> Option<usize> {
        self.places.get(column as usize).copied().flatten()
    }
}

/// Lower case, single blanks, no byte order mark: `Variant  SKU ` and `variant sku` are the same header.
fn normalized(header: &str) -> String {
    let words: Vec<&str> = header.trim_start_matches('\u{FEFF}').split_whitespace().collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_columns() {
        for (place, (column, names)) in HEADERS.iter().enumerate() {
            assert_eq!(*column as usize, place, "{column:?}");
            assert!(names.iter().all(|name| normalized(name) == *name), "{names:?}");
        }
    }

    #[test]
    fn old_and_new_names_lead_to_the_same_column() {
        let record = csv::StringRecord::from(vec!["a", "b", "c"]);
        let old = Columns::of(["Handle", "Variant SKU", "Variant Price"]);
        let new = Columns::of(["\u{FEFF}URL handle", " sku", "Price"]);
        for columns in [old, new] {
            assert_eq!(columns.get(&record, Column::Handle), "a");
            assert_eq!(columns.get(&record, Column::Sku), "b");
            assert_eq!(columns.get(&record, Column::Price), "c");
            assert_eq!(columns.get(&record, Column::Title), "");
            assert_eq!(columns.recognized(), 3);
        }
    }

    #[test]
    fn market_prices_and_metafields_are_ignored() {
        let columns = Columns::of(["Price / Australie", "Type (product.metafields.custom.type)", "Included / France"]);
        assert_eq!(columns.recognized(), 0);
    }
}
