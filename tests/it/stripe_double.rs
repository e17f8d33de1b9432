//! A minimal Stripe double on loopback: intents with manual capture, refunds and disputes as documented, and actions in its dashboard
//! and of banks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use shopease_payments::stripe::StripeProvider;
use tokio::net::TcpListener;

use crate::harness::WEBHOOK_SECRET;

type Fields = BTreeMap<String, String>;

#[derive(Default)]
struct Books {
    intents: Vec<Value>,
    /// Oldest first.
    refunds: Vec<Value>,
    disputes: Vec<Value>,
    /// First responses, by key.
    answers: BTreeMap<String, Value>,
}

/// The double; clones share everything.
#[derive(Clone, Default)]
pub struct Stripe(Arc<Mutex<Books>>);

impl Stripe {
    /// Starts the double. Returns it with a provider that calls it.
    pub async fn start() -> (Self, StripeProvider) {
        let this = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new()
            .route("/v1/payment_intents", post(create))
            .route("/v1/payment_intents/{id}", get(retrieve))
            .route("/v1/payment_intents/{id}/{step}", post(advance))
            .route("/v1/refunds", get(list_refunds).post(refund))
            .route("/v1/disputes", get(list_disputes))
            .with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let provider = StripeProvider::new("sk_test_double".to_owned().into(), WEBHOOK_SECRET.to_owned().into());
        (this, provider.and_then(|provider| provider.with_base_url(&base)).expect("a provider"))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().expect("not poisoned")
    }

    /// Number of intents.
    pub fn intents(&self) -> usize {
        self.books().intents.len()
    }

    /// Amounts and states of all refunds, in Stripe's units.
    pub fn refunds(&self) -> Vec<(i64, String)> {
        let books = self.books();
        let told = books.refunds.iter().map(|refund| {
            (refund["amount"].as_i64().expect("an amount"), refund["status"].as_str().expect("a status").to_owned())
        });
        told.collect()
    }

    /// Refunds in the dashboard. Returns the event, which does not contain the order.
    pub fn refund_in_dashboard(&self, amount: i64) -> Value {
        let made = self.books().refund(0, amount, &json!({})).expect("money is left");
        event("refund.created", &made)
    }

    /// The bank returns the newest refund. Returns the event.
    pub fn return_refund(&self) -> Value {
        let mut books = self.books();
        let refund = books.refunds.last_mut().expect("a refund");
        refund["status"] = json!("failed");
        refund["failure_reason"] = json!("expired_or_canceled_card");
        let (amount, failed) = (refund["amount"].as_i64().expect("an amount"), refund.clone());
        let charge = &mut books.intents[0]["latest_charge"];
        charge["amount_refunded"] = json!(charge["amount_refunded"].as_i64().expect("an amount") - amount);
        event("refund.failed", &failed)
    }

    /// The cardholder disputes the payment, or the bank decides.
    pub fn dispute(&self, status: &str) -> Value {
        let mut books = self.books();
        books.intents[0]["latest_charge"]["disputed"] = json!(true);
        let dispute = json!({
            "id": "dp_1", "object": "dispute", "amount": books.intents[0]["amount"], "currency": "eur", "status": status,
            "reason": "fraudulent", "created": 1_767_261_600, "payment_intent": books.intents[0]["id"], "metadata": {},
        });
        books.disputes = vec![dispute.clone()];
        event("charge.dispute.updated", &dispute)
    }
}

impl Books {
    fn refund(&mut self, intent: usize, amount: i64, metadata: &Value) -> Option<Value> {
        let paid = self.intents[intent]["amount"].as_i64()?;
        let refunded = self.intents[intent]["latest_charge"]["amount_refunded"].as_i64()?;
        if refunded + amount > paid {
            return None;
        }
        self.intents[intent]["latest_charge"]["amount_refunded"] = json!(refunded + amount);
        let refund = json!({
            "id": format!("re_{}", self.refunds.len() + 1), "object": "refund", "amount": amount, "currency": "eur",
            "status": "succeeded", "created": 1_767_261_600, "payment_intent": self.intents[intent]["id"], "metadata": metadata,
        });
        self.refunds.push(refund.clone());
        Some(refund)
    }

    fn place_of(&self, id: &str) -> Option<usize> {
        self.intents.iter().position(|intent| intent["id"] == id)
    }
}

