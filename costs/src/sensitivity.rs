//! Which inputs move a bill: each is set to its low and its high, the others stay. Assumed inputs have a wide band, measured
//! and declared ones a narrow one; a profile may say better.

use anyhow::{bail, ensure};
use rust_decimal::{Decimal, dec};
use serde::Serialize;

use crate::deployment::{Deployment, Inputs, monthly_total};
use crate::line::Known;
use crate::measured::{Measured, Route};
use crate::profile::Profile;

/// Factors of what nobody measured.
const WIDE: [Decimal; 2] = [dec!(0.5), dec!(2)];
/// Factors of what was measured or declared.
const NARROW: [Decimal; 2] = [dec!(0.8), dec!(1.25)];

/// Sets an input to a multiple of itself.
type Apply = fn(&mut Profile, &mut Measured, Decimal);

#[derive(Debug)]
struct Input {
    /// Name in profiles and tables.
    name: &'static str,
    about: &'static str,
    from: From,
    apply: Apply,
}

/// Where an input stands.
#[derive(Debug, Clone, Copy)]
enum From {
    Profile,
    /// In the measured profile, as a time.
    Times,
    /// In the measured profile, for AWS where that was not measured.
    OnAws,
    /// In the measured profile, as units, statements or bytes.
    Counts,
    /// Nowhere: AWS does not say.
    Nobody,
}

const fn input(name: &'static str, about: &'static str, from: From, apply: Apply) -> Input {
    Input { name, about, from, apply }
}

const INPUTS: &[Input] = &[
    input("orders", "orders a month", From::Profile, |p, _, f| p.orders_per_month *= f),
    input("journeys", "journeys for one order", From::Profile, |p, _, f| {
        p.journeys_per_order.values_mut().for_each(|count| *count *= f);
    }),
    input("cpu_ms", "CPU time of a request", From::Times, |_, m, f| each(m, |r| r.cpu_ms *= f)),
    input("wall_ms", "time of a request", From::Times, |_, m, f| each(m, |r| r.wall_ms *= f)),
    input("response_bytes", "size of a response", From::Counts, |_, m, f| each(m, |r| r.response_bytes *= f)),
    input("log_bytes", "log of a request", From::Counts, |_, m, f| each(m, |r| r.log_bytes *= f)),
    input("dynamodb_units", "read and write units of a request", From::Counts, |_, m, f| {
        each(m, |route| {
            route.read_units *= f;
            route.write_units *= f;
        });
    }),
    input("sql_statements", "statements of a request", From::Counts, |_, m, f| each(m, |r| r.sql_statements *= f)),
    input("vcpu_ratio", "CPU time on a vCPU of AWS over that where it was measured", From::OnAws, |_, m, f| {
        m.on_aws.iter_mut().for_each(|aws| aws.vcpu_ratio *= f);
    }),
    input("store_ms", "way to the store, for each request to it", From::OnAws, |_, m, f| {
        m.on_aws.iter_mut().for_each(|aws| {
            aws.dynamodb_ms *= f;
            aws.postgresql_ms *= f;
        });
    }),
    input("lambda_init_ms", "INIT of a function", From::OnAws, |_, m, f| m.lambda_init_ms *= f),
    input("idle_environment_s", "how long Lambda keeps an idle environment", From::Nobody, |p, _, f| {
        p.options.idle_environment_s *= f;
    }),
    input("function_memory_mb", "memory size of a function", From::Profile, |p, _, f| {
        for environment in &mut p.environments {
            environment.stack.modules.function_memory_mb.values_mut().for_each(|memory| *memory *= f);
        }
    }),
    input("target_utilization", "CPU use that target tracking holds", From::Profile, |p, _, f| {
        for environment in &mut p.environments {
            let percent = &mut environment.stack.modules.cpu_percent;
            *percent = (*percent * f).min(Decimal::ONE_HUNDRED);
        }
    }),
    input("burst", "busiest minute over its hour", From::Profile, |p, _, f| p.options.burst *= f),
    input("minimum_tasks", "minimum tasks of a service, whole", From::Profile, |p, _, f| {
        for environment in &mut p.environments {
            environment.scale_least(f);
        }
    }),
    input("requests_per_connection", "requests on one connection", From::Profile, |p, _, f| {
        p.options.requests_per_connection *= f;
    }),
    input("deploys_per_month", "deployments", From::Profile, |p, _, f| p.options.deploys_per_month *= f),
    input("data_gb", "data in the store", From::Profile, |p, _, f| p.data_gb *= f),
    input("images_per_journey", "images that a browser loads", From::Profile, |p, _, f| p.images_per_journey *= f),
];

