//! Bills of whole deployments: every way to run the shop, in every environment, with all the lines that come with it.

mod data;
mod demand;
mod fargate_path;
mod front;
mod lambda_path;
mod operations;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};
use rust_decimal::{Decimal, dec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use demand::{Demand, FunctionDemand};

use crate::line::{Known, Line, total};
use crate::measured::Measured;
use crate::price_book::{PriceBook, Prices};
use crate::profile::{Environment, Profile};
use crate::services::{Context, Service, ServiceError, Usage, lambda};
use crate::simulation::cold_share;

/// Processor of tasks and functions: Terraform has no other.
pub const ARCH: &str = "arm64";

/// What runs the handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// ECS tasks.
    Fargate,
    /// One function per area.
    Lambda,
}

/// What keeps the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// RDS.
    #[serde(alias = "postgres")]
    Postgresql,
    /// One table.
    Dynamodb,
}

/// What takes the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Front {
    /// Application Load Balancer.
    Alb,
    /// API Gateway HTTP API.
    HttpApi,
    /// Function URLs.
    FunctionUrl,
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
    /// Every valid one: a Function URL needs functions, so ten of twelve.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for path in [Path::Fargate, Path::Lambda] {
            for store in [Store::Postgresql, Store::Dynamodb] {
                for front in [Front::Alb, Front::HttpApi, Front::FunctionUrl] {
                    if (path, front) != (Path::Fargate, Front::FunctionUrl) {
                        all.push(Self { path, store, front });
                    }
                }
            }
        }
        all
    }

    /// `lambda-dynamodb-alb`, as the command line takes it.
    pub fn name(&self) -> String {
        let path = match self.path {
            Path::Fargate => "fargate",
            Path::Lambda => "lambda",
        };
        let store = match self.store {
            Store::Postgresql => "postgresql",
            Store::Dynamodb => "dynamodb",
        };
        let front = match self.front {
            Front::Alb => "alb",
            Front::HttpApi => "http-api",
            Front::FunctionUrl => "function-url",
        };
        format!("{path}-{store}-{front}")
    }
}

impl std::str::FromStr for Deployment {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = Self::all();
        let known = || all.iter().map(Self::name).collect::<Vec<_>>().join(", ");
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

/// Parts of a deployment, in the order of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Load balancer, API or URL, addresses, names.
    FrontDoor,
    /// Tasks or functions.
    Compute,
    /// Databases.
    Store,
    /// NAT, endpoints, transfer.
    Network,
    /// Pictures and images.
    Files,
    /// Logs, alarms, traces.
    Observability,
    /// Keys, parameters, secrets.
    Secrets,
}

impl Part {
    /// The words in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::FrontDoor => "front door",
            Self::Compute => "compute",
            Self::Store => "store",
            Self::Network => "network",
            Self::Files => "files",
            Self::Observability => "observability",
            Self::Secrets => "secrets",
        }
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
    #[serde(with = "crate::number")]
    pub total: Decimal,
    /// USD a day when nobody comes.
    #[serde(with = "crate::number")]
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
    #[serde(with = "crate::number")]
    pub total: Decimal,
    /// USD for 1,000 orders in production: its whole month over its orders; none without orders.
    #[serde(with = "crate::number::option")]
    pub per_thousand_orders: Option<Decimal>,
}

/// Why there is no bill.
#[derive(Debug, Error)]
pub enum EstimateError {
    /// A price is missing, or usage does not fit.
    #[error("{deployment}, {environment}")]
    Service {
        /// Which deployment.
        deployment: String,
        /// Which environment.
        environment: String,
        /// What is missing.
        source: ServiceError,
    },
    /// Profile and measurement do not fit each other.
    #[error("{0}")]
    Profile(String),
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
/// [`EstimateError`], which names the deployment, the environment and what is missing.
pub fn estimate(deployment: Deployment, inputs: Inputs<'_>) -> Result<DeploymentBill, EstimateError> {
    let mut environments = Vec::new();
    for environment in &inputs.profile.environments {
        environments.push(estimate_environment(deployment, environment, inputs)?);
    }
    let total = environments.iter().map(|bill| bill.total).sum();
    let orders = inputs.profile.orders_per_month;
    let production = inputs.profile.environments.iter().position(|environment| environment.name == "prod").unwrap_or(0);
    let production = environments.get(production).filter(|_| !orders.is_zero());
    let per_thousand_orders = production.map(|bill| bill.total / orders * dec!(1000));
    Ok(DeploymentBill { deployment: deployment.name(), environments, total, per_thousand_orders })
}

/// The bill of one environment.
///
/// # Errors
/// As [`estimate`].
pub fn estimate_environment(
    deployment: Deployment,
    environment: &Environment,
    inputs: Inputs<'_>,
) -> Result<EnvironmentBill, EstimateError> {
    let lines = lines(deployment, environment, inputs)?;
    let idle = Environment { load: Decimal::ZERO, ..environment.clone() };
    let idle = total(self::lines(deployment, &idle, inputs)?.iter().map(|line| &line.line));
    let days = (environment.hours / dec!(24)).max(Decimal::ONE);
    let sum = total(lines.iter().map(|line| &line.line));
    Ok(EnvironmentBill { environment: environment.name.clone(), lines, total: sum, idle_per_day: idle / days })
}

/// All lines of a deployment, each with the name of its environment.
///
/// # Errors
/// As [`estimate`].
pub fn monthly_lines(deployment: Deployment, inputs: Inputs<'_>) -> Result<Vec<(String, BillLine)>, EstimateError> {
    let mut all = Vec::new();
    for environment in &inputs.profile.environments {
        let lines = lines(deployment, environment, inputs)?;
        all.extend(lines.into_iter().map(|line| (environment.name.clone(), line)));
    }
    Ok(all)
}

/// USD a month of a deployment, all environments.
///
/// # Errors
/// As [`estimate`].
pub fn monthly_total(deployment: Deployment, inputs: Inputs<'_>) -> Result<Decimal, EstimateError> {
    Ok(monthly_lines(deployment, inputs)?.iter().map(|(_, line)| line.line.amount).sum())
}

fn lines(
    deployment: Deployment,
    environment: &Environment,
    inputs: Inputs<'_>,
) -> Result<Vec<BillLine>, EstimateError> {
    let demand = Demand::of(deployment, environment, inputs).map_err(EstimateError::Profile)?;
    let sizes = &environment.stack.modules.function_memory_mb;
    if let Some(unknown) = demand.functions.keys().find(|function| !sizes.contains_key(*function)) {
        return Err(EstimateError::Profile(format!("functions/settings.json has no function {unknown:?}")));
    }
    let mut sheet = Sheet::new(deployment, environment, inputs);
    let all = front::charge(&mut sheet, &demand)
        .and_then(|()| match deployment.path {
            Path::Fargate => fargate_path::charge(&mut sheet, &demand),
            Path::Lambda => lambda_path::charge(&mut sheet, &demand),
        })
        .and_then(|()| data::charge(&mut sheet, &demand))
        .and_then(|()| operations::charge(&mut sheet, &demand));
    all.map_err(|source| EstimateError::Service {
        deployment: deployment.name(),
        environment: environment.name.clone(),
        source,
    })?;
    Ok(sheet.lines)
}

/// The bill while it is written.
struct Sheet<'a> {
    deployment: Deployment,
    environment: &'a Environment,
    profile: &'a Profile,
    measured: &'a Measured,
    context: Context<'a>,
    /// Share of a day's load in each of its hours.
    day: Vec<Decimal>,
    cold_starts: OnceCell<BTreeMap<String, Decimal>>,
    lines: Vec<BillLine>,
}

