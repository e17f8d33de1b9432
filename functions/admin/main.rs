//! The operator's pages and API, as a Lambda function behind an ALB, an HTTP API, or a Function URL.

use std::sync::Arc;

use shopease_pictures::Maker;
use shopease_shared::http::routes::Area;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let app = shopease_functions::app_with_pictures(Arc::new(Maker)).await?;
    shopease_functions::serve_app(app, Area::Admin).await
}
