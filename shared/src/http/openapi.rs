//! OpenAPI 3.1 of the JSON API, made from the handlers, and a page to read it.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use super::App;
use super::api::{accounts, admin, cart, catalog, checkout};
use super::extract::cacheable_json;
use super::problem::Problem;
use shopease_shop::shop::ShopError;

#[derive(OpenApi)]
#[openapi(
    info(title = "shopease", version = "1", description = "The JSON API of the shop. Every caller has a token: a visitor's, \
        given out as a cookie with the first answer that needs one, or a session's, given out at sign-in. Programs may send it as \
        `Authorization: Bearer`. Errors are RFC 9457 problem documents with a stable `type`."),
    paths(
        catalog::list_products, catalog::find_product, catalog::list_categories,
        cart::view_cart, cart::add_line_item, cart::set_line_item, cart::remove_line_item,
        checkout::quote, checkout::place_order, checkout::list_orders, checkout::find_order,
        checkout::check_payment, checkout::receive_payment_event,
        accounts::register, accounts::current_customer, accounts::log_in, accounts::log_out,
        admin::list_orders, admin::cancel_order, admin::refund_order, admin::move_parcel, admin::product_stock, admin::correct_stock,
    ),
    security((), ("bearer" = []), ("cookie" = [])),
    modifiers(&Security),
)]
struct Api;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("__Host-shopease_token"));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// The document as pretty JSON, as it is committed in `docs/openapi.json`.
///
/// # Errors
/// When the document cannot be written as JSON.
pub fn json() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&Api::openapi()).map(|text| text + "\n")
}

pub(super) async fn document(headers: HeaderMap) -> Result<Response, Problem> {
    Ok(cacheable_json(&headers, &Api::openapi())?)
}

/// One operation on the page.
struct Operation {
    method: &'static str,
    path: String,
    summary: String,
    tag: String,
    responses: Vec<(String, String)>,
    parameters: Vec<(String, String)>,
    body: Option<String>,
}

#[derive(Template)]
#[template(path = "api_docs.html")]
struct DocsPage {
    shop_name: String,
    stylesheet: String,
    description: String,
    operations: Vec<Operation>,
    schemas: Vec<(String, String)>,
}

pub(super) async fn docs_page(State(app): State<App>) -> Result<Response, Problem> {
    let internal = |error: serde_json::Error| Problem::from(ShopError::Internal(error.into()));
    let document = serde_json::to_value(Api::openapi()).map_err(internal)?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in ["get", "post", "patch", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            let responses = operation["responses"].as_object().into_iter().flatten();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            operations.push(Operation {
                method,
                path: path.clone(),
                summary: text(&operation["summary"]),
                tag: text(&operation["tags"][0]),
                responses: responses
                    .map(|(status, response)| (status.clone(), text(&response["description"])))
                    .collect(),
                parameters: parameters
                    .map(|parameter| (text(&parameter["name"]), text(&parameter["description"])))
                    .collect(),
                body: operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                    .as_str()
                    .and_then(|reference| reference.rsplit('/').next())
                    .map(str::to_owned),
            });
        }
    }
    let mut schemas = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        schemas.push((name.clone(), serde_json::to_string_pretty(schema).map_err(internal)?));
    }
    let page = DocsPage {
        shop_name: app.config.shop_name.clone(),
        stylesheet: super::assets::url("shop.css"),
        description: text(&document["info"]["description"]),
        operations,
        schemas,
    };
    let html = page.render().map_err(|error| Problem::from(ShopError::Internal(error.into())))?;
    Ok(Html(html).into_response())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::routes::{ROUTES, Surface};

    #[test]
    fn the_document_describes_exactly_the_api_routes() {
        let document = serde_json::to_value(Api::openapi()).expect("JSON");
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().expect("methods").keys().map(move |method| (method.to_uppercase(), path.clone()))
            })
            .collect();
        let routed: BTreeSet<(String, String)> = ROUTES
            .iter()
            .filter(|route| route.surface == Surface::Api && route.path.starts_with("/api/v1/"))
            .map(|route| (route.method.to_string(), route.path.to_owned()))
            .collect();
        assert_eq!(described, routed);
        assert_eq!(document["openapi"], "3.1.0");
    }
}
