//! The run: draws each request once and gives the same one to both paths.

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::Distribution as _;
use rand_distr::weighted::WeightedIndex;
use rust_decimal::prelude::ToPrimitive as _;

use super::arrivals::HourOfArrivals;
use super::outcome::{FargateOutcome, LambdaOutcome, Latencies, Outcome};
use super::service::Service;
use super::task::{Ended, Job};
use super::{Environments, HOUR, MINUTE, Nanos, Plan, SECOND, ServiceSettings, Start, Trace, Work, nanos, seconds};
use crate::services::lambda::slowdown;

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
    let (mut requests, mut begin) = (0, 0);
    for rate in trace.rates() {
        let mut instants = HourOfArrivals::new(*rate);
        let mut next = instants.next(&mut arrivals);
        for minute in 1..=60 {
            while let Some(at) = next
                && at < minute * MINUTE
            {
                let class = &plan.classes[classes.sample(&mut needs)];
                // One number scales both parts of a request: a large one computes and waits for longer.
                let size = plan.spread.draw(&mut needs);
                lambda.arrive(begin + at, class.function, Need::of(class.lambda, size));
                fargate.arrive(begin + at, Need::of(class.fargate, size));
                requests += 1;
                next = instants.next(&mut arrivals);
            }
            fargate.minute(begin + minute * MINUTE);
        }
        begin += HOUR;
        lambda.hour(begin);
    }
    let hours = trace.rates().len();
    Ok(Outcome { seed, hours, requests, lambda: lambda.outcome(requests, begin), fargate: fargate.outcome() })
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
    billed_ms: u64,
}

struct Lambda {
    functions: Vec<Function>,
    placement: Nanos,
    latencies: Latencies,
    cold_latencies: Latencies,
    cold_starts: u64,
    alive_seconds: f64,
    peak_busy: usize,
}

impl Lambda {
    fn new(plan: &Plan) -> Self {
        let functions = plan.lambda.functions.iter().map(|function| Function {
            environments: Environments::new(nanos(plan.lambda.idle_expiry_s)),
            slowdown: slowdown(function.memory_mb.into()).to_f64().unwrap_or(f64::NAN),
            init: nanos(function.init_ms / 1000.0),
            memory_mb: function.memory_mb,
            billed_ms: 0,
        });
        Self {
            functions: functions.collect(),
            placement: nanos(plan.lambda.placement_ms / 1000.0),
            latencies: Latencies::new(),
            cold_latencies: Latencies::new(),
            cold_starts: 0,
            alive_seconds: 0.0,
            peak_busy: 0,
        }
    }

    fn arrive(&mut self, now: Nanos, function: usize, need: Need) {
        let function = &mut self.functions[function];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to int cast saturates")]
        let duration = (need.cpu * function.slowdown + need.wait) as Nanos;
        let cold = self.placement + function.init + duration;
        function.environments.settle(now);
        let billed = match function.environments.start(now, duration, cold) {
            Start::Warm => {
                self.latencies.record(duration);
                duration
            }
            Start::Cold => {
                self.latencies.record(cold);
                self.cold_latencies.record(cold);
                self.cold_starts += 1;
                duration + function.init
            }
        };
        function.billed_ms += billed.div_ceil(SECOND / 1000);
    }

    fn hour(&mut self, now: Nanos) {
        let measures = self.functions.iter_mut().map(|function| function.environments.take_measures(now));
        let mut busy = 0;
        for measures in measures {
            self.alive_seconds += measures.alive_seconds;
            busy += measures.peak_busy;
        }
        self.peak_busy = self.peak_busy.max(busy);
    }

    #[expect(clippy::cast_precision_loss, reason = "shares and means")]
    fn outcome(self, requests: u64, end: Nanos) -> LambdaOutcome {
        let gb_seconds =
            |function: &Function| function.billed_ms as f64 / 1000.0 * f64::from(function.memory_mb) / 1024.0;
        LambdaOutcome {
            latency: self.latencies.summary(),
            cold_latency: self.cold_latencies.summary(),
            cold_starts: self.cold_starts,
            cold_start_share: (requests > 0).then(|| self.cold_starts as f64 / requests as f64),
            gb_seconds: self.functions.iter().map(gb_seconds).sum(),
            environments: self.alive_seconds / seconds(end),
            peak_busy: self.peak_busy,
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

    fn outcome(self) -> FargateOutcome {
        FargateOutcome {
            latency: self.ends.latencies.summary(),
            refused: self.ends.refused,
            services: self.services.into_iter().map(Service::outcome).collect(),
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
