//! What holds for every usage: bills grow with load, tiers join without a step, totals are sums, nothing unknown is free, and
//! no number makes the program panic.

use costs::deployment::{Deployment, Inputs, estimate, monthly_total};
use costs::evaluate::schema;
use costs::measured::Measured;
use costs::price_book::PriceBook;
use costs::profile::Profile;
use costs::tiers::{Tier, split};
use proptest::prelude::*;
use rust_decimal::{Decimal, dec};
use serde_json::{Map, Value, json};

use crate::bill;

fn tiers() -> impl Strategy<Value = Vec<Tier>> {
    (prop::collection::vec((1_u64..1_000_000, 0_u64..1000), 0..5), 0_u64..1000).prop_map(|(steps, last)| {
        let mut from = Decimal::ZERO;
        let mut tiers = Vec::new();
        for (width, price) in steps {
            let to = from + Decimal::from(width);
            tiers.push(Tier { from, to: Some(to), price: Decimal::new(i64::try_from(price).unwrap(), 6) });
            from = to;
        }
        tiers.push(Tier { from, to: None, price: Decimal::new(i64::try_from(last).unwrap(), 6) });
        tiers
    })
}

fn cost(quantity: Decimal, tiers: &[Tier]) -> Decimal {
    split(Decimal::ZERO, quantity, tiers).unwrap().iter().map(|slice| slice.quantity * slice.price).sum()
}

proptest! {
    #[test]
    fn tiers_split_all_of_a_quantity_and_join_without_a_step(tiers in tiers(), quantity in 0_u64..10_000_000) {
        let quantity = Decimal::from(quantity);
        let slices = split(Decimal::ZERO, quantity, &tiers).unwrap();
        prop_assert_eq!(slices.iter().map(|slice| slice.quantity).sum::<Decimal>(), quantity);
        let dearest = tiers.iter().map(|tier| tier.price).max().unwrap();
        let step = cost(quantity + Decimal::ONE, &tiers) - cost(quantity, &tiers);
        prop_assert!(step >= Decimal::ZERO && step <= dearest, "one more unit costs {}", step);
    }

    #[test]
    fn what_the_last_tier_does_not_cover_is_an_error(width in 1_u64..1000, beyond in 1_u64..1000) {
        let tiers = [Tier { from: Decimal::ZERO, to: Some(width.into()), price: Decimal::ONE }];
        prop_assert!(split(Decimal::ZERO, width.into(), &tiers).is_ok());
        prop_assert_eq!(split(Decimal::ZERO, (width + beyond).into(), &tiers).unwrap_err().unpriced, beyond.into());
    }

    #[test]
    fn more_requests_never_cost_less(requests in 0_u64..100_000_000_000, more in 1_u64..1_000_000_000, free in any::<bool>(),
                                     duration in 1_u64..900_000, memory in 128_u64..10_240) {
        let book = PriceBook::built_in();
        let total = |requests: u64| {
            let usage = json!({"lambda": [{"requests_per_month": requests, "duration_ms": duration, "memory_mb": memory}]});
            bill(&json!({"region": "us-east-1", "usage": usage, "free_tier": free}), &book).unwrap().total_usd
        };
        prop_assert!(total(requests) <= total(requests + more));
    }

    #[test]
    fn no_number_makes_a_service_panic(place in 0..services().len(), numbers in prop::collection::vec(number(), 20), free in any::<bool>()) {
        let book = PriceBook::built_in();
        let (name, fields) = &services()[place];
        let mut numbers = numbers.into_iter().cycle();
        let usage = usage(fields, &mut |_, required| numbers.next().unwrap().or(required.then_some(Decimal::ONE)));
        let request = json!({"region": "us-east-1", "usage": {name: [usage]}, "free_tier": free});
        if let Ok(evaluation) = bill(&request, &book) {
            for line in &evaluation.parts[0].lines {
                prop_assert!(line.amount >= Decimal::ZERO);
                prop_assert!(!line.price.source.is_empty(), "{} says where its price is from", line.name);
            }
        }
    }
}

/// Every service with the schema of its usage.
fn services() -> Vec<(String, Value)> {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let services = schema["$defs"]["Usage"]["properties"].as_object().unwrap();
    services.iter().map(|(name, list)| (name.clone(), resolve(&schema, &list["items"]).unwrap())).collect()
}

