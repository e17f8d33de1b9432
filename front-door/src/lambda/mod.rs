//! A Lambda host: runs `bootstrap` binaries of the runtime `provided.al2023` in execution environments of their own, over the
//! Lambda Runtime API, one invocation at a time each. Extensions run beside them over the Extensions API.

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

/// Largest event and largest answer of a synchronous invocation: 6 MB and what Lambda allows for its own wrapping
/// ("Exceeded maximum allowed payload size (6291556 bytes)").
pub const MAX_PAYLOAD_BYTES: usize = 6_291_556;

/// The version of a function that was never published, and the handler that OS-only runtimes are given.
const VERSION: &str = "$LATEST";
const HANDLER: &str = "bootstrap";

/// How a function is configured, in Lambda's words.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Function name.
    pub name: String,
    /// Environment variables that the configuration sets.
    pub variables: Vec<(String, String)>,
    /// Memory size in MB, 128 to 10,240. It decides the price and the share of a CPU; it is enforced where the system
    /// lets the host make memory control groups.
    pub memory_mb: u32,
    /// Longest invocation, at most 15 minutes.
    pub timeout: Duration,
    /// Execution environments at once (reserved concurrency); beyond them an invocation is throttled.
    pub concurrency: usize,
    /// How long an environment without work is kept. Lambda does not say how long it does; some minutes were measured.
    pub idle_expiry: Duration,
    /// Whether environments stand still between invocations, as on Lambda.
    pub freeze: bool,
    /// Directory for the code's copies and as the function's `/tmp`-like working place.
    pub directory: PathBuf,
}

/// What an invocation is given.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The event, JSON.
    pub payload: Bytes,
    /// `x-amzn-trace-id` of the request that caused it.
    pub trace_id: String,
}

/// How an invocation ended, for the one who asked.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The function answered.
    Answer(Bytes),
    /// The function failed: its error object, JSON with `errorType` and `errorMessage`. Lambda calls it a function error.
    FunctionError(Bytes),
}

/// Why there was no invocation at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// All environments that are allowed are busy: `TooManyRequestsException`, 429.
    #[error("TooManyRequestsException: all environments are busy")]
    Throttled,
    /// The event is larger than [`MAX_PAYLOAD_BYTES`]: `RequestTooLargeException`, 413.
    #[error("RequestTooLargeException: the event is larger than {MAX_PAYLOAD_BYTES} bytes")]
    TooLarge,
    /// The host has no code for this function yet, or is stopping.
    #[error("the function has no code")]
    NoCode,
}

/// An invocation's result with what the caller may tell of it.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// What came back.
    pub outcome: Outcome,
    /// How long the initialisation took that this invocation waited for; `None` on a warm environment.
    pub init: Option<Duration>,
}

type Body = Full<Bytes>;

/// Lambda's error object.
fn error_object(error_type: &str, message: &str) -> Bytes {
    serde_json::json!({ "errorType": error_type, "errorMessage": message }).to_string().into()
}
