//! From a shop to its report: the bills of two deployments, what they would be under other loads and inputs, and how long requests
//! take there. All figures come from `deployment`, `break_even`, `sensitivity` and `simulation`; here they are only put side
//! by side.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::anyhow;
use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};
use rust_decimal::{Decimal, dec};

use super::chart::{LineChart, Mark, Series};
use super::scale::{Scale, number, short, usd, usd_short};
use super::{Drawing, Group, Idle, Journey, Report, Side, Swing, Swings, inputs};
use crate::break_even::{Crossing, LineSet, break_even_of, on_all_cores};
use crate::deployment::{
    ARCH, BillLine, Deployment, Front, Inputs, Path, Store, estimate_environment, monthly_lines, monthly_total,
};
use crate::line::Line;
use crate::profile::{Environment, Profile};
use crate::sensitivity::{INPUTS, sensitivity};
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
/// Inputs in the tornado.
const SWINGS: usize = 10;
/// Days of a month as the price sheets count it.
const HOURS_OF_A_DAY: Decimal = dec!(24);

/// The pair that is compared unless somebody asks for another: each path with the store that suits it.
pub const PAIR: [Deployment; 2] = [
    Deployment { path: Path::Fargate, store: Store::Postgresql, front: Front::Alb },
    Deployment { path: Path::Lambda, store: Store::Dynamodb, front: Front::Alb },
];

/// Compares two deployments of a shop, Fargate first.
///
/// # Errors
/// When a price is missing, or profile and measurement do not fit each other.
pub fn report(pair: [Deployment; 2], inputs: Inputs<'_>, seed: u64) -> anyhow::Result<Report> {
    let names = pair.map(title);
    let bills = bills(pair, inputs, seed)?;
    let crossings = whole_bill_crossings(pair, inputs)?;
    let (verdict, winner) = verdict(&bills.sides, Some(&crossings));
    let cost = cost_chart(pair, &names, &crossings, inputs)?;
    let latency = latency_chart(pair, &names, inputs, seed)?;
    let swings = swings(pair, &names, &crossings, inputs)?;
    Ok(Report { verdict, winner, charts: vec![cost, latency], swings, ..bills })
}

/// The part of a report that a few bills are enough for: all but break-even, charts and what decides.
///
/// # Errors
/// As [`report`].
pub fn bills(pair: [Deployment; 2], inputs: Inputs<'_>, seed: u64) -> anyhow::Result<Report> {
    let profile = inputs.profile;
    let names = pair.map(title);
    let mut sides = Vec::new();
    for (deployment, name) in pair.into_iter().zip(&names) {
        sides.push(Side::new(name, about(deployment, profile)?, monthly_lines(deployment, inputs)?));
    }
    let sides = <[Side; 2]>::try_from(sides).map_err(|_| anyhow!("two sides"))?;
    let (verdict, winner) = verdict(&sides, None);
    Ok(Report {
        subject: format!("{} or {}", names[0], names[1]),
        about: inputs::about(inputs),
        verdict,
        winner,
        journeys: journeys(pair, &names, inputs)?,
        idle: idle(pair, &names, inputs)?,
        charts: Vec::new(),
        swings: Swings { of: String::new(), base: 0.0, inputs: Vec::new(), text: usd },
        inputs: inputs::groups(pair, inputs, seed),
        left_out: inputs::LEFT_OUT.map(str::to_owned).to_vec(),
        sides,
    })
}

/// `Fargate + PostgreSQL`, with the front door when it is not the load balancer.
fn title(deployment: Deployment) -> String {
    let path = if deployment.path == Path::Fargate { "Fargate" } else { "Lambda" };
    let store = if deployment.store == Store::Postgresql { "PostgreSQL" } else { "DynamoDB" };
    let front = match deployment.front {
        Front::Alb => "",
        Front::HttpApi => ", HTTP API",
        Front::FunctionUrl => ", Function URL",
    };
    format!("{path} + {store}{front}")
}

fn about(deployment: Deployment, profile: &Profile) -> anyhow::Result<String> {
    let environment = profile.production()?;
    let sizes = match deployment.path {
        Path::Fargate => environment.services().map(|(name, service)| {
            let tasks = environment.least(service);
            format!("{tasks} {name} tasks of {} vCPU and {} GB", service.cpu / dec!(1024), service.memory_mb / dec!(1024))
        }),
        Path::Lambda => {
            let memory = &environment.stack.modules.function_memory_mb;
            let sizes: BTreeSet<_> = memory.values().collect();
            let sizes: Vec<_> = sizes.iter().map(|size| size.0.to_string()).collect();
            [format!("{} functions of {} MB", memory.len(), sizes.join(" and ")), "no tasks".to_owned()]
        }
    };
    let environments: Vec<&str> = profile.environments.iter().map(|environment| &*environment.name).collect();
    Ok(format!("In {}: {}, {ARCH}. Environments: {}.", environment.name, sizes.join(", "), environments.join(", ")))
}

