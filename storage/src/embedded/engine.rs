//! The engine on its own thread, and its client in this process: requests of the DynamoDB protocol without a port.

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

/// The prefix of the header `x-amz-target`.
const TARGET: &str = "DynamoDB_20120810.";

/// The engine's response to a request.
#[derive(Debug)]
pub(super) struct EngineResponse {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl EngineResponse {
    /// An error by its name in the protocol, with a readable message.
    pub fn error(status: u16, name: &str, message: &str) -> Self {
        let body = serde_json::json!({ "__type": format!("com.amazon.coral.service#{name}"), "message": message });
        Self { status, body: body.to_string() }
    }
}

/// Executes a request, given the value of its header `x-amz-target` and its body.
pub(super) fn execute(database: &Database, target: &str, body: &[u8]) -> EngineResponse {
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
        _ => EngineResponse::error(
            400,
            "UnknownOperationException",
            "The embedded engine does not support this operation.",
        ),
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(body: &[u8], work: impl FnOnce(Q) -> dynoxide::Result<A>) -> EngineResponse {
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return EngineResponse::error(400, "SerializationException", &error.to_string()),
    };
    let done = work(request).and_then(|output| {
        serde_json::to_string(&output).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
    });
    match done {
        Ok(body) => EngineResponse { status: 200, body },
        Err(error) => EngineResponse { status: error.status_code(), body: error.to_json() },
    }
}

/// A request for the engine's thread.
pub(super) struct Job {
    target: String,
    body: Vec<u8>,
    reply: oneshot::Sender<EngineResponse>,
}

/// Operations without side effects.
const READS: [&str; 4] = [".BatchGetItem", ".GetItem", ".Query", ".Scan"];

/// Executes requests until no more can arrive, or, after `jobs` was closed, until none is left.
pub(super) async fn process_jobs(database: &Database, jobs: &mut mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        // The caller may have stopped waiting. Then a read is skipped; a write is carried out as on AWS.
        if job.reply.is_closed() && READS.iter().any(|read| job.target.ends_with(read)) {
            continue;
        }
        let _ = job.reply.send(execute(database, &job.target, &job.body));
    }
}

/// The SDK's HTTP client for the engine of this process. Clones use the same engine; after it stops, every request
/// fails.
#[derive(Debug, Clone)]
pub(crate) struct EngineClient(pub(super) mpsc::UnboundedSender<Job>);

impl EngineClient {
    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let (reply, response) = oneshot::channel();
        self.0.send(Job { target, body, reply }).map_err(|_| stopped())?;
        let response = response.await.map_err(|_| stopped())?;
        let status = response.status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
        Ok(HttpResponse::new(status, SdkBody::from(response.body)))
    }
}

fn stopped() -> ConnectorError {
    ConnectorError::io("the embedded engine has stopped".into())
}

impl HttpConnector for EngineClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for EngineClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
