//! From a shop to its report: the bills of two deployments, what they would be under other loads and inputs, and how long requests
//! take there. All figures come from `deployment`, `break_even`, `sensitivity` and `simulation`; here they are only put side
//! by side.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rust_decimal::{Decimal, dec};

use super::charts::{cost_chart, latency_chart, whole_bill_crossings, with_orders};
use super::scale::{number, rough, usd_sum};
use super::{Group, Pair, Report, SIDES, Side, Swing, Swings, float, inputs};
use crate::break_even::Crossing;
use crate::deployment::{
    ARCHITECTURE, BillLine, Deployment, Front, Inputs, Path, Store, environment_lines, monthly_lines, monthly_total,
};
use crate::line::Line;
use crate::profile::{Environment, Profile};
use crate::sensitivity::sensitivity;

/// Inputs in the tornado.
const SWINGS: usize = 10;

/// The pair that is compared unless somebody asks for another: each path with the store that suits it.
pub const PAIR: [Deployment; 2] = [
    Deployment { path: Path::Fargate, store: Store::Postgresql, front: Front::Alb },
    Deployment { path: Path::Lambda, store: Store::Dynamodb, front: Front::Alb },
];

/// Compares two deployments of a shop, Fargate first.
pub(crate) fn report(pair: [Deployment; 2], inputs: Inputs<'_>, seed: u64) -> anyhow::Result<Report> {
    let bills = bills(pair, inputs, seed)?;
    let crossings = whole_bill_crossings(pair, inputs)?;
    let (verdict, winner) = verdict(&bills.sides, Some(&crossings));
    let charts = vec![cost_chart(pair, &crossings, inputs)?, latency_chart(pair, inputs, seed)?];
    Ok(Report { verdict, winner, charts, swings: Some(swings(pair, &crossings, inputs)?), ..bills })
}

/// The part of a report that a few bills are enough for: all but break-even, charts and what decides.
pub(crate) fn bills(pair: [Deployment; 2], inputs: Inputs<'_>, seed: u64) -> anyhow::Result<Report> {
    let side = |deployment: Deployment| -> anyhow::Result<Side> {
        let about = about(deployment, inputs.profile)?;
        Ok(Side::new(deployment.title(), about, monthly_lines(deployment, inputs)?))
    };
    let sides = [side(pair[0])?, side(pair[1])?];
    let (verdict, winner) = verdict(&sides, None);
    Ok(Report {
        subject: format!("{} or {}", pair[0].title(), pair[1].title()),
        facts: inputs::facts(inputs)?,
        verdict,
        winner,
        sides,
        journeys: journeys(pair, inputs)?,
        idle: idle(pair, inputs)?,
        charts: Vec::new(),
        swings: None,
        inputs: inputs::groups(pair, inputs, seed)?,
    })
}

fn about(deployment: Deployment, profile: &Profile) -> anyhow::Result<String> {
    let environment = profile.production()?;
    let sizes = if deployment.path == Path::Fargate {
        let size = |value: Decimal| (value / dec!(1024)).normalize();
        let tasks = environment.services().map(|(name, service)| {
            let (tasks, cpu, memory) = (environment.least(service), size(service.cpu), size(service.memory_mb));
            format!("{tasks} {name} tasks of {cpu} vCPU and {memory} GB")
        });
        tasks.join(", ")
    } else {
        let memory = &environment.stack.modules.function_memory_mb;
        let sizes: BTreeSet<_> = memory.values().collect();
        let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
        format!("{} functions of {} MB, no tasks", memory.len(), sizes.join(" and "))
    };
    let environments: Vec<&str> = profile.environments.iter().map(|environment| &*environment.name).collect();
    let arch = ARCHITECTURE.word();
    Ok(format!("In {}: {sizes}, {arch}. Environments: {}.", environment.name, environments.join(", ")))
}

