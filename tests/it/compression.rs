//! Compression: which responses, for which clients, and what must not change.

use std::io::Read as _;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use serde_json::json;
use shopease_shared::http::{self as shop_http};
use shopease_shop::ports::{Asset, AssetStore, StoreError};
use shopease_shop::testing::fixtures;
use shopease_storage::testing::on_dynamodb;

use crate::harness::{Answer, Client, TestShop};

/// Pages, error pages, assets, the API and its documentation, all larger than a kilobyte.
const LARGE: [&str; 6] =
    ["/", "/products/kettle", "/nothing", "/assets/shop.css", "/api/v1/products", "/api/openapi.json"];

async fn with_shop<F: Future<Output = ()>>(test: impl FnOnce(TestShop) -> F) {
    on_dynamodb(|store| async {
        let shop = TestShop::new(store);
        for number in 0..12 {
            shop.sell(&fixtures::product(&format!("mug-{number}")).build(), 9).await;
        }
        shop.sell(&fixtures::product("kettle").build(), 9).await;
        test(shop).await;
    })
    .await;
}

async fn send(client: &mut Client, method: Method, path: &str, headers: &[(&str, &[u8])]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request.body(Body::empty()).expect("a request")).await
}

async fn get(client: &mut Client, path: &str, accept_encoding: &str) -> Answer {
    send(client, Method::GET, path, &[("accept-encoding", accept_encoding.as_bytes())]).await
}

fn is_compressed(answer: &Answer) -> bool {
    match answer.header("content-encoding") {
        "" => false,
        "gzip" => true,
        other => panic!("{other} was not accepted"),
    }
}

