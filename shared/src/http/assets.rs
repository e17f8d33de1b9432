//! Serves stylesheet, script, icons and demo images, either embedded in the binary or from another [`AssetStore`], with the
//! same responses.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::App;
use super::extract::respond_with_etag;
use super::problem::Problem;
use shopease_shop::ShopError;
use shopease_shop::domain::{Picture, Subject};
use shopease_shop::ports::{Asset, AssetStore, StoreError};

#[derive(rust_embed::Embed)]
#[folder = "assets/"]
struct ShopAssets;

#[derive(rust_embed::Embed)]
#[folder = "demo/images/"]
#[prefix = "demo/"]
struct DemoAssets;

/// For URLs that contain the asset's version.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For all other URLs.
const ONE_HOUR: &str = "public, max-age=3600";

/// First characters of each asset's hash. They are part of its URL, so that it can be cached forever.
static VERSIONS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let known = ShopAssets::iter().filter_map(|path| Some((path.to_string(), version(&find(&path)?))));
    known.collect()
});

pub(super) fn version(asset: &Asset) -> String {
    shopease_shop::domain::hex(&asset.digest)[..12].to_owned()
}

/// Returns the URL of one of the shop's own assets.
pub(super) fn url(path: &str) -> String {
    match VERSIONS.get(path) {
        Some(version) => format!("/assets/{path}?v={version}"),
        None => format!("/assets/{path}"),
    }
}

/// The assets embedded in this binary.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbeddedAssets;

#[async_trait]
impl AssetStore for EmbeddedAssets {
    async fn find_asset(&self, path: &str) -> Result<Option<Asset>, StoreError> {
        Ok(find(path))
    }
}

fn find(path: &str) -> Option<Asset> {
    let file = ShopAssets::get(path).or_else(|| DemoAssets::get(path))?;
    let digest = file.metadata.sha256_hash();
    let body = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Some(Asset { body, digest })
}

/// An embedded asset, for uploading to another store.
#[derive(Debug, Clone)]
pub struct NamedAsset {
    /// Path below `/assets/`.
    pub path: String,
    /// The file.
    pub asset: Asset,
}

impl EmbeddedAssets {
    /// Returns all embedded assets, sorted by path.
    pub fn all(self) -> Vec<NamedAsset> {
        let mut paths: Vec<_> = ShopAssets::iter().chain(DemoAssets::iter()).map(Cow::into_owned).collect();
        paths.sort_unstable();
        let named = paths.into_iter().filter_map(|path| {
            let asset = find(&path)?;
            Some(NamedAsset { path, asset })
        });
        named.collect()
    }
}

pub(super) async fn serve(
    State(app): State<App>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asset = app.assets.find_asset(&path).await.map_err(ShopError::from)?;
    let asset = asset.ok_or(ShopError::NotFound { subject: Subject::File })?;
    Ok(respond(&headers, &path, query.as_deref(), asset))
}

/// The response for an asset: with its version in the URL, it can be cached forever.
pub(super) fn respond(headers: &HeaderMap, path: &str, query: Option<&str>, asset: Asset) -> Response {
    // Compares with the version in the store: it may hold an asset of another release.
    let requested = query.and_then(|query| query.strip_prefix("v="));
    let is_current = requested == Some(version(&asset).as_str());
    let cache = if is_current { IMMUTABLE } else { cache_control(path) };
    respond_with_etag(headers, content_type(path), cache, asset)
}

/// `Cache-Control` for URLs without the asset's version. The name of a picture says its content.
pub fn cache_control(path: &str) -> &'static str {
    if Picture::file_name(path).is_some() { IMMUTABLE } else { ONE_HOUR }
}

/// Content type of an asset.
pub fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
