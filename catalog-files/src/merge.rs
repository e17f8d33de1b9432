//! Merges a product of the file with the stored product.

use std::collections::{HashMap, HashSet};

use super::field_update::FieldUpdate;
use super::group::{DraftProduct, NO_VARIANT, same_values};
use super::issue::{Issues, named};
use super::options::Layout;
use super::sku::SkuBook;
use super::variant::{Counting, NO_PRICE, VariantRow};
use super::{ImportOptions, ImportedProduct, StockTarget};
use shopease_shop::domain::{
    Handle, Image, Inventory, Money, Product, ProductId, ProductOption, ProductStatus, Sku, Variant, VariantId,
    derive_skus,
};

/// Context of a merge.
pub(super) struct Context<'a> {
    pub(super) options: &'a ImportOptions,
    pub(super) book: &'a SkuBook,
    /// SKUs that other products keep, with the handles of those products; no variant of the file gets one of them.
    pub(super) kept_elsewhere: &'a HashMap<Sku, Handle>,
    /// The products that had the SKUs which several rows give before the import.
    pub(super) owners: &'a HashMap<Sku, Handle>,
}

/// A row with the stored variant that it matches, if any.
struct Match<'a> {
    row: &'a VariantRow,
    stored: Option<&'a Variant>,
    price: Money,
    /// The SKU that the row gives, if it may use it.
    given: Option<&'a Sku>,
    values: Vec<String>,
}

/// Merges the file's product with the stored one. Unused rows are reported in either case.
///
/// # Errors
/// The reason why the product stays as it is.
pub(super) fn merge(
    draft: &DraftProduct,
    stored: Option<&Product>,
    context: &Context<'_>,
    issues: &mut Issues,
) -> Result<ImportedProduct, String> {
    let layout = Layout::of(draft, stored, context.options.replace, issues)?;
    let stored = stored.map(|product| layout.aligned(product));
    let stored = stored.as_deref();
    let matches = matches(draft, stored, &layout, context, issues);
    let skus = skus(&draft.handle, &matches, context, issues);
    let mut merged = Merger {
        draft,
        stored,
        options: context.options,
        images: images(draft, stored),
        imported: empty(draft, stored, context.options),
        issues,
    };
    for (found, sku) in matches.iter().zip(skus) {
        if let Some(sku) = sku {
            merged.add(found, sku);
        } else {
            let reason = "no unused SKU could be derived for it".to_owned();
            merged.issues.reject_row(found.row.line, Some(&draft.handle), reason);
        }
    }
    merged.finish(layout, &matches)
}

/// Each row with its variant, in file order; reports rows that match no option values.
fn matches<'a>(
    draft: &'a DraftProduct,
    stored: Option<&'a Product>,
    layout: &Layout,
    context: &Context<'_>,
    issues: &mut Issues,
) -> Vec<Match<'a>> {
    let variants = || stored.iter().flat_map(|product| &product.variants);
    let by_sku: HashMap<&Sku, &Variant> = variants().map(|variant| (&variant.sku, variant)).collect();
    let by_values: HashMap<&[String], &Variant> =
        variants().map(|variant| (variant.option_values.as_slice(), variant)).collect();
    let mut own_lines: HashMap<&Sku, u64> = HashMap::new();
    for row in &draft.rows {
        if let Some(sku) = row.given_sku.as_ref().filter(|sku| by_sku.contains_key(sku)) {
            own_lines.entry(sku).or_insert(row.line);
        }
    }
    // A SKU belongs to the first row that gives it: of the product that has it in the store, else of the file.
    let line_of = |sku: &Sku| own_lines.get(sku).copied().or_else(|| context.book.line_of(sku));
    let owns = |row: &VariantRow, sku: &&Sku| line_of(sku) == Some(row.line);
    let given = |row: &'a VariantRow| row.given_sku.as_ref().filter(|sku| owns(row, sku));
    let all_given: HashSet<&Sku> = draft.rows.iter().filter_map(given).collect();
    let mut lines: HashMap<Vec<String>, u64> = HashMap::new();
    let mut matches: Vec<Match<'a>> = Vec::with_capacity(draft.rows.len());
    for row in &draft.rows {
        let given = given(row);
        let same_sku = given.and_then(|sku| by_sku.get(sku).copied());
        let fitting = match given.and_then(|sku| context.kept_elsewhere.get_key_value(sku)) {
            Some((sku, owner)) => Err(kept_by(sku, owner)),
            None => layout.values(row, same_sku, issues),
        };
        let fitting = fitting.and_then(|values| match lines.get(&values) {
            Some(line) => Err(same_values(*line)),
            None => Ok(values),
        });
        let fitting = fitting.and_then(|values| {
            let same_values = by_values.get(values.as_slice()).copied();
            let same_values = same_values.filter(|variant| layout.is_kept() && !all_given.contains(&variant.sku));
            let stored = same_sku.or(same_values);
            let other = row.given_sku.as_ref().filter(|_| stored.is_none() && given.is_none());
            match other.and_then(|sku| context.owners.get_key_value(sku)).filter(|(_, owner)| **owner != draft.handle) {
                // With a derived SKU, the units of the row would be counted a second time.
                Some((sku, owner)) => Err(kept_by(sku, owner)),
                None => price_of(row, stored).map(|price| Match { row, stored, price, given, values }),
            }
        });
        match fitting {
            Ok(found) => {
                lines.insert(found.values.clone(), row.line);
                matches.push(found);
            }
            Err(reason) => issues.reject_row(row.line, Some(&draft.handle), reason),
        }
    }
    matches
}

