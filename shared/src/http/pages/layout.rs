//! The frame of every page, and rendering pages into responses.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::visitor::{Hints, Visitor, append_cookie, cart_units_cookie};
use crate::http::{App, Problem, appearance, assets, cursor};
use shopease_shop::ShopError;
use shopease_shop::domain::{Category, Handle, PageKind, Position};
use shopease_shop::services::{ListCategories, ShopView};
use shopease_shop::text::page_title;

/// How long an error page waits for the categories.
const CATEGORIES_TIMEOUT: Duration = Duration::from_millis(500);

/// Header, navigation and footer of a page.
pub struct Frame {
    /// The public settings.
    pub shop: Arc<ShopView>,
    /// Name of the shop.
    pub shop_name: String,
    /// URL of the stylesheet.
    pub stylesheet: String,
    /// URL of the script, which is optional for every page.
    pub script: String,
    /// URL of the stylesheet with the shop's color.
    pub theme: String,
    /// URL of the icon that is made of the shop's name and color.
    pub letter: String,
    /// URL of the uploaded icon, if there is one.
    pub icon: Option<String>,
    /// URL of the logo, if there is one.
    pub logo: Option<String>,
    /// Categories of the navigation; empty if they cannot be loaded.
    pub categories: Vec<Category>,
    /// Section of the shop, for `aria-current`.
    pub section: &'static str,
    /// Category of the page.
    pub category: Option<Handle>,
    /// Whether the header links to the account instead of the sign-in form.
    pub signed_in: bool,
    /// Units in the cart.
    pub cart_units: u32,
    /// Value of the search field.
    pub search: String,
    /// Whether operators can read the mails of this process.
    pub has_mails: bool,
}

impl Frame {
    /// The frame for a visitor. If loading the categories fails, the page is shown without them.
    pub async fn new(app: &App, visitor: &Visitor, section: &'static str) -> Self {
        let categories = app.services.catalog.list_categories(ListCategories);
        let (shop, categories) = tokio::join!(app.shop(), categories);
        Self {
            categories: categories.unwrap_or_default(),
            section,
            signed_in: visitor.maybe_signed_in(),
            cart_units: visitor.cart_units(),
            has_mails: app.mails.is_some(),
            ..Self::of_shop(shop)
        }
    }

    /// The frame of an error page, from the visitor's cookies. The categories are loaded only if the shop is likely to respond,
    /// with a short timeout.
    pub async fn of_error(app: &App, hints: Hints, shop_responds: bool) -> Self {
        let bare = |shop| Self { signed_in: hints.signed_in, cart_units: hints.cart_units, ..Self::of_shop(shop) };
        if !shop_responds {
            return bare(app.last_shop());
        }
        let categories = app.services.catalog.list_categories(ListCategories);
        let both = async { tokio::join!(app.shop(), categories) };
        match tokio::time::timeout(CATEGORIES_TIMEOUT, both).await {
            Ok((shop, categories)) => Self { categories: categories.unwrap_or_default(), ..bare(shop) },
            Err(_) => bare(app.last_shop()),
        }
    }

    /// The frame without visitor data.
    pub fn of_shop(shop: Arc<ShopView>) -> Self {
        Self {
            shop_name: shop.name.clone(),
            theme: appearance::theme_url(&shop),
            letter: appearance::letter_url(&shop),
            icon: appearance::uploaded_icon_url(&shop),
            logo: appearance::logo_url(&shop),
            shop,
            stylesheet: assets::url("shop.css"),
            script: assets::url("shop.js"),
            categories: Vec::new(),
            section: "",
            category: None,
            signed_in: false,
            cart_units: 0,
            search: String::new(),
            has_mails: false,
        }
    }

    /// The pages that the merchant writes, with their titles.
    pub fn legal_pages() -> impl Iterator<Item = (&'static str, &'static str)> {
        PageKind::ALL.iter().map(|kind| (kind.as_str(), page_title(*kind)))
    }

