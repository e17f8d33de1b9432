//! Operator actions on an order. Money and stock move only after a confirmation page has shown amount and consequences, and the
//! operator has confirmed exactly those.

use serde::Deserialize;

use super::view::money;
use shopease_shop::ShopResult;
use shopease_shop::domain::{
    AmountError, Currency, Dispute, Field, Format, FulfillmentEvent, FulfillmentState, Money, OrderId, OrderState,
    PaymentKind, RefundState, RuleError, Tracking, ValueRule,
};
use shopease_shop::services::{
    CancelOrder, Operations, OrderView, RecordFulfillment, RecordTransfer, RefundAmount, RefundOrder,
};

/// The action form of the order page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct ActionForm {
    /// Which button was pressed.
    pub action: String,
    /// Amount of a refund as typed.
    pub amount: String,
    /// Its currency.
    pub currency: String,
    /// Name of the carrier.
    pub carrier: String,
    /// The carrier's number of the shipment.
    pub tracking_number: String,
    /// The carrier's page about the shipment.
    pub tracking_url: String,
    /// Created with the order page, so that a refund is made once however often it is confirmed.
    pub idempotency_key: String,
    /// The summary that the confirmation page has shown; empty before it.
    pub confirmed: String,
}

/// The consequences of an action, for the confirmation page.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The action in one line, for the button and the confirmation field.
    pub summary: String,
    /// The consequences, one sentence each.
    pub consequences: Vec<String>,
}

/// An action, parsed from the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Refund this amount.
    Refund(Money),
    /// Cancel the order.
    Cancel,
    /// Record that its bank transfer has arrived.
    Transferred,
    /// Record that it was shipped, and how the shipment is tracked.
    Shipped(Tracking),
    /// Record how its shipment is tracked.
    TrackingChanged(Tracking),
    /// Record that it was returned.
    Returned,
}

impl ActionForm {
    /// The form as it shows the known tracking.
    pub fn of_tracking(tracking: &Tracking) -> Self {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let Tracking { carrier, number, url } = tracking;
        Self { carrier: part(carrier), tracking_number: part(number), tracking_url: part(url), ..Self::default() }
    }

    /// Parses the form.
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] for an unknown action or an invalid amount.
    pub fn read(&self) -> Result<Action, RuleError> {
        match self.action.as_str() {
            "refund" => Ok(Action::Refund(self.refund_amount()?)),
            "cancel" => Ok(Action::Cancel),
            "transferred" => Ok(Action::Transferred),
            "shipped" => Ok(Action::Shipped(self.tracking())),
            "tracking" => Ok(Action::TrackingChanged(self.tracking())),
            "returned" => Ok(Action::Returned),
            _ => Err(RuleError::invalid(Field::Action, ValueRule::Offered)),
        }
    }

    fn tracking(&self) -> Tracking {
        let part = |text: &String| Some(text.clone());
        let (carrier, number, url) = (&self.carrier, &self.tracking_number, &self.tracking_url);
        Tracking { carrier: part(carrier), number: part(number), url: part(url) }
    }

    /// The amount as typed, `12.50` or `12,50`.
    fn refund_amount(&self) -> Result<Money, RuleError> {
        let typed = self.amount.trim();
        if typed.is_empty() {
            return Err(RuleError::invalid(Field::Amount, ValueRule::Required));
        }
        let (currency, decimal): (Currency, _) = (self.currency.parse()?, typed.replace(',', "."));
        let too_precise = |max| RuleError::invalid(Field::Amount, ValueRule::Decimals { max });
        // `1,000` is ambiguous (1000 or 1.000), so more decimals than the currency has are rejected.
        let decimals = decimal.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        if u32::try_from(decimals).map_or(true, |decimals| decimals > currency.exponent()) {
            return Err(too_precise(currency.exponent()));
        }
        Money::parse_decimal(&decimal, currency).map_err(|error| match error {
            AmountError::Decimals { max } => too_precise(max),
            AmountError::TooLarge => RuleError::AmountTooLarge,
            AmountError::Comma | AmountError::Malformed => RuleError::malformed(Field::Amount, Format::Amount),
        })
    }
}

