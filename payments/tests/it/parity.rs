//! The ledger in this process and the ledger behind HTTP return the same results.

use std::cell::RefCell;
use std::sync::Arc;

use shopease_payments::fake::service::FaultPlan;
use shopease_payments::fake::{Command, FakeProvider, Ledger, test_cards};
use shopease_shop::domain::{Currency, HOSTED_PAGE, Money};
use shopease_shop::ports::{IntentStatus, PaymentError, PaymentIntent, PaymentOption, PaymentProvider, RefundIntent};
use time::Duration;

use crate::support::{
    Running, authenticate, confirm_request, create_request, eur, ledger, order, refund_request, secret,
};

/// A long scenario with every card, recorded as text. `base` is removed from URLs.
async fn story(
    provider: &FakeProvider,
    advance: impl Fn(Duration),
    act_on_page: impl Fn(&str, &str),
    base: &str,
) -> Vec<String> {
    let recorded = RefCell::new(vec![]);
    let note = |what: &str, result: &dyn std::fmt::Debug| {
        recorded.borrow_mut().push(format!("{what}: {result:?}").replace(base, "<base>"));
    };
    let record = |what: &str, result: Result<PaymentIntent, PaymentError>| {
        note(what, &result);
        result.map_or_else(|_| String::new(), |intent| intent.id)
    };
    for card in test_cards().map(|(card, _)| card).chain([HOSTED_PAGE]) {
        let key = |step: &str| format!("{card}:{step}");
        let created = provider.create_intent(&create_request(&key("create"), card)).await;
        let id = record("create", created);
        record("created again", provider.create_intent(&create_request(&key("create"), card)).await);
        record("too early", provider.capture(&id, &key("early")).await);
        record("confirm", provider.confirm(&confirm_request(&key("confirm"), &id)).await);
        record("find", provider.find_intent(&id).await);
        if card == "card_requires_action" || card == HOSTED_PAGE {
            act_on_page(&id, card);
        }
        record("confirmed again", provider.confirm(&confirm_request(&key("confirm"), &id)).await);
        record("confirm anew", provider.confirm(&confirm_request(&key("anew"), &id)).await);
        record("key of another", provider.capture(&id, &key("confirm")).await);
        record("capture", provider.capture(&id, &key("capture")).await);
        note("refund", &provider.refund(&refund_request(&key("refund"), &id, 1000)).await);
        note("refund too much", &provider.refund(&refund_request(&key("much"), &id, 1491)).await);
        let yen = Money::new(10, "JPY".parse::<Currency>().expect("yen"));
        let wrong = RefundIntent { amount: yen, ..refund_request(&key("yen"), &id, 1) };
        note("refund yen", &provider.refund(&wrong).await);
        note("refund nothing", &provider.refund(&refund_request(&key("nothing"), &id, 0)).await);
        note("refund the rest", &provider.refund(&refund_request(&key("rest"), &id, 1490)).await);
        note("refund more", &provider.refund(&refund_request(&key("more"), &id, 1)).await);
        note("reversals", &provider.find_reversals(&id).await);
        record("cancel", provider.cancel(&id, &key("cancel")).await);
        record("end", provider.find_intent(&id).await);
    }
    let held = record("create", provider.create_intent(&create_request("held", "card_approved")).await);
    record("confirm", provider.confirm(&confirm_request("held:confirm", &held)).await);
    advance(Duration::days(8));
    record("expired", provider.capture(&held, "held:capture").await);
    record("cancel", provider.cancel(&held, "held:cancel").await);
    for id in ["pi_fake_1", "a b/../c?d#e"] {
        record("no such", provider.find_intent(id).await);
        record("no such", provider.capture(id, &format!("none:{id}")).await);
    }
    record("no card", provider.create_intent(&create_request("none", "pm_card_visa")).await);
    record("no key", provider.capture(&held, "").await);
    record("long key", provider.capture(&held, &"k".repeat(256)).await);
    recorded.into_inner()
}

