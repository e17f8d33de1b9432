//! The bank's page, which asks the shopper for confirmation, and the payment page, which asks for a card. Both update the ledger and
//! redirect the browser to the shop.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::fake::cards::cards_of_page;
use crate::fake::command::{Command, LedgerError};
use crate::fake::intent::{Intent, Status};
use crate::fake::ledger::Ledger;
use crate::fake::transition::asks_for_card;

/// `GET` and `POST /authenticate/{intent}`, for a shop whose ledger is in its own process.
pub fn bank_router(ledger: Arc<Ledger>) -> Router {
    Router::new().route("/authenticate/{intent_id}", get(ask).post(decide)).with_state(ledger)
}

/// The pressed button: one of the bank's page, or a card of the payment page.
#[derive(Deserialize)]
struct DecisionForm {
    answer: Option<Decision>,
    card: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approve,
    Refuse,
}

async fn ask(State(ledger): State<Arc<Ledger>>, Path(intent_id): Path<String>) -> Response {
    match ledger.find(&intent_id) {
        Ok(intent) if intent.status == Status::RequiresAction => page(StatusCode::OK, &question(&intent, None)),
        Ok(intent) => back_to_shop(&intent),
        Err(_) => no_such_payment(),
    }
}

async fn decide(
    State(ledger): State<Arc<Ledger>>,
    Path(intent_id): Path<String>,
    Form(DecisionForm { answer, card }): Form<DecisionForm>,
) -> Response {
    let (key, command) = match (answer, card) {
        (_, Some(card)) => (format!("pay:{intent_id}:{card}"), Command::Pay { intent_id: intent_id.clone(), card }),
        (Some(answer), None) => {
            let approved = answer == Decision::Approve;
            (format!("authenticate:{intent_id}"), Command::Authenticate { intent_id: intent_id.clone(), approved })
        }
        (None, None) => return page(StatusCode::BAD_REQUEST, "<h1>Nothing was chosen</h1>"),
    };
    // Only the first decision counts, for example of two clicks.
    let result = ledger.execute_async(&key, command).await;
    match ledger.find(&intent_id) {
        Ok(intent) if intent.status == Status::RequiresAction => match result {
            Err(LedgerError::Refused { code }) if asks_for_card(&intent) => {
                page(StatusCode::OK, &question(&intent, Some(&code)))
            }
            _ => page(StatusCode::INTERNAL_SERVER_ERROR, "<h1>Something went wrong</h1><p>Please try again.</p>"),
        },
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

/// The question to the shopper, on the payment page with the reason why the last card was declined.
fn question(intent: &Intent, decline: Option<&str>) -> String {
    // Amount, order ID, codes, and labels are values of this program, so nothing needs escaping.
    if asks_for_card(intent) {
        let decline = decline.map_or(String::new(), |code| {
            format!(r#"<p role="alert"><strong>The card was declined ({code}). Choose another one.</strong></p>"#)
        });
        let cards = cards_of_page()
            .map(|(token, label)| format!(r#"<p><button name="card" value="{token}">{label}</button></p>"#));
        let back = intent.return_url.as_deref().map_or(String::new(), |url| {
            format!(r#"<p><a href="{}">Back to the shop</a></p>"#, url.replace('&', "&amp;").replace('"', "%22"))
        });
        let (amount, order, cards) = (intent.amount, &intent.order_id, cards.collect::<String>());
        return format!(
            r#"<h1>Pay {amount}</h1>
{decline}<p>For order {order}. This is a test payment page; no money is moved.</p>
<form method="post">
{cards}</form>
{back}"#
        );
    }
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
