//! The generated parts of `sam/template.yaml`: variables, functions with their rights, the table and the routes of the HTTP API,
//! from `functions/settings.json`, `functions/access.json` and the listener rules. Terraform reads the same sources.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize, Serializer};
use serde_saphyr::{FlowMap, Tagged};
use shopease_shared::http::listener_rules::{self, LISTENER_RULES};
use shopease_shared::http::routes::Area;

use crate::tools::root;

/// The marks of a generated part, without indentation.
const BEGIN: &str = "# Generated from functions/*.json and the listener rules by `cargo xtask generate`:\n";
const END: &str = "# End of the generated part.\n";
const WORKER: &str = "worker";

/// `functions/settings.json`, as far as this template has a use for it.
#[derive(Debug, Deserialize)]
struct Settings {
    defaults: Limits,
    functions: BTreeMap<String, Limits>,
    variables: BTreeMap<String, String>,
    table: TableSettings,
}

/// What a function has; what it does not set is as in `defaults`.
#[derive(Debug, Deserialize)]
struct Limits {
    memory_mb: Option<u32>,
    timeout_seconds: Option<u32>,
    schedule: Option<String>,
}

/// Attributes of the table, named by `storage/src/dynamodb`.
#[derive(Debug, Deserialize)]
struct TableSettings {
    partition_key: String,
    sort_key: String,
    expiry: String,
}

/// Actions on items whose partition key matches one of `keys`; a test in `tests/it/access.rs` records them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    actions: Vec<String>,
    keys: Vec<String>,
}

/// A value of the template: a map in the order in which it is written, a list, a scalar.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Value {
    Flag(bool),
    Number(u32),
    Text(String),
    /// An intrinsic function, such as `!Ref Table`.
    Call(Tagged<String>),
    List(Vec<Value>),
    Map(Fields),
    /// A map with everything in it on one line.
    Line(FlowMap<Fields>),
}