#[tokio::test]
async fn the_same_scenario_through_both() {
    let (local, clock) = ledger();
    let page = Some("http://bank.test/".to_owned());
    let provider = FakeProvider::in_process(Arc::clone(&local), page, secret());
    let act = |ledger: &Arc<Ledger>, id: &str, method: &str| {
        let command = if method == HOSTED_PAGE {
            Command::Pay { intent_id: id.to_owned(), card: "card_approved".to_owned() }
        } else {
            authenticate(id, true)
        };
        ledger.execute(id, command).expect("a result");
    };
    let here = story(&provider, |by| clock.advance(by), |id, method| act(&local, id, method), "http://bank.test").await;

    let running = Running::start(FaultPlan::default(), None).await;
    let there = story(
        &running.provider(),
        |by| running.clock.advance(by),
        |id, method| act(&running.ledger, id, method),
        &running.base,
    )
    .await;

    for (here, there) in here.iter().zip(&there) {
        assert_eq!(here, there);
    }
    assert_eq!(here.len(), there.len());
    assert_eq!(local.entries(), running.ledger.entries());
    assert_eq!(local.events(), running.ledger.events());
    // Checks that the scenario covers something.
    for needle in ["Authorized", "Captured", "Cancelled", "<base>/authenticate/", "insufficient_funds", "NotFound"] {
        assert!(here.iter().any(|line| line.contains(needle)), "{needle}");
    }
}

#[tokio::test]
async fn without_a_page_the_card_that_requires_action_is_rejected() {
    let (ledger, _) = ledger();
    let provider = FakeProvider::in_process(ledger, None, secret());
    assert!(!provider.accepts("card_requires_action") && provider.accepts("card_expires"));
    let options = provider.options(eur(2490));
    let cards = options.iter().filter(|option| matches!(option, PaymentOption::TestCard { .. }));
    assert_eq!(cards.count(), test_cards().count() - 1);
    assert!(!options.iter().any(|option| matches!(option, PaymentOption::HostedPage { .. })), "{options:?}");
    let rejected = provider.create_intent(&create_request("key", "card_requires_action")).await;
    assert!(matches!(rejected, Err(PaymentError::Refused { code }) if code == "unknown_card"));
}

#[test]
fn card_tokens_and_labels() {
    let cards: Vec<_> = test_cards().collect();
    let expected = [
        ("card_approved", "Test card ending in 4242 (approved)"),
        ("card_declined", "Test card ending in 0002 (declined)"),
        ("card_insufficient_funds", "Test card ending in 9995 (insufficient funds)"),
    ];
    assert_eq!(cards[..3], expected);
    assert_eq!(cards.len(), 5);
}

#[tokio::test]
async fn an_unreachable_service_is_an_unknown_result() {
    let provider = FakeProvider::remote("http://127.0.0.1:1", secret()).expect("a provider");
    let found = provider.find_intent("pi_fake_1").await;
    assert!(matches!(found, Err(PaymentError::Unknown(_))), "{found:?}");
    for wrong in ["payments:8090", "https://payments", "ftp://payments", ""] {
        assert!(FakeProvider::remote(wrong, secret()).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_wrong_base_url_is_not_mistaken_for_a_missing_intent() {
    let running = Running::start(FaultPlan::default(), None).await;
    let provider = FakeProvider::remote(&format!("{}/elsewhere", running.base), secret()).expect("a provider");
    let found = provider.find_intent("pi_fake_1").await;
    assert!(matches!(found, Err(PaymentError::Unknown(_))), "{found:?}");
    let found = running.provider().find_intent("pi_fake_1").await;
    assert!(matches!(found, Err(PaymentError::NotFound)), "{found:?}");
}

#[tokio::test]
async fn amounts_and_order_are_returned() {
    let (ledger, _) = ledger();
    let provider = FakeProvider::in_process(Arc::clone(&ledger), None, secret());
    let intent = provider.create_intent(&create_request("key", "card_approved")).await.expect("an intent");
    assert_eq!(
        (intent.amount, intent.refunded, intent.status),
        (eur(2490), eur(0), IntentStatus::RequiresConfirmation)
    );
    assert_eq!(ledger.find(&intent.id).expect("kept").order_id, order(1));
}
