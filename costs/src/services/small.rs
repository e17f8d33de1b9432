//! Services whose whole bill is a few quantities times a price: S3, ECR, KMS, Secrets Manager, SQS, EventBridge, X-Ray, EKS,
//! Cloud Map, ACM.

use super::{Context, Field, Kind, Service, ServiceError, Statement, Usage, metered};
use crate::price_book::Key;
use metered::Meter;

fn simple(meters: &'static [Meter], usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    metered::charge(&mut statement, meters, usage, context)?;
    Ok(statement)
}

const fn meter(field: Field, key: &'static str, name: &'static str, price: &'static Key) -> Meter {
    Meter { field, key, name, price, allowance: None }
}

/// Objects kept.
pub const S3_GB: Field = Field::number("gb", &["storage_gb", "stored_gb", "gb_months"], "GB stored, Standard class");
/// Writes.
pub const S3_PUT: Field = Field::number("put_requests", &["puts", "put"], "PUT, COPY, POST and LIST requests");
/// Reads.
pub const S3_GET: Field = Field::number("get_requests", &["gets", "get"], "GET and other requests");
const S3_CLASS: Field = Field {
    name: "storage_class",
    also: &["class"],
    kind: Kind::Choice(&[&["standard", "s3 standard"]]),
    about: "standard; others are not in the price book",
};
const S3_STORAGE: Key = Key {
    name: "s3_gb",
    also: &["gb", "storage_gb", "tiers", "storage"],
    service: "S3",
    item: "Standard storage",
    unit: "GB-month",
};
const S3_PUT_PRICE: Key =
    Key { name: "put", also: &["put_request"], item: "PUT, COPY, POST or LIST request", unit: "request", ..S3_STORAGE };
const S3_GET_PRICE: Key =
    Key { name: "get", also: &["get_request"], item: "GET request", unit: "request", ..S3_STORAGE };
const S3_METERS: &[Meter] = &[
    meter(S3_GB, "storage", "Objects stored", &S3_STORAGE),
    meter(S3_PUT, "put", "PUT requests", &S3_PUT_PRICE),
    meter(S3_GET, "get", "GET requests", &S3_GET_PRICE),
];
/// S3.
pub const S3: Service = Service {
    name: "s3",
    also: &["simple storage service"],
    about: "objects and requests, Standard class",
    fields: &[S3_GB, S3_PUT, S3_GET, S3_CLASS],
    prices: &[S3_STORAGE, S3_PUT_PRICE, S3_GET_PRICE],
    totals: &["storage", "put", "get"],
    bill: |usage, context| simple(S3_METERS, usage, context),
};

/// Images kept.
pub const ECR_GB: Field = Field::number("gb", &["storage_gb"], "GB of images in private repositories");
const ECR_STORAGE: Key =
    Key { name: "ecr_gb", also: &["gb", "storage_gb"], service: "ECR", item: "private storage", unit: "GB-month" };
const ECR_METERS: &[Meter] = &[meter(ECR_GB, "ecr", "Images stored", &ECR_STORAGE)];
/// ECR.
pub const ECR: Service = Service {
    name: "ecr",
    also: &["container registry"],
    about: "images in private repositories",
    fields: &[ECR_GB],
    prices: &[ECR_STORAGE],
    totals: &["ecr"],
    bill: |usage, context| simple(ECR_METERS, usage, context),
};

/// Keys.
pub const KMS_KEYS: Field = Field::number(
    "keys",
    &["kms_keys", "customer_managed_keys"],
    "customer-managed keys; each rotation counts as one more, up to two",
);
/// Calls.
pub const KMS_REQUESTS: Field =
    Field::number("requests", &["kms_requests", "calls", "api_calls"], "symmetric requests");
