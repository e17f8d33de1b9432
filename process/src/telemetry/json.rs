//! Formats a log line as JSON with the attribute names that Datadog interprets without a custom pipeline: its reserved
//! attributes (`timestamp`, `status`, `message`, `service`, `ddsource`) and its standard ones (`http.*`, `duration` in
//! nanoseconds, `logger.name`, `dd.*`). A dot in a field name creates an object: `http.method` becomes
//! `{"http": {"method": ..}}`.
//! <https://docs.datadoghq.com/standard-attributes/>

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::{request, usage};
use crate::ambient::Env;

/// The origin of the lines: Datadog's unified service tags.
pub(super) struct Identity {
    pub service: String,
    pub environment: Option<String>,
    version: String,
}

impl Identity {
    /// Reads `DD_SERVICE` (default: the function's name, or `shopease`), `DD_ENV` and `DD_VERSION` (default: this
    /// version).
    pub fn read(env: &dyn Env) -> Self {
        let service = env.var("DD_SERVICE").or_else(|| env.var("AWS_LAMBDA_FUNCTION_NAME"));
        Self {
            service: service.unwrap_or_else(|| "shopease".to_owned()),
            environment: env.var("DD_ENV"),
            version: env.var("DD_VERSION").unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        }
    }
}

/// Formats events.
pub(super) struct JsonLine {
    /// Attributes of every line.
    common: Map<String, Value>,
}

impl JsonLine {
    pub fn new(identity: &Identity) -> Self {
        let mut common = Map::new();
        let mut set = |name: &str, value: &str| insert(&mut common, name, value.into());
        set("ddsource", "rust");
        set("service", &identity.service);
        set("dd.service", &identity.service);
        set("dd.version", &identity.version);
        if let Some(environment) = &identity.environment {
            set("dd.env", environment);
        }
        Self { common }
    }
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = self.common.clone();
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        line.insert("timestamp".to_owned(), timestamp.into());
        let metadata = event.metadata();
        line.insert("status".to_owned(), status(*metadata.level()).into());
        insert(&mut line, "logger.name", metadata.target().into());
        request::with_current(|request| request.describe(|name, value| insert(&mut line, name, value.into())));
        event.record(&mut Fields(&mut line));
        let text = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        usage::logged(|| length_unmeasured(line, &text));
        writeln!(writer, "{text}")
    }
}

/// Datadog's names of the levels.
fn status(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Size of a line with its line break, without the attributes that only measuring adds.
fn length_unmeasured(mut line: Map<String, Value>, text: &str) -> usize {
    let length = match line.remove(usage::FIELD) {
        None => text.len(),
        Some(_) => Value::Object(line).to_string().len(),
    };
    length + 1
}

/// Inserts a value under a dotted name. If a plain value is already where an object is needed, the dotted name is kept.
fn insert(line: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some((object, rest)) = name.split_once('.') {
        if !line.contains_key(object) {
            line.insert(object.to_owned(), Value::Object(Map::new()));
        }
        if let Some(Value::Object(object)) = line.get_mut(object) {
            return insert(object, rest, value);
        }
    }
    line.insert(name.to_owned(), value);
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        insert(self.0, field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        insert(self.0, field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        insert(self.0, field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        insert(self.0, field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        insert(self.0, field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        insert(self.0, field.name(), format!("{value:?}").into());
    }
}
