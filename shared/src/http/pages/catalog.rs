//! Home page, listings and product pages.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::layout::{Frame, PageResult, encode, page, private_page, see_other};
use super::listing::{Listing, ListingQuery};
use super::meta::{Meta, at_shop};
use super::product::{ProductPage, Shown, read_quantity};
use super::structured_data::{Breadcrumbs, Shop};
use super::terms::PriceNote;
use super::view::filters;
use crate::http::extract::{ApiPath, ApiQuery};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem};
use shopease_shop::ShopError;
use shopease_shop::domain::{Category, Handle, Image, PageLimit, ProductSort, ProductSummary};
use shopease_shop::services::{FindProduct, ListProducts};

/// Products shown on the home page.
const NEWEST_SHOWN: usize = 12;

/// Newest products shown when a search finds nothing.
const NEWEST_AFTER_SEARCH: u16 = 4;

/// Newest products read for the home page. Their images also represent the categories.
const NEWEST_READ: u16 = 48;

/// A category with the image of one of its products.
struct Department {
    category: Category,
    image: Option<Image>,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    meta: Meta,
    departments: Vec<Department>,
    products: Vec<ProductSummary>,
    note: Option<PriceNote>,
}

/// The metadata of the home page.
fn meta_of_home(app: &App, frame: &Frame, departments: &[Department]) -> Meta {
    let (public_url, logo, home) = (&app.config.public_url, frame.logo.as_deref(), &frame.shop.home);
    let image = home.image.as_ref().or_else(|| departments.iter().rev().find_map(|shown| shown.image.as_ref()));
    let shop = Shop { public_url, settings: &frame.shop, logo };
    Meta::new(public_url, "/", &frame.shop_name)
        .described_by([&*home.text, &home.headline])
        .with_image(image.map(|image| &*image.url), logo)
        .with_data(shop.script())
}

impl HomePage {
    /// Decorative images of three categories.
    fn hero_images(&self) -> impl Iterator<Item = &Image> {
        self.departments.iter().rev().filter_map(|department| department.image.as_ref()).take(3)
    }
}

#[derive(Template)]
#[template(path = "listing.html")]
struct ListingPage {
    frame: Frame,
    heading: String,
    searching: bool,
    listing: Listing,
    products: Vec<ProductSummary>,
    /// Newest products, for a search without results.
    newest: Vec<ProductSummary>,
    next_url: Option<String>,
    problem: Option<Problem>,
    note: Option<PriceNote>,
    /// `None` if search engines should not list the page.
    meta: Option<Meta>,
}

/// The metadata of a listing, in whatever order: that of its first page. Search engines should not list the pages after it, because
/// a cursor in an address begins elsewhere when the catalog changes; the sitemap contains all products.
fn meta_of_listing(
    app: &App,
    frame: &Frame,
    listing: &Listing,
    heading: &str,
    products: &[ProductSummary],
) -> Option<Meta> {
    if listing.continued {
        return None;
    }
    let image = products.iter().find_map(|product| product.image.as_ref());
    let meta = Meta::new(&app.config.public_url, &listing.path, heading)
        .described_by([&*at_shop(heading, &frame.shop)])
        .with_image(image.map(|image| &*image.url), frame.logo.as_deref());
    if listing.category.is_none() {
        return Some(meta);
    }
    let steps = [("All products", "/products"), (heading, &listing.path)];
    Some(meta.with_data(Breadcrumbs { public_url: &app.config.public_url, steps: &steps }.script()))
}

/// The price note of a listing; `None` if no product has a price.
async fn note_of(app: &App, products: &[ProductSummary]) -> Option<PriceNote> {
    PriceNote::find(app, products.iter().find_map(|product| product.price_from)?.currency).await
}

/// Shows the home page.
pub(in crate::http) async fn home(State(app): State<App>, visitor: Visitor) -> PageResult {
    let limit = PageLimit::new(NEWEST_READ).map_err(ShopError::from)?;
    let command = ListProducts { q: None, category: None, sort: Some(ProductSort::Newest), after: None, limit };
    let mut products = app.services.catalog.list_products(command).await?.items;
    let frame = Frame::new(&app, &visitor, "home").await;
    let featured = &frame.shop.home.featured_categories;
    let shown: Vec<_> = if featured.is_empty() {
        frame.categories.iter().collect()
    } else {
        let find = |handle: &Handle| frame.categories.iter().find(|category| category.handle == *handle);
        featured.iter().filter_map(find).collect()
    };
    let departments = shown.into_iter().map(|category| Department {
        category: category.clone(),
        image: products
            .iter()
            .find(|product| product.category.as_ref() == Some(category))
            .and_then(|p| p.image.clone()),
    });
    let departments: Vec<_> = departments.collect();
    products.truncate(NEWEST_SHOWN);
    let note = note_of(&app, &products).await;
    let meta = meta_of_home(&app, &frame, &departments);
    page(StatusCode::OK, &HomePage { frame, meta, departments, products, note })
}

