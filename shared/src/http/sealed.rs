//! Encrypted cookies. The key is derived from the visitor's token, so processes need no shared secret, and a cookie cannot be
//! decrypted with another token (after signing in or out).

use axum::http::HeaderMap;
use cookie::{Cookie, CookieJar, Key, SameSite};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::visitor::cookie_value;
use crate::config::HttpConfig;
use shopease_shop::domain::Token;

/// Longest encrypted value in bytes: browsers limit a cookie with its name and attributes to 4,096 bytes.
const MAX_VALUE_BYTES: usize = 3_800;

/// Encrypts `content` into a cookie for requests below `path`. `None` if it is larger than browsers accept.
pub(super) fn seal<T: Serialize>(
    name: &'static str,
    path: &'static str,
    content: &T,
    token: &Token,
    config: &HttpConfig,
) -> Option<Cookie<'static>> {
    let mut jar = CookieJar::new();
    jar.private_mut(&key(token)).add(Cookie::new(name, serde_json::to_string(content).ok()?));
    let value = jar.get(name)?.value().to_owned();
    let cookie = Cookie::build((name, value))
        .path(path)
        .http_only(true)
        .secure(!config.insecure_cookies)
        .same_site(SameSite::Lax)
        .max_age(time::Duration::days(shopease_shop::services::TOKEN_LIFETIME_DAYS));
    Some(cookie.build()).filter(|cookie| cookie.value().len() <= MAX_VALUE_BYTES)
}

/// Decrypts a cookie of the request. `None` if it is missing or was encrypted for another token.
pub(super) fn open<T: DeserializeOwned>(headers: &HeaderMap, name: &'static str, token: &Token) -> Option<T> {
    let mut jar = CookieJar::new();
    jar.add_original(Cookie::new(name, cookie_value(headers, name)?));
    let opened = jar.private(&key(token)).get(name)?;
    serde_json::from_str(opened.value()).ok()
}

fn key(token: &Token) -> Key {
    Key::derive_from(token.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header;

    fn config() -> HttpConfig {
        struct Unset;
        impl shopease_shop::ports::Env for Unset {
            fn var(&self, _: &str) -> Option<String> {
                None
            }
        }
        HttpConfig::read(&mut shopease_process::config::Reader::new(&Unset))
    }

    fn sent_back(cookie: &Cookie<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let pair = format!("{}={}", cookie.name(), cookie.value());
        headers.insert(header::COOKIE, pair.parse().expect("visible ASCII"));
        headers
    }

    #[test]
    fn only_the_token_that_sealed_a_cookie_opens_it() {
        let (token, other) = (Token::visitor([7; 32]), Token::visitor([8; 32]));
        let cookie = seal("kept", "/checkout", &"Gartenweg 3", &token, &config()).expect("short enough");
        assert!(!cookie.value().contains("Garten"));
        let headers = sent_back(&cookie);
        assert_eq!(open::<String>(&headers, "kept", &token).as_deref(), Some("Gartenweg 3"));
        assert_eq!(open::<String>(&headers, "kept", &other), None);
        assert_eq!(open::<String>(&headers, "other", &token), None);
        let changed = Cookie::new("kept", format!("{}A", &cookie.value()[..cookie.value().len() - 1]));
        assert_eq!(open::<String>(&sent_back(&changed), "kept", &token), None);
    }

    #[test]
    fn content_too_large_for_a_cookie_is_not_sealed() {
        let token = Token::visitor([7; 32]);
        assert!(seal("kept", "/", &"x".repeat(2_700), &token, &config()).is_some());
        assert!(seal("kept", "/", &"x".repeat(4_000), &token, &config()).is_none());
    }
}