/// The schema with what it refers to in its place.
fn resolve(schema: &Value, part: &Value) -> Option<Value> {
    let name = part["$ref"].as_str()?.strip_prefix("#/$defs/")?;
    let mut part = schema["$defs"][name].clone();
    for field in part["properties"].as_object_mut().into_iter().flatten() {
        let inner =
            field.1["anyOf"].get(0).and_then(|inner| resolve(schema, inner)).or_else(|| resolve(schema, field.1));
        *field.1 = inner.unwrap_or_else(|| field.1.clone());
    }
    Some(part)
}

/// Usage with the numbers that `number` chooses by name and whether they are required, and something valid for the rest.
fn usage(fields: &Value, number: &mut impl FnMut(&str, bool) -> Option<Decimal>) -> Value {
    let required = |name: &str| fields["required"].as_array().is_some_and(|names| names.contains(&name.into()));
    let mut usage = Map::new();
    for (name, field) in fields["properties"].as_object().unwrap() {
        let kind = field["type"].as_str().or_else(|| field["type"][0].as_str()).unwrap_or_default();
        let value = match kind {
            "number" => number(name, required(name)).map(|number| json!(number.to_string().parse::<f64>().unwrap())),
            "boolean" => Some(json!(false)),
            "string" => required(name).then(|| json!("db.t4g.micro")),
            "object" => number(name, required(name)).map(|_| self::usage(field, number)),
            _ => None,
        };
        usage.extend(value.map(|value| (name.clone(), value)));
    }
    if fields["required"].as_array().is_some_and(|names| names.contains(&"consistency".into())) {
        usage.insert("consistency".to_owned(), json!("strong"));
    }
    Value::Object(usage)
}

fn number() -> impl Strategy<Value = Option<Decimal>> {
    prop_oneof![
        Just(None),
        Just(Some(Decimal::ZERO)),
        (0_u64..1000).prop_map(|n| Some(Decimal::from(n))),
        (0_i64..1_000_000).prop_map(|n| Some(Decimal::new(n, 6))),
        Just(Some(dec!(1_000_000_000_000_000))),
    ]
}

#[test]
fn no_service_is_free_where_nobody_knows_its_prices() {
    let book = PriceBook::built_in();
    let mut regional = 0;
    for (service, fields) in services() {
        for field in fields["properties"].as_object().unwrap().keys() {
            let million = dec!(1_000_000);
            let usage = usage(&fields, &mut |name, required| match name {
                // Tasks have a largest size.
                "vcpu" | "memory_gb" => Some(Decimal::ONE),
                _ => (name == field || required).then_some(million),
            });
            match bill(&json!({"region": "nowhere-1", "usage": {&service: [usage]}}), &book) {
                Err(error) => regional += usize::from(error.contains("nowhere-1")),
                Ok(evaluation) => {
                    for line in &evaluation.parts[0].lines {
                        assert!(!line.price.source.is_empty(), "{service}: {} has no source", line.name);
                    }
                }
            }
        }
    }
    assert!(regional > 50, "{regional} fields need a price of the region");
}

#[test]
fn a_shop_with_more_orders_never_costs_less() {
    let (book, measured) = (PriceBook::built_in(), Measured::built_in());
    for deployment in Deployment::all() {
        let mut last = Decimal::ZERO;
        for orders in [0, 1, 10, 1000, 30_000, 1_000_000, 20_000_000] {
            let profile = Profile { orders_per_month: orders.into(), ..Profile::example("large-shop").unwrap() };
            let inputs = Inputs { profile: &profile, measured: &measured, book: &book };
            let total = monthly_total(deployment, inputs).unwrap();
            assert!(total >= last, "{}: {orders} orders cost {total}, fewer cost {last}", deployment.name());
            last = total;
        }
    }
}

#[test]
fn totals_of_a_deployment_are_sums_of_its_lines() {
    let (book, measured) = (PriceBook::built_in(), Measured::built_in());
    for name in ["demo", "small-shop", "large-shop"] {
        let profile = Profile::example(name).unwrap();
        for deployment in Deployment::all() {
            let bill = estimate(deployment, Inputs { profile: &profile, measured: &measured, book: &book }).unwrap();
            for environment in &bill.environments {
                let sum = costs::line::total(environment.lines.iter().map(|line| &line.line));
                assert_eq!(sum, environment.total);
                for line in &environment.lines {
                    assert_eq!(line.line.quantity * line.line.unit_price, line.line.amount, "{}", line.line.name);
                }
            }
            assert_eq!(bill.environments.iter().map(|one| one.total).sum::<Decimal>(), bill.total);
        }
    }
}
