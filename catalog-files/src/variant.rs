//! One row of a variant.

use super::ImportOptions;
use super::columns::{Column, Columns};
use super::issue::{Issues, amount_reason};
use super::table::Row;
use super::told::Told;
use super::{sku, text};
use shopease_shop::domain::{Handle, Money, Sku, StockLevel, TaxClass};

/// Longest option value in characters, as at Shopify.
const MAX_OPTION_CHARS: usize = 255;
const OPTION_VALUES: [Column; 3] = [Column::OptionValue1, Column::OptionValue2, Column::OptionValue3];

/// What a row tells of a variant, before its product is known as a whole.
#[derive(Debug, Clone)]
pub(super) struct VariantRow {
    pub(super) line: u64,
    pub(super) given_sku: Option<Sku>,
    /// The three option columns; empty where the row has none.
    pub(super) values: [String; 3],
    pub(super) price: Money,
    pub(super) compare_at_price: Told<Option<Money>>,
    pub(super) weight_grams: Told<u32>,
    pub(super) requires_shipping: Told<bool>,
    pub(super) tax: Tax,
    pub(super) barcode: Told<Option<String>>,
    pub(super) image: Told<Option<String>>,
    pub(super) counting: Counting,
}

/// What a row tells of the tax on its variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tax {
    /// No cell is about it.
    Nothing,
    /// It is taxed; the file has no column that says at which rate.
    Taxed,
    /// At this rate, or not at all.
    Class(TaxClass),
}

impl Tax {
    /// The file's class, else the stored one as far as it agrees.
    pub(super) fn or(self, stored: Option<TaxClass>) -> TaxClass {
        match (self, stored) {
            (Self::Class(class), _) | (Self::Nothing, Some(class)) => class,
            (Self::Taxed, Some(TaxClass::Reduced)) => TaxClass::Reduced,
            (Self::Taxed, _) | (Self::Nothing, None) => TaxClass::Standard,
        }
    }
}

/// What a row tells of the stock of its variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// No column is about it.
    Nothing,
    /// Sold without counting: not tracked, or sold past zero.
    Uncounted,
    /// Counted, so many available.
    Units(u32),
    /// Counted, and the file has no column that says how many.
    NoQuantity,
    /// Counted, and the cell of the quantity is empty.
    EmptyQuantity,
}

/// Reads single cells of a row and remarks on them.
pub(super) struct RowReader<'a> {
    pub(super) row: &'a Row,
    pub(super) columns: &'a Columns,
    pub(super) handle: &'a Handle,
    pub(super) options: &'a ImportOptions,
}

