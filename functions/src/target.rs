//! Restores the path and the query as the client sent them. `lambda_http` rebuilds them from an event: it resolves dot
//! segments and backslashes, repairs broken escapes, and keeps an HTTP API's stage in the path. `/prod/a/../cart?q=%`
//! would become a different request than the one that the server on Fargate rejects.

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{LambdaEvent, Request, RequestExt as _};
use shopease_shared::http::{ClientAddress, forwarded_for};

/// Passes the query of an ALB event through `lambda_http`. A client's own header of this name is dropped.
const RAW_QUERY: HeaderName = HeaderName::from_static("x-shopease-raw-query");

/// Runs before `lambda_http` reads the event. Keeps the query of an ALB event, whose names and values are encoded as
/// the client sent them, and removes an invalid `Host`, on which `lambda_http` would panic.
pub(super) fn keep(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    match &mut event.payload {
        LambdaRequest::Alb(alb) => {
            for headers in [&mut alb.headers, &mut alb.multi_value_headers] {
                headers.remove(RAW_QUERY);
                keep_host(headers);
            }
            let multi_value = &alb.multi_value_query_string_parameters;
            let parameters = if multi_value.is_empty() { &alb.query_string_parameters } else { multi_value };
            if let Ok(query) = HeaderValue::from_str(&raw_query(parameters)) {
                alb.multi_value_headers.insert(RAW_QUERY, query);
            }
        }
        LambdaRequest::ApiGatewayV2(api) => {
            api.headers.remove(RAW_QUERY);
            keep_host(&mut api.headers);
            if api.request_context.domain_name.as_deref().is_some_and(|name| name.parse::<Authority>().is_err()) {
                api.request_context.domain_name = None;
            }
        }
        _ => {}
    }
    event
}

fn keep_host(headers: &mut HeaderMap) {
    if headers.get(header::HOST).is_some_and(|host| Authority::try_from(host.as_bytes()).is_err()) {
        headers.remove(header::HOST);
    }
}

/// Names in alphabetical order: the event does not contain the client's order. Values of one name keep theirs.
fn raw_query(parameters: &QueryMap) -> String {
    let mut pairs: Vec<_> = parameters.iter().collect();
    pairs.sort_by_key(|(name, _)| *name);
    let pairs = pairs
        .into_iter()
        .map(|(name, value)| if value.is_empty() { name.to_owned() } else { format!("{name}={value}") });
    pairs.collect::<Vec<_>>().join("&")
}

/// The client's address: the one that the load balancer appended, or that the service in front of the function saw.
fn client_address(request: &Request) -> Option<ClientAddress> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.http.source_ip.as_deref()?.parse().ok().map(ClientAddress)
        }
        Some(RequestContext::Alb(_)) => forwarded_for(request.headers()),
        _ => None,
    }
}

/// Runs after it. Restores the request's path and query, without the stage, and sets the client's address.
pub(super) fn restore(mut request: Request) -> Request {
    if let Some(address) = client_address(&request) {
        request.extensions_mut().insert(address);
    }
    let kept = request.headers_mut().remove(RAW_QUERY);
    let kept = kept.as_ref().and_then(|query| query.to_str().ok());
    let query = kept.or(request.uri().query()).filter(|query| !query.is_empty()).map(|query| format!("?{query}"));
    let raw = request.raw_http_path();
    let stage = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref().filter(|stage| *stage != "$default"),
        _ => None,
    };
    // An HTTP API delivers `/cart` on its stage `prod` as `/prod/cart`.
    let path = stage.and_then(|stage| raw.strip_prefix('/')?.strip_prefix(stage)).unwrap_or(raw);
    let path = if path.is_empty() { "/" } else { path };
    // An invalid request target stays as `lambda_http` built it.
    if let Ok(uri) = format!("{path}{}", query.unwrap_or_default()).parse() {
        *request.uri_mut() = uri;
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(event: &serde_json::Value) -> String {
        let event = serde_json::from_value(event.clone()).expect("an event");
        let event = keep(LambdaEvent::new(event, lambda_runtime::Context::default()));
        let request = restore(event.payload.into());
        assert!(!request.headers().contains_key(RAW_QUERY));
        request.uri().to_string()
    }

    fn alb(path: &str, query: &serde_json::Value) -> serde_json::Value {
        serde_json::json!({
            "requestContext": { "elb": { "targetGroupArn": "arn" } },
            "httpMethod": "GET",
            "path": path,
            "multiValueQueryStringParameters": query,
            "multiValueHeaders": { "host": ["shop test"], "x-shopease-raw-query": ["q=spoofed"] },
            "isBase64Encoded": false,
        })
    }

    fn http_api(stage: &str, path: &str, query: &str) -> serde_json::Value {
        serde_json::json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": { "host": "shop test" },
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "shop test", "requestId": "r", "routeKey": "$default", "stage": stage,
                "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x" },
                "timeEpoch": 0,
            },
            "isBase64Encoded": false,
        })
    }

    #[test]
    fn an_alb_event_keeps_path_and_escapes() {
        let query = serde_json::json!({ "q": ["100%", "a+b%20c"], "flag": [""], "u": ["%FF"] });
        assert_eq!(target(&alb("/a/../admin", &query)), "/a/../admin?flag&q=100%&q=a+b%20c&u=%FF");
        assert_eq!(target(&alb("/a\\b", &serde_json::json!({}))), "/a\\b");
        assert_eq!(target(&alb("//evil", &serde_json::json!({}))), "//evil");
    }

    #[test]
    fn the_clients_address_is_what_the_front_door_saw() {
        let address = |mut event: serde_json::Value, headers: serde_json::Value| {
            let field = if event["version"] == "2.0" { "headers" } else { "multiValueHeaders" };
            event[field] = headers;
            let event = serde_json::from_value(event).expect("an event");
            let event = keep(LambdaEvent::new(event, lambda_runtime::Context::default()));
            let request = restore(event.payload.into());
            request.extensions().get::<ClientAddress>().map(|address| address.0.to_string())
        };
        let alb = |values: &[&str]| {
            address(alb("/", &serde_json::json!({})), serde_json::json!({ "x-forwarded-for": values }))
        };
        assert_eq!(alb(&["203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(alb(&["198.51.100.1, 203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(alb(&["198.51.100.1", "203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        let claimed = serde_json::json!({ "x-forwarded-for": "203.0.113.7" });
        assert_eq!(address(http_api("$default", "/", ""), claimed).as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn a_stage_is_removed_and_the_rest_is_kept() {
        assert_eq!(target(&http_api("$default", "/prod/cart", "q=%")), "/prod/cart?q=%");
        assert_eq!(target(&http_api("prod", "/prod/a/%2e%2e/cart", "b=1&a=2")), "/a/%2e%2e/cart?b=1&a=2");
        for (path, expected) in [("/prod", "/"), ("/prod/", "/"), ("/prod//x", "//x"), ("/prod/prod", "/prod")] {
            assert_eq!(target(&http_api("prod", path, "")), expected, "{path}");
        }
    }
}
