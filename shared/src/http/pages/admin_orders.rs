//! The order page for operators, with its actions.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::admin_actions::{Action, ActionForm, Done, Plan};
use super::layout::{Frame, PageError, PageResult, private_page, see_other};
use super::view::filters;
use crate::http::extract::{ApiPath, PageForm};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem, notice};
use shopease_shop::ShopError;
use shopease_shop::domain::{Dispute, FulfillmentState, OrderId, OrderState, PaymentKind, RefundState, Role};
use shopease_shop::services::{CurrentCustomer, FindOrder, OrderView};

#[derive(Template)]
#[template(path = "admin_order.html")]
struct AdminOrderPage {
    frame: Frame,
    csrf: String,
    order: OrderView,
    idempotency_key: String,
    done: Option<Done>,
    /// The rejected form with its problem.
    problem: Option<(ActionForm, Problem)>,
}

impl AdminOrderPage {
    fn can_be_cancelled(&self) -> bool {
        self.order.state != OrderState::Cancelled
            && self.order.fulfillment == FulfillmentState::Unfulfilled
            && !Dispute::withhold_undecided(&self.order.disputes)
    }

    fn can_be_refunded(&self) -> bool {
        self.order.refundable.amount_minor > 0
            && self.order.refunds.iter().all(|refund| refund.state != RefundState::Requested)
    }

    fn awaits_transfer(&self) -> bool {
        self.order.state == OrderState::Pending && self.order.payment_kind == PaymentKind::BankTransfer
    }

    fn can_be_shipped(&self) -> bool {
        self.order.state == OrderState::Paid && self.order.fulfillment == FulfillmentState::Unfulfilled
    }

    fn can_be_returned(&self) -> bool {
        self.order.state == OrderState::Paid && self.order.fulfillment == FulfillmentState::Fulfilled
    }

    fn can_be_tracked(&self) -> bool {
        self.can_be_returned() && self.order.shipping.ships()
    }

    /// The rejected form of these actions.
    fn rejected(&self, actions: &[&str]) -> Option<&ActionForm> {
        self.problem.as_ref().map(|(form, _)| form).filter(|form| actions.contains(&&*form.action))
    }

    /// The typed amount, or else the full refundable amount.
    fn amount(&self) -> String {
        self.rejected(&["refund"]).map_or_else(|| self.order.refundable.decimal(), |form| form.amount.clone())
    }

    /// The typed tracking, or else the known one.
    fn tracking(&self) -> ActionForm {
        let known = || self.order.tracking.as_ref().map(ActionForm::of_tracking).unwrap_or_default();
        self.rejected(&["shipped", "tracking"]).cloned().unwrap_or_else(known)
    }

    /// Whether the order is canceled but its refund was returned by the bank, so that the shopper is still owed money.
    fn is_owed(&self) -> bool {
        self.order.state == OrderState::Cancelled && self.order.refundable.amount_minor > 0
    }

    fn open_disputes(&self) -> impl Iterator<Item = &Dispute> {
        self.order.disputes.iter().filter(|dispute| dispute.state.is_open())
    }
}

#[derive(Template)]
#[template(path = "admin_order_confirm.html")]
struct ConfirmPage {
    frame: Frame,
    csrf: String,
    order: OrderView,
    form: ActionForm,
    plan: Plan,
    /// Whether the order has changed since the last confirmation page.
    changed: bool,
}

/// Shows an order to an operator.
pub(in crate::http) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    headers: HeaderMap,
) -> PageResult {
    let left = notice::left(&headers);
    let mut response = page(&app, &visitor, &id, left.as_deref(), None).await?;
    if left.is_some() {
        notice::clear(&mut response, &app.config);
    }
    Ok(response)
}

