//! The traffic profile: what a shop sells, when, and in which environments it runs. Files of people: unknown fields are
//! errors, everything but the name and the orders has a default.

mod options;

use std::collections::BTreeMap;

use rust_decimal::{Decimal, dec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::number;
use crate::services::MONTH_HOURS;
pub use options::{Arch, Egress, Observability, Options, Relational};

/// Profiles that come with the program.
pub const EXAMPLES: [(&str, &str); 3] = [
    ("demo", include_str!("../../data/profiles/demo.json")),
    ("small-shop", include_str!("../../data/profiles/small-shop.json")),
    ("large-shop", include_str!("../../data/profiles/large-shop.json")),
];

/// Digits of an hour's share: all that `Decimal` has would make every product with it three times as slow.
const SHARE_DIGITS: u32 = 15;

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

    /// Share of a day's load in each of its 24 hours; sums to one, but for the 15th digit.
    pub fn hours(&self) -> Vec<Decimal> {
        let sum: Decimal = self.hourly_shape.iter().map(|weight| weight.0).sum();
        if sum.is_zero() {
            return vec![(Decimal::ONE / dec!(24)).round_dp(SHARE_DIGITS); 24];
        }
        self.hourly_shape.iter().map(|weight| (weight.0 / sum).round_dp(SHARE_DIGITS)).collect()
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
        if self.options.cold_start_share.is_some_and(|share| share > Decimal::ONE)
            || self.options.target_utilization > Decimal::ONE
        {
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

/// Class of the RDS instance of an environment that says none.
pub(crate) fn class() -> String {
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

/// Its storage, GB.
pub(crate) fn twenty() -> Decimal {
    dec!(20)
}

fn forty() -> Decimal {
    dec!(40)
}
