//! Prices of Lambda and the allowances of its free tier, under all their names.

use crate::price_book::Key;

pub(super) const REQUEST: Key = Key {
    name: "request",
    also: &["requests", "lambda_request", "request_price"],
    service: "Lambda",
    item: "requests",
    unit: "request",
};
pub(super) const X86: Key = Key {
    name: "x86_gb_s",
    also: &["gb_s", "tiers", "duration", "duration_tiers", "x86_64_gb_s", "gb_second"],
    service: "Lambda",
    item: "duration x86_64",
    unit: "GB-second",
};
pub(super) const ARM: Key = Key {
    name: "arm_gb_s",
    also: &["gb_s", "tiers", "duration", "duration_tiers", "arm64_gb_s", "gb_second"],
    item: "duration arm64",
    ..X86
};
pub(super) const PC_X86: Key = Key {
    name: "pc_gb_s",
    also: &["provisioned_gb_s", "provisioned_concurrency_gb_s", "pc_x86_gb_s", "provisioned"],
    item: "provisioned concurrency x86_64",
    ..X86
};
pub(super) const PC_ARM: Key = Key {
    also: &["provisioned_gb_s", "provisioned_concurrency_gb_s", "pc_arm_gb_s", "provisioned"],
    item: "provisioned concurrency arm64",
    ..PC_X86
};
pub(super) const PC_DURATION_X86: Key = Key {
    name: "pc_duration_gb_s",
    also: &["provisioned_duration_gb_s", "duration_pc_gb_s", "pc_compute_gb_s"],
    item: "duration under provisioned concurrency x86_64",
    ..X86
};
pub(super) const PC_DURATION_ARM: Key = Key { item: "duration under provisioned concurrency arm64", ..PC_DURATION_X86 };
pub(super) const EPHEMERAL: Key =
    Key { name: "ephemeral_gb_s", also: &["storage_gb_s", "ephemeral"], item: "ephemeral storage above 512 MB", ..X86 };
pub(super) const STREAMING: Key =
    Key { name: "streaming_gb", also: &["streamed_gb", "response_gb"], item: "response streaming", unit: "GB", ..X86 };
pub(super) const CACHE: Key =
    Key { name: "cache_gb_s", also: &["snapstart_cache_gb_s"], item: "SnapStart cache", ..X86 };
pub(super) const RESTORE: Key =
    Key { name: "restore_gb", also: &["snapstart_restore_gb"], item: "SnapStart restore", unit: "GB restored", ..X86 };
pub(super) const TENANT: Key =
    Key { name: "environment_gb", also: &["tenant_gb"], item: "tenant environment", unit: "GB of memory", ..X86 };
pub(super) const EDGE_REQUEST: Key =
    Key { name: "edge_request", also: &["request"], item: "edge request", unit: "request", ..X86 };
pub(super) const EDGE_DURATION: Key = Key { name: "edge_gb_s", also: &["gb_s"], item: "edge duration", ..X86 };
pub(super) const OPERATION: Key =
    Key { name: "durable_operation", also: &["operation"], item: "durable operation", unit: "operation", ..X86 };
pub(super) const WRITTEN: Key = Key {
    name: "durable_written_gb",
    also: &["data_written_gb", "written_gb"],
    item: "durable data written",
    unit: "GB",
    ..X86
};
pub(super) const RETAINED: Key = Key {
    name: "durable_retained_gb",
    also: &["data_retained_gb", "retained_gb_month"],
    item: "durable data retained",
    unit: "GB-month",
    ..X86
};
pub(super) const FEE: Key =
    Key { name: "management_fee", also: &["fee"], item: "managed instances fee", unit: "USD of EC2 charges", ..X86 };
pub(super) const URL: Key = Key { name: "function_url", also: &[], item: "function URL", unit: "month", ..X86 };
pub(super) const FREE_REQUESTS: Key =
    Key { name: "free_requests", also: &[], item: "free requests", unit: "request", ..X86 };
pub(super) const FREE_DURATION: Key =
    Key { name: "free_gb_s", also: &["free_gb_seconds"], item: "free duration", ..X86 };
pub(super) const FREE_STREAMING: Key =
    Key { name: "free_streaming_gb", also: &["free_gb"], item: "free response streaming", unit: "GB", ..X86 };
