//! The plan and the load of a traffic profile: what is simulated is what `costs estimate` bills.

use anyhow::Context as _;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::{FunctionSettings, LambdaSettings, Plan, RequestClass, ServiceSettings, Spread, Work};
use crate::deployment::{Deployment, Inputs, Load, Path, cpu_ms};
use crate::measured::{Measured, Route};
use crate::profile::Environment;

/// What AWS takes to place a new environment and to fetch its package, ms. Assumed.
const PLACEMENT_MS: f64 = 80.0;

/// The plan of an environment on two deployments, one on each path.
pub fn plan(
    fargate: Deployment,
    lambda: Deployment,
    environment: &Environment,
    inputs: Inputs<'_>,
) -> anyhow::Result<Plan> {
    let Inputs { profile, measured, .. } = inputs;
    let memory_mb = &environment.stack.modules.function_memory_mb;
    let (mut classes, mut functions) = (Vec::<RequestClass>::new(), Vec::<FunctionSettings>::new());
    for (journey, per_order) in &profile.journeys_per_order {
        let steps = measured.journeys.get(journey).with_context(|| format!("journey {journey:?} was not measured"))?;
        for step in steps {
            let share = float(per_order * step.count);
            if let Some(class) = classes.iter_mut().find(|class| class.name == step.route) {
                class.share += share;
                continue;
            }
            let route = |on: Deployment| {
                let route = measured.route(&step.route, on.path, on.store);
                route.with_context(|| format!("{} was not measured for {}", step.route, on.name()))
            };
            let (on_fargate, on_lambda) = (route(fargate)?, route(lambda)?);
            let name = &on_lambda.function;
            let function = functions.iter().position(|function| function.name == *name).unwrap_or_else(|| {
                functions.push(FunctionSettings {
                    name: name.clone(),
                    memory_mb: memory_mb.get(name).and_then(Decimal::to_u32).unwrap_or_default(),
                    init_ms: float(measured.lambda_init_ms),
                });
                functions.len() - 1
            });
            classes.push(RequestClass {
                name: step.route.clone(),
                share,
                function,
                fargate: work(measured, on_fargate, Path::Fargate),
                lambda: work(measured, on_lambda, Path::Lambda),
            });
        }
    }
    let idle_expiry_s = float(profile.options.idle_environment_s);
    let lambda = LambdaSettings { functions, idle_expiry_s, placement_ms: PLACEMENT_MS };
    Ok(Plan { classes, spread: Spread::default(), lambda, services: services(environment, inputs) })
}

/// Requests a second of an environment, on the mean of the time that it exists.
pub fn rate(deployment: Deployment, environment: &Environment, inputs: Inputs<'_>) -> anyhow::Result<f64> {
    let demand = Load::of(deployment, environment, inputs)?.all;
    let seconds = float(environment.hours * Decimal::from(3600));
    Ok(if seconds > 0.0 { float(demand.requests) / seconds } else { 0.0 })
}

/// Weights of the hours of a day.
pub fn day(inputs: Inputs<'_>) -> Vec<f64> {
    inputs.profile.hours().into_iter().map(float).collect()
}

fn services(environment: &Environment, inputs: Inputs<'_>) -> Vec<ServiceSettings> {
    let all = environment.services();
    let count = |tasks: Decimal| tasks.to_u32().unwrap_or(1).max(1);
    let settings = all.map(|(name, service)| {
        let tasks_min = count(environment.least(service));
        ServiceSettings {
            name: name.to_owned(),
            vcpu: float(service.cpu) / 1024.0,
            memory_gb: float(service.memory_mb) / 1024.0,
            cpu_share: 1.0 / float(Decimal::from(all.len())),
            tasks_min,
            tasks_max: if environment.autoscaling() { count(service.max).max(tasks_min) } else { tasks_min },
            target_utilization: float(environment.stack.modules.cpu_percent) / 100.0,
            start_up_s: float(inputs.measured.task_start_s),
            ..ServiceSettings::default()
        }
    });
    settings.to_vec()
}

fn work(measured: &Measured, route: &Route, path: Path) -> Work {
    Work { cpu_ms: float(cpu_ms(measured, route, path)), wait_ms: float(measured.wait_ms(route)) }
}

fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}
