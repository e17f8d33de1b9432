//! The answer in short, for the documents of the repository: what the environments of `terraform/stack` cost without and under
//! load, what each path alone costs, and the load at which the cheaper path changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use askama::Template;
use rust_decimal::{Decimal, dec};

use crate::break_even::{Comparison, LineSet, break_even};
use crate::deployment::{Deployment, DeploymentBill, EnvironmentBill, Front, Inputs, Part, Path, Store, estimate};
use crate::line::total;
use crate::measured::Measured;
use crate::price_book::PriceBook;
use crate::profile::{Environment, Profile};
use crate::report::PAIR;
use crate::report::chart::LineChart;
use crate::report::charts::cost_by_load;
use crate::report::scale::grouped;
use crate::terraform::LogDestination;

/// The shops of the tables; the first is that of the chart and of the break-even.
const SHOPS: [&str; 2] = ["small-shop", "large-shop"];

/// The region that a sentence compares with: that of most published prices.
const OTHER_REGION: &str = "us-east-1";

/// Days that somebody forgets an environment.
const FORGOTTEN_DAYS: Decimal = dec!(30);

/// Lines around a part of a document; the name of the part stands between the two halves of the first.
const BEGIN: [&str; 2] = ["<!-- Written by `costs summary`: ", " -->\n"];
const END: &str = "<!-- End of what `costs summary` writes. -->\n";

/// What runs, and which share of the requests functions serve, where Terraform does not decide.
type Row = (&'static str, Deployment, Option<Decimal>);

/// Computes a bill.
trait Bill: Fn(&Profile, Deployment) -> anyhow::Result<DeploymentBill> {}
impl<T: Fn(&Profile, Deployment) -> anyhow::Result<DeploymentBill>> Bill for T {}

/// Rows of the comparison.
const ROWS: [Row; 6] = [
    ("deployed by Terraform, requests by `lambda_weight`", Deployment::DEPLOYED, None),
    ("deployed by Terraform, every request on Fargate", Deployment::DEPLOYED, Some(Decimal::ZERO)),
    ("deployed by Terraform, every request on Lambda", Deployment::DEPLOYED, Some(Decimal::ONE_HUNDRED)),
    ("Fargate + PostgreSQL alone, ALB", PAIR[0], None),
    ("Lambda + DynamoDB alone, ALB", PAIR[1], None),
    (
        "Lambda + DynamoDB alone, HTTP API",
        Deployment { path: Path::Lambda, store: Store::Dynamodb, front: Front::HttpApi },
        None,
    ),
];

#[derive(Template)]
#[template(path = "chart.svg")]
struct Picture {
    chart: LineChart,
}

/// Every part that a document may have, by its name.
///
/// # Errors
/// When a price is missing, or an example does not fit the measurement.
pub fn parts(measured: &Measured, book: &PriceBook) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let (small, large) = (Profile::example(SHOPS[0])?, Profile::example(SHOPS[1])?);
    let quiet = Profile { orders_per_month: Decimal::ZERO, ..small.clone() };
    let bill = |profile: &Profile, deployment| -> anyhow::Result<DeploymentBill> {
        estimate(deployment, Inputs { profile, measured, book })
    };
    let deployed = |region: &str, profile: &Profile| {
        bill(&Profile { region: region.to_owned(), ..profile.clone() }, Deployment::DEPLOYED)
    };
    let elsewhere = format!(
        "Prices of {}. At those of {OTHER_REGION} all environments cost {} USD without a request and {} USD with the {}.\n\n",
        small.region,
        dollars(deployed(OTHER_REGION, &quiet)?.total),
        dollars(deployed(OTHER_REGION, &small)?.total),
        small.name
    );
    let shops = [quiet, small, large];
    let break_even = break_even_words(&shops[1], measured, book)?;
    Ok([
        ("environments", environments(&shops, &bill)? + &elsewhere),
        ("paths", paths(&shops, &bill)? + &break_even + "\n"),
        ("idle", idle_table(&shops[0], &bill)?),
        ("services", services_table(&shops, &bill)?),
        ("first-deployment", first_deployment(&bill)?),
    ]
    .into())
}

