//! CloudWatch: logs, metrics, alarms, dashboards.
//!
//! Five GB of logs a month are free over ingestion, storage and queries together (CloudWatch pricing page); the allowance is
//! taken in that order, since ingestion is the dearest.

use rust_decimal::Decimal;

use super::{Context, Field, Kind, Service, ServiceError, Statement, Usage, metered};
use crate::price_book::Key;
use metered::Meter;

/// Logs taken in.
pub const INGEST_GB: Field = Field::number("ingest_gb", &["ingested_gb", "log_gb", "logs_gb"], "GB of logs taken in");
/// Logs kept.
pub const STORED_GB: Field = Field::number("stored_gb", &["storage_gb", "store_gb"], "GB of logs kept, compressed");
/// Logs searched.
pub const SCANNED_GB: Field = Field::number("scanned_gb", &["scan_gb", "insights_gb"], "GB scanned by Logs Insights");
/// Class of the log group.
pub const CLASS: Field = Field {
    name: "log_class",
    also: &["class"],
    kind: Kind::Choice(&[&["standard"], &["infrequent-access", "ia", "infrequent access"], &["lambda"]]),
    about: "standard (default), infrequent-access, or lambda: tiered prices of logs that Lambda sends",
};
/// Own metrics.
pub const METRICS: Field = Field::number("metrics", &["custom_metrics"], "custom metrics");
/// Alarms.
pub const ALARMS: Field = Field::number("alarms", &["standard_alarms"], "alarms of standard resolution");
const FINE_ALARMS: Field = Field::number("high_resolution_alarms", &[], "alarms of high resolution");
/// Dashboards.
pub const DASHBOARDS: Field = Field::number("dashboards", &[], "dashboards");

const INGEST: Key = Key {
    name: "ingest",
    also: &["log_gb", "ingest_gb", "ingestion", "tiers"],
    service: "CloudWatch Logs",
    item: "ingestion Standard",
    unit: "GB",
};
const STORE: Key = Key {
    name: "store",
    also: &["store_gb", "log_storage_gb", "storage"],
    item: "storage",
    unit: "GB-month",
    ..INGEST
};
const SCAN: Key = Key { name: "scan", also: &["scan_gb", "insights"], item: "Insights scan", ..INGEST };
const FREE: Key = Key { name: "free_log_gb", also: &["free_gb"], item: "free GB", ..INGEST };
const METRIC: Key = Key {
    name: "metric",
    also: &["custom_metric", "metric_month"],
    service: "CloudWatch",
    item: "custom metric",
    unit: "metric-month",
};
const ALARM: Key = Key { name: "alarm", also: &["alarm_month"], item: "standard alarm", unit: "alarm-month", ..METRIC };
const FINE_ALARM: Key =
    Key { name: "high_resolution_alarm", also: &[], item: "high-resolution alarm", unit: "alarm-month", ..METRIC };
const DASHBOARD: Key = Key { name: "dashboard", also: &[], item: "dashboard", unit: "dashboard-month", ..METRIC };
const FREE_METRICS: Key = Key { name: "free_metrics", also: &[], item: "free custom metrics", ..METRIC };
const FREE_ALARMS: Key = Key { name: "free_alarms", also: &[], item: "free standard alarms", ..ALARM };
const FREE_DASHBOARDS: Key = Key { name: "free_dashboards", also: &[], item: "free dashboards", ..DASHBOARD };

const METERS: &[Meter] = &[
    Meter { field: METRICS, key: "metrics", name: "Custom metrics", price: &METRIC, allowance: Some(&FREE_METRICS) },
    Meter { field: ALARMS, key: "alarms", name: "Alarms", price: &ALARM, allowance: Some(&FREE_ALARMS) },
    Meter {
        field: FINE_ALARMS,
        key: "high_resolution_alarms",
        name: "High-resolution alarms",
        price: &FINE_ALARM,
        allowance: None,
    },
    Meter {
        field: DASHBOARDS,
        key: "dashboards",
        name: "Dashboards",
        price: &DASHBOARD,
        allowance: Some(&FREE_DASHBOARDS),
    },
];

/// CloudWatch.
pub const SERVICE: Service = Service {
    name: "cloudwatch",
    also: &["cloudwatch logs", "logs", "cw", "cloudwatch metrics"],
    about: "logs, metrics, alarms, dashboards",
    fields: &[INGEST_GB, STORED_GB, SCANNED_GB, CLASS, METRICS, ALARMS, FINE_ALARMS, DASHBOARDS],
    prices: &[
        INGEST,
        STORE,
        SCAN,
        FREE,
        METRIC,
        ALARM,
        FINE_ALARM,
        DASHBOARD,
        FREE_METRICS,
        FREE_ALARMS,
        FREE_DASHBOARDS,
    ],
    totals: &["ingest", "store", "scan", "metrics", "alarms", "high_resolution_alarms", "dashboards"],
    bill,
};

/// The bill.
///
/// # Errors
/// When a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let ingestion = match usage.text(&CLASS) {
        Some("infrequent-access") => "ingestion Infrequent Access",
        Some("lambda") => "ingestion of Lambda logs",
        _ => INGEST.item,
    };
    let mut free = if context.free_tier { context.prices.allowance(&FREE)? } else { Decimal::ZERO };
    let logs = [
        (&INGEST_GB, "ingest", "Logs taken in", INGEST.of(ingestion)),
        (&STORED_GB, "store", "Logs kept", (&STORE).into()),
        (&SCANNED_GB, "scan", "Logs scanned", (&SCAN).into()),
    ];
    for (field, key, name, price) in logs {
        let Some(gb) = usage.given(field) else { continue };
        let taken = gb.min(free);
        free -= taken;
        statement.charge(key, name, price, gb - taken, usage.known_of(&[field]), context)?;
    }
    metered::charge(&mut statement, METERS, usage, context)?;
    Ok(statement)
}
