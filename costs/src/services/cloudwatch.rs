//! CloudWatch: logs, metrics, alarms, dashboards; and X-Ray.
//!
//! Five GB of logs a month are free over ingestion, storage and queries together (CloudWatch pricing page); the allowance is
//! taken in that order, since ingestion is the dearest.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, ServiceError, Statement};
use crate::price_book::Key;

/// Logs, metrics, alarms and dashboards.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cloudwatch {
    /// Logs taken in.
    pub ingested_gb: Option<Quantity>,
    /// Logs kept, compressed.
    pub stored_gb_months: Option<Quantity>,
    /// Logs scanned by Logs Insights.
    pub scanned_gb: Option<Quantity>,
    /// Class of the log group.
    #[serde(default)]
    pub log_class: LogClass,
    /// Custom metrics.
    pub metrics: Option<Quantity>,
    /// Alarms of standard resolution.
    pub alarms: Option<Quantity>,
    /// Alarms of high resolution.
    pub high_resolution_alarms: Option<Quantity>,
    /// Dashboards.
    pub dashboards: Option<Quantity>,
}

/// Class of a log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogClass {
    /// Standard.
    #[default]
    Standard,
    /// Infrequent Access.
    InfrequentAccess,
    /// Logs that Lambda sends, at tiered prices.
    Lambda,
}

impl Service for Cloudwatch {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let logs = |item, unit| Key::new("CloudWatch Logs", item, unit);
        let key = |item, unit| Key::new("CloudWatch", item, unit);
        let ingestion = match self.log_class {
            LogClass::Standard => "ingestion Standard",
            LogClass::InfrequentAccess => "ingestion Infrequent Access",
            LogClass::Lambda => "ingestion of Lambda logs",
        };
        let free = logs("free GB", "GB");
        statement.charge_after(free, "ingest", "Logs taken in", logs(ingestion, "GB"), self.ingested_gb)?;
        statement.charge_after(free, "store", "Logs kept", logs("storage", "GB-month"), self.stored_gb_months)?;
        statement.charge_after(free, "scan", "Logs scanned", logs("Insights scan", "GB"), self.scanned_gb)?;
        let (free, price) = (key("free custom metrics", "metric-month"), key("custom metric", "metric-month"));
        statement.charge_after(free, "metrics", "Custom metrics", price, self.metrics)?;
        let (free, price) = (key("free standard alarms", "alarm-month"), key("standard alarm", "alarm-month"));
        statement.charge_after(free, "alarms", "Alarms", price, self.alarms)?;
        let price = key("high-resolution alarm", "alarm-month");
        statement.charge("high_resolution_alarms", "High-resolution alarms", price, self.high_resolution_alarms)?;
        let (free, price) = (key("free dashboards", "dashboard-month"), key("dashboard", "dashboard-month"));
        statement.charge_after(free, "dashboards", "Dashboards", price, self.dashboards)
    }
}

/// X-Ray.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Xray {
    /// Traces recorded.
    pub traces_per_month: Quantity,
}

impl Service for Xray {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let (free, price) = (Key::new("X-Ray", "free traces", "trace"), Key::new("X-Ray", "trace recorded", "trace"));
        statement.charge_after(free, "traces", "Traces recorded", price, self.traces_per_month)
    }
}
