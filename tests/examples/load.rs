//! The load test of the environment perf: `cargo run --profile measure -p shopease-tests --example load -- URL`; with `--features
//! shopease-payments/stripe` also for `https`.
//!
//! An open loop: requests start on schedule, whether or not earlier ones have finished, so that a slow shop does not slow down its own
//! measurement; latency counts from the scheduled time. The mix is typical of a shop: listings and products, searches, and some carts.
//! With `--order-with`, every filled cart becomes an order: the synthetic shoppers of the environment canary. Exit code 1 if a limit is exceeded.
#![expect(clippy::print_stdout, reason = "the report is the purpose of the program")]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clap::Parser;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shopease_shop::ports::{Clock as _, SystemClock};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Timeout of a request, after which it counts as an error. A load balancer times out after a minute.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Statuses of a variant that was sold meanwhile.
const SOLD_OUT: [StatusCode; 2] = [StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY];

/// Sends a typical mix of requests at a constant rate.
#[derive(Debug, Parser)]
struct Arguments {
    /// URL of the shop, without a path.
    url: String,
    /// Requests per second.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Duration in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Maximum 99th percentile of the latency in milliseconds.
    #[arg(long, default_value_t = 500)]
    p99_ms: u64,
    /// Maximum errors in percent: no response, 5xx or 429.
    #[arg(long, default_value_t = 0.1)]
    errors_percent: f64,
    /// Order each filled cart with this payment token: `card_approved` for test payments, `pm_card_visa` for Stripe's test mode. At least
    /// one order must be placed.
    #[arg(long, value_name = "TOKEN")]
    order_with: Option<String>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Kinds of requests, in the order of a round of twenty.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Home,
    List,
    Product,
    ApiList,
    Search,
    Cart,
}

const ROUND: [Kind; 20] = {
    use Kind::{ApiList, Cart, Home, List, Product, Search};
    [
        Home, Product, List, Product, ApiList, Product, Search, Product, List, Cart, Home, Product, List, Product,
        ApiList, Product, Search, Product, List, Product,
    ]
};

