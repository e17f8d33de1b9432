//! Requests as people write them: other names, other units, words, several parts, prices of their own. Expected figures were computed
//! apart from the program, from list prices.

use std::collections::BTreeMap;

use costs::evaluate::evaluate;
use costs::price_book::PriceBook;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

const REQUESTS: &str = include_str!("../data/requests.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    says: String,
    request: Value,
    #[serde(default)]
    expected: BTreeMap<String, Value>,
    tolerance: Option<Value>,
    /// What the refusal names.
    error: Option<String>,
}

#[test]
fn requests_are_understood_or_refused_with_what_is_wrong() {
    let book = PriceBook::built_in().unwrap();
    let cases: Vec<Case> = serde_json::from_str(REQUESTS).unwrap();
    let mut failures = Vec::new();
    for Case { says, request, expected, tolerance, error } in &cases {
        match (evaluate(request, &book), error) {
            (Err(refusal), Some(part)) if refusal.to_string().contains(part.as_str()) => {}
            (Ok(evaluation), None) => {
                assert_eq!(
                    costs::line::total(&evaluation.lines),
                    evaluation.totals.get("total").copied().unwrap_or_else(|| costs::line::total(&evaluation.lines)),
                    "{says}"
                );
                for (name, expected) in expected {
                    let decimal = |value: &Value| costs::number::from_json(value).unwrap();
                    let near =
                        |total: &Decimal| (total - decimal(expected)).abs() <= decimal(tolerance.as_ref().unwrap());
                    if !evaluation.totals.get(name).is_some_and(near) {
                        failures.push(format!("{says}: {name} is {:?}, not {expected}", evaluation.totals.get(name)));
                    }
                }
            }
            (answer, _) => failures.push(format!("{says}: {answer:?}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Tiers and allowances are the account's: how a use is divided among functions does not change the bill.
#[test]
fn dividing_a_use_among_functions_changes_nothing() {
    let book = PriceBook::built_in().unwrap();
    let total = |usage: Value| {
        let request = serde_json::json!({"service": "lambda", "usage": usage, "options": {"free_tier": true}});
        evaluate(&request, &book).unwrap().totals["total"]
    };
    let whole = total(serde_json::json!({"gb_seconds": 20_000_000_000_u64, "requests": 3_000_000}));
    for first in [1_u64, 5_999_000_000, 6_000_000_000, 19_000_000_000] {
        let rest = 20_000_000_000 - first;
        let parts = [
            serde_json::json!({"gb_seconds": first, "requests": 500_000}),
            serde_json::json!({"gb_seconds": rest, "requests": 2_500_000}),
        ];
        assert_eq!(total(serde_json::json!({ "functions": parts })), whole, "{first}");
    }
}