/// The response before compression.
fn decoded(answer: &Answer) -> Answer {
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut body).expect("gzip");
    Answer { body, ..answer.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_compressed_for_clients_that_accept_gzip_and_unchanged() {
    with_shop(|shop| async move {
        let mut client = shop.visitor("ada");
        for path in LARGE {
            let own = ("sec-fetch-site", &b"same-origin"[..]);
            let plain = send(&mut client, Method::GET, path, &[own]).await;
            let answer = send(&mut client, Method::GET, path, &[own, ("accept-encoding", b"deflate, gzip, br")]).await;
            assert!(is_compressed(&answer) && !is_compressed(&plain), "{path}");
            assert!(plain.body.len() > 1024 && answer.body.len() * 2 < plain.body.len(), "{path}");
            let texts = [&decoded(&answer), &plain].map(|answer| {
                let text = answer.text_without_request_id();
                // Idempotency keys of forms differ on each page.
                if path == "/products/kettle" { text.replace(&answer.hidden("idempotency_key"), "KEY") } else { text }
            });
            assert_eq!(texts[0], texts[1], "{path}");
            for name in ["content-type", "cache-control", "etag"] {
                assert_eq!(answer.header(name), plain.header(name), "{path}: {name}");
            }
            for answer in [&answer, &plain] {
                let vary: Vec<_> = answer.headers.get_all(header::VARY).iter().collect();
                assert_eq!(vary, ["accept-encoding"], "{path}: a cache would send it to every client");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accept_encoding_selects_compression_and_never_fails_a_request() {
    with_shop(|shop| async move {
        let mut client = shop.client();
        for (wish, expected) in [
            ("gzip", true),
            ("GZIP", true),
            ("x-gzip", true),
            ("*", true),
            ("br;q=1, gzip;q=0.1", true),
            ("identity;q=0, gzip", true),
            ("gzip;q=0", false),
            ("*, gzip;q=0", false),
            ("br, zstd, deflate", false),
            ("identity", false),
            ("", false),
            ("gzip;q=high", false),
            ("identity;q=0", false),
            ("*;q=0", false),
            ("identity;q=0, *;q=0", false),
        ] {
            let answer = get(&mut client, "/assets/shop.css", wish).await;
            assert_eq!((answer.status, is_compressed(&answer)), (StatusCode::OK, expected), "{wish:?}");
        }
        let strange = [("accept-encoding", &b"caf\xe9"[..]), ("accept-encoding", b"gzip")];
        assert!(is_compressed(&send(&mut client, Method::GET, "/assets/shop.css", &strange).await));
        // A successful write must not look like a failure.
        let line = json!({ "sku": "KETTLE", "quantity": 1 });
        let nothing = [("accept-encoding", "identity;q=0, *;q=0")];
        let answer = client.json(Method::POST, "/api/v1/cart/line-items", &line, &nothing).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn short_and_empty_bodies_are_not_compressed() {
    with_shop(|shop| async move {
        let mut client = shop.client();
        for path in ["/healthz", "/robots.txt", "/favicon.svg", "/theme.css", "/api/v1/products/nothing", "/account"] {
            let answer = get(&mut client, path, "gzip").await;
            assert!(answer.body.len() < 1024 && !is_compressed(&answer), "{path}");
        }
        client.register("ada@example.com").await;
        let own = [("sec-fetch-site", &b"same-origin"[..]), ("accept-encoding", b"gzip")];
        let answer = send(&mut client, Method::DELETE, "/api/v1/sessions/current", &own).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
        assert!(!is_compressed(&answer) && !answer.headers.contains_key(header::VARY));
    })
    .await;
}

struct Zeros;

#[async_trait]
impl AssetStore for Zeros {
    async fn find_asset(&self, _: &str) -> Result<Option<Asset>, StoreError> {
        Ok(Some(Asset::new(vec![0; 10_000].into())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_text_is_compressed() {
    with_shop(|shop| async move {
        let mut client = Client::new(shop_http::all(shop.app.clone().with_assets(Arc::new(Zeros))));
        for (path, expected) in
            [("a.css", true), ("a.js", true), ("a.svg", true), ("a.png", false), ("a.woff2", false), ("a", false)]
        {
            let answer = get(&mut client, &format!("/assets/{path}"), "gzip").await;
            assert_eq!(is_compressed(&answer), expected, "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etag_is_valid_for_every_encoding() {
    with_shop(|shop| async move {
        let mut client = shop.client();
        for path in ["/assets/shop.css", "/api/v1/products", "/api/openapi.json"] {
            for (first, second) in [("gzip", "gzip"), ("gzip", "identity"), ("identity", "gzip")] {
                let etag = get(&mut client, path, first).await.header("etag").to_owned();
                // A strong ETag would require equal bytes.
                assert!(etag.starts_with("W/\""), "{path}: {etag}");
                let headers = [("accept-encoding", second.as_bytes()), ("if-none-match", etag.as_bytes())];
                let again = send(&mut client, Method::GET, path, &headers).await;
                assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path} {second}");
                assert_eq!((again.header("etag"), again.header("vary")), (&*etag, "accept-encoding"), "{path}");
                assert!(!is_compressed(&again), "{path} {second}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_has_the_headers_of_get() {
    with_shop(|shop| async move {
        let mut client = shop.client();
        for path in ["/assets/shop.css", "/api/v1/products", "/api/openapi.json", "/favicon.svg"] {
            for wish in ["gzip", "identity"] {
                let get = get(&mut client, path, wish).await;
                let head = send(&mut client, Method::HEAD, path, &[("accept-encoding", wish.as_bytes())]).await;
                assert_eq!((head.status, head.body.len()), (get.status, 0), "{path} {wish}");
                assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path} {wish}");
                for name in ["content-encoding", "vary", "etag", "content-type"] {
                    assert_eq!(head.header(name), get.header(name), "{path} {wish}: {name}");
                }
            }
        }
    })
    .await;
}

/// Whether a page is compressed for a request with these headers.
async fn is_page_compressed(client: &mut Client, headers: &[(&str, &str)]) -> bool {
    let mut all = vec![("accept-encoding", &b"gzip"[..])];
    all.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
    let answer = send(client, Method::GET, "/products/kettle", &all).await;
    assert_eq!(answer.status, StatusCode::OK, "{headers:?}");
    is_compressed(&answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_cannot_measure_a_visitors_secrets() {
    with_shop(|shop| async move {
        for (headers, expected) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "")], false),
            (&[], false),
        ] {
            assert_eq!(is_page_compressed(&mut shop.visitor("ada"), headers).await, expected, "{headers:?}");
            // Without a cookie, each page has a new token: there is no secret to learn.
            assert!(is_page_compressed(&mut shop.client(), headers).await, "{headers:?} without a cookie");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_reference_loads_own_files_of_which_the_largest_are_always_compressed() {
    with_shop(|shop| async move {
        let mut client = shop.client();
        let page = get(&mut client, "/api/docs", "identity").await.text();
        let loaded: Vec<_> = page.split('"').filter(|text| text.contains("?v=")).collect();
        assert_eq!((loaded.len(), page.contains("//")), (5, false), "{page}");
        for path in loaded {
            for wish in ["gzip", "identity", "br"] {
                let answer = get(&mut client, path, wish).await;
                assert_eq!(answer.status, StatusCode::OK, "{path}");
                assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{path}");
                // Clients without gzip get it, too: the bundle is too large for a Lambda function without it.
                if path.starts_with("/api/docs/") {
                    assert_eq!(answer.header("content-encoding"), "gzip", "{path} {wish}");
                    assert!(decoded(&answer).text().to_lowercase().contains("swagger"), "{path}");
                }
            }
        }
        assert_eq!(get(&mut client, "/api/docs/nothing.js", "gzip").await.status, StatusCode::NOT_FOUND);
    })
    .await;
}