#[derive(Debug)]
struct Fields(Vec<(String, Value)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn fields<const N: usize>(entries: [(&str, Value); N]) -> Fields {
    Fields(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(fields(entries))
}

/// Not for a map within a line.
fn line<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Line(FlowMap(fields(entries)))
}

fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::List(values.into_iter().collect())
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

fn call(function: &str, argument: impl Into<String>) -> Value {
    Value::Call(Tagged(argument.into(), Some(function.to_owned())))
}

fn substituted(text: impl Into<String>) -> Value {
    call("!Sub", text)
}

fn arn_of(resource: &str) -> Value {
    call("!GetAtt", format!("{resource}.Arn"))
}

/// Whose and where, in an ARN.
const HERE: &str = "${AWS::Region}:${AWS::AccountId}";

/// `sam/template.yaml` with its generated parts: the variables of all functions, and the resources.
///
/// # Errors
/// When a source cannot be read, does not fit the areas, or the template does not have these two parts.
pub fn template(committed: &str) -> Result<String> {
    let settings: Settings = read("functions/settings.json")?;
    let accesses: BTreeMap<String, Vec<Access>> = read("functions/access.json")?;
    let mut known: Vec<_> = Area::ALL.iter().map(|area| area.name()).collect();
    known.push(WORKER);
    if let Some(stranger) = settings.functions.keys().find(|name| !known.contains(&name.as_str())) {
        bail!("functions/settings.json names {stranger:?}, which is no function");
    }
    let variables = Fields(settings.variables.iter().map(|(name, value)| (name.clone(), text(value))).collect());
    let mut resources = vec![fields([("Table", table(&settings.table))])];
    for name in known {
        let access = accesses.get(name).with_context(|| format!("functions/access.json lacks {name:?}"))?;
        resources.push(function(name, &settings, access)?);
    }
    resources.push(routes()?);
    let mut parts = committed.split(BEGIN);
    let (Some(start), Some(first), Some(second), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        bail!("the template does not have two generated parts, which begin with {BEGIN}");
    };
    Ok([start, &generated(&[variables], "        ", first)?, &generated(&resources, "  ", second)?].concat())
}

/// A generated part from its first mark on, and what follows it, which is kept.
fn generated(sections: &[Fields], indentation: &str, old: &str) -> Result<String> {
    let (_, after) = old.split_once(END).with_context(|| format!("a generated part lacks its end: {END}"))?;
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut texts = Vec::new();
    for section in sections {
        let section = serde_saphyr::to_string_with_options(section, options.clone())?;
        texts.push(format!("{indentation}{}\n", section.trim_end().replace('\n', &format!("\n{indentation}"))));
    }
    Ok(format!("{BEGIN}{}{indentation}{END}{after}", texts.join("\n")))
}

fn read<T: serde::de::DeserializeOwned>(path: &str) -> Result<T> {
    let text = std::fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"))?;
    serde_json::from_str(&text).with_context(|| path.to_owned())
}

/// A name as `CloudFormation` knows it: `cart` is `Cart`.
fn logical(name: &str) -> String {
    let first = name.chars().take(1).flat_map(char::to_uppercase);
    first.chain(name.chars().skip(1)).collect()
}

/// A function with its role; one of an area also with the HTTP API's way to it.
fn function(name: &str, settings: &Settings, access: &[Access]) -> Result<Fields> {
    let own = settings.functions.get(name).with_context(|| format!("functions/settings.json lacks {name:?}"))?;
    let defaults = &settings.defaults;
    let logical = logical(name);
    let variables = [
        ("DD_SERVICE", text(format!("shopease-{name}"))),
        ("SHOPEASE_SSM_PREFIX", substituted(format!("/shopease/${{Environment}}/{name}"))),
    ];
    let mut properties = fields([
        ("FunctionName", substituted(format!("shopease-${{Environment}}-{name}"))),
        ("MemorySize", Value::Number(own.memory_mb.or(defaults.memory_mb).context("no memory_mb")?)),
        ("Timeout", Value::Number(own.timeout_seconds.or(defaults.timeout_seconds).context("no timeout_seconds")?)),
        ("Role", arn_of(&format!("{logical}Role"))),
        ("Environment", line([("Variables", map(variables))])),
    ]);
    if let Some(schedule) = own.schedule.as_ref().or(defaults.schedule.as_ref()) {
        // The next run finds what a failed one left.
        let no_retries =
            || fields([("MaximumEventAgeInSeconds", Value::Number(60)), ("MaximumRetryAttempts", Value::Number(0))]);
        let event = map([("Schedule", text(schedule)), ("RetryPolicy", Value::Map(no_retries()))]);
        let events = map([("Schedule", line([("Type", text("Schedule")), ("Properties", event)]))]);
        let further = [("Events", events), ("EventInvokeConfig", Value::Line(FlowMap(no_retries())))];
        properties.0.extend(fields(further).0);
    }
    let build = [("BuildMethod", text("rust-cargolambda")), ("BuildProperties", map([("Binary", text(name))]))];
    let function = [
        ("Type", text("AWS::Serverless::Function")),
        ("Metadata", line(build)),
        ("Properties", Value::Map(properties)),
    ];
    let mut resources = fields([(&*format!("{logical}Function"), map(function))]);
    resources.0.push((format!("{logical}Role"), role(name, access)));
    if name != WORKER {
        resources.0.extend(integration(&logical).0);
    }
    Ok(resources)
}

/// How the HTTP API calls a function.
fn integration(logical: &str) -> Fields {
    let function = || arn_of(&format!("{logical}Function"));
    let integration = [
        ("ApiId", call("!Ref", "Api")),
        ("IntegrationType", text("AWS_PROXY")),
        ("IntegrationUri", function()),
        ("PayloadFormatVersion", text("2.0")),
    ];
    let permission = [
        ("Action", text("lambda:InvokeFunction")),
        ("FunctionName", function()),
        ("Principal", text("apigateway.amazonaws.com")),
        ("SourceArn", substituted(format!("arn:${{AWS::Partition}}:execute-api:{HERE}:${{Api}}/*/*"))),
    ];
    let resource = |kind: &str, properties| map([("Type", text(kind)), ("Properties", properties)]);
    fields([
        (&*format!("{logical}Integration"), resource("AWS::ApiGatewayV2::Integration", line(integration))),
        (&*format!("{logical}Permission"), resource("AWS::Lambda::Permission", line(permission))),
    ])
}

/// The role of a function: its items of the table, its own parameters, logs and traces.
fn role(name: &str, access: &[Access]) -> Value {
    let allow = |actions: &[&str], resource| {
        let actions = list(actions.iter().map(|&action| text(action)));
        line([("Effect", text("Allow")), ("Action", actions), ("Resource", resource)])
    };
    let table = access.iter().map(|access| {
        let keys = map([("dynamodb:LeadingKeys", list(access.keys.iter().map(text)))]);
        line([
            ("Effect", text("Allow")),
            ("Action", list(access.actions.iter().map(|action| text(format!("dynamodb:{action}"))))),
            ("Resource", arn_of("Table")),
            ("Condition", map([("ForAllValues:StringLike", keys)])),
        ])
    });
    let parameters = format!("arn:${{AWS::Partition}}:ssm:{HERE}:parameter/shopease/${{Environment}}/{name}");
    let others = [
        allow(&["ssm:GetParametersByPath"], list([parameters.clone(), parameters + "/*"].map(substituted))),
        allow(&["logs:CreateLogStream", "logs:PutLogEvents"], arn_of("Log")),
        // These actions know no resources.
        allow(&["xray:PutTelemetryRecords", "xray:PutTraceSegments"], text("*")),
    ];
    let lambda = map([
        ("Effect", text("Allow")),
        ("Action", text("sts:AssumeRole")),
        ("Principal", map([("Service", text("lambda.amazonaws.com"))])),
    ]);
    let document = |statements| [("Version", text("2012-10-17")), ("Statement", list(statements))];
    let policy = [("PolicyName", text("run")), ("PolicyDocument", map(document(table.chain(others).collect())))];
    let properties = [("AssumeRolePolicyDocument", line(document(vec![lambda]))), ("Policies", list([map(policy)]))];
    map([("Type", text("AWS::IAM::Role")), ("Properties", map(properties))])
}

/// A route per pattern of the listener rules, whatever the method: the function's router answers 405 and HEAD itself, as it does
/// behind a load balancer.
fn routes() -> Result<Fields> {
    let patterns = LISTENER_RULES.iter().flat_map(|rule| rule.patterns.iter().map(|pattern| (&**pattern, rule.area)));
    let mut resources = fields([]);
    for (pattern, area) in patterns.chain([("$default", listener_rules::DEFAULT.0)]) {
        let (path, below) = pattern.strip_suffix("/*").map_or((pattern, ""), |path| (path, "/{path+}"));
        ensure!(!path.contains('*'), "an HTTP API has no pattern {pattern}: it may only end with /*");
        let key = if path == "$default" { path.to_owned() } else { format!("ANY {path}{below}") };
        // Named by its path: numbers would move with each new path, and two routes may not swap their keys.
        let words = format!("{path}{}", below.replace("path+", "below"));
        let words = words.split(|c: char| !c.is_ascii_alphanumeric());
        let name: String = std::iter::once("Route".to_owned()).chain(words.map(logical)).collect();
        ensure!(resources.0.iter().all(|(other, _)| *other != name), "two routes are called {name}, one of them {key}");
        let route = map([
            ("ApiId", call("!Ref", "Api")),
            ("RouteKey", text(key)),
            ("Target", substituted(format!("integrations/${{{}Integration}}", logical(area.name())))),
        ]);
        resources.0.push((name, line([("Type", text("AWS::ApiGatewayV2::Route")), ("Properties", route)])));
    }
    Ok(resources)
}

/// The shop's one table; it stays when the stack goes.
fn table(settings: &TableSettings) -> Value {
    let TableSettings { partition_key, sort_key, expiry } = settings;
    let attribute = |name: &String, kind, value: &str| line([("AttributeName", text(name)), (kind, text(value))]);
    let properties = map([
        ("TableName", substituted("shopease-${Environment}")),
        ("BillingMode", text("PAY_PER_REQUEST")),
        ("AttributeDefinitions", list([partition_key, sort_key].map(|name| attribute(name, "AttributeType", "S")))),
        ("KeySchema", list([attribute(partition_key, "KeyType", "HASH"), attribute(sort_key, "KeyType", "RANGE")])),
        ("TimeToLiveSpecification", line([("AttributeName", text(expiry)), ("Enabled", Value::Flag(true))])),
        ("PointInTimeRecoverySpecification", line([("PointInTimeRecoveryEnabled", Value::Flag(true))])),
        ("SSESpecification", line([("SSEEnabled", Value::Flag(true))])),
    ]);
    map([
        ("Type", text("AWS::DynamoDB::Table")),
        ("DeletionPolicy", text("RetainExceptOnCreate")),
        ("UpdateReplacePolicy", text("Retain")),
        ("Properties", properties),
    ])
}
