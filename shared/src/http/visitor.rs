//! Who asks: the token in the cookie or in `Authorization: Bearer`, and the cookies that go back.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use cookie::Cookie;

use super::App;
use super::problem::Problem;
use crate::config::HttpConfig;
use shopease_shop::domain::Token;
use shopease_shop::services::Caller;

/// Units in the cart, a hint for the page header only: the cart itself is read where it matters.
const CART_UNITS_COOKIE: &str = "shopease_cart_units";

/// Where the token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Cookie,
    Bearer,
    Minted,
}

/// The visitor behind a request.
#[derive(Debug, Clone)]
pub struct Visitor {
    caller: Caller,
    cart_units: u32,
    /// Set when something in the answer depends on a minted token, so that the browser must keep it.
    needed: Arc<AtomicBool>,
}

impl Visitor {
    /// The caller of use cases. A token minted for this request goes back as a cookie.
    pub fn caller(&self) -> &Caller {
        self.needed.store(true, Ordering::Relaxed);
        &self.caller
    }

    /// The hidden token that a form of this visitor carries.
    pub fn csrf(&self) -> String {
        self.caller().token.csrf()
    }

    /// Whether the browser holds a session token. It may have expired meanwhile.
    pub fn maybe_signed_in(&self) -> bool {
        !self.caller.token.is_visitor()
    }

    /// Units in the cart as last seen by this browser.
    pub fn cart_units(&self) -> u32 {
        self.cart_units
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    #[expect(clippy::expect_used, reason = "every router is built with the layer that inserts it")]
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().expect("the visitor layer is there").clone())
    }
}

/// Finds the token or mints one, refuses cross-site writes that do not bring their own token, and sends a minted token back when
/// the answer needs it.
pub(super) async fn layer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let (token, origin) = find_token(request.headers(), &app.config)
        .unwrap_or_else(|| (Token::visitor(app.ids.secret()), Origin::Minted));
    if origin != Origin::Bearer && is_unsafe(request.method()) && is_cross_site(request.headers()) {
        return Problem::new(
            axum::http::StatusCode::FORBIDDEN,
            "cross-site-request",
            "Cross-site request rejected",
            "This request was sent by another site.",
        )
        .into_response();
    }
    let cart_units =
        cookie_value(request.headers(), CART_UNITS_COOKIE).and_then(|units| units.parse().ok()).unwrap_or(0);
    let needed = Arc::new(AtomicBool::new(false));
    let visitor = Visitor { caller: Caller { token: token.clone() }, cart_units, needed: Arc::clone(&needed) };
    request.extensions_mut().insert(visitor);
    let mut response = next.run(request).await;
    let replaced = response
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .any(|value| value.as_bytes().starts_with(app.config.cookie_name().as_bytes()));
    if origin == Origin::Minted && needed.load(Ordering::Relaxed) && !replaced {
        append_cookie(response.headers_mut(), &token_cookie(&token, &app.config));
    }
    response
}

fn find_token(headers: &HeaderMap, config: &HttpConfig) -> Option<(Token, Origin)> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    // Other schemes belong to whatever stands before the shop.
    if let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) {
        return Some((Token::parse(token)?, Origin::Bearer));
    }
    let value = cookie_value(headers, config.cookie_name())?;
    Some((Token::parse(&value)?, Origin::Cookie))
}

fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| Cookie::split_parse(text.to_owned()).flatten())
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
}

fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Browsers send `Sec-Fetch-Site`, older ones at least `Origin` with every POST; programs send neither.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.is_none_or(|(_, authority)| authority != host)
}

/// The cookie that holds a token.
pub(super) fn token_cookie(token: &Token, config: &HttpConfig) -> Cookie<'static> {
    Cookie::build((config.cookie_name().to_owned(), token.expose().to_owned()))
        .path("/")
        .http_only(true)
        .secure(!config.insecure_cookies)
        .same_site(cookie::SameSite::Lax)
        .max_age(time::Duration::days(shopease_shop::services::TOKEN_LIFETIME_DAYS))
        .build()
}

/// The cookie that tells pages how many units are in the cart.
pub(super) fn cart_units_cookie(units: u32, config: &HttpConfig) -> Cookie<'static> {
    Cookie::build((CART_UNITS_COOKIE, units.to_string()))
        .path("/")
        .http_only(true)
        .secure(!config.insecure_cookies)
        .same_site(cookie::SameSite::Lax)
        .max_age(time::Duration::days(shopease_shop::services::TOKEN_LIFETIME_DAYS))
        .build()
}

/// Adds a `Set-Cookie` header.
pub(super) fn append_cookie(headers: &mut HeaderMap, cookie: &Cookie<'_>) {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        headers.append(header::SET_COOKIE, value);
    }
}
