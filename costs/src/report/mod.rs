//! The report: one HTML page that needs nothing but itself. [`Report`] is all that it says, in the words of an architect; it
//! knows no prices and computes no bill. The page shows every sum as something to open, down to the line items.

mod build;
pub mod chart;
pub(crate) mod charts;
mod inputs;
mod page;
pub mod scale;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

pub use build::PAIR;
pub(crate) use build::{bills, report};
pub use page::{content, page};

use crate::deployment::{BillLine, Part};
use crate::line::{Line, total};
use chart::LineChart;

/// The two sides that are compared, always in this order.
const SIDES: [&str; 2] = ["fargate", "lambda"];

/// Everything on the page.
#[derive(Debug, Clone)]
pub struct Report {
    /// What is compared, at which load.
    pub subject: String,
    /// The inputs that matter most, beside the answer: name and value.
    pub facts: Vec<[String; 2]>,
    /// The answer in a sentence.
    pub verdict: String,
    /// Style class of the side that the answer is about, or nothing.
    pub winner: &'static str,
    /// Fargate, then Lambda.
    pub sides: [Side; 2],
    /// What a thousand orders, and a thousand of each journey, cost.
    pub journeys: Vec<Pair>,
    /// What each environment costs in a day without any request.
    pub idle: Vec<Pair>,
    /// Cost and latency against load.
    pub charts: Vec<LineChart>,
    /// Which inputs the answer hangs on; `None` until they are computed.
    pub swings: Option<Swings>,
    /// Everything that went in.
    pub inputs: Vec<InputGroup>,
}

/// One deployment and its bill.
#[derive(Debug, Clone)]
pub struct Side {
    /// `Fargate + PostgreSQL`.
    pub name: String,
    /// What it consists of: sizes, counts, entry.
    pub about: String,
    /// Its bill of a month.
    pub families: Vec<Family>,
}

/// Lines that answer the same question: what computes, what stores.
#[derive(Debug, Clone)]
pub struct Family {
    /// Which; it also sets the color.
    pub part: Part,
    /// Its services with their lines.
    pub services: Vec<Group>,
}

/// Lines under one name.
#[derive(Debug, Clone)]
pub struct Group {
    /// A service or a deployment.
    pub name: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// The same on both sides.
#[derive(Debug, Clone)]
pub struct Pair {
    /// A journey or an environment.
    pub name: String,
    /// Fargate, then Lambda.
    pub groups: [Group; 2],
}

/// How far the answer moves when one input does.
#[derive(Debug, Clone)]
pub struct Swings {
    /// What moves: `Fargate minus Lambda, USD a month`.
    pub of: String,
    /// Its value with all inputs as given.
    pub base: f64,
    /// The inputs, the strongest first.
    pub inputs: Vec<Swing>,
}

/// One input of the answer.
#[derive(Debug, Clone)]
pub struct Swing {
    /// Its name.
    pub input: String,
    /// Its low value and what comes of it.
    pub low: (String, f64),
    /// Its high value and what comes of it.
    pub high: (String, f64),
}

/// Inputs of one kind.
#[derive(Debug, Clone)]
pub struct InputGroup {
    /// `Load`, `Measured profile`.
    pub name: String,
    /// Name, value with unit, and how it is known.
    pub rows: Vec<[String; 3]>,
}

impl Group {
    /// Sum of its lines, USD.
    pub fn amount(&self) -> f64 {
        float(total(&self.lines))
    }
}

impl Family {
    fn name(&self) -> String {
        let word = self.part.word();
        word[..1].to_uppercase() + &word[1..]
    }

    fn class(&self) -> String {
        self.part.word().replace(' ', "-")
    }

    /// Sum of its lines, USD.
    pub fn amount(&self) -> f64 {
        self.services.iter().map(Group::amount).sum()
    }
}

impl Side {
    /// A side from the lines of its environments' bills.
    pub fn new(name: impl Into<String>, about: impl Into<String>, lines: Vec<(String, BillLine)>) -> Self {
        let mut parts: BTreeMap<Part, BTreeMap<String, Vec<Line>>> = BTreeMap::new();
        for (environment, BillLine { part, line }) in lines {
            let lines = parts.entry(part).or_default().entry(line.service.clone()).or_default();
            lines.push(Line { name: format!("{environment}: {}", line.name), ..line });
        }
        let family = |(part, services): (Part, BTreeMap<String, Vec<Line>>)| {
            let mut services: Vec<Group> = services.into_iter().map(|(name, lines)| Group { name, lines }).collect();
            services.sort_by(|a, b| b.amount().total_cmp(&a.amount()));
            Family { part, services }
        };
        let families = parts.into_iter().map(family).collect();
        Self { name: name.into(), about: about.into(), families }
    }

    /// Sum of the bill, USD a month.
    pub fn amount(&self) -> f64 {
        self.families.iter().map(Family::amount).sum()
    }
}

/// For drawing and for people; money itself stays decimal.
fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}
