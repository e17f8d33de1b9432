//! Assets from a bucket: the same responses as from the binary.

use std::sync::Arc;

use axum::http::{HeaderMap, Method, Request, StatusCode};
use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use shopease_aws::{S3Assets, S3Location, upload};
use shopease_process::config::Reader;
use shopease_shared::client::RemoteShop;
use shopease_shared::config::HttpConfig;
use shopease_shared::http::{self as shop_http, App, EmbeddedAssets, content_type};
use shopease_shop::domain::Picture;
use shopease_shop::ports::{Asset, AssetStore, AssetWriter as _, MAX_ASSET_BYTES, StoreError};
use shopease_shop::testing::{MapEnv, SeededIds};
use tower::ServiceExt as _;

use crate::chain;
use crate::service::{Reply, Service};

pub fn location(text: &str) -> S3Location {
    text.parse().expect("a location")
}

async fn assets(service: &Service) -> S3Assets {
    S3Assets::connect(&location("s3://shop-assets/prod/v1"), &service.env()).await.expect("a client")
}

/// Status, headers (except time-dependent ones), and body of the response to a page's request for a file.
pub async fn reply(
    assets: Arc<dyn AssetStore>,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let env = MapEnv::new([]);
    let http = HttpConfig::read(&mut Reader::new(&env));
    let nobody = RemoteShop::new("http://127.0.0.1:1").expect("an address");
    let app =
        App::new(shopease_shop::services::Services::of(nobody), Arc::new(SeededIds::new(1)), http).with_assets(assets);
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(axum::body::Body::empty()).expect("a request");
    let response = shop_http::frontend(app).oneshot(request).await.expect("a response");
    let (mut parts, body) = response.into_parts();
    parts.headers.remove("x-request-id");
    (parts.status, parts.headers, body.collect().await.expect("a body").to_bytes().to_vec())
}

/// Requests files in every relevant way and compares the responses with those from the binary.
pub async fn same_as_embedded(assets: Arc<dyn AssetStore>) {
    let embedded: Arc<dyn AssetStore> = Arc::new(EmbeddedAssets);
    let (_, headers, _) = reply(embedded.clone(), Method::GET, "/assets/shop.css", &[]).await;
    let etag = headers["etag"].to_str().expect("text").to_owned();
    let (_, _, page) = reply(embedded.clone(), Method::GET, "/nothing", &[]).await;
    let page = String::from_utf8(page).expect("text");
    let versioned = page.split('"').find(|part| part.starts_with("/assets/shop.css?v=")).expect("a stylesheet");
    let mut immutable = 0;
    for (method, target, headers) in [
        (Method::GET, "/assets/shop.css", vec![]),
        (Method::HEAD, "/assets/shop.css", vec![]),
        (Method::GET, versioned, vec![]),
        (Method::GET, "/assets/shop.css?v=000000000000", vec![]),
        (Method::GET, "/assets/shop.css", vec![("if-none-match", etag.as_str())]),
        (Method::GET, versioned, vec![("if-none-match", "\"other\", *")]),
        (Method::GET, "/assets/shop.css", vec![("if-none-match", "\"other\"")]),
        (Method::GET, "/assets/demo/moka-pot.svg", vec![]),
        (Method::GET, "/assets/shop.js", vec![("range", "bytes=0-1")]),
        (Method::GET, "/assets/shop.js", vec![]),
        (Method::GET, "/assets/nothing.css", vec![]),
        (Method::GET, "/assets/nothing.css", vec![("accept", "text/html")]),
        (Method::GET, "/assets/demo/", vec![]),
        (Method::GET, "/assets/a%20b%2Bc%C3%A4.css", vec![]),
        (Method::POST, "/assets/shop.css", vec![]),
    ] {
        let expected = reply(embedded.clone(), method.clone(), target, &headers).await;
        let found = reply(assets.clone(), method.clone(), target, &headers).await;
        immutable += usize::from(
            found
                .1
                .get("cache-control")
                .is_some_and(|value| value.to_str().is_ok_and(|text| text.contains("immutable"))),
        );
        assert_eq!(found, expected, "{method} {target} {headers:?}");
    }
    assert_eq!(immutable, 2);
}