/// A product that can be viewed and bought.
struct Variant {
    handle: String,
    sku: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("load: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the load test. Returns whether the limits were met.
async fn run(arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    let client = Client::builder().timeout(TIMEOUT).build()?;
    let variants = Arc::new(variants(&client, &arguments.url).await?);
    let orders = arguments.order_with.clone().map(|payment_method| Arc::new(Orders::new(payment_method)));
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let (begun, pause) = (Instant::now(), Duration::from_secs(1) / arguments.rate);
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..arguments.rate * arguments.seconds {
        let due = begun + pause * number;
        sleep_until(due).await;
        let (client, url, variants, outcomes) =
            (client.clone(), arguments.url.clone(), Arc::clone(&variants), Arc::clone(&outcomes));
        let orders = orders.clone();
        requests.spawn(async move {
            let index = usize::try_from(number).unwrap_or_default();
            let variant = &variants[index % variants.len()];
            let fine = match (ROUND[index % ROUND.len()], &orders) {
                (Kind::Cart, Some(orders)) => orders.place(&client, &url, variant, number).await.unwrap_or(false),
                (kind, _) => send(&client, &url, kind, variant, number).await,
            };
            outcomes.lock().await.push((due.elapsed(), fine));
        });
    }
    while requests.join_next().await.is_some() {}
    let outcomes = std::mem::take(&mut *outcomes.lock().await);
    let placed = orders.is_none_or(|orders| orders.report());
    Ok(report(arguments, outcomes) && placed)
}

/// What orders need, and how many were placed.
struct Orders {
    /// Makes the keys of this run differ from those of others.
    run: i64,
    payment_method: String,
    placed: AtomicU32,
}

impl Orders {
    fn new(payment_method: String) -> Self {
        Self { run: SystemClock.now().unix_timestamp(), payment_method, placed: AtomicU32::new(0) }
    }

    /// Fills a cart and orders it. Returns whether the order was accepted, or the variant is sold out.
    async fn place(&self, client: &Client, url: &str, variant: &Variant, number: u32) -> reqwest::Result<bool> {
        let key = |step: &str| format!("load-{step}-{}-{number}", self.run);
        let line = json!({ "sku": variant.sku, "quantity": 1 });
        let request = client.post(format!("{url}/api/v1/cart/line-items")).header("idempotency-key", key("cart"));
        let cart = request.json(&line).send().await?;
        if !cart.status().is_success() {
            return Ok(SOLD_OUT.contains(&cart.status()));
        }
        let cookies =
            cart.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let order = json!({
            "email": "shopper@example.com", "shipping_method": "standard", "payment_method": self.payment_method,
            "shipping_address": { "name": "Synthetic Shopper", "line1": "1 High Street", "city": "Berlin", "postal_code": "10115", "country": "DE" },
        });
        let request = client.post(format!("{url}/api/v1/checkout")).header("idempotency-key", key("order"));
        let status = request.header("cookie", cookies).json(&order).send().await?.status();
        self.placed.fetch_add(u32::from(status.is_success()), Ordering::Relaxed);
        Ok(status.is_success() || SOLD_OUT.contains(&status))
    }

    /// Returns whether any order was placed.
    fn report(&self) -> bool {
        let placed = self.placed.load(Ordering::Relaxed);
        println!("{placed} orders placed");
        placed > 0
    }
}

/// Products of the first page with a variant in stock.
async fn variants(client: &Client, url: &str) -> Result<Vec<Variant>, Box<dyn std::error::Error>> {
    let list: Value =
        client.get(format!("{url}/api/v1/products?limit=20")).send().await?.error_for_status()?.json().await?;
    let mut variants = Vec::new();
    for handle in list["items"].as_array().into_iter().flatten().filter_map(|item| item["handle"].as_str()) {
        let product: Value =
            client.get(format!("{url}/api/v1/products/{handle}")).send().await?.error_for_status()?.json().await?;
        if let Some(sku) =
            product["variants"].as_array().into_iter().flatten().find_map(|variant| variant["sku"].as_str())
        {
            variants.push(Variant { handle: handle.to_owned(), sku: sku.to_owned() });
        }
    }
    if variants.is_empty() { Err("the shop has no products".into()) } else { Ok(variants) }
}

/// Sends a request. Returns whether the response is as expected, which includes sold out (409, 422).
async fn send(client: &Client, url: &str, kind: Kind, variant: &Variant, number: u32) -> bool {
    let request = match kind {
        Kind::Home => client.get(format!("{url}/")),
        Kind::List => client.get(format!("{url}/products?sort=price-asc")),
        Kind::Product => client.get(format!("{url}/products/{}", variant.handle)),
        Kind::ApiList => client.get(format!("{url}/api/v1/products?limit=24")),
        Kind::Search => client.get(format!("{url}/search?q={}", variant.handle.split('-').next().unwrap_or_default())),
        Kind::Cart => client
            .post(format!("{url}/api/v1/cart/line-items"))
            .header("idempotency-key", format!("load-{number}-{}", variant.sku))
            .json(&json!({ "sku": variant.sku, "quantity": 1 })),
    };
    let Ok(response) = request.send().await else { return false };
    let status = response.status();
    let read = response.bytes().await.is_ok();
    read && !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS && status != StatusCode::NOT_FOUND
}

/// Prints percentiles and errors. Returns whether they are within the limits.
fn report(arguments: &Arguments, mut outcomes: Vec<(Duration, bool)>) -> bool {
    outcomes.sort_unstable_by_key(|(latency, _)| *latency);
    let failed = outcomes.iter().filter(|(_, fine)| !fine).count();
    let percentile = |percent: usize| {
        let index = (outcomes.len() * percent).div_ceil(100).saturating_sub(1);
        outcomes.get(index).map_or(0, |(latency, _)| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX))
    };
    let (p50, p95, p99) = (percentile(50), percentile(95), percentile(99));
    #[expect(clippy::cast_precision_loss, reason = "a share for people; counts stay far below 2^52")]
    let errors_percent = 100.0 * failed as f64 / outcomes.len().max(1) as f64;
    let passed = p99 <= arguments.p99_ms && errors_percent <= arguments.errors_percent;
    let requests = outcomes.len();
    if arguments.json {
        let rate = arguments.rate;
        println!(
            "{}",
            json!({ "requests": requests, "rate": rate, "failed": failed, "errors_percent": errors_percent,
                    "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "passed": passed })
        );
    } else {
        println!(
            "{requests} requests at {} a second; of 100, 50 took at most {p50} ms, 95 {p95} ms, 99 {p99} ms",
            arguments.rate
        );
        println!(
            "{failed} failed ({errors_percent:.2} %); limits: {} ms, {} %",
            arguments.p99_ms, arguments.errors_percent
        );
        println!("{}", if passed { "passed" } else { "NOT PASSED" });
    }
    passed
}
