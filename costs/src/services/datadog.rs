//! Datadog: hosts, tasks, functions, traces and logs. Prices are per month with annual commitment unless `plan` says otherwise.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, ServiceError, Statement};
use crate::price_book::Key;

/// Datadog, which is not on AWS's bill.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Datadog {
    /// Fargate tasks, infrastructure monitoring.
    pub tasks: Option<Quantity>,
    /// Fargate tasks with APM.
    pub apm_tasks: Option<Quantity>,
    /// How tasks are bought.
    #[serde(default)]
    pub plan: Plan,
    /// Lambda functions that run.
    pub functions: Option<Quantity>,
    /// Traced invocations of functions.
    pub traced_invocations_per_month: Option<Quantity>,
    /// Hosts, infrastructure monitoring.
    pub hosts: Option<Quantity>,
    /// Hosts with APM.
    pub apm_hosts: Option<Quantity>,
    /// Logs taken in.
    pub ingested_gb: Option<Quantity>,
    /// Log events that are indexed and kept for 15 days.
    pub indexed_events_15_days: Option<Quantity>,
    /// Log events that are indexed and kept for 30 days.
    pub indexed_events_30_days: Option<Quantity>,
}

/// How tasks are bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// For a year.
    #[default]
    Annual,
    /// Month to month.
    Monthly,
    /// By the hour.
    OnDemand,
}

const fn key<'a>(item: &'a str, unit: &'static str) -> Key<'a> {
    Key::new("Datadog", item, unit)
}

impl Service for Datadog {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let plan = match self.plan {
            Plan::Annual => "annual",
            Plan::Monthly => "month to month",
            Plan::OnDemand => "on demand",
        };
        for (name, item, tasks) in
            [("tasks", "Infrastructure task", self.tasks), ("apm_tasks", "APM task", self.apm_tasks)]
        {
            let item = format!("{item}, {plan}");
            statement.charge(name, &item, key(&item, "task-month"), tasks)?;
        }
        let price = key("Serverless APM invocation", "invocation");
        statement.charge("apm", "Invocations traced", price, self.traced_invocations_per_month)?;
        let price = key("log indexing, 15 days, annual", "event");
        statement.charge("log_events", "Log events indexed", price, self.indexed_events_15_days)?;
        let price = key("log indexing, 30 days, annual", "event");
        statement.charge("log_events", "Log events indexed", price, self.indexed_events_30_days)?;
        let price = key("Serverless function", "function-month");
        statement.charge("functions", "Functions monitored", price, self.functions)?;
        let price = key("Infrastructure host, annual", "host-month");
        statement.charge("hosts", "Hosts monitored", price, self.hosts)?;
        statement.charge("apm_hosts", "Hosts traced", key("APM host, annual", "host-month"), self.apm_hosts)?;
        statement.charge("logs", "Logs taken in", key("log ingestion", "GB"), self.ingested_gb)
    }
}