/// `crossings` are none while nobody has looked for them.
fn verdict(sides: &[Side; 2], crossings: Option<&[Crossing]>) -> (String, &'static str) {
    let [fargate, lambda] = sides.each_ref().map(Side::amount);
    let cheaper = usize::from(lambda < fargate);
    let (low, high) = (fargate.min(lambda), fargate.max(lambda));
    let factor = high / low;
    let mut text = if low > 0.0 && factor < 1.05 {
        format!("Both cost about the same: {} and {} a month.", usd(fargate), usd(lambda))
    } else if low > 0.0 {
        format!(
            "{} costs {} a month, {} times less than {}.",
            sides[cheaper].name,
            usd(low),
            number(factor),
            sides[1 - cheaper].name
        )
    } else {
        format!("{} costs {} a month, {} {}.", sides[cheaper].name, usd(low), sides[1 - cheaper].name, usd(high))
    };
    if crossings.is_some_and(<[Crossing]>::is_empty) {
        text += " At no load that was looked at does the cheaper side change.";
    }
    for crossing in crossings.unwrap_or_default() {
        let at = number(float(crossing.orders_per_month));
        let _ = write!(text, " The cheaper side changes at {at} orders a month{}.", band_words(crossing));
    }
    let winner = if factor < 1.05 { "" } else { super::SIDES[cheaper] };
    (text, winner)
}

fn band_words(crossing: &Crossing) -> String {
    let side =
        |value: Option<Decimal>, unknown: &str| value.map_or_else(|| unknown.to_owned(), |value| number(float(value)));
    let (low, high) = (side(crossing.lowest, "below all loads"), side(crossing.highest, "no end"));
    format!(" (between {low} and {high} when one input is as low or high as it may be)")
}

/// Loads around the profile's, orders a month.
fn loads(profile: &Profile) -> Vec<Decimal> {
    let middle = float(profile.orders_per_month).clamp(1_000.0, 1e5);
    let at = |step: i32| {
        Decimal::from_f64(middle * 10_f64.powf(f64::from(step) / f64::from(STEPS))).unwrap_or(Decimal::ONE).round()
    };
    (-DECADES[0] * STEPS..=DECADES[1] * STEPS).map(at).collect()
}

fn with_orders(profile: &Profile, orders: Decimal) -> Profile {
    Profile { orders_per_month: orders, ..profile.clone() }
}

/// What two deployments cost at loads around the profile's, with the break-even.
///
/// # Errors
/// As [`report`].
pub fn cost_by_load(pair: [Deployment; 2], inputs: Inputs<'_>) -> anyhow::Result<LineChart> {
    let crossings = whole_bill_crossings(pair, inputs)?;
    Ok(cost_chart(pair, &pair.map(title), &crossings, inputs)?.chart)
}

fn whole_bill_crossings(pair: [Deployment; 2], inputs: Inputs<'_>) -> anyhow::Result<Vec<Crossing>> {
    let comparisons = break_even_of(&[LineSet::Whole], pair[0], pair[1], inputs)?;
    Ok(comparisons.into_iter().flat_map(|comparison| comparison.crossings).collect())
}

