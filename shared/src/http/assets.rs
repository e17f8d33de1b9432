//! Stylesheet, icons and demo pictures, embedded in the binary.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::extract::respond_with_etag;
use crate::shop::ShopError;

#[derive(rust_embed::Embed)]
#[folder = "assets/"]
struct ShopAssets;

#[derive(rust_embed::Embed)]
#[folder = "demo/images/"]
#[prefix = "demo/"]
struct DemoAssets;

/// First characters of each asset's hash: part of its address, so that it can be cached for ever.
static VERSIONS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    ShopAssets::iter()
        .filter_map(|path| {
            let hash = ShopAssets::get(&path)?.metadata.sha256_hash();
            Some((path.into_owned(), crate::domain::hex(&hash)[..12].to_owned()))
        })
        .collect()
});

/// The address of one of the shop's own assets.
pub(super) fn url(path: &str) -> String {
    match VERSIONS.get(path) {
        Some(version) => format!("/assets/{path}?v={version}"),
        None => format!("/assets/{path}"),
    }
}

pub(super) async fn serve(
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ShopError> {
    let file = ShopAssets::get(&path)
        .or_else(|| DemoAssets::get(&path))
        .ok_or_else(|| ShopError::NotFound { what: "file".to_owned() })?;
    let version = query.as_deref().and_then(|query| query.strip_prefix("v="));
    let immutable = version.is_some() && version == VERSIONS.get(&path).map(String::as_str);
    let cache = if immutable { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
    Ok(respond_with_etag(&headers, content_type(&path), cache, file.data.into_owned()))
}

pub(super) async fn robots() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        "User-agent: *\nDisallow: /cart\nDisallow: /checkout\nDisallow: /account\nDisallow: /admin\n",
    )
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
