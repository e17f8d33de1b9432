//! Whether the shop takes more than was committed. Counts, and what they cost in money, depend neither on the machine's speed nor on
//! settings, so any machine can check them; sizes are those of optimized binaries, and times and memory those of the machine that
//! the committed file names.

use std::path::Path as File;

use anyhow::{Context as _, ensure};
use rust_decimal::{Decimal, dec};
use serde::Deserialize;

use crate::deployment::{Deployment, Inputs, Path, Store, estimate_environment};
use crate::measured::{Measured, Route};
use crate::number;
use crate::price_book::PriceBook;
use crate::profile::Profile;

const BUILT_IN: &str = include_str!("../../data/limits.json");

/// The profile whose production bill is compared: large enough for use, and not minimum sizes, to decide.
const PROFILE: &str = "large-shop";

/// A figure of a route.
type Quantity = fn(&Route) -> Decimal;

/// What may not grow at all.
const COUNTS: [(&str, Quantity); 4] = [
    ("requests to DynamoDB", |route| route.store_requests),
    ("read units", |route| route.read_units),
    ("write units", |route| route.write_units),
    ("SQL statements", |route| route.sql_statements),
];

/// What may grow a little: texts change all the time.
const BYTES: [(&str, Quantity); 2] =
    [("response bytes", |route| route.response_bytes), ("log bytes", |route| route.log_bytes)];

/// How far the shop may grow.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// For people.
    #[serde(default)]
    pub about: String,
    /// Factor of a journey's bytes.
    #[serde(with = "number")]
    pub bytes_growth: Decimal,
    /// Factor of what 1,000 orders cost in production.
    #[serde(with = "number")]
    pub cost_per_thousand_orders_growth: Decimal,
    /// Most that a function's optimized binary may be, MB.
    #[serde(with = "number")]
    pub function_mb: Decimal,
    /// The same for the server, MB.
    #[serde(with = "number")]
    pub server_mb: Decimal,
    /// Longest INIT of a function, ms.
    #[serde(with = "number")]
    pub lambda_init_ms: Decimal,
    /// Most memory of a process, MB.
    #[serde(with = "number")]
    pub memory_mb: Decimal,
}

impl Limits {
    /// Those that come with the program, or those of a file.
    ///
    /// # Errors
    /// When it is no such file.
    pub fn read(file: Option<&File>) -> anyhow::Result<Self> {
        let Some(file) = file else { return Ok(serde_json::from_str(BUILT_IN)?) };
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        serde_json::from_str(&text).with_context(|| file.display().to_string())
    }
}

/// Something that has grown beyond its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// What: `read units of checkout on Fargate and DynamoDB`.
    pub what: String,
    /// As it is.
    pub is: Decimal,
    /// The most that it may be.
    pub limit: Decimal,
}

impl std::fmt::Display for Excess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}, at most {}", self.what, self.is.round_dp(4).normalize(), self.limit.round_dp(4).normalize())
    }
}

fn excess(what: impl Into<String>, is: Decimal, limit: Decimal) -> Option<Excess> {
    (is > limit).then(|| Excess { what: what.into(), is, limit })
}

