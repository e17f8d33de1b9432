//! A product as an operator types it, and the rules that make it a product. All problems are reported, each with the path of its
//! value, such as `variants[0].price`.

use std::collections::{HashMap, HashSet};

use time::OffsetDateTime;

use super::{
    Category, Currency, Format, Handle, Image, Inventory, Money, Product, ProductId, ProductOption, ProductStatus,
    QuoteLine, RuleError, Sku, StockLevel, TaxClass, ValueRule, Variant, VariantId, derive_skus, description_html,
    is_web_address, line, plain_text, slug,
};

/// A product as an operator types it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductDraft {
    /// Title; markup is removed.
    pub title: String,
    /// Description as HTML, or as text without markup. It is sanitized.
    pub description_html: String,
    /// Brand or manufacturer; may be empty.
    pub vendor: String,
    /// Title of the category; may be empty.
    pub category: String,
    /// Tags; empty and repeated ones are left out.
    pub tags: Vec<String>,
    /// Status.
    pub status: ProductStatus,
    /// Title for search engines; the title, if it is empty.
    pub seo_title: String,
    /// Description for search engines; an excerpt of the description, if it is empty.
    pub seo_description: String,
    /// Names of the options; none for a product with one variant.
    pub options: Vec<String>,
    /// Variants in the merchant's order.
    pub variants: Vec<VariantDraft>,
    /// Images in the merchant's order. `None` keeps those of the stored product, and the image of each variant.
    pub images: Option<Vec<Image>>,
}

/// A variant as an operator types it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantDraft {
    /// SKU; derived from the product's handle and the option values if empty.
    pub sku: String,
    /// One value per option.
    pub option_values: Vec<String>,
    /// Price of one unit.
    pub price: Money,
    /// Former price.
    pub compare_at_price: Option<Money>,
    /// Shipping weight of one unit in grams.
    pub weight_grams: u32,
    /// Whether it needs shipping.
    pub requires_shipping: bool,
    /// Which tax rate applies.
    pub tax_class: TaxClass,
    /// GTIN, EAN, UPC or ISBN; may be empty.
    pub barcode: String,
    /// Whether its stock is tracked.
    pub inventory: Inventory,
    /// Units of a tracked SKU that has no stock level yet.
    pub initial_stock: u32,
    /// Its image: an index into the images of the draft.
    pub image: Option<u16>,
}

/// What a draft becomes a version of.
#[derive(Debug, Clone, Copy)]
pub enum DraftOf<'a> {
    /// A new product with this handle, or with one derived from its title if it is empty.
    New {
        /// Handle as typed.
        handle: &'a str,
        /// When it is created.
        now: OffsetDateTime,
    },
    /// A stored product.
    Stored(&'a Product),
}

impl ProductDraft {
    /// The draft that leaves a product as it is.
    pub fn of(product: &Product) -> Self {
        let variant = |variant: &Variant| VariantDraft {
            sku: variant.sku.to_string(),
            option_values: variant.option_values.clone(),
            price: variant.price,
            compare_at_price: variant.compare_at_price,
            weight_grams: variant.weight_grams,
            requires_shipping: variant.requires_shipping,
            tax_class: variant.tax_class,
            barcode: variant.barcode.clone().unwrap_or_default(),
            inventory: variant.inventory,
            initial_stock: 0,
            image: variant.image,
        };
        Self {
            title: product.title.clone(),
            description_html: product.description_html.clone(),
            vendor: product.vendor.clone().unwrap_or_default(),
            category: product.category.as_ref().map(|category| category.title.clone()).unwrap_or_default(),
            tags: product.tags.clone(),
            status: product.status,
            seo_title: product.seo_title.clone().unwrap_or_default(),
            seo_description: product.seo_description.clone().unwrap_or_default(),
            options: product.options.iter().map(|option| option.name.clone()).collect(),
            variants: product.variants.iter().map(variant).collect(),
            images: Some(product.images.clone()),
        }
    }

