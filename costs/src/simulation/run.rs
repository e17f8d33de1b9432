//! The run: draws each request once and gives the same one to both paths.

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::Distribution as _;
use rand_distr::weighted::WeightedIndex;
use rust_decimal::prelude::ToPrimitive as _;

use super::arrivals::HourOfArrivals;
use super::budget::Budget;
use super::outcome::{FargateOutcome, Hour, LambdaHour, LambdaOutcome, Latencies, Outcome};
use super::service::Service;
use super::task::{Ended, Job};
use super::{Environments, HOUR, MINUTE, Nanos, Plan, SECOND, ServiceSettings, Start, Trace, Work, nanos, seconds};
use crate::services::lambda::slowdown;

/// Synchronous requests a second for each unit of concurrency.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>
const REQUESTS_PER_CONCURRENCY: u32 = 10;
/// Sets the arrivals' random numbers apart from those of what requests need.
const OTHER_STREAM: u64 = 0x9e37_79b9_7f4a_7c15;

/// Runs `plan` under `trace`. The same seed gives the same outcome on every machine.
///
/// # Errors
/// When the plan has no requests.
pub fn simulate(plan: &Plan, trace: &Trace, seed: u64) -> anyhow::Result<Outcome> {
    let classes = WeightedIndex::new(plan.classes.iter().map(|class| class.share))
        .context("there are no requests to simulate: no journey has any")?;
    let mut arrivals = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut needs = Xoshiro256PlusPlus::seed_from_u64(seed ^ OTHER_STREAM);
    let mut lambda = Lambda::new(plan);
    let mut fargate = Fargate::new(plan, trace);
    let (mut requests, mut by_hour, mut begin) = (0, Vec::with_capacity(trace.rates().len()), 0);
    for rate in trace.rates() {
        let mut instants = HourOfArrivals::new(*rate);
        let mut next = instants.next(&mut arrivals);
        let mut arrived = 0;
        for minute in 1..=60 {
            while let Some(at) = next
                && at < minute * MINUTE
            {
                let class = &plan.classes[classes.sample(&mut needs)];
                // One number scales both parts of a request: a large one computes and waits for longer.
                let size = plan.spread.draw(&mut needs);
                lambda.arrive(begin + at, class.function, Need::of(class.lambda, size));
                fargate.arrive(begin + at, Need::of(class.fargate, size));
                arrived += 1;
                next = instants.next(&mut arrivals);
            }
            fargate.minute(begin + minute * MINUTE);
        }
        begin += HOUR;
        requests += arrived;
        lambda.cold_latencies.close_hour();
        by_hour.push(Hour {
            requests: arrived,
            lambda_latency: lambda.latencies.close_hour(),
            lambda: lambda.close_hour(begin),
            services: fargate.services.iter_mut().map(Service::close_hour).collect(),
            fargate_latency: fargate.ends.latencies.close_hour(),
        });
    }
    let hours = by_hour.len();
    Ok(Outcome { seed, requests, lambda: lambda.outcome(hours), fargate: fargate.outcome(hours), by_hour })
}

/// What one request takes: CPU time on a whole vCPU and time without it, nanoseconds.
#[derive(Clone, Copy)]
struct Need {
    cpu: f64,
    wait: f64,
}

impl Need {
    fn of(mean: Work, size: f64) -> Self {
        Self { cpu: mean.cpu_ms * 1e6 * size, wait: mean.wait_ms * 1e6 * size }
    }
}

struct Function {
    environments: Environments,
    /// How much longer CPU time takes than on a whole vCPU.
    slowdown: f64,
    init: Nanos,
    memory_mb: u32,
    hour_billed_ms: u64,
}

struct Lambda {
    functions: Vec<Function>,
    placement: Nanos,
    concurrency: usize,
    rate: Budget,
    latencies: Latencies,
    cold_latencies: Latencies,
    hour: LambdaHour,
    total: LambdaHour,
}

impl Lambda {
    fn new(plan: &Plan) -> Self {
        let settings = &plan.lambda;
        let functions = settings.functions.iter().map(|function| Function {
            environments: Environments::new(nanos(settings.idle_expiry_s), Some(settings.starts_per_10_s)),
            slowdown: slowdown(function.memory_mb.into()).to_f64().unwrap_or(f64::NAN),
            init: nanos(function.init_ms / 1000.0),
            memory_mb: function.memory_mb,
            hour_billed_ms: 0,
        });
        Self {
            functions: functions.collect(),
            placement: nanos(settings.placement_ms / 1000.0),
            concurrency: settings.account_concurrency as usize,
            rate: Budget::new(settings.account_concurrency.saturating_mul(REQUESTS_PER_CONCURRENCY), 1.0),
            latencies: Latencies::new(),
            cold_latencies: Latencies::new(),
            hour: LambdaHour::default(),
            total: LambdaHour::default(),
        }
    }

    fn arrive(&mut self, now: Nanos, function: usize, need: Need) {
        let full = self.is_full(now, function) || !self.rate.take(now);
        let function = &mut self.functions[function];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to int cast saturates")]
        let duration = (need.cpu * function.slowdown + need.wait) as Nanos;
        let cold = self.placement + function.init + duration;
        let start = if full { Start::Throttled } else { function.environments.start(now, duration, cold) };
        let billed = match start {
            Start::Warm => {
                self.latencies.record(duration);
                duration
            }
            Start::Cold => {
                self.latencies.record(cold);
                self.cold_latencies.record(cold);
                self.hour.cold_starts += 1;
                duration + function.init
            }
            Start::Throttled => {
                self.hour.throttled += 1;
                return;
            }
        };
        function.hour_billed_ms += billed.div_ceil(SECOND / 1000);
        self.hour.answered += 1;
    }

