//! Bills of one service or of several, and of several cases beside each other: adds up what [`Parts`] found.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::component::Component;
use super::parts::Parts;
use super::request::Request;
use super::{EvaluateError, Evaluation, words, wrong};
use crate::line::{Line, total};
use crate::price_book::PriceBook;
use crate::services::{self, Account, Statement, product};

/// Answers a request for a service or a bill.
///
/// # Errors
/// For names that are not known, usage that does not fit, and missing prices.
pub fn evaluate(request: &Request, book: &PriceBook) -> Result<Evaluation, EvaluateError> {
    let cases = cases(request)?;
    let mut evaluation =
        if cases.is_empty() { evaluate_part(request, book)? } else { side_by_side(request, &cases, book)? };
    if let Some(rate) = request.options.tax_rate {
        let total = evaluation.totals.get("total").copied().unwrap_or_default();
        evaluation.totals.insert("tax".to_owned(), product(&[total, rate])?);
        evaluation.totals.insert("total_with_tax".to_owned(), product(&[total, Decimal::ONE + rate])?);
    }
    Ok(evaluation)
}

/// The same, before tax.
///
/// # Errors
/// For names that are not known, usage that does not fit, and missing prices.
pub fn evaluate_part(request: &Request, book: &PriceBook) -> Result<Evaluation, EvaluateError> {
    let mut parts = Parts::read(request)?;
    parts.take_prices(&request.prices)?;
    bill(request, &parts, book)
}

/// Adds up parts that have their prices.
///
/// # Errors
/// When usage is incomplete or a price is missing.
pub fn bill(request: &Request, parts: &Parts, book: &PriceBook) -> Result<Evaluation, EvaluateError> {
    if parts.components.is_empty() && parts.declared.is_empty() {
        return Err(wrong("no usage is given"));
    }
    let account = Account::default();
    let mut statements = Vec::new();
    for component in &parts.components {
        statements.push(component.bill(request, book, &account)?);
    }
    Ok(add_up(request, parts, statements))
}

/// The cases of a request: `cases` with a name each, or fields that begin with `case`; an object or usage in words.
fn cases(request: &Request) -> Result<Vec<(String, Request)>, EvaluateError> {
    let is_case = |name: &str| {
        name == "cases" || name.strip_prefix("case").is_some_and(|rest| !rest.starts_with(char::is_alphabetic))
    };
    let mut common = request.clone();
    common.usage.retain(|name, _| !is_case(name));
    let mut given: Vec<(String, &Value)> = Vec::new();
    for (name, value) in request.usage.iter().filter(|(name, _)| is_case(name)) {
        match (&**name, value) {
            ("cases", Value::Object(cases)) => given.extend(cases.iter().map(|(name, case)| (name.clone(), case))),
            ("cases", Value::Array(cases)) => {
                given.extend(cases.iter().enumerate().map(|(place, case)| (format!("case_{}", place + 1), case)));
            }
            ("cases", _) => return Err(wrong("\"cases\" is an object or a list of usages")),
            _ => given.push((name.clone(), value)),
        }
    }
    let own = services::find(&request.service);
    let measures = request.options.measures();
    let read = |(name, case): (String, &Value)| {
        let usage: Map<String, Value> = match (case, own) {
            (Value::Object(usage), _) => usage.clone(),
            (Value::String(text), Some(own)) => words::usage(own, text, measures)?.into_iter().collect(),
            (other, _) => return Err(wrong(format!("{name}: {other} is no usage"))),
        };
        let mut case = common.clone();
        case.usage.extend(usage);
        Ok((name.replace([' ', '-'], "_"), case))
    };
    given.into_iter().map(read).collect()
}

/// Each case for itself; the total is that of all.
fn side_by_side(request: &Request, cases: &[(String, Request)], book: &PriceBook) -> Result<Evaluation, EvaluateError> {
    let (mut totals, mut lines, mut notes) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (name, case) in cases {
        let evaluation = evaluate_part(case, book)?;
        for (part, number) in evaluation.totals {
            let name = if part == "total" { name.clone() } else { format!("{name}_{part}") };
            totals.insert(name, number);
        }
        notes.extend(evaluation.notes.into_iter().filter(|note| !note.contains("was not needed")));
        lines.extend(evaluation.lines);
    }
    notes.push("cases are computed each for itself; total is their sum".to_owned());
    totals.insert("total".to_owned(), amount(&lines, request.options.round_lines));
    Ok(Evaluation { service: request.service.clone(), region: request.region.clone(), totals, lines, notes })
}

