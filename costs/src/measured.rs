//! The measured profile: what each route of the shop takes, on each path and store. `costs measure` writes it; what nobody has
//! measured is an assumption, and says so.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context as _, bail, ensure};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::deployment::{Path, Store};
use crate::line::Known;
use crate::number;
use crate::profile::check_numbers;

#[expect(clippy::expect_used, reason = "tests read the file that is compiled in")]
static BUILT_IN: LazyLock<Measured> =
    LazyLock::new(|| Measured::read(include_str!("../data/measured.json")).expect("the built-in measured profile"));

/// Everything that was measured in one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Format of the file, 1.
    pub schema: u32,
    /// How times and memory of the routes are known: `measured`, or `assumed` while nobody has.
    pub confidence: Known,
    /// How units, statements and bytes are known, which are the same on any machine; as the rest when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Known>,
    /// Day of the measurement, ISO 8601.
    pub date: String,
    /// What it was taken on: processor, memory, operating system.
    pub machine: String,
    /// Commit and build profile.
    pub build: String,
    /// Differences between the machine and AWS; not given for a measurement that was taken there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_aws: Option<OnAws>,
    /// INIT of a function, ms.
    #[serde(serialize_with = "number::shortest")]
    pub lambda_init_ms: Decimal,
    /// From the order to start a task until it serves, s.
    #[serde(serialize_with = "number::shortest")]
    pub task_start_s: Decimal,
    /// Image of a task, GB.
    #[serde(serialize_with = "number::shortest")]
    pub image_gb: Decimal,
    /// One entry for each route, path and store that differ.
    pub routes: Vec<Route>,
    /// Requests of one journey of a shopper.
    pub journeys: BTreeMap<String, Vec<Step>>,
}

/// What differs between the machine of a measurement and AWS. Always assumed: whoever measures on AWS needs none of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnAws {
    /// CPU time on a vCPU of AWS over that on the machine.
    #[serde(serialize_with = "number::shortest")]
    pub vcpu_ratio: Decimal,
    /// One request to `DynamoDB`, ms beyond what the engine on the machine took. AWS promises single-digit milliseconds.
    #[serde(serialize_with = "number::shortest")]
    pub dynamodb_ms: Decimal,
    /// One statement to RDS, ms beyond what a server on the machine took: a round trip between availability zones, of which
    /// 0.3 to 1.5 ms are published.
    #[serde(serialize_with = "number::shortest")]
    pub postgresql_ms: Decimal,
}

/// Means of one route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Method and pattern: `GET /products/{handle}`.
    pub route: String,
    /// The Lambda function that serves it: `storefront`.
    pub function: String,
    /// The path it was measured on; both when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Path>,
    /// The store it was measured on; both when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Store>,
    /// CPU time, ms of one vCPU.
    #[serde(serialize_with = "number::shortest")]
    pub cpu_ms: Decimal,
    /// Time of the handler, ms, store included, as it was where it was measured.
    #[serde(serialize_with = "number::shortest")]
    pub wall_ms: Decimal,
    /// Peak resident memory of the process, MB.
    #[serde(serialize_with = "number::shortest")]
    pub memory_mb: Decimal,
    /// Bytes of the request.
    #[serde(serialize_with = "number::shortest")]
    pub request_bytes: Decimal,
    /// Bytes of the response.
    #[serde(serialize_with = "number::shortest")]
    pub response_bytes: Decimal,
    /// Requests to `DynamoDB`.
    #[serde(serialize_with = "number::shortest", default)]
    pub store_requests: Decimal,
    /// Consumed read units of `DynamoDB`.
    #[serde(serialize_with = "number::shortest")]
    pub read_units: Decimal,
    /// Consumed write units of `DynamoDB`.
    #[serde(serialize_with = "number::shortest")]
    pub write_units: Decimal,
    /// Statements on `PostgreSQL`.
    #[serde(serialize_with = "number::shortest")]
    pub sql_statements: Decimal,
    /// Bytes that the process logs.
    #[serde(serialize_with = "number::shortest")]
    pub log_bytes: Decimal,
}

