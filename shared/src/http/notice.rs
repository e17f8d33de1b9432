//! One-time notices: a form sets a cookie, the next page shows the notice and clears the cookie. Neither a reload nor a copied URL
//! shows it again.

use axum::http::HeaderMap;
use axum::response::Response;
use cookie::{Cookie, SameSite};

use super::visitor::{append_cookie, cookie_value};
use crate::config::HttpConfig;

const COOKIE: &str = "shopease_notice";

/// Maximum time between a form and the page after it.
const LIFETIME: time::Duration = time::Duration::minutes(2);

/// Sets a notice for the page that the response redirects to: only letters, digits and `_.-`.
pub(super) fn leave(response: &mut Response, notice: &str, config: &HttpConfig) {
    append_cookie(response.headers_mut(), &cookie(notice, LIFETIME, config));
}

/// Returns the notice for this page.
pub(super) fn left(headers: &HeaderMap) -> Option<String> {
    cookie_value(headers, COOKIE)
}

/// Returns the notice for this page, if it is one of `known`.
pub(super) fn read<T: Copy>(headers: &HeaderMap, known: &[(&'static str, T)]) -> Option<T> {
    let value = left(headers)?;
    known.iter().find(|(name, _)| *name == value).map(|(_, notice)| *notice)
}

/// Clears a notice that a page has shown.
pub(super) fn clear(response: &mut Response, config: &HttpConfig) {
    append_cookie(response.headers_mut(), &cookie("", time::Duration::ZERO, config));
}

fn cookie(notice: &str, lifetime: time::Duration, config: &HttpConfig) -> Cookie<'static> {
    Cookie::build((COOKIE, notice.to_owned()))
        .path("/")
        .http_only(true)
        .secure(!config.insecure_cookies)
        .same_site(SameSite::Lax)
        .max_age(lifetime)
        .build()
}
