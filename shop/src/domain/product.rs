//! Products, their variants and their sort orders.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use unicode_normalization::UnicodeNormalization as _;

use super::{
    Field, Format, Money, Picture, Position, ProductId, RuleError, TaxClass, ValueRule, VariantId, fold, is_unprintable,
};

/// The name of a product or category in URLs, in any script; usually lower-case words joined by hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle(String);

impl Handle {
    /// Longest handle in characters; Shopify allows 255.
    pub const MAX_CHARS: usize = 255;

    /// The handle as text. It must be percent-encoded in URLs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Handle {
    type Err = RuleError;

    /// Accepts letters and digits of any script, `-`, `_`, `.` (not at the start) and marks, and normalizes to NFC.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let text: String = text.nfc().collect();
        let allowed = |c: char| !c.is_whitespace() && !"/\\?#%&\"'<>:;@=+".contains(c) && !is_unprintable(c);
        if text.is_empty()
            || text.starts_with('.')
            || text.chars().count() > Self::MAX_CHARS
            || !text.chars().all(allowed)
        {
            return Err(RuleError::malformed(Field::Handle, Format::Handle));
        }
        Ok(Self(text))
    }
}

/// Derives a handle from `title`: lower case, words joined by single hyphens. Empty if no letters or digits remain.
pub fn slug(title: &str) -> String {
    let mut text = String::with_capacity(title.len());
    for c in title.nfc().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            text.push(c);
        } else if !text.is_empty() && !text.ends_with('-') {
            text.push('-');
        }
    }
    text.trim_end_matches('-').chars().take(Handle::MAX_CHARS).collect()
}

/// A stock keeping unit: the merchant's code of a variant, unique in the shop, normalized to NFC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sku(String);

impl Sku {
    /// Longest SKU in characters; Shopify allows 255.
    pub const MAX_CHARS: usize = 255;

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sku {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let text: String = text.trim().nfc().collect();
        if text.is_empty() || text.chars().count() > Self::MAX_CHARS || text.chars().any(is_unprintable) {
            return Err(RuleError::malformed(Field::Sku, Format::Sku));
        }
        Ok(Self(text))
    }
}

macro_rules! text_newtype {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = RuleError;

            fn try_from(text: String) -> Result<Self, RuleError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}
text_newtype!(Handle);
text_newtype!(Sku);

/// A category of products.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Category {
    /// Handle, the name in URLs.
    pub handle: Handle,
    /// Title.
    pub title: String,
}

/// An image of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Absolute `https` URL, or a path on this shop starting with `/`.
    pub url: String,
    /// Alternative text; may be empty.
    pub alt: String,
}

impl Image {
    /// Longest alternative text in characters, as in Shopify.
    pub const MAX_ALT_CHARS: usize = 512;

    /// The uploaded picture that it shows; `None` for an image of another origin.
    pub fn picture(&self) -> Option<Picture> {
        Picture::at(&self.url)
    }
}

/// An option of a product, for example Size with S, M and L.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductOption {
    /// Name of the option.
    pub name: String,
    /// Values in the order of first use by a variant.
    pub values: Vec<String>,
}

impl ProductOption {
    /// The options with their values in order of first use.
    pub fn of(names: Vec<String>, variants: &[Variant]) -> Vec<Self> {
        let values = |place: usize| {
            let mut values: Vec<String> = Vec::new();
            let mut seen: HashSet<&str> = HashSet::new();
            for value in variants.iter().filter_map(|variant| variant.option_values.get(place)) {
                if seen.insert(value) {
                    values.push(value.clone());
                }
            }
            values
        };
        names.into_iter().enumerate().map(|(place, name)| Self { name, values: values(place) }).collect()
    }
}

/// Whether the stock of a variant is tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inventory {
    /// Sold only while its stock level has units available.
    Tracked,
    /// Sold without limit: not tracked, or the merchant accepts orders beyond the stock.
    Untracked,
}

