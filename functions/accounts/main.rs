//! Accounts and sessions: pages and API, as a Lambda function behind an ALB, an HTTP API or a Function URL.

use shopease_shared::http::{self, routes::Area};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let app = shopease_functions::app().await?;
    lambda_http::run(http::area(app, Area::Accounts)).await
}
