//! Stripe's wire format against `localstripe`, an independent stateful imitation of Stripe (from PyPI, run as a
//! process).
//!
//! Differences from the documented API, apart from those that [`super::shim`] corrects:
//! - Its errors always have the type `invalid_request_error`, and mostly no `code`. This includes a decline, which is
//!   documented as `card_error` with `decline_code` and the intent embedded. The provider has to retrieve the intent.
//! - `pm_card_visa_chargeDeclined` is declined only when attached to a customer; `pm_card_chargeCustomerFail` is
//!   declined when charged.
//! - A missing object is 404 without the code `resource_missing`. The provider cannot distinguish it from a wrong URL
//!   and returns "unknown", where Stripe's own response leads to "not found" (tested in [`super::faults`]).
//! - Capturing an unconfirmed intent fails with an internal error, 500; documented is 400
//!   `payment_intent_unexpected_state`.
//! - It refunds more than was paid; Stripe rejects that.
//! - A card that requires authentication has the action `use_stripe_sdk`, never `redirect_to_url`.
//! - Nothing ever expires.
//! - It keeps its state in a file in the temporary directory, which is not read with `--from-scratch`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shopease_payments::stripe::StripeProvider;
use shopease_shop::domain::{RefundId, ReportedRefundState};
use shopease_shop::ports::{
    CreateIntent, Env as _, IntentStatus, PaymentError, PaymentIntent, PaymentProvider as _, ProcessEnv,
};
use shopease_shop::testing::free_port;

use super::{KEY, provider, shim};
use crate::support::{confirm_request, create_request, eur, order, refund_request};

const VERSION: &str = "localstripe==1.15.10";

/// A running `localstripe`; it ends with this value.
struct LocalStripe {
    process: Child,
    base: String,
}

