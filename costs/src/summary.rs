//! The answer in short, for the README: what three shops pay on each path, and the load at which the cheaper path changes.

use std::fmt::Write as _;

use askama::Template;
use rust_decimal::Decimal;

use crate::break_even::{LineSet, break_even};
use crate::deployment::{Deployment, Front, Inputs, Path, Store, estimate};
use crate::measured::Measured;
use crate::price_book::PriceBook;
use crate::profile::{EXAMPLES, Profile};
use crate::report::build::{PAIR, cost_by_load};
use crate::report::chart::LineChart;

/// The shop of the chart and of the break-even.
const SHOP: &str = "small-shop";

/// What is compared: the pair of the report, and the cheaper front door of functions.
const COMPARED: [Deployment; 3] =
    [PAIR[0], PAIR[1], Deployment { path: Path::Lambda, store: Store::Dynamodb, front: Front::HttpApi }];

/// Markers of the part of a document that [`into_document`] replaces.
const MARKERS: [&str; 2] = ["<!-- Written by `costs summary`: -->\n", "<!-- End of what `costs summary` writes. -->\n"];

#[derive(Template)]
#[template(path = "chart.svg")]
struct Picture {
    chart: LineChart,
}

/// A table of the example shops in Markdown, with a sentence on the break-even.
///
/// # Errors
/// When a price is missing, or an example does not fit the measurement.
pub fn markdown(measured: &Measured, book: &PriceBook) -> anyhow::Result<String> {
    let mut text = String::from(
        "| shop | orders a month | Fargate + PostgreSQL, ALB | Lambda + DynamoDB, ALB | Lambda + DynamoDB, HTTP API | an order in production |\n\
         |---|---:|---:|---:|---:|---|\n",
    );
    for (name, _) in EXAMPLES {
        let profile = Profile::example(name)?;
        let inputs = Inputs { profile: &profile, measured, book };
        let bills = COMPARED.map(|deployment| estimate(deployment, inputs));
        let environments: Vec<&str> = profile.environments.iter().map(|environment| &*environment.name).collect();
        let mut row =
            format!("| {} ({}) | {} ", profile.name, environments.join(", "), thousands(profile.orders_per_month));
        let mut orders = Vec::new();
        for bill in bills {
            let bill = bill?;
            write!(row, "| {} USD ", thousands(bill.total))?;
            orders.extend(bill.per_thousand_orders.map(|thousand| {
                format!("{}", (thousand / Decimal::ONE_THOUSAND).round_sf(2).unwrap_or_default().normalize())
            }));
        }
        writeln!(text, "{row}| {} USD |", orders.join(", "))?;
    }
    writeln!(text, "\n{}", break_even_words(measured, book)?)?;
    Ok(text)
}

/// At which load the whole bill of the pair is equal.
fn break_even_words(measured: &Measured, book: &PriceBook) -> anyhow::Result<String> {
    let profile = Profile::example(SHOP)?;
    let inputs = Inputs { profile: &profile, measured, book };
    let all = break_even(PAIR[0], PAIR[1], inputs)?;
    let mut text = String::new();
    for comparison in all.iter().filter(|one| matches!(one.lines, LineSet::Compute | LineSet::Whole)) {
        let lines = comparison.lines.word();
        if comparison.crossings.is_empty() {
            writeln!(text, "- {lines}: {} at every load.", comparison.cheaper_at_first)?;
        }
        for crossing in &comparison.crossings {
            let bound = |bound: Option<Decimal>, none: &str| bound.map_or_else(|| none.to_owned(), thousands);
            writeln!(
                text,
                "- {lines}: up to **{}** orders a month `{}` is cheaper, above it `{}` (between {} and {} when one input is as low or high as it may be).",
                thousands(crossing.orders_per_month),
                crossing.below,
                crossing.above,
                bound(crossing.lowest, "any load"),
                bound(crossing.highest, "none"),
            )?;
        }
    }
    Ok(text)
}

/// Three significant digits with commas, since no more is known.
fn thousands(value: Decimal) -> String {
    let digits = value.round_sf(3).unwrap_or(value).round().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Cost against load as a picture of its own.
///
/// # Errors
/// As [`markdown`].
pub fn picture(measured: &Measured, book: &PriceBook) -> anyhow::Result<String> {
    let profile = Profile::example(SHOP)?;
    let chart = cost_by_load(PAIR, Inputs { profile: &profile, measured, book })?;
    Ok(Picture { chart }.render()? + "\n")
}

/// A document with its part between the markers replaced.
///
/// # Errors
/// When it has no such part.
pub fn into_document(document: &str, markdown: &str) -> anyhow::Result<String> {
    let [begin, end] = MARKERS;
    let parts = document.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) = parts.ok_or_else(|| anyhow::anyhow!("the document has no line {:?}", begin.trim_end()))?;
    Ok(format!("{before}{begin}{markdown}{end}{after}"))
}
