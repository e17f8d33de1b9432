//! The charts of a report: cost and latency against load.

use anyhow::anyhow;
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};

use super::chart::{LineChart, Mark, Series};
use super::scale::{Scale, number, short, usd, usd_short};
use super::{SIDES, float};
use crate::break_even::{Crossing, LineSet, break_even, on_all_cores};
use crate::deployment::{Deployment, Inputs, monthly_total};
use crate::profile::Profile;
use crate::sensitivity::variations;
use crate::simulation::{Outcome, Trace, from_profile, simulate};

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
pub(crate) fn cost_by_load(pair: [Deployment; 2], inputs: Inputs<'_>) -> anyhow::Result<LineChart> {
    cost_chart(pair, &whole_bill_crossings(pair, inputs)?, inputs)
}

pub(super) fn whole_bill_crossings(pair: [Deployment; 2], inputs: Inputs<'_>) -> anyhow::Result<Vec<Crossing>> {
    let comparisons = break_even(&[LineSet::Whole], pair, inputs)?;
    Ok(comparisons.into_iter().flat_map(|comparison| comparison.crossings).collect())
}

pub(super) fn cost_chart(
    pair: [Deployment; 2],
    crossings: &[Crossing],
    inputs: Inputs<'_>,
) -> anyhow::Result<LineChart> {
    let places: Vec<_> = loads(inputs.profile).into_iter().enumerate().collect();
    let mut series = Vec::new();
    for (deployment, class) in pair.into_iter().zip(SIDES) {
        let (mut points, mut band) = (Vec::new(), Vec::new());
        let totals = on_all_cores(&places, |(place, orders)| {
            let profile = with_orders(inputs.profile, *orders);
            let inputs = Inputs { profile: &profile, ..inputs };
            let total = float(monthly_total(deployment, inputs)?);
            let ends = (place % 2 == 0).then(|| envelope(deployment, inputs, total)).transpose()?;
            Ok((float(*orders), total, ends))
        })?;
        for (orders, total, ends) in totals {
            points.push((orders, total));
            band.extend(ends.map(|(low, high)| (orders, low, high)));
        }
        series.push(Series { name: deployment.title(), class, points, band });
    }
    let ends = |one: &Series| [one.points[0], one.points[one.points.len() - 1]];
    let [(first, _), (last, _)] = ends(&series[0]);
    let said = |one: &Series| format!("{} from {} to {}", one.name, usd(ends(one)[0].1), usd(ends(one)[1].1));
    let said: Vec<String> = series.iter().map(said).collect();
    let marks = crossings.iter().map(|crossing| {
        let at = float(crossing.orders_per_month);
        let band = (crossing.lowest.map_or(0.0, float), crossing.highest.map_or(f64::INFINITY, float));
        Mark { at, band, label: format!("break-even {} orders", short(at)) }
    });
    let reading = "The whole bill of all environments; both axes are logarithmic. The shaded bands are where a bill may lie when one input is as low or as high as it may be; a grey band is where the break-even then lies.";
    Ok(LineChart {
        id: "cost-by-load",
        heading: "Cost against load",
        reading: reading.to_owned(),
        text: format!("USD a month from {} to {} orders a month: {}.", short(first), short(last), said.join(", ")),
        x_name: "orders a month",
        y_name: "USD a month",
        x: Scale(first, last),
        y: Scale::around(series.iter().flat_map(|one| one.points.iter().map(|point| point.1))),
        x_text: short,
        y_text: usd_short,
        cell_text: usd,
        marks: marks.filter(|mark| mark.at >= first && mark.at <= last).collect(),
        series,
    })
}

/// Lowest and highest bill when one input but the load moves.
fn envelope(deployment: Deployment, inputs: Inputs<'_>, total: f64) -> anyhow::Result<(f64, f64)> {
    let (mut low, mut high) = (total, total);
    for (_, profile, measured) in variations(inputs) {
        let moved = float(monthly_total(deployment, Inputs { profile: &profile, measured: &measured, ..inputs })?);
        (low, high) = (low.min(moved), high.max(moved));
    }
    Ok((low, high))
}

pub(super) fn latency_chart(pair: [Deployment; 2], inputs: Inputs<'_>, seed: u64) -> anyhow::Result<LineChart> {
    let loads: Vec<_> = loads(inputs.profile).into_iter().step_by(2).collect();
    let outcomes = on_all_cores(&loads, |orders| {
        let profile = with_orders(inputs.profile, *orders);
        Ok(steady(pair, Inputs { profile: &profile, ..inputs }, seed)?.map(|outcome| (float(*orders), outcome)))
    })?;
    let outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
    let (Some((first, fewest)), Some((last, most))) = (outcomes.first(), outcomes.last()) else {
        return Err(anyhow!("every load has too many requests to simulate"));
    };
    let mut series = Vec::new();
    for (side, deployment) in pair.into_iter().enumerate() {
        let classes = [["fargate", "fargate dashed"], ["lambda", "lambda dashed"]][side];
        for (percentile, class) in ["p50", "p99"].into_iter().zip(classes) {
            let points = outcomes.iter().map(|(orders, outcome)| {
                let latency = [outcome.fargate.latency, outcome.lambda.latency][side];
                let value = latency.map(|latency| if percentile == "p50" { latency.p50_ms } else { latency.p99_ms });
                (*orders, value.unwrap_or(f64::NAN))
            });
            let name = format!("{}, {percentile}", deployment.title());
            series.push(Series { name, class, points: points.collect(), band: Vec::new() });
        }
    }
    let said = series.iter().map(|one| {
        let ends = [0, one.points.len() - 1].map(|n| number(one.points[n].1));
        format!("{} from {} to {} ms", one.name, ends[0], ends[1])
    });
    let share = |outcome: &Outcome| {
        let share = outcome.lambda.cold_start_share;
        share.map_or_else(|| "unknown".to_owned(), |share| format!("{} %", number(share * 100.0)))
    };
    let reading = format!(
        "Simulated for production at an even load, seed {seed}: a task shares its CPU among its requests, a function has the part of a vCPU that its memory gives and serves one request at a time. Cold starts fall from {} of the requests at {} orders to {} at {}.",
        share(fewest),
        short(*first),
        share(most),
        short(*last)
    );
    Ok(LineChart {
        id: "latency-by-load",
        heading: "Latency against load",
        reading,
        text: format!("Latency in production: {}.", said.collect::<Vec<_>>().join("; ")),
        x_name: "orders a month",
        y_name: "milliseconds",
        x: Scale(*first, *last),
        y: Scale::around(series.iter().flat_map(|one| one.points.iter().map(|point| point.1))),
        x_text: short,
        y_text: number,
        cell_text: number,
        marks: Vec::new(),
        series,
    })
}

/// Production under an even load, for as long as a percentile needs; nothing for a load that would take too long.
fn steady(pair: [Deployment; 2], inputs: Inputs<'_>, seed: u64) -> anyhow::Result<Option<Outcome>> {
    let environment = inputs.profile.production()?;
    let plan = from_profile::plan(pair[0], pair[1], environment, inputs)?;
    let rate = from_profile::rate(pair[0], environment, inputs)?;
    if rate * 3600.0 > MOST_REQUESTS {
        return Ok(None);
    }
    let hours = (REQUESTS / (rate * 3600.0)).ceil().clamp(1.0, 730.0).to_u32().unwrap_or(1);
    Ok(Some(simulate(&plan, &Trace::poisson(rate, hours, &[])?, seed)?))
}
