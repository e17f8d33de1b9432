//! Combines all rows of one handle into one product.

use std::collections::HashMap;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::columns::{Column, Columns};
use super::field_update::FieldUpdate;
use super::issue::Issues;
use super::table::Row;
use super::text;
use super::variant::{OPTION_VALUES, RowReader, VariantRow};
use super::{ImportOptions, LeftOutProduct};
use shopease_shop::domain::{Category, Handle, Image, Product, ProductStatus, slug};

/// Why a product without a usable row is not imported.
pub(super) const NO_VARIANT: &str = "none of its rows is a valid variant";
/// Why gift cards are not imported.
const GIFT_CARDS: &str = "it is a gift card; this shop does not support gift cards";
/// Types, tags, and categories of gift cards in several languages, as slugs.
const GIFT_CARD_KINDS: [&str; 26] = [
    "gift-card",
    "gift-cards",
    "giftcard",
    "giftcards",
    "gift-cards-certificates",
    "gift-certificate",
    "gift-certificates",
    "gift-voucher",
    "gift-vouchers",
    "geschenkgutschein",
    "geschenkgutscheine",
    "geschenkkarte",
    "geschenkkarten",
    "carte-cadeau",
    "cartes-cadeaux",
    "tarjeta-de-regalo",
    "tarjetas-de-regalo",
    "tarjeta-regalo",
    "carta-regalo",
    "carte-regalo",
    "buono-regalo",
    "buoni-regalo",
    "cadeaubon",
    "cadeaubonnen",
    "presentkort",
    "gavekort",
];
const OPTION_NAMES: [Column; 3] = [Column::OptionName1, Column::OptionName2, Column::OptionName3];

/// The rows of one handle, in file order.
pub(super) struct Group {
    pub(super) handle: Handle,
    pub(super) rows: Vec<Row>,
}

/// The result of reading a group.
pub(super) enum Outcome {
    Sold(Box<DraftProduct>),
    LeftOut(LeftOutProduct),
    Rejected,
}

/// A product as the rows describe it, before it is merged with the stored one.
#[derive(Debug, Clone)]
pub(super) struct DraftProduct {
    pub(super) handle: Handle,
    pub(super) rows: Vec<VariantRow>,
    pub(super) first_line: u64,
    /// Whether a row was rejected, so that a variant that is not among `rows` may still be in the file.
    pub(super) is_incomplete: bool,
    /// Never empty.
    pub(super) title: FieldUpdate<String>,
    pub(super) description_html: FieldUpdate<String>,
    pub(super) vendor: FieldUpdate<Option<String>>,
    pub(super) category: FieldUpdate<Option<Category>>,
    pub(super) tags: FieldUpdate<Vec<String>>,
    /// Names of the three options; empty where the file has none.
    pub(super) option_names: [String; 3],
    /// Whether the rows have the columns of the three option values.
    option_columns: [bool; 3],
    pub(super) images: FieldUpdate<Vec<DraftImage>>,
    pub(super) seo_title: FieldUpdate<Option<String>>,
    pub(super) seo_description: FieldUpdate<Option<String>>,
    pub(super) status: FieldUpdate<ProductStatus>,
    /// When a product that is new to the store was created.
    pub(super) created_at: FieldUpdate<OffsetDateTime>,
}

/// An image as the file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DraftImage {
    pub(super) url: String,
    pub(super) alt: FieldUpdate<String>,
}

impl DraftProduct {
    pub(super) fn has_option_column(&self, place: usize) -> bool {
        self.option_columns.get(place).is_some_and(|has_column| *has_column)
    }
}

