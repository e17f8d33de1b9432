//! The state machine of an intent: the effect of each request. Pure: no time, no randomness, no stored state.

use shopease_shop::domain::{Money, RefundId};
use time::{Duration, OffsetDateTime};

use super::cards::{Behavior, behavior};
use super::command::{AUTHORIZATION_EXPIRED, Command, DisputeStatus, LedgerError, UNEXPECTED_STATE, UNKNOWN_CARD};
use super::intent::{CancelReason, EntryKind, EventType, Intent, LedgerDispute, LedgerRefund, Status};

/// The effect of a request on an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub intent: Intent,
    pub entry: Option<(EntryKind, Money)>,
    pub event: Option<EventType>,
}

impl Step {
    fn to(intent: &Intent, status: Status) -> Self {
        Self { intent: Intent { status, ..intent.clone() }, entry: None, event: None }
    }

    fn with(self, entry: Option<EntryKind>, event: EventType) -> Self {
        let entry = entry.map(|kind| (kind, self.intent.amount));
        Self { entry, event: Some(event), ..self }
    }
}

/// The intent that [`Command::Create`] creates, with this ID.
pub(super) fn create(id: String, command: &Command) -> Result<Step, LedgerError> {
    let Command::Create { order_id, amount, method } = command else { return Err(LedgerError::NotFound) };
    if behavior(method).is_none() {
        return Err(LedgerError::rejected(UNKNOWN_CARD));
    }
    if amount.amount_minor <= 0 {
        return Err(LedgerError::rejected("amount_too_small"));
    }
    let intent = Intent {
        id,
        order_id: order_id.clone(),
        amount: *amount,
        refunded: Money::zero(amount.currency),
        refunds: Vec::new(),
        dispute: None,
        method: method.clone(),
        return_url: None,
        status: Status::RequiresConfirmation,
    };
    Ok(Step { intent, entry: None, event: None })
}

/// The effect of time: an authorization that was not captured expires.
pub(super) fn expire(intent: &Intent, now: OffsetDateTime) -> Option<Step> {
    let Status::Authorized { expires_at } = intent.status else { return None };
    let cancelled = Status::Cancelled { reason: CancelReason::AuthorizationExpired };
    (expires_at <= now).then(|| Step::to(intent, cancelled).with(Some(EntryKind::Void), EventType::Cancelled))
}

/// The effect of a request on an existing intent. `hold` is how long the bank holds an authorized amount.
pub(super) fn advance(
    intent: &Intent,
    command: &Command,
    now: OffsetDateTime,
    hold: Duration,
) -> Result<Step, LedgerError> {
    let authorized = |card: &str| {
        let at_once = behavior(card) == Some(Behavior::ExpiresAtOnce);
        let expires_at = if at_once { now } else { now + hold };
        Step::to(intent, Status::Authorized { expires_at }).with(Some(EntryKind::Authorize), EventType::Authorized)
    };
    let declined = |code: &str| {
        Step::to(intent, Status::Declined { decline_code: code.to_owned() }).with(None, EventType::Declined)
    };
    let cancelled = |entry| {
        Step::to(intent, Status::Cancelled { reason: CancelReason::Requested }).with(entry, EventType::Cancelled)
    };
    match (command, &intent.status) {
        (Command::Confirm { return_url, .. }, Status::RequiresConfirmation) => match behavior(&intent.method) {
            Some(Behavior::Approves | Behavior::ExpiresAtOnce) => Ok(authorized(&intent.method)),
            Some(Behavior::Declines(code)) => Ok(declined(code)),
            Some(Behavior::RequiresAction | Behavior::AsksForCard) if is_web_address(return_url) => {
                let asking = Intent { return_url: Some(return_url.clone()), ..intent.clone() };
                Ok(Step::to(&asking, Status::RequiresAction).with(None, EventType::RequiresAction))
            }
            Some(Behavior::RequiresAction | Behavior::AsksForCard) => Err(LedgerError::rejected("return_url_invalid")),
            None => Err(LedgerError::rejected(UNKNOWN_CARD)),
        },
        // After a declined card, the payment page asks for another one.
        (Command::Pay { card, .. }, Status::RequiresAction) if asks_for_card(intent) => match behavior(card) {
            Some(Behavior::Approves | Behavior::ExpiresAtOnce) => Ok(authorized(card)),
            Some(Behavior::Declines(code)) => Err(LedgerError::rejected(code)),
            Some(Behavior::RequiresAction | Behavior::AsksForCard) | None => Err(LedgerError::rejected(UNKNOWN_CARD)),
        },
        (Command::Authenticate { .. }, Status::RequiresAction) if asks_for_card(intent) => {
            Err(LedgerError::rejected(UNEXPECTED_STATE))
        }
        (Command::Authenticate { approved: true, .. }, Status::RequiresAction) => Ok(authorized(&intent.method)),
        (Command::Authenticate { approved: false, .. }, Status::RequiresAction) => {
            Ok(declined("authentication_failed"))
        }
        (Command::Capture { .. }, Status::Authorized { .. }) => {
            Ok(Step::to(intent, Status::Captured).with(Some(EntryKind::Capture), EventType::Captured))
        }
        (Command::Capture { .. }, Status::Cancelled { reason: CancelReason::AuthorizationExpired }) => {
            Err(LedgerError::rejected(AUTHORIZATION_EXPIRED))
        }
        (Command::Cancel { .. }, Status::Authorized { .. }) => Ok(cancelled(Some(EntryKind::Void))),
        (Command::Cancel { .. }, Status::RequiresConfirmation | Status::RequiresAction | Status::Declined { .. }) => {
            Ok(cancelled(None))
        }
        // Canceling a canceled intent has no further effect.
        (Command::Cancel { .. }, Status::Cancelled { .. }) => {
            Ok(Step { intent: intent.clone(), entry: None, event: None })
        }
        (Command::Refund { amount, refund_id, .. }, Status::Captured) => {
            refund(intent, *amount, refund_id.clone(), now)
        }
        (Command::FailRefund { refund, .. }, Status::Captured) => fail_refund(intent, refund),
        (Command::Dispute { state, .. }, Status::Captured) => Ok(dispute(intent, *state, now)),
        (
            Command::Create { .. }
            | Command::Confirm { .. }
            | Command::Authenticate { .. }
            | Command::Pay { .. }
            | Command::Capture { .. }
            | Command::Cancel { .. }
            | Command::Refund { .. }
            | Command::FailRefund { .. }
            | Command::Dispute { .. },
            _,
        ) => Err(LedgerError::rejected(UNEXPECTED_STATE)),
    }
}

