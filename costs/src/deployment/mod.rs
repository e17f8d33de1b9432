//! Bills of whole deployments: every way to run the shop, in every environment, with all the lines that come with it.

mod data;
mod demand;
mod fargate_path;
mod front;
mod lambda_path;
mod network;
mod operations;
mod sheet;

use anyhow::{Context as _, bail};
use rust_decimal::{Decimal, dec};
use serde::{Deserialize, Serialize};

pub(crate) use demand::{FunctionDemand, Load, cpu_ms};
pub(crate) use fargate_path::tasks;
pub(crate) use lambda_path::invocations;

use sheet::Sheet;

use crate::line::{Line, total};
use crate::measured::Measured;
use crate::price_book::PriceBook;
use crate::profile::{Environment, Profile};
use crate::services::Architecture;

/// Processor of tasks and functions: Terraform has no other.
pub const ARCHITECTURE: Architecture = Architecture::Arm64;

words! {
    /// What runs the handlers.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    Path {
        /// ECS tasks.
        Fargate = "fargate",
        /// One function per area.
        Lambda = "lambda",
        /// Both at once, as Terraform deploys them; `lambda_weight` divides the requests.
        Both = "as-deployed",
    }
}

words! {
    /// What keeps the data.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    Store {
        /// RDS.
        #[serde(alias = "postgres")]
        Postgresql = "postgresql",
        /// One table.
        Dynamodb = "dynamodb",
    }
}

words! {
    /// What takes the requests.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    Front {
        /// Application Load Balancer.
        Alb = "alb",
        /// API Gateway HTTP API.
        HttpApi = "http-api",
        /// Function URLs.
        FunctionUrl = "function-url",
    }
}

/// A way to run the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deployment {
    /// What runs the handlers.
    pub path: Path,
    /// What keeps the data.
    pub store: Store,
    /// What takes the requests.
    pub front: Front,
}

impl Deployment {
    /// As Terraform deploys an environment; its store is that of the tfvars.
    pub const DEPLOYED: Self = Self { path: Path::Both, store: Store::Postgresql, front: Front::Alb };

    /// As deployed, and each path alone: a Function URL needs functions, so ten of twelve.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::DEPLOYED];
        for path in [Path::Fargate, Path::Lambda] {
            for store in Store::ALL.iter().copied() {
                let fronts = Front::ALL.iter().copied();
                let there = fronts.filter(|front| (path, *front) != (Path::Fargate, Front::FunctionUrl));
                all.extend(there.map(|front| Self { path, store, front }));
            }
        }
        all
    }

    /// `lambda-dynamodb-alb`, as the command line takes it.
    pub fn name(self) -> String {
        let words = [self.path.word(), self.store.word(), self.front.word()];
        if self.path == Path::Both { self.path.word().to_owned() } else { words.join("-") }
    }

    /// `Fargate + PostgreSQL`, with the front door when it is not the load balancer.
    pub(crate) fn title(self) -> String {
        let path = if self.path == Path::Fargate { "Fargate" } else { "Lambda" };
        let store = if self.store == Store::Postgresql { "PostgreSQL" } else { "DynamoDB" };
        let front = match self.front {
            Front::Alb => "",
            Front::HttpApi => ", HTTP API",
            Front::FunctionUrl => ", Function URL",
        };
        format!("{path} + {store}{front}")
    }

    /// The deployment of this name, if it is on this path.
    pub(crate) fn on(path: Path, name: &str) -> Result<Self, String> {
        let deployment: Self = name.parse()?;
        if deployment.path == path { Ok(deployment) } else { Err(format!("{name} is on the other path")) }
    }
}

impl std::str::FromStr for Deployment {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = Self::all();
        let known = || all.iter().copied().map(Self::name).collect::<Vec<_>>().join(", ");
        all.iter().find(|one| one.name() == name).copied().ok_or_else(|| format!("one of {}", known()))
    }
}

/// A line of an environment's bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BillLine {
    /// What of the deployment it belongs to.
    pub part: Part,
    /// The line.
    #[serde(flatten)]
    pub line: Line,
}

words! {
    /// Parts of a deployment, in the order of a request.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    Part {
        /// Load balancer, API or URL, addresses, names.
        FrontDoor = "front door",
        /// Tasks or functions.
        Compute = "compute",
        /// Databases.
        Store = "store",
        /// NAT, endpoints, transfer.
        Network = "network",
        /// Product images and container images.
        Files = "files",
        /// Logs, alarms, traces.
        Observability = "observability",
        /// Keys, parameters, secrets.
        Secrets = "secrets",
    }
}

