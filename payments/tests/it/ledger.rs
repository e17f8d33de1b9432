//! The ledger: every request in every state, keys, sums.

use std::sync::Arc;

use shopease_payments::fake::{
    CancelReason, Claimed, Command, DisputeStatus, EntryKind, EventType, Intent, Ledger, LedgerError, Status,
};
use shopease_shop::testing::FixedClock;
use time::Duration;

use crate::support::{authenticate, cancel, capture, confirm, create, eur, ledger, order, refund};

const STATES: [&str; 8] = [
    "requires_confirmation",
    "requires_action",
    "authorized",
    "declined",
    "captured",
    "refunded",
    "cancelled",
    "expired",
];

fn make(ledger: &Arc<Ledger>, clock: &FixedClock, state: &str) -> Intent {
    let run = |key: &str, command: Command| ledger.execute(key, command).expect(key);
    let card = match state {
        "requires_action" => "card_requires_action",
        "declined" => "card_declined",
        _ => "card_approved",
    };
    let intent = run("create", create(card));
    if state != "requires_confirmation" {
        run("confirm", confirm(&intent.id));
    }
    match state {
        "captured" => drop(run("capture", capture(&intent.id))),
        "refunded" => {
            run("capture", capture(&intent.id));
            run("refund", refund(&intent.id, 2490));
        }
        "cancelled" => drop(run("cancel", cancel(&intent.id))),
        "expired" => clock.advance(Duration::days(7)),
        _ => {}
    }
    intent
}

fn name(result: &Result<Intent, LedgerError>) -> String {
    match result {
        Ok(intent) => {
            let status = serde_json::to_value(&intent.status).expect("a status");
            let refunded = intent.refunded.amount_minor;
            let status = status["status"].as_str().expect("a name").to_owned();
            if refunded > 0 { format!("{status} {refunded}") } else { status }
        }
        Err(LedgerError::Refused { code }) => format!("! {code}"),
        Err(other) => format!("! {other}"),
    }
}

#[test]
fn every_request_in_every_state_has_the_effect_in_the_table() {
    const STATE: &str = "! payment_intent_unexpected_state";
    const EXPIRED: &str = "! authorization_expired";
    // Columns as in STATES.
    let table: [(&str, [&str; 8]); 7] = [
        ("confirm", ["authorized", STATE, STATE, STATE, STATE, STATE, STATE, STATE]),
        ("approve", [STATE, "authorized", STATE, STATE, STATE, STATE, STATE, STATE]),
        ("refuse", [STATE, "declined", STATE, STATE, STATE, STATE, STATE, STATE]),
        ("capture", [STATE, STATE, "captured", STATE, STATE, STATE, STATE, EXPIRED]),
        ("cancel", ["cancelled", "cancelled", "cancelled", "cancelled", STATE, STATE, "cancelled", "cancelled"]),
        ("refund in part", [STATE, STATE, STATE, STATE, "captured 1000", "! charge_already_refunded", STATE, STATE]),
        (
            "refund too much",
            [STATE, STATE, STATE, STATE, "! amount_too_large", "! charge_already_refunded", STATE, STATE],
        ),
    ];
    for (request, expected) in table {
        for (state, expected) in STATES.into_iter().zip(expected) {
            let (ledger, clock) = ledger();
            let id = make(&ledger, &clock, state).id;
            let command = match request {
                "confirm" => confirm(&id),
                "approve" => authenticate(&id, true),
                "refuse" => authenticate(&id, false),
                "capture" => capture(&id),
                "cancel" => cancel(&id),
                "refund in part" => refund(&id, 1000),
                _ => refund(&id, 2491),
            };
            let result = ledger.execute("key", command);
            assert_eq!(name(&result), expected, "{request} when {state}");
            if let Ok(intent) = result {
                assert_eq!(ledger.find(&id), Ok(intent), "{request} when {state}");
            }
        }
    }
}

