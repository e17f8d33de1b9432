//! The live page `/_front-door`: both runtimes side by side, computed from the requests that pass through. It exists
//! only on the laptop.

mod prices;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shopease_shared::http::routes::Area;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Runtime;
use crate::alb::{Pair, Weights};
use crate::lambda::{Ending, Environments, Function, Meter, Observer, Report};
use crate::server::{self, Body};
use window::Window;

/// Path of the page.
pub const PATH: &str = "/_front-door";
/// Whether a path is the live page or below it.
pub(crate) fn owns(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Update interval of the page.
const TICK: Duration = Duration::from_secs(1);
/// Output lines kept, to be printed when an invocation fails.
const LINES: usize = 50;
/// Largest body of a weight change.
const MAX_CHANGE_BYTES: usize = 1024;

/// One request that passed through the load balancer.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The runtime that served it.
    pub runtime: Runtime,
    /// The area of its rule.
    pub area: Area,
    /// Status of the response.
    pub status: u16,
    /// From the request's header to the response's header.
    pub elapsed: Duration,
    /// The init phase that it waited for.
    pub init: Option<Duration>,
}

/// The state behind the page.
pub struct Live {
    begun: Instant,
    store: String,
    weights: Arc<Weights>,
    print_lines: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runtimes: BTreeMap<Runtime, Counts>,
    areas: BTreeMap<(Area, Runtime), u64>,
    functions: BTreeMap<Area, Arc<Function>>,
    memory: BTreeMap<String, u64>,
    tasks: BTreeMap<String, Task>,
    /// Last lines printed by functions: function, environment, line.
    lines: VecDeque<(String, u64, String)>,
}

/// Counters of one runtime.
#[derive(Default)]
struct Counts {
    requests: u64,
    errors: u64,
    cold_starts: u64,
    cost_usd: f64,
    /// Milliseconds that Lambda billed; always 0 for Fargate.
    billed_ms: u64,
    window: Window,
}

/// A task of the ECS services.
struct Task {
    meter: Meter,
    healthy: bool,
    cpu: Option<(Instant, Duration)>,
    cpu_percent: Option<f64>,
}

impl Live {
    /// Creates the state without any requests.
    pub fn new(store: String, weights: Arc<Weights>, print_lines: bool) -> Self {
        Self { begun: Instant::now(), store, weights, print_lines, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the functions whose environments are shown.
    pub fn watch_functions(&self, functions: BTreeMap<Area, Arc<Function>>) {
        self.state().functions = functions;
    }

    /// Adds a task, or replaces the one of the same name.
    pub fn watch_task(&self, name: &str, pid: u32) {
        let task = Task { meter: Meter::watch(pid), healthy: true, cpu: None, cpu_percent: None };
        self.state().tasks.insert(name.to_owned(), task);
    }

    /// Records the result of a health check.
    pub fn set_health(&self, task: &str, healthy: bool) {
        if let Some(task) = self.state().tasks.get_mut(task) {
            if task.healthy != healthy {
                eprintln!("front-door: the task is now {}", if healthy { "healthy" } else { "unhealthy" });
            }
            task.healthy = healthy;
        }
    }

    /// Records a request.
    pub fn sample(&self, sample: &Sample) {
        let mut state = self.state();
        *state.areas.entry((sample.area, sample.runtime)).or_default() += 1;
        let counts = state.runtimes.entry(sample.runtime).or_default();
        counts.requests += 1;
        counts.errors += u64::from(sample.status >= 500);
        counts.cold_starts += u64::from(sample.init.is_some());
        counts.window.add(Instant::now(), sample);
    }

    /// Handles a request below [`PATH`].
    pub(crate) async fn serve(self: &Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().strip_prefix(PATH).unwrap_or_default().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::GET, "") => {
                server::response(StatusCode::OK, "text/html; charset=utf-8", include_str!("page.html"))
            }
            (&Method::GET, "/state") => {
                server::response(StatusCode::OK, "application/json", self.snapshot().to_string())
            }
            (&Method::GET, "/events") => self.events(),
            (&Method::POST, "/weights") => self.change(request).await,
            (_, "" | "/state" | "/events" | "/weights") => {
                problem(StatusCode::METHOD_NOT_ALLOWED, "the resource does not support this method")
            }
            _ => problem(
                StatusCode::NOT_FOUND,
                "the front door serves /_front-door and, below it, /state, /events, and /weights",
            ),
        }
    }

