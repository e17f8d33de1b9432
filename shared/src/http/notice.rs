//! What has just been done, said once: a form leaves it in a cookie, the next page takes it out. So neither a reload nor a
//! copied address says it again.

use axum::http::HeaderMap;
use axum::response::Response;
use cookie::{Cookie, SameSite};

use super::visitor::{append_cookie, cookie_value};
use crate::config::HttpConfig;

const COOKIE: &str = "shopease_notice";

/// Longest time between a form and the page after it.
const LIFETIME: time::Duration = time::Duration::minutes(2);

/// Leaves a notice for the page to which a response leads: letters, digits and `_.-` only.
pub(super) fn leave(response: &mut Response, notice: &str, config: &HttpConfig) {
    append_cookie(response.headers_mut(), &cookie(notice, LIFETIME, config));
}

/// The notice that was left, as it was left.
pub(super) fn left(headers: &HeaderMap) -> Option<String> {
    cookie_value(headers, COOKIE)
}

/// The notice that was left for this page, if it is one of `known`.
pub(super) fn read<T: Copy>(headers: &HeaderMap, known: &[(&'static str, T)]) -> Option<T> {
    let left = left(headers)?;
    known.iter().find(|(name, _)| *name == left).map(|(_, notice)| *notice)
}

/// Takes a notice out that a page has shown.
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
