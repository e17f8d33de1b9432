//! The traffic profile: what a shop sells, when, and in which environments it runs. Files of people: unknown fields are
//! errors, everything but the name and the orders has a default.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, dec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::number;
use crate::services::MONTH_HOURS;

/// Profiles that come with the program.
pub const EXAMPLES: [(&str, &str); 3] = [
    ("demo", include_str!("../data/profiles/demo.json")),
    ("small-shop", include_str!("../data/profiles/small-shop.json")),
    ("large-shop", include_str!("../data/profiles/large-shop.json")),
];

/// A shop and its environments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// For the title.
    pub name: String,
    /// One sentence about it.
    #[serde(default)]
    pub about: String,
    /// Region of the prices.
    #[serde(default = "region")]
    pub region: String,
    /// Region whose prices stand in where the price book has none for `region`; such lines are unverified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_region: Option<String>,
    /// Orders a month in production.
    #[serde(with = "number")]
    pub orders_per_month: Decimal,
    /// Journeys of each kind for one order; the kinds are those of the measured profile.
    pub journeys_per_order: BTreeMap<String, Count>,
    /// Weights of the hours of a day, 24 of them; flat when not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hourly_shape: Vec<Count>,
    /// Products' pictures in S3, GB.
    #[serde(default = "one", with = "number")]
    pub pictures_gb: Decimal,
    /// Pictures that a browser loads in a journey.
    #[serde(default = "ten", with = "number")]
    pub pictures_per_journey: Decimal,
    /// Size of one, KB.
    #[serde(default = "forty", with = "number")]
    pub picture_kb: Decimal,
    /// Data in the store in production, GB.
    #[serde(default = "one", with = "number")]
    pub data_gb: Decimal,
    /// Environments with their sizes.
    pub environments: Vec<Environment>,
    /// How it is built and run.
    #[serde(default)]
    pub options: Options,
    /// Low and high factor of an input, as `costs sensitivity` names it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uncertainty: BTreeMap<String, [Count; 2]>,
}

/// A number of a profile, zero or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Count(#[serde(with = "number")] pub Decimal);

/// One environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the profile")]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// `prod`.
    pub name: String,
    /// Its load as a share of production's.
    #[serde(with = "number")]
    pub load: Decimal,
    /// Hours a month that it exists.
    #[serde(default = "month", with = "number")]
    pub hours: Decimal,
    /// Least tasks of each service.
    #[serde(default = "one", with = "number")]
    pub minimum_tasks: Decimal,
    /// Whether tasks and capacity follow the load; without it the minimum must do.
    #[serde(default = "yes")]
    pub autoscaling: bool,
    /// Availability zones.
    #[serde(default = "two", with = "number")]
    pub azs: Decimal,
    /// Class of the RDS instance.
    #[serde(default = "class")]
    pub instance: String,
    /// A standby of the RDS instance.
    #[serde(default)]
    pub multi_az: bool,
    /// Allocated storage of the RDS instance, GB.
    #[serde(default = "twenty", with = "number")]
    pub storage_gb: Decimal,
    /// Continuous backups.
    #[serde(default)]
    pub backups: bool,
    /// Tasks on Fargate Spot.
    #[serde(default)]
    pub spot: bool,
    /// Environments of provisioned concurrency of each function.
    #[serde(default, with = "number")]
    pub provisioned_concurrency: Decimal,
}

/// How the shop is built and run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// `arm64` or `x86_64`.
    pub arch: Arch,
    /// Memory size of a function, MB.
    #[serde(with = "number")]
    pub function_memory_mb: Decimal,
    /// Share of invocations that start an environment, until the simulation or a measurement says better.
    #[serde(with = "number")]
    pub cold_start_share: Decimal,
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
            cold_start_share: dec!(0.01),
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

