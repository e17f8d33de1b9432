//! The run: draws each request once and gives the same one to both paths.

use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rust_decimal::prelude::ToPrimitive as _;

use super::arrivals::{Classes, HourOfArrivals, Sizes};
use super::budget::Budget;
use super::outcome::{FargateOutcome, FunctionOutcome, Hour, LambdaHour, LambdaOutcome, Latencies, Outcome};
use super::service::Service;
use super::task::{Ended, Job};
use super::{
    Environments, HOUR, MINUTE, Nanos, Plan, PlanError, SECOND, ServiceSettings, Start, Trace, Work, nanos, seconds,
};
use crate::services::lambda::slowdown;

/// Synchronous requests a second for each unit of concurrency.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>
const REQUESTS_PER_CONCURRENCY: u32 = 10;
/// Sets the arrivals' random numbers apart from those of what requests need.
const OTHER_STREAM: u64 = 0x9e37_79b9_7f4a_7c15;

/// Runs `plan` under `trace`. The same seed gives the same outcome on every machine.
///
/// # Errors
/// When the plan makes no sense.
pub fn simulate(plan: &Plan, trace: &Trace, seed: u64) -> Result<Outcome, PlanError> {
    plan.check()?;
    let mut arrivals = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut needs = Needs::new(plan, seed);
    let mut lambda = Lambda::new(plan);
    let mut fargate = Fargate::new(plan, trace);
    let (mut requests, mut by_hour) = (0, Vec::with_capacity(trace.hours()));
    for hour in 0..trace.hours() {
        let begin = hour as Nanos * HOUR;
        let mut instants = HourOfArrivals::new(trace, hour);
        let mut next = instants.next(&mut arrivals);
        let mut arrived = 0;
        for minute in 1..=60 {
            while let Some(at) = next
                && at < minute * MINUTE
            {
                let request = needs.draw();
                lambda.arrive(begin + at, request);
                fargate.arrive(begin + at, request);
                arrived += 1;
                next = instants.next(&mut arrivals);
            }
            fargate.minute(begin + minute * MINUTE);
        }
        requests += arrived;
        let lambda_latency = lambda.latencies.close_hour();
        let fargate_latency = fargate.ends.latencies.close_hour();
        lambda.cold_latencies.close_hour();
        by_hour.push(Hour {
            hour,
            requests: arrived,
            lambda: lambda.close_hour(begin + HOUR),
            lambda_latency,
            services: fargate.services.iter_mut().map(Service::close_hour).collect(),
            fargate_latency,
            refused: fargate.ends.close_hour(),
        });
    }
    let hours = trace.hours();
    Ok(Outcome { seed, hours, requests, lambda: lambda.outcome(hours), fargate: fargate.outcome(hours), by_hour })
}

/// One request: which function answers it, and what it needs on each path.
#[derive(Clone, Copy)]
struct Request {
    function: usize,
    fargate: Need,
    lambda: Need,
}

/// CPU time on a whole vCPU and time without it, nanoseconds.
#[derive(Clone, Copy)]
struct Need {
    cpu: f64,
    wait: f64,
}

impl Need {
    fn mean(work: Work) -> Self {
        Self { cpu: work.cpu_ms * 1e6, wait: work.wait_ms * 1e6 }
    }

    fn scaled(self, size: f64) -> Self {
        Self { cpu: self.cpu * size, wait: self.wait * size }
    }
}

/// Draws what requests need. One number scales both parts of a request: a large one computes and waits for longer.
struct Needs {
    random: Xoshiro256PlusPlus,
    classes: Classes,
    means: Vec<Request>,
    sizes: Sizes,
}

impl Needs {
    fn new(plan: &Plan, seed: u64) -> Self {
        let position =
            |name: &str| plan.lambda.functions.iter().position(|function| function.name == name).unwrap_or_default();
        let means = plan
            .classes
            .iter()
            .map(|class| Request {
                function: position(&class.function),
                fargate: Need::mean(class.fargate),
                lambda: Need::mean(class.lambda),
            })
            .collect();
        Self {
            random: Xoshiro256PlusPlus::seed_from_u64(seed ^ OTHER_STREAM),
            classes: Classes::new(&plan.classes),
            means,
            sizes: plan.spread.into(),
        }
    }