/// Journeys that take more on one store than was committed.
///
/// # Errors
/// When a journey goes over a route that one of the two does not have for this path and store.
pub fn journeys(committed: &Measured, new: &Measured, store: Store, limits: &Limits) -> anyhow::Result<Vec<Excess>> {
    let factors = COUNTS.map(|(name, of)| (name, of, Decimal::ONE));
    let bytes = BYTES.map(|(name, of)| (name, of, limits.bytes_growth));
    let mut all = Vec::new();
    for path in [Path::Fargate, Path::Lambda] {
        for journey in committed.journeys.keys() {
            for (quantity, of, factor) in factors.iter().chain(&bytes) {
                let was = total(committed, journey, path, store, *of)?;
                let is = total(new, journey, path, store, *of)?;
                all.extend(excess(format!("{quantity} of {journey} on {path:?} and {store:?}"), is, was * factor));
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
///
/// # Errors
/// When there is no bill.
pub fn cost(committed: &Measured, new: &Measured, store: Store, limits: &Limits) -> anyhow::Result<Vec<Excess>> {
    let mut all = Vec::new();
    for deployment in Deployment::all().into_iter().filter(|deployment| deployment.store == store) {
        let [was, is] = [per_thousand_orders(deployment, committed)?, per_thousand_orders(deployment, new)?];
        let what = format!("USD for 1,000 orders on {}", deployment.name());
        all.extend(excess(what, is, was * limits.cost_per_thousand_orders_growth));
    }
    Ok(all)
}

/// USD for 1,000 orders in production, everything included.
///
/// # Errors
/// When there is no bill.
pub fn per_thousand_orders(deployment: Deployment, measured: &Measured) -> anyhow::Result<Decimal> {
    let (profile, book) = (Profile::example(PROFILE)?, PriceBook::built_in());
    let production = profile.production()?;
    let inputs = Inputs { profile: &profile, measured, book: &book };
    let bill = estimate_environment(deployment, production, inputs)?;
    ensure!(!profile.orders_per_month.is_zero(), "nobody orders");
    Ok(bill.total / profile.orders_per_month * dec!(1000))
}

/// Optimized binaries that are too large.
///
/// # Errors
/// When one is missing.
pub fn sizes(binaries: &File, measured: &Measured, limits: &Limits) -> anyhow::Result<Vec<Excess>> {
    let mut functions: Vec<&str> = measured.routes.iter().map(|route| &*route.function).collect();
    functions.sort_unstable();
    functions.dedup();
    let server = std::iter::once(("shopease", limits.server_mb));
    let mut all = Vec::new();
    for (name, limit) in functions.into_iter().map(|name| (name, limits.function_mb)).chain(server) {
        let file = binaries.join(name);
        let bytes = std::fs::metadata(&file).with_context(|| file.display().to_string())?.len();
        all.extend(excess(format!("MB of {name}"), Decimal::from(bytes) / dec!(1_000_000), limit));
    }
    Ok(all)
}

/// Times and memory beyond their limits; only of figures that somebody measured.
pub fn speed(new: &Measured, limits: &Limits) -> Vec<Excess> {
    let memory = new.routes.iter().map(|route| route.memory_mb).max().unwrap_or_default();
    let init = excess("ms of INIT", new.lambda_init_ms, limits.lambda_init_ms);
    init.into_iter().chain(excess("MB of memory", memory, limits.memory_mb)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::read(None).expect("the built-in file")
    }

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
        let excesses = |new: &Measured| journeys(&committed, new, Store::Dynamodb, &limits()).expect("the same routes");
        assert_eq!(excesses(&measured(dec!(2), dec!(1099))), []);
        assert_eq!(excesses(&measured(dec!(1), dec!(10))), []);
        let more = excesses(&measured(dec!(2.5), dec!(1000)));
        assert_eq!(more.len(), 2 * committed.journeys.len());
        assert!(more.iter().all(|excess| excess.what.starts_with("read units") && excess.is > excess.limit));
        let larger = excesses(&measured(dec!(2), dec!(1200)));
        assert!(larger.iter().all(|excess| excess.what.starts_with("response bytes")) && !larger.is_empty());
        assert!(journeys(&committed, &committed, Store::Postgresql, &limits()).is_err());
    }

    #[test]
    fn counts_that_make_orders_dearer_are_told_in_money() {
        let committed = measured(dec!(2), dec!(1000));
        assert_eq!(cost(&committed, &committed, Store::Dynamodb, &limits()).expect("a bill"), []);
        // Twenty times as many reads on every route: a few dollars of some thousand.
        let dear = cost(&committed, &measured(dec!(400), dec!(1000)), Store::Dynamodb, &limits()).expect("a bill");
        assert!(dear.iter().any(|excess| excess.what == "USD for 1,000 orders on lambda-dynamodb-alb"), "{dear:?}");
        let lean = measured(dec!(0), dec!(1000));
        assert_eq!(cost(&committed, &lean, Store::Dynamodb, &limits()).expect("a bill"), []);
    }

    #[test]
    fn a_large_binary_a_slow_start_and_much_memory_are_told() {
        let mut new = measured(dec!(2), dec!(1000));
        assert_eq!(speed(&new, &limits()), []);
        (new.lambda_init_ms, new.routes[0].memory_mb) = (dec!(121), dec!(129));
        assert_eq!(speed(&new, &limits()).len(), 2);
        let directory = tempfile::tempdir().expect("a directory");
        assert!(sizes(directory.path(), &new, &limits()).is_err(), "a missing binary is not small");
        for name in ["storefront", "catalog", "cart", "checkout", "accounts", "admin", "worker", "shopease"] {
            let file = std::fs::File::create(directory.path().join(name)).expect("a file");
            file.set_len(if name == "cart" { 22_000_001 } else { 1000 }).expect("a sparse file");
        }
        let large = sizes(directory.path(), &new, &limits()).expect("all are there");
        assert_eq!(large.iter().map(|excess| &*excess.what).collect::<Vec<_>>(), ["MB of cart"]);
    }
}