fn each(measured: &mut Measured, change: impl Fn(&mut Route)) {
    measured.routes.iter_mut().for_each(change);
}

impl Input {
    fn known(&self, measured: &Measured) -> Known {
        match self.from {
            From::Profile => Known::Declared,
            From::Times => measured.confidence,
            From::OnAws => measured.times(),
            From::Counts => measured.counts(),
            From::Nobody => Known::Assumed,
        }
    }

    fn band(&self, profile: &Profile, measured: &Measured) -> [Decimal; 2] {
        let said = profile.uncertainty.get(self.name).copied();
        said.unwrap_or(if self.known(measured) == Known::Assumed { WIDE } else { NARROW })
    }

    /// Profile and measurement with this input times `factor`.
    fn times(&self, profile: &Profile, measured: &Measured, factor: Decimal) -> (Profile, Measured) {
        let (mut profile, mut measured) = (profile.clone(), measured.clone());
        (self.apply)(&mut profile, &mut measured, factor);
        (profile, measured)
    }
}

/// Profile and measurement with each input but the load at its low and at its high.
pub fn variations(inputs: Inputs<'_>) -> Vec<(&'static str, Profile, Measured)> {
    let Inputs { profile, measured, .. } = inputs;
    let of = |input: &'static Input| {
        input.band(profile, measured).map(|factor| {
            let (profile, measured) = input.times(profile, measured, factor);
            (input.name, profile, measured)
        })
    };
    INPUTS.iter().filter(|input| input.name != "orders").flat_map(of).collect()
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Swing {
    pub input: &'static str,
    pub about: &'static str,
    pub known: Known,
    pub low_factor: Decimal,
    pub high_factor: Decimal,
    pub low_total: Decimal,
    pub high_total: Decimal,
}

impl Swing {
    pub fn width(&self) -> Decimal {
        (self.high_total - self.low_total).abs()
    }
}

/// Swings of a deployment's bill over all environments, widest first.
pub fn sensitivity(deployment: Deployment, inputs: Inputs<'_>) -> anyhow::Result<Vec<Swing>> {
    check(inputs.profile)?;
    let mut swings = Vec::new();
    for input in INPUTS {
        let [low_factor, high_factor] = input.band(inputs.profile, inputs.measured);
        let total = |factor| {
            let (profile, measured) = input.times(inputs.profile, inputs.measured, factor);
            monthly_total(deployment, Inputs { profile: &profile, measured: &measured, book: inputs.book })
        };
        swings.push(Swing {
            input: input.name,
            about: input.about,
            known: input.known(inputs.measured),
            low_factor,
            high_factor,
            low_total: total(low_factor)?,
            high_total: total(high_factor)?,
        });
    }
    swings.sort_by_key(|swing| std::cmp::Reverse(swing.width()));
    Ok(swings)
}

/// Names in `uncertainty` are inputs, and a band has its low before its high.
pub fn check(profile: &Profile) -> anyhow::Result<()> {
    let known: Vec<&str> = INPUTS.iter().map(|input| input.name).collect();
    for (name, [low, high]) in &profile.uncertainty {
        if !known.contains(&name.as_str()) {
            let hint = crate::services::closest(name, &known);
            bail!("uncertainty has {name:?}, which is no input{hint}");
        }
        ensure!(!low.is_zero() && low <= high, "uncertainty of {name:?} is not [low, high] above zero");
    }
    Ok(())
}