/// What the environments cost as they are deployed.
fn environments(profiles: &[Profile; 3], bill: &impl Bill) -> anyhow::Result<String> {
    let names = profiles[1].environments.iter().map(|environment| environment.name.as_str());
    let mut text = head(&[&["USD a month, as deployed"], &*names.collect::<Vec<_>>(), &["all", "an order"]].concat());
    for profile in profiles {
        let bill = bill(profile, Deployment::DEPLOYED)?;
        let mut cells = vec![load(profile)];
        cells.extend(bill.environments.iter().map(|environment| dollars(environment.total)));
        cells.push(format!("**{}**", dollars(bill.total)));
        let order = bill.per_thousand_orders.map(|thousand| (thousand / Decimal::ONE_THOUSAND).round_sf(2));
        cells.push(order.flatten().map_or_else(|| "-".to_owned(), |order| order.normalize().to_string()));
        row(&mut text, &cells);
    }
    let budgets: Vec<Decimal> =
        profiles[1].environments.iter().map(|environment| environment.stack.environment.budget_usd).collect();
    let mut cells = vec!["budget of the tfvars".to_owned()];
    cells.extend(budgets.iter().map(|budget| dollars(*budget)));
    cells.extend([dollars(budgets.iter().sum()), "-".to_owned()]);
    row(&mut text, &cells);
    Ok(text + "\n")
}

/// What all environments cost together, by what runs and by load.
fn paths(profiles: &[Profile; 3], bill: &impl Bill) -> anyhow::Result<String> {
    let loads = profiles.each_ref().map(load);
    let mut text = head(&["USD a month, all environments", &loads[0], &loads[1], &loads[2]]);
    for (name, deployment, weight) in ROWS {
        let mut cells = vec![name.to_owned()];
        for profile in profiles {
            let mut profile = profile.clone();
            if let Some(weight) = weight {
                profile.environments.iter_mut().for_each(|environment| environment.stack.lambda_weight = weight);
            }
            cells.push(dollars(bill(&profile, deployment)?.total));
        }
        row(&mut text, &cells);
    }
    Ok(text + "\n")
}

/// At which load each path is the cheaper one: with the compute of production, with everything, and with everything when tasks log
/// to CloudWatch, because Datadog bills each line and so decides the second.
fn break_even_words(profile: &Profile, measured: &Measured, book: &PriceBook) -> anyhow::Result<String> {
    let mut cloudwatch = profile.clone();
    for environment in &mut cloudwatch.environments {
        environment.stack.log_destination = LogDestination::Cloudwatch;
    }
    let sets = [
        (profile, &[LineSet::Compute, LineSet::Whole][..], ""),
        (&cloudwatch, &[LineSet::Whole][..], ", with the lines of tasks in CloudWatch"),
    ];
    let mut text = String::new();
    for (profile, lines, with) in sets {
        let inputs = Inputs { profile, measured, book };
        for comparison in break_even(lines, PAIR, inputs)? {
            write_break_even(&mut text, &comparison, &format!("{}{with}", comparison.lines.word()))?;
        }
    }
    Ok(text)
}

fn write_break_even(text: &mut String, comparison: &Comparison, lines: &str) -> std::fmt::Result {
    if comparison.crossings.is_empty() {
        writeln!(text, "- Break-even, {lines}: none; `{}` is cheaper at every load.", comparison.cheaper_at_first)?;
    }
    for crossing in &comparison.crossings {
        let bound = |bound: Option<Decimal>| bound.map_or_else(|| "no limit".to_owned(), rough);
        writeln!(
            text,
            "- Break-even, {lines}: about **{}** orders a month ({} to {} as one input moves within its band); `{}` is cheaper below, `{}` above.",
            rough(crossing.orders_per_month),
            bound(crossing.lowest),
            bound(crossing.highest),
            crossing.below,
            crossing.above,
        )?;
    }
    Ok(())
}

/// What each part of the environments costs in a day without a request.
fn idle_table(profile: &Profile, bill: &impl Bill) -> anyhow::Result<String> {
    let bill = bill(profile, Deployment::DEPLOYED)?;
    let names = bill.environments.iter().map(|environment| environment.environment.as_str());
    let mut text = head(&[&["USD a day"], &*names.collect::<Vec<_>>()].concat());
    let days = profile.options.month_hours / dec!(24);
    for part in Part::ALL.iter().copied() {
        let of = |environment: &EnvironmentBill| -> Decimal {
            let lines = environment.lines.iter().filter(|line| line.part == part);
            lines.map(|line| line.line.amount).sum::<Decimal>() / days
        };
        let amounts = bill.environments.iter().map(|environment| format!("{:.2}", of(environment)));
        row(&mut text, &[vec![part.word().to_owned()], amounts.collect()].concat());
    }
    let idle = |days: Decimal, digits: usize| {
        bill.environments.iter().map(move |environment| format!("**{:.digits$}**", environment.idle_per_day * days))
    };
    row(&mut text, &[vec!["**without a request, a day**".to_owned()], idle(Decimal::ONE, 2).collect()].concat());
    row(&mut text, &[vec!["**forgotten for 30 days**".to_owned()], idle(FORGOTTEN_DAYS, 0).collect()].concat());
    Ok(format!("{text}\n"))
}

