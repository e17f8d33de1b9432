//! Exports the products of a shop as a Shopify product file, which [`super::import`] reads back without loss.

use std::collections::HashMap;
use std::io::{self, Write};

use time::format_description::well_known::Rfc3339;

use super::retry::with_retries;
use super::text;
use shopease_shop::domain::{
    Handle, Image, Inventory, Money, PageLimit, Product, ProductStatus, Sku, StockLevel, TaxClass, Variant,
};
use shopease_shop::ports::{SharedStore, StatusListing, StoreError};

/// Products or SKUs read from the store at once; the port's limit.
const CHUNK: usize = 100;

/// The columns that the import reads, in Shopify's order, followed by the shop's own. Shopify ignores those.
const HEADER: [&str; 35] = [
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Option2 Name",
    "Option2 Value",
    "Option3 Name",
    "Option3 Value",
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Inventory Policy",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Requires Shipping",
    "Variant Taxable",
    "Variant Barcode",
    "Image Src",
    "Image Position",
    "Image Alt Text",
    "Gift Card",
    "SEO Title",
    "SEO Description",
    "Variant Image",
    "Variant Tax Code",
    "Status",
    "Shopease Status",
    "Shopease Created At",
    "Shopease Currency",
];

/// All products of a shop with any status, in order of their handles. It holds the handles; products are read from the
/// store a hundred at a time.
pub struct Catalog {
    store: SharedStore,
    handles: Vec<Handle>,
    /// Number of handles whose products were read.
    read: usize,
}

/// A product with the stock levels of its SKUs that have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockedProduct {
    /// The product.
    pub product: Product,
    /// The levels.
    pub levels: HashMap<Sku, StockLevel>,
}

impl Catalog {
    /// Lists the products of a store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of(store: SharedStore) -> Result<Self, StoreError> {
        let limit = PageLimit::new(PageLimit::MAX).unwrap_or(PageLimit::DEFAULT);
        let mut listing = StatusListing { status: None, after: None, limit };
        let mut handles = Vec::new();
        loop {
            let page = with_retries(|| store.list_handles(&listing)).await?;
            handles.extend(page.items);
            if page.next.is_none() {
                break;
            }
            listing.after = page.next;
        }
        handles.sort_unstable();
        // A product that got another title between two pages can be on both.
        handles.dedup();
        Ok(Self { store, handles, read: 0 })
    }

    /// Number of products that were listed.
    pub fn products(&self) -> usize {
        self.handles.len()
    }

    /// Number of products that were read so far.
    pub fn read(&self) -> usize {
        self.read
    }

    /// The next products; `None` at the end. Products that were deleted in the meantime are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next(&mut self) -> Result<Option<Vec<StockedProduct>>, StoreError> {
        let handles: Vec<Handle> = self.handles.iter().skip(self.read).take(CHUNK).cloned().collect();
        if handles.is_empty() {
            return Ok(None);
        }
        self.read += handles.len();
        let mut products = with_retries(|| self.store.find_products(&handles)).await?;
        products.sort_unstable_by(|one, other| one.handle.cmp(&other.handle));
        let skus = products.iter().flat_map(|product| &product.variants).map(|variant| variant.sku.clone());
        let skus: Vec<Sku> = skus.collect();
        let mut levels = HashMap::with_capacity(skus.len());
        for skus in skus.chunks(CHUNK) {
            let found = with_retries(|| self.store.find_stock_levels(skus)).await?;
            levels.extend(found.into_iter().map(|level| (level.sku.clone(), level)));
        }
        let stocked = products.into_iter().map(|product| {
            let levels = product.variants.iter().filter_map(|variant| levels.remove_entry(&variant.sku)).collect();
            StockedProduct { product, levels }
        });
        Ok(Some(stocked.collect()))
    }
}

/// A CSV file (RFC 4180) that is being written.
pub struct CsvFile<W: Write> {
    rows: csv::Writer<W>,
}

impl<W: Write> CsvFile<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn new(out: W, header: &[&str]) -> io::Result<Self> {
        let mut rows = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        rows.write_record(header).map_err(io_error)?;
        Ok(Self { rows })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// If the file cannot be written, or the row has another number of cells than the header.
    pub fn write(&mut self, cells: impl IntoIterator<Item = String>) -> io::Result<()> {
        self.rows.write_record(cells.into_iter().map(String::into_bytes)).map_err(io_error)
    }

    /// Writes what is left in the buffer.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.rows.flush()
    }
}

/// A product file that is being written.
pub struct ProductFile<W: Write> {
    file: CsvFile<W>,
}

impl<W: Write> ProductFile<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn new(out: W) -> io::Result<Self> {
        Ok(Self { file: CsvFile::new(out, &HEADER)? })
    }

    /// Writes the rows of a product: one for each variant, and for each image. The first row has the product's fields.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&mut self, stocked: &StockedProduct) -> io::Result<()> {
        let StockedProduct { product, levels } = stocked;
        for number in 0..product.variants.len().max(product.images.len()) {
            let mut row = Row::default();
            row.set("Handle", code_cell(product.handle.as_str()));
            if number == 0 {
                row.set_product(product)?;
            }
            if let Some(variant) = product.variants.get(number) {
                row.set_variant(product, variant, levels.get(&variant.sku));
            }
            if let Some(image) = product.images.get(number) {
                row.set("Image Src", text::guarded(image.url.clone()));
                row.set("Image Position", (number + 1).to_string());
                row.set("Image Alt Text", text_cell(&image.alt));
            }
            self.file.write(row.cells)?;
        }
        Ok(())
    }

    /// Writes what is left in the buffer.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self) -> io::Result<()> {
        self.file.finish()
    }
}