/// So many requests of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Method and pattern.
    pub route: String,
    /// Requests in one journey, on average.
    #[serde(serialize_with = "number::shortest")]
    pub count: Decimal,
}

impl Measured {
    /// The file that comes with the program.
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// For what is no such file, negative numbers, and journeys over routes that nobody measured.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        let measured: Self = serde_json::from_str(text).context("the measured profile cannot be read")?;
        ensure!(measured.schema == 1, "the measured profile: schema {} is not known, only 1", measured.schema);
        check_numbers("", &serde_json::to_value(&measured)?)?;
        let ratio = measured.on_aws.map_or(Decimal::ONE, |aws| aws.vcpu_ratio);
        ensure!(!ratio.is_zero(), "the measured profile: on_aws needs a vcpu_ratio above zero");
        for (journey, steps) in &measured.journeys {
            let unknown = |step: &&Step| !measured.routes.iter().any(|route| route.route == step.route);
            if let Some(step) = steps.iter().find(unknown) {
                bail!("the measured profile: journey {journey:?} goes over {:?}, which is no route", step.route);
            }
        }
        Ok(measured)
    }

    /// How units, statements and bytes are known.
    pub fn counts(&self) -> Known {
        self.counts.unwrap_or(self.confidence)
    }

    /// How what hangs on times on AWS is known, INIT, start and image of a task included: where a vCPU and the way to the store
    /// are assumed, so are these.
    pub fn times(&self) -> Known {
        if self.on_aws.is_some() { Known::Assumed } else { self.confidence }
    }

    /// CPU time of a route on a vCPU of AWS, ms.
    pub fn cpu_ms(&self, route: &Route) -> Decimal {
        self.on_aws.map_or(route.cpu_ms, |aws| route.cpu_ms * aws.vcpu_ratio)
    }

    /// Time of a route on AWS in which its CPU does nothing, ms: as measured, and the way to the store for each request to it,
    /// one after another.
    pub fn wait_ms(&self, route: &Route) -> Decimal {
        let way = |aws: OnAws| route.store_requests * aws.dynamodb_ms + route.sql_statements * aws.postgresql_ms;
        // A route may have worked on two cores at once.
        (route.wall_ms - route.cpu_ms + self.on_aws.map_or(Decimal::ZERO, way)).max(Decimal::ZERO)
    }

    /// Time of a route on a whole vCPU of AWS, ms.
    pub fn wall_ms(&self, route: &Route) -> Decimal {
        self.cpu_ms(route) + self.wait_ms(route)
    }

    /// How its figures are known, when and where they were taken:
    /// `counts measured, times measured but for a vCPU of AWS and the way to its stores, 2026-11-24 (x86_64, 2 cores)`.
    pub fn about(&self) -> String {
        let (counts, times) = (self.counts().word(), self.confidence.word());
        let but = if self.on_aws.is_some() { " but for a vCPU of AWS and the way to its stores" } else { "" };
        format!("counts {counts}, times {times}{but}, {} ({})", self.date, self.machine)
    }

    /// The file, with one line for each route.
    ///
    /// # Errors
    /// When a number cannot be written.
    pub fn to_text(&self) -> anyhow::Result<String> {
        let routes: Vec<_> = self.routes.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let rest = serde_json::to_string_pretty(&Self { routes: Vec::new(), ..self.clone() })?;
        let routes = format!("\"routes\": [\n    {}\n  ]", routes.join(",\n    "));
        Ok(rest.replacen("\"routes\": []", &routes, 1) + "\n")
    }

    /// The closest entry for a route: of this path and store, else of one of them, else of neither.
    pub fn route(&self, name: &str, path: Path, store: Store) -> Option<&Route> {
        let fits = |route: &&Route| {
            route.route == name && route.path.is_none_or(|of| of == path) && route.store.is_none_or(|of| of == store)
        };
        let exact = |route: &&Route| u8::from(route.path.is_some()) + u8::from(route.store.is_some());
        self.routes.iter().filter(fits).max_by_key(exact)
    }
}
