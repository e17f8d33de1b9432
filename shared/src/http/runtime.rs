//! The runtime of the process, reported in each response: a load balancer that splits traffic between both does not report it.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};

/// The runtime that runs the handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// The ECS server.
    Fargate,
    /// A Lambda function.
    Lambda,
}

/// Header that names the runtime of a response.
pub const RUNTIME_HEADER: &str = "x-shopease-path";

impl Runtime {
    /// All runtimes.
    pub const ALL: [Self; 2] = [Self::Fargate, Self::Lambda];

    /// The name in options, headers and on pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fargate => "fargate",
            Self::Lambda => "lambda",
        }
    }

    /// Adds the runtime and the duration (milliseconds, in `Server-Timing`) to the response headers.
    pub(super) fn add_headers(self, headers: &mut HeaderMap, duration: Duration) {
        headers.insert(RUNTIME_HEADER, HeaderValue::from_static(self.name()));
        let timing = format!("shop;dur={:.1}", duration.as_secs_f64() * 1000.0);
        if let Ok(timing) = HeaderValue::from_str(&timing) {
            headers.append("server-timing", timing);
        }
    }
}
