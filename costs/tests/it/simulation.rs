//! The simulation against closed forms and against another simulator's published figures.

use std::collections::BTreeMap;

use costs::simulation::{
    FunctionSettings, LambdaSettings, Outcome, Plan, RequestClass, ServiceSettings, Spread, Trace, Work, cold_share,
    simulate,
};

use crate::oracles::erlang_c::Queue;
use crate::oracles::simfaas::{Effort, Function};

fn lambda() -> LambdaSettings {
    let function = FunctionSettings { name: "shop".into(), memory_mb: 1769, init_ms: 100.0 };
    LambdaSettings { functions: vec![function], idle_expiry_s: 600.0, placement_ms: 80.0 }
}

/// A task that has a place for so many requests; whoever finds none waits as long as it takes.
fn service(vcpu: u32, places: usize) -> ServiceSettings {
    let vcpu = f64::from(vcpu);
    ServiceSettings { vcpu, in_flight_limit: places, queue_timeout_ms: 1e9, ..ServiceSettings::default() }
}

fn run(rate: f64, hours: u32, cpu_ms: f64, spread: Spread, service: ServiceSettings, seed: u64) -> Outcome {
    let work = Work { cpu_ms, wait_ms: 0.0 };
    let class = RequestClass { name: "any".into(), share: 1.0, function: 0, fargate: work, lambda: work };
    let plan = Plan { classes: vec![class], spread, lambda: lambda(), services: vec![service] };
    simulate(&plan, &Trace::poisson(rate, hours, &[]).unwrap(), seed).unwrap()
}

/// Mean of runs with several seeds, and the half width of its 99.9 percent confidence interval (Student's t, 9 degrees).
fn estimate(of: impl Fn(u64) -> f64) -> (f64, f64) {
    let values: Vec<f64> = (1..=10).map(of).collect();
    let mean = values.iter().sum::<f64>() / 10.0;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 9.0;
    (mean, 4.781 * (variance / 10.0).sqrt())
}

#[track_caller]
fn assert_close(what: &str, (mean, half_width): (f64, f64), expected: f64, most: f64) {
    assert!(half_width < most * expected, "{what}: {mean} is known only to {half_width}, too little to compare");
    assert!((mean - expected).abs() <= half_width, "{what}: {mean} +- {half_width}, expected {expected}");
}

/// With a place for each vCPU, every request at work has a core of its own, and the others wait in order: M/M/c.
#[test]
fn requests_wait_for_a_place_as_erlang_c_says() {
    for (rate, service_ms, servers) in
        [(50.0, 20.0, 2), (100.0, 50.0, 8), (100.0, 50.0, 6), (200.0, 10.0, 4), (500.0, 200.0, 110)]
    {
        let queue = Queue { arrivals_per_s: rate, service_s: service_ms / 1000.0, servers, target_s: None };
        let (chance, mean_s) = (queue.waiting_probability(), queue.mean_wait_s());
        let run = |seed| {
            let service = service(servers, servers as usize);
            run(rate, 1, service_ms, Spread::Exponential, service, seed).fargate.services[0].clone()
        };
        let runs: BTreeMap<u64, _> = (1..=10).map(|seed| (seed, run(seed))).collect();
        let what = format!("{rate}/s, {service_ms} ms, {servers} places");
        assert_close(&what, estimate(|seed| runs[&seed].waited_share), chance, 0.05);
        assert_close(&what, estimate(|seed| runs[&seed].mean_wait_ms), mean_s * 1000.0, 0.15);
    }
}

/// The number of requests in a task with `n` vCPU that are shared evenly is that of M/M/n, so the mean latency is too.
#[test]
fn a_shared_cpu_is_as_slow_as_erlang_c_says() {
    for (rate, cpu_ms, vcpu) in [(50.0, 14.0, 1), (100.0, 16.0, 2), (200.0, 16.0, 4)] {
        let queue = Queue { arrivals_per_s: rate, service_s: cpu_ms / 1000.0, servers: vcpu, target_s: None };
        let expected_ms = cpu_ms + queue.mean_wait_s() * 1000.0;
        let mean = |seed| {
            let service = service(vcpu, usize::MAX);
            run(rate, 3, cpu_ms, Spread::Exponential, service, seed).fargate.latency.unwrap().mean_ms
        };
        assert_close(&format!("{rate}/s, {cpu_ms} ms, {vcpu} vCPU"), estimate(mean), expected_ms, 0.05);
    }
}

/// Processor sharing on one vCPU does not care for the distribution: mean latency is demand / (1 - utilization).
#[test]
fn a_shared_cpu_does_not_care_for_the_spread() {
    for spread in [Spread::Constant, Spread::Exponential, Spread::Wide] {
        let mean = |seed| run(50.0, 3, 10.0, spread, service(1, usize::MAX), seed).fargate.latency.unwrap().mean_ms;
        assert_close(&format!("{spread:?}"), estimate(mean), 20.0, 0.06);
    }
}

#[test]
fn utilization_is_the_offered_load() {
    for places in [1, 4, usize::MAX] {
        let outcome = run(100.0, 5, 5.0, Spread::Exponential, service(1, places), 1);
        let used = outcome.fargate.services[0].utilization;
        assert!((used - 0.5).abs() < 0.01, "{places}: {used}");
    }
}

/// Loads of a function of a shop, from one request an hour to fifty a second.
const LOADS: [(f64, f64, f64); 9] = [
    (0.0003, 0.03, 600.0),
    (0.002, 0.03, 600.0),
    (0.01, 0.05, 600.0),
    (0.01, 0.005, 300.0),
    (0.1, 0.02, 600.0),
    (0.9, 1.991, 600.0),
    (1.0, 0.05, 600.0),
    (10.0, 0.5, 600.0),
    (10.0, 0.05, 600.0),
];

#[test]
fn the_formula_of_cold_starts_is_what_the_simulation_gives() {
    for (rate, service_s, stay_s) in LOADS {
        let function = Function { arrivals_per_s: rate, warm_s: service_s, cold_s: service_s, expiration_s: stay_s };
        let state = function.steady_state(Effort { cold_starts: 3_000, requests: 20_000_000 });
        let share = cold_share(rate, service_s, stay_s);
        let error = (share - state.p_cold).abs();
        let allowed =
            4.0 * state.p_cold_standard_error + if rate * service_s < 0.02 { 0.05 } else { 0.4 } * state.p_cold;
        assert!(error <= allowed, "{rate}/s, {service_s} s, {stay_s} s: {share}, simulated {}", state.p_cold);
    }
}