impl Action {
    /// Returns what the action would do to the current order; `None` if it needs no confirmation because it moves neither money
    /// nor stock.
    ///
    /// # Errors
    /// The rule that the action breaks.
    pub fn plan(&self, order: &OrderView) -> Result<Option<Plan>, RuleError> {
        match self {
            Self::Refund(amount) => refund_plan(order, *amount).map(Some),
            Self::Cancel => Ok(Some(cancel_plan(order))),
            Self::Transferred => Ok(Some(Plan {
                summary: format!("Record that {} has arrived", money(order.total)),
                consequences: vec!["The order is paid and can be shipped. This cannot be undone.".to_owned()],
            })),
            Self::Returned => Ok(Some(Plan {
                summary: format!("Mark as returned and restock {}", units(order)),
                consequences: vec![
                    format!("{} {} to stock and can be sold again.", units(order), return_verb(order)),
                    "This does not refund the order. Refund it separately.".to_owned(),
                ],
            })),
            Self::Shipped(_) | Self::TrackingChanged(_) => Ok(None),
        }
    }

    /// Runs the action.
    ///
    /// # Errors
    /// Those of [`Operations`].
    pub async fn run(
        &self,
        operations: &dyn Operations,
        caller: &shopease_shop::services::Caller,
        id: OrderId,
        client_key: String,
    ) -> ShopResult<OrderView> {
        match self {
            Self::Cancel => operations.cancel_order(caller, CancelOrder { id }).await,
            Self::Refund(amount) => {
                let amount = RefundAmount::Exactly(*amount);
                operations.refund_order(caller, RefundOrder { id, amount, client_key }).await
            }
            Self::Transferred => operations.record_transfer(caller, RecordTransfer { id }).await,
            Self::Shipped(tracking) => {
                let (event, tracking) = (FulfillmentEvent::Shipped, Some(tracking.clone()));
                operations.record_fulfillment(caller, RecordFulfillment { id, event, tracking }).await
            }
            Self::TrackingChanged(tracking) => {
                let (event, tracking) = (FulfillmentEvent::TrackingChanged, Some(tracking.clone()));
                operations.record_fulfillment(caller, RecordFulfillment { id, event, tracking }).await
            }
            Self::Returned => {
                let (event, tracking) = (FulfillmentEvent::Returned, None);
                operations.record_fulfillment(caller, RecordFulfillment { id, event, tracking }).await
            }
        }
    }
}

fn refund_plan(order: &OrderView, amount: Money) -> Result<Plan, RuleError> {
    let invalid = |rule| Err(RuleError::invalid(Field::Amount, rule));
    let left = order.refundable;
    if amount.currency != left.currency {
        return invalid(ValueRule::SameCurrency { currency: left.currency });
    }
    if amount.amount_minor <= 0 {
        return invalid(ValueRule::Positive);
    }
    if amount.amount_minor > left.amount_minor {
        return invalid(ValueRule::Refundable { amount: left });
    }
    let sum = money(amount);
    let mut consequences = vec![refunded(order, &sum)];
    let is_rest = amount == left && !Dispute::withhold_undecided(&order.disputes);
    let cancels = is_rest && order.state == OrderState::Paid && order.fulfillment == FulfillmentState::Unfulfilled;
    if cancels {
        consequences.push(restocked(order));
        return Ok(Plan { summary: format!("Refund {sum} and cancel the order"), consequences });
    }
    let rest = Money::new(left.amount_minor - amount.amount_minor, left.currency);
    consequences.push(format!("{} remains refundable.", money(rest)));
    Ok(Plan { summary: format!("Refund {sum}"), consequences })
}

fn cancel_plan(order: &OrderView) -> Plan {
    if order.state == OrderState::Pending {
        let consequences =
            vec!["The payment is canceled. Nothing is charged or refunded.".to_owned(), restocked(order)];
        return Plan { summary: "Cancel the order".to_owned(), consequences };
    }
    if order.refundable.amount_minor == 0 {
        let consequences = vec!["There is nothing left to refund.".to_owned(), restocked(order)];
        return Plan { summary: "Cancel the order without a refund".to_owned(), consequences };
    }
    let sum = money(order.refundable);
    let back = refunded(order, &sum);
    Plan { summary: format!("Cancel the order and refund {sum}"), consequences: vec![back, restocked(order)] }
}

fn refunded(order: &OrderView, sum: &str) -> String {
    if order.payment_kind == PaymentKind::BankTransfer {
        return format!("Transfer {sum} to {} yourself. This only records it, and cannot be undone.", order.email);
    }
    format!("{sum} is refunded to the card of {}. This cannot be undone.", order.email)
}

