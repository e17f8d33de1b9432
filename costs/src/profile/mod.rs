//! The traffic profile: what a shop sells and when, and how much of it each environment gets. What the environments consist of
//! is read from Terraform. Unknown fields are errors; all but name, orders, journeys and environments have defaults.

mod environment;
mod options;

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, ensure};
use rust_decimal::{Decimal, dec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::number;
use crate::services::MONTH_HOURS;
use crate::terraform::Stack;
pub use environment::Environment;
pub use options::Options;

/// Profiles that come with the program.
const EXAMPLES: [(&str, &str); 3] = [
    ("demo", include_str!("../../data/profiles/demo.json")),
    ("small-shop", include_str!("../../data/profiles/small-shop.json")),
    ("large-shop", include_str!("../../data/profiles/large-shop.json")),
];

/// The most that a number of a profile may be.
const MOST: Decimal = dec!(1_000_000_000_000);

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
    /// Region of the prices; Terraform's default when not given.
    #[serde(default)]
    pub region: String,
    /// Region whose prices stand in where the price book has none for `region`; such lines are unverified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_region: Option<String>,
    /// Orders a month in production.
    pub orders_per_month: Decimal,
    /// Journeys of each kind for one order; the kinds are those of the measured profile.
    pub journeys_per_order: BTreeMap<String, Decimal>,
    /// Weights of the hours of a day, 24 of them; flat when not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hourly_shape: Vec<Decimal>,
    /// Product images in S3, GB.
    #[serde(default = "one")]
    pub images_gb: Decimal,
    /// Images that a browser loads in a journey.
    #[serde(default = "ten")]
    pub images_per_journey: Decimal,
    /// Size of one, KB.
    #[serde(default = "forty")]
    pub image_kb: Decimal,
    /// Data in the store in production, GB.
    #[serde(default = "one")]
    pub data_gb: Decimal,
    /// Environments of `terraform/stack/envs` with their traffic.
    #[serde(deserialize_with = "environment::environments")]
    pub environments: Vec<Environment>,
    /// Assumptions.
    #[serde(default)]
    pub options: Options,
    /// Low and high factor of an input, as `costs sensitivity` names it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uncertainty: BTreeMap<String, [Decimal; 2]>,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// What is wrong, with the field's name.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        let mut profile: Self =
            serde_json::from_str(text).map_err(|error| anyhow!("the profile cannot be read: {error}"))?;
        if let Some(environment) = profile.environments.first().filter(|_| profile.region.is_empty()) {
            profile.region.clone_from(&environment.stack.region);
        }
        profile.check()?;
        Ok(profile)
    }

    /// One of the profiles that come with the program.
    ///
    /// # Errors
    /// When no profile has that name.
    pub fn example(name: &str) -> anyhow::Result<Self> {
        let example = EXAMPLES.iter().find(|(example, _)| *example == name);
        let (_, text) = example.with_context(|| {
            let known: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
            format!("the profile {name:?} is neither a file nor one of the examples {}", known.join(", "))
        })?;
        Self::read(text)
    }

    /// The environment of this name; one that does not exist is an error with the names that do.
    pub(crate) fn environment(&self, name: &str) -> anyhow::Result<&Environment> {
        let found = self.environments.iter().find(|environment| environment.name == name);
        found.with_context(|| {
            let known: Vec<&str> = self.environments.iter().map(|one| &*one.name).collect();
            format!("the profile has no environment {name:?} (known: {})", known.join(", "))
        })
    }

    /// Share of a day's load in each of its 24 hours; sums to one, but for the 15th digit.
    pub fn hours(&self) -> Vec<Decimal> {
        let sum: Decimal = self.hourly_shape.iter().sum();
        if sum.is_zero() {
            return vec![(Decimal::ONE / dec!(24)).round_dp(SHARE_DIGITS); 24];
        }
        self.hourly_shape.iter().map(|weight| (weight / sum).round_dp(SHARE_DIGITS)).collect()
    }

    /// Replaces an environment by what another tfvars file makes of it.
    ///
    /// # Errors
    /// When Terraform would reject the file, or it is of an environment that the profile does not have.
    pub fn replace(&mut self, tfvars: &str) -> anyhow::Result<()> {
        let stack = Stack::read(tfvars)?;
        self.environment(&stack.environment.name)?;
        let name = stack.environment.name.clone();
        self.environments.iter_mut().filter(|one| one.name == name).for_each(|one| one.stack = stack.clone());
        self.check()
    }

    /// The environment that shoppers use: prod, else the first.
    pub(crate) fn production(&self) -> anyhow::Result<&Environment> {
        let named = self.environments.iter().find(|environment| environment.name == "prod");
        named.or(self.environments.first()).context("the profile: environments is empty")
    }

    /// What the types cannot say.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        check_numbers("", &serde_json::to_value(self)?)?;
        let options = &self.options;
        for (name, number) in [
            ("burst", options.burst),
            ("requests_per_connection", options.requests_per_connection),
            ("month_hours", options.month_hours),
        ] {
            ensure!(!number.is_zero(), "the profile: options.{name} is zero");
        }
        let share = options.cold_start_share.unwrap_or_default();
        ensure!(share <= Decimal::ONE, "the profile: options.cold_start_share is a share, at most 1");
        let weights = self.hourly_shape.len();
        ensure!(weights == 0 || weights == 24, "the profile: hourly_shape has {weights} weights, not 24");
        for environment in &self.environments {
            for (name, service) in environment.services() {
                let [vcpu, gb] = [service.cpu, service.memory_mb].map(|size| (size / dec!(1024)).normalize());
                check_task(vcpu, gb).with_context(|| format!("{}: {name}", environment.name))?;
                let least = environment.least(service);
                ensure!(!least.is_zero(), "{}: {name}: a service needs at least one task", environment.name);
            }
        }
        self.production().map(drop)
    }
}

/// Every number is zero or more, and not beyond any shop.
pub(crate) fn check_numbers(at: &str, value: &Value) -> anyhow::Result<()> {
    match value {
        Value::Number(_) => {
            let number = number::from_json(value).filter(|number| *number >= Decimal::ZERO && *number <= MOST);
            ensure!(number.is_some(), "{at} is {value}, not between 0 and 10^12");
            Ok(())
        }
        Value::Array(values) => {
            values.iter().enumerate().try_for_each(|(place, value)| check_numbers(&format!("{at}[{place}]"), value))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            check_numbers(&at, value)
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

fn check_task(vcpu: Decimal, gb: Decimal) -> anyhow::Result<()> {
    let size = TASK_SIZES.iter().find(|(size, ..)| *size == vcpu);
    let (_, least, most, step) =
        size.with_context(|| format!("Fargate has no tasks of {vcpu} vCPU, only 0.25, 0.5, 1, 2, 4, 8, 16"))?;
    let odd = vcpu == dec!(0.25) && gb == dec!(1.5);
    let fits = gb >= *least && gb <= *most && (gb % step).is_zero() && !odd;
    ensure!(fits, "a task of {vcpu} vCPU has {least} to {most} GB in steps of {step}, not {gb}");
    Ok(())
}

fn month() -> Decimal {
    MONTH_HOURS
}

fn one() -> Decimal {
    Decimal::ONE
}

fn ten() -> Decimal {
    Decimal::TEN
}

fn forty() -> Decimal {
    dec!(40)
}
