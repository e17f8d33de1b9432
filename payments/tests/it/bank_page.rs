//! The bank's page in a browser without JavaScript.

use reqwest::{Client, StatusCode};
use shopease_payments::fake::service::FaultPlan;
use shopease_shop::ports::{IntentStatus, PaymentProvider as _};

use crate::support::{RETURN_URL, Running, confirm_request, create_request};

fn browser() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

async fn awaiting_confirmation(running: &Running) -> (String, String) {
    let provider = running.provider();
    let id = provider.create_intent(&create_request("ask", "card_requires_action")).await.expect("an intent").id;
    let intent = provider.confirm(&confirm_request("ask:confirm", &id)).await.expect("a response");
    let IntentStatus::RequiresAction { url } = intent.status else { panic!("{intent:?}") };
    (id, url)
}

#[tokio::test]
async fn the_first_decision_counts_and_redirects_to_the_shop() {
    for (decision, other, expected) in [
        ("approve", "refuse", IntentStatus::Authorized),
        ("refuse", "approve", IntentStatus::Declined { code: "authentication_failed".to_owned() }),
    ] {
        let running = Running::start(FaultPlan::default(), None).await;
        let (id, url) = awaiting_confirmation(&running).await;
        let page = browser().get(&url).send().await.expect("a page");
        assert_eq!(page.status(), StatusCode::OK);
        let html = page.text().await.expect("HTML");
        for part in
            ["lang=\"en\"", "<h1>", "24.90 EUR", "value=\"approve\"", "value=\"refuse\"", "<form method=\"post\">"]
        {
            assert!(html.contains(part), "{part} in {html}");
        }

        for decision in [decision, decision, other] {
            let reply = browser().post(&url).form(&[("answer", decision)]).send().await.expect("a response");
            assert_eq!(reply.status(), StatusCode::SEE_OTHER);
            assert_eq!(reply.headers()["location"], RETURN_URL);
            assert_eq!(running.provider().find_intent(&id).await.expect("an intent").status, expected);
        }
        let late = browser().get(&url).send().await.expect("a response");
        assert_eq!(late.status(), StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn there_is_no_page_for_payments_without_confirmation() {
    let running = Running::start(FaultPlan::default(), None).await;
    let id = crate::support::authorized(&running.provider()).await.id;
    for id in ["pi_fake_nothing", &id] {
        let url = format!("{}/authenticate/{id}", running.base);
        assert_eq!(browser().get(&url).send().await.expect("a page").status(), StatusCode::NOT_FOUND);
        let posted = browser().post(&url).form(&[("answer", "refuse")]).send().await.expect("a page");
        assert_eq!(posted.status(), StatusCode::NOT_FOUND);
    }
    let (_, url) = awaiting_confirmation(&running).await;
    let nonsense = browser().post(&url).form(&[("answer", "perhaps")]).send().await.expect("a page");
    assert_eq!(nonsense.status(), StatusCode::UNPROCESSABLE_ENTITY);
}