fn add_up(request: &Request, parts: &Parts, statements: Vec<Statement>) -> Evaluation {
    let round = request.options.round_lines;
    let mut totals = BTreeMap::new();
    let mut lines: Vec<Line> = Vec::new();
    let mut notes = parts.notes.clone();
    let groups = groups(parts, statements);
    let alone = parts.own.is_some() && groups.len() == 1;
    // Names that two services use are only there with the service's name in front.
    let mut bare: BTreeMap<String, Option<Decimal>> = BTreeMap::new();
    for Group { name, others, members, statement } in groups {
        let sum = amount(&statement.lines, round);
        for (total, number) in &statement.totals {
            if !alone {
                totals.insert(format!("{name}_{total}"), *number);
            }
            bare.entry(total.clone()).and_modify(|seen| *seen = None).or_insert(Some(*number));
        }
        for (member, statement) in members {
            totals.insert(member.clone(), amount(&statement.lines, round));
            totals.extend(statement.totals.iter().map(|(total, number)| (format!("{member}_{total}"), *number)));
        }
        if alone {
            bare.entry(name).or_insert(Some(sum));
        } else {
            totals.insert(name, sum);
        }
        for other in others {
            bare.entry(other).or_insert(Some(sum));
        }
        notes.extend(statement.notes);
        lines.extend(statement.lines);
    }
    for (name, number) in bare {
        if let Some(number) = number {
            totals.entry(name).or_insert(number);
        }
    }
    let mut declared = Statement::default();
    for (key, amount) in &parts.declared {
        declared.declared("stated", key, key, *amount);
        totals.insert(key.clone(), *amount);
    }
    lines.extend(declared.lines);
    let total = amount(&lines, round);
    for (thing, count) in &parts.counted {
        totals.insert(format!("per_{}", thing.trim_end_matches('s')), total / count);
        totals.entry(thing.clone()).or_insert(*count);
    }
    totals.insert("total".to_owned(), total);
    Evaluation { service: request.service.clone(), region: request.region.clone(), totals, lines, notes }
}

/// Quantities of one part whose sum over several means nothing.
const NOT_ADDED: [&str; 6] = ["billed_ms", "lcu", "lcu_new", "lcu_active", "lcu_bytes", "lcu_rules"];

/// Parts of one service, added up.
struct Group<'a> {
    name: String,
    /// Other names that the request calls it by.
    others: Vec<String>,
    /// Where there are several, each with its name.
    members: Vec<(&'a String, Statement)>,
    statement: Statement,
}

fn groups(parts: &Parts, statements: Vec<Statement>) -> Vec<Group<'_>> {
    let mut groups: Vec<(&Component, Group<'_>)> = Vec::new();
    for (component, statement) in parts.components.iter().zip(statements) {
        let same = groups.iter_mut().find(|(first, _)| first.service.name == component.service.name);
        let Some((first, group)) = same else {
            let others = component.said.iter().map(|name| name.replace([' ', '-'], "_")).collect();
            let group = Group { name: component.name.clone(), others, members: Vec::new(), statement };
            groups.push((component, group));
            continue;
        };
        if group.members.is_empty() {
            group.members.push((&first.name, group.statement.clone()));
            group.name = component.service.name.replace('-', "_");
        }
        group.members.push((&component.name, statement.clone()));
        group.statement.totals.retain(|name, _| !NOT_ADDED.contains(&name.as_str()));
        for (name, number) in statement.totals.into_iter().filter(|(name, _)| !NOT_ADDED.contains(&name.as_str())) {
            *group.statement.totals.entry(name).or_default() += number;
        }
        group.statement.lines.extend(statement.lines);
        group.statement.notes.extend(statement.notes);
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn amount(lines: &[Line], rounded: bool) -> Decimal {
    if rounded { lines.iter().map(|line| line.amount.round_dp(2)).sum() } else { total(lines) }
}