fn cost_chart(
    pair: [Deployment; 2],
    names: &[String; 2],
    crossings: &[Crossing],
    inputs: Inputs<'_>,
) -> anyhow::Result<Drawing> {
    let loads = loads(inputs.profile);
    let mut series = Vec::new();
    for ((deployment, name), class) in pair.into_iter().zip(names).zip(super::SIDES) {
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

fn latency_chart(pair: [Deployment; 2], names: &[String; 2], inputs: Inputs<'_>, seed: u64) -> anyhow::Result<Drawing> {
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

fn journeys(pair: [Deployment; 2], names: &[String; 2], inputs: Inputs<'_>) -> anyhow::Result<Vec<Journey>> {
    let environment = inputs.profile.production()?;
    let lines = |profile: &Profile| -> anyhow::Result<[Vec<Line>; 2]> {
        let bill = |deployment| estimate_environment(deployment, environment, Inputs { profile, ..inputs });
        Ok([bill(pair[0])?, bill(pair[1])?]
            .map(|bill| bill.lines.into_iter().map(|BillLine { line, .. }| line).collect()))
    };
    let whole = lines(inputs.profile)?;
    let orders = inputs.profile.orders_per_month * environment.load;
    if orders.is_zero() {
        return Ok(Vec::new());
    }
    let groups = |lines: [Vec<Line>; 2]| {
        let [fargate, lambda] = lines;
        [Group { name: names[0].clone(), lines: fargate }, Group { name: names[1].clone(), lines: lambda }]
    };
    let per_thousand = |lines: Vec<Line>, of: Decimal| scaled(lines, dec!(1000) / of);
    let mut all = vec![Journey {
        name: "orders".into(),
        per: "1,000".into(),
        groups: groups(whole.clone().map(|lines| per_thousand(lines, orders))),
    }];
    for (name, per_order) in inputs.profile.journeys_per_order.iter().filter(|(_, count)| !count.0.is_zero()) {
        let mut profile = inputs.profile.clone();
        profile.journeys_per_order.remove(name);
        let without = lines(&profile)?;
        let count = orders * per_order.0;
        let [fargate, lambda] = [0, 1].map(|side| per_thousand(difference(&whole[side], &without[side]), count));
        all.push(Journey { name: name.clone(), per: "1,000".into(), groups: groups([fargate, lambda]) });
    }
    Ok(all)
}

/// What is in `with` and not in `without`, line by line.
fn difference(with: &[Line], without: &[Line]) -> Vec<Line> {
    let same =
        |a: &Line, b: &Line| (&a.service, &a.key, &a.name, a.unit_price) == (&b.service, &b.key, &b.name, b.unit_price);
    let mut left: Vec<Line> = without.to_vec();
    let mut lines = Vec::new();
    for line in with {
        let mut line = line.clone();
        if let Some(place) = left.iter().position(|other| same(other, &line)) {
            let other = left.swap_remove(place);
            line.quantity -= other.quantity;
            line.amount -= other.amount;
        }
        lines.push(line);
    }
    lines.extend(left.into_iter().map(|line| Line { quantity: -line.quantity, amount: -line.amount, ..line }));
    lines.retain(|line| !line.amount.is_zero());
    lines
}

fn scaled(lines: Vec<Line>, factor: Decimal) -> Vec<Line> {
    let scale = |line: Line| Line { quantity: line.quantity * factor, amount: line.amount * factor, ..line };
    lines.into_iter().map(scale).filter(|line| !line.amount.is_zero()).collect()
}

fn idle(pair: [Deployment; 2], names: &[String; 2], inputs: Inputs<'_>) -> anyhow::Result<Vec<Idle>> {
    let mut all = Vec::new();
    for environment in &inputs.profile.environments {
        let quiet = Environment { load: Decimal::ZERO, ..environment.clone() };
        let days = (environment.hours / HOURS_OF_A_DAY).max(Decimal::ONE);
        let group = |side: usize| -> anyhow::Result<Group> {
            let bill = estimate_environment(pair[side], &quiet, inputs)?;
            let lines = bill.lines.into_iter().map(|BillLine { line, .. }| line).collect();
            Ok(Group { name: names[side].clone(), lines: scaled(lines, Decimal::ONE / days) })
        };
        all.push(Idle { environment: environment.name.clone(), groups: [group(0)?, group(1)?] });
    }
    Ok(all)
}

/// At the break-even, where inputs decide who is cheaper; at the profile's load when there is none.
fn swings(
    pair: [Deployment; 2],
    names: &[String; 2],
    crossings: &[Crossing],
    inputs: Inputs<'_>,
) -> anyhow::Result<Swings> {
    let orders = crossings.first().map_or(inputs.profile.orders_per_month, |crossing| crossing.orders_per_month);
    let profile = with_orders(inputs.profile, orders);
    let inputs = Inputs { profile: &profile, ..inputs };
    let base = float(monthly_total(pair[0], inputs)? - monthly_total(pair[1], inputs)?);
    let [fargate, lambda] = [sensitivity(pair[0], inputs)?, sensitivity(pair[1], inputs)?];
    let mut all: Vec<Swing> = Vec::new();
    for swing in fargate {
        let Some(other) = lambda.iter().find(|other| other.input == swing.input) else { continue };
        let text = |factor: Decimal| format!("x {}", factor.normalize());
        all.push(Swing {
            input: format!("{} ({})", swing.about, swing.known.word()),
            low: (text(swing.low_factor), float(swing.low_total - other.low_total)),
            high: (text(swing.high_factor), float(swing.high_total - other.high_total)),
        });
    }
    let width = |swing: &Swing| (swing.low.1 - swing.high.1).abs();
    all.sort_by(|a, b| width(b).total_cmp(&width(a)));
    all.retain(|swing| width(swing) > 0.0);
    all.truncate(SWINGS);
    Ok(Swings {
        of: format!("{} minus {} at {} orders a month, USD a month", names[0], names[1], number(float(orders))),
        base,
        inputs: all,
        text: usd,
    })
}

/// For drawing and for people; money itself stays decimal.
fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}