    fn draw(&mut self) -> Request {
        let mean = self.means[self.classes.draw(&mut self.random)];
        let size = self.sizes.draw(&mut self.random);
        Request { fargate: mean.fargate.scaled(size), lambda: mean.lambda.scaled(size), ..mean }
    }
}

struct Function {
    environments: Environments,
    /// How much longer CPU time takes than on a whole vCPU.
    slowdown: f64,
    init: Nanos,
    hour_billed_ms: u64,
    outcome: FunctionOutcome,
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
            environments: Environments::new(
                nanos(settings.idle_expiry_s),
                function.reserved_concurrency,
                Some(settings.starts_per_10_s),
            ),
            slowdown: slowdown(function.memory_mb.into()).to_f64().unwrap_or(f64::NAN),
            init: nanos(function.init_ms / 1000.0),
            hour_billed_ms: 0,
            outcome: FunctionOutcome {
                name: function.name.clone(),
                requests: 0,
                cold_starts: 0,
                throttled: 0,
                billed_ms: 0,
                memory_mb: function.memory_mb,
            },
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

    fn arrive(&mut self, now: Nanos, request: Request) {
        let full = self.is_full(now, request.function) || !self.rate.take(now);
        let function = &mut self.functions[request.function];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to int cast saturates")]
        let duration = (request.lambda.cpu * function.slowdown + request.lambda.wait) as Nanos;
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
                function.outcome.cold_starts += 1;
                self.hour.cold_starts += 1;
                duration + function.init
            }
            Start::Throttled => {
                function.outcome.throttled += 1;
                self.hour.throttled += 1;
                return;
            }
        };
        function.outcome.requests += 1;
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
            function.outcome.billed_ms += billed_ms;
            hour.gb_seconds += billed_ms as f64 / 1000.0 * f64::from(function.outcome.memory_mb) / 1024.0;
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
            functions: self.functions.into_iter().map(|function| function.outcome).collect(),
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
    timeout: Nanos,
    latencies: Latencies,
    hour_refused: u64,
    refused: u64,
    timed_out: u64,
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
            self.hour_refused += 1;
        } else {
            self.timed_out += u64::from(passing.latency > self.timeout);
            self.latencies.record(passing.latency);
        }
    }

    fn close_hour(&mut self) -> u64 {
        self.refused += self.hour_refused;
        std::mem::take(&mut self.hour_refused)
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
        let timeout = plan.services.iter().map(|service| service.request_timeout_ms).fold(f64::INFINITY, f64::min);
        Self {
            services: plan
                .services
                .iter()
                .map(|service| Service::new(service, tasks_at_start(service, plan, trace)))
                .collect(),
            shares: plan.services.iter().map(|service| service.cpu_share).collect(),
            ends: Ends {
                services: plan.services.len(),
                passing: Vec::new(),
                free: Vec::new(),
                timeout: nanos(timeout / 1000.0),
                latencies: Latencies::new(),
                hour_refused: 0,
                refused: 0,
                timed_out: 0,
            },
        }
    }

    /// The store is behind the last service, so that one waits for it.
    fn arrive(&mut self, now: Nanos, request: Request) {
        if self.services.is_empty() {
            return;
        }
        let slot = self.ends.begin();
        let last = self.services.len() - 1;
        for (index, service) in self.services.iter_mut().enumerate() {
            let wait = if index == last { request.fargate.wait } else { 0.0 };
            let job = Job { slot, arrived: now, cpu: request.fargate.cpu * self.shares[index], wait };
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
            timed_out: self.ends.timed_out,
            services: self.services.into_iter().map(|service| service.outcome(hours)).collect(),
        }
    }
}

/// Tasks that the first hour needs, so that the run does not begin with an overload that nobody would have.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to int cast saturates")]
fn tasks_at_start(service: &ServiceSettings, plan: &Plan, trace: &Trace) -> u32 {
    let shares: f64 = plan.classes.iter().map(|class| class.share).sum();
    let cpu_ms: f64 = plan.classes.iter().map(|class| class.share / shares * class.fargate.cpu_ms).sum();
    let offered = trace.rate(0) * cpu_ms / 1000.0 * service.cpu_share;
    let needed = (offered / (service.vcpu * service.target_utilization)).ceil() as u32;
    service.tasks_start.unwrap_or(needed).clamp(service.tasks_min, service.tasks_max)
}
