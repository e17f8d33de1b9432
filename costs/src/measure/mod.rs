//! `costs measure`: a shopper walks through the running shop, on both paths and on both stores, and every response reports what it
//! used. The shop is the real one: the front door in a process of its own, with the ECS binary and the functions' binaries.
//!
//! Counts (units, statements, bytes) do not depend on the machine, so they can be checked anywhere. Times do: they are only taken
//! over from an optimized build.

pub(crate) mod check;
mod client;
mod shop;
mod walk;

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use rust_decimal::{Decimal, dec};

pub(crate) use shop::Shop;

use crate::deployment::{Path, Store};
use crate::line::Known;
use crate::measured::{Measured, Route};
use client::Sample;

/// What is walked, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Walks that count; one before them warms up.
    pub rounds: usize,
    /// Take over only what does not depend on the machine's speed.
    pub counts_only: bool,
}

/// Measures every route of `before` on both paths of a running shop.
pub(crate) fn measure(shop: &Shop, store: Store, before: &Measured, plan: Plan) -> anyhow::Result<Vec<Route>> {
    let mut routes = Vec::new();
    for path in [Path::Fargate, Path::Lambda] {
        shop.send_all_to(path)?;
        let mut samples = BTreeMap::<String, Vec<Sample>>::new();
        for round in 0..=plan.rounds {
            for sample in walk::walk(shop, path)? {
                if round > 0 {
                    samples.entry(sample.route.clone()).or_default().push(sample);
                }
            }
        }
        for name in names(before) {
            let samples = samples.get(name).with_context(|| format!("nobody walked over {name}"))?;
            let old = before.route(name, path, store).with_context(|| format!("{name} has no function"))?;
            routes.push(route(old, path, store, samples, plan.counts_only)?);
        }
    }
    Ok(routes)
}

/// `before` with new routes in the place of those of the same path and store.
pub fn merged(before: &Measured, routes: Vec<Route>, counts_only: bool, date: &str, build: &str) -> Measured {
    let is_replaced = |old: &Route| {
        let same = |new: &Route| new.route == old.route && new.path == old.path && new.store == old.store;
        routes.iter().any(same)
    };
    let mut all: Vec<_> = before.routes.iter().filter(|old| !is_replaced(old)).cloned().collect();
    all.extend(routes);
    let mut new = Measured { counts: Some(Known::Measured), routes: all, ..before.clone() };
    // Times depend on when and where, counts do not: whoever counts again leaves the origin of times that were measured.
    if !counts_only || before.confidence != Known::Measured {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        date.clone_into(&mut new.date);
        new.machine = format!("{}, {cores} cores", std::env::consts::ARCH);
        build.clone_into(&mut new.build);
    }
    if !counts_only {
        new.confidence = Known::Measured;
    }
    new
}

fn names(measured: &Measured) -> impl Iterator<Item = &str> {
    let mut seen = std::collections::BTreeSet::new();
    measured.routes.iter().map(|route| route.route.as_str()).filter(move |name| seen.insert(*name))
}

fn route(old: &Route, path: Path, store: Store, samples: &[Sample], counts_only: bool) -> anyhow::Result<Route> {
    ensure!(!samples.is_empty(), "{} was not measured", old.route);
    // One of several requests may have met a new environment of a function, or settings that had to be read again.
    let median = |value: fn(&Sample) -> Decimal| {
        let mut values: Vec<Decimal> = samples.iter().map(value).collect();
        values.sort_unstable();
        values[values.len() / 2].round_dp(3).normalize()
    };
    let memory = samples.iter().map(|sample| sample.usage.peak_memory_bytes).max().unwrap_or_default();
    let time = |new: Decimal, old: Decimal| if counts_only { old } else { new };
    Ok(Route {
        route: old.route.clone(),
        function: old.function.clone(),
        path: Some(path),
        store: Some(store),
        cpu_ms: time(median(|sample| Decimal::from(sample.usage.cpu_us) / dec!(1000)), old.cpu_ms),
        wall_ms: time(median(|sample| sample.wall_ms), old.wall_ms),
        memory_mb: time((Decimal::from(memory) / dec!(1_000_000)).round_dp(1), old.memory_mb),
        request_bytes: median(|sample| sample.request_bytes.into()),
        response_bytes: median(|sample| sample.response_bytes.into()),
        store_requests: median(|sample| sample.usage.store_requests.into()),
        read_units: median(|sample| sample.usage.read_units),
        write_units: median(|sample| sample.usage.write_units),
        sql_statements: median(|sample| sample.usage.statements.into()),
        log_bytes: median(|sample| sample.usage.log_bytes.into()),
    })
}