#[test]
fn the_card_determines_the_result() {
    for (card, expected) in [
        ("card_approved", "authorized"),
        ("card_declined", "declined"),
        ("card_insufficient_funds", "declined"),
        ("card_requires_action", "requires_action"),
        ("card_expires", "authorized"),
    ] {
        let (ledger, _) = ledger();
        let id = ledger.execute("create", create(card)).expect("an intent").id;
        assert_eq!(name(&ledger.execute("confirm", confirm(&id))), expected, "{card}");
    }
    let (ledger, _) = ledger();
    assert_eq!(name(&ledger.execute("create", create("4242424242424242"))), "! unknown_card");
    let free = Command::Create { order_id: order(1), amount: eur(0), method: "card_approved".to_owned() };
    assert_eq!(name(&ledger.execute("free", free)), "! amount_too_small");
    assert_eq!(ledger.find("pi_fake_1"), Err(LedgerError::NotFound));
    assert_eq!(ledger.execute("capture", capture("pi_fake_1")), Err(LedgerError::NotFound));
}

#[test]
fn capturing_the_card_that_expires_cancels_the_intent() {
    let (ledger, _) = ledger();
    let id = ledger.execute("create", create("card_expires")).expect("an intent").id;
    ledger.execute("confirm", confirm(&id)).expect("a response");
    assert_eq!(name(&ledger.execute("capture", capture(&id))), "! authorization_expired");
    let expired = Status::Cancelled { reason: CancelReason::AuthorizationExpired };
    assert_eq!(ledger.find(&id).expect("an intent").status, expired);
    let kinds: Vec<_> = ledger.entries().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Authorize, EntryKind::Void]);
    assert_eq!(ledger.captures(), []);
}

#[test]
fn the_bank_holds_money_for_seven_days() {
    for (held, expected) in
        [(Duration::days(7) - Duration::SECOND, "captured"), (Duration::days(7), "! authorization_expired")]
    {
        let (ledger, clock) = ledger();
        let id = make(&ledger, &clock, "authorized").id;
        clock.advance(held);
        assert_eq!(name(&ledger.execute("capture", capture(&id))), expected, "{held}");
    }
}

#[test]
fn the_return_url_of_a_card_that_requires_action_is_a_web_url() {
    for (return_url, expected) in [
        ("https://shop.example/orders/1", "requires_action"),
        ("javascript:alert(1)", "! return_url_invalid"),
        ("/orders/1", "! return_url_invalid"),
        ("", "! return_url_invalid"),
    ] {
        let (ledger, _) = ledger();
        let intent_id = ledger.execute("create", create("card_requires_action")).expect("an intent").id;
        let confirm = Command::Confirm { intent_id, return_url: return_url.to_owned() };
        assert_eq!(name(&ledger.execute("confirm", confirm)), expected, "{return_url}");
    }
}

#[test]
fn a_key_always_returns_its_first_result() {
    let (ledger, clock) = ledger();
    let id = make(&ledger, &clock, "authorized").id;
    let captured = ledger.execute("capture", capture(&id));
    ledger.execute("refund", refund(&id, 1000)).expect("a refund");
    assert_eq!(ledger.execute("capture", capture(&id)), captured, "the first result, not the current intent");
    assert_eq!(ledger.captures()[0].captures, 1);

    let declined = ledger.execute("other", create("card_declined")).expect("an intent").id;
    let decline = ledger.execute("decline", confirm(&declined));
    assert_eq!(name(&decline), "declined");
    ledger.execute("give up", cancel(&declined)).expect("cancelled");
    assert_eq!(ledger.execute("decline", confirm(&declined)), decline, "declines are stored, too");

    let early = ledger.execute("early", refund(&declined, 1));
    assert_eq!(name(&early), "! payment_intent_unexpected_state");
    assert_eq!(ledger.execute("early", refund(&declined, 1)), early, "and so are rejections");
}

#[test]
fn a_key_is_valid_for_one_request_only() {
    let (ledger, clock) = ledger();
    let id = make(&ledger, &clock, "authorized").id;
    for other in [capture(&id), create("card_declined"), cancel(&id)] {
        assert_eq!(name(&ledger.execute("confirm", other)), "! idempotency_key_reused");
    }
    for key in ["", &"k".repeat(256)] {
        assert_eq!(name(&ledger.execute(key, capture(&id))), "! idempotency_key_invalid");
    }
    assert_eq!(name(&ledger.execute(&"k".repeat(255), capture(&id))), "captured");
}

