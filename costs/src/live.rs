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
use crate::profile::Profile;
use crate::report::{Report, build, content, page};
use crate::terraform::{LogDestination, Stack};

/// Memory sizes that the page offers, MB.
const MEMORY_MB: [&str; 8] = [DEPLOYED, "128", "256", "512", "1024", "1769", "2048", "3008"];
/// All environments of the profile.
const ALL: &str = "all";
/// Choices for the private subnets.
const EGRESS: [&str; 4] = [DEPLOYED, "one NAT gateway", "a NAT gateway in each zone", "interface endpoints"];
/// First choice where Terraform decides.
const DEPLOYED: &str = "as deployed";
/// Endpoints without which tasks do not start in a network that has no NAT gateway (`terraform/stack/variables.tf`).
const ENDPOINTS: [&str; 5] = ["ecr.api", "ecr.dkr", "logs", "ssm", "kms"];
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
    logs: Option<String>,
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
    logs: Vec<Choice>,
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
        let chosen = |choice: &Option<String>| choice.clone().filter(|choice| choice != DEPLOYED);
        if let Some(memory) = chosen(&self.memory_mb) {
            let memory = read(&memory, "memory_mb", Decimal::from(10_240))?;
            for environment in &mut profile.environments {
                environment.stack.modules.function_memory_mb.values_mut().for_each(|size| size.0 = memory);
            }
        }
        if let Some(tasks) = &self.minimum_tasks {
            let tasks = read(tasks, "minimum_tasks", Decimal::from(100))?;
            let production = profile.environments.iter_mut().filter(|environment| environment.name == "prod");
            production.for_each(|environment| environment.each_least(|least| *least = tasks));
        }
        if let Some(name) = self.environments.as_deref().filter(|name| *name != ALL) {
            profile.environments.retain(|environment| environment.name == name);
        }
        for environment in &mut profile.environments {
            if let Some(egress) = chosen(&self.egress) {
                move_egress(&mut environment.stack, &egress)?;
            }
            if let Some(logs) = chosen(&self.logs) {
                environment.stack.log_destination = choice::<LogDestination>(&logs, "logs")?;
            }
        }
        let of = |name: &Option<String>, given: Deployment| match name {
            None => Ok(given),
            Some(name) => match name.parse::<Deployment>()? {
                deployment if deployment.path == given.path => Ok(deployment),
                deployment => Err(format!("{} is on the other path", deployment.name())),
            },
        };
        let pair = [of(&self.fargate, base.pair[0])?, of(&self.lambda, base.pair[1])?];
        profile.check()?;
        Ok((profile, pair))
    }
}

fn move_egress(stack: &mut Stack, egress: &str) -> Result<(), String> {
    stack.egress.interface_endpoints.clear();
    match egress {
        "one NAT gateway" => stack.egress.nat_gateways = Decimal::ONE,
        "a NAT gateway in each zone" => stack.egress.nat_gateways = stack.modules.zones,
        "interface endpoints" => {
            stack.egress.nat_gateways = Decimal::ZERO;
            stack.egress.interface_endpoints = ENDPOINTS.map(str::to_owned).to_vec();
        }
        _ => return Err(format!("egress: {egress:?} is not one of {}", EGRESS[1..].join(", "))),
    }
    Ok(())
}

fn read(text: &str, name: &str, most: Decimal) -> Result<Decimal, String> {
    let value = number::parse(text).filter(|value| *value > Decimal::ZERO && *value <= most);
    value.ok_or_else(|| format!("{name}: {text:?} is no number above 0 and up to {most}"))
}

fn choice<T: for<'a> Deserialize<'a>>(text: &str, name: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| format!("{name}: {error}"))
}

fn form(base: &Base, moved: &Moved, profile: &Profile, pair: [Deployment; 2]) -> Form {
    let choices = |values: &[&str], chosen: &str| -> Vec<Choice> {
        values.iter().map(|value| Choice { chosen: *value == chosen, value: (*value).to_owned() }).collect()
    };
    let deployments = |path: Path| {
        Deployment::all().into_iter().filter(|one| one.path == path).map(|one| one.name()).collect::<Vec<_>>()
    };
    let side = |path: Path, chosen: Deployment| {
        let names = deployments(path);
        choices(&names.iter().map(String::as_str).collect::<Vec<_>>(), &chosen.name())
    };
    let [fargate, lambda] = pair;
    let of = |given: &Option<String>| given.clone().unwrap_or_else(|| DEPLOYED.to_owned());
    let environments: Vec<&str> =
        [ALL].into_iter().chain(base.profile.environments.iter().map(|environment| &*environment.name)).collect();
    let regions: Vec<&str> = base.book.regions("Lambda", "requests").into_iter().collect();
    let production = profile.environments.iter().find(|environment| environment.name == "prod");
    let tasks = production.map(|environment| environment.least(&environment.stack.environment.frontend));
    Form {
        orders: profile.orders_per_month.normalize().to_string(),
        slider: profile.orders_per_month.to_f64().map_or(0.0, f64::log10),
        minimum_tasks: tasks.map(|tasks| tasks.normalize().to_string()).unwrap_or_default(),
        regions: choices(&regions, &profile.region),
        memory: choices(&MEMORY_MB, &of(&moved.memory_mb)),
        environments: choices(&environments, moved.environments.as_deref().unwrap_or(ALL)),
        egress: choices(&EGRESS, &of(&moved.egress)),
        logs: choices(&[DEPLOYED, "cloudwatch", "datadog"], &of(&moved.logs)),
        fargate: side(Path::Fargate, fargate),
        lambda: side(Path::Lambda, lambda),
    }
}