impl Group {
    /// Reads the rows as one product. It `is_incomplete` if rows that are not in the group may belong to it.
    pub(super) fn outcome(
        self,
        columns: &Columns,
        options: &ImportOptions,
        is_incomplete: bool,
        issues: &mut Issues,
    ) -> Outcome {
        let first_line = self.rows.first().map_or(0, |row| row.line);
        let readers = || self.rows.iter().map(|row| RowReader { row, columns, handle: &self.handle, options });
        let cells = ProductCells { rows: &self.rows, columns };
        let variant_rows = readers().filter(RowReader::has_variant).count();
        let status = match cells.offer() {
            Offer::With(status) => FieldUpdate::Set(status),
            Offer::Nothing => FieldUpdate::Keep,
            Offer::LeftOut(status, reason) => {
                issues.left_out(first_line, &self.handle, reason);
                return Outcome::LeftOut(LeftOutProduct { handle: self.handle, status, first_line, variant_rows });
            }
            Offer::Unreadable(reason) => {
                issues.reject_product(first_line, &self.handle, reason);
                return Outcome::Rejected;
            }
        };
        let created_at = match cells.created_at() {
            Ok(created_at) => created_at,
            Err(reason) => {
                issues.reject_product(first_line, &self.handle, reason);
                return Outcome::Rejected;
            }
        };
        if variant_rows > Product::MAX_VARIANTS {
            let most = Product::MAX_VARIANTS;
            let reason = format!("it has {variant_rows} variants; the maximum is {most}");
            issues.reject_product(first_line, &self.handle, reason);
            return Outcome::Rejected;
        }
        let rows = variants(readers(), issues);
        // A file without prices may only have texts or images for products that exist.
        let concerns_variants = columns.has(Column::Price) || variant_rows > 0 || options.replace;
        if rows.is_empty() && concerns_variants {
            issues.reject_product(first_line, &self.handle, NO_VARIANT.to_owned());
            return Outcome::Rejected;
        }
        let is_incomplete = is_incomplete || issues.rejected_rows() > 0;
        let mut texts = Texts { handle: &self.handle, first_line, cells: &cells, issues };
        let draft = DraftProduct {
            title: Some(texts.cut(Column::Title, "title", Product::MAX_TITLE_CHARS))
                .filter(|title| !title.is_empty())
                .into(),
            description_html: cells.when_set(Column::Body, text::description_html),
            vendor: texts.optional(Column::Vendor, "vendor"),
            category: cells.category(),
            tags: cells.when_set(Column::Tags, tags),
            option_names: OPTION_NAMES.map(|column| texts.cut(column, "option name", Product::MAX_NAME_CHARS)),
            option_columns: OPTION_VALUES.map(|column| readers().any(|reader| reader.has_cell(column))),
            seo_title: cells.when_set(Column::SeoTitle, text::optional_text),
            seo_description: cells.when_set(Column::SeoDescription, text::optional_text),
            images: if cells.sets(Column::ImageUrl) {
                FieldUpdate::Set(images(readers(), issues))
            } else {
                FieldUpdate::Keep
            },
            handle: self.handle,
            first_line,
            rows,
            is_incomplete,
            status,
            created_at,
        };
        Outcome::Sold(Box::new(draft))
    }

    /// Whether the product is not for sale, which leaves its SKUs free for other products.
    pub(super) fn is_left_out(&self, columns: &Columns) -> bool {
        matches!(ProductCells { rows: &self.rows, columns }.offer(), Offer::LeftOut(..) | Offer::Unreadable(_))
    }
}

/// Reads the short texts of a product and notes those that are too long.
struct Texts<'a> {
    handle: &'a Handle,
    first_line: u64,
    cells: &'a ProductCells<'a>,
    issues: &'a mut Issues,
}

impl Texts<'_> {
    fn cut(&mut self, column: Column, name: &str, max_chars: usize) -> String {
        let text = text::plain_text(self.cells.first(column));
        if text.chars().count() > max_chars {
            let reason = format!("the {name} was cut to {max_chars} characters");
            self.issues.note(self.first_line, Some(self.handle), reason);
        }
        text.chars().take(max_chars).collect()
    }

    fn optional(&mut self, column: Column, name: &str) -> FieldUpdate<Option<String>> {
        let text = self.cut(column, name, Product::MAX_NAME_CHARS);
        if self.cells.sets(column) {
            FieldUpdate::Set(Some(text).filter(|text| !text.is_empty()))
        } else {
            FieldUpdate::Keep
        }
    }
}

/// Whether the file offers the product for sale.
enum Offer {
    /// Not stated: an existing product keeps its status, and a new one is on sale.
    Nothing,
    /// Offered, or stored with this status.
    With(ProductStatus),
    /// Not for sale: its new status and the reason.
    LeftOut(ProductStatus, String),
    /// The cell has an unknown value; the product is not imported.
    Unreadable(String),
}

