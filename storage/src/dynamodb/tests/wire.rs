//! The wire between the adapter and the engine: records what is asked, and answers in the engine's place when a test wants
//! faults that the embedded engine never has.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use serde_json::{Value, json};

/// What happens to a request instead of its being carried out and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing: this request goes through.
    None,
    /// Not carried out: another transaction is on the same item.
    Clash,
    /// Not carried out, and pointless to repeat.
    Denied,
    /// Not carried out: all of the batch is left over.
    Unprocessed,
    /// Carried out, but the answer is lost.
    AnswerLost,
}

#[derive(Debug, Default)]
struct State {
    operations: Vec<String>,
    faults: VecDeque<Fault>,
    always: Option<Fault>,
    reply: Option<(u16, Value)>,
}

/// See the module. Faults suit requests that are made one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire(Arc<Mutex<State>>);

impl Wire {
    /// The operations since the last call, in the order they were sent.
    pub fn take_operations(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("not poisoned").operations)
    }

    /// What happens to the next requests, in order.
    pub fn fail(&self, faults: &[Fault]) {
        self.0.lock().expect("not poisoned").faults = faults.iter().copied().collect();
    }

    /// What happens to every request from now on.
    pub fn fail_always(&self, fault: Option<Fault>) {
        self.0.lock().expect("not poisoned").always = fault;
    }

    /// How many planned faults no request has met.
    pub fn faults_left(&self) -> usize {
        self.0.lock().expect("not poisoned").faults.len()
    }
}

/// What the engine would have answered.
fn reply(fault: Fault, operation: &str, request: &Value) -> Option<(u16, Value)> {
    let refused = |code: &str| json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}") });
    match fault {
        Fault::None => None,
        Fault::Clash if operation == "TransactWriteItems" => {
            let mut body = refused("TransactionCanceledException");
            body["CancellationReasons"] = json!([{ "Code": "None" }, { "Code": "TransactionConflict" }]);
            Some((400, body))
        }
        Fault::Clash => Some((400, refused("TransactionConflictException"))),
        Fault::Denied => Some((400, refused("AccessDeniedException"))),
        Fault::Unprocessed if operation == "BatchGetItem" => {
            Some((200, json!({ "Responses": {}, "UnprocessedKeys": request["RequestItems"] })))
        }
        Fault::Unprocessed => Some((200, json!({ "UnprocessedItems": request["RequestItems"] }))),
        Fault::AnswerLost => Some((500, refused("InternalServerError"))),
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let request = context.request_mut();
        let target = request.headers().get("x-amz-target").ok_or("no target")?;
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(request.body().bytes().ok_or("a body in pieces")?)?;
        let mut state = self.0.lock().expect("not poisoned");
        let fault = state.faults.pop_front().or(state.always).unwrap_or(Fault::None);
        state.reply = reply(fault, &operation, &body);
        state.operations.push(operation);
        if !matches!(fault, Fault::None | Fault::AnswerLost) {
            // Something harmless goes over the wire instead.
            request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.ListTables");
            request.headers_mut().insert("content-length", "2");
            *request.body_mut() = "{}".into();
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Some((status, body)) = self.0.lock().expect("not poisoned").reply.take() else { return Ok(()) };
        let response = context.response_mut();
        *response.status_mut() = status.try_into()?;
        *response.body_mut() = body.to_string().into();
        Ok(())
    }
}
