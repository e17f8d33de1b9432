//! What surrounds the content of every page, and how a page becomes a response.

use std::time::Duration;

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::visitor::{Hints, Visitor, append_cookie, cart_units_cookie};
use crate::http::{App, Problem, assets, cursor};
use shopease_shop::ShopError;
use shopease_shop::domain::{Category, Handle, Position};
use shopease_shop::services::ListCategories;

/// How long an error page waits for the categories.
const CATEGORIES_TIMEOUT: Duration = Duration::from_millis(500);

/// Header, navigation and footer of a page.
pub struct Frame {
    /// Name of the shop.
    pub shop_name: String,
    /// Address of the stylesheet.
    pub stylesheet: String,
    /// Address of the script; no page needs it.
    pub script: String,
    /// Address of the icon.
    pub icon: String,
    /// For the navigation; empty when they cannot be had.
    pub categories: Vec<Category>,
    /// Which part of the shop the page belongs to, for `aria-current`.
    pub section: &'static str,
    /// Which category the page shows.
    pub category: Option<Handle>,
    /// Whether the header leads to the account rather than to the sign-in form.
    pub signed_in: bool,
    /// Units in the cart.
    pub cart_units: u32,
    /// What the search field holds.
    pub search: String,
}

impl Frame {
    /// The frame for a visitor. Without its categories the shop still sells, so their failure is none of the page's.
    pub async fn new(app: &App, visitor: &Visitor, section: &'static str) -> Self {
        Self {
            categories: app.services.catalog.list_categories(ListCategories).await.unwrap_or_default(),
            section,
            signed_in: visitor.maybe_signed_in(),
            cart_units: visitor.cart_units(),
            ..Self::bare(app)
        }
    }

    /// The frame of an error page, from the visitor's cookies. The categories come only from a shop that may answer, and must
    /// come soon.
    pub async fn of_error(app: &App, hints: Hints, shop_answers: bool) -> Self {
        let frame = Self { signed_in: hints.signed_in, cart_units: hints.cart_units, ..Self::bare(app) };
        if !shop_answers {
            return frame;
        }
        let categories = app.services.catalog.list_categories(ListCategories);
        let in_time = tokio::time::timeout(CATEGORIES_TIMEOUT, categories).await;
        Self { categories: in_time.ok().and_then(Result::ok).unwrap_or_default(), ..frame }
    }

    /// The frame where nothing is known of the visitor.
    fn bare(app: &App) -> Self {
        Self::of_shop(app.config.shop_name.clone())
    }

    /// The frame where nothing is known but the name of the shop.
    pub fn of_shop(shop_name: String) -> Self {
        Self {
            shop_name,
            stylesheet: assets::url("shop.css"),
            script: assets::url("shop.js"),
            icon: assets::url("icon.svg"),
            categories: Vec::new(),
            section: "",
            category: None,
            signed_in: false,
            cart_units: 0,
            search: String::new(),
        }
    }

    /// Whether the page shows this category.
    pub fn is_current(&self, category: &Category) -> bool {
        self.category.as_ref() == Some(&category.handle)
    }
}

/// Why a page is not shown.
#[derive(Debug)]
pub enum PageError {
    /// An error page.
    Problem(Box<Problem>),
    /// The sign-in form, which leads back to a local path.
    SignIn {
        /// Where to go after signing in.
        next: String,
    },
}

impl PageError {
    /// The error of a page that leads to the sign-in form and back to `next` when it is only for who is signed in.
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

/// A page or why there is none.
pub type PageResult = Result<Response, PageError>;

/// The place that a cursor of `question` names, if there is a cursor.
///
/// # Errors
/// 400 when it was not given out for this question.
pub fn position(question: &str, cursor: Option<&str>) -> Result<Option<Position>, PageError> {
    match cursor {
        Some(cursor) => Ok(Some(cursor::decode(question, cursor)?)),
        None => Ok(None),
    }
}

/// Characters that stay as they are in a query value.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A text as the value of a query parameter or a path segment without slashes.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, QUERY_VALUE).to_string()
}

/// A page that shows nothing personal but the header: a browser may keep it, but asks before showing it again.
pub fn page(status: StatusCode, template: &impl Template) -> PageResult {
    render(status, "private, no-cache", template)
}

/// A page that no cache and no back button may bring again: it is personal or carries keys that count once.
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

/// Goes on to a path of this shop with GET. A path that no header can hold leads to the front page.
pub fn see_other(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Tells the browser how many units are in the cart.
pub fn remember_cart_units(headers: &mut HeaderMap, units: u32, app: &App) {
    append_cookie(headers, &cart_units_cookie(units, &app.config));
}

/// A path of this shop to go on to, or the default: what could lead to another site is not one. Browsers read `//`
/// and `/\` as another host, and drop control characters before they look.
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
    fn only_paths_of_this_shop_are_gone_on_to() {
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
