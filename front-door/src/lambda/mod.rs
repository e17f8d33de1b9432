//! A Lambda host: runs `bootstrap` binaries of the runtime `provided.al2023` in execution environments, through the
//! Lambda Runtime API, one invocation at a time in each. Extensions run beside them through the Extensions API.

mod environment;
mod extensions;
mod extensions_api;
mod function;
mod report;
mod runtime_api;
mod sandbox;
mod usage;

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;

pub use function::{Environments, Function, Observer};
pub use report::{Ending, Report};
pub(crate) use usage::Meter;

/// Largest event and largest response of a synchronous invocation: 6 MB plus Lambda's allowance for its own wrapping
/// ("Exceeded maximum allowed payload size (6291556 bytes)").
pub const MAX_PAYLOAD_BYTES: usize = 6_291_556;

/// The version of a function that was never published, and the handler that OS-only runtimes get.
const VERSION: &str = "$LATEST";
const HANDLER: &str = "bootstrap";

/// A function's configuration, in Lambda's terms.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Function name.
    pub name: String,
    /// Configured environment variables.
    pub variables: Vec<(String, String)>,
    /// Memory size in MB, 128 to 10,240. It determines the price and the share of a CPU. It is enforced where the
    /// system lets the host create memory control groups.
    pub memory_mb: u32,
    /// Timeout, at most 15 minutes.
    pub timeout: Duration,
    /// Most concurrent execution environments (reserved concurrency); further invocations are throttled.
    pub concurrency: usize,
    /// How long an idle environment is kept. Lambda does not document its time; measurements show some minutes.
    pub idle_expiry: Duration,
    /// Whether environments are frozen between invocations, as on Lambda.
    pub freeze: bool,
    /// Directory for the copies of the code and for the function's working directory, like `/tmp`.
    pub directory: PathBuf,
}

/// The input of an invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The event, JSON.
    pub payload: Bytes,
    /// `x-amzn-trace-id` of the request that caused it.
    pub trace_id: String,
}

/// The result of an invocation, for its caller.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The function's response.
    Response(Bytes),
    /// The function failed: its error object, JSON with `errorType` and `errorMessage`. Lambda calls this a function
    /// error.
    FunctionError(Bytes),
}

/// Why the function was not invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// All allowed environments are busy: `TooManyRequestsException`, 429.
    #[error("TooManyRequestsException: all environments are busy")]
    Throttled,
    /// The event is larger than [`MAX_PAYLOAD_BYTES`]: `RequestTooLargeException`, 413.
    #[error("RequestTooLargeException: the event is larger than {MAX_PAYLOAD_BYTES} bytes")]
    TooLarge,
    /// The function has no code yet, or the host is stopping.
    #[error("the function has no code")]
    NoCode,
}

/// The result of an invocation with its details.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// The result.
    pub outcome: Outcome,
    /// Duration of the init phase that this invocation waited for; `None` for a warm environment.
    pub init: Option<Duration>,
}

type Body = Full<Bytes>;

/// Lambda's error object.
fn error_object(error_type: &str, message: &str) -> Bytes {
    serde_json::json!({ "errorType": error_type, "errorMessage": message }).to_string().into()
}
