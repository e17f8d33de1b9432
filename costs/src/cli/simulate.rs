//! `costs simulate`: both paths under a load, request by request.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use clap::Args;
use rust_decimal::prelude::ToPrimitive as _;
use serde::Serialize;

use super::table::Table;
use super::{Book, OpenShop, Shop};
use crate::deployment::{Deployment, Front, Path, Store};
use crate::line::total;
use crate::price_book::{PriceBook, Prices};
use crate::profile::Environment;
use crate::report::scale::{number, usd};
use crate::services::Context;
use crate::simulation::cost::ComputeCost;
use crate::simulation::{Latency, Outcome, Plan, SHOP_DAY, Spread, Trace, from_profile, simulate};

/// What to simulate.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    shop: Shop,
    /// Environment of the profile; the one named prod, or the first, when not given.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// The load: a CSV file with the columns hour and requests, or poisson.
    #[arg(long, value_name = "FILE|poisson", default_value = "poisson")]
    trace: String,
    /// Poisson: requests a second on the mean; what the profile's orders make when not given.
    #[arg(long, value_name = "PER-SECOND")]
    rate: Option<f64>,
    /// Poisson: hours to simulate.
    #[arg(long, default_value_t = 730)]
    hours: u32,
    /// Poisson: the shape of a day: profile, flat, day, or 24 weights with commas.
    #[arg(long, default_value = "profile")]
    shape: String,
    /// Seed of the random numbers; the same one gives the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How requests vary around their mean: constant, exponential, or a coefficient of variation (log-normal).
    #[arg(long)]
    spread: Option<Spread>,
    /// Where the Fargate path keeps its data, and where the Lambda path does; both matter for how long requests wait.
    #[arg(long, value_name = "FARGATE,LAMBDA", value_parser = stores, default_value = "postgresql,dynamodb")]
    stores: [Store; 2],
    /// A plan in JSON instead of the one that the profile makes; --print-plan prints that one.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Print the plan and do not run it.
    #[arg(long)]
    print_plan: bool,
    /// Print a row for each hour.
    #[arg(long)]
    by_hour: bool,
    /// Print JSON, hours included.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    book: Book,
}

fn stores(text: &str) -> Result<[Store; 2], String> {
    let one = |name: &str| match name {
        "postgresql" => Ok(Store::Postgresql),
        "dynamodb" => Ok(Store::Dynamodb),
        _ => Err(format!("{name:?} is neither postgresql nor dynamodb")),
    };
    let (fargate, lambda) = text.split_once(',').ok_or("two stores with a comma between them")?;
    Ok([one(fargate)?, one(lambda)?])
}

/// A run and what its compute costs.
#[derive(Serialize)]
struct Answer<'a> {
    region: &'a str,
    spread: String,
    #[serde(flatten)]
    outcome: &'a Outcome,
    compute: &'a ComputeCost,
}

/// Simulates.
///
/// # Errors
/// When a file cannot be read, the plan makes no sense, or a price is missing.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (book, shop) = (arguments.book.open()?, arguments.shop.open()?);
    let environment = environment(&shop, arguments.environment.as_deref())?;
    let plan = plan(arguments, &shop, &book, environment)?;
    if arguments.print_plan {
        println!("{}", serde_json::to_string_pretty(&plan)?);
        return Ok(());
    }
    let trace = trace(arguments, &shop, &book, environment)?;
    let begin = Instant::now();
    let outcome = simulate(&plan, &trace, arguments.seed)?;
    let took = begin.elapsed();
    let profile = &shop.profile;
    let prices = Prices::of(&book, &profile.region).with_fallback(profile.fallback_region.as_deref());
    let compute = ComputeCost::of(&outcome, &Context::new(prices))?;
    if arguments.json {
        let answer =
            Answer { region: &profile.region, spread: plan.spread.to_string(), outcome: &outcome, compute: &compute };
        println!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(());
    }
    println!(
        "{} requests in {} h ({} a second on the mean), seed {}, request sizes {}; simulated in {:.1} s.\n",
        number(float(outcome.requests)),
        outcome.hours,
        number(float(outcome.requests) / (float(outcome.hours as u64) * 3600.0)),
        outcome.seed,
        plan.spread,
        took.as_secs_f64()
    );
    print!("{}", summary(&outcome, &compute));
    if arguments.by_hour {
        print!("\n{}", hours(&outcome, &compute));
    }
    println!(
        "\nUSD for compute alone, {}, before tax; `costs estimate` has the other lines of the bill.",
        profile.region
    );
    Ok(())
}

fn environment<'a>(shop: &'a OpenShop, name: Option<&str>) -> anyhow::Result<&'a Environment> {
    let Some(name) = name else { return Ok(shop.profile.production()?) };
    let all = &shop.profile.environments;
    let known = || all.iter().map(|environment| &*environment.name).collect::<Vec<_>>().join(", ");
    let found = all.iter().find(|environment| environment.name == name);
    found.ok_or_else(|| anyhow!("there is no environment {name:?} (known: {})", known()))
}

fn deployments([fargate, lambda]: [Store; 2]) -> [Deployment; 2] {
    [(Path::Fargate, fargate), (Path::Lambda, lambda)].map(|(path, store)| Deployment {
        path,
        store,
        front: Front::Alb,
    })
}

