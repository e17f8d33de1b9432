//! Documents that are generated, and the examples of the manual of `costs evaluate`.

use costs::evaluate::schema;
use costs::measured::Measured;
use costs::price_book::PriceBook;
use costs::summary::{into_document, parts, picture};

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
fn documents_have_the_figures_of_the_program() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (measured, book) = (Measured::built_in(), PriceBook::built_in());
    let parts = parts(&measured, &book).unwrap();
    let documents = [
        "README.md",
        "docs/aws-resources-involved.md",
        "docs/costs.md",
        "docs/first-deployment.md",
        "docs/lambda-vs-fargate.md",
        "docs/teardown.md",
    ];
    let run = format!("cargo run -p costs -- summary --document {} --chart docs/cost-by-load.svg", documents.join(" "));
    for name in documents {
        let found = std::fs::read_to_string(root.join(name)).unwrap();
        assert!(found == into_document(&found, &parts).unwrap(), "{name} has other figures than terraform; run: {run}");
    }
    let chart = std::fs::read_to_string(root.join("docs/cost-by-load.svg")).unwrap();
    assert!(chart == picture(&measured, &book).unwrap(), "docs/cost-by-load.svg has other figures; run: {run}");
}

#[test]
fn parts_of_documents_are_checked() {
    let parts = [("bills", "two\n".to_owned())].into();
    let document = |name: &str, end: &str| format!("a\n<!-- Written by `costs summary`: {name} -->\none\n{end}b\n");
    let end = "<!-- End of what `costs summary` writes. -->\n";
    assert_eq!(into_document(&document("bills", end), &parts).unwrap(), document("bills", end).replace("one", "two"));
    for (text, part) in
        [(document("bill", end), "\"bill\""), (document("bills", ""), "no end"), ("a".into(), "no line")]
    {
        assert!(into_document(&text, &parts).unwrap_err().to_string().contains(part));
    }
}
