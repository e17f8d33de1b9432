//! The bank's page: asks the shopper for confirmation, updates the ledger, and redirects the browser to the shop.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::fake::command::Command;
use crate::fake::intent::{Intent, Status};
use crate::fake::ledger::Ledger;

/// `GET` and `POST /authenticate/{intent}`, for a shop whose ledger is in its own process.
pub fn bank_router(ledger: Arc<Ledger>) -> Router {
    Router::new().route("/authenticate/{intent_id}", get(ask).post(decide)).with_state(ledger)
}

#[derive(Deserialize)]
struct DecisionForm {
    answer: Decision,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approve,
    Refuse,
}

async fn ask(State(ledger): State<Arc<Ledger>>, Path(intent_id): Path<String>) -> Response {
    match ledger.find(&intent_id) {
        Ok(intent) if intent.status == Status::RequiresAction => page(StatusCode::OK, &question(&intent)),
        Ok(intent) => back_to_shop(&intent),
        Err(_) => no_such_payment(),
    }
}

async fn decide(
    State(ledger): State<Arc<Ledger>>,
    Path(intent_id): Path<String>,
    Form(DecisionForm { answer }): Form<DecisionForm>,
) -> Response {
    let command = Command::Authenticate { intent_id: intent_id.clone(), approved: answer == Decision::Approve };
    // Only the first decision counts, for example of two clicks.
    let _ = ledger.execute_async(&format!("authenticate:{intent_id}"), command).await;
    match ledger.find(&intent_id) {
        Ok(intent) if intent.status == Status::RequiresAction => {
            page(StatusCode::INTERNAL_SERVER_ERROR, "<h1>Something went wrong</h1><p>Please try again.</p>")
        }
        Ok(intent) => back_to_shop(&intent),
        Err(_) => no_such_payment(),
    }
}

fn back_to_shop(intent: &Intent) -> Response {
    match &intent.return_url {
        Some(url) => (StatusCode::SEE_OTHER, [(header::LOCATION, url.as_str())]).into_response(),
        None => no_such_payment(),
    }
}

fn no_such_payment() -> Response {
    page(StatusCode::NOT_FOUND, "<h1>Payment not found</h1><p>There is no payment to approve at this address.</p>")
}

fn question(intent: &Intent) -> String {
    // Amount and order ID are typed values, so nothing needs escaping.
    format!(
        r#"<h1>Approve this payment?</h1>
<p>A shop requests <strong>{}</strong> for order {}. This is a test bank; no money is moved.</p>
<form method="post">
<button name="answer" value="approve">Approve</button>
<button name="answer" value="refuse">Decline</button>
</form>"#,
        intent.amount, intent.order_id
    )
}

fn page(status: StatusCode, main: &str) -> Response {
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Test bank</title>
<style>
body {{ font: 1.125rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 3rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff; overflow-wrap: anywhere }}
button {{ font: inherit; min-height: 3rem; padding: 0 1.5rem; margin: 0 .5rem .5rem 0; border: 2px solid #1a1a1a; border-radius: .375rem; background: #fff; color: #1a1a1a }}
button:first-of-type {{ background: #1a1a1a; color: #fff }}
</style>
</head>
<body><main>
{main}
</main></body>
</html>
"#
    );
    let policy = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, policy, Html(html)).into_response()
}
