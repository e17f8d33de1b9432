//! Identifies a request: the ID in its response, and the IDs of the trace that it is part of. They are added to every
//! line that is logged during the request, and are passed to the backend.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use ulid::Ulid;

use super::usage::Meter;

/// X-Ray: set by load balancers and API Gateway, `Root=1-67891233-abcdef012345678912345678;Parent=..;Sampled=1`.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html>
const X_RAY: HeaderName = HeaderName::from_static("x-amzn-trace-id");
/// W3C, `00-<trace id>-<span id>-<flags>`: <https://www.w3.org/TR/trace-context/#traceparent-header>
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Datadog's own headers, in decimal digits.
const DATADOG_TRACE_ID: HeaderName = HeaderName::from_static("x-datadog-trace-id");
const DATADOG_SPAN_ID: HeaderName = HeaderName::from_static("x-datadog-parent-id");

tokio::task_local! {
    static CURRENT: Arc<RequestContext>;
}

/// The IDs of a request. Clients can set all headers that they are read from, so only well-formed values are accepted.
#[derive(Debug)]
pub struct RequestContext {
    request_id: String,
    x_ray_trace_id: Option<String>,
    /// Trace and span as Datadog's logs name them: a W3C trace ID in hexadecimal digits, all others in decimal.
    datadog: Option<(String, String)>,
    /// Headers passed to the backend.
    passed_on: Vec<(HeaderName, HeaderValue)>,
    /// Present only if measuring is enabled.
    pub(super) meter: Option<Meter>,
}

impl RequestContext {
    /// The context of a request with these headers.
    pub fn new(request_id: Ulid, headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let x_ray = text(&X_RAY).and_then(x_ray_trace_id);
        let w3c = text(&TRACEPARENT).and_then(traceparent);
        let datadog = match (text(&DATADOG_TRACE_ID), text(&DATADOG_SPAN_ID)) {
            (Some(trace), Some(span)) if is_decimal_id(trace) && is_decimal_id(span) => {
                Some((trace.to_owned(), span.to_owned()))
            }
            _ => None,
        };
        let candidates = [
            (X_RAY, x_ray.is_some()),
            (TRACEPARENT, w3c.is_some()),
            (DATADOG_TRACE_ID, datadog.is_some()),
            (DATADOG_SPAN_ID, datadog.is_some()),
        ];
        let passed_on = candidates.into_iter().filter(|(_, is_valid)| *is_valid);
        let passed_on = passed_on.filter_map(|(name, _)| Some((name.clone(), headers.get(&name)?.clone()))).collect();
        Self {
            request_id: request_id.to_string(),
            x_ray_trace_id: x_ray.map(str::to_owned),
            datadog: w3c.or(datadog),
            passed_on,
            meter: None,
        }
    }

    /// Adds a meter for the request's usage.
    #[must_use]
    pub fn metered(self) -> Self {
        Self { meter: Some(Meter::start()), ..self }
    }

    /// The ID that the response names.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Passes each field of a log line to `set`.
    pub(super) fn describe(&self, mut set: impl FnMut(&'static str, &str)) {
        set("request_id", &self.request_id);
        if let Some(x_ray) = &self.x_ray_trace_id {
            set("aws.xray_trace_id", x_ray);
        }
        if let Some((trace, span)) = &self.datadog {
            set("dd.trace_id", trace);
            set("dd.span_id", span);
        }
    }
}

/// Runs a request's work with its context.
pub fn scope<F: Future>(request: RequestContext, work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(Arc::new(request), work)
}

/// Keeps the current request's context for work that runs in its own task.
pub fn in_current<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let current = CURRENT.try_with(Arc::clone).ok();
    async move {
        match current {
            Some(current) => CURRENT.scope(current, work).await,
            None => work.await,
        }
    }
}

/// The ID of the current request, if any.
pub fn current_id() -> Option<String> {
    CURRENT.try_with(|request| request.request_id.clone()).ok()
}

/// The trace headers for requests to another process of the shop.
pub fn passed_on() -> Vec<(HeaderName, HeaderValue)> {
    CURRENT.try_with(|request| request.passed_on.clone()).unwrap_or_default()
}

/// Calls `read` with the current request's context, if any.
pub(super) fn with_current(read: impl FnOnce(&RequestContext)) {
    // Lines are also logged outside of requests.
    let _ = CURRENT.try_with(|request| read(request));
}

fn x_ray_trace_id(header: &str) -> Option<&str> {
    let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
    let mut parts = root.split('-');
    let right = parts.next() == Some("1")
        && parts.next().is_some_and(|time| is_hex(time, 8))
        && parts.next().is_some_and(|random| is_hex(random, 24))
        && parts.next().is_none();
    right.then_some(root)
}

/// Trace and span; of later versions, the fields that this version has.
fn traceparent(header: &str) -> Option<(String, String)> {
    let mut parts = header.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let right = is_hex(version, 2) && version != "ff" && is_hex(trace, 32) && is_hex(span, 16);
    let span = u64::from_str_radix(span, 16).ok()?;
    (right && span != 0 && trace.bytes().any(|digit| digit != b'0')).then(|| (trace.to_owned(), span.to_string()))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_decimal_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok_and(|id| id != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(headers: &[(&'static str, &str)]) -> RequestContext {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value")));
        RequestContext::new(Ulid::from_parts(1, 2), &headers.collect())
    }

    fn fields(context: &RequestContext) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        context.describe(|name, value| fields.push((name, value.to_owned())));
        fields.split_off(1)
    }

    #[test]
    fn trace_ids_are_those_of_the_front_door_and_of_the_tracer() {
        let x_ray = ("x-amzn-trace-id", "Self=1-a;Root=1-67891233-abcdef012345678912345678;Sampled=1");
        let w3c = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let datadog = [("x-datadog-trace-id", "123"), ("x-datadog-parent-id", "456")];
        let request = context(&[x_ray, w3c, datadog[0], datadog[1]]);
        let expected = [
            ("aws.xray_trace_id", "1-67891233-abcdef012345678912345678".to_owned()),
            ("dd.trace_id", "4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            ("dd.span_id", 0x00f0_67aa_0ba9_02b7_u64.to_string()),
        ];
        assert_eq!(fields(&request), expected);
        assert_eq!(request.passed_on.len(), 4);
        let expected = [("dd.trace_id", "123".to_owned()), ("dd.span_id", "456".to_owned())];
        assert_eq!(fields(&context(&datadog)), expected);
    }

    #[test]
    fn invalid_ids_are_neither_logged_nor_passed_on() {
        for (name, value) in [
            ("x-amzn-trace-id", "Root=ada@example.com"),
            ("x-amzn-trace-id", "Root=1-67891233-abcdef01234567891234567X"),
            ("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678-1"),
            ("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
            ("traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("traceparent", "4242424242424242"),
            ("x-datadog-trace-id", "123"),
            ("x-datadog-trace-id", "4242424242424242424242"),
        ] {
            let context = context(&[(name, value)]);
            assert_eq!(fields(&context), [], "{name}: {value}");
            assert_eq!(context.passed_on, [], "{name}: {value}");
        }
    }

    #[tokio::test]
    async fn a_spawned_task_keeps_the_context() {
        let request = context(&[]);
        let id = request.request_id().to_owned();
        assert_eq!(current_id(), None);
        let seen = scope(request, async { tokio::spawn(in_current(async { current_id() })).await }).await;
        assert_eq!(seen.expect("no panic"), Some(id));
        assert_eq!(tokio::spawn(in_current(async { current_id() })).await.expect("no panic"), None);
    }
}
