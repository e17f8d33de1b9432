//! Cold starts and instances of one function, in the words of SimFaaS.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use super::request::Request;
use super::{EvaluateError, Evaluation, wrong};
use crate::services::{Context, Field, Service, ServiceError, Statement, Usage};
use crate::simulation::simfaas::{Effort, Function};

const ARRIVALS: Field =
    Field::number("arrival_rate", &["arrivals_per_s", "rps", "requests_per_s", "lambda"], "arrivals/s");
const WARM: Field =
    Field::number("warm_service_s", &["warm_s", "service_s"], "mean time of a request on an instance that is there, s");
const COLD: Field = Field::number("cold_service_s", &["cold_s"], "mean time of a request on a new instance, s");
const EXPIRATION: Field = Field::number(
    "expiration_s",
    &["expiration_threshold", "expiry_s", "idle_s"],
    "how long an instance stays unused, s",
);
const CONCURRENCY: Field =
    Field::number("maximum_concurrency", &["concurrency"], "most instances at work at once; 1,000 when not given");
const TIME: Field = Field::number("max_time_s", &["time_s"], "the time that requests and cold are counted for, s");
const SEED: Field = Field::number("seed", &[], "seed of the simulation; 1 when not given");

/// The fields of the simulation.
pub const COLD_STARTS: Service = Service {
    name: "simfaas",
    also: &[],
    about: "cold starts and instances of one function under Poisson arrivals, simulated",
    fields: &[ARRIVALS, WARM, COLD, EXPIRATION, CONCURRENCY, TIME, SEED],
    prices: &[],
    totals: &[
        "p_cold",
        "p_cold_sd",
        "p_throttled",
        "servers",
        "running",
        "idle",
        "mean_lifespan_s",
        "requests",
        "cold",
    ],
    bill: |_: &Usage, _: &Context<'_>| -> Result<Statement, ServiceError> { Ok(Statement::default()) },
};

/// Answers a request.
///
/// # Errors
/// For unknown fields, and for those that are missing.
pub fn evaluate(request: &Request) -> Result<Evaluation, EvaluateError> {
    let mut usage = Usage::new();
    for (name, value) in &request.usage {
        usage.read(&COLD_STARTS, name, value).map_err(wrong)?;
    }
    let number = |field: &Field| {
        let number = usage.given(field).and_then(|number| number.to_f64());
        number.ok_or_else(|| wrong(format!("simfaas: {} is needed", field.name)))
    };
    let whole = |field: &Field, otherwise: u32| match usage.given(field) {
        None => Ok(otherwise),
        Some(number) if number.is_integer() => number.to_u32().ok_or(()),
        Some(_) => Err(()),
    };
    let whole = |field: &Field, otherwise: u32| {
        whole(field, otherwise).map_err(|()| wrong(format!("simfaas: {} is a whole number below 2^32", field.name)))
    };
    let function = Function {
        arrival_rate: number(&ARRIVALS)?,
        warm_service_s: number(&WARM)?,
        cold_service_s: number(&COLD)?,
        expiration_s: number(&EXPIRATION)?,
        maximum_concurrency: whole(&CONCURRENCY, 1000)?,
    };
    let effort = Effort { seed: whole(&SEED, 1)?.into(), ..Effort::default() };
    let state = function.steady_state(effort).map_err(|problem| wrong(format!("simfaas: {problem}")))?;
    let mut totals = vec![
        ("p_cold", state.p_cold),
        ("p_cold_sd", state.p_cold_standard_error),
        ("p_throttled", state.p_throttled),
        ("servers", state.servers),
        ("running", state.running),
        ("idle", state.idle),
        ("approximation_exp_minus_lambda_T", function.rare_load_p_cold()),
    ];
    totals.extend(state.mean_lifespan_s.map(|lifespan| ("mean_lifespan_s", lifespan)));
    if let Some(time) = usage.given(&TIME).and_then(|time| time.to_f64()) {
        let answered = function.arrival_rate * time * (1.0 - state.p_throttled);
        totals.extend([("requests", answered), ("cold", answered * state.p_cold)]);
    }
    let decimal = |(name, number): (&str, f64)| Some((name.to_owned(), Decimal::from_f64(number)?));
    let totals: BTreeMap<_, _> = totals.into_iter().filter_map(decimal).collect();
    let note = format!(
        "simulated with seed {}: {} requests, {} of them cold, after two expirations; p_cold_sd is the standard error of p_cold",
        effort.seed, state.requests, state.cold
    );
    Ok(Evaluation {
        service: request.service.clone(),
        region: request.region.clone(),
        totals,
        lines: Vec::new(),
        notes: vec![note],
    })
}
