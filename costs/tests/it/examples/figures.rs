//! Figures of a bill by their place: `total`, `total_with_tax`, `lambda` (all parts of a service), `s3[1]` (one of them),
//! `lambda.compute` (lines with a key, USD, or a figure), `lambda.compute.quantity`, `lambda.compute.tier_2` (the second line); sums
//! and ratios of these with ` + ` and ` / `.

use costs::evaluate::{Evaluation, Part};
use costs::line::Line;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;

pub fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// The figure, or what is missing of it.
pub fn figure(bill: &Evaluation, place: &str) -> Result<f64, String> {
    if let Some((dividend, divisor)) = place.split_once(" / ") {
        return Ok(figure(bill, dividend)? / figure(bill, divisor)?);
    }
    place.split(" + ").map(|place| single(bill, place)).sum()
}

fn single(bill: &Evaluation, place: &str) -> Result<f64, String> {
    let missing = || format!("{place} is not in the bill");
    let usd = |amount: Decimal| amount.to_f64().ok_or_else(missing);
    match place {
        "total" => return usd(bill.total_usd),
        "total_with_tax" => return usd(bill.total_with_tax_usd.ok_or_else(missing)?),
        _ => {}
    }
    let mut names = place.split('.');
    let service = names.next().ok_or_else(missing)?;
    let (service, number) = match service.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((service, number)) => (service, Some(number.parse::<usize>().map_err(|_| missing())?)),
        None => (service, None),
    };
    let parts = bill.parts.iter().filter(|part| part.service == service).enumerate();
    let parts: Vec<&Part> =
        parts.filter(|(place, _)| number.is_none_or(|number| number == *place)).map(|(_, part)| part).collect();
    if parts.is_empty() {
        return Err(missing());
    }
    let Some(name) = names.next() else { return usd(parts.iter().map(|part| part.total_usd).sum()) };
    let lines: Vec<&Line> = parts.iter().flat_map(|part| &part.lines).filter(|line| line.key == name).collect();
    if lines.is_empty() {
        let figures: Vec<Decimal> = parts.iter().filter_map(|part| part.figures.get(name)).copied().collect();
        return if figures.is_empty() { Err(missing()) } else { usd(figures.iter().sum()) };
    }
    match names.next() {
        None => usd(lines.iter().map(|line| line.amount).sum()),
        Some("quantity") => usd(lines.iter().map(|line| line.quantity).sum()),
        Some(tier) => {
            let tier = tier.strip_prefix("tier_").and_then(|tier| tier.parse::<usize>().ok()?.checked_sub(1));
            usd(tier.and_then(|tier| lines.get(tier)).ok_or_else(missing)?.amount)
        }
    }
}