fn event(kind: &str, object: &Value) -> Value {
    json!({"id": format!("evt_{kind}"), "object": "event", "type": kind, "data": {"object": object}})
}

fn refuse(code: &str) -> Response {
    let error = json!({"error": {"type": "invalid_request_error", "code": code}});
    (StatusCode::BAD_REQUEST, error.to_string()).into_response()
}

/// Returns the first response with the key, or runs the action.
fn once(stripe: &Stripe, headers: &HeaderMap, act: impl FnOnce(&mut Books) -> Result<Value, &'static str>) -> Response {
    let key = headers["idempotency-key"].to_str().expect("text").to_owned();
    let mut books = stripe.books();
    if let Some(known) = books.answers.get(&key) {
        return known.to_string().into_response();
    }
    match act(&mut books) {
        Ok(done) => {
            books.answers.insert(key, done.clone());
            done.to_string().into_response()
        }
        Err(code) => refuse(code),
    }
}

async fn create(State(stripe): State<Stripe>, headers: HeaderMap, Form(form): Form<Fields>) -> Response {
    once(&stripe, &headers, |books| {
        let amount: i64 = form["amount"].parse().expect("a number");
        let three_decimals = ["kwd", "bhd", "jod", "omr", "tnd"].contains(&form["currency"].as_str());
        match form["currency"].as_str() {
            "eur" | "usd" if amount < 50 => return Err("amount_too_small"),
            _ if three_decimals && amount % 10 != 0 => return Err("invalid_request_error"),
            _ => {}
        }
        let intent = json!({
            "id": format!("pi_{}", books.intents.len() + 1), "object": "payment_intent", "amount": amount,
            "currency": form["currency"], "status": "requires_confirmation", "latest_charge": null,
            "metadata": {"order_id": form["metadata[order_id]"]},
        });
        books.intents.push(intent.clone());
        Ok(intent)
    })
}

async fn advance(
    State(stripe): State<Stripe>,
    Path((id, step)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    once(&stripe, &headers, |books| {
        let place = books.place_of(&id).ok_or("resource_missing")?;
        let intent = &mut books.intents[place];
        intent["status"] = json!(match step.as_str() {
            "confirm" => "requires_capture",
            "capture" => "succeeded",
            _ => "canceled",
        });
        if step == "confirm" {
            intent["latest_charge"] = json!({"id": "ch_1", "amount_refunded": 0, "disputed": false});
        }
        Ok(intent.clone())
    })
}

async fn retrieve(State(stripe): State<Stripe>, Path(id): Path<String>) -> Response {
    let books = stripe.books();
    if let Some(place) = books.place_of(&id) {
        return books.intents[place].to_string().into_response();
    }
    let error = json!({"error": {"type": "invalid_request_error", "code": "resource_missing"}});
    (StatusCode::NOT_FOUND, error.to_string()).into_response()
}

async fn refund(State(stripe): State<Stripe>, headers: HeaderMap, Form(form): Form<Fields>) -> Response {
    once(&stripe, &headers, |books| {
        let place = books.place_of(&form["payment_intent"]).ok_or("resource_missing")?;
        let metadata = json!({"order_id": form["metadata[order_id]"], "refund_id": form["metadata[refund_id]"]});
        let amount = form["amount"].parse().expect("a number");
        books.refund(place, amount, &metadata).ok_or("charge_already_refunded")
    })
}

async fn list_refunds(State(stripe): State<Stripe>, Query(query): Query<Fields>) -> Response {
    listed(&stripe.books().refunds, &query)
}

async fn list_disputes(State(stripe): State<Stripe>, Query(query): Query<Fields>) -> Response {
    listed(&stripe.books().disputes, &query)
}

/// Objects of an intent, newest first, one per page.
fn listed(all: &[Value], query: &Fields) -> Response {
    let newest_first = all.iter().rev().filter(|one| one["payment_intent"] == query["payment_intent"].as_str());
    let start = query.get("starting_after");
    let after = newest_first.skip_while(|one| start.is_some_and(|start| one["id"] != start.as_str()));
    let mut rest = after.skip(usize::from(start.is_some()));
    let data: Vec<_> = rest.by_ref().take(1).collect();
    json!({"object": "list", "data": data, "has_more": rest.next().is_some()}).to_string().into_response()
}