/// Product-level cells: the value can be in any row of a product (usually the first) and applies to all of them.
struct ProductCells<'a> {
    rows: &'a [Row],
    columns: &'a Columns,
}

impl ProductCells<'_> {
    /// The first non-empty value of a column.
    fn first(&self, column: Column) -> &str {
        let mut values = self.rows.iter().map(|row| self.columns.get(&row.record, column));
        values.find(|value| !value.is_empty()).unwrap_or_default()
    }

    fn when_set<T>(&self, column: Column, read: impl FnOnce(&str) -> T) -> FieldUpdate<T> {
        if self.sets(column) { FieldUpdate::Set(read(self.first(column))) } else { FieldUpdate::Keep }
    }

    /// Whether the rows set the field: with any value, or with an empty cell in the first row, where the product's own
    /// cells are.
    fn sets(&self, column: Column) -> bool {
        let first = self.rows.first();
        first.is_some_and(|row| self.columns.sets(&row.record, column)) || !self.first(column).is_empty()
    }

    fn offer(&self) -> Offer {
        // The shop wrote the file, so what it says is a product of the shop, whatever Shopify would call it.
        let own = self.first(Column::OwnStatus);
        if !own.is_empty() {
            let reason = || format!("shopease status: {own:?} is not active, draft or archived");
            return ProductStatus::find(&own.to_lowercase()).map_or_else(|| Offer::Unreadable(reason()), Offer::With);
        }
        let (status, published) = (self.first(Column::Status).to_lowercase(), self.first(Column::Published));
        let gift_card = self.first(Column::GiftCard);
        match (text::flag(gift_card), gift_card.is_empty()) {
            (Some(true), _) => return Offer::LeftOut(ProductStatus::Draft, GIFT_CARDS.to_owned()),
            (None, false) => return Offer::Unreadable(format!("gift card: {gift_card:?} is neither true nor false")),
            _ => {}
        }
        match status.as_str() {
            "" | "active" => {}
            "archived" => return Offer::LeftOut(ProductStatus::Archived, "its status is archived".to_owned()),
            "draft" | "unlisted" => {
                return Offer::LeftOut(ProductStatus::Draft, format!("its status is {status}"));
            }
            _ => return Offer::Unreadable(format!("status: {status:?} is not active, draft, archived or unlisted")),
        }
        match text::flag(published) {
            Some(false) => return Offer::LeftOut(ProductStatus::Draft, "it is not published".to_owned()),
            None if !published.is_empty() => {
                return Offer::Unreadable(format!("published: {published:?} is neither true nor false"));
            }
            _ => {}
        }
        if self.is_kind_of_gift_card() {
            return Offer::LeftOut(ProductStatus::Draft, GIFT_CARDS.to_owned());
        }
        let is_stated = !status.is_empty() || !published.is_empty() || self.columns.replace;
        if is_stated { Offer::With(ProductStatus::Active) } else { Offer::Nothing }
    }

    fn created_at(&self) -> Result<FieldUpdate<OffsetDateTime>, String> {
        let written = self.first(Column::OwnCreatedAt);
        if written.is_empty() {
            return Ok(FieldUpdate::Keep);
        }
        let created_at = OffsetDateTime::parse(written, &Rfc3339);
        created_at
            .map(FieldUpdate::Set)
            .map_err(|_| format!("shopease created at: {written:?} is not a time such as 2026-01-31T12:00:00Z"))
    }

    /// Whether the type, a tag, or the last taxonomy step is "gift card", as in exports without a gift card column.
    fn is_kind_of_gift_card(&self) -> bool {
        let kinds = [Column::Type, Column::ProductCategory].map(|column| text::plain_text(self.first(column)));
        let last_steps = kinds.iter().map(|kind| kind.rsplit('>').next().unwrap_or_default().to_owned());
        last_steps.chain(tags(self.first(Column::Tags))).any(|kind| GIFT_CARD_KINDS.contains(&slug(&kind).as_str()))
    }

    /// The category: the merchant's own type, else the last step of Shopify's taxonomy.
    fn category(&self) -> FieldUpdate<Option<Category>> {
        let own = text::plain_text(self.first(Column::Type));
        let path = text::plain_text(self.first(Column::ProductCategory));
        let last = path.rsplit('>').next().unwrap_or_default().trim();
        // Some exports have the taxonomy's code instead (`sg-4-17-2-17`, `gid://..`, `1604`), which is not a readable
        // name.
        let coded = last.contains("://") || last.chars().any(|c| c.is_ascii_digit()) && !last.contains(' ');
        let standard = if coded || last.eq_ignore_ascii_case("uncategorized") { "" } else { last };
        let category = [own.as_str(), standard].into_iter().find_map(|title| {
            let handle = slug(title).parse().ok()?;
            Some(Category { handle, title: title.chars().take(Product::MAX_NAME_CHARS).collect() })
        });
        // Without the merchant's own column, an empty taxonomy path does not mean that the product has no category.
        if category.is_some() || self.sets(Column::Type) { FieldUpdate::Set(category) } else { FieldUpdate::Keep }
    }
}

