//! The product page: which variant is chosen, which picture is shown, how the choice is offered.

use askama::Template;

use super::layout::{Frame, encode};
use super::terms::{PriceNote, ShippingNote};
use super::view::filters;
use crate::http::App;
use crate::http::visitor::Visitor;
use shopease_shop::domain::{Image, MAX_LINE_QUANTITY, Money, Quantity};
use shopease_shop::services::{ProductView, VariantView};

/// Up to how many variants are shown as cards that say everything; more are put into a list.
const MAX_CARDS: usize = 8;

/// What the visitor has chosen so far.
pub struct Shown {
    /// The chosen variant; anything that is none counts as no choice.
    pub sku: String,
    /// The chosen picture.
    pub image: Option<usize>,
    /// The quantity as typed.
    pub quantity: String,
    /// Why it could not be put into the cart, as a sentence.
    pub problem: Option<String>,
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
    /// The variant that the address names.
    asked: Option<String>,
    image: usize,
    quantity: String,
    csrf: String,
    idempotency_key: String,
    problem: Option<String>,
    note: Option<PriceNote>,
}

impl ProductPage {
    /// The page of a product with what was chosen so far; the first variant in stock if nothing was.
    pub async fn new(app: &App, visitor: &Visitor, frame: Frame, product: ProductView, shown: Shown) -> Self {
        let note = match prices(&product.variants).from {
            Some(from) => PriceNote::find(app, from.currency).await,
            None => None,
        };
        let keys = (visitor.csrf(), app.ids.ulid().to_string());
        Self { note, ..Self::with_keys(frame, product, shown, keys) }
    }

    /// The bytes of the page of a product, without the categories in its navigation and the note at its price.
    pub fn bytes(product: ProductView) -> usize {
        let shown = Shown { sku: String::new(), image: None, quantity: "1".to_owned(), problem: None };
        let frame = Frame::of_shop(String::new());
        Self::with_keys(frame, product, shown, Default::default()).render().map_or(0, |page| page.len())
    }

    fn with_keys(
        mut frame: Frame,
        product: ProductView,
        shown: Shown,
        (csrf, idempotency_key): (String, String),
    ) -> Self {
        let variants = &product.variants;
        let chosen = variants.iter().position(|variant| variant.in_stock && variant.sku.as_str() == shown.sku);
        let selected = chosen.or_else(|| variants.iter().position(|variant| variant.in_stock));
        let asked = variants.iter().find(|variant| variant.sku.as_str() == shown.sku);
        let image = shown.image.or_else(|| asked.and_then(|variant| variant.image.map(usize::from)));
        let image = image.filter(|index| *index < product.images.len()).unwrap_or(0);
        let prices = prices(variants);
        frame.category = product.category.as_ref().map(|category| category.handle.clone());
        Self {
            frame,
            path: format!("/products/{}", encode(product.handle.as_str())),
            choice: choice(&product),
            prices,
            note: None,
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

    fn shipping(&self) -> Option<&ShippingNote> {
        self.note.as_ref()?.shipping.as_ref()
    }

    fn sold_out(&self) -> bool {
        self.selected.is_none()
    }

    fn is_selected(&self, variant: &VariantView) -> bool {
        self.selected.and_then(|index| self.product.variants.get(index)).is_some_and(|found| found.sku == variant.sku)
    }

    fn option_names(&self) -> String {
        let names: Vec<&str> = self.product.options.iter().map(|option| option.name.as_str()).collect();
        if names.is_empty() { "Variant".to_owned() } else { names.join(" / ") }
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

    /// A look at another picture changes nothing of what the address or the form has chosen.
    fn thumbnails(&self) -> Vec<Thumbnail> {
        let variant = self.asked.as_ref().map(|sku| format!("variant={}&", encode(sku))).unwrap_or_default();
        let quantity = match read_quantity(&self.quantity) {
            Some(units) if units > 1 => format!("quantity={units}&"),
            _ => String::new(),
        };
        let thumbnails = self.product.images.iter().enumerate().map(|(index, image)| Thumbnail {
            url: format!("{}?{variant}{quantity}image={index}#pictures", self.path),
            image: image.clone(),
            shown: index == self.image,
        });
        thumbnails.collect()
    }
}

/// A quantity as an address or a form has it, if it is one.
pub fn read_quantity(text: &str) -> Option<u32> {
    Quantity::new(text.trim().parse().ok()?).ok().map(Quantity::get)
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
