//! Usage in words: `1 vCPU/2 GB x86, one task, 730 h`, `100 GB, 100k PUT, 1M GET`, `HTTP API -> Lambda 512 MB 200 ms -> RDS Proxy`.
//! Every word is a number, a field, a choice of a field, or says nothing; one that is none of these is an error.

use rust_decimal::{Decimal, dec};
use serde_json::Value;

use super::phrase::{Measures, Phrase};
use super::{EvaluateError, vocabulary, wrong};
use crate::number;
use crate::services::{self, Field, Kind, Service, closest};

/// Most words that name one thing.
const LONGEST: usize = 4;

/// Words between the others, and what is so anyway: compute of a shop is private on Linux.
const SILENT: [&str; 19] = [
    "a",
    "an",
    "the",
    "of",
    "with",
    "and",
    "in",
    "at",
    "for",
    "each",
    "per",
    "month",
    "private",
    "linux",
    "subnet",
    "subnets",
    "gp3",
    "region",
    "on-demand",
];

/// Numbers that people write out.
const NUMBERS: [&str; 11] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/// A number as people write it, and what stands behind it: `10,000 GB`, `1.5M`, `100k requests`.
pub fn quantity(text: &str) -> Option<(Decimal, String)> {
    let text = text.trim().trim_start_matches('$');
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '_'))).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let amount = number::parse(digits.trim_end_matches(','))?;
    let (scale, rest) = match rest.strip_prefix(['k', 'K']) {
        Some(rest) if !rest.starts_with(char::is_alphabetic) => (dec!(1_000), rest),
        _ => match rest.strip_prefix('M') {
            Some(rest) if !rest.starts_with(char::is_alphabetic) => (dec!(1_000_000), rest),
            _ => (Decimal::ONE, rest),
        },
    };
    Some((amount.checked_mul(scale)?, rest.trim().to_owned()))
}

/// A number of `field` in a text, in the field's unit: `512 MB`, `5 million`, `45 days`.
///
/// # Errors
/// What is not understood; the field's name is not in the text.
pub fn number_of(field: &Field, text: &str, measures: Measures) -> Result<Decimal, String> {
    let not = || format!("{text:?} is not a number of {}", field.name);
    if let Some(months) = over_the_month(text) {
        return Ok(months);
    }
    let (amount, rest) = quantity(text).ok_or_else(|| format!("{text:?} is not a number"))?;
    if rest.is_empty() {
        return Ok(amount);
    }
    let given = Phrase::of(&rest);
    let names = std::iter::once(field.name).chain(field.also.iter().copied()).map(Phrase::of);
    // The unit alone, or with words of the field's name.
    let mut fitting = names.filter(|known| given.stems.iter().all(|stem| known.stems.contains(stem)));
    let factor = fitting.find_map(|known| given.unit_factor(&known, measures)).ok_or_else(not)?;
    amount.checked_mul(factor).ok_or_else(not)
}

/// Unit-months of what is not there all month: `60 for the month, 15 of them deleted on day 10` are 45 and a third of 15.
fn over_the_month(text: &str) -> Option<Decimal> {
    let (all, change) = text.split_once(',')?;
    let (all, rest) = quantity(all)?;
    let mut words = change.split_whitespace();
    let (part, _) = quantity(words.next()?)?;
    let change = words.collect::<Vec<_>>().join(" ");
    let (verb, day) = change.rsplit_once(" on day ")?;
    let share = quantity(day).filter(|(day, rest)| *day <= dec!(30) && rest.is_empty())?.0 / dec!(30);
    match verb.trim_start_matches("of them").trim() {
        _ if !rest.contains("month") => None,
        "deleted" | "removed" | "gone" if part <= all => Some(all - part + part * share),
        "added" | "created" | "more" => Some(all + part * (Decimal::ONE - share)),
        _ => None,
    }
}

/// Reads the usage of `service` in words: names of fields and their values.
///
/// # Errors
/// For a word that is not understood.
pub fn usage(service: &'static Service, text: &str, measures: Measures) -> Result<Vec<(String, Value)>, EvaluateError> {
    read(service, &tokens(text), measures)
}

fn read(
    service: &'static Service,
    tokens: &[String],
    measures: Measures,
) -> Result<Vec<(String, Value)>, EvaluateError> {
    let mut fields = Vec::new();
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        if let Some(said) = amount(first) {
            let (taken, field, factor) = (1..=LONGEST.min(after.len()))
                .rev()
                .find_map(|length| {
                    let name =
                        after.get(..length).filter(|words| words.iter().all(|word| amount(word).is_none()))?.join("_");
                    let meant = vocabulary::field(service, &name, measures);
                    let (field, factor) = meant.or_else(|| vocabulary::field_in_unit(service, &name, measures))?;
                    (field.kind == Kind::Number).then_some((length, field, factor))
                })
                .ok_or_else(|| not_understood(service, first, after))?;
            let value = services::product(&[said, factor])?;
            fields.push((field.name.to_owned(), Value::String(value.normalize().to_string())));
            rest = after.get(taken..).unwrap_or_default();
        } else if let Some((taken, name, value)) = without_number(service, rest, measures) {
            fields.push((name.to_owned(), value));
            rest = rest.get(taken..).unwrap_or_default();
        } else if SILENT.contains(&first.as_str()) {
            rest = after;
        } else {
            return Err(not_understood(service, first, after));
        }
    }
    Ok(fields)
}

