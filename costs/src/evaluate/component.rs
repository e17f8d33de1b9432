//! A part of a bill: one service with its usage and its prices.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::phrase::Measures;
use super::request::Request;
use super::{EvaluateError, vocabulary, words, wrong};
use crate::line::Known;
use crate::number;
use crate::price_book::{PriceBook, Prices};
use crate::services::{self, Account, Context, Field, Kind, Service, Statement, Usage, closest, product};

/// A part of a bill.
#[derive(Debug)]
pub struct Component {
    /// Name of its totals.
    pub name: String,
    /// As the request calls it, where that is another name.
    pub said: Option<String>,
    /// What bills it.
    pub service: &'static Service,
    /// Prices that the request gives it.
    pub prices: BTreeMap<String, Value>,
    usage: Usage,
    fields: Vec<&'static Field>,
}

impl Component {
    /// A part without usage yet.
    pub fn new(name: String, service: &'static Service) -> Self {
        Self { name, said: None, service, prices: BTreeMap::new(), usage: Usage::new(), fields: Vec::new() }
    }

    /// Whether the request says this quantity already, in whatever unit.
    pub fn has(&self, name: &str, measures: Measures) -> bool {
        let meant = vocabulary::field(self.service, name, measures);
        meant.is_some_and(|(meant, _)| {
            self.fields
                .iter()
                .any(|given| given.name == meant.name || vocabulary::same_quantity(given, meant, measures))
        })
    }

    /// Whether it knows a field of this name.
    pub fn takes(&self, name: &str, measures: Measures) -> bool {
        vocabulary::field(self.service, name, measures).is_some()
    }

    /// Whether nothing is said about it.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Takes a field under any of its names.
    ///
    /// # Errors
    /// For a name that is not known, a value that does not fit, and what is given twice.
    pub fn put(&mut self, name: &str, value: &Value, measures: Measures) -> Result<(), EvaluateError> {
        self.put_known(name, value, measures, Known::Declared)
    }

    /// The same, where `known` says how well the value is known.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn put_known(
        &mut self,
        name: &str,
        value: &Value,
        measures: Measures,
        known: Known,
    ) -> Result<(), EvaluateError> {
        let Some((field, factor)) = vocabulary::field(self.service, name, measures) else {
            let known: Vec<&str> = self.service.fields.iter().map(|field| field.name).collect();
            return Err(wrong(format!("{} has no usage field {name:?}{}", self.name, closest(name, &known))));
        };
        let value = read(field, factor, value, measures).map_err(|problem| wrong(format!("{name:?}: {problem}")))?;
        match self.usage.value(field) {
            None => {}
            // Said in words and as a field.
            Some(said) if *said == value => return Ok(()),
            Some(_) => return Err(wrong(format!("{}: {name:?} is given twice, as {:?}", self.name, field.name))),
        }
        self.usage.set(field, value, known);
        self.fields.push(field);
        Ok(())
    }

    /// Takes an object of fields, or usage in words.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn put_all(&mut self, usage: &Value, measures: Measures) -> Result<(), EvaluateError> {
        match usage {
            Value::Object(fields) => {
                let mut fields = fields.clone();
                super::rates::expand(&mut fields, self.service, measures)?;
                fields.iter().try_for_each(|(name, value)| self.put(name, value, measures))
            }
            Value::String(text) => {
                let fields = words::usage(self.service, text, measures)?;
                fields.iter().try_for_each(|(name, value)| self.put(name, value, measures))
            }
            Value::Null => Ok(()),
            other => Err(wrong(format!("{}: {other} is neither an object of usage nor usage in words", self.name))),
        }
    }

    /// Takes a given price under any of its names.
    pub fn take_price(&mut self, name: &str, value: &Value, measures: Measures) {
        let (name, value) = match vocabulary::price(self.service, name, measures) {
            Some((known, factor)) if !vocabulary::knows_price(self.service, name) => (known, scaled(value, factor)),
            _ => (name, value.clone()),
        };
        self.prices.entry(name.to_owned()).or_insert(value);
    }

    /// Whether a given price can be its.
    pub fn knows_price(&self, name: &str, measures: Measures) -> bool {
        vocabulary::knows_price(self.service, name) || vocabulary::price(self.service, name, measures).is_some()
    }

    /// Its statement, with what other parts left of the account's allowances and tiers.
    ///
    /// # Errors
    /// When usage is incomplete or a price is missing.
    pub fn bill(&self, request: &Request, book: &PriceBook, account: &Account) -> Result<Statement, EvaluateError> {
        let options = &request.options;
        let prices = Prices::of(book, &request.region)
            .with_given(self.prices.clone(), options.tier_bounds)
            .with_fallback(options.fallback_region.as_deref());
        let measures = options.measures();
        let context = Context {
            prices,
            free_tier: options.free_tier,
            month_hours: measures.month_hours,
            gigabyte: options.gigabyte,
            account: Some(account),
        };
        let mut statement = (self.service.bill)(&self.usage, &context)?;
        if statement.lines.is_empty() && statement.totals.values().all(Decimal::is_zero) {
            let known: Vec<_> = self.service.fields.iter().map(|field| field.name).collect();
            return Err(wrong(format!("{}: no usage is given (known: {})", self.name, known.join(", "))));
        }
        for name in context.prices.unused() {
            statement.note(format!("{}: the given price {name:?} was not needed", self.name));
        }
        Ok(statement)
    }
}

