//! `costs serve`: the report as a page whose inputs can be moved. Each move is computed by the same code that writes the report; the
//! page only puts the answer in place. It listens on the loopback interface, keeps nothing, and changes nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};

use crate::deployment::{Deployment, Inputs, Path};
use crate::measured::Measured;
use crate::number;
use crate::price_book::PriceBook;
use crate::profile::{Egress, Observability, Profile};
use crate::report::{Report, build, content, page};

/// Memory sizes that the page offers, MB.
const MEMORY_MB: [&str; 7] = ["128", "256", "512", "1024", "1769", "2048", "3008"];
/// Most orders a month that the page computes: what is simulated must end soon.
const MOST_ORDERS: u64 = 10_000_000;

/// What the page starts from.
#[derive(Debug)]
pub struct Base {
    /// The shop.
    pub profile: Profile,
    /// What its routes take.
    pub measured: Measured,
    /// Prices.
    pub book: PriceBook,
    /// What is compared.
    pub pair: [Deployment; 2],
    /// Seed of the simulation.
    pub seed: u64,
}

/// The inputs that can be moved, as a form sends them; what is missing stays as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    orders: Option<String>,
    region: Option<String>,
    memory_mb: Option<String>,
    minimum_tasks: Option<String>,
    environments: Option<String>,
    egress: Option<String>,
    observability: Option<String>,
    fargate: Option<String>,
    lambda: Option<String>,
}

/// A choice of the form.
struct Choice {
    value: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "report_form.html")]
struct Form {
    orders: String,
    slider: f64,
    minimum_tasks: String,
    regions: Vec<Choice>,
    memory: Vec<Choice>,
    environments: Vec<Choice>,
    egress: Vec<Choice>,
    observability: Vec<Choice>,
    fargate: Vec<Choice>,
    lambda: Vec<Choice>,
}

#[derive(Serialize)]
struct Answer {
    html: String,
    title: String,
    said: String,
}

/// Serves until the process ends.
///
/// # Errors
/// When the port is taken.
pub async fn serve(base: Base, port: u16) -> anyhow::Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let listener = tokio::net::TcpListener::bind(address).await.with_context(|| address.to_string())?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router(base)).await?)
}

/// The page and what computes it.
pub fn router(base: Base) -> Router {
    Router::new()
        .route("/", get(whole))
        .route("/api/bills", post(bills))
        .route("/api/report", post(moved))
        .with_state(Arc::new(base))
}

/// What a few bills are enough for, while the rest is being computed.
async fn bills(State(base): State<Arc<Base>>, Json(moved): Json<Moved>) -> Response {
    let begin = Instant::now();
    let answer = compute(base, moved, build::bills, move |report, _| {
        let said = format!("Bills in {} ms; break-even and charts follow.", begin.elapsed().as_millis());
        Ok(Answer { html: content(report)?, title: title(report), said })
    });
    respond(answer.await)
}

async fn whole(State(base): State<Arc<Base>>, Query(moved): Query<Moved>) -> Response {
    let computed = compute(base, moved, build::report, |report, form| Ok(page(report, Some(form))?)).await;
    computed.map_or_else(
        |problem| (StatusCode::UNPROCESSABLE_ENTITY, problem).into_response(),
        |html| Html(html).into_response(),
    )
}

async fn moved(State(base): State<Arc<Base>>, Json(moved): Json<Moved>) -> Response {
    let begin = Instant::now();
    let answer = compute(base, moved, build::report, move |report, _| {
        let said = format!("Computed in {:.1} s.", begin.elapsed().as_secs_f64());
        Ok(Answer { html: content(report)?, title: title(report), said })
    });
    respond(answer.await)
}

fn title(report: &Report) -> String {
    format!("{} · costs of shopease", report.subject)
}

fn respond(answer: Result<Answer, String>) -> Response {
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(detail) => {
            let problem =
                serde_json::json!({ "type": "about:blank", "title": "Not computed", "status": 422, "detail": detail });
            let kind = [("content-type", "application/problem+json")];
            (StatusCode::UNPROCESSABLE_ENTITY, kind, problem.to_string()).into_response()
        }
    }
}