fn plan(arguments: &Arguments, shop: &OpenShop, book: &PriceBook, environment: &Environment) -> anyhow::Result<Plan> {
    let [fargate, lambda] = deployments(arguments.stores);
    let mut plan = match &arguments.plan {
        Some(path) => {
            let text = super::read(path)?;
            serde_json::from_str(&text).with_context(|| path.display().to_string())?
        }
        None => {
            from_profile::plan(fargate, lambda, environment, shop.inputs(book)).map_err(|problem| anyhow!(problem))?
        }
    };
    if let Some(spread) = arguments.spread {
        plan.spread = spread;
    }
    plan.check()?;
    Ok(plan)
}

fn trace(arguments: &Arguments, shop: &OpenShop, book: &PriceBook, environment: &Environment) -> anyhow::Result<Trace> {
    if arguments.trace != "poisson" {
        let file = std::fs::File::open(&arguments.trace).with_context(|| arguments.trace.clone())?;
        return Trace::from_csv(file).with_context(|| arguments.trace.clone());
    }
    let inputs = shop.inputs(book);
    let day = match &*arguments.shape {
        "profile" => from_profile::day(inputs),
        "flat" => Vec::new(),
        "day" => SHOP_DAY.to_vec(),
        weights => weights
            .split(',')
            .map(|weight| weight.trim().parse().map_err(|_| anyhow!("--shape: {weight:?} is no weight")))
            .collect::<anyhow::Result<_>>()?,
    };
    let rate = match arguments.rate {
        Some(rate) => rate,
        None => from_profile::rate(deployments(arguments.stores)[0], environment, inputs)
            .map_err(|problem| anyhow!(problem))?,
    };
    Ok(Trace::poisson(rate, arguments.hours, &day)?)
}

fn float(count: u64) -> f64 {
    count.to_f64().unwrap_or(f64::NAN)
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{}%", number(float(part) / float(whole) * 100.0)) }
}

/// One figure of a latency.
type Read = fn(Latency) -> f64;

fn ms(latency: Option<Latency>, of: Read) -> String {
    latency.map_or_else(|| "-".to_owned(), |latency| number(of(latency)))
}

fn summary(outcome: &Outcome, compute: &ComputeCost) -> String {
    let (lambda, fargate) = (&outcome.lambda, &outcome.fargate);
    let mut table = Table::new();
    let mut row = |name: &str, cells: [String; 2]| {
        let [fargate, lambda] = cells;
        table.row(vec![name.to_owned(), fargate, lambda]);
    };
    row("", ["Fargate".to_owned(), "Lambda".to_owned()]);
    let percentiles: [(&str, Read); 5] = [
        ("latency, mean ms", |latency| latency.mean_ms),
        ("p50 ms", |latency| latency.p50_ms),
        ("p95 ms", |latency| latency.p95_ms),
        ("p99 ms", |latency| latency.p99_ms),
        ("slowest ms", |latency| latency.max_ms),
    ];
    for (name, of) in percentiles {
        row(name, [fargate.latency, lambda.latency].map(|latency| ms(latency, of)));
    }
    row("cold starts", ["-".to_owned(), percent(lambda.total.cold_starts, lambda.total.answered)]);
    row("p50 of a cold start, ms", ["-".to_owned(), ms(lambda.cold_latency, |latency| latency.p50_ms)]);
    row(
        "refused or throttled",
        [percent(fargate.refused, outcome.requests), percent(lambda.total.throttled, outcome.requests)],
    );
    row("timed out", [percent(fargate.timed_out, outcome.requests), "-".to_owned()]);
    let tasks = fargate.services.iter().map(|service| service.total.tasks).sum();
    row("tasks, environments: mean", [number(tasks), number(lambda.total.environments)]);
    let peak = fargate.services.iter().map(|service| service.total.peak_tasks).sum::<usize>();
    row("most tasks, most at work", [peak.to_string(), lambda.total.peak_busy.to_string()]);
    for service in &fargate.services {
        row(
            &format!("CPU used by {}", service.name),
            [format!("{:.1}%", service.total.utilization * 100.0), "-".to_owned()],
        );
        row(
            &format!("minutes saturated, {}", service.name),
            [service.total.saturated_minutes.to_string(), "-".to_owned()],
        );
    }
    let usd = |lines| usd(total(lines).to_f64().unwrap_or(f64::NAN));
    row("compute, USD", [usd(&compute.fargate), usd(&compute.lambda)]);
    table.to_string()
}

fn hours(outcome: &Outcome, compute: &ComputeCost) -> String {
    let mut table = Table::new();
    let head = ["hour", "requests", "tasks", "CPU", "p95 ms", "USD", "environments", "cold", "p95 ms", "USD"];
    table.head(head.map(str::to_owned).to_vec());
    for (hour, cost) in outcome.by_hour.iter().zip(&compute.by_hour) {
        let tasks: f64 = hour.services.iter().map(|service| service.tasks).sum();
        let used = hour.services.iter().map(|service| service.utilization).fold(0.0, f64::max);
        table.row(vec![
            hour.hour.to_string(),
            hour.requests.to_string(),
            format!("{tasks:.2}"),
            format!("{:.0}%", used * 100.0),
            ms(hour.fargate_latency, |latency| latency.p95_ms),
            format!("{:.6}", cost.fargate_usd),
            format!("{:.2}", hour.lambda.environments),
            hour.lambda.cold_starts.to_string(),
            ms(hour.lambda_latency, |latency| latency.p95_ms),
            format!("{:.6}", cost.lambda_usd),
        ]);
    }
    format!("{:33} Fargate {:24} Lambda\n{table}", "", "")
}