/// The month of one environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnvironmentBill {
    /// `prod`.
    pub environment: String,
    /// What it is for.
    pub lines: Vec<BillLine>,
    /// USD a month before tax.
    pub total: Decimal,
    /// USD a day when nobody comes.
    pub idle_per_day: Decimal,
}

/// The month of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentBill {
    /// `lambda-dynamodb-alb`.
    pub deployment: String,
    /// One for each of the profile.
    pub environments: Vec<EnvironmentBill>,
    /// USD a month before tax, all environments.
    pub total: Decimal,
    /// USD for 1,000 orders in production: its whole month over its orders; none without orders.
    pub per_thousand_orders: Option<Decimal>,
}

/// Everything that an estimate reads.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The shop.
    pub profile: &'a Profile,
    /// What its routes take.
    pub measured: &'a Measured,
    /// Prices.
    pub book: &'a PriceBook,
}

/// The bill of a deployment.
///
/// # Errors
/// When a price is missing, or profile and measurement do not fit each other.
pub fn estimate(deployment: Deployment, inputs: Inputs<'_>) -> anyhow::Result<DeploymentBill> {
    let environments = inputs.profile.environments.iter();
    let environments = environments.map(|environment| estimate_environment(deployment, environment, inputs));
    let environments = environments.collect::<anyhow::Result<Vec<_>>>()?;
    let total = environments.iter().map(|bill| bill.total).sum();
    let (orders, production) = (inputs.profile.orders_per_month, inputs.profile.production()?);
    let production = environments.iter().find(|bill| bill.environment == production.name && !orders.is_zero());
    let per_thousand_orders = production.map(|bill| bill.total / orders * dec!(1000));
    Ok(DeploymentBill { deployment: deployment.name(), environments, total, per_thousand_orders })
}

/// The bill of one environment.
pub(crate) fn estimate_environment(
    deployment: Deployment,
    environment: &Environment,
    inputs: Inputs<'_>,
) -> anyhow::Result<EnvironmentBill> {
    let quiet = Environment { load: Decimal::ZERO, ..environment.clone() };
    let [lines, idle] = [environment, &quiet].map(|environment| environment_lines(deployment, environment, inputs));
    let (lines, idle) = (lines?, idle?);
    let sum = |lines: &[BillLine]| total(lines.iter().map(|line| &line.line));
    let (total, idle_per_day) = (sum(&lines), sum(&idle) / environment.days());
    Ok(EnvironmentBill { environment: environment.name.clone(), lines, total, idle_per_day })
}

/// All lines of a deployment, each with the name of its environment.
pub(crate) fn monthly_lines(deployment: Deployment, inputs: Inputs<'_>) -> anyhow::Result<Vec<(String, BillLine)>> {
    let mut all = Vec::new();
    for environment in &inputs.profile.environments {
        let lines = environment_lines(deployment, environment, inputs)?;
        all.extend(lines.into_iter().map(|line| (environment.name.clone(), line)));
    }
    Ok(all)
}

/// USD a month of a deployment, all environments.
///
/// # Errors
/// As [`estimate`].
pub fn monthly_total(deployment: Deployment, inputs: Inputs<'_>) -> anyhow::Result<Decimal> {
    Ok(monthly_lines(deployment, inputs)?.iter().map(|(_, line)| line.line.amount).sum())
}

/// The lines of an environment of a deployment.
pub(crate) fn environment_lines(
    deployment: Deployment,
    environment: &Environment,
    inputs: Inputs<'_>,
) -> anyhow::Result<Vec<BillLine>> {
    let sizes = &environment.stack.modules.function_memory_mb;
    let mut functions = inputs.measured.routes.iter().map(|route| &route.function);
    if let Some(unknown) = functions.find(|function| !sizes.contains_key(*function)) {
        bail!("functions/settings.json has no function {unknown:?}");
    }
    let deployment = environment.stack.with_stores(deployment);
    let load = Load::of(deployment, environment, inputs)?;
    let mut sheet = Sheet::new(deployment, environment, inputs);
    sheet.charge(&load).with_context(|| format!("{}, {}", deployment.name(), environment.name))?;
    Ok(sheet.lines)
}

impl Sheet<'_> {
    fn charge(&mut self, load: &Load) -> anyhow::Result<()> {
        front::charge(self, load)?;
        if self.tasks() {
            fargate_path::charge(self, load)?;
        }
        if self.functions() {
            lambda_path::charge(self, load)?;
        }
        network::charge(self, load)?;
        data::charge(self, load)?;
        operations::charge(self, load)
    }
}