fn refund(
    intent: &Intent,
    amount: Money,
    refund_id: Option<RefundId>,
    now: OffsetDateTime,
) -> Result<Step, LedgerError> {
    if amount.currency != intent.amount.currency {
        return Err(LedgerError::rejected("currency_mismatch"));
    }
    if amount.amount_minor <= 0 {
        return Err(LedgerError::rejected("amount_too_small"));
    }
    let withheld = intent.dispute.as_ref().is_some_and(|dispute| dispute.state.to_port().withholds());
    if withheld {
        return Err(LedgerError::rejected("charge_disputed"));
    }
    let left = intent.amount.amount_minor - intent.refunded.amount_minor;
    if left == 0 {
        return Err(LedgerError::rejected("charge_already_refunded"));
    }
    if amount.amount_minor > left {
        return Err(LedgerError::rejected("amount_too_large"));
    }
    let refunded = Money::new(intent.refunded.amount_minor + amount.amount_minor, amount.currency);
    let mut intent = Intent { refunded, ..intent.clone() };
    let id = format!("re_{}_{}", intent.id, intent.refunds.len() + 1);
    intent.refunds.push(LedgerRefund { id, refund_id, amount, failure: None, at: now });
    Ok(Step { intent, entry: Some((EntryKind::Refund, amount)), event: Some(EventType::Refunded) })
}

fn fail_refund(intent: &Intent, id: &str) -> Result<Step, LedgerError> {
    let mut intent = intent.clone();
    let found = intent.refunds.iter_mut().find(|refund| refund.id == id && refund.failure.is_none());
    let refund = found.ok_or(LedgerError::NotFound)?;
    refund.failure = Some("lost_or_stolen_card".to_owned());
    let amount = refund.amount;
    intent.refunded.amount_minor -= amount.amount_minor;
    Ok(Step { intent, entry: Some((EntryKind::RefundFailure, amount)), event: Some(EventType::RefundFailed) })
}

fn dispute(intent: &Intent, state: DisputeStatus, now: OffsetDateTime) -> Step {
    let at = intent.dispute.as_ref().map_or(now, |dispute| dispute.at);
    let intent = Intent { dispute: Some(LedgerDispute { state, at }), ..intent.clone() };
    Step { intent, entry: None, event: Some(EventType::Disputed) }
}

/// Returns whether the shopper pays on the payment page.
pub(super) fn asks_for_card(intent: &Intent) -> bool {
    behavior(&intent.method) == Some(Behavior::AsksForCard)
}

/// The bank's page redirects browsers to this URL, so it must be a web URL.
fn is_web_address(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
}
