//! The recorded events in `sam/events`, each sent to the router of its function.

use std::path::Path;

use axum::Router;
use axum::body::Body;
use shopease_shared::http::routes::Area;
use shopease_shared::http::{self as shop_http};
use shopease_shop::testing::fixtures;
use shopease_storage::testing::on_dynamodb;

use crate::harness::{Answer, Client, TestShop};

/// The function's response to an event.
async fn invoke(router: Router, event: &str) -> Answer {
    let request = lambda_http::request::from_str(event).expect("an event that the runtime can parse");
    Client::new(router).send(request.map(|body| Body::from(body.to_vec()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_front_door_gets_the_same_response_to_a_recorded_event() {
    on_dynamodb(|store| async {
        let shop = TestShop::new(store);
        for name in ["kettle", "lamp", "mug"] {
            shop.sell(&fixtures::product(name).build(), 9).await;
        }
        for area in Area::ALL {
            let mut bodies = Vec::new();
            for file in events_of(area) {
                let event = std::fs::read_to_string(&file).expect("a readable event");
                let answer = invoke(shop_http::area(shop.app.clone(), area), &event).await;
                assert!(answer.status.is_success(), "{}: {} {}", file.display(), answer.status, answer.text());
                bodies.push(answer.body);
            }
            // Responses may depend on the visitor; the catalog's do not.
            assert!(area != Area::Catalog || bodies.windows(2).all(|pair| pair[0] == pair[1]));
        }
    })
    .await;
}

fn events_of(area: Area) -> Vec<std::path::PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sam/events");
    let files = std::fs::read_dir(directory).expect("the events").map(|entry| entry.expect("an event").path());
    files.filter(|file| file.to_string_lossy().contains(&format!("-{}-", area.name()))).collect()
}
