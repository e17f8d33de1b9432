//! One order as the operator sees it, with what can be done to it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::layout::{Frame, PageError, PageResult, private_page, see_other};
use super::view::filters;
use crate::http::extract::{ApiPath, ApiQuery, PageForm};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem};
use shopease_shop::domain::{
    AmountError, Currency, Field, Format, FulfillmentEvent, FulfillmentState, Money, OrderId, OrderState, RefundState,
    Role, RuleError, ValueRule,
};
use shopease_shop::services::{CancelOrder, CurrentCustomer, FindOrder, MoveParcel, OrderView, RefundOrder};
use shopease_shop::{ShopError, ShopResult};

#[derive(Template)]
#[template(path = "admin_order.html")]
struct AdminOrderPage {
    frame: Frame,
    csrf: String,
    country_name: &'static str,
    order: OrderView,
    idempotency_key: String,
    done: bool,
    /// What was typed as the amount, and why it was not done.
    problem: Option<(String, Problem)>,
}

impl AdminOrderPage {
    fn can_be_cancelled(&self) -> bool {
        self.order.state != OrderState::Cancelled && self.order.fulfillment == FulfillmentState::Unfulfilled
    }

    fn can_be_refunded(&self) -> bool {
        self.order.refundable.amount_minor > 0
            && self.order.refunds.iter().all(|refund| refund.state != RefundState::Requested)
    }

    fn can_be_sent(&self) -> bool {
        self.order.state == OrderState::Paid && self.order.fulfillment == FulfillmentState::Unfulfilled
    }

    fn can_come_back(&self) -> bool {
        self.order.state == OrderState::Paid && self.order.fulfillment == FulfillmentState::Fulfilled
    }

    fn typed_amount(&self) -> &str {
        self.problem.as_ref().map_or("", |(amount, _)| amount)
    }
}

/// The order page's query.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct OrderQuery {
    notice: Option<String>,
}

/// Shows an order to an operator.
pub(in crate::http) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<OrderQuery>,
) -> PageResult {
    page(&app, &visitor, &id, query.notice.as_deref() == Some("done"), None).await
}

async fn page(
    app: &App,
    visitor: &Visitor,
    id: &OrderId,
    done: bool,
    problem: Option<(String, Problem)>,
) -> PageResult {
    let customer = app.services.accounts.current_customer(visitor.caller(), CurrentCustomer).await;
    let customer = customer.map_err(|error| PageError::or_sign_in(error, &path(id)))?;
    if customer.role != Role::Operator {
        return Err(ShopError::Forbidden.into());
    }
    let order =
        app.services.checkout.find_order(visitor.caller(), FindOrder { id: id.clone(), access_key: None }).await?;
    let country_name = super::checkout::country_name(order.shipping_address.country);
    let status = problem.as_ref().map_or(StatusCode::OK, |(_, problem)| problem.status_code());
    let page = AdminOrderPage {
        frame: Frame::new(app, visitor, "orders").await,
        csrf: visitor.csrf(),
        country_name,
        order,
        idempotency_key: app.ids.ulid().to_string(),
        done,
        problem,
    };
    private_page(status, &page)
}

fn path(id: &OrderId) -> String {
    format!("/admin/orders/{id}")
}

/// What an operator does to an order.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct ActionForm {
    action: String,
    amount: String,
    currency: String,
    idempotency_key: String,
}

impl ActionForm {
    /// The amount as typed, `12.50` or `12,50`; none for all that is left.
    fn refund_amount(&self) -> Result<Option<Money>, RuleError> {
        let typed = self.amount.trim();
        if typed.is_empty() {
            return Ok(None);
        }
        let (currency, decimal): (Currency, _) = (self.currency.parse()?, typed.replace(',', "."));
        let too_precise = |max| RuleError::invalid(Field::Amount, ValueRule::Decimals { max });
        // `1,000` is a thousand to one reader and one to another: as many decimals as the currency has, at most.
        let decimals = decimal.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        if u32::try_from(decimals).map_or(true, |decimals| decimals > currency.exponent()) {
            return Err(too_precise(currency.exponent()));
        }
        Money::parse_decimal(&decimal, currency).map(Some).map_err(|error| match error {
            AmountError::Decimals { max } => too_precise(max),
            AmountError::TooLarge => RuleError::AmountTooLarge,
            AmountError::Comma | AmountError::Malformed => RuleError::malformed(Field::Amount, Format::Amount),
        })
    }
}

/// Does something to an order.
pub(in crate::http) async fn act(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    PageForm(form): PageForm<ActionForm>,
) -> PageResult {
    match run(&app, &visitor, &id, &form).await {
        Ok(_) => Ok(see_other(&format!("{}?notice=done", path(&id)))),
        Err(error @ (ShopError::SignInRequired | ShopError::Forbidden)) => {
            Err(PageError::or_sign_in(error, &path(&id)))
        }
        Err(error @ (ShopError::Unavailable { .. } | ShopError::Internal(_) | ShopError::NotFound { .. })) => {
            Err(error.into())
        }
        Err(error) => page(&app, &visitor, &id, false, Some((form.amount, error.into()))).await,
    }
}

async fn run(app: &App, visitor: &Visitor, id: &OrderId, form: &ActionForm) -> ShopResult<OrderView> {
    let (caller, operations, id) = (visitor.caller(), &app.services.operations, id.clone());
    match form.action.as_str() {
        "cancel" => operations.cancel_order(caller, CancelOrder { id }).await,
        "refund" => {
            let (amount, client_key) = (form.refund_amount()?, form.idempotency_key.clone());
            operations.refund_order(caller, RefundOrder { id, amount, client_key }).await
        }
        "sent" => operations.move_parcel(caller, MoveParcel { id, event: FulfillmentEvent::Sent }).await,
        "came_back" => operations.move_parcel(caller, MoveParcel { id, event: FulfillmentEvent::CameBack }).await,
        _ => Err(RuleError::invalid(Field::Action, ValueRule::Offered).into()),
    }
}
