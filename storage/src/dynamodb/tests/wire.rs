//! The wire between the adapter and the engine: records requests, and responds in place of the engine when a test needs
//! faults that the embedded engine never has.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use serde_json::{Value, json};

use crate::dynamodb::faults::{cancelled, divert, error_body, operation_and_body, reply};

/// What happens to a request instead of its execution and response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing: the request is executed.
    None,
    /// Not executed: another transaction is using the same item.
    Clash,
    /// A transaction, not executed: its first condition fails, and another transaction is using the second item.
    FirstFailedAmidClash,
    /// Not executed, and a retry would fail too.
    Denied,
    /// Not executed: the whole batch is unprocessed.
    Unprocessed,
    /// Executed, but the response is lost.
    ResponseLost,
}

#[derive(Debug, Default)]
struct State {
    operations: Vec<String>,
    faults: VecDeque<Fault>,
    always: Option<Fault>,
    reply: Option<(u16, Value)>,
}

/// See the module. Faults are for sequential requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire(Arc<Mutex<State>>);

impl Wire {
    /// The operations since the last call, in the order in which they were sent.
    pub fn take_operations(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("not poisoned").operations)
    }

    /// Sets the faults of the next requests, in order.
    pub fn fail(&self, faults: &[Fault]) {
        self.0.lock().expect("not poisoned").faults = faults.iter().copied().collect();
    }

    /// Sets the fault of all requests from now on.
    pub fn fail_always(&self, fault: Option<Fault>) {
        self.0.lock().expect("not poisoned").always = fault;
    }

    /// Number of planned faults that have not occurred yet.
    pub fn faults_left(&self) -> usize {
        self.0.lock().expect("not poisoned").faults.len()
    }
}

/// The response of an engine with this fault.
fn response(fault: Fault, operation: &str, request: &Value) -> Option<(u16, Value)> {
    match fault {
        Fault::None => None,
        Fault::Clash if operation == "TransactWriteItems" => Some((400, cancelled(&["None", "TransactionConflict"]))),
        Fault::FirstFailedAmidClash => Some((400, cancelled(&["ConditionalCheckFailed", "TransactionConflict"]))),
        Fault::Clash => Some((400, error_body("TransactionConflictException"))),
        Fault::Denied => Some((400, error_body("AccessDeniedException"))),
        Fault::Unprocessed if operation == "BatchGetItem" => {
            Some((200, json!({ "Responses": {}, "UnprocessedKeys": request["RequestItems"] })))
        }
        Fault::Unprocessed => Some((200, json!({ "UnprocessedItems": request["RequestItems"] }))),
        Fault::ResponseLost => Some((500, error_body("InternalServerError"))),
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
        let (operation, body) = operation_and_body(context.request())?;
        let mut state = self.0.lock().expect("not poisoned");
        let fault = state.faults.pop_front().or(state.always).unwrap_or(Fault::None);
        state.reply = response(fault, &operation, &body);
        state.operations.push(operation);
        if !matches!(fault, Fault::None | Fault::ResponseLost) {
            divert(context.request_mut());
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
        reply(context.response_mut(), status, body.to_string())
    }
}