/// One sellable form of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Variant ID, derived from product handle and SKU.
    pub id: VariantId,
    /// SKU, unique in the shop.
    pub sku: Sku,
    /// One value per product option, in option order; empty for a product without options.
    pub option_values: Vec<String>,
    /// Price of one unit, gross or net as configured.
    pub price: Money,
    /// Former price, if it is higher than `price`.
    pub compare_at_price: Option<Money>,
    /// Shipping weight of one unit in grams.
    pub weight_grams: u32,
    /// Whether it needs shipping (unlike a download or voucher).
    pub requires_shipping: bool,
    /// Which tax rate applies.
    pub tax_class: TaxClass,
    /// GTIN, EAN, UPC or ISBN.
    pub barcode: Option<String>,
    /// Index of this variant's image in the product's images.
    pub image: Option<u16>,
    /// Whether its stock is tracked.
    pub inventory: Inventory,
}

impl Variant {
    /// Title next to the product's: `Large / Blue`; empty for a product without options.
    pub fn title(&self) -> String {
        self.option_values.join(" / ")
    }
}

/// Whether a product is shown and sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductStatus {
    /// Shown and sold.
    Active,
    /// Not ready yet.
    Draft,
    /// No longer sold.
    Archived,
}

impl ProductStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Active, Self::Draft, Self::Archived];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draft => "draft",
            Self::Archived => "archived",
        }
    }

    /// Returns the status with a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A product with all its variants. Products are always written as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Product ID, derived from the handle.
    pub id: ProductId,
    /// Handle, the name in URLs, unique in the shop.
    pub handle: Handle,
    /// Title, plain text.
    pub title: String,
    /// Description as sanitized HTML.
    pub description_html: String,
    /// Brand or manufacturer.
    pub vendor: Option<String>,
    /// Category.
    pub category: Option<Category>,
    /// Tags.
    pub tags: Vec<String>,
    /// Options in which the variants differ; empty if there is only one variant.
    pub options: Vec<ProductOption>,
    /// At least one; in the merchant's order.
    pub variants: Vec<Variant>,
    /// Images in the merchant's order.
    pub images: Vec<Image>,
    /// Whether it is sold.
    pub status: ProductStatus,
    /// Title for search engines, if it differs.
    pub seo_title: Option<String>,
    /// Description for search engines.
    pub seo_description: Option<String>,
    /// When the product was first imported.
    pub created_at: OffsetDateTime,
}

impl VariantId {
    /// The ID of a variant: every store derives the same one.
    pub fn of(handle: &Handle, sku: &Sku) -> Self {
        Self::derive(&format!("{handle}/{sku}"))
    }
}

impl Product {
    /// Currency of its prices: that of its first variant.
    pub fn currency(&self) -> Option<super::Currency> {
        self.variants.first().map(|variant| variant.price.currency)
    }

    /// Most options of a product; Shopify's own limit.
    pub const MAX_OPTIONS: usize = 3;
    /// Most variants of a product; Shopify's own limit.
    pub const MAX_VARIANTS: usize = 2048;
    /// Highest price in minor units, so that a cart has a total.
    pub const MAX_PRICE_MINOR: i64 = 999_999_999_999;
    /// Most images of a product; Shopify's own limit.
    pub const MAX_IMAGES: usize = 250;
    /// Most tags of a product; Shopify's own limit.
    pub const MAX_TAGS: usize = 250;
    /// Longest title in characters; Shopify allows 255.
    pub const MAX_TITLE_CHARS: usize = 500;
    /// Longest description for search engines in characters that an operator can enter; search engines show about 160.
    pub const MAX_SEO_DESCRIPTION_CHARS: usize = 5_000;
    /// Longest vendor, category, tag, option name, option value and barcode in characters; Shopify's own limits.
    pub const MAX_NAME_CHARS: usize = 255;

    /// The variant with this SKU.
    pub fn variant(&self, sku: &Sku) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.sku == *sku)
    }

    /// The summary for listings.
    pub fn summary(&self) -> ProductSummary {
        let cheapest = self.variants.iter().min_by_key(|variant| variant.price.amount_minor);
        ProductSummary {
            id: self.id.clone(),
            handle: self.handle.clone(),
            title: self.title.clone(),
            vendor: self.vendor.clone(),
            category: self.category.clone(),
            image: self.images.first().cloned(),
            price_from: cheapest.map(|variant| variant.price),
            price_to: self.variants.iter().map(|variant| variant.price).max_by_key(|price| price.amount_minor),
            compare_at_price: cheapest.and_then(|variant| variant.compare_at_price),
            variant_count: u16::try_from(self.variants.len()).unwrap_or(u16::MAX),
        }
    }
}

