use proptest::prelude::*;

use super::*;
use crate::domain::{
    Currency, Dispute, DisputeState, FulfillmentState, Money, RefundId, RefundSource, RefundState, ReportedRefund,
    ReportedRefundState, Reversals,
};
use crate::testing::fixtures;

const NOW: OffsetDateTime = time::macros::datetime!(2026-01-01 12:00 UTC);

fn pending() -> Order {
    fixtures::order(&fixtures::visitor("ada"), "order", &[("KETTLE", 2)])
}

fn eur(amount_minor: i64) -> Money {
    Money { amount_minor, currency: Currency::EUR }
}

/// Applies facts, each of which must change something.
fn through(mut order: Order, facts: &[PaymentFact]) -> Order {
    for fact in facts {
        order = order.apply(*fact, NOW).unwrap_or_else(|| panic!("{fact:?} is new")).order;
    }
    order
}

#[test]
fn a_payment_makes_one_call_after_the_other() {
    let order = pending();
    assert_eq!(order.next_payment_call(), PaymentCall::Create);
    let order = order.record_intent("pi".to_owned(), NOW).order;
    let intent_id = "pi".to_owned();
    assert_eq!(order.next_payment_call(), PaymentCall::Confirm { intent_id: intent_id.clone() });
    let order = through(order, &[PaymentFact::Authorized]);
    assert_eq!(order.next_payment_call(), PaymentCall::Capture { intent_id });
    let step = order.apply(PaymentFact::Captured, NOW).expect("new");
    assert_eq!((step.stock, &step.topics[..]), (StockEffect::Commit, &["order.paid"][..]));
    assert_eq!((step.order.state, step.order.due_at), (OrderState::Paid, None));
    assert_eq!(step.order.next_payment_call(), PaymentCall::Done);
}

#[test]
fn an_unknown_payment_is_retrieved_and_continues_from_its_state() {
    let intent_id = "pi".to_owned();
    let unknown = through(pending().record_intent(intent_id.clone(), NOW).order, &[PaymentFact::NoAnswer]);
    assert_eq!(unknown.next_payment_call(), PaymentCall::Retrieve { intent_id: intent_id.clone() });
    assert_eq!(unknown.due_at, Some(NOW + FIRST_PAUSE));
    assert_eq!(unknown.apply(PaymentFact::NoAnswer, NOW), None, "nothing new");
    let unconfirmed = through(unknown.clone(), &[PaymentFact::Unconfirmed]);
    assert_eq!(unconfirmed.next_payment_call(), PaymentCall::Confirm { intent_id });
    assert_eq!(through(unknown, &[PaymentFact::Captured]).state, OrderState::Paid);
    let without_intent = through(pending(), &[PaymentFact::NoAnswer]);
    assert_eq!(without_intent.next_payment_call(), PaymentCall::Create, "the same key finds the same intent");
}

#[test]
fn stock_is_released_only_when_the_intent_is_canceled() {
    let order = pending().record_intent("pi".to_owned(), NOW).order;
    let step = order.cancel(Some("card_declined".to_owned()), NOW).expect("new");
    assert_eq!((step.stock, step.order.state), (StockEffect::Keep, OrderState::Pending));
    assert_eq!(step.order.next_payment_call(), PaymentCall::Cancel { intent_id: "pi".to_owned() });
    assert_eq!(step.order.cancel(None, NOW), None, "the first reason is kept");
    assert_eq!(step.order.cancellation_fact(), PaymentFact::Declined);
    let canceled = step.order.apply(PaymentFact::Declined, NOW).expect("new");
    assert_eq!((canceled.stock, canceled.order.state), (StockEffect::Release, OrderState::Cancelled));
    let captured = step.order.apply(PaymentFact::Captured, NOW).expect("the cancellation came too late");
    assert_eq!((captured.stock, captured.order.state), (StockEffect::Commit, OrderState::Paid));
    assert_eq!(captured.order.payment.decline_code, None);
}

#[test]
fn a_free_order_needs_no_provider() {
    let order = Order { total: eur(0), ..pending() };
    assert_eq!(order.next_payment_call(), PaymentCall::NoCall(PaymentFact::Captured));
}

