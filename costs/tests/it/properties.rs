//! What holds for every usage: bills grow with load, tiers join without a step, totals are sums, nothing unknown is free, and
//! no number makes the program panic.

use costs::deployment::{Deployment, Inputs, estimate, monthly_total};
use costs::evaluate::evaluate;
use costs::measured::Measured;
use costs::price_book::{PriceBook, Prices};
use costs::profile::Profile;
use costs::services::{Context, Kind, SERVICES, Usage, Value};
use costs::tiers::{Tier, split};
use proptest::prelude::*;
use rust_decimal::{Decimal, dec};
use serde_json::json;

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
    split(quantity, tiers).unwrap().iter().map(|slice| slice.quantity * slice.price).sum()
}

proptest! {
    #[test]
    fn tiers_split_all_of_a_quantity_and_join_without_a_step(tiers in tiers(), quantity in 0_u64..10_000_000) {
        let quantity = Decimal::from(quantity);
        let slices = split(quantity, &tiers).unwrap();
        prop_assert_eq!(slices.iter().map(|slice| slice.quantity).sum::<Decimal>(), quantity);
        let dearest = tiers.iter().map(|tier| tier.price).max().unwrap();
        let step = cost(quantity + Decimal::ONE, &tiers) - cost(quantity, &tiers);
        prop_assert!(step >= Decimal::ZERO && step <= dearest, "one more unit costs {}", step);
    }

    #[test]
    fn what_the_last_tier_does_not_cover_is_an_error(width in 1_u64..1000, beyond in 1_u64..1000) {
        let tiers = [Tier { from: Decimal::ZERO, to: Some(width.into()), price: Decimal::ONE }];
        prop_assert!(split(width.into(), &tiers).is_ok());
        prop_assert_eq!(split((width + beyond).into(), &tiers).unwrap_err().unpriced, beyond.into());
    }

    #[test]
    fn more_requests_never_cost_less(requests in 0_u64..100_000_000_000, more in 1_u64..1_000_000_000, free in any::<bool>(),
                                     duration in 1_u64..900_000, memory in 128_u64..10_240) {
        let book = PriceBook::built_in().unwrap();
        let total = |requests: u64| {
            let usage = json!({"requests": requests, "duration_ms": duration, "memory_mb": memory, "apply_free_tier": free});
            evaluate(&json!({"service": "lambda", "usage": usage}), &book).unwrap().totals["total"]
        };
        prop_assert!(total(requests) <= total(requests + more));
    }

    #[test]
    fn no_number_makes_a_service_panic(place in 0..SERVICES.len(), numbers in prop::collection::vec(number(), 40), free in any::<bool>()) {
        let book = PriceBook::built_in().unwrap();
        let service = SERVICES[place];
        let mut usage = Usage::new();
        for (field, number) in service.fields.iter().zip(&numbers).filter(|(field, _)| field.kind == Kind::Number) {
            if let Some(number) = number {
                usage.set(field, Value::Number(*number), costs::line::Known::Declared);
            }
        }
        let context = Context { free_tier: free, ..Context::new(Prices::of(&book, "us-east-1")) };
        if let Ok(statement) = (service.bill)(&usage, &context) {
            for line in &statement.lines {
                prop_assert!(line.amount >= Decimal::ZERO);
                prop_assert!(!line.price.source.is_empty(), "{} says where its price is from", line.name);
            }
        }
    }
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
    let book = PriceBook::built_in().unwrap();
    let mut regional = 0;
    for service in SERVICES {
        for field in service.fields.iter().filter(|field| field.kind == Kind::Number) {
            let usage = Usage::new().with(field, dec!(1_000_000), costs::line::Known::Declared);
            let context = Context::new(Prices::of(&book, "nowhere-1"));
            match (service.bill)(&usage, &context) {
                Err(error) => regional += usize::from(error.to_string().contains("nowhere-1")),
                Ok(statement) => {
                    for line in &statement.lines {
                        let known = !line.price.source.is_empty();
                        assert!(known, "{}: {} is free of a source", service.name, line.name);
                    }
                }
            }
        }
    }
    assert!(regional > 50, "{regional} fields need a price of the region");
}

#[test]
fn a_shop_with_more_orders_never_costs_less() {
    let (book, measured) = (PriceBook::built_in().unwrap(), Measured::built_in().unwrap());
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
    let (book, measured) = (PriceBook::built_in().unwrap(), Measured::built_in().unwrap());
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
