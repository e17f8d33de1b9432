//! Faults that the embedded engine never has and AWS does: clashes, throttling, failures, and answers that get lost after the
//! work was done. An interceptor in front of each try, by a seeded plan. For tests.

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

/// What an interceptor fails with.
type BoxError = Box<dyn Error + Send + Sync>;

/// The planned answer to the try under way: status and body.
#[derive(Debug)]
struct Planned(Option<(u16, String)>);

impl Storable for Planned {
    type Storer = StoreReplace<Self>;
}

/// What happens to a request instead of its being carried out and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Another transaction is on one of the items.
    Clash,
    /// A transaction that is throttled on one of its items.
    ThrottledInside,
    /// The first try of a transaction still runs.
    InProgress,
    /// The table has no throughput left.
    NoThroughput,
    /// The account asks for less load.
    Throttled,
    /// The engine failed, and did nothing.
    Failed,
    /// The engine did it, and the answer is lost.
    AnswerLost,
}

const OF_TRANSACTIONS: [Fault; 7] = [
    Fault::Clash,
    Fault::ThrottledInside,
    Fault::InProgress,
    Fault::NoThroughput,
    Fault::Throttled,
    Fault::Failed,
    Fault::AnswerLost,
];
const OF_WRITES: [Fault; 5] = [Fault::Clash, Fault::NoThroughput, Fault::Throttled, Fault::Failed, Fault::AnswerLost];
const OF_READS: [Fault; 3] = [Fault::NoThroughput, Fault::Throttled, Fault::Failed];

/// Faults in front of an engine, none until [`Faults::set_percent`]. Clones share everything.
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
    /// The plan of a seed.
    pub fn new(seed: u64) -> Self {
        let random = Mutex::new(SeededRandom::new(seed));
        Self(Arc::new(Plan {
            random,
            percent: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        }))
    }

    /// From now on this many of a hundred requests meet a fault.
    pub fn set_percent(&self, percent: u32) {
        self.0.percent.store(percent, Ordering::SeqCst);
    }

    /// Requests so far, each try counted.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::SeqCst)
    }

    /// Faults so far.
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

/// The operation and the body of a request on its way.
pub(super) fn asked(request: &HttpRequest) -> Result<(String, Value), BoxError> {
    let target = request.headers().get("x-amz-target").ok_or("no target")?;
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let body = serde_json::from_slice(request.body().bytes().ok_or("a body in pieces")?)?;
    Ok((operation, body))
}

/// Has something harmless go over the wire instead.
pub(super) fn divert(request: &mut HttpRequest) {
    request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.ListTables");
    request.headers_mut().insert("content-length", "2");
    *request.body_mut() = "{}".into();
}

/// Puts another answer in place of the engine's.
pub(super) fn reply(response: &mut HttpResponse, status: u16, body: String) -> Result<(), BoxError> {
    *response.status_mut() = status.try_into()?;
    *response.body_mut() = body.into();
    Ok(())
}

/// The engine's error of this name.
pub(super) fn refused(code: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}") })
}

/// The engine's refusal of a transaction, with a reason for each action.
pub(super) fn cancelled(codes: &[&str]) -> Value {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    let mut body = refused("TransactionCanceledException");
    body["CancellationReasons"] = Value::Array(reasons);
    body
}

/// What the engine would have answered.
fn answer(fault: Fault, operation: &str, request: &Value, place: usize) -> (u16, String) {
    let cancelled_by = |reason| {
        let actions = request["TransactItems"].as_array().map_or(1, Vec::len).max(1);
        let mut codes = vec!["None"; actions];
        codes[place % actions] = reason;
        cancelled(&codes)
    };
    let (status, body) = match fault {
        Fault::Clash if operation == "TransactWriteItems" => (400, cancelled_by("TransactionConflict")),
        Fault::Clash => (400, refused("TransactionConflictException")),
        Fault::ThrottledInside => (400, cancelled_by("ThrottlingError")),
        Fault::InProgress => (400, refused("TransactionInProgressException")),
        Fault::NoThroughput => (400, refused("ProvisionedThroughputExceededException")),
        Fault::Throttled => (400, refused("ThrottlingException")),
        Fault::Failed | Fault::AnswerLost => (500, refused("InternalServerError")),
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
        let (operation, body) = asked(context.request())?;
        let fault = self.next(&operation);
        let planned = fault.map(|(fault, place)| answer(fault, &operation, &body, place));
        // Also when there is none: what was planned for the try before is over.
        config.interceptor_state().store_put(Planned(planned));
        if fault.is_some_and(|(fault, _)| fault != Fault::AnswerLost) {
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