    /// The product that the draft describes, with prices in this currency.
    ///
    /// # Errors
    /// All problems of the draft.
    pub fn product(&self, of: DraftOf<'_>, currency: Currency) -> Result<Product, Vec<RuleError>> {
        let mut check = Check::default();
        let title = check.text("title", &plain_text(&self.title), 1, Product::MAX_TITLE_CHARS);
        let (handle, stored) = match of {
            DraftOf::New { handle, .. } if handle.trim().is_empty() => (check.handle(&slug(&title)), None),
            DraftOf::New { handle, .. } => (check.handle(handle.trim()), None),
            DraftOf::Stored(product) => (Some(product.handle.clone()), Some(product)),
        };
        let vendor = check.text("vendor", &plain_text(&self.vendor), 0, Product::MAX_NAME_CHARS);
        let category = check.category(&self.category, stored);
        let tags = check.tags(&self.tags);
        let old = stored.and_then(|product| product.seo_title.as_deref());
        let seo_title = check.optional_text("seo_title", &self.seo_title, Product::MAX_TITLE_CHARS, old);
        let (old, max) =
            (stored.and_then(|product| product.seo_description.as_deref()), Product::MAX_SEO_DESCRIPTION_CHARS);
        let seo_description = check.optional_text("seo_description", &self.seo_description, max, old);
        let images = check.images(self.images.as_deref(), stored);
        let options = check.options(&self.options);
        let skus = check.skus(handle.as_ref(), &self.variants);
        check.variants(&self.variants, options.len(), currency);
        if self.images.is_some() {
            check.variant_images(&self.variants, images.len());
        }
        let Some(handle) = handle.filter(|_| check.problems.is_empty()) else { return Err(check.problems) };
        let variants: Vec<Variant> = self
            .variants
            .iter()
            .zip(skus)
            .map(|(draft, sku)| {
                let variant = draft.variant(VariantId::of(&handle, &sku), sku, stored);
                if self.images.is_some() { Variant { image: draft.image, ..variant } } else { variant }
            })
            .collect();
        let product = Product {
            id: ProductId::derive(handle.as_str()),
            handle,
            title,
            description_html: description_html(&self.description_html),
            vendor: Some(vendor).filter(|vendor| !vendor.is_empty()),
            category,
            tags,
            options: ProductOption::of(options, &variants),
            variants,
            images,
            status: self.status,
            seo_title,
            seo_description,
            created_at: match of {
                DraftOf::New { now, .. } => now,
                DraftOf::Stored(product) => product.created_at,
            },
        };
        check.sizes(&product);
        if check.problems.is_empty() { Ok(product) } else { Err(check.problems) }
    }
}

impl VariantDraft {
    fn variant(&self, id: VariantId, sku: Sku, stored: Option<&Product>) -> Variant {
        let barcode = plain_text(&self.barcode);
        let option_values: Vec<String> = self.option_values.iter().map(|value| plain_text(value)).collect();
        // A variant with another SKU is the same to shoppers if it has the same option values.
        let like = stored.and_then(|product| {
            let same = |variant: &&Variant| variant.option_values == option_values;
            product.variant(&sku).or_else(|| product.variants.iter().find(same))
        });
        let stored = like.filter(|variant| variant.sku == sku);
        Variant {
            // The ID of a variant that an import has renamed stays.
            id: stored.map_or(id, |variant| variant.id.clone()),
            option_values,
            price: self.price,
            compare_at_price: self.compare_at_price,
            weight_grams: self.weight_grams,
            requires_shipping: self.requires_shipping,
            tax_class: self.tax_class,
            barcode: Some(barcode).filter(|barcode| !barcode.is_empty()),
            image: like.and_then(|variant| variant.image),
            inventory: self.inventory,
            sku,
        }
    }
}

/// Most problems that are reported at once.
const MAX_PROBLEMS: usize = 100;
/// Most bytes of all SKUs of a product: the DynamoDB item that names them has 400 KB, and names those of two versions.
const MAX_SKU_BYTES: usize = 180_000;

/// Collects problems.
#[derive(Debug, Default)]
struct Check {
    problems: Vec<RuleError>,
}

