//! The charts of a report: cost and latency against load.

use anyhow::anyhow;
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};

use super::build::{float, title};
use super::chart::{LineChart, Mark, Series};
use super::scale::{Scale, number, short, usd, usd_short};
use super::{Drawing, SIDES};
use crate::break_even::{Crossing, LineSet, break_even_of, on_all_cores};
use crate::deployment::{Deployment, Inputs, monthly_total};
use crate::profile::{Environment, Profile};
use crate::sensitivity::INPUTS;
use crate::simulation::{Latency, Outcome, Trace, from_profile, simulate};

/// Steps of a decade of the load axis.
const STEPS: i32 = 4;
/// Decades below and above the profile's load.
const DECADES: [i32; 2] = [2, 3];
/// Requests that a simulated load has about, so that its 99th percentile means something.
const REQUESTS: f64 = 40_000.0;
/// Requests of an hour above which a load is not simulated: its latency is that of the loads below, and one more decade would take
/// longer than all of them.
const MOST_REQUESTS: f64 = 2_000_000.0;
/// Loads around the profile's, orders a month.
fn loads(profile: &Profile) -> Vec<Decimal> {
    let middle = float(profile.orders_per_month).clamp(1_000.0, 1e5);
    let at = |step: i32| {
        Decimal::from_f64(middle * 10_f64.powf(f64::from(step) / f64::from(STEPS))).unwrap_or(Decimal::ONE).round()
    };
    (-DECADES[0] * STEPS..=DECADES[1] * STEPS).map(at).collect()
}

pub(super) fn with_orders(profile: &Profile, orders: Decimal) -> Profile {
    Profile { orders_per_month: orders, ..profile.clone() }
}

/// What two deployments cost at loads around the profile's, with the break-even.
///
/// # Errors
/// When a price is missing, or profile and measurement do not fit each other.
pub fn cost_by_load(pair: [Deployment; 2], inputs: Inputs<'_>) -> anyhow::Result<LineChart> {
    let crossings = whole_bill_crossings(pair, inputs)?;
    Ok(cost_chart(pair, &pair.map(title), &crossings, inputs)?.chart)
}

pub(super) fn whole_bill_crossings(pair: [Deployment; 2], inputs: Inputs<'_>) -> anyhow::Result<Vec<Crossing>> {
    let comparisons = break_even_of(&[LineSet::Whole], pair[0], pair[1], inputs)?;
    Ok(comparisons.into_iter().flat_map(|comparison| comparison.crossings).collect())
}

pub(super) fn cost_chart(
    pair: [Deployment; 2],
    names: &[String; 2],
    crossings: &[Crossing],
    inputs: Inputs<'_>,
) -> anyhow::Result<Drawing> {
    let loads = loads(inputs.profile);
    let mut series = Vec::new();
    for ((deployment, name), class) in pair.into_iter().zip(names).zip(SIDES) {
        let (mut points, mut band) = (Vec::new(), Vec::new());
        let places: Vec<_> = loads.iter().copied().enumerate().collect();
        let totals = on_all_cores(&places, |(place, orders)| {
            let profile = with_orders(inputs.profile, *orders);
            let inputs = Inputs { profile: &profile, ..inputs };
            let total = float(monthly_total(deployment, inputs)?);
            let ends = (place % 2 == 0).then(|| envelope(deployment, inputs, total)).transpose()?;
            anyhow::Ok((float(*orders), total, ends))
        })?;
        for (orders, total, ends) in totals {
            points.push((orders, total));
            band.extend(ends.map(|(low, high)| (orders, low, high)));
        }
        series.push(Series { name: name.clone(), class, points, band });
    }
    let marks = crossings.iter().map(|crossing| {
        let at = float(crossing.orders_per_month);
        let ends = (crossing.lowest.map_or(0.0, float), crossing.highest.map_or(f64::INFINITY, float));
        Mark { at, band: Some(ends), label: format!("break-even {} orders", short(at)) }
    });
    let ends = |n: usize| {
        format!("{} from {} to {}", names[n], usd(series[n].points[0].1), usd(series[n].points[loads.len() - 1].1))
    };
    let (first, last) = (float(loads[0]), float(loads[loads.len() - 1]));
    let chart = LineChart {
        id: "cost-by-load",
        text: format!("USD a month from {} to {} orders a month: {}, {}.", short(first), short(last), ends(0), ends(1)),
        x_name: "orders a month".into(),
        y_name: "USD a month".into(),
        x: Scale::Log(first, last),
        y: Scale::log_around(series.iter().flat_map(|one| one.points.iter().map(|point| point.1))),
        x_text: short,
        y_text: usd_short,
        cell_text: usd,
        marks: marks.filter(|mark| mark.at >= first && mark.at <= last).collect(),
        series,
    };
    let reading = "The whole bill of all environments; both axes are logarithmic. The shaded bands are where a bill may lie when one input is as low or as high as it may be; a grey band is where the break-even then lies.";
    Ok(Drawing { heading: "Cost against load".into(), reading: reading.into(), chart })
}

