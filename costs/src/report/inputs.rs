//! What went into a report, as tables.

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;

use super::InputGroup;
use super::scale::number;
use crate::deployment::{Deployment, Inputs};
use crate::measured::{Measured, Route};
use crate::simulation::from_profile;

/// What no figure of the report contains.
pub const LEFT_OUT: [&str; 6] = [
    "Taxes, support plans, negotiated discounts, savings plans and credits.",
    "People: building, being on call, upgrading.",
    "The payment provider, the domain's registration, and tools outside of AWS that the profile does not name.",
    "Retries, and protection against attacks beyond the web ACL.",
    "Requests of robots: they cost on Lambda what shoppers cost, and on Fargate nothing until tasks are added.",
    "Latency of the network and the load balancer; and a busy store, which responds as it was measured alone.",
];

/// The inputs that matter most.
pub fn facts(inputs: Inputs<'_>) -> Vec<[String; 2]> {
    let Inputs { profile, measured, book } = inputs;
    let rows = book.rows().iter().filter(|row| row.region == profile.region && !row.date.is_empty());
    let dates: Vec<&str> = rows.map(|row| &*row.date).collect();
    let span = match (dates.iter().min(), dates.iter().max()) {
        (Some(first), Some(last)) => format!("{}, prices of {first} to {last}", profile.region),
        _ => format!("{}, prices without dates", profile.region),
    };
    let environments: Vec<&str> = profile.environments.iter().map(|environment| &*environment.name).collect();
    let mut facts = vec![
        ["Orders a month".to_owned(), number(profile.orders_per_month.to_f64().unwrap_or(f64::NAN))],
        ["Region".to_owned(), span],
        ["Environments".to_owned(), environments.join(", ")],
    ];
    if let Ok(production) = profile.production() {
        let stack = &production.stack;
        let database = &stack.environment.database;
        let multi_az = if database.multi_az { ", Multi-AZ" } else { "" };
        let tasks = production.services().map(|(name, service)| format!("{} {name}", production.least(service)));
        let egress = [
            (stack.egress.nat_gateways, "NAT gateways"),
            (stack.egress.interface_endpoints.len().into(), "interface endpoints"),
        ];
        let egress =
            egress.into_iter().filter(|(count, _)| !count.is_zero()).map(|(count, of)| format!("{count} {of}"));
        facts.extend([
            [format!("Minimum tasks, {}", production.name), tasks.join(", ")],
            [format!("Database, {}", production.name), format!("{}{multi_az}", database.class)],
            ["VPC egress".to_owned(), egress.collect::<Vec<_>>().join(", ")],
        ]);
    }
    facts.extend([
        ["Requests measured".to_owned(), format!("{}, times on AWS {}", measured.date, measured.times().word())],
        [
            "Month".to_owned(),
            format!(
                "{} hours, before tax, free tier {}",
                profile.options.month_hours,
                if profile.options.free_tier { "deducted" } else { "not deducted" }
            ),
        ],
    ]);
    facts
}

/// Everything that went in.
pub fn groups(pair: [Deployment; 2], inputs: Inputs<'_>, seed: u64) -> Vec<InputGroup> {
    let Inputs { profile, measured, .. } = inputs;
    let mut groups = Vec::new();
    if let Ok(Value::Object(mut fields)) = serde_json::to_value(profile) {
        let environments = fields.remove("environments");
        let options = fields.remove("options");
        groups.push(table("The shop", &Value::Object(fields), "declared"));
        groups.extend(options.map(|options| table("Assumptions", &options, "assumed, or the profile's")));
        for environment in environments.as_ref().and_then(Value::as_array).into_iter().flatten() {
            let name = environment.get("name").and_then(Value::as_str).unwrap_or_default();
            groups.push(table(&format!("Environment {name}"), environment, "Terraform, with the profile's load"));
        }
    }
    groups.extend(measurement(measured));
    groups.extend(pair_routes(pair, measured).into_iter().filter_map(|route| group(route, measured)));
    let plan = profile.production().ok().and_then(|prod| from_profile::plan(pair[0], pair[1], prod, inputs).ok());
    if let Some(Ok(Value::Object(mut fields))) = plan.map(serde_json::to_value) {
        fields.remove("classes");
        fields.insert("seed".to_owned(), seed.into());
        groups.push(table("Simulation", &Value::Object(fields), "assumed, or from the profile"));
    }
    groups
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

/// Where the routes were measured, and what had to be assumed of AWS.
fn measurement(measured: &Measured) -> Option<InputGroup> {
    let without_routes = Measured { routes: Vec::new(), journeys: BTreeMap::new(), ..measured.clone() };
    let mut group = table("Measurement", &serde_json::to_value(without_routes).ok()?, measured.times().word());
    group.rows.retain(|[name, ..]| !["routes", "schema", "confidence", "counts"].contains(&name.as_str()));
    for [name, _, known] in &mut group.rows {
        if ["date", "machine", "build"].contains(&name.as_str()) {
            "declared".clone_into(known);
        }
    }
    Some(group)
}

fn group(route: &Route, measured: &Measured) -> Option<InputGroup> {
    let mut group = table(&route.route, &serde_json::to_value(route).ok()?, measured.counts().word());
    for [name, _, known] in &mut group.rows {
        if ["cpu_ms", "wall_ms", "memory_mb"].contains(&name.as_str()) {
            measured.confidence.word().clone_into(known);
        }
    }
    if let Some([_, path, _]) = group.rows.iter().find(|[name, ..]| name == "path") {
        group.name = format!("{} on {path}", route.route);
    }
    Some(group)
}

fn table(name: &str, value: &Value, known: &str) -> InputGroup {
    let mut flat = BTreeMap::new();
    flatten(String::new(), value, &mut flat);
    let rows = flat.into_iter().map(|(name, value)| [name, value, known.to_owned()]).collect();
    InputGroup { name: name.to_owned(), rows }
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
        value => value.to_string(),
    }
}