    /// Server-sent events: one snapshot per second.
    fn events(self: &Arc<Self>) -> Response<Body> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stream = futures_util::stream::unfold((ticks, Arc::clone(self)), |(mut ticks, live)| async {
            ticks.tick().await;
            let mut event = String::new();
            // Writing to a String cannot fail.
            let _ = write!(event, "data: {}\n\n", live.snapshot());
            Some((Bytes::from(event), (ticks, live)))
        });
        let frames = stream.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
        let mut response = Response::new(StreamBody::new(frames).map_err(|never| match never {}).boxed_unsync());
        for (name, value) in [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")] {
            response.headers_mut().insert(name, header::HeaderValue::from_static(value));
        }
        response
    }

    /// Changes weights: `{"area": "cart", "fargate": 90, "lambda": 10}`; without `area`, of all areas.
    async fn change(&self, request: Request<Incoming>) -> Response<Body> {
        if !is_own_page(request.headers()) {
            return problem(StatusCode::FORBIDDEN, "cross-site request rejected");
        }
        let Ok(body) = Limited::new(request.into_body(), MAX_CHANGE_BYTES).collect().await else {
            return problem(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large");
        };
        let change: Change = match serde_json::from_slice(&body.to_bytes()) {
            Ok(change) => change,
            Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let area = match change.area.as_deref().map(|name| Area::ALL.into_iter().find(|area| area.name() == name)) {
            Some(None) => return problem(StatusCode::UNPROCESSABLE_ENTITY, "the area does not exist"),
            Some(area) => area,
            None => None,
        };
        let [fargate, lambda] = [change.fargate, change.lambda].map(|weight| u16::try_from(weight).unwrap_or(u16::MAX));
        match self.weights.set(area, Pair { fargate, lambda }) {
            Ok(()) => server::response(StatusCode::OK, "application/json", self.snapshot().to_string()),
            Err(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
        }
    }

    fn snapshot(&self) -> serde_json::Value {
        let now = Instant::now();
        let mut state = self.state();
        let state = &mut *state;
        let tasks: Vec<_> = state.tasks.iter_mut().map(|(name, task)| task.snapshot(name, now)).collect();
        let task_count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
        let uptime = now.duration_since(self.begun);
        let runtimes: BTreeMap<_, _> = Runtime::ALL
            .into_iter()
            .map(|runtime| {
                let counts = state.runtimes.entry(runtime).or_default();
                let window = counts.window.summary(now);
                let (total, last_minute) = match runtime {
                    Runtime::Lambda => (counts.cost_usd, window.cost_usd),
                    Runtime::Fargate => {
                        let seconds = window.seconds.min(uptime.as_secs_f64());
                        (
                            prices::fargate_usd(task_count, uptime.as_secs_f64()),
                            prices::fargate_usd(task_count, seconds),
                        )
                    }
                };
                let requests = window.requests;
                let snapshot = json!({
                    "requests": counts.requests,
                    "errors": counts.errors,
                    "cold_starts": counts.cold_starts,
                    "billed_ms": counts.billed_ms,
                    "cost_usd": total,
                    // Without requests there is no cost per request, but there may be a total cost.
                    "cost_usd_per_1000_requests": (requests > 0).then(|| last_minute / f64::from(requests) * 1000.0),
                    "last_minute": window,
                });
                (runtime, snapshot)
            })
            .collect();
        let areas: Vec<_> = Area::ALL
            .into_iter()
            .map(|area| {
                let function = state.functions.get(&area);
                AreaSnapshot {
                    name: area.name(),
                    weights: self.weights.get(area),
                    fargate_requests: state.areas.get(&(area, Runtime::Fargate)).copied().unwrap_or_default(),
                    lambda_requests: state.areas.get(&(area, Runtime::Lambda)).copied().unwrap_or_default(),
                    environments: function.map(|function| function.environments()),
                    concurrency: function.map(|function| function.settings().concurrency),
                    memory_mb: function.map(|function| function.settings().memory_mb),
                    max_memory_bytes: state.memory.get(area.name()).copied(),
                }
            })
            .collect();
        json!({
            "uptime_seconds": uptime.as_secs(),
            "store": self.store,
            "runtimes": runtimes,
            "areas": areas,
            "tasks": tasks,
            "prices": prices::table(),
        })
    }
}

/// A row of the page.
#[derive(Serialize)]
struct AreaSnapshot {
    name: &'static str,
    weights: Pair,
    fargate_requests: u64,
    lambda_requests: u64,
    environments: Option<Environments>,
    concurrency: Option<usize>,
    memory_mb: Option<u32>,
    max_memory_bytes: Option<u64>,
}

/// A change of weights.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    area: Option<String>,
    fargate: u32,
    lambda: u32,
}

impl Task {
    fn snapshot(&mut self, name: &str, now: Instant) -> serde_json::Value {
        let usage = self.meter.read();
        if let Some(cpu) = usage.cpu {
            if let Some((then, before)) = self.cpu
                && now > then
            {
                let busy = cpu.saturating_sub(before).as_secs_f64();
                self.cpu_percent = Some(busy / now.duration_since(then).as_secs_f64() * 100.0);
            }
            // Several pages may be open; a new reading is taken only after most of a second.
            if self.cpu.is_none_or(|(then, _)| now.duration_since(then) > TICK / 2) {
                self.cpu = Some((now, cpu));
            }
        }
        json!({
            "name": name,
            "healthy": self.healthy,
            "max_memory_bytes": usage.max_memory_bytes,
            "cpu_percent": self.cpu_percent,
        })
    }
}

impl Observer for Live {
    fn report(&self, report: &Report) {
        let cost = prices::lambda_usd(report.billed_ms(), report.memory_mb);
        {
            let mut state = self.state();
            if let Some(bytes) = report.max_memory_bytes {
                let most = state.memory.entry(report.function.clone()).or_default();
                *most = bytes.max(*most);
            }
            let counts = state.runtimes.entry(Runtime::Lambda).or_default();
            counts.cost_usd += cost;
            counts.billed_ms += report.billed_ms();
            counts.window.add_cost(Instant::now(), cost);
        }
        if !self.print_lines && report.ending != Ending::Success {
            let of_environment = |(function, environment, _): &&(String, u64, String)| {
                (function, *environment) == (&report.function, report.environment)
            };
            for (function, environment, line) in self.state().lines.iter().filter(of_environment) {
                println!("[{function} {environment}] {line}");
            }
        }
        if self.print_lines || report.ending != Ending::Success {
            println!("[{} {}] {report}", report.function, report.environment);
        }
    }

    fn line(&self, function: &str, environment: u64, line: &str) {
        if self.print_lines {
            println!("[{function} {environment}] {line}");
            return;
        }
        let lines = &mut self.state().lines;
        lines.push_back((function.to_owned(), environment, line.to_owned()));
        if lines.len() > LINES {
            lines.pop_front();
        }
    }
}

/// Browsers send the origin of a request; other programs do not.
fn is_own_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    site.is_none_or(|site| site == "same-origin") && origin.is_none_or(|origin| origin == format!("http://{host}"))
}

fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let body = json!({ "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail });
    server::response(status, "application/problem+json", body.to_string())
}
