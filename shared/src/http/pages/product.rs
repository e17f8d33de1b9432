//! The product page: the selected variant, the main image, and how variants are presented.

use std::sync::Arc;

use askama::Template;

use super::layout::{Frame, encode};
use super::meta::{Meta, at_shop, plain_text, shortened};
use super::product_options::{LeadsTo, OptionGroup, option_groups};
use super::structured_data::{Breadcrumbs, Product};
use super::terms::{PriceNote, ShippingNote};
use super::view::filters;
use crate::http::App;
use crate::http::visitor::Visitor;
use shopease_shop::domain::{Image, MAX_LINE_QUANTITY, Money, PageLimit, ProductSort, ProductSummary, Quantity};
use shopease_shop::services::{ListProducts, ProductView, ShopView, VariantView};

/// Up to this many variants that differ in one option are shown as cards with all details.
const MAX_CARDS: usize = 8;

/// Up to this many values of all options are shown next to each other; products with more have a select list of their variants.
const MAX_OPTION_VALUES: usize = 100;

/// Products of the same category shown below the product.
const RELATED: u16 = 4;

/// Longest description in the structured data, in characters.
const MAX_DESCRIPTION_CHARS: usize = 5_000;

/// The visitor's choices so far.
pub struct Shown {
    /// SKU of the chosen variant; an unknown SKU counts as no choice.
    pub sku: String,
    /// Index of the chosen image.
    pub image: Option<usize>,
    /// The quantity as typed.
    pub quantity: String,
    /// Why it could not be added to the cart, as a sentence.
    pub problem: Option<String>,
}

/// How the variants are presented.
pub enum Choice {
    /// A single variant: nothing to choose.
    Only(VariantView),
    /// One card per variant.
    Cards(Vec<VariantView>),
    /// The values of each option, and the chosen variant.
    Options(Vec<OptionGroup>, VariantView),
    /// A select list, grouped by the first option.
    List(Vec<Group>),
}

/// Variants with the same value of the first option.
pub struct Group {
    /// The value; empty if there is only one option.
    pub title: String,
    /// The variants.
    pub variants: Vec<VariantView>,
}

/// The prices of all variants.
pub struct Prices {
    /// Lowest price.
    pub from: Option<Money>,
    /// Former price of the cheapest variant.
    pub former: Option<Money>,
    /// Whether other variants cost more.
    pub differ: bool,
}

/// A thumbnail that links to a large image.
pub struct Thumbnail {
    /// URL of the page with the large image.
    pub url: String,
    /// The image.
    pub image: Image,
    /// Whether it is the main image now.
    pub shown: bool,
}

/// The product page.
#[derive(Template)]
#[template(path = "product.html")]
pub struct ProductPage {
    frame: Frame,
    meta: Meta,
    product: ProductView,
    path: String,
    choice: Choice,
    prices: Prices,
    selected: Option<VariantView>,
    /// SKU of the variant in the URL.
    requested: Option<String>,
    image: usize,
    quantity: String,
    csrf: String,
    idempotency_key: String,
    problem: Option<String>,
    note: Option<PriceNote>,
    related: Vec<ProductSummary>,
}

impl ProductPage {
    /// The page of a product with the choices so far; by default, the first variant in stock.
    pub async fn new(app: &App, visitor: &Visitor, frame: Frame, product: ProductView, shown: Shown) -> Self {
        let note = match prices(&product.variants).from {
            Some(from) => PriceNote::find(app, from.currency).await,
            None => None,
        };
        let keys = (visitor.csrf(), app.ids.ulid().to_string());
        Self { note, ..Self::with_keys(&app.config.public_url, frame, product, shown, keys) }
    }

    /// The same page with the newest other products of the category. If loading them fails, the page is shown without them.
    pub async fn with_related(self, app: &App) -> Self {
        let (Some(category), Ok(limit)) = (&self.product.category, PageLimit::new(RELATED + 1)) else { return self };
        let category = Some(category.handle.clone());
        let command = ListProducts { q: None, category, sort: Some(ProductSort::Newest), after: None, limit };
        let newest = app.services.catalog.list_products(command).await.map(|page| page.items).unwrap_or_default();
        let others = newest.into_iter().filter(|other| other.handle != self.product.handle);
        Self { related: others.take(usize::from(RELATED)).collect(), ..self }
    }

    /// Returns the size of a product's page, without the categories in the navigation, the price note, and the related products.
    pub fn bytes(product: ProductView) -> usize {
        let shown = Shown { sku: String::new(), image: None, quantity: "1".to_owned(), problem: None };
        let frame = Frame::of_shop(Arc::new(ShopView::neutral()));
        Self::with_keys("", frame, product, shown, Default::default()).render().map_or(0, |page| page.len())
    }

