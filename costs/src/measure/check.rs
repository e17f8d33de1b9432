//! Whether the shop takes more than was committed. Counts, and what they cost in money, depend neither on the machine's speed nor on
//! settings, so any machine can check them.

use anyhow::{Context as _, ensure};
use rust_decimal::{Decimal, dec};

use crate::deployment::{Deployment, Inputs, Path, Store, estimate_environment};
use crate::measured::{Measured, Route};
use crate::price_book::PriceBook;
use crate::profile::Profile;

/// The profile whose production bill is compared: large enough for use, and not minimum sizes, to decide.
const PROFILE: &str = "large-shop";
/// How far what 1,000 orders cost may grow, as a factor.
const COST_GROWTH: Decimal = dec!(1.02);
/// How far bytes may grow: texts change all the time.
const BYTES_GROWTH: Decimal = dec!(1.10);

/// A figure of a route.
type Quantity = fn(&Route) -> Decimal;

/// What a journey is made of, with how far each may grow.
const QUANTITIES: [(&str, Quantity, Decimal); 6] = [
    ("requests to DynamoDB", |route| route.store_requests, Decimal::ONE),
    ("read units", |route| route.read_units, Decimal::ONE),
    ("write units", |route| route.write_units, Decimal::ONE),
    ("SQL statements", |route| route.sql_statements, Decimal::ONE),
    ("response bytes", |route| route.response_bytes, BYTES_GROWTH),
    ("log bytes", |route| route.log_bytes, BYTES_GROWTH),
];

/// What has grown beyond its limit, for people: `read units of checkout on fargate and dynamodb: 7, at most 6`.
fn excess(what: &str, is: Decimal, limit: Decimal) -> Option<String> {
    let number = |number: Decimal| number.round_dp(4).normalize();
    (is > limit).then(|| format!("{what}: {}, at most {}", number(is), number(limit)))
}

/// Journeys that take more on one store than was committed.
pub fn journeys(committed: &Measured, new: &Measured, store: Store) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for path in [Path::Fargate, Path::Lambda] {
        for journey in committed.journeys.keys() {
            for (quantity, of, growth) in QUANTITIES {
                let [was, is] = [committed, new].map(|measured| total(measured, journey, path, store, of));
                all.extend(excess(
                    &format!("{quantity} of {journey} on {} and {}", path.word(), store.word()),
                    is?,
                    was? * growth,
                ));
            }
        }
    }
    Ok(all)
}

fn total(measured: &Measured, journey: &str, path: Path, store: Store, of: Quantity) -> anyhow::Result<Decimal> {
    let steps = measured.journeys.get(journey).with_context(|| format!("there is no journey {journey:?}"))?;
    let counted = steps.iter().map(|step| {
        let route =
            measured.route(&step.route, path, store).filter(|route| route.path.is_some() && route.store.is_some());
        let route = route.with_context(|| format!("{} was never measured on this path and store", step.route))?;
        Ok(of(route) * step.count)
    });
    counted.sum()
}

/// Deployments on one store whose 1,000 orders cost more than the committed figures make them cost.
pub fn cost(committed: &Measured, new: &Measured, store: Store) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for deployment in Deployment::all().into_iter().filter(|deployment| deployment.store == store) {
        let [was, is] = [committed, new].map(|measured| per_thousand_orders(deployment, measured));
        let what = format!("USD for 1,000 orders on {}", deployment.name());
        all.extend(excess(&what, is?, was? * COST_GROWTH));
    }
    Ok(all)
}

/// USD for 1,000 orders in production, everything included.
fn per_thousand_orders(deployment: Deployment, measured: &Measured) -> anyhow::Result<Decimal> {
    let (profile, book) = (Profile::example(PROFILE)?, PriceBook::built_in());
    let inputs = Inputs { profile: &profile, measured, book: &book };
    let bill = estimate_environment(deployment, profile.production()?, inputs)?;
    ensure!(!profile.orders_per_month.is_zero(), "nobody orders");
    Ok(bill.total / profile.orders_per_month * dec!(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(read_units: Decimal, response_bytes: Decimal) -> Measured {
        let mut measured = Measured::built_in();
        let mut routes = Vec::new();
        for path in [Path::Fargate, Path::Lambda] {
            for route in measured.routes.iter().filter(|route| route.path.is_none_or(|of| of == path)) {
                let place = (Some(path), Some(Store::Dynamodb));
                routes.push(Route { path: place.0, store: place.1, read_units, response_bytes, ..route.clone() });
            }
        }
        measured.routes = routes;
        measured
    }

    #[test]
    fn units_may_not_grow_and_bytes_a_little() {
        let committed = measured(dec!(2), dec!(1000));
        let excesses = |new: &Measured| journeys(&committed, new, Store::Dynamodb).expect("the same routes");
        assert_eq!(excesses(&measured(dec!(2), dec!(1099))), [""; 0]);
        assert_eq!(excesses(&measured(dec!(1), dec!(10))), [""; 0]);
        let more = excesses(&measured(dec!(2.5), dec!(1000)));
        assert_eq!(more.len(), 2 * committed.journeys.len());
        assert!(more.iter().all(|excess| excess.starts_with("read units")), "{more:?}");
        let larger = excesses(&measured(dec!(2), dec!(1200)));
        assert!(larger.iter().all(|excess| excess.starts_with("response bytes")) && !larger.is_empty());
        assert!(journeys(&committed, &committed, Store::Postgresql).is_err());
    }

    #[test]
    fn counts_that_make_orders_dearer_are_told_in_money() {
        let committed = measured(dec!(2), dec!(1000));
        let excesses = |new: &Measured| cost(&committed, new, Store::Dynamodb).expect("a bill");
        assert_eq!(excesses(&committed), [""; 0]);
        // Twenty times as many reads on every route: a few dollars of some thousand.
        let dear = excesses(&measured(dec!(400), dec!(1000)));
        assert!(
            dear.iter().any(|excess| excess.starts_with("USD for 1,000 orders on lambda-dynamodb-alb")),
            "{dear:?}"
        );
        assert_eq!(excesses(&measured(dec!(0), dec!(1000))), [""; 0]);
    }
}
