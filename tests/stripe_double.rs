//! A minimal Stripe double on loopback: intents with manual capture, payment pages, refunds and disputes as documented, and actions in
//! its dashboard, of shoppers, and of banks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Fields = BTreeMap<String, String>;

#[derive(Default)]
struct Books {
    intents: Vec<Value>,
    /// Payment pages.
    sessions: Vec<Value>,
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
    /// Starts the double. Returns it with its URL.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start() -> (Self, String) {
        let this = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new()
            .route("/v1/payment_intents", post(create))
            .route("/v1/payment_intents/{id}", get(retrieve))
            .route("/v1/payment_intents/{id}/{step}", post(advance))
            .route("/v1/checkout/sessions", post(create_session))
            .route("/v1/checkout/sessions/{id}", get(retrieve_session))
            .route("/v1/checkout/sessions/{id}/expire", post(expire_session))
            .route("/v1/refunds", get(list_refunds).post(refund))
            .route("/v1/disputes", get(list_disputes))
            .with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (this, base)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().expect("not poisoned")
    }

    /// Number of intents.
    pub fn intents(&self) -> usize {
        self.books().intents.len()
    }

    /// The newest payment page.
    pub fn page(&self) -> Value {
        self.books().sessions.last().expect("a page").clone()
    }

    /// The shopper pays on the newest payment page. Returns the events of the payment and of the page.
    pub fn pay_on_page(&self) -> [Value; 2] {
        let mut books = self.books();
        let id = format!("pi_{}", books.intents.len() + 1);
        let session = books.sessions.last_mut().expect("a page");
        assert_eq!(session["status"], "open", "the page shows that it is closed");
        session["status"] = json!("complete");
        session["url"] = Value::Null;
        session["payment_intent"] = json!(id);
        let session = session.clone();
        let intent = json!({
            "id": id, "object": "payment_intent", "amount": session["amount_total"], "currency": session["currency"],
            "status": "requires_capture", "metadata": session["metadata"],
            "latest_charge": {"id": "ch_1", "amount_refunded": 0, "disputed": false},
        });
        books.intents.push(intent.clone());
        [event("payment_intent.amount_capturable_updated", &intent), event("checkout.session.completed", &session)]
    }

    /// The newest payment page expires at Stripe. Returns the event.
    pub fn expire_page(&self) -> Value {
        let mut books = self.books();
        let session = books.sessions.last_mut().expect("a page");
        session["status"] = json!("expired");
        session["url"] = Value::Null;
        event("checkout.session.expired", session)
    }

    /// The shopper confirms the newest payment on the bank's page. Returns the URL to which the bank leads back.
    pub fn confirm_at_bank(&self) -> String {
        let mut books = self.books();
        let intent = books.intents.last_mut().expect("an intent");
        assert_eq!(intent["status"], "requires_action");
        let back = intent["next_action"]["redirect_to_url"]["return_url"].as_str().unwrap_or_default().to_owned();
        intent["status"] = json!("requires_capture");
        intent["next_action"] = Value::Null;
        intent["latest_charge"] = json!({"id": "ch_1", "amount_refunded": 0, "disputed": false});
        back
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

    /// A session with its payment expanded.
    fn with_payment(&self, session: &Value) -> Value {
        let mut session = session.clone();
        if let Some(place) = session["payment_intent"].as_str().and_then(|id| self.place_of(id)) {
            session["payment_intent"] = self.intents[place].clone();
        }
        session
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
            "currency": form["currency"], "latest_charge": null, "metadata": {"order_id": form["metadata[order_id]"]},
            // Without a card, there is nothing to confirm yet.
            "status": if form.contains_key("payment_method") { "requires_confirmation" } else { "requires_payment_method" },
        });
        books.intents.push(intent.clone());
        Ok(intent)
    })
}

async fn advance(
    State(stripe): State<Stripe>,
    Path((id, step)): Path<(String, String)>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let token = form.get("confirmation_token").map_or("", String::as_str);
    if token == "ctoken_declined" {
        let mut books = stripe.books();
        let place = books.place_of(&id).expect("an intent");
        let intent = &mut books.intents[place];
        intent["last_payment_error"] = json!({"code": "card_declined", "decline_code": "insufficient_funds"});
        let error = json!({"error": {
            "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds", "payment_intent": intent.clone(),
        }});
        return (StatusCode::PAYMENT_REQUIRED, error.to_string()).into_response();
    }
    once(&stripe, &headers, |books| {
        let place = books.place_of(&id).ok_or("resource_missing")?;
        let intent = &mut books.intents[place];
        let can_be_confirmed = intent["status"] == "requires_confirmation" || !token.is_empty();
        if step == "confirm" && !can_be_confirmed {
            return Err("payment_intent_unexpected_state");
        }
        if step == "capture" && intent["status"] != "requires_capture" {
            return Err("payment_intent_unexpected_state");
        }
        if token == "ctoken_secure" {
            intent["status"] = json!("requires_action");
            let redirect = json!({"url": "https://hooks.stripe.test/3d_secure", "return_url": form.get("return_url")});
            intent["next_action"] = json!({"type": "redirect_to_url", "redirect_to_url": redirect});
            return Ok(intent.clone());
        }
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

async fn create_session(State(stripe): State<Stripe>, headers: HeaderMap, Form(form): Form<Fields>) -> Response {
    once(&stripe, &headers, |books| {
        assert_eq!(
            (form["mode"].as_str(), form["payment_intent_data[capture_method]"].as_str()),
            ("payment", "manual")
        );
        assert_eq!(form["metadata[order_id]"], form["payment_intent_data[metadata][order_id]"]);
        let amount: i64 = form["line_items[0][price_data][unit_amount]"].parse().expect("a number");
        let id = format!("cs_test_{}", books.sessions.len() + 1);
        let session = json!({
            "id": id, "object": "checkout.session", "status": "open", "payment_status": "unpaid", "payment_intent": null,
            "amount_total": amount, "currency": form["line_items[0][price_data][currency]"],
            "url": format!("https://checkout.stripe.test/{id}"), "metadata": {"order_id": form["metadata[order_id]"]},
            "success_url": form["success_url"], "customer_email": form["customer_email"],
        });
        books.sessions.push(session.clone());
        Ok(session)
    })
}

async fn retrieve_session(State(stripe): State<Stripe>, Path(id): Path<String>) -> Response {
    let books = stripe.books();
    let session = books.sessions.iter().find(|session| session["id"] == id.as_str()).expect("a page");
    books.with_payment(session).to_string().into_response()
}

async fn expire_session(State(stripe): State<Stripe>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    once(&stripe, &headers, |books| {
        let session = books.sessions.iter_mut().find(|session| session["id"] == id.as_str()).expect("a page");
        if session["status"] != "open" {
            return Err("resource_unexpected_state");
        }
        session["status"] = json!("expired");
        session["url"] = Value::Null;
        Ok(session.clone())
    })
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
