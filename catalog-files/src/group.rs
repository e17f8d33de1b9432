//! All rows of one handle become one product.

use std::collections::HashMap;

use time::OffsetDateTime;

use super::columns::{Column, Columns};
use super::issue::Issues;
use super::table::Row;
use super::text;
use super::variant::{RowReader, VariantRow};
use super::{ImportOptions, ImportedProduct, LeftOutProduct};
use shopease_shop::domain::{
    Category, Handle, Image, Product, ProductId, ProductOption, ProductStatus, Sku, Variant, VariantId, slug,
};

/// Most variants of one product, Shopify's own limit.
const MAX_VARIANTS: usize = 2048;
/// Longest title in characters; Shopify allows 255.
const MAX_TITLE_CHARS: usize = 500;
const OPTION_NAMES: [Column; 3] = [Column::OptionName1, Column::OptionName2, Column::OptionName3];

/// The rows of one handle, in the order of the file.
pub(super) struct Group<'t> {
    handle: Handle,
    pub(super) rows: Vec<&'t Row>,
}

/// What becomes of a group.
pub(super) enum Outcome {
    Sold(Box<DraftProduct>),
    LeftOut(LeftOutProduct),
    Rejected,
}

/// A product whose variants have no SKUs yet.
#[derive(Debug)]
pub(super) struct DraftProduct {
    pub(super) handle: Handle,
    pub(super) variants: Vec<DraftVariant>,
    first_line: u64,
    title: String,
    description_html: String,
    vendor: Option<String>,
    category: Option<Category>,
    tags: Vec<String>,
    options: Vec<ProductOption>,
    images: Vec<Image>,
    seo_title: Option<String>,
    seo_description: Option<String>,
}

/// A variant without its final SKU.
#[derive(Debug)]
pub(super) struct DraftVariant {
    pub(super) row: VariantRow,
    /// One value per option of the product.
    pub(super) option_values: Vec<String>,
}

impl Group<'_> {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle, rows: Vec::new() }
    }

    /// Reads the rows as one product.
    pub(super) fn outcome(self, columns: &Columns, options: &ImportOptions, issues: &mut Issues) -> Outcome {
        let first_line = self.rows.first().map_or(0, |row| row.line);
        let readers = || self.rows.iter().map(|row| RowReader { row, columns, handle: &self.handle, options });
        let cells = ProductCells { rows: &self.rows, columns };
        let variant_rows = readers().filter(RowReader::has_variant).count();
        if let Some((status, reason)) = cells.not_sold() {
            issues.left_out(first_line, &self.handle, reason);
            return Outcome::LeftOut(LeftOutProduct { handle: self.handle, status, first_line, variant_rows });
        }
        if variant_rows > MAX_VARIANTS {
            let reason = format!("it has {variant_rows} variants; {MAX_VARIANTS} are the most");
            issues.reject_product(first_line, &self.handle, reason);
            return Outcome::Rejected;
        }
        let rows = variants(readers(), cells.gift_card(), issues);
        if rows.is_empty() {
            let reason = "none of its rows has a variant that can be sold".to_owned();
            issues.reject_product(first_line, &self.handle, reason);
            return Outcome::Rejected;
        }
        let unknown = rows.iter().filter(|row| row.stock_unknown).count();
        if unknown > 0 {
            let reason = format!(
                "the quantity of {unknown} tracked variants is not in the file; they are sold without counting"
            );
            issues.note(first_line, Some(&self.handle), reason);
        }
        let mut images = images(readers(), issues);
        for url in rows.iter().filter_map(|row| row.image.as_ref()) {
            if !images.iter().any(|image| image.url == *url) {
                images.push(Image { url: url.clone(), alt: String::new() });
            }
        }
        let title = self.title(&cells, first_line, issues);
        let (options, variants) = with_options(rows, &cells, first_line, &self.handle, issues);
        Outcome::Sold(Box::new(DraftProduct {
            title,
            description_html: text::description_html(cells.first(Column::Body)),
            vendor: text::optional_text(cells.first(Column::Vendor)),
            category: cells.category(),
            tags: cells.tags(),
            seo_title: text::optional_text(cells.first(Column::SeoTitle)),
            seo_description: text::optional_text(cells.first(Column::SeoDescription)),
            handle: self.handle,
            first_line,
            options,
            variants,
            images,
        }))
    }

    fn title(&self, cells: &ProductCells<'_>, first_line: u64, issues: &mut Issues) -> String {
        let title = text::plain_text(cells.first(Column::Title));
        if title.is_empty() {
            issues.note(first_line, Some(&self.handle), "it has no title; the handle stands for it".to_owned());
            return self.handle.to_string();
        }
        if title.chars().count() > MAX_TITLE_CHARS {
            let reason = format!("the title is cut after {MAX_TITLE_CHARS} characters");
            issues.note(first_line, Some(&self.handle), reason);
        }
        title.chars().take(MAX_TITLE_CHARS).collect()
    }
}

