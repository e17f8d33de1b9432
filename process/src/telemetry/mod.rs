//! Logs: JSON lines where a machine reads them, short lines where a person does. docs/observability.md shows them.
//!
//! A line holds what its event names and nothing else: spans are not written, since libraries keep whole requests in them.

mod filter;
mod json;
pub mod metrics;
pub mod request;
pub mod usage;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::ambient::Env;
use json::{Identity, JsonLine};

/// Target of the one line that each request leaves.
pub const ACCESS: &str = "access";

/// Starts logging to standard error. `SHOPEASE_LOG` filters (default `info`), `SHOPEASE_LOG_FORMAT=json|text` chooses the form
/// (default: JSON on AWS, text elsewhere). With `SHOPEASE_MEASURE=true`, SQL statements are counted. A second call changes nothing.
pub fn init(env: &dyn Env) {
    init_to(env, std::io::stderr);
}

/// The same, to another place.
pub fn init_to<W>(env: &dyn Env, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (layer, problems) = layer(env, writer);
    if tracing_subscriber::registry().with(layer).try_init().is_err() {
        return tracing::debug!("logging was started before");
    }
    for problem in problems {
        tracing::warn!("{problem}");
    }
}

/// What writes lines as the environment asks for, and what is wrong with what it asks for: a process without logs would be worse
/// than one with the usual ones.
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
            problems.push(format!("SHOPEASE_LOG_FORMAT: {other:?} is neither json nor text"));
            is_on_aws(env)
        }
    };
    let filter = match env.var("SHOPEASE_LOG").filter(|text| !text.trim().is_empty()) {
        None => filter::usual(json),
        Some(text) => filter::asked_for(&text).unwrap_or_else(|error| {
            problems.push(format!("SHOPEASE_LOG: {error}"));
            filter::usual(json)
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

/// Lambda and Fargate say so.
fn is_on_aws(env: &dyn Env) -> bool {
    env.var("AWS_EXECUTION_ENV").is_some() || env.var("AWS_LAMBDA_RUNTIME_API").is_some()
}