/// Lowest and highest bill when one input but the load moves.
fn envelope(deployment: Deployment, inputs: Inputs<'_>, total: f64) -> anyhow::Result<(f64, f64)> {
    let (mut low, mut high) = (total, total);
    for input in INPUTS.iter().filter(|input| input.name != "orders") {
        for factor in input.band(inputs.profile, inputs.measured) {
            let (profile, measured) = input.times(inputs.profile, inputs.measured, factor);
            let moved = float(monthly_total(deployment, Inputs { profile: &profile, measured: &measured, ..inputs })?);
            (low, high) = (low.min(moved), high.max(moved));
        }
    }
    Ok((low, high))
}

pub(super) fn latency_chart(
    pair: [Deployment; 2],
    names: &[String; 2],
    inputs: Inputs<'_>,
    seed: u64,
) -> anyhow::Result<Drawing> {
    let environment = inputs.profile.production()?;
    let mut points: [Vec<(f64, f64)>; 4] = Default::default();
    let mut cold = Vec::new();
    let loads: Vec<_> = loads(inputs.profile).into_iter().step_by(2).collect();
    let outcomes = on_all_cores(&loads, |orders| {
        let profile = with_orders(inputs.profile, *orders);
        Ok::<_, anyhow::Error>((*orders, steady(pair, environment, Inputs { profile: &profile, ..inputs }, seed)?))
    })?;
    // An hour of the highest loads would take longer than all others together.
    for (orders, outcome) in outcomes.into_iter().filter_map(|(orders, outcome)| Some((orders, outcome?))) {
        let sides: [Option<Latency>; 2] = [outcome.fargate.latency, outcome.lambda.latency];
        for (side, latency) in sides.into_iter().enumerate() {
            let values = latency.map_or([f64::NAN; 2], |latency| [latency.p50_ms, latency.p99_ms]);
            for (place, value) in values.into_iter().enumerate() {
                points[side * 2 + place].push((float(orders), value));
            }
        }
        cold.push((orders, outcome.lambda.cold_start_share));
    }
    let classes = ["fargate", "fargate dashed", "lambda", "lambda dashed"];
    let series: Vec<Series> = points
        .into_iter()
        .enumerate()
        .map(|(n, points)| Series {
            name: format!("{}, {}", names[n / 2], ["p50", "p99"][n % 2]),
            class: classes[n],
            points,
            band: Vec::new(),
        })
        .collect();
    let loads = [0, series[0].points.len() - 1].map(|n| series[0].points[n].0);
    let at_ends = series.iter().map(|one| {
        format!("{} from {} to {} ms", one.name, number(one.points[0].1), number(one.points[one.points.len() - 1].1))
    });
    let share =
        |n: usize| cold[n].1.map_or_else(|| "unknown".to_owned(), |share| format!("{} %", number(share * 100.0)));
    let chart = LineChart {
        id: "latency-by-load",
        text: format!("Latency in production: {}.", at_ends.collect::<Vec<_>>().join("; ")),
        x_name: "orders a month".into(),
        y_name: "milliseconds".into(),
        x: Scale::Log(loads[0], loads[1]),
        y: Scale::log_around(series.iter().flat_map(|one| one.points.iter().map(|point| point.1))),
        x_text: short,
        y_text: number,
        cell_text: number,
        marks: Vec::new(),
        series,
    };
    let reading = format!(
        "Simulated for production at an even load, seed {seed}: a task shares its CPU among its requests, a function has the part of a vCPU that its memory gives and serves one request at a time. Cold starts fall from {} of the requests at {} orders to {} at {}.",
        share(0),
        short(loads[0]),
        share(cold.len() - 1),
        short(loads[1])
    );
    Ok(Drawing { heading: "Latency against load".into(), reading, chart })
}

/// Production under an even load, for as long as a percentile needs.
fn steady(
    pair: [Deployment; 2],
    environment: &Environment,
    inputs: Inputs<'_>,
    seed: u64,
) -> anyhow::Result<Option<Outcome>> {
    let plan = from_profile::plan(pair[0], pair[1], environment, inputs).map_err(|problem| anyhow!(problem))?;
    let rate = from_profile::rate(pair[0], environment, inputs).map_err(|problem| anyhow!(problem))?;
    if rate * 3600.0 > MOST_REQUESTS {
        return Ok(None);
    }
    let hours = (REQUESTS / (rate * 3600.0)).ceil().clamp(1.0, 730.0);
    let hours = hours.to_u32().unwrap_or(1);
    Ok(Some(simulate(&plan, &Trace::poisson(rate, hours, &[])?, seed)?))
}
