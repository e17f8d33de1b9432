//! The manual of `costs evaluate` names every field, price and total, and its examples are run.

use costs::evaluate::evaluate_text;
use costs::measured::Measured;
use costs::price_book::PriceBook;
use costs::services::SERVICES;
use costs::summary::{into_document, markdown, picture};

const MANUAL: &str = include_str!("../../../docs/costs-evaluate.md");

#[test]
fn the_manual_names_everything() {
    for service in SERVICES {
        let heading = format!("\n### {}\n", service.name);
        let begin =
            MANUAL.find(&heading).unwrap_or_else(|| panic!("no section about {}", service.name)) + heading.len();
        let section = MANUAL[begin..].split("\n### ").next().unwrap();
        let fields = service.fields.iter().flat_map(|field| std::iter::once(&field.name).chain(field.also));
        let prices = service.prices.iter().flat_map(|key| std::iter::once(&key.name).chain(key.also));
        for name in fields.chain(prices).chain(service.totals) {
            assert!(section.contains(&format!("`{name}`")), "{}: the manual has no {name}", service.name);
        }
    }
}

#[test]
fn every_call_in_the_manual_has_an_answer() {
    let book = PriceBook::built_in().unwrap();
    let calls: Vec<&str> = MANUAL.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(calls.len() > SERVICES.len());
    for call in calls {
        let answer = evaluate_text(call, &book).unwrap_or_else(|error| panic!("{call}: {error}"));
        assert!(!answer.totals.is_empty());
    }
}

#[test]
fn what_a_service_says_it_answers_is_what_it_answers() {
    let book = PriceBook::built_in().unwrap();
    for call in MANUAL.split("### ").skip(1).filter_map(|section| section.split("```json\n").nth(1)) {
        let answer = evaluate_text(call.split("```").next().unwrap(), &book).unwrap();
        let Some(service) = costs::services::find(&answer.service) else { continue };
        for name in answer.totals.keys() {
            let tier = name.rsplit_once('_').is_some_and(|(_, tier)| tier.parse::<u32>().is_ok());
            let own = name == "total" || *name == service.name.replace('-', "_");
            assert!(tier || own || service.totals.contains(&name.as_str()), "{}: {name}", service.name);
        }
    }
}

#[test]
fn the_summary_in_the_readme_is_what_the_program_says() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (readme, chart) = (root.join("README.md"), root.join("docs/cost-by-load.svg"));
    let (measured, book) = (Measured::built_in().unwrap(), PriceBook::built_in().unwrap());
    let found = std::fs::read_to_string(&readme).unwrap();
    let expected = into_document(&found, &markdown(&measured, &book).unwrap()).unwrap();
    let is_right = found == expected && std::fs::read_to_string(chart).unwrap() == picture(&measured, &book).unwrap();
    assert!(is_right, "run: cargo run -p costs -- summary --document README.md --chart docs/cost-by-load.svg");
}