fn tags(cell: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in cell.split(',').filter_map(text::optional_text) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// Returns the rows that are variants. Of two rows with the same option values and no different SKUs, the first is used;
/// the second is either an image row that repeats the variant, or rejected. Rows with different SKUs may differ in an
/// option that the file has no column for.
fn variants<'r>(readers: impl Iterator<Item = RowReader<'r>>, issues: &mut Issues) -> Vec<VariantRow> {
    let mut rows: Vec<VariantRow> = Vec::new();
    let mut places: HashMap<([String; 3], String), usize> = HashMap::new();
    for (index, reader) in readers.enumerate() {
        if !reader.has_variant() {
            if index > 0 && reader.get(Column::ImageUrl).is_empty() {
                reader.note(issues, "the row has neither a variant nor an image".to_owned());
            }
            continue;
        }
        let values = reader.option_values();
        let sku = text::code(reader.get(Column::Sku)).into_owned();
        let without_sku = || rows.iter().position(|row| sku.is_empty() && row.values == values);
        let place = places.get(&(values.clone(), sku.clone())).copied().or_else(without_sku);
        if let Some(first) = place.and_then(|place| rows.get(place)) {
            let line = first.line;
            if reader.only_adds_an_image(first) {
                reader.note(issues, format!("the row repeats the variant of line {line}; only its image is used"));
            } else {
                reader.reject(issues, same_values(line));
            }
            continue;
        }
        match reader.variant(issues) {
            Ok(row) => {
                places.insert((values, sku), rows.len());
                rows.push(row);
            }
            Err(reason) => reader.reject(issues, reason),
        }
    }
    rows
}

/// The reason for rejecting a row whose option values an earlier row already has.
pub(super) fn same_values(line: u64) -> String {
    format!("its option values are the same as in line {line}")
}

/// The product's images by position, then by line; each URL once.
fn images<'r>(readers: impl Iterator<Item = RowReader<'r>>, issues: &mut Issues) -> Vec<DraftImage> {
    let mut placed: Vec<(u32, DraftImage)> = Vec::new();
    for reader in readers {
        let Some(url) = reader.image(Column::ImageUrl, issues) else { continue };
        let position = reader.get(Column::ImagePosition).parse().unwrap_or(u32::MAX);
        let alt = text::plain_text(reader.get(Column::ImageAlt));
        if alt.chars().count() > Image::MAX_ALT_CHARS {
            reader.note(issues, format!("the image's alternative text was cut to {} characters", Image::MAX_ALT_CHARS));
        }
        let alt = alt.chars().take(Image::MAX_ALT_CHARS).collect();
        let alt = if reader.sets(Column::ImageAlt) { FieldUpdate::Set(alt) } else { FieldUpdate::Keep };
        placed.push((position, DraftImage { url, alt }));
    }
    placed.sort_by_key(|(position, _)| *position);
    let mut images: Vec<DraftImage> = Vec::new();
    for (_, image) in placed {
        if !images.iter().any(|other| other.url == image.url) {
            images.push(image);
        }
    }
    images
}
