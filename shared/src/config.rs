//! Configuration of the HTTP side, from the environment: cookies, limits.

use std::time::Duration;

use shopease_process::config::Reader;

/// Configuration of pages and API.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// `SHOPEASE_INSECURE_COOKIES`: cookies without `Secure` and `__Host-`, for plain http on a host that the
    /// browser does not trust (Safari on localhost, a phone on the same network). Never use it in production.
    pub insecure_cookies: bool,
    /// `SHOPEASE_PUBLIC_URL`: public URL of the shop, without a trailing slash. Pages and sitemap start their absolute addresses
    /// with it, never with the `Host` header, which the client chooses. Without the variable, it is this port of localhost.
    pub public_url: String,
    /// Concurrency limits and timeouts of one process.
    pub limits: Limits,
    /// `SHOPEASE_MEASURE`: adds what the request used to each response, in the header `x-shopease-usage`. Not for public
    /// deployments.
    pub measure: bool,
}

impl HttpConfig {
    /// Name of the cookie that holds the visitor's or session's token.
    pub fn cookie_name(&self) -> &'static str {
        if self.insecure_cookies { "shopease_token" } else { "__Host-shopease_token" }
    }

    /// Reads the section.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            insecure_cookies: reader.or("SHOPEASE_INSECURE_COOKIES", false),
            public_url: shopease_shop::config::public_url(reader),
            limits: Limits::read(reader),
            measure: reader.or("SHOPEASE_MEASURE", false),
        }
    }
}

/// Concurrency limits and timeouts of one process.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `SHOPEASE_REQUEST_TIMEOUT_MS`: time limit of a page or API request (default 10,000).
    pub request_timeout: Duration,
    /// `SHOPEASE_CHECKOUT_TIMEOUT_MS`: time limit of placing an order, which waits for the payment provider (default
    /// 28,000: API Gateway waits 29 s, a load balancer 60 s).
    pub checkout_timeout: Duration,
    /// `SHOPEASE_READ_TIMEOUT_MS`: longest wait for the header of a connection's first request, and for each body
    /// (default 10,000).
    pub read_timeout: Duration,
    /// `SHOPEASE_REQUESTS_IN_FLIGHT`: concurrent requests, not counting checkouts (default 128).
    pub requests_in_flight: usize,
    /// `SHOPEASE_CHECKOUTS_IN_FLIGHT`: concurrent checkouts (default 64). A limit of their own keeps a slow payment
    /// provider from blocking the catalog.
    pub checkouts_in_flight: usize,
    /// `SHOPEASE_QUEUE_TIMEOUT_MS`: longest time that a request is queued before it gets 503 (default 100).
    pub queue_timeout: Duration,
}

impl Limits {
    /// Reads the section.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let mut positive = |name: &str, default: u32| match reader.or(name, default) {
            0 => {
                reader.problem(name, "must be more than 0");
                default
            }
            value => value,
        };
        let mut milliseconds = |name: &str, default| Duration::from_millis(positive(name, default).into());
        let (request_timeout, checkout_timeout) =
            (milliseconds("SHOPEASE_REQUEST_TIMEOUT_MS", 10_000), milliseconds("SHOPEASE_CHECKOUT_TIMEOUT_MS", 28_000));
        let (read_timeout, queue_timeout) =
            (milliseconds("SHOPEASE_READ_TIMEOUT_MS", 10_000), milliseconds("SHOPEASE_QUEUE_TIMEOUT_MS", 100));
        Self {
            request_timeout,
            checkout_timeout,
            read_timeout,
            requests_in_flight: positive("SHOPEASE_REQUESTS_IN_FLIGHT", 128) as usize,
            checkouts_in_flight: positive("SHOPEASE_CHECKOUTS_IN_FLIGHT", 64) as usize,
            queue_timeout,
        }
    }
}
