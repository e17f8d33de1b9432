//! `costs evaluate`: the bill of any single service, or of several together, from a JSON request. Names are taken generously,
//! values strictly: what is not understood is an error with what may have been meant. `docs/costs-evaluate.md` is its manual.

mod bill;
mod break_even;
mod cold_starts;
mod component;
mod parts;
mod phrase;
mod queues;
mod rates;
mod request;
mod vocabulary;
mod words;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::line::Line;
use crate::price_book::{PriceBook, PriceError};
use crate::services::{SERVICES, ServiceError, closest, plain};

pub use request::{Options, Request};

/// Calculations that are no services of the price book, with their other names.
const CALCULATIONS: [(&str, &[&str]); 4] = [
    ("bill", &["path", "idle", "orders", "deployment", "composite", "stack", "total"]),
    ("break-even", &["breakeven", "derived"]),
    ("queue", &["erlang", "erlang-c", "mmc"]),
    ("simfaas", &["cold-starts", "lambda-cold-starts"]),
];

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Service or calculation.
    pub service: String,
    /// Region of the prices.
    pub region: String,
    /// USD and intermediate quantities by name; `total` is the sum of the lines.
    #[serde(serialize_with = "numbers")]
    pub totals: BTreeMap<String, Decimal>,
    /// One line per price and tier.
    pub lines: Vec<Line>,
    /// What is left out, what decides, which given prices were not needed.
    pub notes: Vec<String>,
}

fn numbers<S: serde::Serializer>(totals: &BTreeMap<String, Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Number<'a>(#[serde(with = "crate::number")] &'a Decimal);
    serializer.collect_map(totals.iter().map(|(name, number)| (name, Number(number))))
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum EvaluateError {
    /// The text is no JSON.
    #[error("the request is not JSON")]
    Json(#[from] serde_json::Error),
    /// Something in the request.
    #[error("{0}")]
    Request(String),
    /// A service cannot bill it.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A price is missing or wrong.
    #[error(transparent)]
    Price(#[from] PriceError),
}

/// Something wrong with the request.
fn wrong(problem: impl Into<String>) -> EvaluateError {
    EvaluateError::Request(problem.into())
}

/// Answers a request in JSON text.
///
/// # Errors
/// [`EvaluateError`], which names the field, price or service and what is known.
pub fn evaluate_text(text: &str, book: &PriceBook) -> Result<Evaluation, EvaluateError> {
    evaluate(&serde_json::from_str(text)?, book)
}

/// Answers a request.
///
/// # Errors
/// [`EvaluateError`], which names the field, price or service and what is known.
pub fn evaluate(request: &Value, book: &PriceBook) -> Result<Evaluation, EvaluateError> {
    let request = Request::read(request)?;
    match calculation(&request.service) {
        Some("break-even") => break_even::evaluate(&request, book),
        Some("queue") => queues::evaluate(&request),
        Some("simfaas") => cold_starts::evaluate(&request),
        _ => bill::evaluate(&request, book),
    }
}

/// Canonical name of a calculation.
fn calculation(service: &str) -> Option<&'static str> {
    let wanted = plain(service);
    let named =
        |(name, also): &&(&str, &[&str])| plain(name) == wanted || also.iter().any(|other| plain(other) == wanted);
    CALCULATIONS.iter().find(named).map(|(name, _)| *name)
}

/// Names of all services and calculations.
pub fn service_names() -> Vec<&'static str> {
    SERVICES.iter().map(|service| service.name).chain(CALCULATIONS.iter().map(|(name, _)| *name)).collect()
}

fn unknown_service(name: &str) -> EvaluateError {
    wrong(format!("there is no service {name:?}{}", closest(name, &service_names())))
}
