//! Identifies the visitor by the token in the cookie or in `Authorization: Bearer`, and sets the cookies of the response.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use cookie::Cookie;

use super::device::device;
use super::problem::Problem;
use super::{App, ClientAddress};
use crate::config::HttpConfig;
use shopease_shop::domain::Token;
use shopease_shop::services::Caller;

/// Units in the cart: a hint for the page header only. Everything else reads the cart itself.
const CART_UNITS_COOKIE: &str = "shopease_cart_units";

/// Source of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Cookie,
    Bearer,
    New,
}

/// The visitor behind a request.
#[derive(Debug, Clone)]
pub struct Visitor {
    caller: Caller,
    cart_units: u32,
    /// Set when the response depends on a newly created token, so that the browser must keep it.
    needed: Arc<AtomicBool>,
}

impl Visitor {
    /// The caller of use cases. A token created for this request is sent as a cookie.
    pub fn caller(&self) -> &Caller {
        self.needed.store(true, Ordering::Relaxed);
        &self.caller
    }

    /// The CSRF token of this visitor's forms.
    pub fn csrf(&self) -> String {
        self.caller().token.csrf()
    }

    /// Returns whether the browser has a session token, which may have expired.
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

/// What the page header shows about a visitor, from the cookies alone.
#[derive(Debug, Clone, Copy)]
pub struct Hints {
    /// Whether the browser has a session token.
    pub signed_in: bool,
    /// Units in the cart as last seen by this browser.
    pub cart_units: u32,
}

impl Hints {
    /// Reads the cookies of a request.
    pub fn read(headers: &HeaderMap, config: &HttpConfig) -> Self {
        let cart_units = cookie_value(headers, CART_UNITS_COOKIE).and_then(|units| units.parse().ok()).unwrap_or(0);
        let signed_in = find_token(headers, config).is_some_and(|(token, _)| !token.is_visitor());
        Self { signed_in, cart_units }
    }
}

/// Finds or creates the token, rejects cross-site writes without a bearer token, and sends a new token as a cookie if the response
/// needs it.
pub(super) async fn layer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let (token, origin) =
        find_token(request.headers(), &app.config).unwrap_or_else(|| (Token::visitor(app.ids.secret()), Origin::New));
    if origin != Origin::Bearer && is_unsafe(request.method()) && is_cross_site(request.headers()) {
        return Problem::new(
            axum::http::StatusCode::FORBIDDEN,
            "cross-site-request",
            "Cross-site request rejected",
            "This request was sent by another site.",
        )
        .into_response();
    }
    let Hints { cart_units, .. } = Hints::read(request.headers(), &app.config);
    let needed = Arc::new(AtomicBool::new(false));
    let address = request.extensions().get::<ClientAddress>().map(|ClientAddress(address)| *address);
    let caller = Caller { token: token.clone(), address, device: device(request.headers()) };
    let visitor = Visitor { caller, cart_units, needed: Arc::clone(&needed) };
    request.extensions_mut().insert(visitor);
    let mut response = next.run(request).await;
    let replaced = response
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .any(|value| value.as_bytes().starts_with(app.config.cookie_name().as_bytes()));
    if origin == Origin::New && needed.load(Ordering::Relaxed) && !replaced {
        append_cookie(response.headers_mut(), &token_cookie(&token, &app.config));
    }
    response
}

fn find_token(headers: &HeaderMap, config: &HttpConfig) -> Option<(Token, Origin)> {
    // Other schemes belong to a proxy in front of the shop.
    if let Some(credentials) = bearer_credentials(headers) {
        let token = std::str::from_utf8(credentials).ok().and_then(Token::parse)?;
        return Some((token, Origin::Bearer));
    }
    let token = cookie_values(headers, config.cookie_name()).find_map(Token::parse)?;
    Some((token, Origin::Cookie))
}

/// The credentials after the scheme `Bearer`, which is case-insensitive (RFC 9110).
fn bearer_credentials(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, credentials) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| credentials.trim_ascii())
}

/// The values of all cookies with a name. Other cookies may contain invalid UTF-8, so the header is split as bytes.
fn cookie_values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let value =
            pair.trim_ascii().strip_prefix(name.as_bytes())?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
        let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        std::str::from_utf8(unquoted.unwrap_or(value)).ok()
    })
}

/// The value of the first cookie with a name.
pub(super) fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    cookie_values(headers, name).next().map(str::to_owned)
}

fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Browsers send `Sec-Fetch-Site`, older ones at least `Origin` with every POST; API clients send neither.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.is_none_or(|(_, authority)| authority != host)
}

/// The cookie with a token.
pub(super) fn token_cookie(token: &Token, config: &HttpConfig) -> Cookie<'static> {
    Cookie::build((config.cookie_name().to_owned(), token.expose().to_owned()))
        .path("/")
        .http_only(true)
        .secure(!config.insecure_cookies)
        .same_site(cookie::SameSite::Lax)
        .max_age(time::Duration::days(shopease_shop::services::TOKEN_LIFETIME_DAYS))
        .build()
}

/// The cookie with the number of units in the cart, for the page header.
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
