//! The JSON API of the catalog, as a Lambda function behind an ALB, an HTTP API, or a Function URL.

use shopease_shared::http::routes::Area;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shopease_functions::serve_app(shopease_functions::app().await?.with_api_reference(), Area::Catalog).await
}
