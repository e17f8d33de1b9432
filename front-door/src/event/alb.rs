//! Application Load Balancer, target type `lambda`.
//! Contract: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>.

use http::request::Parts;
use http::{HeaderMap, Response};
use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use super::{FunctionResult, Malformed, append, event_body, text_of};

/// The event for a request. With `multi_value`, it contains every value of a header or parameter, otherwise only the
/// last one. Names and values of the query are encoded as the client sent them.
pub fn encode(parts: &Parts, body: &Bytes, multi_value: bool, target_group_arn: &str) -> Bytes {
    let mut headers = Map::new();
    for name in parts.headers.keys() {
        let mut values = parts.headers.get_all(name).iter().map(text_of);
        let value =
            if multi_value { Value::Array(values.map(Value::from).collect()) } else { Value::from(values.next_back()) };
        headers.insert(name.as_str().to_owned(), value);
    }
    let mut query = Map::new();
    for pair in parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if multi_value {
            let values = query.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            values.as_array_mut().into_iter().for_each(|values| values.push(value.into()));
        } else {
            query.insert(name.to_owned(), value.into());
        }
    }
    let (body, is_base64_encoded) = event_body(&parts.headers, body);
    let (headers_name, query_name) = if multi_value {
        ("multiValueHeaders", "multiValueQueryStringParameters")
    } else {
        ("headers", "queryStringParameters")
    };
    let event = json!({
        "requestContext": { "elb": { "targetGroupArn": target_group_arn } },
        "httpMethod": parts.method.as_str(),
        "path": parts.uri.path(),
        query_name: query,
        headers_name: headers,
        "body": body,
        "isBase64Encoded": is_base64_encoded,
    });
    event.to_string().into()
}

/// Converts a function's result to a response. With `multi_value` only `multiValueHeaders` is used, otherwise only
/// `headers`.
///
/// # Errors
/// If it is not in the format that ALB requires; ALB then answers 502.
pub fn decode(payload: &[u8], multi_value: bool) -> Result<Response<Bytes>, Malformed> {
    let mut result: FunctionResult = serde_json::from_slice(payload)?;
    let mut headers = HeaderMap::new();
    if multi_value {
        for (name, values) in result.multi_value_headers.take().unwrap_or_default() {
            let values = values.as_array().ok_or_else(|| Malformed::Header(name.clone()))?;
            values.iter().try_for_each(|value| append(&mut headers, &name, value))?;
        }
    } else {
        for (name, value) in result.headers.take().unwrap_or_default() {
            append(&mut headers, &name, &value)?;
        }
    }
    result.response(headers)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn event(multi_value: bool) -> Value {
        let request = Request::post("/cart/line-items?tag=a%20b&tag=c&flag&=x")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(())
            .expect("a request");
        let (parts, ()) = request.into_parts();
        serde_json::from_slice(&encode(&parts, &Bytes::from("sku=TEA"), multi_value, "arn")).expect("JSON")
    }

    #[test]
    fn with_multi_value_headers_every_value_is_passed() {
        assert_eq!(
            event(true),
            json!({
                "requestContext": { "elb": { "targetGroupArn": "arn" } },
                "httpMethod": "POST",
                "path": "/cart/line-items",
                "multiValueQueryStringParameters": { "tag": ["a%20b", "c"], "flag": [""], "": ["x"] },
                "multiValueHeaders": {
                    "cookie": ["a=1", "b=2"],
                    "content-type": ["application/x-www-form-urlencoded"],
                },
                "body": "c2t1PVRFQQ==",
                "isBase64Encoded": true,
            })
        );
    }

    #[test]
    fn without_them_the_last_value_is_passed() {
        let event = event(false);
        assert_eq!(event["queryStringParameters"], json!({ "tag": "c", "flag": "", "": "x" }));
        assert_eq!(event["headers"]["cookie"], "b=2");
        assert!(event.get("multiValueHeaders").is_none());
    }

    #[test]
    fn results_are_read_in_the_mode_of_the_target_group() {
        let result = json!({
            "statusCode": 303,
            "headers": { "set-cookie": "b=2", "x-number": 7 },
            "multiValueHeaders": { "set-cookie": ["a=1", "b=2"] },
            "body": "aGk=",
            "isBase64Encoded": true,
        });
        let text = result.to_string();
        let all = decode(text.as_bytes(), true).expect("a response");
        let one = decode(text.as_bytes(), false).expect("a response");
        assert_eq!((all.status().as_u16(), all.body().as_ref()), (303, b"hi".as_ref()));
        assert_eq!(all.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(
            (one.headers().get_all("set-cookie").iter().count(), &one.headers()["x-number"]),
            (1, &"7".parse().expect("7"))
        );
    }

    #[test]
    fn a_malformed_result_is_an_error() {
        for payload in [
            "null",
            "[]",
            "\"hello\"",
            "{}",
            r#"{"statusCode":"200"}"#,
            r#"{"statusCode":42}"#,
            r#"{"statusCode":101}"#,
            r#"{"statusCode":700}"#,
            r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            r#"{"statusCode":200,"headers":{"a":"c\r\nd: e"}}"#,
            r#"{"statusCode":200,"body":"%","isBase64Encoded":true}"#,
        ] {
            assert!(decode(payload.as_bytes(), false).is_err(), "{payload}");
        }
    }
}