impl<'a> Sheet<'a> {
    fn new(deployment: Deployment, environment: &'a Environment, inputs: Inputs<'a>) -> Self {
        let Inputs { profile, measured, book } = inputs;
        let prices = Prices::of(book, &profile.region).with_fallback(profile.fallback_region.as_deref());
        let options = &profile.options;
        let context =
            Context { free_tier: options.free_tier, month_hours: options.month_hours, ..Context::new(prices) };
        Self {
            deployment,
            environment,
            profile,
            measured,
            context,
            day: profile.hours(),
            cold_starts: OnceCell::new(),
            lines: Vec::new(),
        }
    }

    /// Adds the bill of a service; empty lines that scale with use are left out.
    fn add(&mut self, part: Part, service: &Service, usage: &Usage) -> Result<(), ServiceError> {
        let statement = (service.bill)(usage, &self.context)?;
        self.lines.extend(statement.lines.into_iter().map(|line| BillLine { part, line }));
        Ok(())
    }

    /// Hours of the environment.
    fn hours(&self) -> Decimal {
        self.environment.hours
    }

    /// Share of the month that the environment exists.
    fn months(&self) -> Decimal {
        self.environment.hours / self.profile.options.month_hours
    }

    /// Memory of a function, MB.
    fn function_memory_mb(&self, function: &str) -> Decimal {
        let memory = &self.environment.stack.modules.function_memory_mb;
        memory.get(function).map_or(Decimal::ZERO, |memory| memory.0)
    }

    /// Data in the store. Every environment has the catalog; orders and carts grow with the load.
    fn data_gb(&self) -> Decimal {
        self.profile.data_gb * self.environment.load.max(dec!(0.1))
    }

    /// Invocations of each function that start an environment: the profile's share, or what the load of each hour of the day gives.
    fn cold_starts(&self, demand: &Demand) -> &BTreeMap<String, Decimal> {
        self.cold_starts.get_or_init(|| {
            let functions = demand.functions.iter();
            functions.map(|(name, function)| (name.clone(), self.cold_starts_of(name, function))).collect()
        })
    }

    fn cold_starts_of(&self, name: &str, function: &FunctionDemand) -> Decimal {
        if let Some(share) = self.profile.options.cold_start_share {
            return function.requests * share;
        }
        let float = |value: Decimal| value.to_f64().unwrap_or_default();
        let slowdown = float(lambda::slowdown(self.function_memory_mb(name)));
        let stay_s = float(self.profile.options.idle_environment_s);
        // Seconds of one hour of the day in all days that the environment exists.
        let seconds = float(self.hours()) * 3600.0 / 24.0;
        let [requests, wall_ms, cpu_ms] = [function.requests, function.wall_ms, function.cpu_ms].map(float);
        if requests <= 0.0 || seconds <= 0.0 {
            return Decimal::ZERO;
        }
        let service_s = (wall_ms + cpu_ms * (slowdown - 1.0)) / requests / 1000.0;
        let in_an_hour = |hour: f64| requests * hour * cold_share(requests * hour / seconds, service_s, stay_s);
        let starts: f64 = self.day.iter().map(|hour| in_an_hour(float(*hour))).sum();
        Decimal::from_f64(starts).unwrap_or_default().round_dp(6)
    }

    /// How well times, memory and sizes of the measured profile are known, and with them what is computed from them.
    fn measured_known(&self) -> Known {
        self.measured.times().max(Known::Derived)
    }

    /// The same for units, statements and bytes.
    fn counted_known(&self) -> Known {
        self.measured.counts().max(Known::Derived)
    }
}