/// Returns the order if the visitor is an operator.
async fn order_for_operator(app: &App, visitor: &Visitor, id: &OrderId) -> Result<OrderView, PageError> {
    let customer = app.services.accounts.current_customer(visitor.caller(), CurrentCustomer).await;
    let customer = customer.map_err(|error| PageError::or_sign_in(error, &path(id)))?;
    if customer.role != Role::Operator {
        return Err(ShopError::Forbidden.into());
    }
    let command = FindOrder { id: id.clone(), access_key: None };
    Ok(app.services.checkout.find_order(visitor.caller(), command).await?)
}

async fn page(
    app: &App,
    visitor: &Visitor,
    id: &OrderId,
    left: Option<&str>,
    problem: Option<(ActionForm, Problem)>,
) -> PageResult {
    let order = order_for_operator(app, visitor, id).await?;
    let status = problem.as_ref().map_or(StatusCode::OK, |(_, problem)| problem.status_code());
    let page = AdminOrderPage {
        frame: Frame::new(app, visitor, "orders").await,
        csrf: visitor.csrf(),
        idempotency_key: app.ids.ulid().to_string(),
        done: left.and_then(|left| Done::read(left, &order)),
        order,
        problem,
    };
    private_page(status, &page)
}

fn path(id: &OrderId) -> String {
    format!("/admin/orders/{id}")
}

/// Runs an action on an order, after confirmation if it needs one.
pub(in crate::http) async fn act(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    PageForm(form): PageForm<ActionForm>,
) -> PageResult {
    let order = order_for_operator(&app, &visitor, &id).await?;
    let action = match form.read() {
        Ok(action) => action,
        Err(rule) => return rejected(&app, &visitor, &id, form, rule.into()).await,
    };
    let done = Done::notice(&action, &id, &form.idempotency_key);
    if is_done(&action, &order, &done) {
        return Ok(leave(&app, &id, &done));
    }
    match action.plan(&order) {
        Err(rule) => return rejected(&app, &visitor, &id, form, rule.into()).await,
        Ok(Some(plan)) if plan.summary != form.confirmed => return confirm(&app, &visitor, order, form, plan).await,
        Ok(_) => {}
    }
    let operations = app.services.operations.as_ref();
    match action.run(operations, visitor.caller(), id.clone(), form.idempotency_key.clone()).await {
        Ok(_) => Ok(leave(&app, &id, &done)),
        Err(error @ (ShopError::SignInRequired | ShopError::Forbidden)) => {
            Err(PageError::or_sign_in(error, &path(&id)))
        }
        Err(error @ (ShopError::Unavailable { .. } | ShopError::Internal(_) | ShopError::NotFound { .. })) => {
            Err(error.into())
        }
        Err(error) => rejected(&app, &visitor, &id, form, error).await,
    }
}

/// Redirects to the order, which shows the result once.
fn leave(app: &App, id: &OrderId, done: &str) -> Response {
    let mut response = see_other(&path(id));
    notice::leave(&mut response, done, &app.config);
    response
}

/// Whether this form has already been processed, after a second click or the browser's Back button.
fn is_done(action: &Action, order: &OrderView, done: &str) -> bool {
    let Action::Refund(amount) = action else { return false };
    let is_it = |id: &str| done.strip_prefix("refund.") == Some(id);
    order.refunds.iter().any(|refund| is_it(refund.id.as_str()) && refund.amount == *amount)
}

async fn rejected(app: &App, visitor: &Visitor, id: &OrderId, form: ActionForm, error: ShopError) -> PageResult {
    page(app, visitor, id, None, Some((form, error.into()))).await
}

async fn confirm(app: &App, visitor: &Visitor, order: OrderView, form: ActionForm, plan: Plan) -> PageResult {
    let changed = !form.confirmed.is_empty();
    let frame = Frame::new(app, visitor, "orders").await;
    let page = ConfirmPage { frame, csrf: visitor.csrf(), order, form, plan, changed };
    private_page(if changed { StatusCode::CONFLICT } else { StatusCode::OK }, &page)
}
