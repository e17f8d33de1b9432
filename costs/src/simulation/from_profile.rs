//! The plan and the load of a traffic profile: what is simulated is what `costs estimate` bills.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::{Discipline, FunctionSettings, LambdaSettings, Plan, RequestClass, ServiceSettings, Spread, Work};
use crate::deployment::{Demand, Deployment, Inputs};
use crate::measured::{Measured, Route};
use crate::profile::Environment;

/// Tasks that a service may grow to when the profile lets it: more than any quota of a new account allows.
const MOST_TASKS: u32 = 1_000;

/// The plan of an environment on two deployments, one on each path.
///
/// # Errors
/// When a journey of the profile was not measured.
pub fn plan(
    fargate: Deployment,
    lambda: Deployment,
    environment: &Environment,
    inputs: Inputs<'_>,
) -> Result<Plan, String> {
    let Inputs { profile, measured, .. } = inputs;
    let mut classes: Vec<RequestClass> = Vec::new();
    for (journey, per_order) in &profile.journeys_per_order {
        let steps = measured.journeys.get(journey).ok_or_else(|| format!("journey {journey:?} was not measured"))?;
        for step in steps {
            let share = float(per_order.0 * step.count);
            if let Some(class) = classes.iter_mut().find(|class| class.name == step.route) {
                class.share += share;
                continue;
            }
            let route = |on: Deployment| {
                let route = measured.route(&step.route, on.path, on.store);
                route.ok_or_else(|| format!("{} was not measured for {}", step.route, on.name()))
            };
            let (on_fargate, on_lambda) = (route(fargate)?, route(lambda)?);
            classes.push(RequestClass {
                name: step.route.clone(),
                share,
                function: on_lambda.function.clone(),
                fargate: work(measured, on_fargate),
                lambda: work(measured, on_lambda),
            });
        }
    }
    let mut functions: Vec<FunctionSettings> = Vec::new();
    for class in &classes {
        if !functions.iter().any(|function| function.name == class.function) {
            functions.push(FunctionSettings {
                name: class.function.clone(),
                memory_mb: profile.options.function_memory_mb.to_u32().unwrap_or_default(),
                init_ms: float(measured.lambda_init_ms),
                reserved_concurrency: None,
            });
        }
    }
    Ok(Plan {
        classes,
        spread: Spread::default(),
        lambda: LambdaSettings {
            idle_expiry_s: float(profile.options.idle_environment_s),
            functions,
            ..LambdaSettings::default()
        },
        services: services(environment, inputs),
    })
}

/// Requests a second of an environment, on the mean of the time that it exists.
///
/// # Errors
/// When the profile and the measurement do not fit.
pub fn rate(deployment: Deployment, environment: &Environment, inputs: Inputs<'_>) -> Result<f64, String> {
    let demand = Demand::of(deployment, environment, inputs)?;
    let seconds = float(environment.hours * Decimal::from(3600));
    Ok(if seconds > 0.0 { float(demand.requests) / seconds } else { 0.0 })
}

/// Weights of the hours of a day.
pub fn day(inputs: Inputs<'_>) -> Vec<f64> {
    inputs.profile.hours().into_iter().map(float).collect()
}

fn services(environment: &Environment, inputs: Inputs<'_>) -> Vec<ServiceSettings> {
    let options = &inputs.profile.options;
    let count = options.services.to_usize().unwrap_or(1).max(1);
    let tasks_min = environment.minimum_tasks.to_u32().unwrap_or(1).max(1);
    let names = if count == 2 {
        vec!["frontend".to_owned(), "backend".to_owned()]
    } else {
        (1..=count).map(|n| format!("service {n}")).collect()
    };
    let service = |name: String| ServiceSettings {
        name,
        vcpu: float(options.task_vcpu),
        memory_gb: float(options.task_gb),
        cpu_share: 1.0 / float(Decimal::from(count)),
        tasks_min,
        tasks_max: if environment.autoscaling { MOST_TASKS.max(tasks_min) } else { tasks_min },
        target_utilization: float(options.target_utilization),
        start_up_s: float(inputs.measured.task_start_s),
        discipline: Discipline::Shared,
        ..ServiceSettings::default()
    };
    names.into_iter().map(service).collect()
}

fn work(measured: &Measured, route: &Route) -> Work {
    Work { cpu_ms: float(measured.cpu_ms(route)), wait_ms: float(measured.wait_ms(route)) }
}

fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}
