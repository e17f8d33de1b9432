//! The product page: which variant is chosen, which picture is shown, how the choice is offered.

use askama::Template;

use super::layout::{Frame, encode};
use super::view::filters;
use crate::http::visitor::Visitor;
use crate::http::{App, Problem};
use shopease_shop::domain::{Image, MAX_LINE_QUANTITY, Money};
use shopease_shop::services::{ProductView, VariantView};

/// Up to how many variants are shown as cards that say everything; more are put into a list.
const MAX_CARDS: usize = 8;

/// What the visitor has chosen so far.
pub struct Shown {
    /// The chosen article; anything that is none counts as no choice.
    pub sku: String,
    /// The chosen picture.
    pub image: Option<usize>,
    /// The quantity as typed.
    pub quantity: String,
    /// Why it could not be put into the cart.
    pub problem: Option<Problem>,
}

/// How the variants are offered.
pub enum Choice {
    /// There is nothing to choose.
    Only(VariantView),
    /// A card each.
    Cards(Vec<VariantView>),
    /// A list, grouped by the first option.
    Groups(Vec<Group>),
}

/// Variants with the same value of the first option.
pub struct Group {
    /// That value; empty when there is one option only.
    pub title: String,
    /// The variants.
    pub variants: Vec<VariantView>,
}

/// The prices over all variants.
pub struct Prices {
    /// The lowest.
    pub from: Option<Money>,
    /// The former price of the cheapest.
    pub former: Option<Money>,
    /// Whether some cost more.
    pub differ: bool,
}

/// A small picture that leads to a large one.
pub struct Thumbnail {
    /// Where it leads.
    pub url: String,
    /// The picture.
    pub image: Image,
    /// Whether it is the large one now.
    pub shown: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "product.html")]
pub struct ProductPage {
    frame: Frame,
    product: ProductView,
    path: String,
    choice: Choice,
    prices: Prices,
    selected: Option<usize>,
    /// The article that the address names.
    asked: Option<String>,
    image: usize,
    quantity: String,
    csrf: String,
    idempotency_key: String,
    problem: Option<Problem>,
}

impl ProductPage {
    /// The page of a product with what was chosen so far; the first variant in stock if nothing was.
    pub fn new(app: &App, visitor: &Visitor, frame: Frame, product: ProductView, shown: Shown) -> Self {
        Self::with_keys(frame, product, shown, visitor.csrf(), app.ids.ulid().to_string())
    }

    /// The bytes of the page of a product, without the categories in its navigation.
    pub fn bytes(product: ProductView) -> usize {
        let shown = Shown { sku: String::new(), image: None, quantity: "1".to_owned(), problem: None };
        let frame = Frame::of_shop(String::new());
        Self::with_keys(frame, product, shown, String::new(), String::new()).render().map_or(0, |page| page.len())
    }

    fn with_keys(mut frame: Frame, product: ProductView, shown: Shown, csrf: String, idempotency_key: String) -> Self {
        let variants = &product.variants;
        let chosen = variants.iter().position(|variant| variant.in_stock && variant.sku.as_str() == shown.sku);
        let selected = chosen.or_else(|| variants.iter().position(|variant| variant.in_stock));
        let asked = variants.iter().find(|variant| variant.sku.as_str() == shown.sku);
        let image = shown.image.or_else(|| asked.and_then(|variant| variant.image.map(usize::from)));
        let image = image.filter(|index| *index < product.images.len()).unwrap_or(0);
        frame.category = product.category.as_ref().map(|category| category.handle.clone());
        Self {
            frame,
            path: format!("/products/{}", encode(product.handle.as_str())),
            choice: choice(&product),
            prices: prices(variants),
            selected,
            asked: asked.map(|variant| variant.sku.to_string()),
            image,
            quantity: shown.quantity,
            csrf,
            idempotency_key,
            problem: shown.problem,
            product,
        }
    }

    fn sold_out(&self) -> bool {
        self.selected.is_none()
    }

    fn is_selected(&self, variant: &VariantView) -> bool {
        self.selected.and_then(|index| self.product.variants.get(index)).is_some_and(|found| found.sku == variant.sku)
    }

    fn option_names(&self) -> String {
        let names: Vec<&str> = self.product.options.iter().map(|option| option.name.as_str()).collect();
        if names.is_empty() { "Article".to_owned() } else { names.join(" / ") }
    }

    /// The most that the quantity field takes: what the fullest variant has; the shop checks the chosen one.
    fn max_quantity(&self) -> u32 {
        let units = self.product.variants.iter().filter(|variant| variant.in_stock);
        let most = units.map(|variant| variant.available.unwrap_or(MAX_LINE_QUANTITY)).max().unwrap_or(1);
        most.clamp(1, MAX_LINE_QUANTITY)
    }

    fn main_image(&self) -> Option<&Image> {
        self.product.images.get(self.image)
    }

    /// A picture of a variant leads to that variant, another only to itself.
    fn thumbnails(&self) -> Vec<Thumbnail> {
        let owner =
            |index: usize| self.product.variants.iter().find(|variant| variant.image.map(usize::from) == Some(index));
        let thumbnails = self.product.images.iter().enumerate().map(|(index, image)| Thumbnail {
            url: match owner(index) {
                Some(variant) => format!("{}?variant={}", self.path, encode(variant.sku.as_str())),
                None => match &self.asked {
                    Some(sku) => format!("{}?variant={}&image={index}", self.path, encode(sku)),
                    None => format!("{}?image={index}", self.path),
                },
            },
            image: image.clone(),
            shown: index == self.image,
        });
        thumbnails.collect()
    }
}

fn choice(product: &ProductView) -> Choice {
    match product.variants.as_slice() {
        [only] => Choice::Only(only.clone()),
        variants if variants.len() <= MAX_CARDS => Choice::Cards(variants.to_vec()),
        variants => Choice::Groups(groups(variants)),
    }
}

/// Groups by the first option where there are more; the order of first use is kept.
fn groups(variants: &[VariantView]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for variant in variants {
        let title = match variant.option_values.as_slice() {
            [first, _, ..] => first.as_str(),
            _ => "",
        };
        match groups.iter_mut().find(|group| group.title == title) {
            Some(group) => group.variants.push(variant.clone()),
            None => groups.push(Group { title: title.to_owned(), variants: vec![variant.clone()] }),
        }
    }
    groups
}

fn prices(variants: &[VariantView]) -> Prices {
    let cheapest = variants.iter().min_by_key(|variant| variant.price.amount_minor);
    let highest = variants.iter().map(|variant| variant.price.amount_minor).max();
    Prices {
        from: cheapest.map(|variant| variant.price),
        former: cheapest.and_then(|variant| variant.compare_at_price),
        differ: cheapest.is_some_and(|variant| Some(variant.price.amount_minor) < highest),
    }
}