fn paid() -> Order {
    let facts = [PaymentFact::Authorized, PaymentFact::Captured];
    through(pending().record_intent("pi".to_owned(), NOW).order, &facts)
}

fn refunded(order: &Order, name: &str, amount: Money) -> OrderStep {
    let id = RefundId::derive(name);
    let requested = order.request_refund(id.clone(), amount, NOW).expect("a refund");
    assert!(matches!(requested.order.next_payment_call(), PaymentCall::Refund { .. }));
    requested.order.book(&reported(&id, amount, ReportedRefundState::Succeeded), NOW).expect("new")
}

/// One refund as the provider reports it.
fn reported(id: &RefundId, amount: Money, state: ReportedRefundState) -> Reversals {
    let (provider_id, refund_id) = (format!("re {id}"), Some(id.clone()));
    let refund = ReportedRefund { provider_id, refund_id, amount, state, created_at: NOW };
    Reversals { refunds: vec![refund], disputes: Vec::new() }
}

fn failed() -> ReportedRefundState {
    ReportedRefundState::Failed { code: "lost_or_stolen_card".to_owned() }
}

fn dispute(amount: Money, state: DisputeState) -> Reversals {
    let (id, reason) = ("dp_1".to_owned(), "fraudulent".to_owned());
    let dispute = Dispute { id, amount, state, reason, opened_at: NOW };
    Reversals { refunds: Vec::new(), disputes: vec![dispute] }
}

#[test]
fn refunds_add_up_to_what_was_paid_and_no_more() {
    let order = paid();
    let total = order.total.amount_minor;
    let part = refunded(&order, "part", eur(total - 1));
    assert_eq!(part.order.payment.state, PaymentState::PartiallyRefunded);
    assert_eq!((part.stock, part.order.state), (StockEffect::Keep, OrderState::Paid));
    assert_eq!(part.order.refundable(), eur(1));
    for amount in [eur(2), eur(0), eur(-1), Money { amount_minor: 1, currency: "SEK".parse().expect("a currency") }] {
        assert!(part.order.request_refund(RefundId::derive("x"), amount, NOW).is_err(), "{amount:?}");
    }
    let rest = refunded(&part.order, "rest", eur(1));
    assert_eq!((rest.stock, rest.order.state), (StockEffect::Restock, OrderState::Cancelled));
    assert_eq!(rest.topics, ["order.refunded", "order.cancelled"]);
    assert_eq!(rest.order.payment.state, PaymentState::Refunded);
    assert!(pending().request_refund(RefundId::derive("x"), eur(1), NOW).is_err(), "nothing was collected");
}

#[test]
fn a_rejected_refund_can_be_requested_again() {
    let id = RefundId::derive("first");
    let requested = paid().request_refund(id.clone(), eur(5), NOW).expect("a refund").order;
    assert!(requested.request_refund(RefundId::derive("second"), eur(5), NOW).is_err(), "one at a time");
    let refuse = |order: &Order| order.refuse_refund(&id, "declined".to_owned(), &Reversals::default(), NOW);
    let refused = refuse(&requested).expect("new").order;
    assert_eq!(refuse(&refused), None, "it is settled");
    assert_eq!((refused.payment.state, refused.refundable()), (PaymentState::Captured, refused.total));
    assert_eq!((refused.version, refused.due_at), (requested.version + 1, None));
}

#[test]
fn a_refund_made_at_the_provider_is_booked_once_beside_those_of_the_shop() {
    let outside = ReportedRefund {
        provider_id: "re_outside".to_owned(),
        refund_id: None,
        amount: eur(5),
        state: ReportedRefundState::Succeeded,
        created_at: NOW,
    };
    let reported = Reversals { refunds: vec![outside], disputes: Vec::new() };
    let id = RefundId::derive("ours");
    // The amounts are equal, but it is not the refund that the shop has requested.
    let requested = paid().request_refund(id.clone(), eur(5), NOW).expect("a refund").order;
    let booked = requested.book(&reported, NOW).expect("new");
    assert_eq!(booked.topics, ["order.refunded"]);
    let found: Vec<_> = booked.order.payment.refunds.iter().map(|refund| (refund.source, refund.state)).collect();
    let (ours, outside) = ((RefundSource::Shop, RefundState::Requested), RefundState::Succeeded);
    assert_eq!(found, [ours, (RefundSource::Provider, outside)]);
    assert!(matches!(booked.order.next_payment_call(), PaymentCall::Refund { refund, .. } if refund.id == id));
    assert_eq!(booked.order.book(&reported, NOW), None, "it is already booked");
    assert_eq!(booked.order.reversal_differences(&reported), Vec::<String>::new());
    assert_eq!(requested.reversal_differences(&reported).len(), 1);
    let done = refunded(&paid(), "all", eur(5)).order;
    assert_eq!(done.reversal_differences(&Reversals::default()).len(), 1, "the provider has no refund");
}

