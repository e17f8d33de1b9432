//! `/robots.txt` and `/sitemap.xml`: what search engines may read, and the addresses of all public pages.
//!
//! A sitemap may contain 50,000 addresses, but a response only 700 KiB. A shop with more products than a part contains therefore has a
//! sitemap index. A part begins after the last product of the previous part and ends at its own, both as cursors in its address, so that a
//! product that is added between two requests neither repeats nor hides another one.

use std::fmt::Write as _;
use std::iter;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::extract::{ApiQuery, respond_with_etag};
use super::pages::encode;
use super::problem::Problem;
use super::xml::XmlText;
use super::{App, cursor};
use shopease_shop::ShopResult;
use shopease_shop::domain::{PageKind, PageLimit, Position, ProductSort};
use shopease_shop::ports::Asset;
use shopease_shop::services::{ListCategories, ListProducts};

/// Products of a part: five pages of the listing, which are five reads of the store.
const PART_PRODUCTS: usize = 500;

/// A part ends with the page of the listing that reaches this size. The longest handle has 3 KB in an address, and a page has 100
/// products.
const PART_BYTES: usize = 300 * 1024;

/// Bytes of the elements around an address.
const ENTRY_BYTES: usize = 32;

/// How long a process reuses the starts of the parts. Finding them reads the whole listing.
const REUSED_FOR: Duration = Duration::from_mins(10);

/// What the cursors of the parts belong to.
const LISTING: &str = "sitemap";

/// Paths that no search engine should read. Their pages also have `noindex`, for links from elsewhere.
const DISALLOWED: [&str; 5] = ["/account", "/admin", "/cart", "/checkout", "/orders"];

/// The starts of all parts after the first one.
#[derive(Debug, Default)]
pub(crate) struct Parts(Mutex<Starts>);

#[derive(Debug, Default)]
struct Starts {
    /// When they were found; `None` while the end of the listing has not been reached.
    found_at: Option<Instant>,
    /// Each is the position of the last product of a part.
    positions: Vec<Position>,
}

impl Parts {
    /// Finds the starts, from the start of the second part. Requests that arrive meanwhile wait. A request that ends before the listing
    /// leaves what it has found, and the next one continues there.
    async fn starts(&self, app: &App, second: Position) -> ShopResult<Vec<Position>> {
        let mut starts = self.0.lock().await;
        if starts.found_at.is_some_and(|at| at.elapsed() >= REUSED_FOR) {
            *starts = Starts::default();
        }
        if starts.positions.is_empty() {
            starts.positions.push(second);
        }
        while starts.found_at.is_none() {
            let (_, next) = read(app, starts.positions.last().cloned(), None, 1).await?;
            match next {
                Some(next) => starts.positions.push(next),
                None => starts.found_at = Some(Instant::now()),
            }
        }
        Ok(starts.positions.clone())
    }
}

/// The paths of the products after a position and up to another one, and where to continue. Reading ends when `parts` parts of
/// products have been read, or at the size of one.
async fn read(
    app: &App,
    mut after: Option<Position>,
    until: Option<&Position>,
    parts: usize,
) -> ShopResult<(Vec<String>, Option<Position>)> {
    let limit = PageLimit::new(PageLimit::MAX)?;
    let mut paths = Vec::new();
    loop {
        let command = ListProducts { q: None, category: None, sort: Some(ProductSort::Title), after, limit };
        let page = app.services.catalog.list_products(command).await?;
        for product in &page.items {
            if until.is_some_and(|until| product.title_position() > *until) {
                return Ok((paths, None));
            }
            paths.push(format!("/products/{}", encode(product.handle.as_str())));
        }
        after = page.next;
        let is_full = paths.len() >= parts * PART_PRODUCTS || size_bytes(app, &paths) >= PART_BYTES;
        if after.is_none() || is_full {
            return Ok((paths, after));
        }
    }
}

fn size_bytes(app: &App, paths: &[String]) -> usize {
    paths.iter().map(|path| app.config.public_url.len() + path.len() + ENTRY_BYTES).sum()
}