/// Lists all products.
pub(in crate::http) async fn all_products(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<ListingQuery>,
) -> PageResult {
    let listing = Listing::new("/products".to_owned(), None, query.without_words());
    let products = app.services.catalog.list_products(listing.command(PageLimit::DEFAULT)?).await?;
    let frame = Frame::new(&app, &visitor, "products").await;
    let next_url = listing.next_url(&products);
    let (heading, products, problem) = ("All products".to_owned(), products.items, None);
    let note = note_of(&app, &products).await;
    let meta = meta_of_listing(&app, &frame, &listing, &heading, &products);
    let page_of_all = ListingPage {
        frame,
        heading,
        searching: false,
        listing,
        products,
        newest: Vec::new(),
        next_url,
        problem,
        note,
        meta,
    };
    page(StatusCode::OK, &page_of_all)
}

/// There is no page of all categories: redirects to all products.
pub(in crate::http) async fn categories() -> Response {
    see_other("/products")
}

/// Lists a category.
pub(in crate::http) async fn category(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(handle): ApiPath<Handle>,
    ApiQuery(query): ApiQuery<ListingQuery>,
) -> PageResult {
    let path = format!("/categories/{}", encode(handle.as_str()));
    let listing = Listing::new(path, Some(handle.clone()), query.without_words());
    let products = app.services.catalog.list_products(listing.command(PageLimit::DEFAULT)?).await?;
    let mut frame = Frame::new(&app, &visitor, "category").await;
    let title = frame.categories.iter().find(|category| category.handle == handle).map(|found| found.title.clone());
    frame.category = Some(handle.clone());
    let next_url = listing.next_url(&products);
    let (heading, products, problem) = (title.unwrap_or_else(|| handle.to_string()), products.items, None);
    let note = note_of(&app, &products).await;
    let meta = meta_of_listing(&app, &frame, &listing, &heading, &products);
    let page_of_one = ListingPage {
        frame,
        heading,
        searching: false,
        listing,
        products,
        newest: Vec::new(),
        next_url,
        problem,
        note,
        meta,
    };
    page(StatusCode::OK, &page_of_one)
}

/// Lists the results of a search. Without search words, it only links to the categories.
pub(in crate::http) async fn search(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<ListingQuery>,
) -> PageResult {
    let listing = Listing::new("/search".to_owned(), None, query);
    let command = listing.command(PageLimit::DEFAULT)?;
    let found = if listing.q.is_some() { Some(app.services.catalog.list_products(command).await) } else { None };
    let (products, next_url, problem) = match found {
        None => (Vec::new(), None, None),
        Some(Ok(products)) => {
            let next_url = listing.next_url(&products);
            (products.items, next_url, None)
        }
        Some(Err(error @ ShopError::Rules(_))) => (Vec::new(), None, Some(Problem::from(error))),
        Some(Err(error)) => return Err(error.into()),
    };
    let newest = match &listing.q {
        Some(_) if products.is_empty() => newest(&app).await,
        _ => Vec::new(),
    };
    let mut frame = Frame::new(&app, &visitor, "search").await;
    frame.search = listing.q.clone().unwrap_or_default();
    let heading = listing.q.as_ref().map_or_else(|| "Search".to_owned(), |q| format!("Results for “{q}”"));
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status_code);
    let note = note_of(&app, if products.is_empty() { &newest } else { &products }).await;
    let searching = true;
    let results =
        ListingPage { frame, heading, searching, listing, products, newest, next_url, problem, note, meta: None };
    page(status, &results)
}

/// The newest products. If loading fails, the page is shown without them.
async fn newest(app: &App) -> Vec<ProductSummary> {
    let Ok(limit) = PageLimit::new(NEWEST_AFTER_SEARCH) else { return Vec::new() };
    let command = ListProducts { q: None, category: None, sort: Some(ProductSort::Newest), after: None, limit };
    app.services.catalog.list_products(command).await.map(|page| page.items).unwrap_or_default()
}

/// Query parameters of the product page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct ProductQuery {
    variant: String,
    quantity: String,
    image: Option<usize>,
}

/// Shows a product.
pub(in crate::http) async fn product(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(handle): ApiPath<Handle>,
    ApiQuery(query): ApiQuery<ProductQuery>,
) -> PageResult {
    let product = app.services.catalog.find_product(FindProduct { handle: handle.clone() }).await?;
    let frame = Frame::new(&app, &visitor, "product").await;
    let quantity = read_quantity(&query.quantity).unwrap_or(1).to_string();
    let shown = Shown { sku: query.variant, image: query.image, quantity, problem: None };
    let page = ProductPage::new(&app, &visitor, frame, product, shown).await;
    private_page(StatusCode::OK, &page.with_related(&app).await)
}
