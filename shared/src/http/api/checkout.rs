//! Quotes and orders.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{PageBody, Paging};
use crate::http::App;
use crate::http::extract::{ApiJson, ApiPath, ApiQuery, ClientKey, RawBody, private_json};
use crate::http::problem::Problem;
use crate::http::visitor::{Visitor, append_cookie, cart_units_cookie};
use shopease_shop::domain::{OrderId, OrderState, OrderSummary, Quote};
use shopease_shop::ports::SIGNATURE_HEADER;
use shopease_shop::shop::{OrderView, PlaceOrder, QuoteRequest};

/// Quote shipping, tax and total of the caller's cart at a place.
#[utoipa::path(post, path = "/api/v1/checkout/quote", tag = "checkout", request_body = QuoteRequest, responses(
    (status = 200, description = "What it costs, with every shipping method offered.", body = Quote),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The request rides on a cookie from another site.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The cart is empty, not sold or not delivered there.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn quote(
    State(app): State<App>,
    visitor: Visitor,
    ApiJson(request): ApiJson<QuoteRequest>,
) -> Result<Response, Problem> {
    let quote: Quote = app.shop.quote(visitor.caller(), request).await?;
    Ok(private_json(StatusCode::OK, &quote))
}

/// Order and pay what is in the caller's cart.
#[utoipa::path(post, path = "/api/v1/checkout", tag = "checkout", request_body = PlaceOrder,
    params(("Idempotency-Key" = String, Header, description = "Repeating the request with the same key gives the first answer.", min_length = 1, max_length = 255)), responses(
    (status = 201, description = "Ordered and paid.", body = OrderView),
    (status = 202, description = "Ordered; whether it is paid is not known yet.", body = OrderView),
    (status = 400, description = "The request cannot be read, or has no key.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The request rides on a cookie from another site.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Not enough in stock, the cart changed, or the key is in use.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A rule is broken, the card was declined, or the key was used for another request.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn place_order(
    State(app): State<App>,
    visitor: Visitor,
    key: ClientKey,
    ApiJson(command): ApiJson<PlaceOrder>,
) -> Result<Response, Problem> {
    let order = app.shop.place_order(visitor.caller(), command, &key.required()?).await?;
    let status = if order.state == OrderState::Pending { StatusCode::ACCEPTED } else { StatusCode::CREATED };
    let mut response = private_json(status, &order);
    append_cookie(response.headers_mut(), &cart_units_cookie(0, &app.config));
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/orders/{}", order.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// List the caller's orders, newest first.
#[utoipa::path(get, path = "/api/v1/orders", tag = "checkout", params(Paging), responses(
    (status = 200, description = "A page of orders.", body = PageBody<OrderSummary>),
    (status = 400, description = "The query or cursor cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A parameter is out of range.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn list_orders(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(paging): ApiQuery<Paging>,
) -> Result<Response, Problem> {
    let page = app.shop.list_orders(visitor.caller(), paging.after("orders")?, paging.limit()?).await?;
    Ok(private_json(StatusCode::OK, &PageBody::new(page, "orders")))
}

/// How an order is opened without signing in.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct OrderQuery {
    /// The order's access key, for who did not place it with this token.
    key: Option<String>,
}

/// Show an order: to who placed it, to who has its key, to operators.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "checkout", params(("id" = String, Path, description = "The order."), OrderQuery), responses(
    (status = 200, description = "The order.", body = OrderView),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such order, or not the caller's.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn find_order(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<OrderQuery>,
) -> Result<Response, Problem> {
    let order = app.shop.find_order(visitor.caller(), &id, query.key.as_deref()).await?;
    Ok(private_json(StatusCode::OK, &order))
}

/// Ask the payment provider where the payment of an unpaid order stands, and carry it on.
#[utoipa::path(post, path = "/api/v1/orders/{id}/payment-checks", tag = "checkout", params(("id" = String, Path, description = "The order."), OrderQuery), responses(
    (status = 200, description = "The order as it is now.", body = OrderView),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such order, or not the caller's.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn check_payment(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<OrderQuery>,
) -> Result<Response, Problem> {
    let order = app.shop.check_payment(visitor.caller(), &id, query.key.as_deref()).await?;
    Ok(private_json(StatusCode::OK, &order))
}

/// Take in an event of the payment provider, signed over the raw body in its own header (`Stripe-Signature`) or in
/// `Shopease-Signature`.
#[utoipa::path(post, path = "/api/v1/payments/webhooks", tag = "checkout",
    request_body(content = String, content_type = "application/json", description = "The event as the provider sends it."), responses(
    (status = 204, description = "Taken in, or of no use to the shop."),
    (status = 400, description = "The signature is missing, wrong or too old, or the event cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn receive_payment_event(
    State(app): State<App>,
    headers: HeaderMap,
    body: RawBody,
) -> Result<StatusCode, Problem> {
    let signature = ["stripe-signature", SIGNATURE_HEADER].iter().find_map(|name| headers.get(*name));
    let signature = signature.and_then(|value| value.to_str().ok());
    app.shop.receive_payment_event(signature, &body.0).await?;
    Ok(StatusCode::NO_CONTENT)
}