const KMS_KEY: Key = Key {
    name: "kms_key",
    also: &["key", "key_month"],
    service: "KMS",
    item: "customer-managed key",
    unit: "key-month",
};
const KMS_REQUEST: Key = Key { name: "kms_request", also: &["request"], item: "request", unit: "request", ..KMS_KEY };
const KMS_FREE: Key = Key { name: "free_requests", also: &[], item: "free requests", unit: "request", ..KMS_KEY };
const KMS_METERS: &[Meter] = &[
    meter(KMS_KEYS, "keys", "Customer-managed keys", &KMS_KEY),
    Meter { allowance: Some(&KMS_FREE), ..meter(KMS_REQUESTS, "requests", "Requests", &KMS_REQUEST) },
];
/// KMS.
pub const KMS: Service = Service {
    name: "kms",
    also: &["key management service"],
    about: "customer-managed keys and requests",
    fields: &[KMS_KEYS, KMS_REQUESTS],
    prices: &[KMS_KEY, KMS_REQUEST, KMS_FREE],
    totals: &["keys", "requests"],
    bill: |usage, context| simple(KMS_METERS, usage, context),
};

/// Secrets.
pub const SECRETS_COUNT: Field = Field::number("secrets", &["count"], "secrets that exist all month");
/// Calls.
pub const SECRETS_CALLS: Field = Field::number("calls", &["api_calls", "requests"], "API calls");
const SECRET: Key =
    Key { name: "secret", also: &["secret_month"], service: "Secrets Manager", item: "secret", unit: "secret-month" };
const SECRET_CALL: Key =
    Key { name: "call", also: &["api_call", "secret_call"], item: "API call", unit: "call", ..SECRET };
const SECRETS_METERS: &[Meter] =
    &[meter(SECRETS_COUNT, "secret", "Secrets", &SECRET), meter(SECRETS_CALLS, "calls", "API calls", &SECRET_CALL)];
/// Secrets Manager.
pub const SECRETS: Service = Service {
    name: "secrets",
    also: &["secrets manager", "secretsmanager"],
    about: "Secrets Manager",
    fields: &[SECRETS_COUNT, SECRETS_CALLS],
    prices: &[SECRET, SECRET_CALL],
    totals: &["secret", "calls"],
    bill: |usage, context| simple(SECRETS_METERS, usage, context),
};

const SQS_REQUESTS: Field =
    Field::number("requests", &["sqs_requests", "messages"], "requests of a standard queue, 64 KB each");
const SQS_REQUEST: Key =
    Key { name: "sqs", also: &["request", "sqs_request"], service: "SQS", item: "standard request", unit: "request" };
const SQS_FREE: Key = Key { name: "free_requests", also: &[], item: "free requests", ..SQS_REQUEST };
const SQS_METERS: &[Meter] =
    &[Meter { allowance: Some(&SQS_FREE), ..meter(SQS_REQUESTS, "sqs", "Requests", &SQS_REQUEST) }];
/// SQS.
pub const SQS: Service = Service {
    name: "sqs",
    also: &["queue", "simple queue service"],
    about: "standard queues",
    fields: &[SQS_REQUESTS],
    prices: &[SQS_REQUEST, SQS_FREE],
    totals: &["sqs"],
    bill: |usage, context| simple(SQS_METERS, usage, context),
};

/// Events.
pub const EVENTS: Field =
    Field::number("custom_events", &["eventbridge_events", "events_published", "events"], "custom events, 64 KB each");
const EVENT: Key =
    Key { name: "custom_event", also: &["event"], service: "EventBridge", item: "custom event", unit: "event" };
const EVENT_METERS: &[Meter] = &[meter(EVENTS, "events", "Custom events", &EVENT)];
/// EventBridge.
pub const EVENTBRIDGE: Service = Service {
    name: "eventbridge",
    also: &["event bridge"],
    about: "custom events; events of AWS services are free",
    fields: &[EVENTS],
    prices: &[EVENT],
    totals: &["events"],
    bill: |usage, context| simple(EVENT_METERS, usage, context),
};

/// Traces.
pub const TRACES: Field = Field::number("traces", &["traces_recorded"], "traces recorded");
const TRACE: Key =
    Key { name: "trace", also: &["traces", "trace_recorded"], service: "X-Ray", item: "trace recorded", unit: "trace" };
const TRACE_FREE: Key = Key { name: "free_traces", also: &[], item: "free traces", ..TRACE };
const TRACE_METERS: &[Meter] =
    &[Meter { allowance: Some(&TRACE_FREE), ..meter(TRACES, "traces", "Traces recorded", &TRACE) }];
