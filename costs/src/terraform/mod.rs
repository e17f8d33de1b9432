//! The deployment that is billed: the environments of `terraform/stack`, read from its files. Sizes, counts and switches are
//! Terraform's; nothing of them is kept here a second time.

mod modules;
mod variables;

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use modules::Modules;
use variables::Variables;

use crate::deployment::{Deployment, Path, Store};

const VARIABLES: &str = include_str!("../../../terraform/stack/variables.tf");

/// The environments, in the order that a change passes them.
pub const ENVIRONMENTS: [(&str, &str); 5] = [
    ("dev", include_str!("../../../terraform/stack/envs/dev.tfvars")),
    ("perf", include_str!("../../../terraform/stack/envs/perf.tfvars")),
    ("staging", include_str!("../../../terraform/stack/envs/staging.tfvars")),
    ("canary", include_str!("../../../terraform/stack/envs/canary.tfvars")),
    ("prod", include_str!("../../../terraform/stack/envs/prod.tfvars")),
];

/// What decides the bill of one environment. Field names are those of `variables.tf`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// Name, sizes, database, retention.
    pub environment: Sizes,
    /// Region of everything.
    pub region: String,
    /// Requests of 100 that functions serve.
    pub lambda_weight: Decimal,
    /// The same for single areas.
    pub lambda_weights: BTreeMap<String, Decimal>,
    /// Store of each path.
    pub store: Stores,
    /// Whether functions are also behind an HTTP API.
    pub http_api: bool,
    /// Where cards are charged.
    pub payment_provider: PaymentProvider,
    /// How private subnets reach AWS and the internet.
    pub egress: Egress,
    /// Where the lines of tasks go.
    pub log_destination: LogDestination,
    /// Whether a failing path loses its requests to the other one.
    pub path_shift: Option<PathShift>,
    /// What the modules set for every environment; not a variable.
    #[serde(skip_deserializing)]
    pub modules: Modules,
}

/// The variable `environment`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sizes {
    /// `prod`.
    pub name: String,
    /// A web ACL before the load balancer.
    pub web_acl: bool,
    /// Whether the services run on spare capacity.
    pub spot: bool,
    /// Whether the number of tasks follows the load.
    pub autoscaling: bool,
    /// The service that renders pages.
    pub frontend: Service,
    /// The service that has the API and the store.
    pub backend: Service,
    /// The RDS instance.
    pub database: Database,
    /// Retention of all log groups.
    pub log_retention_days: Decimal,
    /// Budget that raises an alarm, USD a month.
    pub budget_usd: Decimal,
}

/// An ECS service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// CPU units of a task, 1,024 to a vCPU.
    pub cpu: Decimal,
    /// Memory of a task, MiB.
    pub memory_mb: Decimal,
    /// Tasks without autoscaling.
    pub desired: Decimal,
    /// Fewest tasks with autoscaling.
    pub min: Decimal,
    /// Most tasks with autoscaling.
    pub max: Decimal,
}

/// The RDS instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// `db.t4g.micro`.
    pub class: String,
    /// Whether there is a standby.
    pub multi_az: bool,
    /// Allocated storage, GB.
    pub storage_gb: Decimal,
    /// Retention of automated backups.
    pub backup_days: Decimal,
}

/// The variable `store`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stores {
    /// Of tasks.
    pub fargate: Store,
    /// Of functions.
    pub lambda: Store,
}

/// The variable `payment_provider`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaymentProvider {
    /// Test cards, with a task for their ledger.
    Fake,
    /// Stripe, outside of AWS.
    Stripe,
}

/// The variable `egress`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Egress {
    /// NAT gateways, at most one a zone.
    pub nat_gateways: Decimal,
    /// Services with an interface endpoint in each zone.
    pub interface_endpoints: Vec<String>,
}

/// The variable `path_shift`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathShift {
    /// Minutes after which a path that failed may recover.
    pub hold_minutes: Decimal,
}

/// The variable `log_destination`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogDestination {
    /// The `awslogs` driver.
    Cloudwatch,
    /// A log router beside each task.
    Datadog,
}

impl Stack {
    /// The environment of this name, as the repository deploys it.
    ///
    /// # Errors
    /// When there is no such environment; never for one of [`ENVIRONMENTS`] in a build whose tests pass.
    pub fn of(name: &str) -> anyhow::Result<Self> {
        let names: Vec<&str> = ENVIRONMENTS.iter().map(|(name, _)| *name).collect();
        let tfvars = ENVIRONMENTS.iter().find(|(environment, _)| *environment == name);
        let (_, tfvars) = tfvars.with_context(|| {
            format!("there is no environment {name:?} in terraform/stack/envs (there are: {})", names.join(", "))
        })?;
        Self::read(tfvars).with_context(|| format!("{name}.tfvars"))
    }

    /// The environment that a tfvars file describes.
    ///
    /// # Errors
    /// What Terraform would reject: names that are not declared, values of another type, or words that no variable takes.
    pub fn read(tfvars: &str) -> anyhow::Result<Self> {
        let values = Variables::read(VARIABLES).context("variables.tf")?.values(tfvars)?;
        let mut stack: Self = serde_path_to_error::deserialize(Value::Object(values))
            .map_err(|error| anyhow!("{}: {}", error.path(), error.inner()))?;
        stack.modules = Modules::built_in();
        Ok(stack)
    }

    /// Share of an area's requests that functions serve.
    pub fn lambda_share(&self, area: &str) -> Decimal {
        self.lambda_weights.get(area).copied().unwrap_or(self.lambda_weight) / Decimal::ONE_HUNDRED
    }

    /// Whether functions serve every area.
    fn lambda_serves_all(&self) -> bool {
        let mut areas = self.modules.function_memory_mb.keys().filter(|function| *function != "worker");
        areas.all(|area| self.lambda_share(area) == Decimal::ONE)
    }

    /// Whether the worker is a function; else a backend task does its work.
    pub fn worker_is_function(&self) -> bool {
        self.store.fargate != self.store.lambda || self.lambda_serves_all()
    }

    /// What is deployed has the store of the path that serves; Terraform rejects two stores while both paths serve.
    pub fn with_stores(&self, deployment: Deployment) -> Deployment {
        match deployment.path {
            Path::Both if self.lambda_serves_all() => Deployment { store: self.store.lambda, ..deployment },
            Path::Both => Deployment { store: self.store.fargate, ..deployment },
            _ => deployment,
        }
    }
}