fn restocked(order: &OrderView) -> String {
    format!("The order is canceled, and {} {} to stock.", units(order), return_verb(order))
}

fn unit_count(order: &OrderView) -> u32 {
    order.lines.iter().map(|line| line.quantity.get()).sum()
}

fn units(order: &OrderView) -> String {
    match unit_count(order) {
        1 => "1 unit".to_owned(),
        count => format!("{count} units"),
    }
}

fn return_verb(order: &OrderView) -> &'static str {
    if unit_count(order) == 1 { "returns" } else { "return" }
}

fn returned_verb(order: &OrderView) -> &'static str {
    if unit_count(order) == 1 { "was returned" } else { "were returned" }
}

/// The result of an action, as the order shows it: the notice only names the action.
pub(super) struct Done {
    /// The sentence.
    pub sentence: String,
    /// Whether the action succeeded.
    pub good: bool,
}

impl Done {
    /// The notice after an action: the action, and the ID of the refund or the order.
    pub(super) fn notice(action: &Action, id: &OrderId, client_key: &str) -> String {
        match action {
            Action::Refund(amount) => {
                let amount = RefundAmount::Exactly(*amount);
                let command = RefundOrder { id: id.clone(), amount, client_key: client_key.to_owned() };
                format!("refund.{}", command.refund_id())
            }
            Action::Cancel => format!("cancel.{id}"),
            Action::Transferred => format!("transferred.{id}"),
            Action::Shipped(_) => format!("shipped.{id}"),
            Action::TrackingChanged(_) => format!("tracking.{id}"),
            Action::Returned => format!("returned.{id}"),
        }
    }

    /// The result that a notice names, as the order shows it; `None` if the order does not show it.
    pub(super) fn read(notice: &str, order: &OrderView) -> Option<Self> {
        let good = |sentence: String| Some(Self { sentence, good: true });
        let (action, id) = notice.split_once('.')?;
        match action {
            "refund" => Self::of_refund(id, order),
            _ if id != order.id.as_str() => None,
            "cancel" if order.state == OrderState::Cancelled => {
                let refunded = order.refunded_minor();
                if refunded == 0 && order.payment_state.is_collected() {
                    return good("The order was canceled. There was nothing left to refund.".to_owned());
                }
                if refunded == 0 {
                    return good("The order was canceled. Nothing was charged.".to_owned());
                }
                let sum = money(Money::new(refunded, order.total.currency));
                good(format!("The order was canceled, and {sum} was refunded."))
            }
            "cancel" => Some(Self {
                sentence: "The order is not canceled yet. The payment provider has not confirmed the cancellation."
                    .to_owned(),
                good: false,
            }),
            "transferred" if order.state == OrderState::Paid => {
                good("The transfer was recorded. The order is paid.".to_owned())
            }
            "shipped" if order.fulfillment != FulfillmentState::Unfulfilled => {
                good("The order was marked as shipped.".to_owned())
            }
            "tracking" if order.fulfillment == FulfillmentState::Fulfilled => good(match order.tracking {
                Some(_) => "The tracking was saved.".to_owned(),
                None => "The tracking was removed.".to_owned(),
            }),
            "returned" if order.fulfillment == FulfillmentState::Returned => {
                good(format!("The order was marked as returned. {} {} to stock.", units(order), returned_verb(order)))
            }
            _ => None,
        }
    }

    fn of_refund(id: &str, order: &OrderView) -> Option<Self> {
        let refund = order.refunds.iter().find(|refund| refund.id.as_str() == id)?;
        let sum = money(refund.amount);
        let (good, sentence) = match refund.state {
            RefundState::Succeeded if order.state == OrderState::Cancelled => {
                (true, format!("{sum} was refunded, and the order was canceled."))
            }
            RefundState::Succeeded => (true, format!("{sum} was refunded.")),
            RefundState::Requested => {
                (false, format!("The refund of {sum} is pending. The payment provider has not confirmed it yet."))
            }
            RefundState::Refused => {
                (false, format!("The payment provider rejected the refund of {sum}. Nothing was refunded."))
            }
            RefundState::Failed => (false, format!("The bank returned the refund of {sum}. It can be refunded again.")),
        };
        Some(Self { sentence, good })
    }
}
