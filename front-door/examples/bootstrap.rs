//! A function of the runtime `provided.al2023` that follows the contract, built on the usual runtime client. The event
//! (or the header `x-do` of an HTTP event) says what it does. The tests of the Lambda host run it.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// Counts in the background forever once an event has started it.
static COUNT: AtomicU64 = AtomicU64::new(0);
static INVOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The requested actions, in this order. Fields that are not set do nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Order {
    /// Start counting, at most a thousand times a second.
    count: bool,
    /// Print a line when the host asks the process to terminate.
    await_termination: bool,
    /// Allocate this many megabytes and keep them until the response.
    allocate_mb: usize,
    /// Use a CPU for this long.
    cpu_ms: u64,
    sleep_ms: u64,
    fail: Option<String>,
    panic: Option<String>,
    exit: Option<i32>,
    /// Return this value unchanged.
    response: Option<Value>,
    /// Return a string of this many bytes, including the quotes.
    response_bytes: Option<usize>,
    /// Return an HTTP response with a body of this many bytes.
    body_bytes: Option<usize>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let variables: BTreeMap<_, _> = std::env::vars().collect();
    if let Some(init) = variables.get("INIT_MS") {
        sleep(Duration::from_millis(init.parse()?)).await;
    }
    let variables = &variables;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move { handle(event, variables).await }))
        .await
}

async fn handle(event: LambdaEvent<Value>, variables: &BTreeMap<String, String>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    let is_http = event.get("requestContext").is_some();
    let order: Order = if is_http {
        ["/headers/x-do", "/multiValueHeaders/x-do/0"]
            .into_iter()
            .find_map(|place| event.pointer(place)?.as_str())
            .map_or_else(|| Ok(Order::default()), serde_json::from_str)?
    } else {
        serde_json::from_value(event.clone()).unwrap_or_default()
    };
    let invocations = INVOCATIONS.fetch_add(1, Ordering::Relaxed) + 1;
    println!("invocation {invocations}");
    if order.count && COUNT.fetch_add(1, Ordering::Relaxed) == 0 {
        tokio::spawn(async {
            loop {
                sleep(Duration::from_millis(1)).await;
                COUNT.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    if order.await_termination {
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            terminated.recv().await;
            println!("terminated");
            std::process::exit(0);
        });
    }
    let memory = black_box(vec![1_u8; order.allocate_mb * 1024 * 1024]);
    let begun = cpu_time()?;
    while cpu_time()? < begun + Duration::from_millis(order.cpu_ms) {
        black_box((0..10_000_u64).sum::<u64>());
    }
    sleep(Duration::from_millis(order.sleep_ms)).await;
    if let Some(message) = order.fail {
        return Err(message.into());
    }
    if let Some(message) = order.panic {
        panic!("{message}");
    }
    if let Some(code) = order.exit {
        std::process::exit(code);
    }
    drop(black_box(memory));
    if let Some(response) = order.response {
        return Ok(response);
    }
    if let Some(bytes) = order.response_bytes {
        return Ok("x".repeat(bytes.saturating_sub(2)).into());
    }
    if let Some(bytes) = order.body_bytes {
        return Ok(json!({ "statusCode": 200, "body": "x".repeat(bytes) }));
    }
    let response = json!({
        "event": event,
        "invocations": invocations,
        "count": COUNT.load(Ordering::Relaxed),
        "pid": std::process::id(),
        "executable": std::env::current_exe()?,
        "context": context_of(&context),
        "variables": variables,
    });
    Ok(if is_http { json!({ "statusCode": 200, "body": response.to_string() }) } else { response })
}

/// CPU time of this thread, which is the only one.
fn cpu_time() -> Result<Duration, Error> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

fn context_of(context: &Context) -> Value {
    json!({
        "request_id": context.request_id,
        "deadline_ms": context.deadline,
        "remaining_ms": context.deadline().duration_since(now()).unwrap_or_default().as_millis(),
        "arn": context.invoked_function_arn,
        "trace_id": context.xray_trace_id,
    })
}

#[expect(clippy::disallowed_methods, reason = "a deadline is in wall-clock time")]
fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