/// A choice, a switch, or one of something: `x86`, `spot`, `public IP`.
fn without_number(
    service: &'static Service,
    tokens: &[String],
    measures: Measures,
) -> Option<(usize, &'static str, Value)> {
    (1..=LONGEST.min(tokens.len())).rev().find_map(|length| {
        let said = tokens.get(..length)?.join(" ");
        for field in service.fields {
            match field.kind {
                Kind::Choice(_) if field.read(&Value::String(said.clone())).is_ok() => {
                    return Some((length, field.name, Value::String(said)));
                }
                Kind::Flag if services::plain(&said) == services::plain(field.name) => {
                    return Some((length, field.name, Value::Bool(true)));
                }
                _ => {}
            }
        }
        let (field, factor) = vocabulary::field(service, &said.replace(' ', "_"), measures)?;
        let countable = field.kind == Kind::Number && factor == Decimal::ONE && !Phrase::of(field.name).has_units();
        countable.then_some((length, field.name, Value::from(1)))
    })
}

fn not_understood(service: &Service, first: &str, after: &[String]) -> EvaluateError {
    let known: Vec<_> = service.fields.iter().map(|field| field.name).collect();
    let word = amount(first).and(after.first()).map_or(first, String::as_str);
    wrong(format!("{}: {word:?} is not understood{}", service.name, closest(word, &known)))
}

/// Numbers and words apart: `20GB` is two tokens, `db.t4g.micro`, `x86_64` and `t4g` one.
fn tokens(text: &str) -> Vec<String> {
    let text = text.replace(['+', '(', ')', '/', ';', ':'], " ").replace(", ", " ");
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        let word = word.trim_end_matches(',');
        match quantity(word) {
            Some((amount, unit)) => {
                tokens.push(amount.to_string());
                tokens.extend((!unit.is_empty()).then(|| unit.to_lowercase()));
            }
            None => tokens.push(word.to_lowercase()),
        }
    }
    tokens
}

fn amount(token: &str) -> Option<Decimal> {
    let written = NUMBERS.iter().position(|number| *number == token).map(Decimal::from);
    written.or_else(|| quantity(token).filter(|(_, rest)| rest.is_empty()).map(|(amount, _)| amount))
}

/// One stop of a path.
#[derive(Debug)]
pub struct Hop {
    /// What stands there.
    pub service: &'static Service,
    /// As the path calls it: `http_api`.
    pub said: String,
    /// What the words say about it.
    pub usage: Vec<(String, Value)>,
}

/// Reads a path of a request: `HTTP API -> Fargate private -> NAT (2 GB) -> RDS`.
///
/// # Errors
/// For a stop that names no service, and for words that are not understood.
pub fn path(text: &str, measures: Measures) -> Result<Vec<Hop>, EvaluateError> {
    text.replace("=>", "->").replace('→', "->").split("->").map(|stop| hop(stop, measures)).collect()
}

fn hop(text: &str, measures: Measures) -> Result<Hop, EvaluateError> {
    let mut tokens = tokens(text);
    // The first name, and of the names that begin there the longest: `RDS Proxy` is not `RDS`.
    let named = (0..tokens.len()).find_map(|begin| {
        let at = |length: usize| tokens.get(begin..begin + length).and_then(|words| find(&words.join(" ")));
        (1..=LONGEST).rev().find_map(|length| Some((begin, length, at(length)?)))
    });
    let Some((begin, length, service)) = named else {
        return Err(wrong(format!("path: {text:?} names no service{}", closest(text.trim(), &super::service_names()))));
    };
    // `3 interface endpoints`: the number is how many of them there are.
    let counted =
        begin.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(|token| amount(token).is_some());
    let said = tokens.splice(begin..begin + length, counted.then(|| "count".to_owned())).collect::<Vec<_>>().join("_");
    Ok(Hop { service, said, usage: read(service, &tokens, measures)? })
}

/// The service of this name, in the singular or plural.
fn find(name: &str) -> Option<&'static Service> {
    services::find(name).or_else(|| services::find(name.strip_suffix('s')?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(service: &str, text: &str) -> Vec<(String, Value)> {
        usage(services::find(service).unwrap(), text, Measures::default()).unwrap()
    }

    fn pairs(fields: &[(&str, Value)]) -> Vec<(String, Value)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn usage_is_read_from_words() {
        let task = [
            ("vcpu", json!("1")),
            ("gb", json!("2")),
            ("arch", json!("x86")),
            ("tasks", json!("1")),
            ("hours", json!("730")),
        ];
        assert_eq!(said("fargate", "1 vCPU/2 GB x86, one task, 730 h"), pairs(&task));
        let objects = [("gb", json!("100")), ("put_requests", json!("100000")), ("get_requests", json!("1000000"))];
        assert_eq!(said("s3", "100 GB, 100k PUT, 1M GET"), pairs(&objects));
        assert_eq!(said("s3", "10,000 GB"), pairs(&[("gb", json!("10000"))]));
        assert_eq!(said("lambda", "512MB 0.2 s"), pairs(&[("memory_mb", json!("512")), ("duration_ms", json!("200"))]));
    }

    #[test]
    fn a_word_that_is_not_understood_is_an_error() {
        let lambda = services::find("lambda").unwrap();
        let error = usage(lambda, "512 MB of marble", Measures::default()).unwrap_err().to_string();
        assert!(error.contains("marble"), "{error}");
        assert!(path("ALB -> Mars", Measures::default()).unwrap_err().to_string().contains("Mars"));
    }

    #[test]
    fn what_is_there_for_a_part_of_the_month_counts_in_part() {
        let field = Field::number("backup_gb", &[], "");
        let measures = Measures::default();
        assert_eq!(number_of(&field, "60 for the month, 15 of them deleted on day 10", measures), Ok(dec!(50)));
        assert_eq!(number_of(&field, "2 TB", measures), Ok(dec!(2048)));
        assert!(number_of(&field, "60 apples", measures).is_err());
    }
}