/// `crossings` stays `None` until they are computed.
fn verdict(sides: &[Side; 2], crossings: Option<&[Crossing]>) -> (String, &'static str) {
    let [fargate, lambda] = sides.each_ref().map(Side::amount);
    let cheaper = usize::from(lambda < fargate);
    let (low, high) = (fargate.min(lambda), fargate.max(lambda));
    let factor = if low > 0.0 { high / low } else { 1.0 };
    let mut text = if factor < 1.05 {
        format!("Both cost about the same: {} and {} a month.", usd_sum(fargate), usd_sum(lambda))
    } else {
        format!(
            "{} costs {} a month; {} costs {} times as much.",
            sides[cheaper].name,
            usd_sum(low),
            sides[1 - cheaper].name,
            rough(factor)
        )
    };
    if crossings.is_some_and(<[Crossing]>::is_empty) {
        text += " The cheaper side is the same at every load.";
    }
    for crossing in crossings.unwrap_or_default() {
        let bound = |load: Option<Decimal>, none: &str| load.map_or_else(|| none.to_owned(), |load| rough(float(load)));
        let _ = write!(
            text,
            " The cheaper side changes at about {} orders a month (between {} and {} when one input is as low or high as it may be).",
            rough(float(crossing.orders_per_month)),
            bound(crossing.lowest, "below all loads"),
            bound(crossing.highest, "no end")
        );
    }
    (text, if factor < 1.05 { "" } else { SIDES[cheaper] })
}

/// The same lines of both deployments.
fn both(
    name: &str,
    pair: [Deployment; 2],
    lines: impl Fn(Deployment) -> anyhow::Result<Vec<Line>>,
) -> anyhow::Result<Pair> {
    let group = |deployment: Deployment| anyhow::Ok(Group { name: deployment.title(), lines: lines(deployment)? });
    Ok(Pair { name: name.to_owned(), groups: [group(pair[0])?, group(pair[1])?] })
}

fn journeys(pair: [Deployment; 2], inputs: Inputs<'_>) -> anyhow::Result<Vec<Pair>> {
    let environment = inputs.profile.production()?;
    let orders = inputs.profile.orders_per_month * environment.load;
    if orders.is_zero() {
        return Ok(Vec::new());
    }
    let whole = |deployment| lines_of(deployment, environment, inputs);
    let mut all = vec![both("orders", pair, |deployment| Ok(scaled(whole(deployment)?, dec!(1000) / orders)))?];
    for (name, per_order) in inputs.profile.journeys_per_order.iter().filter(|(_, count)| !count.is_zero()) {
        let mut profile = inputs.profile.clone();
        profile.journeys_per_order.remove(name);
        let without = Inputs { profile: &profile, ..inputs };
        all.push(both(name, pair, |deployment| {
            let lines = difference(&whole(deployment)?, lines_of(deployment, environment, without)?);
            Ok(scaled(lines, dec!(1000) / (orders * per_order)))
        })?);
    }
    Ok(all)
}

/// What is in `with` and not in `without`, line by line.
fn difference(with: &[Line], mut without: Vec<Line>) -> Vec<Line> {
    let same =
        |a: &Line, b: &Line| (&a.service, &a.key, &a.name, a.unit_price) == (&b.service, &b.key, &b.name, b.unit_price);
    let mut lines = with.to_vec();
    for line in &mut lines {
        if let Some(place) = without.iter().position(|other| same(other, line)) {
            let other = without.swap_remove(place);
            line.quantity -= other.quantity;
            line.amount -= other.amount;
        }
    }
    lines.extend(scaled(without, -Decimal::ONE));
    lines
}

fn lines_of(deployment: Deployment, environment: &Environment, inputs: Inputs<'_>) -> anyhow::Result<Vec<Line>> {
    Ok(environment_lines(deployment, environment, inputs)?.into_iter().map(|BillLine { line, .. }| line).collect())
}

fn scaled(lines: Vec<Line>, factor: Decimal) -> Vec<Line> {
    let scale = |line: Line| Line { quantity: line.quantity * factor, amount: line.amount * factor, ..line };
    lines.into_iter().map(scale).filter(|line| !line.amount.is_zero()).collect()
}

/// What each environment costs in a day without any request.
fn idle(pair: [Deployment; 2], inputs: Inputs<'_>) -> anyhow::Result<Vec<Pair>> {
    let environments = inputs.profile.environments.iter();
    let idle = environments.map(|environment| {
        let quiet = Environment { load: Decimal::ZERO, ..environment.clone() };
        let of_a_day = Decimal::ONE / environment.days();
        both(&environment.name, pair, |deployment| Ok(scaled(lines_of(deployment, &quiet, inputs)?, of_a_day)))
    });
    idle.collect()
}

/// At the break-even, where inputs decide who is cheaper; at the profile's load without a break-even.
fn swings(pair: [Deployment; 2], crossings: &[Crossing], inputs: Inputs<'_>) -> anyhow::Result<Swings> {
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
    let [first, second] = pair.map(Deployment::title);
    let of = format!("{first} minus {second} at {} orders a month, USD a month", number(float(orders)));
    Ok(Swings { of, base, inputs: all })
}