/// The price of a row's variant: the file's, else the stored one.
fn price_of(row: &VariantRow, stored: Option<&Variant>) -> Result<Money, String> {
    if let FieldUpdate::Set(price) = row.price {
        return Ok(price);
    }
    let variant = stored.ok_or(NO_PRICE)?;
    match row.compare_at_price {
        FieldUpdate::Set(Some(former)) if former.currency != variant.price.currency => Err(format!(
            "the compare-at price is in {}, but the price of SKU {} is in {}; give both",
            former.currency, variant.sku, variant.price.currency
        )),
        _ => Ok(variant.price),
    }
}

/// The reason for rejecting a row with the SKU of another product.
fn kept_by(sku: &Sku, owner: &Handle) -> String {
    format!(
        "SKU {sku} belongs to the product {owner}, which keeps the SKU and its stock. An import cannot change a handle: \
         use {owner} as the handle, or another SKU"
    )
}

/// The SKU of every row: the given one, else the stored one, else a derived one.
fn skus(handle: &Handle, matches: &[Match<'_>], context: &Context<'_>, issues: &mut Issues) -> Vec<Option<Sku>> {
    let own = |found: &Match<'_>| {
        let stored = || found.stored.map(|variant| &variant.sku).filter(|sku| context.book.line_of(sku).is_none());
        found.given.or_else(stored).cloned()
    };
    let mut skus: Vec<Option<Sku>> = matches.iter().map(own).collect();
    let taken: HashSet<Sku> = skus.iter().flatten().cloned().collect();
    let is_free =
        |sku: &Sku| context.book.is_free(sku) && !taken.contains(sku) && !context.kept_elsewhere.contains_key(sku);
    let missing: Vec<&[String]> =
        matches.iter().zip(&skus).filter(|(_, sku)| sku.is_none()).map(|(found, _)| found.values.as_slice()).collect();
    let mut derived = derive_skus(handle, &missing, is_free).into_iter();
    for (found, sku) in matches.iter().zip(&mut skus) {
        if sku.is_none() {
            *sku = derived.next().flatten();
        }
        let (Some(sku), Some(given), None) = (sku.as_ref(), &found.row.given_sku, found.given) else { continue };
        let line = context.book.line_of(given).unwrap_or_default();
        let reason = format!("SKU {given} is already on line {line}; this variant gets SKU {sku}");
        issues.note(found.row.line, Some(handle), reason);
    }
    skus
}

/// The images of the product, followed by those of its variants.
fn images(draft: &DraftProduct, stored: Option<&Product>) -> Vec<Image> {
    let current = stored.map(|product| product.images.as_slice()).unwrap_or_default();
    let FieldUpdate::Set(images) = &draft.images else { return current.to_vec() };
    let with_alt = |image: &super::group::DraftImage| {
        let stored = current.iter().find(|current| current.url == image.url).map(|current| &current.alt);
        Image { url: image.url.clone(), alt: image.alt.or(stored, String::new()) }
    };
    images.iter().map(with_alt).collect()
}

