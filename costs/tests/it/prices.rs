//! The price book: every fact is there, imports replace rows, and what has no price is an error.

use costs::price_book::import::import;
use costs::price_book::{Confidence, PriceBook};
use rust_decimal::dec;
use serde_json::json;

use crate::bill;

/// An offer file of one function price with two tiers, and one product that the book does not know.
const OFFER_JSON: &str = include_str!("../data/offer.json");
const OFFER_CSV: &str = include_str!("../data/offer.csv");

#[test]
fn every_row_says_where_it_is_from() {
    let book = PriceBook::built_in();
    for row in book.rows() {
        assert!(!row.source.is_empty(), "{row:?}");
        assert!(!row.date.is_empty() || row.confidence >= Confidence::Medium, "{row:?}");
    }
    for region in ["us-east-1", "us-west-2", "eu-west-1"] {
        assert!(book.rows().iter().filter(|row| row.region == region).count() > 50, "{region}");
    }
}

#[test]
fn the_price_file_survives_being_written_and_read() {
    let book = PriceBook::built_in();
    assert_eq!(PriceBook::from_csv(book.to_csv().unwrap().as_bytes()).unwrap(), book);
}

#[test]
fn an_imported_list_replaces_rows_whichever_its_format() {
    for (text, name) in [(OFFER_JSON, "offer.json"), (OFFER_CSV, "offer.csv")] {
        let mut book = PriceBook::built_in();
        let imported = import(&mut book, text, name).unwrap();
        assert_eq!(imported.items, ["Lambda / duration arm64 in eu-west-1"], "{name}");
        assert_eq!(imported.left_out, 1, "{name}");
        let price = book.price("Lambda", "eu-west-1", "duration arm64").unwrap();
        assert_eq!(price.tiers.len(), 2);
        assert_eq!((price.tiers[0].price, price.tiers[0].to), (dec!(0.00002), Some(dec!(1000))));
        assert_eq!((price.tiers[1].price, price.tiers[1].to), (dec!(0.00001), None));
        let provenance = &price.provenances[0];
        assert_eq!((&*provenance.date, &*provenance.source), ("2026-11-01", &*format!("AWS price list {name}")));
        let request = json!({"region": "eu-west-1", "usage": {"lambda": [{"requests_per_month": 0, "gb_seconds": 3000, "architecture": "arm64"}]}});
        assert_eq!(bill(&request, &book).unwrap().total_usd, dec!(0.04));
    }
}

#[test]
fn a_broken_list_changes_nothing() {
    let mut book = PriceBook::built_in();
    let before = book.clone();
    for broken in [
        "",
        "{}",
        "a,b\n1,2\n",
        &OFFER_JSON.replace(r#""endRange": "1000""#, r#""endRange": "900""#),
        &OFFER_JSON.replace("0.00002", "much"),
    ] {
        assert!(import(&mut book, broken, "broken").is_err(), "{broken}");
    }
    let unknown = import(&mut book, &OFFER_JSON.replace("AWSLambda", "AmazonSumerian"), "x").unwrap_err();
    assert!(unknown.to_string().contains("no product"), "{unknown}");
    assert_eq!(book, before);
}

#[test]
fn what_has_no_price_is_an_error_that_names_it() {
    let book = PriceBook::built_in();
    let nat = json!([{"gateways": 1, "hours": 1, "data_gb": 1, "public_ipv4_addresses": 0}]);
    let error = bill(&json!({"region": "ap-south-1", "usage": {"nat": nat}}), &book).unwrap_err();
    for part in ["NAT gateway / gateway", "ap-south-1", "per hour", "prices", "us-east-1"] {
        assert!(error.contains(part), "{error}");
    }
    let fallback = json!({"region": "ap-south-1", "usage": {"nat": nat}, "fallback_region": "us-east-1"});
    let line = &bill(&fallback, &book).unwrap().parts[0].lines[0];
    assert_eq!(line.price.confidence, Confidence::Unverified);
    assert!(line.price.source.contains("us-east-1"));
}

/// The facts that the price file was made from lie beside a checkout of the project's material, not in it.
#[test]
fn every_fact_is_carried() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/prices/price-facts.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped every_fact_is_carried: there is no {path}");
        return;
    };
    let facts: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let book = PriceBook::built_in();
    for fact in &facts {
        let Some(price) = costs::number::from_json(&fact["price_usd"]) else { continue };
        let per_million = fact["unit"].as_str().unwrap().starts_with("1M ");
        let price = if per_million { price / dec!(1_000_000) } else { price };
        let service = fact["service"].as_str().unwrap();
        let carried = book.rows().iter().any(|row| row.service == service && row.price_usd == Some(price));
        assert!(carried, "{fact}");
    }
}