#[test]
fn a_refund_that_the_bank_returns_can_be_made_again_and_stock_moves_once() {
    let order = paid();
    let all = refunded(&order, "all", order.total).order;
    let returned = all.book(&reported(&RefundId::derive("all"), order.total, failed()), NOW).expect("new");
    assert_eq!((returned.stock, &returned.topics[..]), (StockEffect::Keep, &["order.refund_failed"][..]));
    assert_eq!((returned.order.state, returned.order.payment.state), (OrderState::Cancelled, PaymentState::Captured));
    assert_eq!(returned.order.refundable(), order.total);
    let again = refunded(&returned.order, "again", order.total);
    assert_eq!((again.stock, again.order.payment.state), (StockEffect::Keep, PaymentState::Refunded));
}

#[test]
fn money_withheld_in_a_dispute_cannot_be_refunded() {
    let order = paid();
    let total = order.total;
    for (state, topic, left) in [
        (DisputeState::Inquiry, "order.disputed", total),
        (DisputeState::Open, "order.disputed", eur(0)),
        (DisputeState::Lost, "order.dispute_lost", eur(0)),
        (DisputeState::Won, "order.dispute_won", total),
    ] {
        let step = order.book(&dispute(total, state), NOW).expect("new");
        assert_eq!((&step.topics[..], step.order.refundable()), (&[topic][..], left), "{state:?}");
        assert_eq!(step.order.request_refund(RefundId::derive("x"), eur(1), NOW).is_ok(), left == total);
        assert_eq!(step.order.book(&dispute(total, state), NOW), None, "{state:?} is known");
        assert_eq!(step.order.reversal_differences(&dispute(total, state)), Vec::<String>::new());
        assert_eq!(order.reversal_differences(&dispute(total, state)).len(), 1, "{state:?} is not booked");
    }
}

#[test]
fn an_order_is_canceled_once_refunds_and_lost_disputes_have_returned_its_total() {
    let order = paid();
    let total = order.total;
    let part = Money { amount_minor: total.amount_minor - 5, ..total };
    for state in [DisputeState::Inquiry, DisputeState::Open, DisputeState::Won] {
        let disputed = order.book(&dispute(total, state), NOW).expect("new").order;
        assert_eq!(disputed.cancel_without_refund(), None, "{state:?}");
    }
    let lost = order.book(&dispute(part, DisputeState::Lost), NOW).expect("new").order;
    assert_eq!((lost.refundable(), lost.cancel_without_refund()), (eur(5), None), "5 cents are left");
    let rest = refunded(&lost, "rest", eur(5));
    assert_eq!((rest.stock, rest.order.state), (StockEffect::Restock, OrderState::Cancelled));

    let lost = order.book(&dispute(total, DisputeState::Lost), NOW).expect("new");
    assert_eq!((lost.stock, lost.order.state), (StockEffect::Keep, OrderState::Paid), "the merchant decides");
    let canceled = lost.order.cancel_without_refund().expect("nothing is left");
    assert_eq!((canceled.stock, canceled.order.state), (StockEffect::Restock, OrderState::Cancelled));
    assert_eq!(canceled.order.cancel_without_refund(), None, "once");
    let shipped = lost.order.record_fulfillment(FulfillmentEvent::Shipped, None).expect("paid").order;
    assert_eq!(shipped.cancel_without_refund(), None);
    assert_eq!(pending().cancel_without_refund(), None);
}

