//! The measured profile: what each route of the shop takes, on each path and store. `costs measure` writes it; what nobody has
//! measured is an assumption, and says so.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::deployment::{Path, Store};
use crate::line::Known;
use crate::number;

const BUILT_IN: &str = include_str!("../data/measured.json");

/// Everything that was measured in one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Format of the file, 1.
    pub schema: u32,
    /// How times, memory and sizes are known: `measured`, or `assumed` while nobody has.
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
    /// INIT of a function, ms.
    #[serde(with = "number")]
    pub lambda_init_ms: Decimal,
    /// From the order to start a task until it serves, s.
    #[serde(with = "number")]
    pub task_start_s: Decimal,
    /// Image of a task, GB.
    #[serde(with = "number")]
    pub image_gb: Decimal,
    /// One entry for each route, path and store that differ.
    pub routes: Vec<Route>,
    /// Requests of one journey of a shopper.
    pub journeys: BTreeMap<String, Vec<Step>>,
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
    #[serde(with = "number")]
    pub cpu_ms: Decimal,
    /// Time of the handler, ms, store included.
    #[serde(with = "number")]
    pub wall_ms: Decimal,
    /// Peak resident memory of the process, MB.
    #[serde(with = "number")]
    pub memory_mb: Decimal,
    /// Bytes of the request.
    #[serde(with = "number")]
    pub request_bytes: Decimal,
    /// Bytes of the response.
    #[serde(with = "number")]
    pub response_bytes: Decimal,
    /// Consumed read units of `DynamoDB`.
    #[serde(with = "number")]
    pub read_units: Decimal,
    /// Consumed write units of `DynamoDB`.
    #[serde(with = "number")]
    pub write_units: Decimal,
    /// Statements on `PostgreSQL`.
    #[serde(with = "number")]
    pub sql_statements: Decimal,
    /// Bytes that the process logs.
    #[serde(with = "number")]
    pub log_bytes: Decimal,
}

/// So many requests of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Method and pattern.
    pub route: String,
    /// Requests in one journey, on average.
    #[serde(with = "number")]
    pub count: Decimal,
}

/// Why a measured profile cannot be used.
#[derive(Debug, Error)]
pub enum MeasuredError {
    /// Not this format.
    #[error("the measured profile cannot be read")]
    Json(#[from] serde_json::Error),
    /// It contradicts itself.
    #[error("the measured profile: {0}")]
    Broken(String),
}

impl Measured {
    /// The file that comes with the program.
    ///
    /// # Errors
    /// Never for a build whose tests pass.
    pub fn built_in() -> Result<Self, MeasuredError> {
        Self::read(BUILT_IN)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`MeasuredError`] for what is no such file, negative numbers, and journeys over routes that nobody measured.
    pub fn read(text: &str) -> Result<Self, MeasuredError> {
        let measured: Self = serde_json::from_str(text)?;
        let broken = |problem: String| Err(MeasuredError::Broken(problem));
        if measured.schema != 1 {
            return broken(format!("schema {} is not known, only 1", measured.schema));
        }
        for route in &measured.routes {
            let numbers = [route.cpu_ms, route.wall_ms, route.memory_mb, route.request_bytes, route.response_bytes];
            let more = [route.read_units, route.write_units, route.sql_statements, route.log_bytes];
            if numbers.iter().chain(&more).any(|number| *number < Decimal::ZERO) {
                return broken(format!("{} has a negative number", route.route));
            }
        }
        for (journey, steps) in &measured.journeys {
            for step in steps {
                if !measured.routes.iter().any(|route| route.route == step.route) {
                    return broken(format!("journey {journey:?} goes over {:?}, which is no route", step.route));
                }
            }
        }
        Ok(measured)
    }

    /// How units, statements and bytes are known.
    pub fn counts(&self) -> Known {
        self.counts.unwrap_or(self.confidence)
    }

    /// How its figures are known, when and where they were taken: `counts measured, times assumed, 2026-11-24 (x86_64, 2 cores)`.
    pub fn about(&self) -> String {
        let (counts, times) = (self.counts().word(), self.confidence.word());
        format!("counts {counts}, times {times}, {} ({})", self.date, self.machine)
    }

    /// The file, with one line for each route.
    ///
    /// # Errors
    /// When a number cannot be written.
    pub fn to_text(&self) -> Result<String, MeasuredError> {
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