/// The value of a field in its unit.
fn read(field: &Field, factor: Decimal, value: &Value, measures: Measures) -> Result<services::Value, String> {
    let yes = |text: &str| ["yes", "true", "on", "1"].iter().any(|yes| text.trim().eq_ignore_ascii_case(yes));
    let no = |text: &str| ["no", "false", "off", "0", "none"].iter().any(|no| text.trim().eq_ignore_ascii_case(no));
    match (field.kind, value) {
        (Kind::Number, _) => {
            let plain = number::from_json(value);
            let number = match (plain, value.as_str()) {
                (None, Some(text)) => words::number_of(field, text, measures)?,
                (Some(number), _) => {
                    product(&[number.abs(), factor]).map_err(|error| error.to_string())?.copysign(number)
                }
                (None, None) => return field.read(value),
            };
            field.read(&Value::String(number.to_string()))
        }
        (Kind::Flag, Value::String(text)) if yes(text) => Ok(services::Value::Flag(true)),
        (Kind::Flag, Value::String(text)) if no(text) => Ok(services::Value::Flag(false)),
        // A number of days, or a version, where texts are chosen from.
        (Kind::Choice(_), Value::Number(number)) => field.read(&json!(number.to_string())),
        _ => field.read(value),
    }
}

trait CopySign {
    fn copysign(self, of: Self) -> Self;
}

impl CopySign for Decimal {
    fn copysign(mut self, of: Self) -> Self {
        self.set_sign_negative(of.is_sign_negative());
        self
    }
}

/// A given price, alone or in tiers, in other units; bounds of tiers stay, as they are in the quantity's.
fn scaled(value: &Value, factor: Decimal) -> Value {
    let times = |value: &Value| match number::from_json(value).and_then(|price| price.checked_mul(factor)) {
        Some(price) => Value::String(price.to_string()),
        None => value.clone(),
    };
    match value {
        Value::Array(steps) => steps
            .iter()
            .map(|step| match step {
                Value::Array(pair) => match pair.as_slice() {
                    [bound, price] => json!([bound, times(price)]),
                    _ => step.clone(),
                },
                Value::Object(fields) => {
                    let is_price = |name: &str| matches!(name, "price" | "price_usd");
                    let field = |(name, value): (&String, &Value)| {
                        (name.clone(), if is_price(name) { times(value) } else { value.clone() })
                    };
                    Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
                }
                price => times(price),
            })
            .collect(),
        price => times(price),
    }
}