/// X-Ray.
pub const XRAY: Service = Service {
    name: "x-ray",
    also: &["xray", "tracing"],
    about: "traces",
    fields: &[TRACES],
    prices: &[TRACE, TRACE_FREE],
    totals: &["traces"],
    bill: |usage, context| simple(TRACE_METERS, usage, context),
};

const EKS_HOURS: Field = Field::number("hours", &["cluster_hours"], "cluster-hours in standard support");
const EKS_EXTENDED_HOURS: Field =
    Field::number("extended_hours", &["extended_support_hours"], "cluster-hours in extended support");
const EKS_HOUR: Key = Key {
    name: "eks_hour",
    also: &["hour", "cluster_hour"],
    service: "EKS",
    item: "control plane",
    unit: "cluster-hour",
};
const EKS_EXTENDED_HOUR: Key =
    Key { name: "eks_extended_hour", also: &["extended_hour"], item: "control plane, extended support", ..EKS_HOUR };
const EKS_METERS: &[Meter] = &[
    meter(EKS_HOURS, "standard", "Control plane", &EKS_HOUR),
    meter(EKS_EXTENDED_HOURS, "extended", "Control plane, extended support", &EKS_EXTENDED_HOUR),
];
/// EKS.
pub const EKS: Service = Service {
    name: "eks",
    also: &["kubernetes"],
    about: "EKS control planes, for comparison",
    fields: &[EKS_HOURS, EKS_EXTENDED_HOURS],
    prices: &[EKS_HOUR, EKS_EXTENDED_HOUR],
    totals: &["standard", "extended"],
    bill: eks,
};

/// Hours in extended support cost what they cost there; hours in standard support are also told as what they would cost there.
fn eks(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = simple(EKS_METERS, usage, context)?;
    if let (Some(hours), None) = (usage.given(&EKS_HOURS), usage.given(&EKS_EXTENDED_HOURS))
        && let Some(price) =
            context.prices.given(&(&EKS_EXTENDED_HOUR).into())?.and_then(|price| Some(price.tiers.first()?.price))
    {
        statement.quantity("extended", super::product(&[hours, price])?);
        statement.note("extended is what the hours would cost in extended support; it is not in the total");
    }
    Ok(statement)
}

/// Registered instances.
pub const MAP_RESOURCES: Field = Field::number("resources", &["registered_resources"], "registered resources");
/// Lookups.
pub const MAP_CALLS: Field =
    Field::number("calls", &["discover_calls", "discover_instances"], "DiscoverInstances calls");
const MAP_RESOURCE: Key = Key {
    name: "resource",
    also: &["registered_resource"],
    service: "Cloud Map",
    item: "registered resource",
    unit: "resource-month",
};
const MAP_CALL: Key =
    Key { name: "discover_call", also: &["call"], item: "DiscoverInstances", unit: "call", ..MAP_RESOURCE };
const MAP_METERS: &[Meter] = &[
    meter(MAP_RESOURCES, "resources", "Registered resources", &MAP_RESOURCE),
    meter(MAP_CALLS, "calls", "DiscoverInstances calls", &MAP_CALL),
];
/// Cloud Map.
pub const CLOUD_MAP: Service = Service {
    name: "cloud-map",
    also: &["cloud map", "service discovery"],
    about: "registered resources and lookups; a private DNS namespace is also a Route 53 zone",
    fields: &[MAP_RESOURCES, MAP_CALLS],
    prices: &[MAP_RESOURCE, MAP_CALL],
    totals: &["resources", "calls"],
    bill: |usage, context| simple(MAP_METERS, usage, context),
};

/// Certificates.
pub const CERTIFICATES: Field =
    Field::number("certificates", &["public_certificates"], "public certificates that cannot be exported");
const CERTIFICATE: Key =
    Key { name: "certificate", also: &[], service: "ACM", item: "public certificate", unit: "certificate" };
const ACM_METERS: &[Meter] = &[meter(CERTIFICATES, "certificates", "Public certificates", &CERTIFICATE)];
/// ACM.
pub const ACM: Service = Service {
    name: "acm",
    also: &["certificate manager"],
    about: "public certificates",
    fields: &[CERTIFICATES],
    prices: &[CERTIFICATE],
    totals: &["certificates"],
    bill: |usage, context| simple(ACM_METERS, usage, context),
};