impl Drop for LocalStripe {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl LocalStripe {
    async fn start() -> Result<Self, String> {
        let program = tokio::task::spawn_blocking(program).await.map_err(|error| error.to_string())??;
        let port = free_port();
        let process = Command::new(&program)
            .args(["--from-scratch", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut running = Self { process, base: format!("http://127.0.0.1:{port}") };
        let start = Instant::now();
        while reqwest::get(&running.base).await.is_err() {
            if let Ok(Some(status)) = running.process.try_wait() {
                return Err(format!("localstripe exited with {status}"));
            }
            assert!(start.elapsed() < Duration::from_secs(30), "localstripe does not respond");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(running)
    }
}

/// The program from the variable `LOCALSTRIPE`, or from a virtual environment below `target`.
fn program() -> Result<PathBuf, String> {
    if let Some(given) = ProcessEnv.var("LOCALSTRIPE") {
        return Ok(given.into());
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/xtask");
    let environment = target.join("localstripe");
    let program = environment.join("bin/localstripe");
    // Several test processes may install it at the same time.
    std::fs::create_dir_all(&target).map_err(|error| error.to_string())?;
    let lock = std::fs::File::create(target.join("localstripe.lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if !program.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        run(Command::new(environment.join("bin/pip")).args(["install", "--quiet", VERSION]))?;
    }
    Ok(program)
}

fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("{shown}: {}", String::from_utf8_lossy(&output.stderr))) }
}

/// A provider for a new `localstripe`; if it cannot be installed, prints the reason and returns `None`.
async fn stripe(test: &str) -> Option<(LocalStripe, StripeProvider)> {
    match LocalStripe::start().await {
        Ok(running) => {
            let base = shim::start(&running.base).await;
            Some((running, provider(&base)))
        }
        Err(reason) => {
            assert!(ProcessEnv.var("CI").as_deref() != Some("true"), "{test}: no localstripe: {reason}");
            writeln!(std::io::stderr(), "skipped: {test}: no localstripe: {reason}").expect("stderr is writable");
            None
        }
    }
}

async fn held(stripe: &StripeProvider, name: &str) -> PaymentIntent {
    let request = create_request(&format!("{name}:create"), "pm_card_visa");
    let intent = stripe.create_intent(&request).await.expect("an intent");
    assert_eq!(
        (&intent.status, intent.amount, intent.refunded),
        (&IntentStatus::RequiresConfirmation, eur(2490), eur(0))
    );
    let intent = stripe.confirm(&confirm_request(&format!("{name}:confirm"), &intent.id)).await.expect("a response");
    assert_eq!(intent.status, IntentStatus::Authorized);
    intent
}

#[tokio::test]
async fn a_payment_from_creation_to_its_last_refund() {
    let Some((running, stripe)) = stripe("a_payment_from_creation_to_its_last_refund").await else { return };
    let id = held(&stripe, "1").await.id;
    let captured = stripe.capture(&id, "1:capture").await.expect("a capture");
    assert_eq!((&captured.status, captured.refunded), (&IntentStatus::Captured, eur(0)));
    let partly = stripe.refund(&refund_request("1:refund:1", &id, 1000)).await.expect("a refund");
    assert_eq!((partly.amount, &partly.state), (eur(1000), &ReportedRefundState::Succeeded));
    assert_eq!(partly.refund_id, Some(RefundId::derive("1:refund:1")), "it is found by the shop's own ID");
    assert_eq!(stripe.find_intent(&id).await.expect("an intent").refunded, eur(1000));
    let rest = stripe.refund(&refund_request("1:refund:2", &id, 1490)).await.expect("a refund");
    let wholly = stripe.find_intent(&id).await.expect("an intent");
    assert_eq!((&wholly.status, wholly.refunded), (&IntentStatus::Captured, eur(2490)));
    assert_eq!((wholly.order_id, wholly.disputed), (Some(order(1)), false));
    // Refunds of another payment are not included.
    let other = held(&stripe, "2").await.id;
    stripe.capture(&other, "2:capture").await.expect("a capture");
    stripe.refund(&refund_request("2:refund:1", &other, 100)).await.expect("a refund");
    let reversals = stripe.find_reversals(&id).await.expect("a list");
    assert!(reversals.refunds.len() == 2 && reversals.disputes.is_empty(), "{reversals:?}");
    assert!(reversals.refunds.contains(&partly) && reversals.refunds.contains(&rest), "{reversals:?}");
    // A captured intent cannot be canceled. (Stripe returns `payment_intent_unexpected_state`.)
    let cancelled = stripe.cancel(&id, "1:cancel").await;
    assert!(matches!(cancelled, Err(PaymentError::Refused { .. })), "{cancelled:?}");

    // As the server stores it, not as the provider reads it.
    let url = format!("{}/v1/payment_intents/{id}", running.base);
    let response = reqwest::Client::new().get(url).bearer_auth(KEY).send().await.expect("a response");
    let kept: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(kept["metadata"]["order_id"], serde_json::json!(order(1)));
    assert_eq!((kept["capture_method"].as_str(), kept["currency"].as_str()), (Some("manual"), Some("eur")));
    assert_eq!(kept["latest_charge"]["amount_refunded"], 2490);
}

#[tokio::test]
async fn an_intent_can_be_canceled_before_and_after_authorization() {
    let Some((_running, stripe)) = stripe("an_intent_can_be_canceled_before_and_after_authorization").await else {
        return;
    };
    let made = stripe.create_intent(&create_request("made", "pm_card_visa")).await.expect("an intent").id;
    let held = held(&stripe, "held").await.id;
    for id in [made, held] {
        let cancelled = stripe.cancel(&id, &format!("{id}:cancel")).await.expect("cancelled");
        assert_eq!(cancelled.status, IntentStatus::Cancelled);
        let again = stripe.cancel(&id, &format!("{id}:cancel again")).await.expect("still cancelled");
        assert_eq!(again.status, IntentStatus::Cancelled);
        assert_eq!(stripe.find_intent(&id).await.expect("an intent").status, IntentStatus::Cancelled);
    }
}

#[tokio::test]
async fn a_declined_card_is_a_result() {
    let Some((_running, stripe)) = stripe("a_declined_card_is_a_result").await else { return };
    let request = create_request("create", "pm_card_chargeCustomerFail");
    let id = stripe.create_intent(&request).await.expect("an intent").id;
    let declined = stripe.confirm(&confirm_request("confirm", &id)).await.expect("a response");
    assert_eq!(declined.status, IntentStatus::Declined { code: "card_declined".to_owned() });
    assert_eq!(stripe.find_intent(&id).await.expect("an intent"), declined);
    assert_eq!(stripe.cancel(&id, "cancel").await.expect("canceled").status, IntentStatus::Cancelled);
}

#[tokio::test]
async fn a_repeated_request_returns_the_same_result() {
    let Some((_running, stripe)) = stripe("a_repeated_request_returns_the_same_result").await else { return };
    let request = create_request("create", "pm_card_visa");
    let first = stripe.create_intent(&request).await.expect("an intent");
    assert_eq!(stripe.create_intent(&request).await.expect("the same"), first);
    let confirm = confirm_request("confirm", &first.id);
    let confirmed = stripe.confirm(&confirm).await.expect("a response");
    assert_eq!(stripe.confirm(&confirm).await.expect("the same"), confirmed);
    let captured = stripe.capture(&first.id, "capture").await.expect("a capture");
    assert_eq!(stripe.capture(&first.id, "capture").await.expect("the same"), captured);
    let refund = refund_request("refund", &first.id, 1000);
    let refunded = stripe.refund(&refund).await.expect("a refund");
    assert_eq!(stripe.refund(&refund).await.expect("the same"), refunded);
    assert_eq!(stripe.find_intent(&first.id).await.expect("an intent").refunded, eur(1000), "refunded once");

    let other = stripe.create_intent(&CreateIntent { amount: eur(1), ..request }).await;
    assert!(matches!(&other, Err(PaymentError::Refused { code }) if code == "idempotency_key_reused"), "{other:?}");
}

#[tokio::test]
async fn unknown_cards_are_rejected() {
    let Some((_running, stripe)) = stripe("unknown_cards_are_rejected").await else { return };
    let rejected = stripe.create_intent(&create_request("create", "pm_nobody")).await;
    // 404 without a code: see above.
    assert!(matches!(rejected, Err(PaymentError::Unknown(_))), "{rejected:?}");
}
