//! `costs simulate`: both paths under a load, request by request.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use rust_decimal::prelude::ToPrimitive as _;

use super::table::Table;
use super::{Book, Shop, print_json};
use crate::deployment::{Deployment, Front, Inputs, Path, Store};
use crate::line::total;
use crate::price_book::Prices;
use crate::profile::Environment;
use crate::report::scale::{number, usd};
use crate::services::Context;
use crate::simulation::cost::ComputeCost;
use crate::simulation::{Latency, Outcome, Spread, Trace, from_profile, simulate};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    shop: Shop,
    /// Environment of the profile; the one named prod, or the first, when not given.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// The load, instead of the profile's: a CSV file with the columns hour and requests.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rate", "hours"])]
    trace: Option<PathBuf>,
    /// Requests a second on the mean of a day of the profile's shape; what its orders make when not given.
    #[arg(long, value_name = "PER-SECOND")]
    rate: Option<f64>,
    /// Hours to simulate.
    #[arg(long, default_value_t = 730)]
    hours: u32,
    /// Seed of the random numbers; the same one gives the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How what requests need varies around its mean.
    #[arg(long, value_enum, default_value_t)]
    spread: Spread,
    /// Where the Fargate path keeps its data, and where the Lambda path does; both matter for how long requests wait.
    #[arg(long, value_name = "FARGATE,LAMBDA", value_parser = stores, default_value = "postgresql,dynamodb")]
    stores: [Store; 2],
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    book: Book,
}

fn stores(text: &str) -> Result<[Store; 2], String> {
    let one = |name: &str| {
        let store = Store::ALL.iter().find(|store| store.word() == name);
        store.copied().ok_or_else(|| format!("{name:?} is neither postgresql nor dynamodb"))
    };
    let (fargate, lambda) = text.split_once(',').ok_or("two stores with a comma between them")?;
    Ok([one(fargate)?, one(lambda)?])
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (book, shop) = (arguments.book.open()?, arguments.shop.open()?);
    let profile = &shop.profile;
    let environment = match &arguments.environment {
        Some(name) => profile.environment(name)?,
        None => profile.production()?,
    };
    let [fargate, lambda] = [(Path::Fargate, arguments.stores[0]), (Path::Lambda, arguments.stores[1])]
        .map(|(path, store)| Deployment { path, store, front: Front::Alb });
    let inputs = shop.inputs(&book);
    let mut plan = from_profile::plan(fargate, lambda, environment, inputs)?;
    plan.spread = arguments.spread;
    let outcome = simulate(&plan, &trace(arguments, fargate, environment, inputs)?, arguments.seed)?;
    let prices = Prices::of(&book, &profile.region).with_fallback(profile.fallback_region.as_deref());
    let compute = ComputeCost::of(&outcome, &Context::new(prices))?;
    if arguments.json {
        let answer = serde_json::json!({"region": profile.region, "outcome": outcome, "compute": compute});
        return print_json(answer);
    }
    let (requests, hours) = (float(outcome.requests), outcome.hours);
    println!(
        "{} requests in {hours} h ({} a second on the mean), seed {}.\n",
        number(requests),
        number(requests / (float(hours as u64) * 3600.0)),
        outcome.seed,
    );
    print!("{}", summary(&outcome, &compute));
    println!(
        "\nUSD for compute alone, {}, before tax; `costs estimate` has the other lines of the bill.",
        profile.region
    );
    Ok(())
}

fn trace(
    arguments: &Arguments,
    fargate: Deployment,
    environment: &Environment,
    inputs: Inputs<'_>,
) -> anyhow::Result<Trace> {
    if let Some(path) = &arguments.trace {
        let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
        return Trace::from_csv(file).with_context(|| path.display().to_string());
    }
    let rate = arguments.rate.map_or_else(|| from_profile::rate(fargate, environment, inputs), Ok)?;
    Trace::poisson(rate, arguments.hours, &from_profile::day(inputs))
}

fn float(count: u64) -> f64 {
    count.to_f64().unwrap_or(f64::NAN)
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{}%", number(float(part) / float(whole) * 100.0)) }
}

/// One figure of a latency.
type Figure = fn(Latency) -> f64;

fn ms(latency: Option<Latency>, of: Figure) -> String {
    latency.map_or_else(|| "-".to_owned(), |latency| number(of(latency)))
}

fn summary(outcome: &Outcome, compute: &ComputeCost) -> String {
    let (lambda, fargate) = (&outcome.lambda, &outcome.fargate);
    let mut table = Table::new();
    let mut row = |name: &str, [fargate, lambda]: [String; 2]| table.row(vec![name.to_owned(), fargate, lambda]);
    let none = || "-".to_owned();
    row("", ["Fargate".to_owned(), "Lambda".to_owned()]);
    let percentiles: [(&str, Figure); 5] = [
        ("latency, mean ms", |latency| latency.mean_ms),
        ("p50 ms", |latency| latency.p50_ms),
        ("p95 ms", |latency| latency.p95_ms),
        ("p99 ms", |latency| latency.p99_ms),
        ("slowest ms", |latency| latency.max_ms),
    ];
    for (name, of) in percentiles {
        row(name, [fargate.latency, lambda.latency].map(|latency| ms(latency, of)));
    }
    row("cold starts", [none(), percent(lambda.cold_starts, outcome.requests)]);
    row("p50 of a cold start, ms", [none(), ms(lambda.cold_latency, |latency| latency.p50_ms)]);
    row("refused", [percent(fargate.refused, outcome.requests), none()]);
    let tasks = fargate.services.iter().map(|service| service.tasks).sum();
    row("tasks, environments: mean", [number(tasks), number(lambda.environments)]);
    let peak = fargate.services.iter().map(|service| service.peak_tasks).sum::<usize>();
    row("most tasks, most at work", [peak.to_string(), lambda.peak_busy.to_string()]);
    for service in &fargate.services {
        let used = format!("{:.1}%", service.utilization * 100.0);
        row(&format!("CPU used by {}", service.name), [used, none()]);
        let saturated = service.saturated_minutes.to_string();
        row(&format!("minutes saturated, {}", service.name), [saturated, none()]);
    }
    let usd = |lines| usd(total(lines).to_f64().unwrap_or(f64::NAN));
    row("compute, USD", [usd(&compute.fargate), usd(&compute.lambda)]);
    table.to_string()
}