/// What makes a report of a shop: all of it, or its bills.
type Build = fn([Deployment; 2], Inputs<'_>, u64) -> anyhow::Result<Report>;

/// Computes on a thread of its own, as it takes a while. The error is what people should know.
async fn compute<T: Send + 'static>(
    base: Arc<Base>,
    moved: Moved,
    build: Build,
    render: impl FnOnce(&Report, &str) -> anyhow::Result<T> + Send + 'static,
) -> Result<T, String> {
    let work = move || -> anyhow::Result<T> {
        let (profile, pair) = moved.apply(&base).map_err(anyhow::Error::msg)?;
        let inputs = Inputs { profile: &profile, measured: &base.measured, book: &base.book };
        let report = build(pair, inputs, base.seed)?;
        render(&report, &form(&base, &moved, &profile, pair).render()?)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| error.to_string())?.map_err(|error| format!("{error:#}"))
}

impl Moved {
    /// The profile and the pair that come of it.
    fn apply(&self, base: &Base) -> Result<(Profile, [Deployment; 2]), String> {
        let mut profile = base.profile.clone();
        if let Some(orders) = &self.orders {
            profile.orders_per_month = read(orders, "orders", Decimal::from(MOST_ORDERS))?;
        }
        if let Some(region) = &self.region {
            profile.region.clone_from(region);
        }
        if let Some(memory) = &self.memory_mb {
            profile.options.function_memory_mb = read(memory, "memory_mb", Decimal::from(10_240))?;
        }
        if let Some(tasks) = &self.minimum_tasks {
            let tasks = read(tasks, "minimum_tasks", Decimal::from(100))?;
            let production = profile.environments.iter_mut().filter(|environment| environment.name == "prod");
            production.for_each(|environment| environment.minimum_tasks = tasks);
        }
        if self.environments.as_deref() == Some("prod") {
            profile.environments.retain(|environment| environment.name == "prod");
        }
        if let Some(egress) = &self.egress {
            profile.options.egress = choice(egress, "egress")?;
        }
        if let Some(observability) = &self.observability {
            profile.options.observability = choice(observability, "observability")?;
        }
        let of = |name: &Option<String>, given: Deployment| match name {
            None => Ok(given),
            Some(name) => match name.parse::<Deployment>()? {
                deployment if deployment.path == given.path => Ok(deployment),
                deployment => Err(format!("{} is on the other path", deployment.name())),
            },
        };
        let pair = [of(&self.fargate, base.pair[0])?, of(&self.lambda, base.pair[1])?];
        // What the form cannot say, the profile's own rules do.
        let text = serde_json::to_string(&profile).map_err(|error| error.to_string())?;
        Ok((Profile::read(&text).map_err(|error| error.to_string())?, pair))
    }
}

fn read(text: &str, name: &str, most: Decimal) -> Result<Decimal, String> {
    let value = number::parse(text).filter(|value| *value > Decimal::ZERO && *value <= most);
    value.ok_or_else(|| format!("{name}: {text:?} is no number above 0 and up to {most}"))
}

fn choice<T: for<'a> Deserialize<'a>>(text: &str, name: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| format!("{name}: {error}"))
}

fn form(base: &Base, moved: &Moved, profile: &Profile, pair: [Deployment; 2]) -> Form {
    let choices = |values: Vec<String>, chosen: &str| {
        values.into_iter().map(|value| Choice { chosen: value == chosen, value }).collect()
    };
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let word = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let deployments = |path: Path| {
        Deployment::all().into_iter().filter(|one| one.path == path).map(|one| one.name()).collect::<Vec<_>>()
    };
    let regions = base.book.regions("Lambda", "requests").into_iter().map(str::to_owned).collect();
    let mut memory = names(&MEMORY_MB);
    let given = profile.options.function_memory_mb.normalize().to_string();
    if !memory.contains(&given) {
        memory.push(given.clone());
    }
    let egress = [Egress::Nat, Egress::Endpoints, Egress::Public].map(|one| word(serde_json::to_value(one)));
    let observability = [Observability::Cloudwatch, Observability::Datadog].map(|one| word(serde_json::to_value(one)));
    let tasks =
        profile.environments.iter().find(|one| one.name == "prod").map(|one| one.minimum_tasks.normalize().to_string());
    Form {
        orders: profile.orders_per_month.normalize().to_string(),
        slider: profile.orders_per_month.to_f64().map_or(0.0, f64::log10),
        minimum_tasks: tasks.unwrap_or_default(),
        regions: choices(regions, &profile.region),
        memory: choices(memory, &given),
        environments: choices(names(&["all", "prod"]), moved.environments.as_deref().unwrap_or("all")),
        egress: choices(egress.to_vec(), &word(serde_json::to_value(profile.options.egress))),
        observability: choices(observability.to_vec(), &word(serde_json::to_value(profile.options.observability))),
        fargate: choices(deployments(Path::Fargate), &pair[0].name()),
        lambda: choices(deployments(Path::Lambda), &pair[1].name()),
    }
}