/// What each service costs in a month: in every environment without a request, and in production with those of the first shop.
fn services_table(profiles: &[Profile; 3], bill: &impl Bill) -> anyhow::Result<String> {
    let (quiet, busy) = (bill(&profiles[0], Deployment::DEPLOYED)?, bill(&profiles[1], Deployment::DEPLOYED)?);
    let name = &profiles[1].production()?.name;
    let production = busy.environments.iter().find(|bill| bill.environment == *name);
    let production = production.context("production has no bill")?;
    let names = quiet.environments.iter().map(|environment| environment.environment.as_str());
    let last = format!("{}, {}", production.environment, load(&profiles[1]));
    let mut text = head(&[&["USD a month"], &*names.collect::<Vec<_>>(), &[&*last]].concat());
    let mut services: Vec<&str> = Vec::new();
    for part in Part::ALL.iter().copied() {
        let lines = busy.environments.iter().flat_map(|environment| &environment.lines);
        for line in lines.filter(|line| line.part == part) {
            if !services.contains(&&*line.line.service) {
                services.push(&line.line.service);
            }
        }
    }
    for service in services {
        let of = |environment: &EnvironmentBill| {
            let lines = environment.lines.iter().map(|line| &line.line).filter(|line| line.service == service);
            format!("{:.2}", total(lines))
        };
        let amounts = quiet.environments.iter().chain([production]).map(of);
        row(&mut text, &[vec![service.to_owned()], amounts.collect()].concat());
    }
    let totals = quiet.environments.iter().chain([production]).map(|bill| format!("**{:.2}**", bill.total));
    row(&mut text, &[vec!["**all**".to_owned()], totals.collect()].concat());
    Ok(format!("{text}\n"))
}

/// The environment of the README's first deployment: dev with both paths on the table.
fn first_deployment(bill: &impl Bill) -> anyhow::Result<String> {
    let mut profile = Profile { orders_per_month: Decimal::ZERO, ..Profile::example("demo")? };
    let stores = |environment: &mut Environment| {
        (environment.stack.store.fargate, environment.stack.store.lambda) = (Store::Dynamodb, Store::Dynamodb);
    };
    profile.environments.iter_mut().for_each(stores);
    let bill = bill(&profile, Deployment::DEPLOYED)?;
    let dev = bill.environments.first().context("the demo has no environment")?;
    Ok(format!(
        "It costs about {} USD a day without a request, at the prices of {}.\n",
        dev.idle_per_day.round_sf(2).unwrap_or_default(),
        profile.region
    ))
}

/// `no requests`, or `small shop, 3,000 orders`.
fn load(profile: &Profile) -> String {
    if profile.orders_per_month.is_zero() {
        return "no requests".to_owned();
    }
    format!("{}, {} orders", profile.name, whole(profile.orders_per_month))
}

fn head(cells: &[&str]) -> String {
    format!("| {} |\n|---|{}\n", cells.join(" | "), "---:|".repeat(cells.len() - 1))
}

fn row(text: &mut String, cells: &[String]) {
    text.push_str("| ");
    text.push_str(&cells.join(" | "));
    text.push_str(" |\n");
}

/// Three significant digits with commas, as bills are not known better.
fn dollars(value: Decimal) -> String {
    whole(if value < dec!(1000) { value } else { value.round_sf(3).unwrap_or(value) })
}

fn whole(value: Decimal) -> String {
    grouped(&value.round().to_string())
}

/// Two significant digits with commas, for what has a wide band.
fn rough(value: Decimal) -> String {
    whole(value.round_sf(2).unwrap_or(value))
}

/// Cost against load as a picture of its own.
///
/// # Errors
/// As [`parts`].
pub fn picture(measured: &Measured, book: &PriceBook) -> anyhow::Result<String> {
    let profile = Profile::example(SHOPS[0])?;
    let chart = cost_by_load(PAIR, Inputs { profile: &profile, measured, book })?;
    Ok(Picture { chart }.render()? + "\n")
}

/// A document with each of its parts replaced.
///
/// # Errors
/// When it has no part, one of another name, or one without an end.
pub fn into_document(document: &str, parts: &BTreeMap<&str, String>) -> anyhow::Result<String> {
    let [begin, after_name] = BEGIN;
    let mut sections = document.split(begin);
    let mut text = sections.next().unwrap_or_default().to_owned();
    for section in sections {
        let (name, rest) = section.split_once(after_name).context("a part of the document has no name")?;
        let part = parts.get(name).with_context(|| format!("`costs summary` has no part {name:?}"))?;
        let (_, rest) = rest.split_once(END).with_context(|| format!("part {name:?} of the document has no end"))?;
        text.extend([begin, name, after_name, part.as_str(), END, rest]);
    }
    anyhow::ensure!(document.contains(begin), "the document has no line {:?}", begin.trim_end());
    Ok(text)
}