    /// Whether the account's concurrency is used up. Only the function that is asked is up to date; the others are looked at
    /// when it matters.
    fn is_full(&mut self, now: Nanos, function: usize) -> bool {
        self.functions[function].environments.settle(now);
        let busy = |all: &[Function]| all.iter().map(|function| function.environments.busy()).sum::<usize>();
        busy(&self.functions) >= self.concurrency && {
            self.functions.iter_mut().for_each(|function| function.environments.settle(now));
            busy(&self.functions) >= self.concurrency
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds of an hour")]
    fn close_hour(&mut self, now: Nanos) -> LambdaHour {
        let mut hour = std::mem::take(&mut self.hour);
        for function in &mut self.functions {
            let measures = function.environments.take_measures(now);
            hour.environments += measures.alive_seconds / seconds(HOUR);
            hour.peak_busy += measures.peak_busy;
            let billed_ms = std::mem::take(&mut function.hour_billed_ms);
            hour.gb_seconds += billed_ms as f64 / 1000.0 * f64::from(function.memory_mb) / 1024.0;
        }
        let total = &mut self.total;
        total.answered += hour.answered;
        total.cold_starts += hour.cold_starts;
        total.throttled += hour.throttled;
        total.gb_seconds += hour.gb_seconds;
        total.environments += hour.environments;
        total.peak_busy = total.peak_busy.max(hour.peak_busy);
        hour
    }

    #[expect(clippy::cast_precision_loss, reason = "shares and means")]
    fn outcome(self, hours: usize) -> LambdaOutcome {
        let total = LambdaHour { environments: self.total.environments / hours as f64, ..self.total };
        LambdaOutcome {
            latency: self.latencies.total(),
            cold_latency: self.cold_latencies.total(),
            cold_start_share: (total.answered > 0).then(|| total.cold_starts as f64 / total.answered as f64),
            total,
        }
    }
}

/// A request that passes the services of Fargate.
#[derive(Clone, Copy)]
struct Passing {
    left: usize,
    latency: Nanos,
    refused: bool,
}

/// Puts together what the services say of each request. A service sees all requests at the instant of their arrival at the
/// first; that they really come a little later to the second changes neither rate nor order noticeably.
struct Ends {
    services: usize,
    passing: Vec<Passing>,
    free: Vec<u32>,
    latencies: Latencies,
    refused: u64,
}

impl Ends {
    fn begin(&mut self) -> u32 {
        let new = Passing { left: self.services, latency: 0, refused: false };
        if let Some(slot) = self.free.pop() {
            self.passing[slot as usize] = new;
            return slot;
        }
        self.passing.push(new);
        u32::try_from(self.passing.len() - 1).unwrap_or(u32::MAX)
    }

    fn end(&mut self, end: Ended) {
        let passing = &mut self.passing[end.slot as usize];
        passing.left -= 1;
        passing.latency += end.latency.unwrap_or_default();
        passing.refused |= end.latency.is_none();
        if passing.left > 0 {
            return;
        }
        self.free.push(end.slot);
        if passing.refused {
            self.refused += 1;
        } else {
            self.latencies.record(passing.latency);
        }
    }
}

struct Fargate {
    services: Vec<Service>,
    /// The part of the CPU time that each spends.
    shares: Vec<f64>,
    ends: Ends,
}

impl Fargate {
    fn new(plan: &Plan, trace: &Trace) -> Self {
        let service = |service| Service::new(service, tasks_at_start(service, plan, trace));
        let services = plan.services.len();
        Self {
            services: plan.services.iter().map(service).collect(),
            shares: plan.services.iter().map(|service| service.cpu_share).collect(),
            ends: Ends { services, passing: Vec::new(), free: Vec::new(), latencies: Latencies::new(), refused: 0 },
        }
    }

    /// The store is behind the last service, so that one waits for it.
    fn arrive(&mut self, now: Nanos, need: Need) {
        if self.services.is_empty() {
            return;
        }
        let slot = self.ends.begin();
        let last = self.services.len() - 1;
        for (index, service) in self.services.iter_mut().enumerate() {
            let wait = if index == last { need.wait } else { 0.0 };
            let job = Job { slot, arrived: now, cpu: need.cpu * self.shares[index], wait };
            service.arrive(job, &mut |end| self.ends.end(end));
        }
    }

    fn minute(&mut self, now: Nanos) {
        for service in &mut self.services {
            service.minute(now, &mut |end| self.ends.end(end));
        }
    }

    fn outcome(self, hours: usize) -> FargateOutcome {
        FargateOutcome {
            latency: self.ends.latencies.total(),
            refused: self.ends.refused,
            services: self.services.into_iter().map(|service| service.outcome(hours)).collect(),
        }
    }
}

/// Tasks that the first hour needs, so that the run does not begin with an overload that nobody would have.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to int cast saturates")]
fn tasks_at_start(service: &ServiceSettings, plan: &Plan, trace: &Trace) -> u32 {
    let shares: f64 = plan.classes.iter().map(|class| class.share).sum();
    let cpu_ms: f64 = plan.classes.iter().map(|class| class.share / shares * class.fargate.cpu_ms).sum();
    let first = trace.rates().first().copied().unwrap_or_default();
    let offered = first * cpu_ms / 1000.0 * service.cpu_share;
    let needed = (offered / (service.vcpu * service.target_utilization)).ceil() as u32;
    needed.clamp(service.tasks_min, service.tasks_max)
}