/// The product without variants and without the fields that depend on them.
fn empty(draft: &DraftProduct, stored: Option<&Product>, options: &ImportOptions) -> ImportedProduct {
    let product = Product {
        id: ProductId::derive(draft.handle.as_str()),
        handle: draft.handle.clone(),
        title: draft.title.or(stored.map(|product| &product.title), draft.handle.to_string()),
        description_html: draft.description_html.or(stored.map(|product| &product.description_html), String::new()),
        vendor: draft.vendor.or(stored.map(|product| &product.vendor), None),
        category: draft.category.or(stored.map(|product| &product.category), None),
        tags: draft.tags.or(stored.map(|product| &product.tags), Vec::new()),
        options: Vec::new(),
        variants: Vec::new(),
        images: Vec::new(),
        status: draft.status.or(stored.map(|product| &product.status), ProductStatus::Active),
        seo_title: draft.seo_title.or(stored.map(|product| &product.seo_title), None),
        seo_description: draft.seo_description.or(stored.map(|product| &product.seo_description), None),
        created_at: stored.map_or_else(|| draft.created_at.or(None, options.created_at), |product| product.created_at),
    };
    ImportedProduct {
        product,
        stock: Vec::new(),
        renamed: Vec::new(),
        removed: Vec::new(),
        unknown_stock: Vec::new(),
        first_line: draft.first_line,
    }
}

struct Merger<'a> {
    draft: &'a DraftProduct,
    stored: Option<&'a Product>,
    options: &'a ImportOptions,
    images: Vec<Image>,
    imported: ImportedProduct,
    issues: &'a mut Issues,
}

