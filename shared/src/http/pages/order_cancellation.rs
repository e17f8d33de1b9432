//! A shopper cancels an order that is not paid: a page that names the sum and the consequences, and its form.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::accounts::NoFields;
use super::checkout::{CANCEL_REQUESTED, OrderQuery, order_path};
use super::layout::{Frame, PageResult, private_page, remember_cart_units, see_other};
use super::view::filters;
use crate::http::extract::{ApiPath, ApiQuery, PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem, notice};
use shopease_shop::ShopError;
use shopease_shop::domain::{OrderId, OrderState};
use shopease_shop::services::{CancelUnpaidOrder, FindOrder, OrderView, ViewCart};

#[derive(Template)]
#[template(path = "order_cancellation.html")]
struct CancellationPage {
    frame: Frame,
    csrf: String,
    order: OrderView,
    /// Path of the order.
    link: String,
    /// Path of this page.
    cancellation: String,
    problem: Option<Problem>,
}

/// Asks whether to cancel an order.
pub(in crate::http) async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<OrderQuery>,
) -> PageResult {
    page(&app, &visitor, id, query, None).await
}

/// The page of an order that waits for its payment. Another order redirects to its own page, which shows what became of it.
async fn page(app: &App, visitor: &Visitor, id: OrderId, query: OrderQuery, problem: Option<Problem>) -> PageResult {
    let link = order_path(&id, "", query.key.as_deref());
    let cancellation = order_path(&id, "/cancellation", query.key.as_deref());
    let order = app.services.checkout.find_order(visitor.caller(), FindOrder { id, access_key: query.key }).await?;
    if order.state != OrderState::Pending {
        return Ok(see_other(&link));
    }
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status_code);
    let frame = Frame::new(app, visitor, "order").await;
    private_page(status, &CancellationPage { frame, csrf: visitor.csrf(), order, link, cancellation, problem })
}

/// Cancels an order, and shows it.
pub(in crate::http) async fn cancel(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<OrderQuery>,
    form: PostedForm<NoFields>,
) -> PageResult {
    if let PostedForm::Stale(_) = form {
        let page = page(&app, &visitor, id, query, Some(stale_form())).await;
        return page.map_err(|_| stale_form().into());
    }
    let command = CancelUnpaidOrder { id: id.clone(), access_key: query.key.clone() };
    match app.services.checkout.cancel_unpaid_order(visitor.caller(), command).await {
        // The order's page says that it is already paid.
        Ok(_) | Err(ShopError::Rules(_)) => {}
        Err(error @ ShopError::Conflict) => return page(&app, &visitor, id, query, Some(error.into())).await,
        Err(error) => return Err(error.into()),
    }
    let mut response = see_other(&order_path(&id, "", query.key.as_deref()));
    notice::leave(&mut response, CANCEL_REQUESTED, &app.config);
    // Without the number, the header shows that of the next visit of the cart.
    if let Ok(cart) = app.services.carts.view_cart(visitor.caller(), ViewCart).await {
        remember_cart_units(response.headers_mut(), cart.units, &app);
    }
    Ok(response)
}
