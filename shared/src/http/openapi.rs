//! The OpenAPI 3.1 document of the JSON API, generated from the endpoint declarations, and its HTML page.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::{Html, IntoResponse, Response};
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, License, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder, Schema, Type,
};

use super::App;
use super::api::endpoint::{Endpoint, Shape};
use super::api::parts::{Key, Named};
use super::extract::cacheable_json;
use super::problem::Problem;
use shopease_shop::ShopError;

const DESCRIPTION: &str = "The JSON API of the shop. Every caller has a token: a visitor's, set as a cookie by the first \
    response that needs one, or a session's, returned at sign-in. API clients may send it as `Authorization: Bearer`. Errors are \
    RFC 9457 problem documents with a stable `type`.";

/// Builds the document. Schemas and parameters come from the types of an endpoint; its common problems follow from what it
/// accepts.
fn api() -> OpenApi {
    let mut paths = Paths::new();
    let problem = Named::of::<Problem>();
    let mut schemas = BTreeMap::from_iter(problem.schemas);
    for endpoint in super::api::endpoints() {
        let shape = (endpoint.shape)();
        for named in [&shape.body, &shape.answer].into_iter().flatten() {
            schemas.extend(named.schemas.clone());
        }
        paths.add_path_operation(endpoint.path, vec![method(endpoint)], operation(endpoint, shape));
    }
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-shopease_token"))));
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title("shopease").version("1").description(Some(DESCRIPTION)).license(Some(license())))
        .paths(paths)
        .components(Some(components.build()))
        .security(Some([
            SecurityRequirement::default(),
            SecurityRequirement::new::<_, [String; 0], _>("bearer", []),
            SecurityRequirement::new::<_, [String; 0], _>("cookie", []),
        ]))
        .build()
}

fn license() -> License {
    let mut license = License::new(env!("CARGO_PKG_LICENSE"));
    license.identifier = Some(env!("CARGO_PKG_LICENSE").to_owned());
    license
}

fn method(endpoint: &Endpoint) -> HttpMethod {
    match endpoint.method {
        Method::POST => HttpMethod::Post,
        Method::PATCH => HttpMethod::Patch,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(endpoint: &Endpoint, shape: Shape) -> Operation {
    let summary = endpoint.summary.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let mut operation = OperationBuilder::new()
        .tag(endpoint.tag)
        .summary(Some(summary))
        .operation_id(Some(endpoint.name))
        .parameters(Some(parameters(endpoint, &shape)));
    for (status, meaning) in
        problems_of(endpoint, &shape).into_iter().chain(endpoint.responses.iter().copied()).collect::<BTreeMap<_, _>>()
    {
        let mut response = ResponseBuilder::new().description(meaning);
        let body = if status >= 400 {
            Some(("application/problem+json", "Problem".to_owned()))
        } else {
            let name = shape.answer.as_ref().and_then(|named| named.name.clone());
            name.filter(|_| status != 304).map(|name| ("application/json", name))
        };
        if let Some((content_type, name)) = body {
            response = response.content(content_type, Content::new(Some(Ref::from_schema_name(name))));
        }
        operation = operation.response(status.to_string(), response.build());
    }
    if let Some(body) = shape.body {
        let schema: RefOr<Schema> = match body.name {
            Some(name) => Ref::from_schema_name(name).into(),
            None => <String as utoipa::PartialSchema>::schema(),
        };
        let body = RequestBodyBuilder::new().content("application/json", Content::new(Some(schema)));
        operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
    }
    operation.build()
}

fn parameters(endpoint: &Endpoint, shape: &Shape) -> Vec<Parameter> {
    let text = || Some(<String as utoipa::PartialSchema>::schema());
    let mut parameters = Vec::new();
    if let Some(description) = shape.path {
        let name = endpoint.path.split(['{', '}']).nth(1).unwrap_or_default();
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        parameters.push(parameter.description(Some(description)).schema(text()).build());
    }
    parameters.extend(shape.query.clone());
    if shape.key != Key::None {
        let required = if shape.key == Key::Required { Required::True } else { Required::False };
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
        let description = "Repeating the request with the same key has no second effect.";
        let parameter = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
        parameters.push(parameter.required(required).description(Some(description)).schema(Some(schema)).build());
    }
    parameters
}

/// The problems that follow from what an endpoint accepts. Its declaration may describe the same status in more detail.
fn problems_of(endpoint: &Endpoint, shape: &Shape) -> Vec<(u16, &'static str)> {
    let mut problems = vec![(400, "The request is malformed.")];
    if endpoint.tag == "admin" {
        problems.extend([(401, "Not signed in."), (403, "Not an operator.")]);
    } else if endpoint.caller && endpoint.method != Method::GET {
        problems.push((403, "Cross-site request rejected."));
    }
    if shape.body.is_some() {
        problems.push((413, "The body is too large."));
    }
    if shape.body.as_ref().is_some_and(|body| body.name.is_some()) {
        problems.extend([(415, "The body is not JSON."), (422, "A rule is broken.")]);
    }
    if shape.key != Key::None {
        problems.extend([
            (409, "The first request with this key is still in progress."),
            (422, "A rule is broken, or the key was used for another request."),
        ]);
    }
    problems
}

/// The document as pretty-printed JSON, as committed in `docs/openapi.json`.
///
/// # Errors
/// When the document cannot be serialized.
pub fn json() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&api()).map(|text| text + "\n")
}

pub(super) async fn document(headers: HeaderMap) -> Result<Response, Problem> {
    Ok(cacheable_json(&headers, &api())?)
}

/// One operation on the page.
struct DocumentedOperation {
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
    operations: Vec<DocumentedOperation>,
    schemas: Vec<(String, String)>,
}

pub(super) async fn docs_page(State(app): State<App>) -> Result<Response, Problem> {
    let internal = |error: serde_json::Error| Problem::from(ShopError::Internal(error.into()));
    let document = serde_json::to_value(api()).map_err(internal)?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in ["get", "post", "put", "patch", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            let responses = operation["responses"].as_object().into_iter().flatten();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            operations.push(DocumentedOperation {
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
        shop_name: app.shop().await.name.clone(),
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
    use crate::http::routes::{self, Surface};

    #[test]
    fn the_document_describes_exactly_the_api_routes() {
        let document = serde_json::to_value(api()).expect("JSON");
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().expect("methods").keys().map(move |method| (method.to_uppercase(), path.clone()))
            })
            .collect();
        let routed: BTreeSet<(String, String)> = routes::all()
            .filter(|route| route.surface == Surface::Api && route.path.starts_with("/api/v1/"))
            .map(|route| (route.method.to_string(), route.path.to_owned()))
            .collect();
        assert_eq!(described, routed);
        assert_eq!(document["openapi"], "3.1.0");
    }
}
