//! Usage: what of a service is used. Every field is declared, so that a misspelt one is an error and not a free line.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, dec};

use super::Service;
use crate::line::Known;
use crate::number;

/// Most that a single field may hold.
const MOST: Decimal = dec!(1_000_000_000_000_000);

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Zero or more.
    Number,
    /// `true` or `false`.
    Flag,
    /// One of these; each begins with its canonical spelling.
    Choice(&'static [&'static [&'static str]]),
    /// Any text.
    Text,
}

/// A usage field of a service.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name in requests, units last.
    pub name: &'static str,
    /// Other names.
    pub also: &'static [&'static str],
    /// What it holds.
    pub kind: Kind,
    /// One sentence for people.
    pub about: &'static str,
}

impl Field {
    /// A number.
    pub const fn number(name: &'static str, also: &'static [&'static str], about: &'static str) -> Self {
        Self { name, also, kind: Kind::Number, about }
    }

    /// A flag.
    pub const fn flag(name: &'static str, also: &'static [&'static str], about: &'static str) -> Self {
        Self { name, also, kind: Kind::Flag, about }
    }

    /// Whether it is called so.
    pub fn is(&self, name: &str) -> bool {
        self.name == name || self.also.contains(&name)
    }

    /// The value in JSON.
    ///
    /// # Errors
    /// What is wrong with it; the field's name is not in the text.
    pub fn read(&self, value: &serde_json::Value) -> Result<Value, String> {
        match (self.kind, value) {
            (Kind::Number, _) => {
                let number = number::from_json(value).ok_or_else(|| format!("{value} is not a number"))?;
                match number {
                    _ if number < Decimal::ZERO => Err(format!("{number} is negative")),
                    _ if number > MOST => Err(format!("{number} is more than 10^15")),
                    _ => Ok(Value::Number(number)),
                }
            }
            (Kind::Flag, serde_json::Value::Bool(flag)) => Ok(Value::Flag(*flag)),
            (Kind::Flag, _) => Err(format!("{value} is not true or false")),
            (Kind::Choice(choices), serde_json::Value::String(text)) => {
                let same = |name: &&str| name.eq_ignore_ascii_case(text.trim());
                let found = choices.iter().find(|names| names.iter().any(same));
                let found = found.and_then(|names| names.first());
                let known = || choices.iter().filter_map(|names| names.first().copied()).collect::<Vec<_>>().join(", ");
                found
                    .map(|name| Value::Text((*name).to_owned()))
                    .ok_or_else(|| format!("{text:?} is none of {}", known()))
            }
            (Kind::Text, serde_json::Value::String(text)) => Ok(Value::Text(text.clone())),
            (Kind::Choice(_) | Kind::Text, _) => Err(format!("{value} is not a text")),
        }
    }
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Zero or more.
    Number(Decimal),
    /// Yes or no.
    Flag(bool),
    /// A choice in its canonical spelling, or a text.
    Text(String),
}

/// Usage of one service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage(BTreeMap<&'static str, (Value, Known)>);

impl Usage {
    /// Nothing used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a number.
    #[must_use]
    pub fn with(mut self, field: &Field, value: impl Into<Decimal>, known: Known) -> Self {
        self.set(field, Value::Number(value.into()), known);
        self
    }

    /// Sets a choice or text; choices in their canonical spelling.
    #[must_use]
    pub fn with_text(mut self, field: &Field, value: &str) -> Self {
        self.set(field, Value::Text(value.to_owned()), Known::Declared);
        self
    }

    /// Sets a flag.
    #[must_use]
    pub fn with_flag(mut self, field: &Field, value: bool) -> Self {
        self.set(field, Value::Flag(value), Known::Declared);
        self
    }

    /// Sets a value.
    pub fn set(&mut self, field: &Field, value: Value, known: Known) {
        self.0.insert(field.name, (value, known));
    }

    /// Whether the field is set.
    pub fn has(&self, field: &Field) -> bool {
        self.0.contains_key(field.name)
    }

    /// What is set.
    pub fn value(&self, field: &Field) -> Option<&Value> {
        self.0.get(field.name).map(|(value, _)| value)
    }

    /// The number, if it is set.
    pub fn given(&self, field: &Field) -> Option<Decimal> {
        match self.0.get(field.name) {
            Some((Value::Number(number), _)) => Some(*number),
            _ => None,
        }
    }

    /// The number, zero when it is not set.
    pub fn number(&self, field: &Field) -> Decimal {
        self.given(field).unwrap_or_default()
    }

    /// The flag, false when it is not set.
    pub fn flag(&self, field: &Field) -> bool {
        matches!(self.0.get(field.name), Some((Value::Flag(true), _)))
    }

    /// The text or choice.
    pub fn text(&self, field: &Field) -> Option<&str> {
        match self.0.get(field.name) {
            Some((Value::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    /// How a product of all that is set is known.
    pub fn known(&self) -> Known {
        self.0.values().map(|(_, known)| *known).max().unwrap_or_default()
    }

    /// How a product of these fields is known.
    pub fn known_of(&self, fields: &[&Field]) -> Known {
        let known = |field: &&Field| self.0.get(field.name).map(|(_, known)| *known);
        fields.iter().filter_map(known).max().unwrap_or_default()
    }

    /// Reads one field of a request.
    ///
    /// # Errors
    /// What is wrong, with the name of the field and, for an unknown one, what may have been meant.
    pub fn read(&mut self, service: &Service, name: &str, value: &serde_json::Value) -> Result<(), String> {
        let Some(field) = service.fields.iter().find(|field| field.is(name)) else {
            let known: Vec<&str> = service.fields.iter().map(|field| field.name).collect();
            return Err(format!("{} has no usage field {name:?}{}", service.name, closest(name, &known)));
        };
        if self.has(field) {
            return Err(format!("{name:?} and another name of {:?} are both given", field.name));
        }
        let value = field.read(value).map_err(|problem| format!("{name:?}: {problem}"))?;
        self.set(field, value, Known::Declared);
        Ok(())
    }
}

/// `; did you mean "memory_mb"? It knows ...` for an error about an unknown name.
pub fn closest(name: &str, known: &[&str]) -> String {
    let score = |candidate: &&&str| {
        let similarity = strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
        (similarity * 1000.0).round()
    };
    let best = known.iter().filter(|candidate| score(candidate) >= 820.0);
    let best = best.max_by(|a, b| score(a).total_cmp(&score(b)));
    let guess = best.map(|best| format!("; did you mean {best:?}?")).unwrap_or_default();
    format!("{guess} (known: {})", known.join(", "))
}
