//! Whether a journey takes more than what was committed: in quantities that depend neither on the machine's speed nor on settings.

use anyhow::Context as _;
use rust_decimal::{Decimal, dec};

use crate::deployment::{Path, Store};
use crate::measured::{Measured, Route};

/// By how much bytes may grow: texts change a little all the time.
const BYTES: Decimal = dec!(1.10);

/// A figure of a route.
type Quantity = fn(&Route) -> Decimal;

/// What is compared, with what it may be as a multiple of the committed figure.
const QUANTITIES: [(&str, Quantity, Decimal); 5] = [
    ("read units", |route| route.read_units, Decimal::ONE),
    ("write units", |route| route.write_units, Decimal::ONE),
    ("SQL statements", |route| route.sql_statements, Decimal::ONE),
    ("response bytes", |route| route.response_bytes, BYTES),
    ("log bytes", |route| route.log_bytes, BYTES),
];

/// A quantity of a journey that has grown too far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// The journey: `checkout`.
    pub journey: String,
    /// Where.
    pub path: Path,
    /// On what.
    pub store: Store,
    /// What: `read units`.
    pub quantity: &'static str,
    /// The committed figure for one journey.
    pub was: Decimal,
    /// The new one.
    pub is: Decimal,
}

/// What has grown further than it may, on one store.
///
/// # Errors
/// When a journey goes over a route that one of the two does not have for this path and store.
pub fn growths(committed: &Measured, new: &Measured, store: Store) -> anyhow::Result<Vec<Growth>> {
    let mut growths = Vec::new();
    for path in [Path::Fargate, Path::Lambda] {
        for journey in committed.journeys.keys() {
            for (quantity, of, factor) in QUANTITIES {
                let was = total(committed, journey, path, store, of)?;
                let is = total(new, journey, path, store, of)?;
                if is > was * factor {
                    growths.push(Growth { journey: journey.clone(), path, store, quantity, was, is });
                }
            }
        }
    }
    Ok(growths)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(read_units: Decimal, response_bytes: Decimal) -> Measured {
        let mut measured = Measured::built_in().expect("the built-in file");
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
        let same = growths(&committed, &measured(dec!(2), dec!(1099)), Store::Dynamodb).expect("the same routes");
        assert_eq!(same, []);
        let fewer = growths(&committed, &measured(dec!(1), dec!(10)), Store::Dynamodb).expect("the same routes");
        assert_eq!(fewer, []);
        let more = growths(&committed, &measured(dec!(2.5), dec!(1000)), Store::Dynamodb).expect("the same routes");
        assert_eq!(more.len(), 2 * committed.journeys.len());
        assert!(more.iter().all(|growth| growth.quantity == "read units" && growth.is > growth.was));
        let larger = growths(&committed, &measured(dec!(2), dec!(1200)), Store::Dynamodb).expect("the same routes");
        assert!(larger.iter().all(|growth| growth.quantity == "response bytes") && !larger.is_empty());
        assert!(growths(&committed, &committed, Store::Postgresql).is_err());
    }
}
