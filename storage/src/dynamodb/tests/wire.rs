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

use crate::dynamodb::faults::{asked, cancelled, divert, refused, reply};

/// What happens to a request instead of its being carried out and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing: this request goes through.
    None,
    /// Not carried out: another transaction is on the same item.
    Clash,
    /// A transaction, not carried out: its first condition fails, and another transaction is on the second item.
    FirstFailedAmidClash,
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
fn answer(fault: Fault, operation: &str, request: &Value) -> Option<(u16, Value)> {
    match fault {
        Fault::None => None,
        Fault::Clash if operation == "TransactWriteItems" => Some((400, cancelled(&["None", "TransactionConflict"]))),
        Fault::FirstFailedAmidClash => Some((400, cancelled(&["ConditionalCheckFailed", "TransactionConflict"]))),
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
        let (operation, body) = asked(context.request())?;
        let mut state = self.0.lock().expect("not poisoned");
        let fault = state.faults.pop_front().or(state.always).unwrap_or(Fault::None);
        state.reply = answer(fault, &operation, &body);
        state.operations.push(operation);
        if !matches!(fault, Fault::None | Fault::AnswerLost) {
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
