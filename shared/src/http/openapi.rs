//! The OpenAPI 3.1 document of the JSON API, generated from the endpoint declarations, as rendered by [`super::reference`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{HeaderMap, Method};
use axum::response::Response;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, License, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder, Schema, Type,
};

use super::api::endpoint::{Endpoint, Shape};
use super::api::parts::{Key, Named};
use super::extract::cacheable_json;
use super::problem::Problem;
use shopease_shop::ShopError;
use shopease_shop::domain::{RuleError, Subject};

/// What a reader needs to know before the first request, and a journey that a test runs.
const DESCRIPTION: &str = include_str!("openapi.md");

/// The groups of operations, in the order in which a shopper meets them.
const TAGS: [(&str, &str); 5] = [
    ("catalog", "Products, categories and terms of sale: public, cacheable with an ETag."),
    ("cart", "The cart of the caller."),
    ("checkout", "Quotes, orders and payments."),
    ("accounts", "Accounts and sessions."),
    ("admin", "Orders, products and stock, for operators."),
];

/// Links: an operation, the status of its response, the operation that the link leads to, and the values of its parameters, or
/// of its body if the name is empty.
const LINKS: &[(&str, u16, &str, Values)] = &[
    ("list_categories", 200, "list_products", &[("category", "$response.body#/items/0/handle")]),
    ("list_products", 200, "find_product", &[("handle", "$response.body#/items/0/handle")]),
    ("list_products", 200, "product_stock", &[("handle", "$response.body#/items/0/handle")]),
    ("find_product", 200, "add_line_item", &[("", r#"{"sku": "$response.body#/variants/0/sku", "quantity": 1}"#)]),
    ("add_line_item", 201, "set_line_item", &[("id", "$response.body#/lines/0/id")]),
    ("add_line_item", 201, "remove_line_item", &[("id", "$response.body#/lines/0/id")]),
    ("add_line_item", 201, "view_cart", &[]),
    ("add_line_item", 201, "quote", &[]),
    ("quote", 200, "list_payment_options", TOTAL),
    ("quote", 200, "place_order", &[]),
    ("place_order", 201, "find_order", ORDER),
    ("place_order", 201, "cancel_order", ORDER),
    ("place_order", 201, "refund_order", ORDER),
    ("place_order", 201, "record_fulfillment", ORDER),
    ("place_order", 202, "find_order", ORDER),
    ("place_order", 202, "check_payment", ORDER),
    ("place_order", 202, "cancel_unpaid_order", ORDER),
    ("place_order", 202, "cancel_order", ORDER),
    ("place_order", 202, "record_transfer", ORDER),
    ("list_orders", 200, "find_order", FIRST_ORDER),
    ("list_all_orders", 200, "find_order", FIRST_ORDER),
    ("list_all_orders", 200, "cancel_order", FIRST_ORDER),
    ("list_all_orders", 200, "refund_order", FIRST_ORDER),
    ("list_all_orders", 200, "record_fulfillment", FIRST_ORDER),
    ("register", 201, "current_customer", &[]),
    ("log_in", 201, "current_customer", &[]),
    ("list_sessions", 200, "end_session", &[("id", "$response.body#/items/0/id")]),
];
type Values = &'static [(&'static str, &'static str)];
const TOTAL: Values =
    &[("amount_minor", "$response.body#/total/amount_minor"), ("currency", "$response.body#/total/currency")];
const ORDER: Values = &[("id", "$response.body#/id")];
const FIRST_ORDER: Values = &[("id", "$response.body#/items/0/id")];

/// Builds the document. Schemas and parameters come from the types of an endpoint; its common problems follow from what it
/// accepts.
fn api() -> OpenApi {
    let mut paths = Paths::new();
    let problem = Named::of::<Problem>();
    let mut schemas = BTreeMap::from_iter(problem.schemas);
    for endpoint in super::api::endpoints() {
        let shape = (endpoint.shape)();
        let path = shape.path.as_ref().map(|(_, named)| named);
        for named in [path, shape.body.as_ref(), shape.answer.as_ref()].into_iter().flatten() {
            schemas.extend(named.schemas.clone());
        }
        paths.add_path_operation(endpoint.path, vec![method(endpoint)], operation(endpoint, shape));
    }
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-shopease_token"))));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("shopease API")
                .version("1")
                .description(Some(DESCRIPTION))
                .license(Some(license())),
        )
        .tags(Some(TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build())))
        .paths(paths)
        .components(Some(components.build()))
        .security(Some([vec![SecurityRequirement::default()], session()].concat()))
        .build()
}

fn session() -> Vec<SecurityRequirement> {
    ["bearer", "cookie"].map(|scheme| SecurityRequirement::new::<_, [String; 0], _>(scheme, [])).into()
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
    let text = endpoint.summary.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let (summary, description) = match text.split_once(". ") {
        Some((summary, description)) => (summary, Some(description)),
        None => (text.trim_end_matches('.'), None),
    };
    let mut operation = OperationBuilder::new()
        .tag(endpoint.tag)
        .summary(Some(summary))
        .description(description)
        .operation_id(Some(endpoint.name))
        .parameters(Some(parameters(endpoint, &shape)));
    let responses: BTreeMap<_, _> =
        problems_of(endpoint, &shape).into_iter().chain(endpoint.responses.iter().copied()).collect();
    if responses.contains_key(&401) && endpoint.name != "log_in" {
        operation = operation.securities(Some(session()));
    }
    for (status, meaning) in responses {
        let mut response = ResponseBuilder::new().description(meaning);
        let body = if status >= 400 {
            let problem = Content::builder().schema(Some(Ref::from_schema_name("Problem"))).example(example(status));
            Some(("application/problem+json", problem.build()))
        } else {
            let name = shape.answer.as_ref().and_then(|named| named.name.clone());
            let name = name.filter(|_| status != 304);
            name.map(|name| ("application/json", Content::new(Some(Ref::from_schema_name(name)))))
        };
        if let Some((content_type, content)) = body {
            response = response.content(content_type, content);
        }
        for (_, _, to, values) in LINKS.iter().filter(|(from, of, ..)| (*from, *of) == (endpoint.name, status)) {
            let link = LinkBuilder::new().operation_id(*to);
            let link = values.iter().fold(link, |link, (name, value)| match *name {
                "" => link.request_body(serde_json::from_str::<serde_json::Value>(value).ok()),
                name => link.parameter(name, *value),
            });
            response = response.link(*to, link.build());
        }
        operation = operation.response(status.to_string(), response.build());
    }
    if let Some(body) = shape.body {
        let schema: RefOr<Schema> = match body.name {
            Some(name) => Ref::from_schema_name(name).into(),
            None => ObjectBuilder::new().into(),
        };
        // A file has no schema.
        let schema = Some(schema).filter(|_| shape.content_type == "application/json");
        let body = RequestBodyBuilder::new().content(shape.content_type, Content::new(schema));
        operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
    }
    operation.build()
}

fn parameters(endpoint: &Endpoint, shape: &Shape) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    if let Some((description, Named { name: Some(schema), .. })) = &shape.path {
        let name = endpoint.path.split(['{', '}']).nth(1).unwrap_or_default();
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        parameters.push(parameter.description(Some(*description)).schema(Some(Ref::from_schema_name(schema))).build());
    }
    parameters.extend(shape.query.clone());
    let header = |name: &str, description: &str, schema: ObjectBuilder| {
        let schema = schema.schema_type(Type::String);
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
        parameter.description(Some(description)).schema(Some(schema))
    };
    if shape.key != Key::None {
        let required = if shape.key == Key::Required { Required::True } else { Required::False };
        let schema = ObjectBuilder::new().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-+.-~-]+$"));
        let description =
            "Repeating the request with the same key has no second effect. Visible ASCII characters except commas.";
        parameters.push(header("Idempotency-Key", description, schema).required(required).build());
    }
    for (name, description) in shape.headers {
        // The signature of a webhook is in the header of the configured provider.
        let required = if *name == "If-Match" { Required::True } else { Required::False };
        let schema = if *name == "If-Match" {
            ObjectBuilder::new().pattern(Some("^\"[0-9]{1,19}\"$"))
        } else {
            ObjectBuilder::new()
        };
        parameters.push(header(name, description, schema).required(required).build());
    }
    parameters
}

/// A problem with this status, as the shop would send it.
fn example(status: u16) -> Option<serde_json::Value> {
    let problem = match status {
        400 => Problem::malformed("The body is not valid JSON."),
        401 => ShopError::SignInRequired.into(),
        403 => ShopError::Forbidden.into(),
        404 => ShopError::NotFound { subject: Subject::Order }.into(),
        409 => ShopError::Conflict.into(),
        412 => ShopError::VersionChanged.into(),
        422 => ShopError::from(RuleError::EmptyCart).into(),
        429 => ShopError::TooManyAttempts { retry_after_seconds: 30 }.into(),
        _ => return None,
    };
    serde_json::to_value(Problem { request_id: Some("01M8MD2RN6B41XNAXZ9N6TG2V1".to_owned()), ..problem }).ok()
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
    } else if shape.content_type != "application/json" {
        problems.push((415, "The body has another content type."));
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
    // The same for every request.
    static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(api);
    Ok(cacheable_json(&headers, &*DOCUMENT)?)
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
