//! A group of choices per option of a product, such as color and size.

use std::collections::{HashMap, HashSet};

use super::layout::encode;
use shopease_shop::domain::Image;
use shopease_shop::services::{ProductView, VariantView};

/// One option.
#[derive(Debug, PartialEq, Eq)]
pub struct OptionGroup {
    /// Name, such as Color.
    pub name: String,
    /// Value of the chosen variant.
    pub chosen: String,
    /// All values, in the order of the product.
    pub values: Vec<OptionValue>,
}

/// One value of an option.
#[derive(Debug, PartialEq, Eq)]
pub struct OptionValue {
    /// The value, such as Teal.
    pub title: String,
    /// URL of the page with the variant that this choice leads to.
    pub url: String,
    /// Whether the chosen variant has it.
    pub chosen: bool,
    /// What the choice leads to.
    pub leads_to: LeadsTo,
    /// The picture that shows the value, if all values of the option have one.
    pub swatch: Option<Image>,
}

/// What the choice of a value leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadsTo {
    /// A variant that differs only in this option.
    Available,
    /// The same, but sold out.
    SoldOut,
    /// A variant that also differs in another option, because the combination does not exist.
    Another,
}

/// The choices, as seen from the chosen variant. `path` is the path of the product's page.
pub fn option_groups(product: &ProductView, path: &str, chosen: &VariantView) -> Vec<OptionGroup> {
    let variants: HashMap<&[String], &VariantView> =
        product.variants.iter().map(|variant| (variant.option_values.as_slice(), variant)).collect();
    let swatches = swatches(product);
    let groups = product.options.iter().zip(&chosen.option_values).enumerate().map(|(place, (option, own))| {
        let values = option.values.iter().map(|value| {
            let mut wanted = chosen.option_values.clone();
            wanted[place].clone_from(value);
            let (variant, leads_to) = match variants.get(wanted.as_slice()) {
                Some(variant) if variant.in_stock => (Some(*variant), LeadsTo::Available),
                Some(variant) => (Some(*variant), LeadsTo::SoldOut),
                None => (nearest(product, place, &wanted), LeadsTo::Another),
            };
            let sku = variant.map(|variant| encode(variant.sku.as_str())).unwrap_or_default();
            OptionValue {
                title: value.clone(),
                url: format!("{path}?variant={sku}#options"),
                chosen: value == own,
                leads_to,
                swatch: swatches
                    .as_ref()
                    .filter(|(of, _)| *of == place)
                    .and_then(|(_, images)| product.images.get(*images.get(value.as_str())?).cloned()),
            }
        });
        OptionGroup { name: option.name.clone(), chosen: own.clone(), values: values.collect() }
    });
    groups.collect()
}

/// The variant with the wanted value at `place` that has most of the other wanted values; one in stock if there are several.
fn nearest<'a>(product: &'a ProductView, place: usize, wanted: &[String]) -> Option<&'a VariantView> {
    let equal = |variant: &VariantView| variant.option_values.iter().zip(wanted).filter(|(a, b)| a == b).count();
    // Of several, `min_by_key` returns the first.
    let candidates = product.variants.iter().filter(|variant| variant.option_values.get(place) == wanted.get(place));
    candidates.min_by_key(|variant| (usize::MAX - equal(variant), !variant.in_stock))
}

/// The first option whose values each have an image of their own, with the index of each value's image.
fn swatches(product: &ProductView) -> Option<(usize, HashMap<&str, usize>)> {
    (0..product.options.len()).find_map(|place| {
        let mut images: HashMap<&str, usize> = HashMap::new();
        for variant in &product.variants {
            let (value, image) = (variant.option_values.get(place)?, usize::from(variant.image?));
            if *images.entry(value).or_insert(image) != image {
                return None;
            }
        }
        let different: HashSet<_> = images.values().collect();
        (images.len() > 1 && different.len() == images.len()).then_some((place, images))
    })
}