/// A text that no spreadsheet takes for a formula: one that starts with `=`, `+`, `-`, or `@` gets an apostrophe in front.
pub fn spreadsheet_text(text: &str) -> String {
    text::guarded(text.to_owned())
}

/// The cells of a row.
struct Row {
    cells: [String; HEADER.len()],
}

impl Default for Row {
    fn default() -> Self {
        Self { cells: std::array::from_fn(|_| String::new()) }
    }
}

impl Row {
    fn set(&mut self, column: &str, cell: impl Into<String>) {
        let place = HEADER.iter().zip(&mut self.cells).find(|(header, _)| **header == column);
        debug_assert!(place.is_some(), "{column} is not a column");
        if let Some((_, place)) = place {
            *place = cell.into();
        }
    }

    fn set_product(&mut self, product: &Product) -> io::Result<()> {
        self.set("Title", text_cell(&product.title));
        self.set("Body (HTML)", text::guarded(product.description_html.clone()));
        self.set("Vendor", optional_cell(product.vendor.as_deref()));
        self.set("Type", optional_cell(product.category.as_ref().map(|category| category.title.as_str())));
        self.set("Tags", tags_cell(&product.tags));
        self.set("Published", (product.status == ProductStatus::Active).to_string());
        let columns = ["Option1 Name", "Option2 Name", "Option3 Name"];
        for (column, option) in columns.into_iter().zip(&product.options) {
            self.set(column, text_cell(&option.name));
        }
        if product.options.is_empty() {
            self.set("Option1 Name", "Title");
        }
        self.set("Gift Card", "false");
        self.set("SEO Title", optional_cell(product.seo_title.as_deref()));
        self.set("SEO Description", optional_cell(product.seo_description.as_deref()));
        self.set("Status", product.status.as_str());
        self.set("Shopease Status", product.status.as_str());
        self.set("Shopease Created At", product.created_at.format(&Rfc3339).map_err(io::Error::other)?);
        Ok(())
    }

    fn set_variant(&mut self, product: &Product, variant: &Variant, level: Option<&StockLevel>) {
        let columns = ["Option1 Value", "Option2 Value", "Option3 Value"];
        for (column, value) in columns.into_iter().zip(&variant.option_values) {
            self.set(column, text_cell(value));
        }
        if product.options.is_empty() {
            self.set("Option1 Value", "Default Title");
        }
        self.set("Variant SKU", code_cell(variant.sku.as_str()));
        self.set("Variant Grams", variant.weight_grams.to_string());
        match variant.inventory {
            Inventory::Tracked => {
                self.set("Variant Inventory Tracker", "shopify");
                self.set("Variant Inventory Qty", level.map_or(0, |level| level.available).to_string());
                self.set("Variant Inventory Policy", "deny");
            }
            Inventory::Untracked => self.set("Variant Inventory Policy", "continue"),
        }
        self.set("Variant Price", variant.price.decimal());
        self.set("Variant Compare At Price", variant.compare_at_price.map(Money::decimal).unwrap_or_default());
        self.set("Variant Requires Shipping", variant.requires_shipping.to_string());
        self.set("Variant Taxable", (variant.tax_class != TaxClass::Exempt).to_string());
        if variant.tax_class == TaxClass::Reduced {
            self.set("Variant Tax Code", "reduced");
        }
        self.set("Variant Barcode", code_cell(&text_source(variant.barcode.as_deref().unwrap_or_default())));
        let image = variant.image.and_then(|place| product.images.get(usize::from(place)));
        self.set("Variant Image", image.map(|Image { url, .. }| text::guarded(url.clone())).unwrap_or_default());
        self.set("Shopease Currency", variant.price.currency.code());
    }
}

/// The cell of a text of one line.
fn text_cell(text: &str) -> String {
    text::guarded(text_source(text))
}

fn optional_cell(text: Option<&str>) -> String {
    text.map(text_cell).unwrap_or_default()
}

/// The text, or the HTML that the import reads as this text, if it would take the text itself for HTML.
fn text_source(text: &str) -> String {
    if text::plain_text(text) == text { text.to_owned() } else { html(text) }
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The tags, separated by commas; a comma in a tag is written as HTML.
fn tags_cell(tags: &[String]) -> String {
    let source = |tag: &String| if tag.contains(',') { html(tag).replace(',', "&#44;") } else { text_source(tag) };
    text::guarded(tags.iter().map(source).collect::<Vec<_>>().join(", "))
}

/// The cell of a code; a formula if the import would change the code itself.
fn code_cell(code: &str) -> String {
    let is_read_back = text::code(code) == code && !text::is_reformatted(code);
    if is_read_back { text::guarded(code.to_owned()) } else { format!("=\"{}\"", code.replace('"', "\"\"")) }
}

/// The error of the file itself, so that a closed pipe is recognized.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