/// What stands on any row of a product (usually its first) and holds for all of it.
struct ProductCells<'a> {
    rows: &'a [&'a Row],
    columns: &'a Columns,
}

impl ProductCells<'_> {
    /// The first value of a column that is not empty.
    fn first(&self, column: Column) -> &str {
        let mut values = self.rows.iter().map(|row| self.columns.get(&row.record, column));
        values.find(|value| !value.is_empty()).unwrap_or_default()
    }

    fn gift_card(&self) -> bool {
        text::flag(self.first(Column::GiftCard)).unwrap_or(false)
    }

    /// The state of a product that its merchant does not offer to everybody, and why. A word nobody knows is taken
    /// for a no: what is left out is reported, what is sold by mistake is not.
    fn not_sold(&self) -> Option<(ProductStatus, String)> {
        let status = self.first(Column::Status).to_lowercase();
        let published = self.first(Column::Published);
        match status.as_str() {
            "" | "active" => {}
            "archived" => return Some((ProductStatus::Archived, "its status is archived".to_owned())),
            _ => return Some((ProductStatus::Draft, format!("its status is {status}"))),
        }
        match text::flag(published) {
            Some(true) => None,
            None if published.is_empty() => None,
            Some(false) => Some((ProductStatus::Draft, "it is not published".to_owned())),
            None => Some((ProductStatus::Draft, format!("published is {published:?}, which is neither yes nor no"))),
        }
    }

    /// The department: the merchant's own type, else the last step of Shopify's taxonomy.
    fn category(&self) -> Option<Category> {
        let own = text::plain_text(self.first(Column::Type));
        let path = text::plain_text(self.first(Column::ProductCategory));
        let last = path.rsplit('>').next().unwrap_or_default().trim();
        // Some exports have the taxonomy's code instead (`sg-4-17-2-17`, `gid://..`, `1604`): no name for people.
        let coded = last.contains("://") || last.chars().any(|c| c.is_ascii_digit()) && !last.contains(' ');
        let standard = if coded || last.eq_ignore_ascii_case("uncategorized") { "" } else { last };
        [own.as_str(), standard].into_iter().find_map(|title| {
            let handle = slug(title).parse().ok()?;
            Some(Category { handle, title: title.to_owned() })
        })
    }

    fn tags(&self) -> Vec<String> {
        let mut tags: Vec<String> = Vec::new();
        for tag in self.first(Column::Tags).split(',').filter_map(text::optional_text) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        tags
    }
}

/// The rows that are variants. Of two with the same option values the first stays; the second is a picture's row
/// that repeats the variant, or rejected.
fn variants<'r>(readers: impl Iterator<Item = RowReader<'r>>, gift_card: bool, issues: &mut Issues) -> Vec<VariantRow> {
    let mut rows: Vec<VariantRow> = Vec::new();
    let mut places: HashMap<[String; 3], usize> = HashMap::new();
    for (index, reader) in readers.enumerate() {
        if !reader.has_variant() {
            if index > 0 && reader.get(Column::ImageUrl).is_empty() {
                reader.note(issues, "the row has neither a variant nor a picture".to_owned());
            }
            continue;
        }
        let values = reader.option_values();
        if let Some(first) = places.get(&values).and_then(|place| rows.get(*place)) {
            let line = first.line;
            if reader.only_adds_a_picture(first) {
                reader.note(issues, format!("the row repeats the variant of line {line}; only its picture is taken"));
            } else {
                reader.reject(issues, format!("it has the option values of line {line}"));
            }
            continue;
        }
        match reader.variant(gift_card, issues) {
            Ok(row) => {
                places.insert(values, rows.len());
                rows.push(row);
            }
            Err(reason) => reader.reject(issues, reason),
        }
    }
    rows
}

