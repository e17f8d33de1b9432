//! One row of a variant.

use super::ImportOptions;
use super::columns::{Column, Columns};
use super::issue::{Issues, amount_reason};
use super::table::Row;
use super::{sku, text};
use shopease_shop::domain::{Handle, Inventory, Money, Sku, StockLevel, TaxClass};

const OPTION_VALUES: [Column; 3] = [Column::OptionValue1, Column::OptionValue2, Column::OptionValue3];

/// What a row tells of a variant, before its product is known as a whole.
#[derive(Debug)]
pub(super) struct VariantRow {
    pub(super) line: u64,
    pub(super) given_sku: Option<Sku>,
    /// The three option columns; empty where the row has none.
    pub(super) values: [String; 3],
    pub(super) price: Money,
    pub(super) compare_at_price: Option<Money>,
    pub(super) weight_grams: u32,
    pub(super) requires_shipping: bool,
    pub(super) tax_class: TaxClass,
    pub(super) barcode: Option<String>,
    pub(super) image: Option<String>,
    pub(super) inventory: Inventory,
    /// Available units, when the variant is tracked.
    pub(super) stock: Option<u32>,
    /// The variant is tracked in the source, but the file does not say how many there are.
    pub(super) stock_unknown: bool,
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
    pub(super) fn variant(&self, gift_card: bool, issues: &mut Issues) -> Result<VariantRow, String> {
        let price = self.get(Column::Price);
        if price.is_empty() {
            return Err("the row has no price".to_owned());
        }
        let currency = self.options.currency;
        let price = Money::parse_decimal(price, currency)
            .map_err(|error| format!("price: {}", amount_reason(price, currency, error)))?;
        let (inventory, stock, stock_unknown) = self.stock(issues);
        let tax_class = match text::flag(self.get(Column::Taxable)) {
            Some(false) => TaxClass::Exempt,
            _ if gift_card => TaxClass::Exempt,
            _ if self.get(Column::TaxCode).to_lowercase().contains("reduced") => TaxClass::Reduced,
            _ => TaxClass::Standard,
        };
        Ok(VariantRow {
            line: self.row.line,
            given_sku: self.given_sku(issues),
            values: self.option_values(),
            price,
            compare_at_price: self.compare_at_price(price, issues),
            weight_grams: self.weight_grams(issues),
            requires_shipping: !gift_card && text::flag(self.get(Column::RequiresShipping)).unwrap_or(true),
            tax_class,
            barcode: text::optional_text(text::without_apostrophe(self.get(Column::Barcode))),
            image: self.image(Column::VariantImage, issues),
            inventory,
            stock,
            stock_unknown,
        })
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

    fn given_sku(&self, issues: &mut Issues) -> Option<Sku> {
        sku::given(self.get(Column::Sku)).unwrap_or_else(|_| {
            let most = Sku::MAX_CHARS;
            self.note(issues, format!("the SKU is not 1 to {most} printable characters; one is derived"));
            None
        })
    }

    fn compare_at_price(&self, price: Money, issues: &mut Issues) -> Option<Money> {
        let written = self.get(Column::CompareAtPrice);
        if written.is_empty() {
            return None;
        }
        match Money::parse_decimal(written, self.options.currency) {
            Ok(former) => (former.amount_minor > price.amount_minor).then_some(former),
            Err(error) => {
                let reason = amount_reason(written, self.options.currency, error);
                self.note(issues, format!("compare-at price: {reason}; it is left out"));
                None
            }
        }
    }

    fn weight_grams(&self, issues: &mut Issues) -> u32 {
        let written = self.get(Column::Grams);
        if written.is_empty() {
            return 0;
        }
        text::grams(written).unwrap_or_else(|| {
            self.note(issues, format!("{written:?} is no weight in grams; it counts as 0"));
            0
        })
    }

    /// Whether stock limits the sale, how much there is, and whether that is unknown.
    fn stock(&self, issues: &mut Issues) -> (Inventory, Option<u32>, bool) {
        let quantity = self.get(Column::Quantity);
        // Where no column tells who counts, a quantity does.
        let tracked = if self.columns.has(Column::Tracker) {
            !self.get(Column::Tracker).is_empty()
        } else {
            !quantity.is_empty()
        };
        let policy = self.get(Column::Policy);
        let sells_past_zero = policy.eq_ignore_ascii_case("continue") || text::flag(policy) == Some(true);
        if !tracked || sells_past_zero {
            return (Inventory::Untracked, None, false);
        }
        if !quantity.is_empty() && text::units(quantity).is_none() {
            self.note(issues, format!("{quantity:?} is no number of units"));
        }
        match (text::units(quantity), self.options.default_stock) {
            (Some(units), _) => {
                if units < 0 {
                    self.note(issues, format!("the quantity {units} counts as 0"));
                }
                let units = u32::try_from(units.max(0)).unwrap_or(u32::MAX).min(StockLevel::MAX_UNITS);
                (Inventory::Tracked, Some(units), false)
            }
            (None, Some(units)) => (Inventory::Tracked, Some(units.min(StockLevel::MAX_UNITS)), false),
            (None, None) => (Inventory::Untracked, None, true),
        }
    }
}
