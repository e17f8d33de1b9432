//! The worker, as a scheduled Lambda function: processes due payments and publishes events. Returns a summary of its
//! work.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let worker = shopease_functions::worker().await?;
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| async {
        worker.run_once().await.map_err(lambda_runtime::Error::from)
    }))
    .await
}
