//! How the shop is built and run, with what is usual where a profile says nothing.

use rust_decimal::{Decimal, dec};
use serde::{Deserialize, Serialize};

use crate::number;
use crate::services::MONTH_HOURS;

/// How the shop is built and run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// `arm64` or `x86_64`.
    pub arch: Arch,
    /// Memory size of a function, MB.
    #[serde(with = "number")]
    pub function_memory_mb: Decimal,
    /// Share of invocations that start an environment, where somebody measured it; else it follows from the load of each
    /// function in each hour of the day, as the simulation has it.
    #[serde(with = "number::option", skip_serializing_if = "Option::is_none")]
    pub cold_start_share: Option<Decimal>,
    /// How long Lambda keeps an environment that nobody uses, s. AWS states none.
    #[serde(with = "number")]
    pub idle_environment_s: Decimal,
    /// ECS services: frontend and backend.
    #[serde(with = "number")]
    pub services: Decimal,
    /// vCPU of a task.
    #[serde(with = "number")]
    pub task_vcpu: Decimal,
    /// Memory of a task, GB.
    #[serde(with = "number")]
    pub task_gb: Decimal,
    /// CPU use that target tracking holds.
    #[serde(with = "number")]
    pub target_utilization: Decimal,
    /// Load of the busiest minute over that of its hour.
    #[serde(with = "number")]
    pub burst: Decimal,
    /// PostgreSQL as an instance or as Aurora Serverless v2.
    pub relational: Relational,
    /// Least capacity of Aurora Serverless v2, ACU.
    #[serde(with = "number")]
    pub minimum_acu: Decimal,
    /// Statements a second that one ACU carries.
    #[serde(with = "number")]
    pub statements_per_acu: Decimal,
    /// RDS Proxy between functions and `PostgreSQL`.
    pub proxy: bool,
    /// How private subnets reach AWS.
    pub egress: Egress,
    /// Where logs and metrics go.
    pub observability: Observability,
    /// Requests on one connection to the load balancer.
    #[serde(with = "number")]
    pub requests_per_connection: Decimal,
    /// How long a connection stays open, s.
    #[serde(with = "number")]
    pub connection_s: Decimal,
    /// Listener rules.
    #[serde(with = "number")]
    pub listener_rules: Decimal,
    /// Deployments a month of each environment.
    #[serde(with = "number")]
    pub deploys_per_month: Decimal,
    /// Minutes that old and new tasks run beside each other.
    #[serde(with = "number")]
    pub deploy_overlap_minutes: Decimal,
    /// Images kept in ECR.
    #[serde(with = "number")]
    pub images_kept: Decimal,
    /// Months that logs are kept.
    #[serde(with = "number")]
    pub log_months: Decimal,
    /// Alarms of an environment.
    #[serde(with = "number")]
    pub alarms: Decimal,
    /// Parameters in SSM of an environment.
    #[serde(with = "number")]
    pub parameters: Decimal,
    /// Whether the account's monthly allowances are taken off each environment's bill of its own.
    pub free_tier: bool,
    /// Hours of a month.
    #[serde(with = "number")]
    pub month_hours: Decimal,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            arch: Arch::Arm64,
            function_memory_mb: dec!(256),
            cold_start_share: None,
            idle_environment_s: dec!(600),
            services: dec!(2),
            task_vcpu: dec!(0.25),
            task_gb: dec!(0.5),
            target_utilization: dec!(0.6),
            burst: dec!(2),
            relational: Relational::Rds,
            minimum_acu: dec!(0.5),
            statements_per_acu: dec!(400),
            proxy: false,
            egress: Egress::Endpoints,
            observability: Observability::Cloudwatch,
            requests_per_connection: dec!(5),
            connection_s: dec!(30),
            listener_rules: dec!(20),
            deploys_per_month: dec!(20),
            deploy_overlap_minutes: dec!(10),
            images_kept: dec!(5),
            log_months: dec!(1),
            alarms: dec!(10),
            parameters: dec!(10),
            free_tier: false,
            month_hours: MONTH_HOURS,
        }
    }
}

/// Processor of tasks and functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arch {
    /// Graviton.
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel or AMD.
    #[serde(rename = "x86_64")]
    X86,
}

impl Arch {
    /// As usage fields write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }
}

/// What serves `PostgreSQL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relational {
    /// RDS instance.
    Rds,
    /// Aurora Serverless v2.
    AuroraServerless,
}

/// How private subnets reach AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Egress {
    /// NAT gateway in every AZ.
    Nat,
    /// Interface endpoints in every AZ.
    Endpoints,
    /// No private subnets: each task has a public IPv4 address.
    Public,
}

/// Where logs and metrics go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observability {
    /// `CloudWatch`.
    Cloudwatch,
    /// Datadog, through `FireLens` or its Lambda extension.
    Datadog,
}