impl RowReader<'_> {
    /// Whether the row is about a variant (and not only a picture).
    pub(super) fn has_variant(&self) -> bool {
        OPTION_VALUES.into_iter().chain([Column::Price, Column::Sku]).any(|column| !self.get(column).is_empty())
    }

    /// The texts of the three option columns; the value of a product without options counts as none.
    pub(super) fn option_values(&self) -> [String; 3] {
        OPTION_VALUES.map(|column| {
            let value = text::plain_text(self.get(column));
            if value.eq_ignore_ascii_case("default title") { String::new() } else { value }
        })
    }

    /// The variant, or why the row cannot be one.
    pub(super) fn variant(&self, issues: &mut Issues) -> Result<VariantRow, String> {
        let price = self.get(Column::Price);
        if price.is_empty() {
            return Err("the row has no price".to_owned());
        }
        let currency = self.options.currency;
        let price = Money::parse_decimal(price, currency)
            .map_err(|error| format!("price: {}", amount_reason(price, currency, error)))?;
        Ok(VariantRow {
            line: self.row.line,
            compare_at_price: self.compare_at_price()?,
            weight_grams: self.weight_grams()?,
            requires_shipping: self.flag(Column::RequiresShipping, "requires shipping")?.into(),
            tax: self.tax()?,
            counting: self.counting(issues)?,
            given_sku: self.given_sku(issues),
            values: self.bounded_option_values()?,
            price,
            barcode: self.barcode(issues),
            image: self.when_told(Column::VariantImage, || self.image(Column::VariantImage, issues)),
        })
    }

    /// The value that `read` gives if the file has the column, or replaces all.
    fn when_told<T>(&self, column: Column, read: impl FnOnce() -> T) -> Told<T> {
        if self.columns.tells(column) { Told::Value(read()) } else { Told::Nothing }
    }

    /// A picture's address; one that the shop cannot show is remarked on.
    pub(super) fn image(&self, column: Column, issues: &mut Issues) -> Option<String> {
        let written = self.get(column);
        if written.is_empty() {
            return None;
        }
        let url = text::image_url(written);
        if url.is_none() {
            let start: String = written.chars().take(80).collect();
            self.note(issues, format!("the picture {start:?} is no web address; it is left out"));
        }
        url
    }

    /// Whether a row with the option values of `first` is about nothing but another picture.
    pub(super) fn only_adds_a_picture(&self, first: &VariantRow) -> bool {
        let price = self.get(Column::Price);
        let same_sku = sku::given(self.get(Column::Sku)).is_ok_and(|sku| sku.is_none() || sku == first.given_sku);
        let same_price = price.is_empty() || Money::parse_decimal(price, self.options.currency) == Ok(first.price);
        !self.get(Column::ImageUrl).is_empty() && same_sku && same_price
    }

    pub(super) fn reject(&self, issues: &mut Issues, reason: String) {
        issues.reject_row(self.row.line, Some(self.handle), reason);
    }

    pub(super) fn get(&self, column: Column) -> &str {
        self.columns.get(&self.row.record, column)
    }

    pub(super) fn note(&self, issues: &mut Issues, reason: String) {
        issues.note(self.row.line, Some(self.handle), reason);
    }

    /// The SKU of the row; `None` for one that is no code (any more), which then is told.
    fn given_sku(&self, issues: &mut Issues) -> Option<Sku> {
        let written = self.get(Column::Sku);
        if text::is_ruined(&text::code(written)) {
            self.note(issues, format!("the SKU {written:?} is what a spreadsheet shows of a number; the code is lost"));
            return None;
        }
        if text::code(written) != text::without_apostrophe(written) {
            self.note(issues, "characters that nobody sees are left out of the SKU".to_owned());
        }
        sku::given(written).unwrap_or_else(|_| {
            let most = Sku::MAX_CHARS;
            self.note(issues, format!("the SKU is not 1 to {most} printable characters; one is derived"));
            None
        })
    }

    fn barcode(&self, issues: &mut Issues) -> Told<Option<String>> {
        let written = self.get(Column::Barcode);
        let code = text::code(written);
        if text::is_ruined(&code) {
            let reason = format!("the barcode {written:?} is what a spreadsheet shows of a number; the code is lost");
            self.note(issues, reason);
            return Told::Nothing;
        }
        self.when_told(Column::Barcode, || text::optional_text(&code))
    }

    fn bounded_option_values(&self) -> Result<[String; 3], String> {
        let values = self.option_values();
        match values.iter().find(|value| value.chars().count() > MAX_OPTION_CHARS) {
            Some(value) => {
                let start: String = value.chars().take(40).collect();
                Err(format!("the option value \"{start}...\" has more than {MAX_OPTION_CHARS} characters"))
            }
            None => Ok(values),
        }
    }

    fn compare_at_price(&self) -> Result<Told<Option<Money>>, String> {
        let written = self.get(Column::CompareAtPrice);
        if written.is_empty() {
            return Ok(self.when_told(Column::CompareAtPrice, || None));
        }
        let former = Money::parse_decimal(written, self.options.currency)
            .map_err(|error| format!("compare-at price: {}", amount_reason(written, self.options.currency, error)))?;
        Ok(Told::Value(Some(former)))
    }

    fn weight_grams(&self) -> Result<Told<u32>, String> {
        let written = self.get(Column::Grams);
        if written.is_empty() {
            return Ok(if self.options.replace { Told::Value(0) } else { Told::Nothing });
        }
        let grams = text::grams(written).ok_or_else(|| format!("weight: {written:?} is no number of grams like 400.5"));
        grams.map(Told::Value)
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
            Some(true) if self.columns.tells(Column::TaxCode) => Tax::Class(TaxClass::Standard),
            Some(true) => Tax::Taxed,
            None if self.options.replace => Tax::Class(TaxClass::Standard),
            None => Tax::Nothing,
        })
    }

    /// Whether and how stock limits the sale.
    fn counting(&self, issues: &mut Issues) -> Result<Counting, String> {
        let (quantity, policy) = (self.get(Column::Quantity), self.get(Column::Policy));
        if policy.eq_ignore_ascii_case("continue") || text::flag(policy) == Some(true) {
            return Ok(Counting::Uncounted);
        }
        // Where no column tells who counts, a quantity does.
        match (self.columns.has(Column::Tracker), self.get(Column::Tracker).is_empty()) {
            (true, true) => return Ok(Counting::Uncounted),
            (false, _) if quantity.is_empty() => return Ok(Counting::Nothing),
            _ => {}
        }
        if quantity.is_empty() {
            let has_column = self.columns.has(Column::Quantity);
            return Ok(if has_column { Counting::EmptyQuantity } else { Counting::NoQuantity });
        }
        let units =
            text::units(quantity).ok_or_else(|| format!("quantity: {quantity:?} is no number of units like 1000"))?;
        if units < 0 {
            self.note(issues, format!("the quantity {units} counts as 0"));
        }
        let units = units.max(0);
        match u32::try_from(units).ok().filter(|units| *units <= StockLevel::MAX_UNITS) {
            Some(units) => Ok(Counting::Units(units)),
            None => Err(format!("quantity: {units} is more than {}", StockLevel::MAX_UNITS)),
        }
    }
}
