//! Bills whose figures are known from elsewhere: published examples, each translated into a request manually, and bills that were
//! computed from list prices apart from the program. What differs between them is data.

mod figures;

use std::collections::BTreeMap;

use costs::evaluate::Evaluation;
use costs::price_book::PriceBook;
use serde::Deserialize;
use serde_json::Value;

use crate::bill;
use crate::oracles::erlang_c::Queue;
use crate::oracles::simfaas::{Effort, Function};
use figures::{figure, float};

const PUBLISHED: [&str; 7] = [
    include_str!("../data/examples/compute.json"),
    include_str!("../data/examples/data.json"),
    include_str!("../data/examples/front-door.json"),
    include_str!("../data/examples/known-mistakes.json"),
    include_str!("../data/examples/other.json"),
    include_str!("../data/examples/shops.json"),
    include_str!("../data/examples/simulation.json"),
];
const COMPUTED: &str = include_str!("../data/computed-bills.json");

/// A published example. Tolerances are its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    id: String,
    source: String,
    #[serde(default)]
    #[expect(dead_code, reason = "the publisher's words, for people")]
    note: String,
    #[serde(default)]
    #[expect(dead_code, reason = "how inputs became a request, for people")]
    translation: String,
    request: Option<Value>,
    queue: Option<Queue>,
    simfaas: Option<Function>,
    /// The published figures.
    expected: BTreeMap<String, Value>,
    tolerance: f64,
    /// Where the bill has each of them.
    #[serde(default)]
    figures: BTreeMap<String, String>,
    /// Figures that do not follow from what the example states, and why.
    #[serde(default)]
    not_stated: BTreeMap<String, String>,
    /// Why a known mistake is one.
    why: Option<String>,
    /// What the request is refused for, where the model has no such bill.
    refused: Option<String>,
}

fn examples() -> Vec<Example> {
    PUBLISHED.iter().flat_map(|file| serde_json::from_str::<Vec<Example>>(file).unwrap()).collect()
}

/// Compares figures with what was published, and says which are wrong.
fn compare(example: &Example, found: impl Fn(&str) -> Result<f64, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, expected) in &example.expected {
        let Some(place) = example.figures.get(name) else {
            assert!(example.not_stated.contains_key(name), "{}: {name} is not compared", example.id);
            continue;
        };
        let expected = float(expected);
        match found(place) {
            // Half a digit of a double at the edge of the tolerance.
            Ok(figure) if (figure - expected).abs() <= example.tolerance + 1e-9 => {}
            other => wrong.push(format!("{}: {name} is {other:?}, published {expected}", example.id)),
        }
    }
    wrong
}

