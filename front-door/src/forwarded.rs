//! Headers with which the load balancer and the gateways describe the client to targets.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};

use crate::ambient;

const FORWARDED_FOR: &str = "x-forwarded-for";
const TRACE_ID: &str = "x-amzn-trace-id";

/// Adds what a load balancer adds: the client, and a new trace ID, or its own part of the request's trace.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html>
pub(crate) fn add(headers: &mut HeaderMap, client: IpAddr, port: u16) {
    let trace = match headers.get(TRACE_ID).and_then(|value| value.to_str().ok()) {
        None => format!("Root={}", ambient::trace_id()),
        Some(trace) => {
            let others: Vec<_> = trace.split(';').filter(|part| !part.trim().starts_with("Self=")).collect();
            format!("Self={};{}", ambient::trace_id(), others.join(";"))
        }
    };
    add_client(headers, client, port, &trace);
}

/// Appends the client's address (for a load balancer: `routing.http.xff_header_processing.mode = append`), and replaces
/// protocol, port, and trace.
pub(crate) fn add_client(headers: &mut HeaderMap, client: IpAddr, port: u16, trace: &str) {
    let mut hops: Vec<_> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
    hops.push(client.to_string());
    for (name, value) in [
        (FORWARDED_FOR, hops.join(", ")),
        ("x-forwarded-proto", "http".to_owned()),
        ("x-forwarded-port", port.to_string()),
        (TRACE_ID, trace.to_owned()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// Number of addresses in the client's `x-forwarded-for`.
pub(crate) fn hops(headers: &HeaderMap) -> usize {
    let values = headers.get_all(FORWARDED_FOR);
    values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).count()
}

/// The trace ID of a request.
pub(crate) fn trace_id(headers: &HeaderMap) -> String {
    headers.get(TRACE_ID).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn client_supplied_addresses_are_kept_before_the_real_one() {
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, HeaderValue::from_static("203.0.113.7"));
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        headers.insert(TRACE_ID, HeaderValue::from_static("Self=1-a-b;Root=1-c-d;Name=x"));
        add(&mut headers, Ipv4Addr::LOCALHOST.into(), 8080);
        assert_eq!(headers[FORWARDED_FOR], "203.0.113.7, 127.0.0.1");
        assert_eq!(
            (&headers["x-forwarded-proto"], &headers["x-forwarded-port"]),
            (&"http".parse().expect("http"), &"8080".parse().expect("a port"))
        );
        let trace = trace_id(&headers);
        assert!(
            trace.starts_with("Self=1-") && trace.ends_with(";Root=1-c-d;Name=x") && !trace.contains("1-a-b"),
            "{trace}"
        );
    }

    #[test]
    fn a_request_without_a_trace_starts_one() {
        let mut headers = HeaderMap::new();
        add(&mut headers, Ipv4Addr::LOCALHOST.into(), 80);
        let trace = trace_id(&headers);
        let parts: Vec<_> = trace.split('-').map(str::len).collect();
        assert_eq!((trace.starts_with("Root=1-"), parts), (true, vec!["Root=1".len(), 8, 24]), "{trace}");
    }
}
