//! Datadog: hosts, tasks, functions, traces and logs. Prices are per month with annual commitment unless `plan` says otherwise.

use super::{Context, Field, Kind, Service, ServiceError, Statement, Usage, metered};
use crate::price_book::Key;
use metered::Meter;

/// Tasks.
pub const TASKS: Field =
    Field::number("tasks", &["fargate_tasks", "infrastructure_tasks"], "Fargate tasks, infrastructure monitoring");
/// Traced tasks.
pub const APM_TASKS: Field = Field::number("apm_tasks", &["apm_fargate_tasks"], "Fargate tasks with APM");
/// Functions.
pub const FUNCTIONS: Field = Field::number("functions", &["active_functions"], "Lambda functions that run");
/// Traced invocations.
pub const TRACED: Field = Field::number("traced_invocations", &["apm_invocations"], "traced invocations of functions");
const HOSTS: Field = Field::number("hosts", &["infrastructure_hosts"], "hosts, infrastructure monitoring");
const APM_HOSTS: Field = Field::number("apm_hosts", &[], "hosts with APM");
/// Logs taken in.
pub const LOG_GB: Field = Field::number("log_gb", &["logs_gb", "ingest_gb"], "GB of logs taken in");
/// Logs indexed.
pub const LOG_EVENTS: Field =
    Field::number("log_events", &["indexed_events", "indexed_log_events"], "log events indexed");
const PLAN: Field = Field {
    name: "plan",
    also: &["billing", "commitment"],
    kind: Kind::Choice(&[&["annual"], &["monthly", "month-to-month", "month to month"], &["on-demand", "on demand"]]),
    about: "annual (default), monthly or on-demand, for tasks",
};
const RETENTION: Field = Field {
    name: "retention",
    also: &["log_retention_days"],
    kind: Kind::Choice(&[&["15"], &["30"]]),
    about: "days that indexed logs are kept: \"15\" (default) or \"30\"",
};

const TASK: Key = Key {
    name: "task",
    also: &["infrastructure_task", "task_month"],
    service: "Datadog",
    item: "Infrastructure task, annual",
    unit: "task-month",
};
const APM_TASK: Key = Key { name: "apm_task", also: &["apm_task_month"], item: "APM task, annual", ..TASK };
const FUNCTION: Key =
    Key { name: "function", also: &["function_month"], item: "Serverless function", unit: "function-month", ..TASK };
const INVOCATION: Key = Key {
    name: "traced_invocation",
    also: &["invocation"],
    item: "Serverless APM invocation",
    unit: "invocation",
    ..TASK
};
const MILLION: Key = Key {
    name: "per_million",
    also: &["apm_million", "million_invocations"],
    item: "",
    unit: "1M invocations",
    ..TASK
};
const HOST: Key =
    Key { name: "host", also: &["host_month"], item: "Infrastructure host, annual", unit: "host-month", ..TASK };
const APM_HOST: Key =
    Key { name: "apm_host", also: &["apm_host_month"], item: "APM host, annual", unit: "host-month", ..TASK };
const LOG: Key = Key { name: "log_gb", also: &["ingest_gb", "ingest"], item: "log ingestion", unit: "GB", ..TASK };
const EVENT: Key =
    Key { name: "log_event", also: &["indexed_event"], item: "log indexing, 15 days, annual", unit: "event", ..TASK };

const METERS: &[Meter] = &[
    Meter { field: FUNCTIONS, key: "functions", name: "Functions monitored", price: &FUNCTION, allowance: None },
    Meter { field: HOSTS, key: "hosts", name: "Hosts monitored", price: &HOST, allowance: None },
    Meter { field: APM_HOSTS, key: "apm_hosts", name: "Hosts traced", price: &APM_HOST, allowance: None },
    Meter { field: LOG_GB, key: "logs", name: "Logs taken in", price: &LOG, allowance: None },
];

/// Datadog.
pub const SERVICE: Service = Service {
    name: "datadog",
    also: &["dd"],
    about: "Datadog, which is not on AWS's bill",
    fields: &[TASKS, APM_TASKS, FUNCTIONS, TRACED, HOSTS, APM_HOSTS, LOG_GB, LOG_EVENTS, PLAN, RETENTION],
    prices: &[TASK, APM_TASK, FUNCTION, INVOCATION, MILLION, HOST, APM_HOST, LOG, EVENT],
    totals: &["tasks", "apm_tasks", "functions", "apm", "hosts", "apm_hosts", "logs", "log_events"],
    bill,
};

/// The bill of a month.
///
/// # Errors
/// When a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let plan = match usage.text(&PLAN) {
        Some("monthly") => "month to month",
        Some("on-demand") => "on demand",
        _ => "annual",
    };
    let tasks = [(&TASKS, "tasks", "Infrastructure task", &TASK), (&APM_TASKS, "apm_tasks", "APM task", &APM_TASK)];
    for (field, key, what, price) in tasks {
        let Some(count) = usage.given(field) else { continue };
        let item = format!("{what}, {plan}");
        statement.charge(key, &item, price.of(&item), count, usage.known_of(&[field]), context)?;
    }
    if let Some(invocations) = usage.given(&TRACED) {
        let known = usage.known_of(&[&TRACED]);
        let name = "Invocations traced";
        if context.prices.given(&(&MILLION).into())?.is_some() {
            let millions = invocations / rust_decimal::dec!(1_000_000);
            statement.charge("apm", name, &MILLION, millions, known, context)?;
        } else {
            statement.charge("apm", name, &INVOCATION, invocations, known, context)?;
        }
    }
    if let Some(events) = usage.given(&LOG_EVENTS) {
        let item = format!("log indexing, {} days, annual", usage.text(&RETENTION).unwrap_or("15"));
        let known = usage.known_of(&[&LOG_EVENTS]);
        statement.charge("log_events", "Log events indexed", EVENT.of(&item), events, known, context)?;
    }
    metered::charge(&mut statement, METERS, usage, context)?;
    Ok(statement)
}