#[test]
fn a_dispute_in_another_currency_withholds_the_total() {
    let order = paid();
    let dollars = Money { amount_minor: 100, currency: "USD".parse().expect("a currency") };
    let open = order.book(&dispute(dollars, DisputeState::Open), NOW).expect("new").order;
    assert_eq!(open.refundable(), eur(0));
    assert_eq!(open.book(&dispute(dollars, DisputeState::Won), NOW).expect("new").order.refundable(), order.total);
}

#[test]
fn a_shipped_order_is_refunded_without_a_return() {
    let shipped = paid().record_fulfillment(FulfillmentEvent::Shipped, None).expect("paid").order;
    let step = refunded(&shipped, "all", shipped.total);
    assert_eq!((step.stock, step.order.state), (StockEffect::Keep, OrderState::Paid));
    let back = step.order.record_fulfillment(FulfillmentEvent::Returned, None).expect("it was shipped");
    assert_eq!((back.stock, back.order.fulfillment), (StockEffect::Restock, FulfillmentState::Returned));
    assert!(pending().record_fulfillment(FulfillmentEvent::Shipped, None).is_err());
}

#[test]
fn the_worker_checks_less_and_less_often() {
    let mut order = through(pending(), &[PaymentFact::NoAnswer]);
    let mut pauses = Vec::new();
    for _ in 0..20 {
        order = order.postpone(NOW).order;
        pauses.push((order.due_at.expect("open") - NOW).whole_seconds());
    }
    assert_eq!(pauses[..7], [5, 10, 20, 40, 80, 160, 300]);
    assert!(pauses[7..].iter().all(|pause| *pause == 300));
}

#[test]
fn a_call_that_fails_each_time_is_repeated_less_and_less_often() {
    let confirming = pending().record_intent("pi".to_owned(), NOW).order;
    let capturing = through(confirming.clone(), &[PaymentFact::Authorized]);
    for (order, found) in [(confirming, PaymentFact::Unconfirmed), (capturing, PaymentFact::Authorized)] {
        let mut order = through(order, &[PaymentFact::NoAnswer]);
        let mut pauses = vec![(order.due_at.expect("open") - NOW).whole_seconds()];
        for _ in 0..40 {
            order = through(order, &[found, PaymentFact::NoAnswer]);
            pauses.push((order.due_at.expect("open") - NOW).whole_seconds());
        }
        assert_eq!(pauses[..7], [5, 10, 20, 40, 80, 160, 300], "{found:?}");
        assert!(pauses[7..].iter().all(|pause| *pause == 300), "{found:?}");
    }
}

#[test]
fn a_payment_that_advances_is_checked_often_again() {
    let mut order = through(pending().record_intent("pi".to_owned(), NOW).order, &[PaymentFact::NoAnswer]);
    for _ in 0..9 {
        order = through(order, &[PaymentFact::Unconfirmed, PaymentFact::NoAnswer]);
    }
    let order = through(order, &[PaymentFact::Unconfirmed, PaymentFact::Authorized, PaymentFact::NoAnswer]);
    assert_eq!(order.due_at, Some(NOW + FIRST_PAUSE));
}

#[derive(Debug, Clone)]
enum Event {
    Fact(PaymentFact),
    Intent,
    Cancel(bool),
    Refund(i64),
    SettleRefund(bool),
    ReturnRefund,
    RefundOutside(i64),
    Dispute(i64, DisputeState),
    CancelWithoutRefund,
    Fulfill(FulfillmentEvent),
    Postpone,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    use PaymentFact::{
        ActionRequired, Authorized, Captured, Declined, NoAnswer, RefundedInFull, RefundedInPart, RefundsReturned,
        Unconfirmed, Voided,
    };
    let facts = vec![
        NoAnswer,
        Unconfirmed,
        ActionRequired,
        Authorized,
        Captured,
        Declined,
        Voided,
        RefundedInPart,
        RefundedInFull,
        RefundsReturned,
    ];
    let disputes = vec![DisputeState::Inquiry, DisputeState::Open, DisputeState::Won, DisputeState::Lost];
    let event = prop_oneof![
        4 => proptest::sample::select(facts).prop_map(Event::Fact),
        1 => Just(Event::Intent),
        1 => any::<bool>().prop_map(Event::Cancel),
        2 => (0_i64..3000).prop_map(Event::Refund),
        2 => any::<bool>().prop_map(Event::SettleRefund),
        1 => Just(Event::ReturnRefund),
        1 => (1_i64..3000).prop_map(Event::RefundOutside),
        1 => (1_i64..3000, proptest::sample::select(disputes)).prop_map(|(minor, state)| Event::Dispute(minor, state)),
        1 => Just(Event::CancelWithoutRefund),
        1 => proptest::sample::select(vec![FulfillmentEvent::Shipped, FulfillmentEvent::TrackingChanged, FulfillmentEvent::Returned]).prop_map(Event::Fulfill),
        1 => Just(Event::Postpone),
    ];
    proptest::collection::vec(event, 1..40)
}

