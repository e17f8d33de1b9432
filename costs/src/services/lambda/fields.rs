//! Usage of Lambda, under all its names.

use crate::services::{Field, Kind};

/// `x86_64` or `arm64`, as every service writes it.
pub const ARCHITECTURES: Kind = Kind::Choice(&[
    &["x86_64", "x86", "x86-64", "amd64", "intel", "x64"],
    &["arm64", "arm", "aarch64", "graviton", "graviton2"],
]);

/// Invocations in the period.
pub const REQUESTS: Field =
    Field::number("requests", &["invocations", "lambda_requests", "lambda_invocations"], "invocations in the period");
/// Whether they are charged.
pub(super) const CHARGE_REQUESTS: Field = Field::flag(
    "requests_charge",
    &["charge_requests", "include_requests"],
    "false leaves the charge for requests out, as comparisons of duration alone do",
);
/// Handler time, ms.
pub const DURATION_MS: Field = Field::number(
    "duration_ms",
    &["duration", "avg_duration_ms", "average_duration_ms", "execution_ms", "billed_ms", "ms"],
    "time of one invocation, ms; rounded up to whole ms",
);
/// Memory size, MB.
pub const MEMORY_MB: Field = Field::number("memory_mb", &["memory", "mb"], "memory size, MB (1,024 are one GB)");
/// Memory size, GB.
pub const MEMORY_GB: Field = Field::number("memory_gb", &[], "memory size, GB, instead of memory_mb");
/// Processor.
pub const ARCH: Field =
    Field { name: "arch", also: &["architecture", "cpu"], kind: ARCHITECTURES, about: "x86_64 (default) or arm64" };
/// GB-seconds, instead of requests x duration x memory.
pub const GB_SECONDS: Field =
    Field::number("gb_seconds", &["gb_s"], "GB-seconds, instead of requests x duration x memory");
/// Invocations that start an environment.
pub const COLD_STARTS: Field = Field::number("cold_starts", &["inits"], "invocations that started an environment");
/// The same as a share.
pub const COLD_SHARE: Field = Field::number(
    "cold_start_share",
    &["cold_start_rate", "cold_start_ratio"],
    "share of invocations that started an environment, instead of cold_starts",
);
/// INIT time of a cold start, ms.
pub const INIT_MS: Field =
    Field::number("init_ms", &["init_duration_ms"], "INIT time of a cold start, ms, billed as duration");
/// `/tmp`, MB.
pub const EPHEMERAL_MB: Field =
    Field::number("ephemeral_mb", &["ephemeral_storage_mb", "storage_mb"], "size of /tmp, MB; 512 are included");
/// `/tmp`, GB.
pub const EPHEMERAL_GB: Field = Field::number("ephemeral_gb", &["ephemeral_storage_gb"], "size of /tmp, GB");
/// Environments kept warm.
pub const PROVISIONED: Field = Field::number(
    "provisioned_concurrency",
    &["provisioned", "pc", "concurrency"],
    "environments of provisioned concurrency",
);
/// How long they are kept, hours.
pub const PROVISIONED_HOURS: Field = Field::number(
    "provisioned_hours",
    &["pc_hours", "hours"],
    "hours that provisioned concurrency is on; the month when not given",
);
/// How long they are kept, seconds.
pub const PROVISIONED_SECONDS: Field = Field::number(
    "provisioned_seconds",
    &["pc_seconds"],
    "seconds that provisioned concurrency is on, instead of hours",
);
/// Requests that they serve.
pub const PROVISIONED_REQUESTS: Field = Field::number(
    "provisioned_requests",
    &["pc_requests", "requests_on_provisioned"],
    "requests served by provisioned concurrency; all when not given, the rest is on demand",
);
/// Streamed response, MB each.
pub const RESPONSE_MB: Field = Field::number(
    "response_mb",
    &["streamed_mb", "streamed_mb_per_request", "response_mb_per_request"],
    "streamed response of one request, MB; the first 6 are free",
);
/// Streamed GB beyond 6 MB each.
pub const STREAMED_GB: Field = Field::number(
    "streamed_gb",
    &["streaming_gb", "response_streaming_gb"],
    "GB streamed above 6 MB per request, instead of response_mb",
);
pub(super) const CACHE_GB: Field = Field::number("cache_gb", &["snapstart_cache_gb"], "SnapStart snapshots kept, GB");
pub(super) const CACHE_SECONDS: Field =
    Field::number("cache_seconds", &["snapstart_cache_seconds"], "how long they are kept, s; the month when not given");
pub(super) const RESTORES: Field = Field::number("restores", &["snapstart_restores"], "SnapStart restores");
pub(super) const GB_PER_RESTORE: Field =
    Field::number("gb_per_restore", &["restore_gb"], "GB of one restore; the memory size when not given");
pub(super) const ENVIRONMENTS: Field = Field::number(
    "environments_created",
    &["tenant_environments", "environments"],
    "environments created under tenant isolation",
);
pub(super) const EDGE: Field = Field::flag("edge", &["lambda_edge"], "Lambda@Edge");
/// Function URLs.
pub const URLS: Field = Field::number("function_urls", &[], "Function URLs, free by themselves");
pub(super) const DURABLE_OPERATIONS: Field =
    Field::number("durable_operations", &["operations"], "operations of durable functions");
pub(super) const DURABLE_WRITTEN: Field =
    Field::number("durable_gb_written", &["data_written_gb"], "GB that durable functions write");
pub(super) const DURABLE_RETAINED: Field = Field::number(
    "durable_gb_months",
    &["data_retained_gb_months", "retained_gb"],
    "GB-months that durable functions keep",
);
pub(super) const EVENT_KB: Field = Field::number(
    "event_kb",
    &["async_event_kb"],
    "size of an asynchronous event, KB; each 64 KB above 256 is a request",
);
pub(super) const INSTANCE_USD: Field = Field::number(
    "ec2_cost",
    &["managed_instances_ec2_cost"],
    "EC2 charges of Managed Instances, USD; the management fee is added, duration is not billed",
);
