//! Services whose whole bill is a few quantities times a price. Of each field: the key and the words of its line, the price as the
//! price book names it, and the allowance that the free tier takes off.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, Statement};
use crate::line::{Known, Line};
use crate::price_book::{Confidence, Key, Provenance};

macro_rules! services {
    ($($(#[$about:meta])* $name:ident {
        $($(#[$says:meta])* $field:ident: $kind:ty = $key:literal, $line:literal, $service:literal / $item:literal per $unit:literal
            $(after $free:literal $(per $free_unit:literal)?)?;)*
    })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$says])* pub $field: $kind,)*
        }

        impl Service for $name {
            fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
                $(
                    let price = Key::new($service, $item, $unit);
                    // The unit of an allowance is that of its price, unless it says another.
                    let free: &[Key<'static>] = &[$(Key::new($service, $free, [$($free_unit,)? $unit][0]))?];
                    match free {
                        [free] => statement.charge_after(*free, $key, $line, price, self.$field)?,
                        _ => statement.charge($key, $line, price, self.$field)?,
                    }
                )*
                Ok(())
            }
        }
    )*};
}

services! {
    /// S3, Standard class.
    S3 {
        /// Objects stored.
        storage_gb_months: Option<Quantity> = "storage", "Objects stored", "S3" / "Standard storage" per "GB-month";
        /// PUT, COPY, POST and LIST requests.
        put_requests_per_month: Option<Quantity> = "put", "PUT requests", "S3" / "PUT, COPY, POST or LIST request" per "request";
        /// GET and other requests.
        get_requests_per_month: Option<Quantity> = "get", "GET requests", "S3" / "GET request" per "request";
    }

    /// Images in private repositories of ECR.
    Ecr {
        /// Images stored.
        storage_gb_months: Quantity = "ecr", "Images stored", "ECR" / "private storage" per "GB-month";
    }

    /// Customer-managed keys of KMS.
    Kms {
        /// Keys x the months that they exist; each rotation counts as one more key, up to two.
        key_months: Quantity = "keys", "Customer-managed keys", "KMS" / "customer-managed key" per "key-month";
        /// Symmetric requests.
        requests_per_month: Quantity = "requests", "Requests", "KMS" / "request" per "request" after "free requests";
    }

    /// Parameters of SSM Parameter Store.
    ParameterStore {
        /// Advanced parameters x the months that they exist.
        advanced_parameter_months: Option<Quantity> =
            "advanced", "Advanced parameters", "SSM Parameter Store" / "advanced parameter" per "parameter-month";
        /// Standard parameters, free.
        standard_parameters: Option<Quantity> =
            "standard", "Standard parameters", "SSM Parameter Store" / "standard parameter" per "parameter-month";
        /// API calls on advanced parameters or with higher throughput.
        calls_per_month: Option<Quantity> = "calls", "API calls", "SSM Parameter Store" / "API call" per "call";
    }

    /// Secrets Manager.
    SecretsManager {
        /// Secrets x the months that they exist.
        secret_months: Quantity = "secret", "Secrets", "Secrets Manager" / "secret" per "secret-month";
        /// API calls.
        calls_per_month: Quantity = "calls", "API calls", "Secrets Manager" / "API call" per "call";
    }

    /// Route 53.
    Route53 {
        /// Hosted zones x the months that they exist, private ones too.
        zone_months: Option<Quantity> = "zone", "Hosted zones", "Route 53" / "hosted zone" per "zone-month";
        /// Standard queries.
        standard_queries_per_month: Option<Quantity> =
            "standard", "Standard queries", "Route 53" / "standard query" per "query";
        /// Latency-based queries.
        latency_queries_per_month: Option<Quantity> = "latency", "Latency queries", "Route 53" / "latency query" per "query";
        /// Geolocation and geoproximity queries.
        geo_queries_per_month: Option<Quantity> = "geo", "Geolocation queries", "Route 53" / "geo query" per "query";
        /// Alias queries to AWS resources, free.
        alias_queries_per_month: Option<Quantity> = "alias", "Alias queries", "Route 53" / "alias query" per "query";
    }

    /// Public certificates of ACM that cannot be exported.
    Acm {
        /// Certificates.
        certificates: Quantity = "certificates", "Public certificates", "ACM" / "public certificate" per "certificate";
    }

    /// Cloud Map. A private DNS namespace is also a zone of Route 53.
    CloudMap {
        /// Registered resources x the months that they exist.
        resource_months: Quantity =
            "resources", "Registered resources", "Cloud Map" / "registered resource" per "resource-month";
    }

    /// Control planes of EKS, for comparison.
    Eks {
        /// Cluster-hours in standard support.
        standard_hours: Option<Quantity> = "standard", "Control plane", "EKS" / "control plane" per "cluster-hour";
        /// Cluster-hours in extended support.
        extended_support_hours: Option<Quantity> =
            "extended", "Control plane, extended support", "EKS" / "control plane, extended support" per "cluster-hour";
    }

    /// Standard queues of SQS.
    Sqs {
        /// Requests, 64 KB each.
        requests_per_month: Quantity = "sqs", "Requests", "SQS" / "standard request" per "request" after "free requests";
    }

    /// EventBridge. Events of AWS services are free.
    Eventbridge {
        /// Custom events, 64 KB each.
        custom_events_per_month: Quantity = "events", "Custom events", "EventBridge" / "custom event" per "event";
    }

    /// CloudWatch: logs, metrics, alarms and dashboards. Five GB of logs a month are free over ingestion, storage and queries together
    /// (CloudWatch pricing page); the allowance is taken in that order, since ingestion is the dearest.
    Cloudwatch {
        /// Logs taken in.
        ingested_gb: Option<Quantity> =
            "ingest", "Logs taken in", "CloudWatch Logs" / "ingestion Standard" per "GB" after "free GB";
        /// Logs taken in, class Infrequent Access.
        ingested_infrequent_gb: Option<Quantity> =
            "ingest", "Logs taken in, Infrequent Access", "CloudWatch Logs" / "ingestion Infrequent Access" per "GB" after "free GB";
        /// Logs kept, compressed.
        stored_gb_months: Option<Quantity> =
            "store", "Logs kept", "CloudWatch Logs" / "storage" per "GB-month" after "free GB" per "GB";
        /// Logs scanned by Logs Insights.
        scanned_gb: Option<Quantity> =
            "scan", "Logs scanned", "CloudWatch Logs" / "Insights scan" per "GB" after "free GB";
        /// Custom metrics.
        metrics: Option<Quantity> =
            "metrics", "Custom metrics", "CloudWatch" / "custom metric" per "metric-month" after "free custom metrics";
        /// Alarms of standard resolution.
        alarms: Option<Quantity> =
            "alarms", "Alarms", "CloudWatch" / "standard alarm" per "alarm-month" after "free standard alarms";
        /// Dashboards.
        dashboards: Option<Quantity> =
            "dashboards", "Dashboards", "CloudWatch" / "dashboard" per "dashboard-month" after "free dashboards";
    }

    /// X-Ray.
    Xray {
        /// Traces recorded.
        traces_per_month: Quantity = "traces", "Traces recorded", "X-Ray" / "trace recorded" per "trace" after "free traces";
    }

    /// Datadog, which is not on AWS's bill. Prices are per month with annual commitment.
    Datadog {
        /// Traced invocations of functions.
        traced_invocations_per_month: Option<Quantity> =
            "apm", "Invocations traced", "Datadog" / "Serverless APM invocation" per "invocation";
        /// Log events that are indexed and kept for 15 days.
        indexed_events_15_days: Option<Quantity> =
            "log_events", "Log events indexed", "Datadog" / "log indexing, 15 days, annual" per "event";
        /// Lambda functions that run.
        functions: Option<Quantity> =
            "functions", "Functions monitored", "Datadog" / "Serverless function" per "function-month";
        /// Fargate tasks that are monitored.
        tasks: Option<Quantity> = "tasks", "Tasks monitored", "Datadog" / "Infrastructure task, annual" per "task-month";
        /// Fargate tasks that are traced.
        apm_tasks: Option<Quantity> = "apm_tasks", "Tasks traced", "Datadog" / "APM task, annual" per "task-month";
        /// Logs taken in.
        ingested_gb: Option<Quantity> = "logs", "Logs taken in", "Datadog" / "log ingestion" per "GB";
    }

    /// A web ACL of AWS WAF. Prices are the same in all regions; managed rule groups of AWS count as one rule each.
    WebAcl {
        /// Web ACLs, by the month.
        acl_months: Quantity = "acl", "Web ACL", "WAF" / "web ACL" per "acl-month";
        /// Rules and rule groups, by the month.
        rule_months: Quantity = "rules", "Rules of the web ACL", "WAF" / "rule" per "rule-month";
        /// Requests inspected.
        requests_per_month: Quantity = "requests", "Requests inspected", "WAF" / "request" per "request";
    }

    /// What else Lambda charges for.
    LambdaFeatures {
        /// Storage in `/tmp` above 512 MB x the time that functions run.
        ephemeral_gb_seconds: Option<Quantity> =
            "ephemeral", "Storage above 512 MB", "Lambda" / "ephemeral storage above 512 MB" per "GB-second";
        /// Responses streamed above 6 MB each.
        streamed_gb: Option<Quantity> =
            "streaming", "Response streaming", "Lambda" / "response streaming" per "GB" after "free response streaming";
        /// `SnapStart` snapshots x the time that they are kept.
        snapstart_cache_gb_seconds: Option<Quantity> =
            "cache", "SnapStart cache", "Lambda" / "SnapStart cache" per "GB-second";
        /// Memory restored by `SnapStart`.
        snapstart_restored_gb: Option<Quantity> =
            "restore", "SnapStart restores", "Lambda" / "SnapStart restore" per "GB restored";
        /// Memory of environments created under tenant isolation.
        tenant_environments_gb: Option<Quantity> =
            "tenant", "Environments under tenant isolation", "Lambda" / "tenant environment" per "GB of memory";
    }
}

/// An amount that is known already.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// What it is for.
    pub name: String,
    /// Amount of the month.
    pub amount_usd: Quantity,
}

impl Service for Stated {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        statement.lines.push(Line {
            service: "stated".to_owned(),
            key: "stated".to_owned(),
            name: self.name.clone(),
            quantity: Decimal::ONE,
            unit: "stated amount".to_owned(),
            unit_price: self.amount_usd.value,
            amount: self.amount_usd.value,
            price: Provenance {
                date: String::new(),
                source: "amount of the request".to_owned(),
                confidence: Confidence::Given,
            },
            known: Known::Declared,
        });
        Ok(())
    }
}
