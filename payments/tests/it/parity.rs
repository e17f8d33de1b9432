//! The ledger in this process and the ledger behind HTTP give equal results.

use std::cell::RefCell;
use std::sync::Arc;

use shopease_payments::fake::service::FaultPlan;
use shopease_payments::fake::{FakeProvider, test_cards};
use shopease_shop::domain::{Currency, Money};
use shopease_shop::ports::{IntentStatus, PaymentError, PaymentIntent, PaymentProvider, RefundIntent};
use time::Duration;

use crate::support::{
    Running, authenticate, confirm_request, create_request, eur, ledger, order, refund_request, secret,
};

/// A long story with every card, told as text. `base` is cut out of addresses.
async fn story(
    provider: &FakeProvider,
    advance: impl Fn(Duration),
    answer_bank: impl Fn(&str),
    base: &str,
) -> Vec<String> {
    let told = RefCell::new(vec![]);
    let note = |what: &str, result: &dyn std::fmt::Debug| {
        told.borrow_mut().push(format!("{what}: {result:?}").replace(base, "<base>"));
    };
    let tell = |what: &str, result: Result<PaymentIntent, PaymentError>| {
        note(what, &result);
        result.map_or_else(|_| String::new(), |intent| intent.id)
    };
    for (card, _) in test_cards() {
        let key = |step: &str| format!("{card}:{step}");
        let created = provider.create_intent(&create_request(&key("create"), &card)).await;
        let id = tell("create", created);
        tell("created again", provider.create_intent(&create_request(&key("create"), &card)).await);
        tell("too early", provider.capture(&id, &key("early")).await);
        tell("confirm", provider.confirm(&confirm_request(&key("confirm"), &id)).await);
        tell("find", provider.find_intent(&id).await);
        if card == "card_requires_action" {
            answer_bank(&id);
        }
        tell("confirmed again", provider.confirm(&confirm_request(&key("confirm"), &id)).await);
        tell("confirm anew", provider.confirm(&confirm_request(&key("anew"), &id)).await);
        tell("key of another", provider.capture(&id, &key("confirm")).await);
        tell("capture", provider.capture(&id, &key("capture")).await);
        note("refund", &provider.refund(&refund_request(&key("refund"), &id, 1000)).await);
        note("refund too much", &provider.refund(&refund_request(&key("much"), &id, 1491)).await);
        let yen = Money::new(10, "JPY".parse::<Currency>().expect("yen"));
        let wrong = RefundIntent { amount: yen, ..refund_request(&key("yen"), &id, 1) };
        note("refund yen", &provider.refund(&wrong).await);
        note("refund nothing", &provider.refund(&refund_request(&key("nothing"), &id, 0)).await);
        note("refund the rest", &provider.refund(&refund_request(&key("rest"), &id, 1490)).await);
        note("refund more", &provider.refund(&refund_request(&key("more"), &id, 1)).await);
        note("reversals", &provider.find_reversals(&id).await);
        tell("cancel", provider.cancel(&id, &key("cancel")).await);
        tell("end", provider.find_intent(&id).await);
    }
    let held = tell("create", provider.create_intent(&create_request("held", "card_approved")).await);
    tell("confirm", provider.confirm(&confirm_request("held:confirm", &held)).await);
    advance(Duration::days(8));
    tell("expired", provider.capture(&held, "held:capture").await);
    tell("cancel", provider.cancel(&held, "held:cancel").await);
    for id in ["pi_fake_1", "a b/../c?d#e"] {
        tell("no such", provider.find_intent(id).await);
        tell("no such", provider.capture(id, &format!("none:{id}")).await);
    }
    tell("no card", provider.create_intent(&create_request("none", "pm_card_visa")).await);
    tell("no key", provider.capture(&held, "").await);
    tell("long key", provider.capture(&held, &"k".repeat(256)).await);
    told.into_inner()
}

#[tokio::test]
async fn the_same_story_through_both() {
    let (local, clock) = ledger();
    let page = Some("http://bank.test/".to_owned());
    let provider = FakeProvider::in_process(Arc::clone(&local), page, secret());
    let approve =
        |ledger: &Arc<_>, id: &str| drop(shopease_payments::fake::Ledger::execute(ledger, id, authenticate(id, true)));
    let here = story(&provider, |by| clock.advance(by), |id| approve(&local, id), "http://bank.test").await;

    let running = Running::start(FaultPlan::default(), None).await;
    let there =
        story(&running.provider(), |by| running.clock.advance(by), |id| approve(&running.ledger, id), &running.base)
            .await;

    for (here, there) in here.iter().zip(&there) {
        assert_eq!(here, there);
    }
    assert_eq!(here.len(), there.len());
    assert_eq!(local.entries(), running.ledger.entries());
    assert_eq!(local.events(), running.ledger.events());
    // The story is about something.
    for needle in ["Authorized", "Captured", "Cancelled", "<base>/authenticate/", "insufficient_funds", "NotFound"] {
        assert!(here.iter().any(|line| line.contains(needle)), "{needle}");
    }
}

#[tokio::test]
async fn without_a_page_the_card_that_asks_is_not_accepted() {
    let (ledger, _) = ledger();
    let provider = FakeProvider::in_process(ledger, None, secret());
    assert!(!provider.accepts("card_requires_action") && provider.accepts("card_expires"));
    assert_eq!(provider.test_cards().len(), test_cards().len() - 1);
    let refused = provider.create_intent(&create_request("key", "card_requires_action")).await;
    assert!(matches!(refused, Err(PaymentError::Refused { code }) if code == "unknown_card"));
}

#[test]
fn the_cards_that_shops_know_keep_their_tokens_and_labels() {
    let cards = test_cards();
    let expected = [
        ("card_approved", "Test card ending in 4242 (is approved)"),
        ("card_declined", "Test card ending in 0002 (is declined)"),
        ("card_insufficient_funds", "Test card ending in 9995 (has insufficient funds)"),
    ];
    for ((token, label), expected) in cards.iter().zip(expected) {
        assert_eq!((token.as_str(), label.as_str()), expected);
    }
    assert_eq!(cards.len(), 5);
}

#[tokio::test]
async fn nobody_at_the_address_is_not_clear() {
    let provider = FakeProvider::remote("http://127.0.0.1:1", secret()).expect("a provider");
    let found = provider.find_intent("pi_fake_1").await;
    assert!(matches!(found, Err(PaymentError::Unknown(_))), "{found:?}");
    for wrong in ["payments:8090", "https://payments", "ftp://payments", ""] {
        assert!(FakeProvider::remote(wrong, secret()).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_wrong_base_url_is_not_taken_for_a_missing_intent() {
    let running = Running::start(FaultPlan::default(), None).await;
    let provider = FakeProvider::remote(&format!("{}/elsewhere", running.base), secret()).expect("a provider");
    let found = provider.find_intent("pi_fake_1").await;
    assert!(matches!(found, Err(PaymentError::Unknown(_))), "{found:?}");
    let found = running.provider().find_intent("pi_fake_1").await;
    assert!(matches!(found, Err(PaymentError::NotFound)), "{found:?}");
}

#[tokio::test]
async fn amounts_and_order_come_back() {
    let (ledger, _) = ledger();
    let provider = FakeProvider::in_process(Arc::clone(&ledger), None, secret());
    let intent = provider.create_intent(&create_request("key", "card_approved")).await.expect("an intent");
    assert_eq!(
        (intent.amount, intent.refunded, intent.status),
        (eur(2490), eur(0), IntentStatus::RequiresConfirmation)
    );
    assert_eq!(ledger.find(&intent.id).expect("kept").order_id, order(1));
}
