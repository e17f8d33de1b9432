//! Responses that are too large for one front door give the same problem on all of them.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent};
use serde_json::json;
use shopease_shared::http::{self as shop_http, MAX_RESPONSE_BYTES};
use shopease_shop::ports::{Asset, AssetStore, StoreError};
use shopease_shop::testing::fixtures;
use shopease_storage::testing::on_dynamodb;
use tower::ServiceExt as _;

use crate::harness::{Client, TestShop};

/// Largest response, as JSON, that a load balancer accepts from a function.
const MAX_ALB_BYTES: usize = 1024 * 1024;

/// Assets named `<text>-<count>.<type>` contain the text `count` times.
struct Repeated;

#[async_trait]
impl AssetStore for Repeated {
    async fn find_asset(&self, path: &str) -> Result<Option<Asset>, StoreError> {
        let (text, count) = path.split_once('.').and_then(|(name, _)| name.split_once('-')).expect("text and count");
        Ok(Some(Asset::new(text.repeat(count.parse().expect("a count")).into())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_response_fits_a_lambda_response_and_one_byte_more_is_a_problem() {
    on_dynamodb(|store| async {
        let shop = TestShop::new(store);
        let router = shop_http::all(shop.app.clone().with_assets(Arc::new(Repeated)));
        let event_bytes = MAX_RESPONSE_BYTES.div_ceil(3) * 4;
        for (text, kind, most) in [
            ("x", "css", MAX_RESPONSE_BYTES),
            ("x", "png", MAX_RESPONSE_BYTES),
            // A quotation mark takes two characters in a JSON string.
            ("%22", "css", event_bytes / 2),
        ] {
            let path = |count: usize| format!("/assets/{text}-{count}.{kind}");
            for accepted in ["identity", "gzip"] {
                let event = json!({
                    "requestContext": { "elb": { "targetGroupArn": "arn" } },
                    "httpMethod": "GET",
                    "path": path(most),
                    "multiValueQueryStringParameters": {},
                    "multiValueHeaders": { "host": ["shop.test"], "accept-encoding": [accepted] },
                    "isBase64Encoded": false,
                });
                let event: LambdaRequest = serde_json::from_value(event).expect("an event");
                let answer = Adapter::from(router.clone()).oneshot(LambdaEvent::new(event, Context::default())).await;
                let answer = serde_json::to_value(answer.expect("routers do not fail")).expect("JSON");
                assert_eq!(answer["statusCode"], 200, "{text} {kind} {accepted}");
                assert_eq!(answer["isBase64Encoded"], accepted == "gzip" && kind == "css" || kind == "png");
                let length = answer.to_string().len();
                assert!(length <= MAX_ALB_BYTES, "{text} {kind} {accepted}: {length}");
                // Even if it would fit with gzip.
                let too_much = Request::get(path(most + 1)).header("accept-encoding", accepted);
                let answer = Client::new(router.clone()).send(too_much.body(Body::empty()).expect("a request")).await;
                assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{text} {kind} {accepted}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_too_large_to_show_is_a_problem_and_the_rest_of_the_shop_works() {
    on_dynamodb(|store| async {
        let shop = TestShop::new(store);
        let mut product = fixtures::product("kettle").build();
        product.description_html = "<p>x</p>".repeat(MAX_RESPONSE_BYTES / 8);
        shop.sell(&product, 9).await;
        let mut client = shop.client();
        let answer = client.get("/api/v1/products/kettle").await;
        assert_eq!(answer.problem(), (500, "response-too-large".to_owned()));
        let page = client.get("/products/kettle").await;
        assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(page.header("content-type").starts_with("text/html") && page.text().contains("href=\"/\""));
        let head = client.send(Request::head("/products/kettle").body(Body::empty()).expect("a request")).await;
        assert_eq!((head.status, head.body.len()), (page.status, 0));
        for path in ["/", "/products", "/api/v1/products"] {
            assert_eq!(client.get(path).await.status, StatusCode::OK, "{path}");
        }
        let line = json!({ "sku": "KETTLE", "quantity": 1 });
        let answer = client.json(Method::POST, "/api/v1/cart/line-items", &line, &[]).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    })
    .await;
}
