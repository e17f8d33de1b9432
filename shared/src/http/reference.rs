//! The API reference: a page on which Swagger UI renders the OpenAPI document. All of it comes from the binary, and the content
//! security policy is that of every page.

use std::sync::LazyLock;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};
use shopease_shop::ShopError;
use shopease_shop::domain::Subject;
use shopease_shop::ports::Asset;

use super::problem::Problem;
use super::{App, appearance, assets};

/// Files by name, as `build.rs` has extracted them: gzip.
pub(super) type Files = LazyLock<[(&'static str, Asset); 2]>;

macro_rules! gzip {
    ($name:literal) => {
        ($name, Asset::new(Bytes::from_static(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")))))
    };
}

pub(super) static FILES: Files = Files::new(|| [gzip!("swagger-ui-bundle.js"), gzip!("swagger-ui.css")]);

#[derive(Template)]
#[template(path = "api_reference.html")]
struct ReferencePage {
    shop_name: String,
    bundle: String,
    bundle_style: String,
    start: String,
    icon: String,
    style: String,
}

pub(super) async fn page(State(app): State<App>) -> Result<Response, Problem> {
    let shop = app.shop().await;
    let page = ReferencePage {
        shop_name: shop.name.clone(),
        bundle: url(&app, "swagger-ui-bundle.js"),
        bundle_style: url(&app, "swagger-ui.css"),
        icon: appearance::letter_url(&shop),
        start: assets::url("api-reference.js"),
        style: assets::url("api-reference.css"),
    };
    let html = page.render().map_err(|error| Problem::from(ShopError::Internal(error.into())))?;
    Ok(Html(html).into_response())
}

fn find<'a>(app: &App, name: &str) -> Option<&'a Asset> {
    app.reference?.iter().find(|(file, _)| *file == name).map(|(_, asset)| asset)
}

fn url(app: &App, name: &str) -> String {
    let version = find(app, name).map(assets::version).unwrap_or_default();
    format!("/api/docs/{name}?v={version}")
}

/// Responds with gzip whatever the client accepts: uncompressed, the bundle is twice as large as a Lambda function behind a load
/// balancer may respond, and what loads it is a browser.
pub(super) async fn file(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asset = find(&app, &name).ok_or(ShopError::NotFound { subject: Subject::File })?;
    let mut response = assets::respond(&headers, &name, query.as_deref(), asset.clone());
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Ok(response)
}