    fn with_keys(
        public_url: &str,
        mut frame: Frame,
        product: ProductView,
        shown: Shown,
        (csrf, idempotency_key): (String, String),
    ) -> Self {
        let variants = &product.variants;
        let requested = variants.iter().find(|variant| variant.sku.as_str() == shown.sku);
        let has_options = has_options(&product);
        let in_stock = variants.iter().find(|variant| variant.in_stock);
        // Of options, a variant that is sold out can be chosen, too, so that it is clear which one that is.
        let chosen = requested.filter(|variant| variant.in_stock || has_options && in_stock.is_some());
        let selected = chosen.or(in_stock);
        let image = shown.image.or_else(|| requested.and_then(|variant| variant.image.map(usize::from)));
        let image = image.filter(|index| *index < product.images.len()).unwrap_or(0);
        let prices = match selected {
            Some(variant) if chosen.is_some() || has_options => prices(std::slice::from_ref(variant)),
            _ => prices(variants),
        };
        frame.category = product.category.as_ref().map(|category| category.handle.clone());
        let path = format!("/products/{}", encode(product.handle.as_str()));
        Self {
            meta: meta(public_url, &path, &frame, &product),
            frame,
            choice: choice(&product, &path, selected),
            path,
            prices,
            note: None,
            related: Vec::new(),
            selected: selected.cloned(),
            requested: requested.map(|variant| variant.sku.to_string()),
            image,
            quantity: shown.quantity,
            csrf,
            idempotency_key,
            problem: shown.problem,
            product,
        }
    }

    /// Returns whether any variant is shipped.
    fn ships(&self) -> bool {
        self.product.variants.iter().any(|variant| variant.requires_shipping)
    }

    fn shipping(&self) -> Option<&ShippingNote> {
        self.note.as_ref().filter(|_| self.ships())?.shipping.as_ref()
    }

    fn sold_out(&self) -> bool {
        self.selected.is_none()
    }

    fn can_be_bought(&self) -> bool {
        self.selected.as_ref().is_some_and(|variant| variant.in_stock)
    }

    fn is_selected(&self, variant: &VariantView) -> bool {
        self.selected.as_ref().is_some_and(|selected| selected.sku == variant.sku)
    }

    fn option_names(&self) -> String {
        let names: Vec<&str> = self.product.options.iter().map(|option| option.name.as_str()).collect();
        if names.is_empty() { "Variant".to_owned() } else { names.join(" / ") }
    }

    /// Maximum of the quantity field: the stock of the chosen variant; as long as none is chosen, of the variant with the most units.
    fn max_quantity(&self) -> u32 {
        let is_chosen = self.requested.is_some() || matches!(self.choice, Choice::Only(_) | Choice::Options(..));
        let of_all = self.product.variants.iter().filter(|variant| !is_chosen || self.is_selected(variant));
        let units = of_all.filter(|variant| variant.in_stock);
        let most = units.map(|variant| variant.available.unwrap_or(MAX_LINE_QUANTITY)).max().unwrap_or(1);
        most.clamp(1, MAX_LINE_QUANTITY)
    }

    fn main_image(&self) -> Option<&Image> {
        self.product.images.get(self.image)
    }

    /// The thumbnails. Their links keep the chosen variant and quantity.
    fn thumbnails(&self) -> Vec<Thumbnail> {
        let variant = self.requested.as_ref().map(|sku| format!("variant={}&", encode(sku))).unwrap_or_default();
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

/// The metadata of a product, whatever the visitor has chosen on its page.
fn meta(public_url: &str, path: &str, frame: &Frame, product: &ProductView) -> Meta {
    let description = plain_text(&product.description_html);
    let image = product.images.first().map(|image| &*image.url);
    let described = shortened(&description, MAX_DESCRIPTION_CHARS);
    let data = Product { public_url, path, view: product, description: &described }.script();
    let meta = Meta::new(public_url, path, product.seo_title.as_deref().unwrap_or(&product.title))
        .of_kind("product")
        .described_by([&*description, &at_shop(&product.title, &frame.shop)])
        .with_description(product.seo_description.as_deref())
        .with_image(image, frame.logo.as_deref())
        .with_data(data);
    let Some(category) = &product.category else { return meta };
    let listing = format!("/categories/{}", encode(category.handle.as_str()));
    let steps = [("All products", "/products"), (&*category.title, &*listing), (&*product.title, path)];
    meta.with_data(Breadcrumbs { public_url, steps: &steps }.script())
}

/// Parses a quantity from a URL or form.
pub fn read_quantity(text: &str) -> Option<u32> {
    Quantity::new(text.trim().parse().ok()?).ok().map(Quantity::get)
}

/// Returns whether the values of each option are shown. One option of a few variants is clearer as cards.
fn has_options(product: &ProductView) -> bool {
    let values: usize = product.options.iter().map(|option| option.values.len()).sum();
    product.variants.len() > 1
        && values <= MAX_OPTION_VALUES
        && (product.options.len() > 1 || product.options.len() == 1 && product.variants.len() > MAX_CARDS)
}

fn choice(product: &ProductView, path: &str, selected: Option<&VariantView>) -> Choice {
    match (product.variants.as_slice(), selected) {
        ([only], _) => Choice::Only(only.clone()),
        (_, Some(selected)) if has_options(product) => {
            Choice::Options(option_groups(product, path, selected), selected.clone())
        }
        (variants, _) if variants.len() <= MAX_CARDS => Choice::Cards(variants.to_vec()),
        (variants, _) => Choice::List(groups(variants)),
    }
}

/// Groups the variants by the first option if there are several, in order of first use.
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
