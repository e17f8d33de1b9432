//! From a [`Report`] to HTML.

use std::borrow::Borrow;

use askama::Template;

use super::scale::{number, usd, usd_sum};
use super::{Family, Group, Pair, Report, SIDES, Side, Swing, Swings, float};
use crate::line::Line;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    /// The fields of a page whose inputs can be moved; nothing on a page for keeping.
    form: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "report_content.html")]
struct Content<'a> {
    report: &'a Report,
}

/// The whole page. `form` is the HTML of inputs that post to the server, for `costs serve`.
///
/// # Errors
/// When the template fails, which only a formatter's error could make it do.
pub fn page(report: &Report, form: Option<&str>) -> Result<String, askama::Error> {
    Page { report, form }.render()
}

/// What changes with the inputs: all but frame, style and script.
///
/// # Errors
/// As [`page`].
pub fn content(report: &Report) -> Result<String, askama::Error> {
    Content { report }.render()
}

/// Part of a whole in percent, for widths.
fn percent(part: impl Borrow<f64>, whole: impl Borrow<f64>) -> f64 {
    let (part, whole) = (*part.borrow(), *whole.borrow());
    if whole > 0.0 { (part / whole * 100.0).clamp(0.0, 100.0) } else { 0.0 }
}

/// Part of a whole for people: `12 %`, `under 1 %`.
fn share(part: f64, whole: f64) -> String {
    match percent(part, whole) {
        0.0 => "0 %".to_owned(),
        percent if percent < 1.0 => "under 1 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

fn amount(line: &Line) -> String {
    usd(float(line.amount))
}

fn money(amount: impl Borrow<f64>) -> String {
    usd(*amount.borrow())
}

/// `12,000 GB-second at $0.0000133334`: what the amount of a line is the product of.
fn product(line: &Line) -> String {
    format!("{} {} at ${}", number(float(line.quantity)), line.unit, line.unit_price.normalize())
}

/// `2026-09-01, high confidence: AWS price list`.
fn origin(line: &Line) -> String {
    let date = if line.price.date.is_empty() { "undated price" } else { &line.price.date };
    format!("{date}, {} confidence: {}", line.price.confidence.word(), line.price.source)
}

impl Report {
    /// The larger bill, to which both bars are scaled.
    fn largest(&self) -> f64 {
        self.sides.iter().map(Side::amount).fold(0.0, f64::max)
    }

    fn legend(&self) -> Vec<&Family> {
        let mut families: Vec<&Family> = self.sides.iter().flat_map(|side| &side.families).collect();
        families.sort_by_key(|family| family.part);
        families.dedup_by_key(|family| family.part);
        families
    }
}

impl Pair {
    fn largest(&self) -> f64 {
        self.groups.iter().map(Group::amount).fold(0.0, f64::max)
    }
}

impl Swings {
    /// Where a value lies between the lowest and the highest of all results, percent.
    fn at(&self, value: impl Borrow<f64>) -> f64 {
        let all = self.inputs.iter().flat_map(|swing| [swing.low.1, swing.high.1]).chain([self.base]);
        let (low, high) = all
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        percent(value.borrow() - low, high - low)
    }

    /// Begin and width of a bar, percent.
    fn bar(&self, swing: &Swing) -> (f64, f64) {
        let (a, b) = (self.at(swing.low.1), self.at(swing.high.1));
        (a.min(b), (a - b).abs())
    }
}