    /// Returns whether the merchant has written the page about shipping.
    pub fn has_shipping_page(&self) -> bool {
        !self.shop.drafts.contains(&PageKind::Shipping)
    }

    /// Titles of the pages that are not finished, for operators.
    pub fn drafts(&self) -> String {
        self.shop.drafts.iter().map(|kind| page_title(*kind)).collect::<Vec<_>>().join(", ")
    }

    /// Returns whether the page shows this category.
    pub fn is_current(&self, category: &Category) -> bool {
        self.category.as_ref() == Some(&category.handle)
    }
}

/// Why a page is not shown.
#[derive(Debug)]
pub enum PageError {
    /// An error page.
    Problem(Box<Problem>),
    /// A redirect to the sign-in form, and from there to a local path.
    SignIn {
        /// Page after signing in.
        next: String,
    },
}

impl PageError {
    /// Converts an error; if sign-in is required, redirects to the sign-in form and then to `next`.
    pub fn or_sign_in(error: ShopError, next: &str) -> Self {
        match error {
            ShopError::SignInRequired => Self::SignIn { next: next.to_owned() },
            other => other.into(),
        }
    }
}

impl From<ShopError> for PageError {
    fn from(error: ShopError) -> Self {
        Self::Problem(Box::new(error.into()))
    }
}

impl From<Problem> for PageError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::SignIn { next } => see_other(&format!("/login?next={}", encode(&next))),
        }
    }
}

/// A page or an error page.
pub type PageResult = Result<Response, PageError>;

/// Decodes the position of a cursor, if there is one.
///
/// # Errors
/// 400 when it was not issued for this listing.
pub fn position(listing: &str, cursor: Option<&str>) -> Result<Option<Position>, PageError> {
    match cursor {
        Some(cursor) => Ok(Some(cursor::decode(listing, cursor)?)),
        None => Ok(None),
    }
}

/// Characters that are not escaped in a query value.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Escapes a text as the value of a query parameter or as a path segment without slashes.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, QUERY_VALUE).to_string()
}

/// A page that is personal only in its header: browsers may cache it, but must revalidate.
pub fn page(status: StatusCode, template: &impl Template) -> PageResult {
    render(status, "private, no-cache", template)
}

/// A page that must not be cached or shown again by the Back button: it is personal or contains single-use keys.
pub fn private_page(status: StatusCode, template: &impl Template) -> PageResult {
    render(status, "no-store", template)
}

fn render(status: StatusCode, cache_control: &'static str, template: &impl Template) -> PageResult {
    let html = template.render().map_err(|error| ShopError::Internal(error.into()))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache_control)),
    ];
    Ok((status, headers, html).into_response())
}

/// Redirects to a path of this shop (303). A path that is not a valid header value redirects to the home page.
pub fn see_other(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Sets the cookie with the number of units in the cart.
pub fn remember_cart_units(headers: &mut HeaderMap, units: u32, app: &App) {
    append_cookie(headers, &cart_units_cookie(units, &app.config));
}

/// Returns `next` if it is a path of this shop, or else the default, to prevent open redirects. Browsers interpret `//` and `/\` as
/// another host, after removing control characters.
pub fn local_path<'a>(next: &'a str, default: &'a str) -> &'a str {
    let local = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= 1_000
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if local { next } else { default }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_shop_are_redirect_targets() {
        for path in ["/", "/checkout", "/orders/ord_1?key=a%20b", "/a//b"] {
            assert_eq!(local_path(path, "/account"), path);
        }
        let long = format!("/{}", "a".repeat(1_000));
        for path in [
            "",
            "checkout",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil",
            "/a b",
            "/ä",
            &long,
        ] {
            assert_eq!(local_path(path, "/account"), "/account", "{path}");
        }
    }

    #[test]
    fn query_values_cannot_end_the_query() {
        assert_eq!(encode("/orders/1?a=b&c#d é"), "/orders/1%3Fa%3Db%26c%23d%20%C3%A9");
    }
}
