//! Faults that occur on AWS but never in the embedded engine: conflicts, throttling, failures, and responses lost after
//! the work was done. An interceptor in front of each attempt, with a seeded plan. For tests.

use std::error::Error;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use serde_json::{Value, json};
use shopease_shop::testing::SeededRandom;

/// The error of an interceptor.
type BoxError = Box<dyn Error + Send + Sync>;

/// The planned response to the current attempt: status and body.
#[derive(Debug)]
struct Planned(Option<(u16, String)>);

impl Storable for Planned {
    type Storer = StoreReplace<Self>;
}

/// What happens to a request instead of its execution and response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Another transaction is using one of the items.
    Clash,
    /// A transaction is throttled on one of its items.
    ThrottledInside,
    /// The first attempt of a transaction is still running.
    InProgress,
    /// The table has no throughput left.
    NoThroughput,
    /// The account is throttled.
    Throttled,
    /// The engine failed without executing the request.
    Failed,
    /// The engine executed the request, and the response was lost.
    ResponseLost,
}

const OF_TRANSACTIONS: [Fault; 7] = [
    Fault::Clash,
    Fault::ThrottledInside,
    Fault::InProgress,
    Fault::NoThroughput,
    Fault::Throttled,
    Fault::Failed,
    Fault::ResponseLost,
];
const OF_WRITES: [Fault; 5] = [Fault::Clash, Fault::NoThroughput, Fault::Throttled, Fault::Failed, Fault::ResponseLost];
const OF_READS: [Fault; 3] = [Fault::NoThroughput, Fault::Throttled, Fault::Failed];

/// Faults in front of an engine; none before [`Faults::set_percent`]. Clones share the plan.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Plan>);

#[derive(Debug)]
struct Plan {
    random: Mutex<SeededRandom>,
    percent: AtomicU32,
    requests: AtomicU64,
    faults: AtomicU64,
}

impl Faults {
    /// Creates the plan of a seed.
    pub fn new(seed: u64) -> Self {
        let random = Mutex::new(SeededRandom::new(seed));
        Self(Arc::new(Plan {
            random,
            percent: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        }))
    }

    /// Sets the percentage of requests that fail from now on.
    pub fn set_percent(&self, percent: u32) {
        self.0.percent.store(percent, Ordering::SeqCst);
    }

    /// Number of requests so far, including retries.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::SeqCst)
    }

    /// Number of faults so far.
    pub fn faults(&self) -> u64 {
        self.0.faults.load(Ordering::SeqCst)
    }

    fn next(&self, operation: &str) -> Option<(Fault, usize)> {
        self.0.requests.fetch_add(1, Ordering::SeqCst);
        let mut random = self.0.random.lock().unwrap_or_else(PoisonError::into_inner);
        if random.below(100) >= self.0.percent.load(Ordering::SeqCst) as usize {
            return None;
        }
        self.0.faults.fetch_add(1, Ordering::SeqCst);
        let fault = match operation {
            "TransactWriteItems" => random.pick(&OF_TRANSACTIONS),
            "PutItem" | "UpdateItem" | "DeleteItem" => random.pick(&OF_WRITES),
            _ => random.pick(&OF_READS),
        };
        Some((fault, random.below(100)))
    }
}

/// The operation and the body of an outgoing request.
pub(super) fn operation_and_body(request: &HttpRequest) -> Result<(String, Value), BoxError> {
    let target = request.headers().get("x-amz-target").ok_or("no target")?;
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let body = serde_json::from_slice(request.body().bytes().ok_or("a streamed body")?)?;
    Ok((operation, body))
}

/// Sends something harmless instead.
pub(super) fn divert(request: &mut HttpRequest) {
    request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.ListTables");
    request.headers_mut().insert("content-length", "2");
    *request.body_mut() = "{}".into();
}

/// Replaces the engine's response.
pub(super) fn reply(response: &mut HttpResponse, status: u16, body: String) -> Result<(), BoxError> {
    *response.status_mut() = status.try_into()?;
    *response.body_mut() = body.into();
    Ok(())
}

/// The engine's error of this name.
pub(super) fn error_body(code: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}") })
}

/// The engine's rejection of a transaction, with a reason for each action.
pub(super) fn cancelled(codes: &[&str]) -> Value {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    let mut body = error_body("TransactionCanceledException");
    body["CancellationReasons"] = Value::Array(reasons);
    body
}

/// The response of an engine with this fault.
fn response(fault: Fault, operation: &str, request: &Value, place: usize) -> (u16, String) {
    let cancelled_by = |reason| {
        let actions = request["TransactItems"].as_array().map_or(1, Vec::len).max(1);
        let mut codes = vec!["None"; actions];
        codes[place % actions] = reason;
        cancelled(&codes)
    };
    let (status, body) = match fault {
        Fault::Clash if operation == "TransactWriteItems" => (400, cancelled_by("TransactionConflict")),
        Fault::Clash => (400, error_body("TransactionConflictException")),
        Fault::ThrottledInside => (400, cancelled_by("ThrottlingError")),
        Fault::InProgress => (400, error_body("TransactionInProgressException")),
        Fault::NoThroughput => (400, error_body("ProvisionedThroughputExceededException")),
        Fault::Throttled => (400, error_body("ThrottlingException")),
        Fault::Failed | Fault::ResponseLost => (500, error_body("InternalServerError")),
    };
    (status, body.to_string())
}

impl Intercept for Faults {
    fn name(&self) -> &'static str {
        "faults"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (operation, body) = operation_and_body(context.request())?;
        let fault = self.next(&operation);
        let planned = fault.map(|(fault, place)| response(fault, &operation, &body, place));
        // Set even if there is no fault, to clear the plan of the previous attempt.
        config.interceptor_state().store_put(Planned(planned));
        if fault.is_some_and(|(fault, _)| fault != Fault::ResponseLost) {
            divert(context.request_mut());
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Planned(Some((status, body)))) = config.load::<Planned>() else { return Ok(()) };
        let (status, body) = (*status, body.clone());
        reply(context.response_mut(), status, body)
    }
}
