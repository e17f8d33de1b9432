//! Published examples, with the prices and conventions that they state. One test runs them all the same way: what differs
//! between them is data.

use std::collections::BTreeMap;

use costs::evaluate::evaluate;
use costs::price_book::PriceBook;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

const EXAMPLES: &str = include_str!("../data/worked-examples.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    id: String,
    #[expect(dead_code, reason = "provenance, for people")]
    source: String,
    #[serde(default)]
    #[expect(dead_code, reason = "remark, for people")]
    says: String,
    request: Value,
    #[serde(default)]
    expected: BTreeMap<String, Value>,
    tolerance: Value,
    /// What was published, where that is known to be wrong, and why.
    published: Option<Value>,
    why: Option<String>,
    /// The word that the refusal names, where the model has no answer.
    refused: Option<String>,
}

fn examples() -> Vec<Example> {
    serde_json::from_str(EXAMPLES).unwrap()
}

fn decimal(value: &Value) -> Decimal {
    costs::number::from_json(value).unwrap()
}

#[test]
fn every_example_is_reproduced_within_its_tolerance() {
    let book = PriceBook::built_in().unwrap();
    let mut failures = Vec::new();
    for example in examples().iter().filter(|example| example.refused.is_none()) {
        let evaluation = match evaluate(&example.request, &book) {
            Ok(evaluation) => evaluation,
            Err(error) => {
                failures.push(format!("{}: {error}", example.id));
                continue;
            }
        };
        assert!(!example.expected.is_empty(), "{} expects something", example.id);
        for (name, expected) in &example.expected {
            let (expected, tolerance) = (decimal(expected), decimal(&example.tolerance));
            match evaluation.totals.get(name) {
                Some(total) if (total - expected).abs() <= tolerance => {}
                other => failures.push(format!("{}: {name} is {other:?}, expected {expected}", example.id)),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_was_published_wrong_is_not_reproduced() {
    let book = PriceBook::built_in().unwrap();
    let mut traps = 0;
    for example in examples() {
        let Some(published) = &example.published else { continue };
        traps += 1;
        assert!(example.why.is_some_and(|why| !why.is_empty()), "{} says why", example.id);
        match (evaluate(&example.request, &book), example.refused) {
            (Ok(evaluation), None) => {
                let apart = (evaluation.totals["total"] - decimal(published)).abs();
                assert!(apart > decimal(&example.tolerance), "{} equals the wrong figure", example.id);
            }
            (Err(error), Some(word)) => assert!(error.to_string().contains(&word), "{}: {error}", example.id),
            (result, _) => panic!("{}: {result:?}", example.id),
        }
    }
    assert_eq!(traps, 13);
}

#[test]
fn the_total_of_every_example_is_the_sum_of_its_lines() {
    let book = PriceBook::built_in().unwrap();
    for example in examples().iter().filter(|example| example.refused.is_none()) {
        let evaluation = evaluate(&example.request, &book).unwrap();
        if let Some(total) = evaluation.totals.get("total") {
            assert_eq!(costs::line::total(&evaluation.lines), *total, "{}", example.id);
        }
    }
}
