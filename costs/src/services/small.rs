//! Services whose whole bill is a few quantities times a price.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, ServiceError, Statement};
use crate::line::{Known, Line};
use crate::price_book::{Confidence, Key, Provenance};

/// S3, Standard class.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Objects stored.
    pub storage_gb_months: Option<Quantity>,
    /// PUT, COPY, POST and LIST requests.
    pub put_requests_per_month: Option<Quantity>,
    /// GET and other requests.
    pub get_requests_per_month: Option<Quantity>,
}

impl Service for S3 {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let key = |item, unit| Key::new("S3", item, unit);
        let price = key("Standard storage", "GB-month");
        statement.charge("storage", "Objects stored", price, self.storage_gb_months)?;
        let price = key("PUT, COPY, POST or LIST request", "request");
        statement.charge("put", "PUT requests", price, self.put_requests_per_month)?;
        statement.charge("get", "GET requests", key("GET request", "request"), self.get_requests_per_month)
    }
}

/// Images in private repositories of ECR.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ecr {
    /// Images stored.
    pub storage_gb_months: Quantity,
}

impl Service for Ecr {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let price = Key::new("ECR", "private storage", "GB-month");
        statement.charge("ecr", "Images stored", price, self.storage_gb_months)
    }
}

/// Customer-managed keys of KMS.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kms {
    /// Keys x the months that they exist; each rotation counts as one more key, up to two.
    pub key_months: Quantity,
    /// Symmetric requests.
    pub requests_per_month: Quantity,
}

impl Service for Kms {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let key = |item, unit| Key::new("KMS", item, unit);
        statement.charge("keys", "Customer-managed keys", key("customer-managed key", "key-month"), self.key_months)?;
        let (free, price) = (key("free requests", "request"), key("request", "request"));
        statement.charge_after(free, "requests", "Requests", price, self.requests_per_month)
    }
}

/// Parameters of SSM Parameter Store.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterStore {
    /// Standard parameters, free.
    pub standard_parameters: Option<Quantity>,
    /// Advanced parameters x the months that they exist.
    pub advanced_parameter_months: Option<Quantity>,
    /// API calls on advanced parameters or with higher throughput.
    pub calls_per_month: Option<Quantity>,
}

impl Service for ParameterStore {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let key = |item, unit| Key::new("SSM Parameter Store", item, unit);
        let price = key("advanced parameter", "parameter-month");
        statement.charge("advanced", "Advanced parameters", price, self.advanced_parameter_months)?;
        let price = key("standard parameter", "parameter-month");
        statement.charge("standard", "Standard parameters", price, self.standard_parameters)?;
        statement.charge("calls", "API calls", key("API call", "call"), self.calls_per_month)
    }
}

/// Secrets Manager.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretsManager {
    /// Secrets x the months that they exist.
    pub secret_months: Quantity,
    /// API calls.
    pub calls_per_month: Quantity,
}

impl Service for SecretsManager {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let key = |item, unit| Key::new("Secrets Manager", item, unit);
        statement.charge("secret", "Secrets", key("secret", "secret-month"), self.secret_months)?;
        statement.charge("calls", "API calls", key("API call", "call"), self.calls_per_month)
    }
}

/// Route 53.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route53 {
    /// Hosted zones x the months that they exist, private ones too.
    pub zone_months: Option<Quantity>,
    /// Standard queries.
    pub standard_queries_per_month: Option<Quantity>,
    /// Latency-based queries.
    pub latency_queries_per_month: Option<Quantity>,
    /// Geolocation and geoproximity queries.
    pub geo_queries_per_month: Option<Quantity>,
    /// Alias queries to AWS resources, free.
    pub alias_queries_per_month: Option<Quantity>,
}

impl Service for Route53 {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let key = |item, unit| Key::new("Route 53", item, unit);
        statement.charge("zone", "Hosted zones", key("hosted zone", "zone-month"), self.zone_months)?;
        for (name, line, item, queries) in [
            ("standard", "Standard queries", "standard query", self.standard_queries_per_month),
            ("latency", "Latency queries", "latency query", self.latency_queries_per_month),
            ("geo", "Geolocation queries", "geo query", self.geo_queries_per_month),
            ("alias", "Alias queries", "alias query", self.alias_queries_per_month),
        ] {
            statement.charge(name, line, key(item, "query"), queries)?;
        }
        Ok(())
    }
}

/// Public certificates of ACM that cannot be exported.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acm {
    /// Certificates.
    pub certificates: Quantity,
}

impl Service for Acm {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let price = Key::new("ACM", "public certificate", "certificate");
        statement.charge("certificates", "Public certificates", price, self.certificates)
    }
}

/// Cloud Map. A private DNS namespace is also a zone of Route 53.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudMap {
    /// Registered resources x the months that they exist.
    pub resource_months: Quantity,
    /// `DiscoverInstances` calls.
    pub discover_calls_per_month: Option<Quantity>,
}

impl Service for CloudMap {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let key = |item, unit| Key::new("Cloud Map", item, unit);
        let price = key("registered resource", "resource-month");
        statement.charge("resources", "Registered resources", price, self.resource_months)?;
        let price = key("DiscoverInstances", "call");
        statement.charge("calls", "DiscoverInstances calls", price, self.discover_calls_per_month)
    }
}

/// Control planes of EKS, for comparison.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Eks {
    /// Cluster-hours in standard support.
    pub standard_hours: Option<Quantity>,
    /// Cluster-hours in extended support.
    pub extended_support_hours: Option<Quantity>,
}

impl Service for Eks {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let key = |item| Key::new("EKS", item, "cluster-hour");
        statement.charge("standard", "Control plane", key("control plane"), self.standard_hours)?;
        let (name, price) = ("Control plane, extended support", key("control plane, extended support"));
        statement.charge("extended", name, price, self.extended_support_hours)
    }
}

/// Standard queues of SQS.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sqs {
    /// Requests, 64 KB each.
    pub requests_per_month: Quantity,
}

impl Service for Sqs {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let key = |item| Key::new("SQS", item, "request");
        let (free, price) = (key("free requests"), key("standard request"));
        statement.charge_after(free, "sqs", "Requests", price, self.requests_per_month)
    }
}

/// EventBridge. Events of AWS services are free.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Eventbridge {
    /// Custom events, 64 KB each.
    pub custom_events_per_month: Quantity,
}

impl Service for Eventbridge {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let price = Key::new("EventBridge", "custom event", "event");
        statement.charge("events", "Custom events", price, self.custom_events_per_month)
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
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        statement.lines.push(Line {
            service: "stated".to_owned(),
            key: "stated".to_owned(),
            name: self.name.clone(),
            quantity: rust_decimal::Decimal::ONE,
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
