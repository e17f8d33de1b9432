//! The engine on a thread of its own, and the way to it from this process: requests of the protocol that need no port.

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

/// What the header `x-amz-target` begins with.
const TARGET: &str = "DynamoDB_20120810.";

/// The engine's answer to a request.
#[derive(Debug)]
pub(super) struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl Answer {
    /// A refusal by its name in the protocol, with a message for people.
    pub fn refused(status: u16, name: &str, message: &str) -> Self {
        let body = serde_json::json!({ "__type": format!("com.amazon.coral.service#{name}"), "message": message });
        Self { status, body: body.to_string() }
    }
}

/// Carries out a request: the value of its header `x-amz-target`, and its body.
pub(super) fn carry_out(database: &Database, target: &str, body: &[u8]) -> Answer {
    let operation = target.strip_prefix(TARGET).unwrap_or_default();
    match operation {
        "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| database.batch_write_item(request)),
        "CreateTable" => run(body, |request| database.create_table(request)),
        "DeleteItem" => run(body, |request| database.delete_item(request)),
        "DeleteTable" => run(body, |request| database.delete_table(request)),
        "DescribeTable" => run(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => run(body, |request| database.describe_time_to_live(request)),
        "GetItem" => run(body, |request| database.get_item(request)),
        "ListTables" => run(body, |request| database.list_tables(request)),
        "PutItem" => run(body, |request| database.put_item(request)),
        "Query" => run(body, |request| database.query(request)),
        "Scan" => run(body, |request| database.scan(request)),
        "TransactGetItems" => run(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
        "UpdateItem" => run(body, |request| database.update_item(request)),
        "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
        _ => Answer::refused(400, "UnknownOperationException", "The embedded engine does not have this operation."),
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(body: &[u8], work: impl FnOnce(Q) -> dynoxide::Result<A>) -> Answer {
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Answer::refused(400, "SerializationException", &error.to_string()),
    };
    let done = work(request).and_then(|answer| {
        serde_json::to_string(&answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
    });
    match done {
        Ok(body) => Answer { status: 200, body },
        Err(error) => Answer { status: error.status_code(), body: error.to_json() },
    }
}

/// A request on its way to the engine's thread.
pub(super) struct Job {
    target: String,
    body: Vec<u8>,
    reply: oneshot::Sender<Answer>,
}

/// Carries out requests until none can come any more, or after `jobs` was closed, until none is left.
pub(super) async fn work_off(database: &Database, jobs: &mut mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        // Who asked may have stopped waiting.
        let _ = job.reply.send(carry_out(database, &job.target, &job.body));
    }
}

/// The SDK's way to the engine of this process. Clones lead to the same engine; after its end every request fails.
#[derive(Debug, Clone)]
pub(crate) struct EngineClient(pub(super) mpsc::UnboundedSender<Job>);

impl EngineClient {
    async fn ask(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let (reply, answered) = oneshot::channel();
        self.0.send(Job { target, body, reply }).map_err(|_| stopped())?;
        let answer = answered.await.map_err(|_| stopped())?;
        let status = answer.status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
        Ok(HttpResponse::new(status, SdkBody::from(answer.body)))
    }
}

fn stopped() -> ConnectorError {
    ConnectorError::io("the embedded engine has stopped".into())
}

impl HttpConnector for EngineClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().ask(request))
    }
}

impl HttpClient for EngineClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