/// Serves the rules for robots.
pub(super) async fn robots(State(app): State<App>) -> impl IntoResponse {
    let mut rules = "User-agent: *\n".to_owned();
    for path in DISALLOWED {
        // Writing to a string cannot fail.
        let _ = writeln!(rules, "Disallow: {path}");
    }
    let _ = writeln!(rules, "\nSitemap: {}", app.absolute("/sitemap.xml"));
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], rules)
}

/// Serves the sitemap, or the index of its parts.
pub(super) async fn index(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let (products, second) = read(&app, None, None, 1).await?;
    let starts = match second {
        Some(second) => app.sitemap_parts.starts(&app, second).await?,
        None => Vec::new(),
    };
    let all = [page_paths(&app).await?, products].concat();
    if starts.is_empty() && size_bytes(&app, &all) <= 2 * PART_BYTES {
        return Ok(respond(&headers, Sitemap::Pages.of(&app, &all)));
    }
    let cursors: Vec<_> = starts.iter().map(|start| cursor::encode(LISTING, start)).collect();
    let begins = iter::once(None).chain(cursors.iter().map(Some));
    let ends = cursors.iter().map(Some).chain(iter::once(None));
    let products = begins.zip(ends).map(|(begin, end)| match (begin, end) {
        (None, None) => "/sitemap-products.xml".to_owned(),
        (None, Some(end)) => format!("/sitemap-products.xml?until={end}"),
        (Some(begin), None) => format!("/sitemap-products.xml?cursor={begin}"),
        (Some(begin), Some(end)) => format!("/sitemap-products.xml?cursor={begin}&until={end}"),
    });
    let paths: Vec<_> = iter::once("/sitemap-pages.xml".to_owned()).chain(products).collect();
    Ok(respond(&headers, Sitemap::Parts.of(&app, &paths)))
}

/// Serves the part with all pages that are not products.
pub(super) async fn pages(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    Ok(respond(&headers, Sitemap::Pages.of(&app, &page_paths(&app).await?)))
}

/// Query parameters of a part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PartQuery {
    cursor: Option<String>,
    until: Option<String>,
}

/// Serves a part with products.
pub(super) async fn products(
    State(app): State<App>,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<PartQuery>,
) -> Result<Response, Problem> {
    let position = |cursor: Option<String>| cursor.map(|cursor| cursor::decode(LISTING, &cursor)).transpose();
    let (after, until) = (position(query.cursor)?, position(query.until)?);
    // Products may have been added to the part since the index was read.
    let (paths, _) = read(&app, after, until.as_ref(), 2).await?;
    Ok(respond(&headers, Sitemap::Pages.of(&app, &paths)))
}

/// Home page, listings, and those of the merchant's pages that are finished.
async fn page_paths(app: &App) -> ShopResult<Vec<String>> {
    let categories = app.services.catalog.list_categories(ListCategories).await?;
    let shop = app.shop().await;
    let finished = PageKind::ALL.iter().filter(|kind| !shop.drafts.contains(kind));
    let mut paths = vec!["/".to_owned(), "/products".to_owned()];
    paths.extend(categories.iter().map(|category| format!("/categories/{}", encode(category.handle.as_str()))));
    paths.extend(finished.map(|kind| format!("/pages/{}", kind.as_str())));
    Ok(paths)
}

/// The kinds of documents.
#[derive(Clone, Copy)]
enum Sitemap {
    Pages,
    Parts,
}

impl Sitemap {
    /// The document with these paths.
    fn of(self, app: &App, paths: &[String]) -> String {
        let (root, entry) = match self {
            Self::Pages => ("urlset", "url"),
            Self::Parts => ("sitemapindex", "sitemap"),
        };
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n"
        );
        for path in paths {
            let _ = writeln!(xml, "<{entry}><loc>{}</loc></{entry}>", XmlText(&app.absolute(path)));
        }
        let _ = writeln!(xml, "</{root}>");
        xml
    }
}

fn respond(headers: &HeaderMap, xml: String) -> Response {
    let asset = Asset::new(xml.into());
    respond_with_etag(headers, "application/xml; charset=utf-8", "public, no-cache", asset)
}
