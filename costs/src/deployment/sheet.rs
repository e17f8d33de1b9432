//! The bill of an environment while its lines are added, and what several of them need.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};
use rust_decimal::{Decimal, dec};

use super::{BillLine, Deployment, FunctionDemand, Inputs, Load, Part, Path};
use crate::line::Known;
use crate::measured::Measured;
use crate::price_book::Prices;
use crate::profile::{Environment, Profile};
use crate::services::{Context, Service, Statement, lambda};
use crate::simulation::cold_share;
use crate::terraform::PaymentProvider;

pub struct Sheet<'a> {
    pub deployment: Deployment,
    pub environment: &'a Environment,
    pub profile: &'a Profile,
    pub measured: &'a Measured,
    context: Context<'a>,
    /// Share of a day's load in each of its hours.
    pub day: Vec<Decimal>,
    cold_starts: OnceCell<BTreeMap<String, Decimal>>,
    pub lines: Vec<BillLine>,
}

impl<'a> Sheet<'a> {
    pub fn new(deployment: Deployment, environment: &'a Environment, inputs: Inputs<'a>) -> Self {
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

    pub fn add(&mut self, part: Part, usage: &dyn Service) -> anyhow::Result<()> {
        let lines = Statement::of(usage, &self.context)?.lines;
        self.lines.extend(lines.into_iter().map(|line| BillLine { part, line }));
        Ok(())
    }

    pub fn tasks(&self) -> bool {
        self.deployment.path != Path::Lambda
    }

    pub fn functions(&self) -> bool {
        self.deployment.path != Path::Fargate
    }

    /// Whether the worker is a function: else a task of the backend does its work.
    pub fn worker_is_function(&self) -> bool {
        match self.deployment.path {
            Path::Fargate => false,
            Path::Lambda => true,
            Path::Both => self.environment.stack.worker_is_function(),
        }
    }

    /// ECS services, that of the test payments included.
    pub fn services(&self) -> usize {
        let payments = self.environment.stack.payment_provider == PaymentProvider::Fake;
        self.environment.services().len() + usize::from(payments)
    }

    pub fn hours(&self) -> Decimal {
        self.environment.hours
    }

    /// Rounds of the worker, one a minute.
    pub fn worker_rounds(&self) -> Decimal {
        self.hours() * dec!(60)
    }

    /// Share of the month that the environment exists.
    pub fn months(&self) -> Decimal {
        self.environment.hours / self.profile.options.month_hours
    }

    pub fn function_memory_mb(&self, function: &str) -> Decimal {
        let memory = &self.environment.stack.modules.function_memory_mb;
        memory.get(function).copied().unwrap_or_default()
    }

    /// Data in the store. Every environment has the catalog; orders and carts grow with the load.
    pub fn data_gb(&self) -> Decimal {
        self.profile.data_gb * self.environment.load.max(dec!(0.1))
    }

    /// Invocations of each function that start an environment: the profile's share, or what the load of each hour of the day gives.
    pub fn cold_starts(&self, load: &Load) -> &BTreeMap<String, Decimal> {
        self.cold_starts.get_or_init(|| {
            let functions = load.functions.iter();
            functions.map(|(name, function)| (name.clone(), self.cold_starts_of(name, function))).collect()
        })
    }

    fn cold_starts_of(&self, name: &str, function: &FunctionDemand) -> Decimal {
        if let Some(share) = self.profile.options.cold_start_share {
            return function.requests * share;
        }
        let slowdown = float(lambda::slowdown(self.function_memory_mb(name)));
        let stay_s = float(self.profile.options.idle_environment_s);
        // Seconds of one hour of the day in all days that the environment exists.
        let seconds = float(self.hours()) * 3600.0 / 24.0;
        let [requests, wall_ms, cpu_ms] = [function.requests, function.wall_ms, function.cpu_ms].map(float);
        if requests <= 0.0 || seconds <= 0.0 {
            return Decimal::ZERO;
        }
        let service_s = (wall_ms + cpu_ms * (slowdown - 1.0)) / requests / 1000.0;
        self.over_a_day(|hour| requests * hour * cold_share(requests * hour / seconds, service_s, stay_s))
    }

    /// The sum over the hours of a day of what follows from an hour's share of the load.
    pub fn over_a_day(&self, of_an_hour: impl Fn(f64) -> f64) -> Decimal {
        let sum: f64 = self.day.iter().map(|hour| of_an_hour(float(*hour))).sum();
        Decimal::from_f64(sum).unwrap_or_default().round_dp(6)
    }

    /// How well times, memory and sizes of the measured profile are known, and with them what is computed from them.
    pub fn measured_known(&self) -> Known {
        self.measured.times().max(Known::Derived)
    }

    /// The same for units, statements and bytes.
    pub fn counted_known(&self) -> Known {
        self.measured.counts().max(Known::Derived)
    }
}

pub fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or_default()
}