#[test]
fn published_bills_are_reproduced_within_their_tolerance() {
    let book = PriceBook::built_in();
    let (mut right, mut wrong) = (0, Vec::new());
    for example in examples().iter().filter(|example| example.why.is_none()) {
        let Some(request) = &example.request else { continue };
        match bill(request, &book) {
            Ok(evaluation) => wrong.extend(compare(example, |place| figure(&evaluation, place))),
            Err(error) => wrong.push(format!("{}: {error}", example.id)),
        }
        right += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(right, 66);
}

#[test]
fn published_queues_are_reproduced_within_their_tolerance() {
    let mut right = 0;
    for example in examples() {
        let Some(queue) = example.queue else { continue };
        let wrong = compare(&example, |name| match name {
            "offered_erlangs" => Ok(queue.offered_erlangs()),
            "p_wait" => Ok(queue.waiting_probability()),
            "mean_wait_s" => Ok(queue.mean_wait_s()),
            "mean_wait_ms" => Ok(queue.mean_wait_s() * 1000.0),
            "service_level" => Ok(queue.served_within(queue.target_s.unwrap())),
            other => Err(format!("a queue has no {other}")),
        });
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        right += 1;
    }
    assert_eq!(right, 6);
}

/// Others drew other random numbers. The shares are those that the examples allow, and a standard deviation (over three seeds of
/// theirs) goes before a share.
#[test]
fn published_steady_states_are_reproduced() {
    let mut right = 0;
    for example in examples() {
        let Some(function) = example.simfaas else { continue };
        let state = function.steady_state(Effort { cold_starts: 10_000, requests: 12_000_000 });
        let deviation = example.expected.get("p_cold_sd").map(float);
        let nested = example.expected.values().filter_map(Value::as_object).flatten();
        for (name, expected) in example.expected.iter().filter(|(_, value)| !value.is_object()).chain(nested) {
            let (found, share) = match name.as_str() {
                "p_cold" => (state.p_cold, 0.1),
                "servers" => (state.servers, 0.02),
                "running" => (state.running, 0.01),
                "idle" => (state.servers - state.running, 0.03),
                "mean_lifespan_s" => (state.mean_lifespan_s, 0.1),
                "approximation_exp_minus_lambda_T" => ((-function.arrivals_per_s * function.expiration_s).exp(), 0.01),
                // Of a run of a million seconds.
                "requests" => (function.arrivals_per_s * 1e6, 0.01),
                "cold" => (state.p_cold * function.arrivals_per_s * 1e6, 0.1),
                "p_cold_sd" => continue,
                other => panic!("{}: {other} is not compared", example.id),
            };
            let expected = float(expected);
            let allowed = match deviation.filter(|_| name == "p_cold") {
                Some(deviation) => 4.0 * (deviation.powi(2) / 3.0 + state.p_cold_standard_error.powi(2)).sqrt(),
                None => expected * share,
            };
            assert!((found - expected).abs() <= allowed, "{}: {name} is {found}, published {expected}", example.id);
        }
        right += 1;
    }
    assert_eq!(right, 7);
}

#[test]
fn known_mistakes_are_not_repeated() {
    let book = PriceBook::built_in();
    let mut mistakes = 0;
    for example in examples() {
        let Some(why) = &example.why else { continue };
        mistakes += 1;
        assert!(!why.is_empty(), "{} says why", example.id);
        match (bill(example.request.as_ref().unwrap(), &book), &example.refused) {
            (Ok(evaluation), None) => {
                let found = figure(&evaluation, &example.figures["correct"]).unwrap();
                let [correct, wrong] = ["correct", "published_wrong"].map(|name| float(&example.expected[name]));
                assert!((found - correct).abs() <= example.tolerance, "{}: {found}, not {correct}", example.id);
                assert!((found - wrong).abs() > example.tolerance, "{} equals the wrong figure", example.id);
            }
            (Err(error), Some(word)) => assert!(error.contains(word), "{}: {error}", example.id),
            (result, _) => panic!("{}: {result:?}", example.id),
        }
    }
    assert_eq!(mistakes, 13);
}

/// A bill that was computed apart from the program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Computed {
    says: String,
    request: Value,
    /// Figures by their place in the bill.
    expected: BTreeMap<String, f64>,
    tolerance: f64,
}

#[test]
fn computed_bills_are_reproduced() {
    let book = PriceBook::built_in();
    let mut wrong = Vec::new();
    for Computed { says, request, expected, tolerance } in serde_json::from_str::<Vec<Computed>>(COMPUTED).unwrap() {
        let evaluation: Evaluation = bill(&request, &book).unwrap_or_else(|error| panic!("{says}: {error}"));
        assert!(!expected.is_empty(), "{says}");
        for (place, expected) in expected {
            match figure(&evaluation, &place) {
                Ok(found) if (found - expected).abs() <= tolerance => {}
                other => wrong.push(format!("{says}: {place} is {other:?}, not {expected}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where the collection of published examples lies beside the project, every example of it is here, with the same figures.
#[test]
fn every_published_example_is_covered() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/prices/worked-examples.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped every_published_example_is_covered: there is no {path}");
        return;
    };
    let here: BTreeMap<String, Example> = examples().into_iter().map(|example| (example.id.clone(), example)).collect();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    for published in &all {
        let id = published["id"].as_str().unwrap();
        let example = here.get(id).unwrap_or_else(|| panic!("{id} is not here"));
        assert_eq!(published["source"], example.source.as_str(), "{id}");
        assert_eq!(published["expected"], serde_json::to_value(&example.expected).unwrap(), "{id}");
        assert!(example.tolerance <= float(&published["tolerance_usd"]), "{id}");
        assert_eq!(published["kind"] == "do-not-copy", example.why.is_some(), "{id}");
    }
    assert_eq!(all.len(), here.len());
}