proptest! {
    #[test]
    fn stock_moves_once_and_refunds_never_exceed_the_payment(events in events()) {
        let mut order = pending();
        // Units of the order: reserved once at the start.
        let (mut held, mut sold) = (1, 0);
        for (number, event) in events.into_iter().enumerate() {
            let refund = order.payment.open_refund().cloned();
            let step = match event {
                // Only `book` books refunds.
                Event::Fact(
                    PaymentFact::RefundedInPart | PaymentFact::RefundedInFull | PaymentFact::RefundsReturned,
                ) => None,
                Event::Fact(fact) => order.apply(fact, NOW),
                Event::Intent => order.payment.intent_id.is_none().then(|| order.record_intent("pi".to_owned(), NOW)),
                Event::Cancel(refused) => order.cancel(refused.then(|| "no".to_owned()), NOW),
                Event::Refund(minor) => {
                    order.request_refund(RefundId::derive(&number.to_string()), eur(minor), NOW).ok()
                }
                Event::SettleRefund(true) => refund.and_then(|refund| {
                    order.book(&reported(&refund.id, refund.amount, ReportedRefundState::Succeeded), NOW)
                }),
                Event::SettleRefund(false) => refund.and_then(|refund| {
                    order.refuse_refund(&refund.id, "no".to_owned(), &Reversals::default(), NOW)
                }),
                Event::ReturnRefund => order.payment.refunds.last().and_then(|refund| {
                    order.book(&reported(&refund.id, refund.amount, failed()), NOW)
                }),
                Event::RefundOutside(minor) => {
                    let amount = eur(minor.min(order.refundable().amount_minor));
                    let made = reported(&RefundId::derive(&format!("outside {number}")), amount, ReportedRefundState::Succeeded);
                    if amount.amount_minor > 0 { order.book(&made, NOW) } else { None }
                }
                Event::Dispute(minor, state) => order.book(&dispute(eur(minor.min(order.total.amount_minor)), state), NOW),
                Event::CancelWithoutRefund => order.cancel_without_refund(),
                Event::Fulfill(event) => order.record_fulfillment(event, None).ok(),
                Event::Postpone => Some(order.postpone(NOW)),
            };
            let Some(step) = step else { continue };
            match step.stock {
                StockEffect::Keep => {}
                StockEffect::Commit => { held -= 1; sold += 1; }
                StockEffect::Release => held -= 1,
                StockEffect::Restock => sold -= 1,
            }
            prop_assert_eq!(step.order.version, order.version + 1);
            order = step.order;
            let returned = order.fulfillment == FulfillmentState::Returned;
            prop_assert_eq!((held, sold), match order.state {
                OrderState::Pending => (1, 0),
                OrderState::Paid if returned => (0, 0),
                OrderState::Paid => (0, 1),
                OrderState::Cancelled => (0, 0),
            });
            prop_assert!(order.payment.refunded_minor() <= order.total.amount_minor);
            if let Some(due_at) = order.due_at {
                prop_assert!(due_at > NOW && due_at <= NOW + LONGEST_PAUSE, "neither at once nor never");
            }
            prop_assert_eq!(order.state == OrderState::Pending, !order.payment.state.is_settled());
            if !order.payment.state.is_settled() {
                prop_assert!(order.due_at.is_some(), "the worker must find it");
            }
        }
    }
}