#[test]
fn while_the_first_request_runs_others_with_its_key_are_rejected() {
    let (ledger, clock) = ledger();
    let id = make(&ledger, &clock, "authorized").id;
    let Claimed::First(claim) = ledger.claim("key", capture(&id)) else { panic!("it is the first request") };
    assert_eq!(ledger.execute("key", capture(&id)), Err(LedgerError::KeyInUse));
    assert_eq!(name(&ledger.execute("key", cancel(&id))), "! idempotency_key_reused");
    drop(claim);
    assert_eq!(name(&ledger.execute("key", capture(&id))), "captured", "a dropped claim can be made again");
}

#[test]
fn of_many_concurrent_captures_one_is_executed() {
    for round in 0..20 {
        let (ledger, clock) = ledger();
        let id = make(&ledger, &clock, "authorized").id;
        std::thread::scope(|scope| {
            for caller in 0..8 {
                let (ledger, id) = (&ledger, &id);
                scope.spawn(move || ledger.execute(&format!("key {}", caller % 4), capture(id)));
            }
        });
        let kinds: Vec<_> = ledger.entries().iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, [EntryKind::Authorize, EntryKind::Capture], "round {round}");
    }
}

#[test]
fn entries_sum_up_per_intent_and_events_report_every_step() {
    let (ledger, clock) = ledger();
    let id = make(&ledger, &clock, "captured").id;
    ledger.execute("first", refund(&id, 1000)).expect("a refund");
    ledger.execute("second", refund(&id, 490)).expect("a refund");
    let entries: Vec<_> = ledger.entries().iter().map(|entry| (entry.kind, entry.amount)).collect();
    let expected = [
        (EntryKind::Authorize, eur(2490)),
        (EntryKind::Capture, eur(2490)),
        (EntryKind::Refund, eur(1000)),
        (EntryKind::Refund, eur(490)),
    ];
    assert_eq!(entries, expected);
    let sums = ledger.captures();
    assert_eq!(sums.len(), 1);
    assert_eq!((&sums[0].order_id, sums[0].captured, sums[0].refunded), (&order(1), eur(2490), eur(1490)));
    let types: Vec<_> = ledger.events().iter().map(|event| event.event_type).collect();
    assert_eq!(types, [EventType::Authorized, EventType::Captured, EventType::Refunded, EventType::Refunded]);
}

#[test]
fn a_refund_returned_by_the_bank_can_be_repeated() {
    let (ledger, clock) = ledger();
    let id = make(&ledger, &clock, "refunded").id;
    let refund_made = ledger.find(&id).expect("kept").refunds[0].id.clone();
    let fail =
        |key: &str| ledger.execute(key, Command::FailRefund { intent_id: id.clone(), refund: refund_made.clone() });
    assert_eq!(fail("fail").expect("returned").refunded, eur(0));
    assert_eq!(fail("fail again"), Err(LedgerError::NotFound), "it is returned only once");
    assert_eq!(ledger.captures()[0].refunded, eur(0));
    assert_eq!(ledger.execute("again", refund(&id, 2490)).expect("a refund").refunded, eur(2490));
    let types: Vec<_> = ledger.events().into_iter().map(|event| event.event_type).skip(2).collect();
    assert_eq!(types, [EventType::Refunded, EventType::RefundFailed, EventType::Refunded]);
}

#[test]
fn an_amount_withdrawn_in_a_dispute_is_not_refunded() {
    let (ledger, clock) = ledger();
    let id = make(&ledger, &clock, "captured").id;
    for (state, is_rejected) in [
        (DisputeStatus::Inquiry, false),
        (DisputeStatus::Open, true),
        (DisputeStatus::Lost, true),
        (DisputeStatus::Won, false),
    ] {
        let key = format!("{state:?}");
        ledger.execute(&key, Command::Dispute { intent_id: id.clone(), state }).expect("disputed");
        let made = ledger.execute(&format!("refund {key}"), refund(&id, 10));
        assert_eq!(name(&made) == "! charge_disputed", is_rejected, "{state:?}: {made:?}");
    }
}