#[tokio::test]
async fn present_and_missing_files_are_requested_once() {
    let service = Service::start([
        Reply::ok("body { }"),
        Reply::With(404, "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>".to_owned()),
    ])
    .await;
    let assets = assets(&service).await;
    let many = (0..20).map(|_| assets.find_asset("a b/ä+.css"));
    for found in join_all(many).await {
        assert_eq!(found.expect("a response"), Some(Asset::new("body { }".into())));
    }
    for _ in 0..3 {
        assert_eq!(assets.find_asset("nothing").await.expect("a response"), None);
    }
    let paths: Vec<_> = service.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/shop-assets/prod/v1/a%20b/%C3%A4%2B.css", "/shop-assets/prod/v1/nothing"]);
    let signed = service.seen()[0].headers["authorization"].to_str().expect("text").to_owned();
    assert!(
        signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
            && signed.contains("/eu-north-1/s3/aws4_request")
    );
}

#[tokio::test]
async fn an_s3_error_is_unavailable_and_retried_later() {
    let service = Service::start([
        Reply::With(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>".to_owned()),
        Reply::With(404, "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>".to_owned()),
        Reply::With(503, "<Error><Code>SlowDown</Code></Error>".to_owned()),
        Reply::ok("here"),
    ])
    .await;
    let assets = assets(&service).await;
    let denied = chain(&assets.find_asset("shop.css").await.expect_err("denied"));
    assert!(denied.contains("SHOPEASE_ASSETS") && denied.contains("s3:ListBucket"), "{denied}");
    let gone = assets.find_asset("shop.css").await.expect_err("no bucket");
    assert!(matches!(gone, StoreError::Unavailable(_)) && chain(&gone).contains("NoSuchBucket"), "{}", chain(&gone));
    assert_eq!(assets.find_asset("shop.css").await.expect("after another try"), Some(Asset::new("here".into())));
}

#[tokio::test]
async fn a_file_over_lambdas_response_limit_is_rejected() {
    let service = Service::start([Reply::ok("x".repeat(MAX_ASSET_BYTES + 1))]).await;
    let error = assets(&service).await.find_asset("film.mp4").await.expect_err("too large");
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert!(chain(&error).contains("more than 716800 bytes"), "{}", chain(&error));
    assert_eq!(EmbeddedAssets.all().iter().filter(|named| named.asset.body.len() > MAX_ASSET_BYTES).count(), 0);
}

#[tokio::test]
async fn a_picture_is_put_for_good_and_an_error_is_unavailable() {
    let service =
        Service::start([Reply::ok(""), Reply::With(403, "<Error><Code>AccessDenied</Code></Error>".to_owned())]).await;
    let assets = assets(&service).await;
    let path = Picture::new(b"file", 40, 30).path(40);
    assets.write_asset(&path, "RIFF".into()).await.expect("written");
    let [put] = &service.seen()[..] else { panic!("one request") };
    assert_eq!((&put.method, put.path.as_str()), (&Method::PUT, format!("/shop-assets/prod/v1/{path}").as_str()));
    assert_eq!(put.headers["content-type"], "image/webp");
    assert_eq!(put.headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(put.body.as_bytes(), b"RIFF");
    let denied = assets.write_asset(&path, "RIFF".into()).await.expect_err("denied");
    assert!(
        matches!(denied, StoreError::Unavailable(_)) && chain(&denied).contains("s3:PutObject"),
        "{}",
        chain(&denied)
    );
}

#[tokio::test]
async fn an_upload_puts_every_file_with_its_type_and_stops_at_an_error() {
    let service = Service::start([Reply::ok("")]).await;
    let all = EmbeddedAssets.all();
    let mut uploaded = Vec::new();
    let done =
        upload(&location("s3://shop-assets/v1"), &service.env(), |named| uploaded.push(named.path.clone())).await;
    let done = done.expect("all are put");
    assert_eq!((done.files, uploaded.len()), (all.len(), all.len()));
    for (seen, named) in service.seen().iter().zip(&all) {
        assert_eq!(
            (&seen.method, seen.path.as_str()),
            (&Method::PUT, format!("/shop-assets/v1/{}", named.path).as_str())
        );
        assert_eq!(seen.headers["content-type"], content_type(&named.path));
        assert_eq!(seen.headers["cache-control"], "public, max-age=3600");
        assert_eq!(seen.body.as_bytes(), named.asset.body);
    }
    let denying = Service::start([Reply::With(403, "<Error><Code>AccessDenied</Code></Error>".to_owned())]).await;
    let error = upload(&location("s3://shop-assets"), &denying.env(), |_| {}).await.expect_err("denied");
    assert!(chain(&error).contains("s3:PutObject") && chain(&error).contains(&all[0].path), "{}", chain(&error));
}
