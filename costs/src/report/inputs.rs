//! What went into a report, as tables.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::scale::number;
use super::{InputGroup, float};
use crate::deployment::{Deployment, Inputs};
use crate::measured::{Measured, Route};
use crate::simulation::from_profile;

/// The inputs that matter most.
pub fn facts(inputs: Inputs<'_>) -> anyhow::Result<Vec<[String; 2]>> {
    let Inputs { profile, measured, book } = inputs;
    let dates = || book.rows().iter().filter(|row| row.region == profile.region).map(|row| &*row.date);
    let span = match (dates().filter(|date| !date.is_empty()).min(), dates().max()) {
        (Some(first), Some(last)) => format!("{}, prices of {first} to {last}", profile.region),
        _ => format!("{}, prices without dates", profile.region),
    };
    let environments: Vec<&str> = profile.environments.iter().map(|environment| &*environment.name).collect();
    let production = profile.production()?;
    let stack = &production.stack;
    let database = &stack.environment.database;
    let multi_az = if database.multi_az { ", Multi-AZ" } else { "" };
    let tasks = production.services().map(|(name, service)| format!("{} {name}", production.least(service)));
    let endpoints = stack.egress.interface_endpoints.len().into();
    let egress = [(stack.egress.nat_gateways, "NAT gateways"), (endpoints, "interface endpoints")];
    let egress = egress.into_iter().filter(|(count, _)| !count.is_zero()).map(|(count, of)| format!("{count} {of}"));
    let deducted = if profile.options.free_tier { "deducted" } else { "not deducted" };
    Ok(vec![
        ["Orders a month".to_owned(), number(float(profile.orders_per_month))],
        ["Region".to_owned(), span],
        ["Environments".to_owned(), environments.join(", ")],
        [format!("Minimum tasks, {}", production.name), tasks.join(", ")],
        [format!("Database, {}", production.name), format!("{}{multi_az}", database.class)],
        ["VPC egress".to_owned(), egress.collect::<Vec<_>>().join(", ")],
        ["Requests measured".to_owned(), format!("{}, times on AWS {}", measured.date, measured.times().word())],
        ["Month".to_owned(), format!("{} hours, before tax, free tier {deducted}", profile.options.month_hours)],
    ])
}

/// Everything that went in.
pub fn groups(pair: [Deployment; 2], inputs: Inputs<'_>, seed: u64) -> anyhow::Result<Vec<InputGroup>> {
    let Inputs { profile, measured, .. } = inputs;
    let mut groups = vec![
        table("The shop", profile, &["environments", "options"], |_| "declared")?,
        table("Assumptions", &profile.options, &[], |_| "assumed, or the profile's")?,
    ];
    for environment in &profile.environments {
        let name = format!("Environment {}", environment.name);
        groups.push(table(&name, environment, &[], |_| "Terraform, with the profile's load")?);
    }
    let elsewhere = ["routes", "journeys", "schema", "confidence", "counts"];
    groups.push(table("Measurement", measured, &elsewhere, |field| match field {
        "date" | "machine" | "build" => "declared",
        _ => measured.times().word(),
    })?);
    for route in pair_routes(pair, measured) {
        let path = route.path.map(|path| format!(" on {}", path.word())).unwrap_or_default();
        groups.push(table(&format!("{}{path}", route.route), route, &[], |field| match field {
            "cpu_ms" | "wall_ms" | "memory_mb" => measured.confidence.word(),
            _ => measured.counts().word(),
        })?);
    }
    let plan = from_profile::plan(pair[0], pair[1], profile.production()?, inputs)?;
    let mut simulation = table("Simulation", &plan, &["classes"], |_| "assumed, or from the profile")?;
    simulation.rows.push(["seed".to_owned(), seed.to_string(), "declared".to_owned()]);
    groups.push(simulation);
    Ok(groups)
}

/// The entries that the two deployments are computed from.
fn pair_routes(pair: [Deployment; 2], measured: &Measured) -> Vec<&Route> {
    let mut routes = Vec::<&Route>::new();
    for named in &measured.routes {
        for deployment in pair {
            let route = measured.route(&named.route, deployment.path, deployment.store);
            routes.extend(route.filter(|route| !routes.contains(route)));
        }
    }
    routes
}

/// The fields of a value but for some, and how each is known.
fn table(
    name: &str,
    value: impl Serialize,
    without: &[&str],
    known: impl Fn(&str) -> &'static str,
) -> serde_json::Result<InputGroup> {
    let mut value = serde_json::to_value(value)?;
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| !without.contains(&name.as_str()));
    }
    let mut flat = BTreeMap::new();
    flatten(String::new(), &value, &mut flat);
    let rows = flat.into_iter().map(|(name, value)| {
        let known = known(&name).to_owned();
        [name, value, known]
    });
    Ok(InputGroup { name: name.to_owned(), rows: rows.collect() })
}

/// `{"a": {"b": 1}}` as `a.b` and `1`; lists of plain values in one row.
fn flatten(name: String, value: &Value, rows: &mut BTreeMap<String, String>) {
    let join = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(part, value)| flatten(join(part), value, rows)),
        Value::Array(values) if values.iter().any(Value::is_object) => {
            values.iter().enumerate().for_each(|(n, value)| flatten(join(&(n + 1).to_string()), value, rows));
        }
        Value::Array(values) => {
            rows.insert(name, values.iter().map(plain).collect::<Vec<_>>().join(", "));
        }
        value => {
            rows.insert(name, plain(value));
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string().trim_end_matches(".0").to_owned(),
        value => value.to_string(),
    }
}
