//! Reads a variant from one row.

use std::borrow::Cow;

use super::ImportOptions;
use super::columns::{Column, Columns};
use super::field_update::FieldUpdate;
use super::issue::{Issues, amount_reason};
use super::table::Row;
use super::{sku, text};
use shopease_shop::domain::{Currency, Handle, Money, Product, Sku, StockLevel, TaxClass};

/// The columns that describe a variant without naming it or its price.
const VARIANT_FIELDS: [Column; 10] = [
    Column::Grams,
    Column::Tracker,
    Column::Quantity,
    Column::Policy,
    Column::CompareAtPrice,
    Column::RequiresShipping,
    Column::Taxable,
    Column::TaxCode,
    Column::Barcode,
    Column::VariantImage,
];
/// Why a row that needs a price is not a variant.
pub(super) const NO_PRICE: &str = "the row has no price";
pub(super) const OPTION_VALUES: [Column; 3] = [Column::OptionValue1, Column::OptionValue2, Column::OptionValue3];

/// A variant as its row describes it, before its product is known as a whole.
#[derive(Debug, Clone)]
pub(super) struct VariantRow {
    pub(super) line: u64,
    pub(super) given_sku: Option<Sku>,
    /// The three option columns; empty where the row has none.
    pub(super) values: [String; 3],
    pub(super) price: FieldUpdate<Money>,
    pub(super) compare_at_price: FieldUpdate<Option<Money>>,
    pub(super) weight_grams: FieldUpdate<u32>,
    pub(super) requires_shipping: FieldUpdate<bool>,
    pub(super) tax: Tax,
    pub(super) barcode: FieldUpdate<Option<String>>,
    pub(super) image: FieldUpdate<Option<String>>,
    pub(super) counting: Counting,
}

/// The tax of a variant as its row describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tax {
    /// No cell concerns it.
    Nothing,
    /// Taxed; the file has no column for the rate.
    Taxed,
    /// Taxed at this rate, or not at all.
    Class(TaxClass),
}

impl Tax {
    /// The file's class; the stored one if it is consistent with the file.
    pub(super) fn or(self, stored: Option<TaxClass>) -> TaxClass {
        match (self, stored) {
            (Self::Class(class), _) | (Self::Nothing, Some(class)) => class,
            (Self::Taxed, Some(TaxClass::Reduced)) => TaxClass::Reduced,
            (Self::Taxed, _) | (Self::Nothing, None) => TaxClass::Standard,
        }
    }
}

/// The stock of a variant as its row describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// No column concerns it.
    Nothing,
    /// Not tracked, or sold below zero.
    Uncounted,
    /// Tracked, with this many available units.
    Units(u32),
    /// Tracked, and the file has no quantity column.
    NoQuantity,
    /// Tracked, and the quantity cell is empty.
    EmptyQuantity,
}

/// Reads the cells of a row and reports notes on them.
pub(super) struct RowReader<'a> {
    pub(super) row: &'a Row,
    pub(super) columns: &'a Columns,
    pub(super) handle: &'a Handle,
    pub(super) options: &'a ImportOptions,
}

