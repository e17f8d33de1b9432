//! The environments of a profile: each is Terraform's, with its share of the shop's traffic.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, dec};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{month, one};
use crate::terraform::{ENVIRONMENTS, Service, Stack};

/// One environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Environment {
    /// `prod`.
    pub name: String,
    /// Its load as a share of production's.
    pub load: Decimal,
    /// Hours a month that it exists.
    pub hours: Decimal,
    /// What Terraform deploys.
    pub stack: Stack,
}

/// What a profile says of an environment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Traffic {
    #[serde(default = "one")]
    load: Decimal,
    #[serde(default = "month")]
    hours: Decimal,
}

/// Reads `{"dev": {"load": 0.01}, "prod": {"load": 1}}`, in the order of the pipeline.
pub(super) fn environments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Environment>, D::Error> {
    let named: BTreeMap<String, Traffic> = Deserialize::deserialize(deserializer)?;
    let place = |name: &str| ENVIRONMENTS.iter().position(|(environment, _)| *environment == name);
    let mut environments = Vec::new();
    for (name, Traffic { load, hours }) in named {
        let stack = Stack::of(&name).map_err(|error| de::Error::custom(format!("{error:#}")))?;
        environments.push(Environment { name, load, hours, stack });
    }
    environments.sort_by_key(|environment| place(&environment.name));
    Ok(environments)
}

impl Environment {
    /// Days of the month that it exists, at least one.
    pub(crate) fn days(&self) -> Decimal {
        (self.hours / dec!(24)).max(Decimal::ONE)
    }

    /// The services of the shop.
    pub fn services(&self) -> [(&'static str, &Service); 2] {
        let sizes = &self.stack.environment;
        [("frontend", &sizes.frontend), ("backend", &sizes.backend)]
    }

    /// Tasks of a service without load.
    pub fn least(&self, service: &Service) -> Decimal {
        if self.autoscaling() { service.min } else { service.desired }
    }

    /// Tasks of all services without load.
    pub fn least_tasks(&self) -> Decimal {
        self.services().iter().map(|(_, service)| self.least(service)).sum()
    }

    /// Multiplies the tasks that run without load; at least one of each service stays.
    pub fn scale_least(&mut self, factor: Decimal) {
        self.each_least(|least| *least = (*least * factor).round().max(Decimal::ONE));
    }

    /// Changes the tasks that each service runs without load.
    pub fn each_least(&mut self, change: impl Fn(&mut Decimal)) {
        let scaled = self.autoscaling();
        let sizes = &mut self.stack.environment;
        for service in [&mut sizes.frontend, &mut sizes.backend] {
            change(if scaled { &mut service.min } else { &mut service.desired });
        }
    }

    /// Whether the number of tasks follows the load.
    pub fn autoscaling(&self) -> bool {
        self.stack.environment.autoscaling
    }
}