/// A product in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductSummary {
    /// Product ID.
    pub id: ProductId,
    /// Handle, the name in URLs.
    pub handle: Handle,
    /// Title.
    pub title: String,
    /// Brand or manufacturer.
    pub vendor: Option<String>,
    /// Category.
    pub category: Option<Category>,
    /// First image.
    pub image: Option<Image>,
    /// Lowest price of a variant.
    pub price_from: Option<Money>,
    /// Highest price of a variant.
    pub price_to: Option<Money>,
    /// Former price of the cheapest variant.
    pub compare_at_price: Option<Money>,
    /// Number of variants.
    pub variant_count: u16,
}

impl ProductSummary {
    /// The position of the product in [`ProductSort::Title`].
    pub fn title_position(&self) -> Position {
        title_position(&self.title, &self.id)
    }
}

/// Sort orders of product listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProductSort {
    /// Newest day first, then by title, so that two stores that import the same files on one day list alike.
    Newest,
    /// By title.
    Title,
    /// By price, low to high.
    PriceAscending,
    /// By price, high to low.
    PriceDescending,
    /// Best match first; requires a search.
    Relevance,
}

impl ProductSort {
    /// Sort orders whose positions depend on the product alone and can be stored in an index.
    pub const STORED: [Self; 4] = [Self::Newest, Self::Title, Self::PriceAscending, Self::PriceDescending];

    /// The name in a query string.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Title => "title",
            Self::PriceAscending => "price",
            Self::PriceDescending => "-price",
            Self::Relevance => "relevance",
        }
    }

    /// The position of `product` in this sort order: a text that sorts bytewise ascending and is unique per product. Both stores
    /// keep it unchanged, so both list alike. `score` matters only for [`ProductSort::Relevance`].
    pub fn position(self, product: &Product, score: u32) -> Position {
        /// No Julian day of the `time` crate has more than seven digits.
        const LATEST_DAY: i32 = 9_999_999;
        let price = product.variants.iter().map(|variant| variant.price.amount_minor).min().unwrap_or(0);
        let tie = title_position(&product.title, &product.id);
        match self {
            Self::Newest => {
                let day = product.created_at.to_julian_day();
                format!("{:07}\u{1}{tie}", (LATEST_DAY - day).clamp(0, LATEST_DAY))
            }
            Self::Title => tie,
            Self::PriceAscending => format!("{price:019}\u{1}{tie}"),
            Self::PriceDescending => format!("{:019}\u{1}{tie}", i64::MAX - price),
            Self::Relevance => Self::relevance_position(score, &tie),
        }
    }

    /// The relevance position from a score and the product's position by title.
    pub fn relevance_position(score: u32, title_position: &str) -> Position {
        format!("{:010}\u{1}{title_position}", u32::MAX - score)
    }
}

/// The position of a product by title.
fn title_position(title: &str, id: &ProductId) -> Position {
    let title: String = fold(title).chars().filter(|c| !c.is_control()).take(60).collect();
    format!("{title}\u{1}{id}")
}

impl FromStr for ProductSort {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        Self::STORED
            .into_iter()
            .chain([Self::Relevance])
            .find(|sort| sort.as_str() == text)
            .ok_or(RuleError::invalid(Field::Sort, ValueRule::Offered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_allow_any_script_but_no_url_or_path_syntax() {
        for text in ["copper-kettle", "växel-9", "東京", "a.b_c"] {
            assert!(text.parse::<Handle>().is_ok(), "{text}");
        }
        for text in ["", "..", ".hidden", "a/b", "a b", "a?b", "a#b", "a%00", "a\u{0}b", "a\u{202E}b", &"x".repeat(256)]
        {
            assert!(text.parse::<Handle>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_sku_is_the_same_composed_and_decomposed() {
        assert_eq!("CAFE\u{301}".parse::<Sku>(), "CAF\u{c9}".parse::<Sku>());
        assert!("a\rb".parse::<Sku>().is_err());
    }

    #[test]
    fn slugs_are_handles() {
        assert_eq!(slug("  Kitchen & Table! "), "kitchen-table");
        assert_eq!(slug("Växlar / Drev"), "växlar-drev");
        assert_eq!(slug("***"), "");
    }
}