/// The product's pictures by their position, then by line; each address once.
fn images<'r>(readers: impl Iterator<Item = RowReader<'r>>, issues: &mut Issues) -> Vec<Image> {
    let mut placed: Vec<(u32, Image)> = Vec::new();
    for reader in readers {
        let Some(url) = reader.image(Column::ImageUrl, issues) else { continue };
        let position = reader.get(Column::ImagePosition).parse().unwrap_or(u32::MAX);
        placed.push((position, Image { url, alt: text::plain_text(reader.get(Column::ImageAlt)) }));
    }
    placed.sort_by_key(|(position, _)| *position);
    let mut images: Vec<Image> = Vec::new();
    for (_, image) in placed {
        if !images.iter().any(|known| known.url == image.url) {
            images.push(image);
        }
    }
    images
}

/// The options that any variant has a value for, and the variants with one value for each of them.
fn with_options(
    rows: Vec<VariantRow>,
    cells: &ProductCells<'_>,
    first_line: u64,
    handle: &Handle,
    issues: &mut Issues,
) -> (Vec<ProductOption>, Vec<DraftVariant>) {
    let mut options: Vec<ProductOption> = Vec::new();
    let mut variants: Vec<DraftVariant> =
        rows.into_iter().map(|row| DraftVariant { row, option_values: Vec::new() }).collect();
    for (place, column) in OPTION_NAMES.into_iter().enumerate() {
        let written = |variant: &DraftVariant| variant.row.values.get(place).cloned().unwrap_or_default();
        if variants.iter().all(|variant| written(variant).is_empty()) {
            continue;
        }
        let written_name = text::plain_text(cells.first(column));
        let known = written_name.is_empty() || options.iter().any(|option| option.name == written_name);
        let name = if known { format!("{written_name} {}", place + 1).trim().to_owned() } else { written_name };
        if known {
            let reason = format!("option {} has no name of its own; it is called {name:?}", place + 1);
            issues.note(first_line, Some(handle), reason);
        }
        let used = |value: &str| variants.iter().any(|variant| written(variant) == value);
        let filler = ["Default", "-", "\u{2013}"].into_iter().find(|filler| !used(filler)).unwrap_or("?").to_owned();
        let mut values: Vec<String> = Vec::new();
        for variant in &mut variants {
            let mut value = written(variant);
            if value.is_empty() {
                let reason = format!("it has no value for {name:?}; it is called {filler:?}");
                issues.note(variant.row.line, Some(handle), reason);
                value.clone_from(&filler);
            }
            if !values.contains(&value) {
                values.push(value.clone());
            }
            variant.option_values.push(value);
        }
        options.push(ProductOption { name, values });
    }
    (options, variants)
}

impl DraftProduct {
    /// The product with its SKUs, one per variant; a variant without one is left out.
    pub(super) fn finish(self, skus: Vec<Option<Sku>>, created_at: OffsetDateTime) -> ImportedProduct {
        let mut stock = Vec::new();
        let mut variants = Vec::with_capacity(self.variants.len());
        for (draft, sku) in self.variants.into_iter().zip(skus) {
            let Some(sku) = sku else { continue };
            stock.extend(draft.row.stock.map(|units| (sku.clone(), units)));
            let place = |url: &String| self.images.iter().position(|image| image.url == *url);
            variants.push(Variant {
                id: variant_id(&self.handle, &sku),
                sku,
                option_values: draft.option_values,
                price: draft.row.price,
                compare_at_price: draft.row.compare_at_price,
                weight_grams: draft.row.weight_grams,
                requires_shipping: draft.row.requires_shipping,
                tax_class: draft.row.tax_class,
                barcode: draft.row.barcode,
                image: draft.row.image.as_ref().and_then(place).and_then(|place| u16::try_from(place).ok()),
                inventory: draft.row.inventory,
            });
        }
        let product = Product {
            id: ProductId::derive(self.handle.as_str()),
            handle: self.handle,
            title: self.title,
            description_html: self.description_html,
            vendor: self.vendor,
            category: self.category,
            tags: self.tags,
            options: self.options,
            variants,
            images: self.images,
            status: ProductStatus::Active,
            seo_title: self.seo_title,
            seo_description: self.seo_description,
            created_at,
        };
        ImportedProduct { product, stock, first_line: self.first_line }
    }
}

/// The identity of a variant: every store that imports it derives the same.
pub(super) fn variant_id(handle: &Handle, sku: &Sku) -> VariantId {
    VariantId::derive(&format!("{handle}/{sku}"))
}
