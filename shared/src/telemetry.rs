//! Logs: JSON lines where a machine reads them, short lines where a person does.

use tracing_subscriber::EnvFilter;

use crate::ports::Env;

/// Starts logging to standard error. `SHOPEASE_LOG` filters (default `info`), `SHOPEASE_LOG_FORMAT=json|text` chooses
/// the form (default: JSON on AWS, text elsewhere). A second call changes nothing.
pub fn init(env: &dyn Env) {
    let filter = EnvFilter::try_new(env.var("SHOPEASE_LOG").as_deref().unwrap_or("info,aws_config=warn"))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let on_aws = env.var("AWS_EXECUTION_ENV").is_some();
    let json = env.var("SHOPEASE_LOG_FORMAT").map_or(on_aws, |format| format == "json");
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let result = if json { subscriber.json().try_init() } else { subscriber.with_target(false).try_init() };
    if result.is_err() {
        tracing::debug!("logging was started before");
    }
}
