//! From a shop to its report: the bills of two deployments, what they would be under other loads and inputs, and how long requests
//! take there. All figures come from `deployment`, `break_even`, `sensitivity` and `simulation`; here they are only put side
//! by side.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::anyhow;
use rust_decimal::prelude::ToPrimitive as _;
use rust_decimal::{Decimal, dec};

use super::charts::{cost_chart, latency_chart, whole_bill_crossings, with_orders};
use super::scale::{number, rough, usd, usd_sum};
use super::{Group, Idle, Journey, Report, Side, Swing, Swings, inputs};
use crate::break_even::Crossing;
use crate::deployment::{
    ARCHITECTURE, BillLine, Deployment, Front, Inputs, Path, Store, environment_lines, monthly_lines, monthly_total,
};
use crate::line::Line;
use crate::profile::{Environment, Profile};
use crate::sensitivity::sensitivity;

/// Inputs in the tornado.
const SWINGS: usize = 10;
/// Hours of a day.
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
        facts: inputs::facts(inputs),
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
pub(super) fn title(deployment: Deployment) -> String {
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
            format!(
                "{tasks} {name} tasks of {} vCPU and {} GB",
                (service.cpu / dec!(1024)).normalize(),
                (service.memory_mb / dec!(1024)).normalize()
            )
        }),
        Path::Lambda | Path::Both => {
            let memory = &environment.stack.modules.function_memory_mb;
            let sizes: BTreeSet<_> = memory.values().collect();
            let sizes: Vec<_> = sizes.iter().map(|size| size.0.to_string()).collect();
            [format!("{} functions of {} MB", memory.len(), sizes.join(" and ")), "no tasks".to_owned()]
        }
    };
    let environments: Vec<&str> = profile.environments.iter().map(|environment| &*environment.name).collect();
    Ok(format!(
        "In {}: {}, {}. Environments: {}.",
        environment.name,
        sizes.join(", "),
        ARCHITECTURE.word(),
        environments.join(", ")
    ))
}

/// `crossings` stays `None` until they are computed.
fn verdict(sides: &[Side; 2], crossings: Option<&[Crossing]>) -> (String, &'static str) {
    let [fargate, lambda] = sides.each_ref().map(Side::amount);
    let cheaper = usize::from(lambda < fargate);
    let (low, high) = (fargate.min(lambda), fargate.max(lambda));
    let factor = high / low;
    let mut text = if low > 0.0 && factor < 1.05 {
        format!("Both cost about the same: {} and {} a month.", usd_sum(fargate), usd_sum(lambda))
    } else if low > 0.0 {
        format!(
            "{} costs {} a month; {} costs {} times as much.",
            sides[cheaper].name,
            usd_sum(low),
            sides[1 - cheaper].name,
            rough(factor)
        )
    } else {
        format!(
            "{} costs {} a month, {} {}.",
            sides[cheaper].name,
            usd_sum(low),
            sides[1 - cheaper].name,
            usd_sum(high)
        )
    };
    if crossings.is_some_and(<[Crossing]>::is_empty) {
        text += " The cheaper side is the same at every load.";
    }
    for crossing in crossings.unwrap_or_default() {
        let at = rough(float(crossing.orders_per_month));
        let _ = write!(text, " The cheaper side changes at about {at} orders a month{}.", band_words(crossing));
    }
    let winner = if factor < 1.05 { "" } else { super::SIDES[cheaper] };
    (text, winner)
}

fn band_words(crossing: &Crossing) -> String {
    let side =
        |value: Option<Decimal>, unknown: &str| value.map_or_else(|| unknown.to_owned(), |value| rough(float(value)));
    let (low, high) = (side(crossing.lowest, "below all loads"), side(crossing.highest, "no end"));
    format!(" (between {low} and {high} when one input is as low or high as it may be)")
}

fn journeys(pair: [Deployment; 2], names: &[String; 2], inputs: Inputs<'_>) -> anyhow::Result<Vec<Journey>> {
    let environment = inputs.profile.production()?;
    let lines = |profile: &Profile| -> anyhow::Result<[Vec<Line>; 2]> {
        let inputs = Inputs { profile, ..inputs };
        Ok([lines_of(pair[0], environment, inputs)?, lines_of(pair[1], environment, inputs)?])
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

fn lines_of(deployment: Deployment, environment: &Environment, inputs: Inputs<'_>) -> anyhow::Result<Vec<Line>> {
    Ok(environment_lines(deployment, environment, inputs)?.into_iter().map(|BillLine { line, .. }| line).collect())
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
            let lines = lines_of(pair[side], &quiet, inputs)?;
            Ok(Group { name: names[side].clone(), lines: scaled(lines, Decimal::ONE / days) })
        };
        all.push(Idle { environment: environment.name.clone(), groups: [group(0)?, group(1)?] });
    }
    Ok(all)
}

/// At the break-even, where inputs decide who is cheaper; at the profile's load without a break-even.
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
pub(super) fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}
