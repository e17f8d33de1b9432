//! What `terraform/modules` sets alike in every environment, read from their files.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::Context as _;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use super::variables::Variables;
use crate::number;

const NETWORK: &str = include_str!("../../../terraform/modules/network/variables.tf");
const REPOSITORY: &str = include_str!("../../../terraform/modules/ecr/variables.tf");
const CLUSTER: &str = include_str!("../../../terraform/modules/ecs-cluster/main.tf");
const SERVICE: &str = include_str!("../../../terraform/modules/ecs-service/variables.tf");
const FUNCTION: &str = include_str!("../../../terraform/modules/lambda-service/main.tf");
const WEB_ACL: &str = include_str!("../../../terraform/modules/waf/main.tf");
const TABLE: &str = include_str!("../../../terraform/modules/dynamodb/main.tf");
const PAYMENTS: &str = include_str!("../../../terraform/stack/payments.tf");
const ROUTES: &str = include_str!("../../../terraform/routes.json");
const FUNCTIONS: &str = include_str!("../../../functions/settings.json");

#[expect(clippy::expect_used, reason = "tests read the files that are compiled in")]
static BUILT_IN: LazyLock<Modules> = LazyLock::new(|| Modules::read().expect("terraform/modules"));

/// Settings of the modules.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Modules {
    /// Availability zones of a network.
    pub zones: Decimal,
    /// Rules of the web ACL.
    pub web_acl_rules: usize,
    /// Whether Container Insights is on.
    pub container_insights: bool,
    /// Whether X-Ray records invocations.
    pub tracing: bool,
    /// Whether the table has point-in-time recovery.
    pub point_in_time_recovery: bool,
    /// CPU units and MiB of the test payments' task.
    pub payments: [Decimal; 2],
    /// Rules of the load balancer's listener.
    pub listener_rules: usize,
    /// Images that a repository keeps.
    pub images_kept: Decimal,
    /// CPU use that autoscaling holds, percent.
    pub cpu_percent: Decimal,
    /// Memory of each function, MB.
    pub function_memory_mb: BTreeMap<String, Decimal>,
}

impl Modules {
    /// Those of the files that are compiled in.
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    fn read() -> anyhow::Result<Self> {
        let network = defaults(NETWORK)?;
        let (web_acl, payments, routes): (Value, Value, Value) =
            (hcl::from_str(WEB_ACL)?, hcl::from_str(PAYMENTS)?, serde_json::from_str(ROUTES)?);
        let service = Variables::read(SERVICE)?.values("autoscaling = { min = 1, max = 1 }")?;
        let service = service.get("autoscaling").and_then(Value::as_object).context("autoscaling")?;
        let word = |text: &str, path: &str| -> anyhow::Result<Value> { Ok(at(&hcl::from_str(text)?, path)?.clone()) };
        let count = |value: &Value| value.as_array().map_or(1, Vec::len);
        let size =
            |path: &str| -> anyhow::Result<Decimal> { Ok(serde_json::from_value(at(&payments, path)?.clone())?) };
        Ok(Self {
            zones: decimal(&network, "zone_count")?,
            web_acl_rules: count(at(&web_acl, "/resource/aws_wafv2_web_acl/this/rule")?),
            container_insights: word(CLUSTER, "/resource/aws_ecs_cluster/this/setting/value")? == "enabled",
            tracing: word(FUNCTION, "/resource/aws_lambda_function/this/tracing_config/mode")? == "Active",
            point_in_time_recovery: word(TABLE, "/resource/aws_dynamodb_table/this/point_in_time_recovery/enabled")?
                == true,
            payments: [size("/module/payments/cpu")?, size("/module/payments/memory_mb")?],
            listener_rules: count(at(&routes, "/rules")?),
            images_kept: decimal(&defaults(REPOSITORY)?, "keep_images")?,
            cpu_percent: decimal(service, "cpu_percent")?,
            function_memory_mb: function_memory()?,
        })
    }
}

/// Memory of the functions: their own, else that of all.
fn function_memory() -> anyhow::Result<BTreeMap<String, Decimal>> {
    let settings: Value = serde_json::from_str(FUNCTIONS)?;
    let usual = at(&settings, "/defaults/memory_mb")?;
    let functions = at(&settings, "/functions")?.as_object().context("functions")?;
    let memory = functions
        .iter()
        .map(|(name, own)| Ok((name.clone(), serde_json::from_value(own.get("memory_mb").unwrap_or(usual).clone())?)));
    memory.collect()
}

fn defaults(variables: &str) -> anyhow::Result<serde_json::Map<String, Value>> {
    Variables::read(variables)?.values("")
}

fn decimal(values: &serde_json::Map<String, Value>, name: &str) -> anyhow::Result<Decimal> {
    values.get(name).and_then(number::from_json).with_context(|| format!("{name} has no default"))
}

fn at<'a>(value: &'a Value, path: &str) -> anyhow::Result<&'a Value> {
    value.pointer(path).with_context(|| format!("there is no {path}"))
}