impl Check {
    fn refuse(&mut self, path: impl Into<String>, rule: ValueRule) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(RuleError::product(path, rule));
        }
    }

    /// A text of one line; empty if it is refused.
    fn text(&mut self, path: impl Into<String>, text: &str, min: usize, max: usize) -> String {
        line(text, min, max).unwrap_or_else(|rule| {
            self.refuse(path, rule);
            String::new()
        })
    }

    /// A text of one line that may be missing. Imports have no limit, so the stored text is right however long it is.
    fn optional_text(&mut self, path: &str, text: &str, max: usize, stored: Option<&str>) -> Option<String> {
        let text = plain_text(text);
        let text = if stored == Some(text.as_str()) { text } else { self.text(path, &text, 0, max) };
        Some(text).filter(|text| !text.is_empty())
    }

    fn handle(&mut self, text: &str) -> Option<Handle> {
        // Imports write handles in lower case, too.
        let handle = text.to_lowercase().parse().ok();
        // Without a title, the title is the problem.
        if handle.is_none() && (!text.is_empty() || self.problems.is_empty()) {
            self.refuse("handle", ValueRule::Format(Format::Handle));
        }
        handle
    }

    /// The category of a title. Another title of the same handle renames the category.
    fn category(&mut self, title: &str, stored: Option<&Product>) -> Option<Category> {
        let title = self.text("category", &plain_text(title), 0, Product::MAX_NAME_CHARS);
        if title.is_empty() {
            return None;
        }
        let stored = stored.and_then(|product| product.category.as_ref());
        if let Some(stored) = stored.filter(|category| category.title == title) {
            return Some(stored.clone());
        }
        let handle = slug(&title).parse().ok();
        if handle.is_none() {
            self.refuse("category", ValueRule::Format(Format::Handle));
        }
        Some(Category { handle: handle?, title })
    }

    fn tags(&mut self, tags: &[String]) -> Vec<String> {
        let mut kept: Vec<String> = Vec::new();
        let typed = tags.iter().filter(|tag| !tag.trim().is_empty()).count();
        if typed > Product::MAX_TAGS {
            self.refuse("tags", ValueRule::Count { max: Product::MAX_TAGS });
            return kept;
        }
        for (number, tag) in tags.iter().enumerate() {
            let tag = self.text(format!("tags[{number}]"), &plain_text(tag), 0, Product::MAX_NAME_CHARS);
            if !tag.is_empty() && !kept.contains(&tag) {
                kept.push(tag);
            }
        }
        kept
    }

    /// The images; those of the stored product if there are no others. What an import has stored is right.
    fn images(&mut self, images: Option<&[Image]>, stored: Option<&Product>) -> Vec<Image> {
        let stored = stored.map(|product| product.images.as_slice()).unwrap_or_default();
        let Some(images) = images.filter(|images| *images != stored) else { return stored.to_vec() };
        if images.len() > Product::MAX_IMAGES {
            self.refuse("images", ValueRule::Count { max: Product::MAX_IMAGES });
            return Vec::new();
        }
        let mut kept = Vec::with_capacity(images.len());
        for (number, image) in images.iter().enumerate() {
            if stored.contains(image) {
                kept.push(image.clone());
                continue;
            }
            let url = image.url.trim().to_owned();
            if !is_web_address(&url, &["https:"]) && !stored.iter().any(|stored| stored.url == url) {
                self.refuse(format!("images[{number}].url"), ValueRule::Format(Format::ImageAddress));
            }
            let alt = self.text(format!("images[{number}].alt"), image.alt.trim(), 0, Image::MAX_ALT_CHARS);
            kept.push(Image { url, alt });
        }
        kept
    }

    /// A variant has one of the images of its product, or none.
    fn variant_images(&mut self, variants: &[VariantDraft], images: usize) {
        for (number, variant) in variants.iter().enumerate() {
            if variant.image.is_some_and(|image| usize::from(image) >= images) {
                self.refuse(format!("variants[{number}].image"), ValueRule::Offered);
            }
        }
    }

    fn options(&mut self, names: &[String]) -> Vec<String> {
        if names.len() > Product::MAX_OPTIONS {
            self.refuse("options", ValueRule::Count { max: Product::MAX_OPTIONS });
        }
        let mut kept: Vec<String> = Vec::new();
        for (number, name) in names.iter().enumerate().take(Product::MAX_OPTIONS) {
            let path = format!("options[{number}]");
            let name = self.text(path.clone(), &plain_text(name), 1, Product::MAX_NAME_CHARS);
            if !name.is_empty() && kept.iter().any(|other| other.to_lowercase() == name.to_lowercase()) {
                self.refuse(path, ValueRule::Unique);
            }
            kept.push(name);
        }
        kept
    }

    /// The SKU of every variant: as typed, or derived. Complete only if there is no problem.
    fn skus(&mut self, handle: Option<&Handle>, variants: &[VariantDraft]) -> Vec<Sku> {
        let (mut typed, mut seen) = (Vec::with_capacity(variants.len()), HashSet::new());
        for (number, variant) in variants.iter().enumerate() {
            let path = format!("variants[{number}].sku");
            let text = variant.sku.trim();
            let sku: Option<Sku> = text.parse().ok();
            match &sku {
                None if !text.is_empty() => self.refuse(path, ValueRule::Format(Format::Sku)),
                Some(sku) if !seen.insert(sku.clone()) => self.refuse(path, ValueRule::Unique),
                _ => {}
            }
            typed.push(sku);
        }
        let Some(handle) = handle else { return Vec::new() };
        let missing: Vec<&[String]> = variants
            .iter()
            .zip(&typed)
            .filter(|(_, sku)| sku.is_none())
            .map(|(variant, _)| variant.option_values.as_slice())
            .collect();
        let mut derived = derive_skus(handle, &missing, |sku| !seen.contains(sku)).into_iter();
        let mut skus = Vec::with_capacity(typed.len());
        for (number, sku) in typed.into_iter().enumerate() {
            match sku.or_else(|| derived.next().flatten()) {
                Some(sku) => skus.push(sku),
                None if self.problems.is_empty() => self.refuse(format!("variants[{number}].sku"), ValueRule::Required),
                None => {}
            }
        }
        skus
    }

    fn variants(&mut self, variants: &[VariantDraft], options: usize, currency: Currency) {
        if variants.is_empty() {
            self.refuse("variants", ValueRule::Required);
        }
        let most = if options == 0 { 1 } else { Product::MAX_VARIANTS };
        if variants.len() > most {
            self.refuse("variants", ValueRule::Count { max: most });
            return;
        }
        let mut seen: HashMap<Vec<String>, usize> = HashMap::new();
        for (number, variant) in variants.iter().enumerate() {
            let path = |field: &str| format!("variants[{number}].{field}");
            let values: Vec<String> = variant.option_values.iter().map(|value| plain_text(value)).collect();
            for (place, value) in values.iter().enumerate().take(options) {
                self.text(path(&format!("option_values[{place}]")), value, 1, Product::MAX_NAME_CHARS);
            }
            for place in values.len()..options {
                self.refuse(path(&format!("option_values[{place}]")), ValueRule::Required);
            }
            if values.len() > options {
                self.refuse(path("option_values"), ValueRule::Count { max: options });
            } else if options > 0 && values.len() == options && seen.insert(values, number).is_some() {
                self.refuse(path("option_values"), ValueRule::Unique);
            }
            self.prices(variant, currency, &path);
            self.text(path("barcode"), &plain_text(&variant.barcode), 0, Product::MAX_NAME_CHARS);
            if variant.initial_stock > StockLevel::MAX_UNITS {
                self.refuse(path("initial_stock"), ValueRule::StockLimit { max: StockLevel::MAX_UNITS });
            }
        }
    }

    fn prices(&mut self, variant: &VariantDraft, currency: Currency, path: &dyn Fn(&str) -> String) {
        let VariantDraft { price, compare_at_price, .. } = variant;
        for (field, amount) in [("price", Some(price)), ("compare_at_price", compare_at_price.as_ref())] {
            match amount {
                Some(amount) if amount.currency != currency => {
                    self.refuse(path(field), ValueRule::SameCurrency { currency });
                }
                Some(amount) if !(0..=Product::MAX_PRICE_MINOR).contains(&amount.amount_minor) => {
                    self.refuse(path(field), ValueRule::Range { min: 0, max: Product::MAX_PRICE_MINOR });
                }
                Some(amount) if field == "compare_at_price" && !amount.is_above(*price) => {
                    self.refuse(path(field), ValueRule::AbovePrice);
                }
                _ => {}
            }
        }
    }

    /// An order stores the texts of its lines.
    fn sizes(&mut self, product: &Product) {
        for (number, variant) in product.variants.iter().enumerate() {
            if QuoteLine::stored_bytes(product, variant) > QuoteLine::MAX_STORED_BYTES {
                self.refuse(format!("variants[{number}]"), ValueRule::Size { max: QuoteLine::MAX_STORED_BYTES });
            }
        }
        if product.variants.iter().map(|variant| variant.sku.as_str().len()).sum::<usize>() > MAX_SKU_BYTES {
            self.refuse("variants", ValueRule::Size { max: MAX_SKU_BYTES });
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::fixtures;

    #[test]
    fn a_draft_of_a_product_describes_the_same_product() {
        let variants = [("S-RED", 1990), ("S-BLUE", 1990), ("L-RED", 2490)];
        let mut product = fixtures::product("shirt").variants(&variants).option("Size", &["S", "M", "L"]).build();
        product.category = Some(fixtures::category("clothes"));
        product.tags = vec!["soft".to_owned(), "blue".to_owned()];
        product.description_html =
            "<p>Soft &amp; warm<br>\n<a href=\"https://e.org\" rel=\"noopener nofollow\">A</a></p>".to_owned();
        product.seo_title = Some("Shirts".to_owned());
        // From an import, which has no limit.
        product.seo_description = Some("long ".repeat(2_000).trim_end().to_owned());
        product.variants[1].compare_at_price = Some(fixtures::eur(2990));
        product.variants[2].inventory = Inventory::Untracked;
        let draft = ProductDraft::of(&product);
        assert_eq!(draft.product(DraftOf::Stored(&product), Currency::EUR), Ok(product));
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let mut draft = ProductDraft::of(&fixtures::product("shirt").build());
        draft.title = " ".to_owned();
        draft.vendor = "x".repeat(256);
        draft.variants[0].sku = "\u{0}".to_owned();
        draft.variants[0].price.amount_minor = -1;
        let new = DraftOf::New { handle: "a/b", now: OffsetDateTime::UNIX_EPOCH };
        let problems = draft.product(new, Currency::EUR).expect_err("problems");
        let paths: Vec<_> = problems.iter().filter_map(RuleError::field).collect();
        assert_eq!(paths, ["title", "handle", "vendor", "variants[0].sku", "variants[0].price"]);
    }
}