impl RowReader<'_> {
    /// Whether the row describes a variant (and not only an image).
    pub(super) fn has_variant(&self) -> bool {
        let named = OPTION_VALUES.into_iter().chain([Column::Price, Column::Sku]);
        // In a file with prices, a row without one only adds an image.
        let described = VARIANT_FIELDS.into_iter().filter(|_| !self.columns.has(Column::Price));
        named.chain(described).any(|column| !self.get(column).is_empty())
    }

    /// The texts of the three option columns; the placeholder value of a product without options counts as empty.
    pub(super) fn option_values(&self) -> [String; 3] {
        OPTION_VALUES.map(|column| {
            let value = text::plain_text(self.get(column));
            if value.eq_ignore_ascii_case("default title") { String::new() } else { value }
        })
    }

    /// The variant, or the reason why the row is not one.
    pub(super) fn variant(&self, issues: &mut Issues) -> Result<VariantRow, String> {
        Ok(VariantRow {
            line: self.row.line,
            compare_at_price: self.compare_at_price()?,
            weight_grams: self.weight_grams()?,
            requires_shipping: self.flag(Column::RequiresShipping, "requires shipping")?.into(),
            tax: self.tax()?,
            counting: self.counting(issues)?,
            given_sku: self.given_sku(issues),
            values: self.bounded_option_values()?,
            price: self.price()?,
            barcode: self.barcode(issues),
            image: self.when_set(Column::VariantImage, || self.image(Column::VariantImage, issues)),
        })
    }

    /// The value that `read` returns if the row has the column or the file replaces products.
    fn when_set<T>(&self, column: Column, read: impl FnOnce() -> T) -> FieldUpdate<T> {
        if self.sets(column) { FieldUpdate::Set(read()) } else { FieldUpdate::Keep }
    }

    /// An image URL; notes one that the shop cannot use.
    pub(super) fn image(&self, column: Column, issues: &mut Issues) -> Option<String> {
        let written = self.get(column);
        if written.is_empty() {
            return None;
        }
        let url = text::image_url(written);
        if url.is_none() {
            let start: String = written.chars().take(80).collect();
            self.note(issues, format!("the image {start:?} is not a web URL and was not imported"));
        }
        url
    }

    /// Whether a row with the option values of `first` only adds an image.
    pub(super) fn only_adds_an_image(&self, first: &VariantRow) -> bool {
        let Ok(price) = self.number(Column::Price, "price") else { return false };
        let same_sku = sku::given(self.get(Column::Sku)).is_ok_and(|sku| sku.is_none() || sku == first.given_sku);
        let same_price = price.is_empty()
            || self.currency().is_ok_and(|currency| {
                Money::parse_decimal(&price, currency).is_ok_and(|price| first.price == FieldUpdate::Set(price))
            });
        !self.get(Column::ImageUrl).is_empty() && same_sku && same_price
    }

    pub(super) fn reject(&self, issues: &mut Issues, reason: String) {
        issues.reject_row(self.row.line, Some(self.handle), reason);
    }

    pub(super) fn get(&self, column: Column) -> &str {
        self.columns.get(&self.row.record, column)
    }

    /// Whether the row sets the field; an empty cell then clears it.
    pub(super) fn sets(&self, column: Column) -> bool {
        self.columns.sets(&self.row.record, column)
    }

    pub(super) fn has_cell(&self, column: Column) -> bool {
        self.columns.has_cell(&self.row.record, column)
    }

    pub(super) fn note(&self, issues: &mut Issues, reason: String) {
        issues.note(self.row.line, Some(self.handle), reason);
    }

    /// The SKU of the row; `None`, with a note, if it is not a valid code or was reformatted by a spreadsheet.
    fn given_sku(&self, issues: &mut Issues) -> Option<Sku> {
        let written = self.get(Column::Sku);
        if text::is_reformatted(written) {
            self.note(
                issues,
                format!("the SKU {written:?} was reformatted as a number by a spreadsheet; the original is lost"),
            );
            return None;
        }
        if text::code(written) != text::without_text_mark(written) {
            self.note(issues, "invisible characters were removed from the SKU".to_owned());
        }
        sku::given(written).unwrap_or_else(|_| {
            let most = Sku::MAX_CHARS;
            self.note(issues, format!("the SKU is not 1 to {most} printable characters; a SKU was derived"));
            None
        })
    }

    fn barcode(&self, issues: &mut Issues) -> FieldUpdate<Option<String>> {
        let written = self.get(Column::Barcode);
        let code = text::code(written);
        if text::is_reformatted(written) {
            let reason =
                format!("the barcode {written:?} was reformatted as a number by a spreadsheet; the original is lost");
            self.note(issues, reason);
            return FieldUpdate::Keep;
        }
        self.when_set(Column::Barcode, || text::optional_text(&code))
    }

    fn bounded_option_values(&self) -> Result<[String; 3], String> {
        let values = self.option_values();
        match values.iter().find(|value| value.chars().count() > Product::MAX_NAME_CHARS) {
            Some(value) => {
                let start: String = value.chars().take(40).collect();
                let most = Product::MAX_NAME_CHARS;
                Err(format!("the option value \"{start}...\" is longer than {most} characters"))
            }
            None => Ok(values),
        }
    }

    /// The currency of the row's prices: that of its cell, else that of the import.
    fn currency(&self) -> Result<Currency, String> {
        let written = self.get(Column::OwnCurrency);
        if written.is_empty() {
            return Ok(self.options.currency);
        }
        written.parse().map_err(|_| format!("currency: {written:?} is not an ISO 4217 code such as EUR"))
    }

    /// A cell with a number, which has a decimal point.
    fn number(&self, column: Column, name: &str) -> Result<Cow<'_, str>, String> {
        let written = self.get(column);
        if written.is_empty() || !self.options.decimal_comma {
            return Ok(Cow::Borrowed(written));
        }
        let number = text::with_point(written);
        number.map(Cow::Owned).ok_or_else(|| format!("{name}: {written:?} is not a number such as 1234,50"))
    }

    fn price(&self) -> Result<FieldUpdate<Money>, String> {
        let (written, currency) = (&*self.number(Column::Price, "price")?, self.currency()?);
        if written.is_empty() {
            return if self.sets(Column::Price) { Err(NO_PRICE.to_owned()) } else { Ok(FieldUpdate::Keep) };
        }
        let price = Money::parse_decimal(written, currency)
            .map_err(|error| format!("price: {}", amount_reason(written, currency, error)))?;
        Ok(FieldUpdate::Set(price))
    }

    fn compare_at_price(&self) -> Result<FieldUpdate<Option<Money>>, String> {
        let written = &*self.number(Column::CompareAtPrice, "compare-at price")?;
        if written.is_empty() {
            return Ok(self.when_set(Column::CompareAtPrice, || None));
        }
        let currency = self.currency()?;
        let former = Money::parse_decimal(written, currency)
            .map_err(|error| format!("compare-at price: {}", amount_reason(written, currency, error)))?;
        Ok(FieldUpdate::Set(Some(former)))
    }

    fn weight_grams(&self) -> Result<FieldUpdate<u32>, String> {
        let written = &*self.number(Column::Grams, "weight")?;
        if written.is_empty() {
            return Ok(if self.options.replace { FieldUpdate::Set(0) } else { FieldUpdate::Keep });
        }
        let grams =
            text::grams(written).ok_or_else(|| format!("weight: {written:?} is not a number of grams such as 400.5"));
        grams.map(FieldUpdate::Set)
    }

    /// A yes or no; `None` for an empty cell.
    fn flag(&self, column: Column, name: &str) -> Result<Option<bool>, String> {
        let written = self.get(column);
        if written.is_empty() {
            return Ok(None);
        }
        let flag = text::flag(written).ok_or_else(|| format!("{name}: {written:?} is neither true nor false"));
        flag.map(Some)
    }

    fn tax(&self) -> Result<Tax, String> {
        let taxable = self.flag(Column::Taxable, "taxable")?;
        let reduced = self.get(Column::TaxCode).to_lowercase().contains("reduced");
        Ok(match taxable {
            Some(false) => Tax::Class(TaxClass::Exempt),
            _ if reduced => Tax::Class(TaxClass::Reduced),
            Some(true) if self.sets(Column::TaxCode) => Tax::Class(TaxClass::Standard),
            Some(true) => Tax::Taxed,
            None if self.options.replace => Tax::Class(TaxClass::Standard),
            None => Tax::Nothing,
        })
    }

    /// Whether and how stock limits sales.
    fn counting(&self, issues: &mut Issues) -> Result<Counting, String> {
        let (quantity, policy) = (&*self.number(Column::Quantity, "quantity")?, self.get(Column::Policy));
        if policy.eq_ignore_ascii_case("continue") || text::flag(policy) == Some(true) {
            return Ok(Counting::Uncounted);
        }
        // Without a tracker column, a quantity means that the variant is tracked.
        match (self.has_cell(Column::Tracker), self.get(Column::Tracker).is_empty()) {
            (true, true) => return Ok(Counting::Uncounted),
            (false, _) if quantity.is_empty() => return Ok(Counting::Nothing),
            _ => {}
        }
        if quantity.is_empty() {
            let has_column = self.has_cell(Column::Quantity);
            return Ok(if has_column { Counting::EmptyQuantity } else { Counting::NoQuantity });
        }
        let units = text::units(quantity)
            .ok_or_else(|| format!("quantity: {quantity:?} is not a number of units such as 1000"))?;
        if units < 0 {
            self.note(issues, format!("the quantity {units} was set to 0"));
        }
        let units = units.max(0);
        match u32::try_from(units).ok().filter(|units| *units <= StockLevel::MAX_UNITS) {
            Some(units) => Ok(Counting::Units(units)),
            None => Err(format!("quantity: {units} is more than {}", StockLevel::MAX_UNITS)),
        }
    }
}
