//! Catalog pages, assets, and health checks, as a Lambda function behind an ALB, an HTTP API, or a Function URL.

use shopease_shared::http::routes::Area;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shopease_functions::serve(Area::Storefront).await
}