/// Why a profile cannot be used.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// Not this format; the message names the field.
    #[error("the profile cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A value that makes no sense.
    #[error("the profile: {0}")]
    Broken(String),
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// [`ProfileError`], which names the field.
    pub fn read(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = serde_json::from_str(text)?;
        profile.check().map_err(ProfileError::Broken)?;
        Ok(profile)
    }

    /// One of the profiles that come with the program.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn example(name: &str) -> Result<Self, ProfileError> {
        let known: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
        let text = EXAMPLES.iter().find(|(example, _)| *example == name).map(|(_, text)| *text);
        let unknown = || ProfileError::Broken(format!("there is no example {name:?} (known: {})", known.join(", ")));
        Self::read(text.ok_or_else(unknown)?)
    }

    /// Share of a day's load in each of its 24 hours; sums to one.
    pub fn hours(&self) -> Vec<Decimal> {
        let sum: Decimal = self.hourly_shape.iter().map(|weight| weight.0).sum();
        if sum.is_zero() {
            return vec![Decimal::ONE / dec!(24); 24];
        }
        self.hourly_shape.iter().map(|weight| weight.0 / sum).collect()
    }

    fn check(&self) -> Result<(), String> {
        let most = dec!(1_000_000_000_000);
        let options = serde_json::to_value(self).map_err(|error| error.to_string())?;
        check_numbers("", &options, most)?;
        let positive = [
            ("function_memory_mb", self.options.function_memory_mb),
            ("task_vcpu", self.options.task_vcpu),
            ("task_gb", self.options.task_gb),
            ("services", self.options.services),
            ("target_utilization", self.options.target_utilization),
            ("burst", self.options.burst),
            ("requests_per_connection", self.options.requests_per_connection),
            ("statements_per_acu", self.options.statements_per_acu),
            ("month_hours", self.options.month_hours),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, number)| number.is_zero()) {
            return Err(format!("options.{name} is zero"));
        }
        if self.options.cold_start_share > Decimal::ONE || self.options.target_utilization > Decimal::ONE {
            return Err("options.cold_start_share and options.target_utilization are shares, at most 1".to_owned());
        }
        if !self.hourly_shape.is_empty() && self.hourly_shape.len() != 24 {
            return Err(format!("hourly_shape has {} weights, not 24", self.hourly_shape.len()));
        }
        if self.environments.is_empty() {
            return Err("environments is empty".to_owned());
        }
        check_task(self.options.task_vcpu, self.options.task_gb)
    }
}

/// Every number in a profile is zero or more, and not beyond any shop.
fn check_numbers(at: &str, value: &serde_json::Value, most: Decimal) -> Result<(), String> {
    match value {
        serde_json::Value::Number(_) => match number::from_json(value) {
            Some(number) if number >= Decimal::ZERO && number <= most => Ok(()),
            _ => Err(format!("{at} is {value}, not between 0 and 10^12")),
        },
        serde_json::Value::Array(values) => values
            .iter()
            .enumerate()
            .try_for_each(|(place, value)| check_numbers(&format!("{at}[{place}]"), value, most)),
        serde_json::Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            check_numbers(&at, value, most)
        }),
        _ => Ok(()),
    }
}

/// Sizes that Fargate has on Linux: vCPU, least, most and step of memory in GB (ECS developer guide, "Task size").
const TASK_SIZES: [(Decimal, Decimal, Decimal, Decimal); 7] = [
    (dec!(0.25), dec!(0.5), dec!(2), dec!(0.5)),
    (dec!(0.5), dec!(1), dec!(4), dec!(1)),
    (dec!(1), dec!(2), dec!(8), dec!(1)),
    (dec!(2), dec!(4), dec!(16), dec!(1)),
    (dec!(4), dec!(8), dec!(30), dec!(1)),
    (dec!(8), dec!(16), dec!(60), dec!(4)),
    (dec!(16), dec!(32), dec!(120), dec!(8)),
];

fn check_task(vcpu: Decimal, gb: Decimal) -> Result<(), String> {
    let size = TASK_SIZES.iter().find(|(size, ..)| *size == vcpu);
    let Some((_, least, most, step)) = size else {
        return Err(format!("Fargate has no tasks of {vcpu} vCPU, only 0.25, 0.5, 1, 2, 4, 8, 16"));
    };
    let odd = vcpu == dec!(0.25) && gb == dec!(1.5);
    if gb < *least || gb > *most || !(gb % step).is_zero() || odd {
        return Err(format!("a task of {vcpu} vCPU has {least} to {most} GB in steps of {step}, not {gb}"));
    }
    Ok(())
}

fn region() -> String {
    "us-east-1".to_owned()
}

fn class() -> String {
    "db.t4g.micro".to_owned()
}

fn month() -> Decimal {
    MONTH_HOURS
}

fn yes() -> bool {
    true
}

fn one() -> Decimal {
    Decimal::ONE
}

fn two() -> Decimal {
    Decimal::TWO
}

fn ten() -> Decimal {
    Decimal::TEN
}

fn twenty() -> Decimal {
    dec!(20)
}

fn forty() -> Decimal {
    dec!(40)
}
