//! Which of the two ways a process runs, told with every answer: a load balancer that sends requests to both does not say.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};

/// What runs the shop's handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// The ECS server.
    Fargate,
    /// A Lambda function.
    Lambda,
}

/// Header that names the runtime of an answer.
pub const RUNTIME_HEADER: &str = "x-shopease-path";

impl Runtime {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Fargate, Self::Lambda];

    /// Its name in options, headers and on pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fargate => "fargate",
            Self::Lambda => "lambda",
        }
    }

    /// Adds the runtime and the time spent in it (milliseconds, as Server-Timing has them) to an answer's header.
    pub(super) fn sign(self, headers: &mut HeaderMap, duration: Duration) {
        headers.insert(RUNTIME_HEADER, HeaderValue::from_static(self.name()));
        let timing = format!("shop;dur={:.1}", duration.as_secs_f64() * 1000.0);
        if let Ok(timing) = HeaderValue::from_str(&timing) {
            headers.append("server-timing", timing);
        }
    }
}
