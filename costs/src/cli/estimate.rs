//! `costs estimate`: the deployments side by side.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use rust_decimal::Decimal;

use super::table::Table;
use super::{Book, OpenShop, Shop, print_json};
use crate::deployment::{BillLine, Deployment, DeploymentBill, Part, estimate};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    shop: Shop,
    /// Only these deployments, as in fargate-postgresql-alb,lambda-dynamodb-http-api; all of them when not given.
    #[arg(long, value_delimiter = ',', value_name = "DEPLOYMENT")]
    only: Vec<Deployment>,
    /// Only this environment.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Every line with quantity, unit price, date of the price, source, and how the quantity is known.
    #[arg(long)]
    lines: bool,
    /// Print JSON, lines included.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    book: Book,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let book = arguments.book.open()?;
    let mut shop = arguments.shop.open()?;
    if let Some(name) = &arguments.environment {
        shop.profile.environments = vec![shop.profile.environment(name)?.clone()];
    }
    let deployments = if arguments.only.is_empty() { Deployment::all() } else { arguments.only.clone() };
    let bills = deployments.iter().map(|deployment| estimate(*deployment, shop.inputs(&book)));
    let bills = bills.collect::<Result<Vec<_>, _>>()?;
    if arguments.json {
        return print_json(bills);
    }
    print!("{}{}", heading(&shop), side_by_side(&bills));
    if arguments.lines {
        print!("{}", bills.iter().map(all_lines).collect::<String>());
    } else {
        println!("\n--lines shows every line with its quantity, price, date and source.");
    }
    Ok(())
}

/// What the tables below are about.
pub fn heading(shop: &OpenShop) -> String {
    let (profile, measured) = (&shop.profile, &shop.measured);
    let taken = if profile.options.free_tier { "taken off each environment" } else { "not taken off" };
    format!(
        "{}: {} orders a month, {}. {}\nRoutes: {}. USD a month before tax, {} h, free tier {taken}.\n\n",
        profile.name,
        profile.orders_per_month,
        profile.region,
        profile.about,
        measured.about(),
        profile.options.month_hours,
    )
}

/// One row per deployment, cheapest first.
fn side_by_side(bills: &[DeploymentBill]) -> Table {
    let environments = bills.first().into_iter().flat_map(|bill| &bill.environments);
    let names: Vec<&str> = environments.map(|environment| &*environment.environment).collect();
    let mut table = Table::of(&[&["deployment", "all"], &*names, &["1,000 orders", "idle/day"]].concat());
    let mut sorted: Vec<&DeploymentBill> = bills.iter().collect();
    sorted.sort_by_key(|bill| bill.total);
    for bill in sorted {
        let mut row = vec![bill.deployment.clone(), money(bill.total)];
        row.extend(bill.environments.iter().map(|environment| money(environment.total)));
        row.push(bill.per_thousand_orders.map_or_else(|| "-".to_owned(), money));
        row.push(money(bill.environments.iter().map(|environment| environment.idle_per_day).sum()));
        table.row(row);
    }
    table
}

/// Every line of each environment of a deployment, and their sums by part.
fn all_lines(bill: &DeploymentBill) -> String {
    let mut text = String::new();
    for environment in &bill.environments {
        let mut table = Table::of(&[
            "part",
            "service",
            "line",
            "quantity",
            "unit",
            "unit price",
            "USD",
            "price of",
            "trust",
            "known",
            "source",
        ]);
        let mut sums: BTreeMap<Part, Decimal> = BTreeMap::new();
        for line in &environment.lines {
            *sums.entry(line.part).or_default() += line.line.amount;
            table.row(cells(line));
        }
        let sums: Vec<_> = sums.iter().map(|(part, sum)| format!("{} {}", part.word(), money(*sum))).collect();
        let _ = write!(
            text,
            "\n{}, {}: {}\n{table}  = {}\n",
            bill.deployment,
            environment.environment,
            money(environment.total),
            sums.join(" + ")
        );
    }
    text
}

fn cells(line: &BillLine) -> Vec<String> {
    let BillLine { part, line } = line;
    vec![
        part.word().to_owned(),
        line.service.clone(),
        line.name.clone(),
        line.quantity.round_dp(3).normalize().to_string(),
        line.unit.clone(),
        line.unit_price.normalize().to_string(),
        money(line.amount),
        if line.price.date.is_empty() { "?".to_owned() } else { line.price.date.clone() },
        line.price.confidence.word().to_owned(),
        line.known.word().to_owned(),
        line.price.source.chars().take(60).collect(),
    ]
}

/// Dollars and cents; four digits where cents would say zero.
pub fn money(amount: Decimal) -> String {
    let cents = amount.round_dp(2);
    if cents.is_zero() && !amount.is_zero() { format!("{amount:.4}") } else { format!("{cents:.2}") }
}
