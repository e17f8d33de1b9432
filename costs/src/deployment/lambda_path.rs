//! Functions of an environment, the worker on its schedule, and their traces.

use rust_decimal::{Decimal, dec};

use super::demand::Load;
use super::sheet::float;
use super::{ARCHITECTURE, Part, Sheet};
use crate::services::Quantity;
use crate::services::lambda::{self, Lambda};
use crate::services::small::Xray;

/// One round of the worker that finds nothing, ms.
const WORKER_MS: Decimal = dec!(25);
/// Share of the requests that X-Ray records beyond the first of each second (X-Ray developer guide, "Sampling").
const SAMPLED: f64 = 0.05;

pub fn charge(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    let known = sheet.counted_known();
    let (mut requests, mut gb_seconds, mut traces) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for (name, function) in &load.functions {
        let memory_mb = sheet.function_memory_mb(name);
        // Routes are measured on a whole vCPU; a function of less memory has a part of one. A mean of times that are each rounded
        // up to whole ms is half a millisecond higher.
        let slower = function.cpu_ms * (lambda::slowdown(memory_mb) - Decimal::ONE);
        let inits = sheet.cold_starts(load).get(name).copied().unwrap_or_default();
        let ms = function.wall_ms + slower + function.requests * dec!(0.5) + inits * sheet.measured.lambda_init_ms;
        requests += function.requests;
        gb_seconds += ms / dec!(1000) * memory_mb / dec!(1024);
        traces += traced(sheet, function.requests);
    }
    let functions = Lambda {
        gb_seconds: Some(Quantity::new(gb_seconds, sheet.measured_known().max(known))),
        ..invocations(Quantity::new(requests, known))
    };
    sheet.add(Part::Compute, &functions)?;
    if sheet.worker_is_function() {
        let rounds = sheet.worker_rounds();
        let worker = Lambda {
            duration_ms: Some(Quantity::assumed(WORKER_MS)),
            memory_mb: Some(Quantity::declared(sheet.function_memory_mb("worker"))),
            ..invocations(Quantity::derived(rounds))
        };
        sheet.add(Part::Compute, &worker)?;
        traces += rounds;
    }
    if !sheet.environment.stack.modules.tracing {
        return Ok(());
    }
    sheet.add(Part::Observability, &Xray { traces_per_month: Quantity::new(traces, known) })
}

/// Invocations at on-demand prices, without the time that they take.
pub fn invocations(requests_per_month: Quantity) -> Lambda {
    Lambda {
        requests_per_month,
        duration_ms: None,
        memory_mb: None,
        gb_seconds: None,
        architecture: ARCHITECTURE,
        cold_starts: None,
        provisioned: None,
        at_edge: false,
    }
}

/// Traces of a function: the first request of each second and a twentieth of the others. At a mean rate r, a second has a request
/// with probability 1 - e^-r.
fn traced(sheet: &Sheet<'_>, requests: Decimal) -> Decimal {
    let [seconds, requests] = [sheet.hours() * dec!(3600) / dec!(24), requests].map(float);
    if requests <= 0.0 || seconds <= 0.0 {
        return Decimal::ZERO;
    }
    sheet.over_a_day(|share| {
        let requests = requests * share;
        let first = -(-requests / seconds).exp_m1() * seconds;
        first + (requests - first) * SAMPLED
    })
}