impl Merger<'_> {
    fn add(&mut self, found: &Match<'_>, sku: Sku) {
        let (row, stored) = (found.row, found.stored);
        let image = match &row.image {
            FieldUpdate::Set(url) => url.clone().map(|url| self.place_of(url)),
            FieldUpdate::Keep => stored.and_then(|variant| self.place_of_stored(variant)),
        };
        if let Some(old) = stored.map(|variant| &variant.sku).filter(|old| **old != sku) {
            self.imported.renamed.push((old.clone(), sku.clone(), row.line));
        }
        let former = row.compare_at_price.or(stored.map(|variant| &variant.compare_at_price), None);
        let inventory = self.inventory(row, stored, &sku);
        self.imported.product.variants.push(Variant {
            id: VariantId::of(&self.draft.handle, &sku),
            option_values: found.values.clone(),
            price: found.price,
            compare_at_price: former.filter(|former| former.is_above(found.price)),
            weight_grams: row.weight_grams.or(stored.map(|variant| &variant.weight_grams), 0),
            requires_shipping: row.requires_shipping.or(stored.map(|variant| &variant.requires_shipping), true),
            tax_class: row.tax.or(stored.map(|variant| variant.tax_class)),
            barcode: row.barcode.or(stored.map(|variant| &variant.barcode), None),
            image: image.and_then(|place| u16::try_from(place).ok()),
            inventory,
            sku,
        });
    }

    /// Whether the variant's stock is tracked. A tracked variant stays tracked unless the file says otherwise.
    fn inventory(&mut self, row: &VariantRow, stored: Option<&Variant>, sku: &Sku) -> Inventory {
        let was = stored.map(|variant| variant.inventory);
        let mut count = |units: u32, is_given: bool| {
            self.imported.stock.push(StockTarget { sku: sku.clone(), units, is_given });
            Inventory::Tracked
        };
        match (row.counting, was, self.options.default_stock) {
            (Counting::Units(units), ..) => count(units, true),
            (Counting::Nothing, was, _) => was.unwrap_or(Inventory::Untracked),
            (Counting::Uncounted, ..) => {
                if was == Some(Inventory::Tracked) {
                    let reason = format!("SKU {sku} is no longer tracked; it is now sold without stock tracking");
                    self.issues.note(row.line, Some(&self.draft.handle), reason);
                }
                Inventory::Untracked
            }
            (_, _, Some(units)) => count(units, false),
            (_, Some(Inventory::Tracked), None) => Inventory::Tracked,
            (Counting::EmptyQuantity, None, None) => {
                let reason = format!("the quantity is empty: SKU {sku} is sold out until stock is added");
                self.issues.note(row.line, Some(&self.draft.handle), reason);
                count(0, false)
            }
            (Counting::NoQuantity | Counting::EmptyQuantity, ..) => {
                self.imported.unknown_stock.push(sku.clone());
                Inventory::Untracked
            }
        }
    }

    /// The position of an image among the product's images; a new image is appended.
    fn place_of(&mut self, url: String) -> usize {
        let place = self.images.iter().position(|image| image.url == url);
        place.unwrap_or_else(|| {
            let stored = self.stored.and_then(|product| product.images.iter().find(|image| image.url == url));
            let alt = stored.map(|image| image.alt.clone()).unwrap_or_default();
            self.images.push(Image { url, alt });
            self.images.len() - 1
        })
    }

    /// The position of a stored variant's image, if the product still has the image.
    fn place_of_stored(&self, variant: &Variant) -> Option<usize> {
        let image = self.stored?.images.get(usize::from(variant.image?))?;
        self.images.iter().position(|other| other.url == image.url)
    }

    /// Adds the stored variants that the file does not name, or notes their removal.
    fn finish(mut self, layout: Layout, matches: &[Match<'_>]) -> Result<ImportedProduct, String> {
        let has_rows = !self.draft.rows.is_empty();
        if self.imported.product.variants.is_empty() && (has_rows || self.stored.is_none()) {
            return Err(NO_VARIANT.to_owned());
        }
        let updated: HashSet<&Sku> =
            matches.iter().filter_map(|found| found.stored).map(|variant| &variant.sku).collect();
        let new = &self.imported.product.variants;
        let skus: HashSet<Sku> = new.iter().map(|variant| variant.sku.clone()).collect();
        let values: HashSet<Vec<String>> = new.iter().map(|variant| variant.option_values.clone()).collect();
        let is_incomplete = self.draft.is_incomplete || self.issues.rejected_rows() > 0;
        let (mut kept, mut spared) = (Vec::new(), Vec::new());
        let stored = self.stored.map(|product| product.variants.as_slice()).unwrap_or_default();
        for variant in stored.iter().filter(|variant| !updated.contains(&variant.sku)) {
            let clashes = skus.contains(&variant.sku) || values.contains(&variant.option_values);
            let fits = layout.is_kept() && !clashes;
            if is_incomplete && !fits {
                return Err(format!(
                    "one of its rows was rejected, and the options or SKUs of the others leave no place for SKU {}",
                    variant.sku
                ));
            }
            if fits && (is_incomplete || !self.options.replace) {
                if self.options.replace {
                    spared.push(variant.sku.as_str());
                }
                if let Some((old, new)) = &layout.renamed {
                    return Err(format!(
                        "the file has the option {new:?} in place of {old:?}, but not SKU {}. Give all variants of the \
                         product, or the option {old:?}",
                        variant.sku
                    ));
                }
                let mut variant = variant.clone();
                variant.image = self.place_of_stored(&variant).and_then(|place| u16::try_from(place).ok());
                kept.push(variant);
            } else {
                self.imported.removed.push(variant.clone());
            }
        }
        if !spared.is_empty() {
            let reason = format!(
                "variants that are not in the file stay on sale, because a row was rejected: {}",
                named(&spared)
            );
            self.issues.note(self.draft.first_line, Some(&self.draft.handle), reason);
        }
        self.order(kept, &layout, matches);
        let product = &mut self.imported.product;
        let given = self.draft.rows.iter().find_map(|row| match row.price {
            FieldUpdate::Set(price) => Some(price.currency),
            FieldUpdate::Keep => None,
        });
        let new = given.unwrap_or(self.options.currency);
        let (in_new, others): (Vec<_>, Vec<_>) =
            product.variants.iter().partition(|variant| variant.price.currency == new);
        if let (Some(other), false) = (others.first(), in_new.is_empty()) {
            return Err(format!(
                "the file has prices in {new}, but SKU {} would keep its price in {}. Give the prices of all variants of \
                 the product in one currency",
                other.sku, other.price.currency
            ));
        }
        product.options = ProductOption::of(layout.names, &product.variants);
        product.images = self.images;
        if matches!(self.draft.title, FieldUpdate::Keep) && self.stored.is_none() {
            let reason = "it has no title; its handle is used as the title".to_owned();
            self.issues.note(self.draft.first_line, Some(&self.draft.handle), reason);
        }
        Ok(self.imported)
    }

    /// File order if the file names the options of all variants; otherwise store order, with new variants last.
    fn order(&mut self, kept: Vec<Variant>, layout: &Layout, matches: &[Match<'_>]) {
        let variants = &mut self.imported.product.variants;
        let is_complete = kept.is_empty() && layout.is_given;
        variants.extend(kept);
        let Some(stored) = self.stored.filter(|_| !is_complete) else { return };
        let places: HashMap<&Sku, usize> =
            stored.variants.iter().enumerate().map(|(place, variant)| (&variant.sku, place)).collect();
        let before: HashMap<&[String], &Variant> =
            matches.iter().filter_map(|found| Some((found.values.as_slice(), found.stored?))).collect();
        let place = |variant: &Variant| {
            let sku = before.get(variant.option_values.as_slice()).map_or(&variant.sku, |stored| &stored.sku);
            places.get(sku).copied().unwrap_or(usize::MAX)
        };
        variants.sort_by_key(place);
    }
}
