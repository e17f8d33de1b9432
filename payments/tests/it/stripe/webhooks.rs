//! Stripe's webhooks: signature, relevant events, and irrelevant ones.

use secrecy::SecretString;
use serde_json::{Value, json};
use shopease_payments::sign;
use shopease_shop::ports::{PaymentEvent, PaymentProvider as _, WebhookError};
use shopease_shop::testing::FixedClock;
use time::Duration;

use super::{WEBHOOK_SECRET, provider};
use crate::support::order;

fn secret() -> SecretString {
    SecretString::from(WEBHOOK_SECRET)
}

fn read(body: &Value) -> Result<Option<PaymentEvent>, WebhookError> {
    let body = body.to_string();
    let signature = sign(&secret(), FixedClock::START, body.as_bytes());
    provider("http://127.0.0.1:1").read_webhook(Some(&signature), body.as_bytes(), FixedClock::START)
}

fn event(event_type: &str, object: &Value) -> Value {
    json!({"id": "evt_1", "object": "event", "type": event_type, "api_version": "2020-08-27", "data": {"object": object}})
}

#[test]
fn events_of_intents_and_refunded_charges_name_intent_and_order() {
    let intent = json!({"id": "pi_1", "object": "payment_intent", "metadata": {"order_id": order(1), "more": "x"}});
    let charge =
        json!({"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": {"order_id": order(1)}});
    let expected = PaymentEvent { id: "evt_1".to_owned(), intent_id: "pi_1".to_owned(), order_id: Some(order(1)) };
    for event_type in [
        "payment_intent.requires_action",
        "payment_intent.processing",
        "payment_intent.amount_capturable_updated",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "payment_intent.canceled",
    ] {
        assert_eq!(read(&event(event_type, &intent)), Ok(Some(expected.clone())), "{event_type}");
    }
    assert_eq!(read(&event("charge.refunded", &charge)), Ok(Some(expected.clone())));
    // A refund made by the shop contains the order; one made at Stripe and a dispute do not, but their intent does.
    let unknown = PaymentEvent { order_id: None, ..expected.clone() };
    for event_type in [
        "charge.refund.updated",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    ] {
        let with_order = json!({"id": "x_1", "payment_intent": "pi_1", "metadata": {"order_id": order(1)}});
        assert_eq!(read(&event(event_type, &with_order)), Ok(Some(expected.clone())), "{event_type}");
        let without = json!({"id": "x_1", "payment_intent": "pi_1", "metadata": {}});
        assert_eq!(read(&event(event_type, &without)), Ok(Some(unknown.clone())), "{event_type}");
        let of_no_intent = json!({"id": "x_1", "charge": "ch_1", "payment_intent": null});
        assert_eq!(read(&event(event_type, &of_no_intent)), Ok(None), "{event_type}");
    }
}

#[test]
fn foreign_events_are_none_and_broken_ones_unreadable() {
    for useless in [
        event("customer.created", &json!({"id": "cus_1"})),
        event("payment_intent.succeeded", &json!({"id": "pi_1", "metadata": {}})),
        event("payment_intent.succeeded", &json!({"id": "pi_1"})),
        event("payment_intent.succeeded", &json!({"id": "pi_1", "metadata": {"order_id": "10023"}})),
        event("charge.refunded", &json!({"id": "ch_1", "payment_intent": null, "metadata": {"order_id": order(1)}})),
    ] {
        assert_eq!(read(&useless), Ok(None), "{useless}");
    }
    for broken in
        [json!("text"), json!({"type": "payment_intent.succeeded"}), event("payment_intent.succeeded", &json!(1))]
    {
        assert!(matches!(read(&broken), Err(WebhookError::Unreadable(_))), "{broken}");
    }
}

#[test]
fn the_signature_is_checked_first() {
    let now = FixedClock::START;
    let body =
        event("payment_intent.succeeded", &json!({"id": "pi_1", "metadata": {"order_id": order(1)}})).to_string();
    let read = |signature: Option<&str>| {
        let event = provider("http://127.0.0.1:1").read_webhook(signature, body.as_bytes(), now);
        event.map(|event| event.is_some())
    };
    let good = sign(&secret(), now, body.as_bytes());
    let rolled = sign(&SecretString::from("whsec_older"), now, body.as_bytes());
    let both = format!("{rolled},{}", good.split_once(',').expect("two parts").1);
    assert_eq!((read(Some(&good)), read(Some(&both))), (Ok(true), Ok(true)));
    let (late, early) = (now - Duration::seconds(301), now + Duration::seconds(301));
    for (signature, expected) in [
        (None, WebhookError::Forged),
        (Some(rolled), WebhookError::Forged),
        (Some(good.replace("v1=", "v0=")), WebhookError::Forged),
        (Some(sign(&secret(), late, body.as_bytes())), WebhookError::Stale),
        (Some(sign(&secret(), early, body.as_bytes())), WebhookError::Stale),
    ] {
        assert_eq!(read(signature.as_deref()), Err(expected), "{signature:?}");
    }
}
