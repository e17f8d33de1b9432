//! Logging: JSON lines for machines, short text lines for people. See docs/observability.md.
//!
//! A line contains only the fields of its event. Spans are not logged, because libraries keep whole requests in them.

mod filter;
mod json;
pub mod metrics;
pub mod request;
pub mod usage;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::ambient::Env;
use json::{Identity, JsonLine};

/// Target of the one line that each request logs.
pub const ACCESS: &str = "access";

/// Starts logging to standard error. `SHOPEASE_LOG` filters (default `info`), `SHOPEASE_LOG_FORMAT=json|text` selects
/// the format (default: JSON on AWS, text elsewhere). With `SHOPEASE_MEASURE=true`, SQL statements are counted. A
/// second call has no effect.
pub fn init(env: &dyn Env) {
    init_to(env, std::io::stderr);
}

/// Like [`init`], with another destination.
pub fn init_to<W>(env: &dyn Env, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (layer, problems) = layer(env, writer);
    if tracing_subscriber::registry().with(layer).try_init().is_err() {
        return tracing::debug!("logging was already initialized");
    }
    for problem in problems {
        tracing::warn!("{problem}");
    }
}

/// Returns the configured log layer, and the problems of the configuration. Invalid values fall back to the defaults: a
/// process without logs would be worse.
fn layer<W>(env: &dyn Env, writer: W) -> (Box<dyn Layer<Registry> + Send + Sync>, Vec<String>)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let mut problems = Vec::new();
    let format = env.var("SHOPEASE_LOG_FORMAT");
    let json = match format.as_deref() {
        Some("json") => true,
        Some("text") => false,
        None => is_on_aws(env),
        Some(other) => {
            problems.push(format!("SHOPEASE_LOG_FORMAT: {other:?} is not `json` or `text`"));
            is_on_aws(env)
        }
    };
    let filter = match env.var("SHOPEASE_LOG").filter(|text| !text.trim().is_empty()) {
        None => filter::default_filter(json),
        Some(text) => filter::parse(&text).unwrap_or_else(|error| {
            problems.push(format!("SHOPEASE_LOG: {error}"));
            filter::default_filter(json)
        }),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = if json {
        lines.event_format(JsonLine::new(&Identity::read(env))).with_filter(filter).boxed()
    } else {
        lines.with_target(false).with_filter(filter).boxed()
    };
    let layer = if usage::is_measured(env) { layer.and_then(usage::statements()).boxed() } else { layer };
    (layer, problems)
}

/// Detects Lambda and Fargate by their variables.
fn is_on_aws(env: &dyn Env) -> bool {
    env.var("AWS_EXECUTION_ENV").is_some() || env.var("AWS_LAMBDA_RUNTIME_API").is_some()
}
