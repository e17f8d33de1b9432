//! API Gateway HTTP API and Lambda Function URL: payload format 2.0.
//! Contract: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, header};
use hyper::body::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::{FunctionResult, Malformed, append, event_body, text_of};
use crate::ambient;

/// The service that creates the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// HTTP API, route and stage `$default`.
    HttpApi,
    /// HTTP API on a named stage: the stage is the first path segment.
    HttpApiStage(&'static str),
    /// Function URL.
    FunctionUrl,
}

/// The event for a request.
pub fn encode(parts: &Parts, body: &Bytes, front: Front, client: IpAddr) -> Bytes {
    let text = |name| parts.headers.get(name).map(text_of).unwrap_or_default();
    let mut headers = Map::new();
    // Cookies have their own field; other repeated headers are joined with commas.
    for name in parts.headers.keys().filter(|name| *name != header::COOKIE) {
        let values: Vec<_> = parts.headers.get_all(name).iter().map(text_of).collect();
        headers.insert(name.as_str().to_owned(), values.join(",").into());
    }
    let cookies: Vec<_> = parts.headers.get_all(header::COOKIE).iter().map(text_of).collect();
    let cookies: Vec<_> =
        cookies.iter().flat_map(|line| line.split("; ")).filter(|cookie| !cookie.is_empty()).collect();
    let raw_query = parts.uri.query().unwrap_or_default();
    let mut query = Map::new();
    for pair in raw_query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let values = query.entry(decoded(name)).or_insert_with(|| Value::from(""));
        let joined = values.as_str().filter(|values| !values.is_empty()).map(|values| format!("{values},"));
        *values = Value::from(joined.unwrap_or_default() + &decoded(value));
    }
    let (stage, api_id) = match front {
        Front::HttpApi => ("$default", "frontdoor"),
        Front::HttpApiStage(stage) => (stage, "frontdoor"),
        Front::FunctionUrl => ("$default", "functionurl"),
    };
    let path = match front {
        Front::HttpApiStage(stage) => format!("/{stage}{}", parts.uri.path()),
        _ => parts.uri.path().to_owned(),
    };
    let host = text("host");
    let now = OffsetDateTime::from(ambient::now());
    let (body, is_base64_encoded) = event_body(&parts.headers, body);
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": raw_query,
        "headers": headers,
        "requestContext": {
            "accountId": if front == Front::FunctionUrl { "anonymous" } else { crate::ACCOUNT },
            "apiId": api_id,
            "domainName": host,
            "domainPrefix": host.split('.').next(),
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", parts.version),
                "sourceIp": client.to_string(),
                "userAgent": text("user-agent"),
            },
            "requestId": ambient::request_id(),
            "routeKey": "$default",
            "stage": stage,
            "time": now.format(&Rfc2822).unwrap_or_default(),
            "timeEpoch": now.unix_timestamp() * 1000 + i64::from(now.millisecond()),
        },
        "isBase64Encoded": is_base64_encoded,
    });
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = query.into();
    }
    if body.as_str().is_some_and(|body| !body.is_empty()) {
        event["body"] = body;
    }
    event.to_string().into()
}

/// Converts a function's result to a response: an object with `statusCode`, or any other JSON, which becomes the body
/// of a 200.
///
/// # Errors
/// If it is an object with `statusCode` but does not match payload format 2.0.
pub fn decode(payload: &[u8]) -> Result<Response<Bytes>, Malformed> {
    let value: Value = serde_json::from_slice(payload)?;
    let mut headers = HeaderMap::new();
    if value.get("statusCode").is_none() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = value
            .as_str()
            .map_or_else(|| Bytes::copy_from_slice(payload), |text| Bytes::copy_from_slice(text.as_bytes()));
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        return Ok(response);
    }
    let mut result: FunctionResult = serde_json::from_value(value)?;
    for (name, value) in result.headers.take().unwrap_or_default() {
        append(&mut headers, &name, &value)?;
    }
    for cookie in result.cookies.take().unwrap_or_default() {
        append(&mut headers, header::SET_COOKIE.as_str(), &cookie.into())?;
    }
    result.response(headers)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::Request;

    use super::*;

    #[test]
    fn an_event_has_raw_and_decoded_parts() {
        let request = Request::get("/products/v%C3%A4xel?tag=a%20b&tag=c+d&flag")
            .header("host", "shop.example")
            .header("cookie", "a=1; b=2")
            .header("cookie", "c=3")
            .header("accept", "text/html")
            .header("accept", "*/*")
            .body(())
            .expect("a request");
        let (parts, ()) = request.into_parts();
        let event = encode(&parts, &Bytes::new(), Front::HttpApi, Ipv4Addr::LOCALHOST.into());
        let event: Value = serde_json::from_slice(&event).expect("JSON");
        assert_eq!(event["rawPath"], "/products/v%C3%A4xel");
        assert_eq!(event["rawQueryString"], "tag=a%20b&tag=c+d&flag");
        assert_eq!(event["queryStringParameters"], json!({ "tag": "a b,c d", "flag": "" }));
        assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
        assert_eq!(event["headers"], json!({ "host": "shop.example", "accept": "text/html,*/*" }));
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
        assert_eq!(event["requestContext"]["http"]["protocol"], "HTTP/1.1");
        assert!(event.get("body").is_none());
    }

    #[test]
    fn each_cookie_of_a_result_becomes_a_header() {
        let result = json!({ "statusCode": 200, "headers": { "a": "b" }, "cookies": ["c=1", "d=2"], "body": "x" });
        let response = decode(result.to_string().as_bytes()).expect("a response");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(response.body().as_ref(), b"x");
    }

    #[test]
    fn a_result_without_a_status_is_a_body() {
        let response = decode(br#"{"a":1}"#).expect("a response");
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (200, br#"{"a":1}"#.as_ref()));
        assert!(decode(br#"{"statusCode":"no"}"#).is_err());
    }
}
