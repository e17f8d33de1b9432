//! `costs serve`: the report as a page whose inputs can be moved. Each move is computed by the same code that writes the report; the
//! page only puts the answer in place. It listens on the loopback interface, keeps nothing, and changes nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, anyhow, bail, ensure};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use rust_decimal::prelude::ToPrimitive as _;
use rust_decimal::{Decimal, dec};
use serde::Deserialize;

use crate::deployment::{Deployment, Inputs, Path};
use crate::measured::Measured;
use crate::number;
use crate::price_book::PriceBook;
use crate::profile::Profile;
use crate::report::{Report, bills, content, page, report};
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
const MOST_ORDERS: u32 = 10_000_000;

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

impl Base {
    pub(crate) fn inputs<'a>(&'a self, profile: &'a Profile) -> Inputs<'a> {
        Inputs { profile, measured: &self.measured, book: &self.book }
    }
}

/// The inputs that can be moved, as a form sends them; what is missing stays as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
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

/// Serves until the process ends.
pub(crate) async fn serve(base: Base, port: u16) -> anyhow::Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let listener = tokio::net::TcpListener::bind(address).await.with_context(|| address.to_string())?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router(base)).await?)
}

/// The page and what computes it: the bills, which take little time, and the whole report.
pub fn router(base: Base) -> Router {
    let whole = |State(base): State<Arc<Base>>, Query(moved): Query<Moved>| async move {
        let computed = compute(base, moved, report, |report, form, _| Ok(page(report, Some(form))?)).await;
        computed.map_or_else(
            |problem| (StatusCode::UNPROCESSABLE_ENTITY, problem).into_response(),
            |html| Html(html).into_response(),
        )
    };
    let bills_first = |State(base): State<Arc<Base>>, Json(moved): Json<Moved>| {
        answer(base, moved, bills, |begin| {
            format!("Bills in {} ms; break-even and charts follow.", begin.elapsed().as_millis())
        })
    };
    let all = |State(base): State<Arc<Base>>, Json(moved): Json<Moved>| {
        answer(base, moved, report, |begin| format!("Computed in {:.1} s.", begin.elapsed().as_secs_f64()))
    };
    Router::new()
        .route("/", get(whole))
        .route("/api/bills", post(bills_first))
        .route("/api/report", post(all))
        .with_state(Arc::new(base))
}

/// Results for the script of the page, or a problem.
async fn answer(base: Arc<Base>, moved: Moved, build: Build, said: fn(Instant) -> String) -> Response {
    let render = move |report: &Report, _: &str, begin| {
        let title = format!("{} · costs of shopease", report.subject);
        Ok(serde_json::json!({"html": content(report)?, "title": title, "said": said(begin)}))
    };
    match compute(base, moved, build, render).await {
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
    render: impl FnOnce(&Report, &str, Instant) -> anyhow::Result<T> + Send + 'static,
) -> Result<T, String> {
    let begin = Instant::now();
    let work = move || -> anyhow::Result<T> {
        let (profile, pair) = moved.apply(&base)?;
        let report = build(pair, base.inputs(&profile), base.seed)?;
        render(&report, &form(&base, &moved, &profile, pair).render()?, begin)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| error.to_string())?.map_err(|error| format!("{error:#}"))
}

impl Moved {
    /// The profile and the pair that come of it.
    fn apply(&self, base: &Base) -> anyhow::Result<(Profile, [Deployment; 2])> {
        let mut profile = base.profile.clone();
        if let Some(orders) = &self.orders {
            profile.orders_per_month = read(orders, "orders", MOST_ORDERS)?;
        }
        if let Some(region) = &self.region {
            profile.region.clone_from(region);
        }
        if let Some(tasks) = &self.minimum_tasks {
            let tasks = read(tasks, "minimum_tasks", 100)?;
            let production = profile.environments.iter_mut().filter(|environment| environment.name == "prod");
            production.for_each(|environment| environment.each_least(|least| *least = tasks));
        }
        if let Some(name) = self.environments.as_deref().filter(|name| *name != ALL) {
            profile.environments.retain(|environment| environment.name == name);
        }
        let chosen = |choice: &Option<String>| choice.clone().filter(|choice| choice != DEPLOYED);
        for environment in &mut profile.environments {
            if let Some(memory) = chosen(&self.memory_mb) {
                let memory = read(&memory, "memory_mb", 10_240)?;
                ensure!(memory >= dec!(128), "memory_mb: Lambda has 128 to 10,240 MB");
                environment.stack.modules.function_memory_mb.values_mut().for_each(|size| *size = memory);
            }
            if let Some(egress) = chosen(&self.egress) {
                move_egress(&mut environment.stack, &egress)?;
            }
            if let Some(logs) = chosen(&self.logs) {
                let destination = serde_json::from_value::<LogDestination>(logs.into()).context("logs")?;
                environment.stack.log_destination = destination;
            }
        }
        let of = |name: &Option<String>, given: Deployment| {
            let named = name.as_ref().map(|name| Deployment::on(given.path, name));
            named.unwrap_or(Ok(given)).map_err(|problem| anyhow!(problem))
        };
        let pair = [of(&self.fargate, base.pair[0])?, of(&self.lambda, base.pair[1])?];
        profile.check()?;
        Ok((profile, pair))
    }
}

fn move_egress(stack: &mut Stack, egress: &str) -> anyhow::Result<()> {
    stack.egress.interface_endpoints.clear();
    match egress {
        "one NAT gateway" => stack.egress.nat_gateways = Decimal::ONE,
        "a NAT gateway in each zone" => stack.egress.nat_gateways = stack.modules.zones,
        "interface endpoints" => {
            stack.egress.nat_gateways = Decimal::ZERO;
            stack.egress.interface_endpoints = ENDPOINTS.map(str::to_owned).to_vec();
        }
        _ => bail!("egress: {egress:?} is not one of {}", EGRESS[1..].join(", ")),
    }
    Ok(())
}

fn read(text: &str, name: &str, most: u32) -> anyhow::Result<Decimal> {
    let value = number::parse(text).filter(|value| *value > Decimal::ZERO && *value <= most.into());
    value.with_context(|| format!("{name}: {text:?} is no number above 0 and up to {most}"))
}

fn form(base: &Base, moved: &Moved, profile: &Profile, [fargate, lambda]: [Deployment; 2]) -> Form {
    let choices = |values: &[&str], chosen: &str| -> Vec<Choice> {
        values.iter().map(|value| Choice { chosen: *value == chosen, value: (*value).to_owned() }).collect()
    };
    let side = |path: Path, chosen: Deployment| -> Vec<Choice> {
        let all = Deployment::all().into_iter().filter(|one| one.path == path);
        all.map(|one| Choice { chosen: one == chosen, value: one.name() }).collect()
    };
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
