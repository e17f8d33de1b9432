//! Documents that are generated, and the examples of the manual of `costs evaluate`.

use costs::evaluate::schema;
use costs::measured::Measured;
use costs::price_book::PriceBook;
use costs::summary::{into_document, markdown, picture};

use crate::bill;

const MANUAL: &str = include_str!("../../../docs/costs-evaluate.md");

#[test]
fn the_schema_of_requests_is_up_to_date() {
    let committed = include_str!("../../../docs/costs-evaluate.schema.json");
    assert!(committed == schema(), "run: cargo run -p costs -- evaluate --schema > docs/costs-evaluate.schema.json");
}

#[test]
fn every_request_in_the_manual_has_a_bill() {
    let book = PriceBook::built_in();
    let requests: Vec<&str> = MANUAL.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(requests.len() > 2);
    for request in requests {
        let request = serde_json::from_str(request).unwrap();
        bill(&request, &book).unwrap_or_else(|error| panic!("{request}: {error}"));
    }
}

#[test]
fn the_summary_in_the_readme_is_what_the_program_says() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (readme, chart) = (root.join("README.md"), root.join("docs/cost-by-load.svg"));
    let (measured, book) = (Measured::built_in(), PriceBook::built_in());
    let found = std::fs::read_to_string(&readme).unwrap();
    let expected = into_document(&found, &markdown(&measured, &book).unwrap()).unwrap();
    let is_right = found == expected && std::fs::read_to_string(chart).unwrap() == picture(&measured, &book).unwrap();
    assert!(is_right, "run: cargo run -p costs -- summary --document README.md --chart docs/cost-by-load.svg");
}
