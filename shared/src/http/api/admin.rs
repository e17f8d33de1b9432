//! The operator's part.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PageBody, Paging};
use crate::http::App;
use crate::http::extract::{ApiJson, ApiPath, ApiQuery, ClientKey, private_json};
use crate::http::problem::Problem;
use crate::http::visitor::Visitor;
use shopease_shop::domain::{Handle, OrderId, OrderSummary, StockLevel};
use shopease_shop::shop::{CorrectStock, MoveParcel, OrderView, RefundOrder, VariantStock};

/// Stock of a product.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ProductStockBody {
    /// One row a variant.
    pub items: Vec<VariantStock>,
}

/// List all orders of the shop, newest first.
#[utoipa::path(get, path = "/api/v1/admin/orders", tag = "admin", params(Paging), responses(
    (status = 200, description = "A page of orders.", body = PageBody<OrderSummary>),
    (status = 400, description = "The query or cursor cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an operator.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A parameter is out of range.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn list_orders(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(paging): ApiQuery<Paging>,
) -> Result<Response, Problem> {
    let page = app.shop.list_all_orders(visitor.caller(), paging.after("all-orders")?, paging.limit()?).await?;
    Ok(private_json(StatusCode::OK, &PageBody::new(page, "all-orders")))
}

/// Show the stock of a product's variants.
#[utoipa::path(get, path = "/api/v1/admin/products/{handle}/stock", tag = "admin", params(("handle" = String, Path, description = "Name of the product in URLs.")), responses(
    (status = 200, description = "The stock.", body = ProductStockBody),
    (status = 400, description = "The path cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an operator.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such product.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn product_stock(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(handle): ApiPath<Handle>,
) -> Result<Response, Problem> {
    let items = app.shop.product_stock(visitor.caller(), &handle).await?;
    Ok(private_json(StatusCode::OK, &ProductStockBody { items }))
}

/// Correct the stock of an article.
#[utoipa::path(post, path = "/api/v1/admin/stock-corrections", tag = "admin", request_body = CorrectStock,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key corrects once.", max_length = 255)), responses(
    (status = 201, description = "The new level.", body = StockLevel),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an operator.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such article.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Less than nothing would be left, or the key is in use.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The article is not counted.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn correct_stock(
    State(app): State<App>,
    visitor: Visitor,
    ClientKey(key): ClientKey,
    ApiJson(command): ApiJson<CorrectStock>,
) -> Result<Response, Problem> {
    let level = app.shop.correct_stock(visitor.caller(), command, key.as_deref()).await?;
    Ok(private_json(StatusCode::CREATED, &level))
}

/// Call an order off: an unpaid one at the payment provider, a paid one by giving everything back.
#[utoipa::path(post, path = "/api/v1/admin/orders/{id}/cancellation", tag = "admin", params(("id" = String, Path, description = "The order.")), responses(
    (status = 200, description = "The order as it is now; cancelled unless the provider has still to answer.", body = OrderView),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an operator.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such order.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The order changes all the time; try again.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "It was sent, or is cancelled already.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn cancel_order(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
) -> Result<Response, Problem> {
    let order = app.shop.cancel_order(visitor.caller(), &id).await?;
    Ok(private_json(StatusCode::OK, &order))
}

/// Give money back. A whole refund before the parcel was sent cancels the order and returns its units to stock.
#[utoipa::path(post, path = "/api/v1/admin/orders/{id}/refunds", tag = "admin", request_body = RefundOrder,
    params(("id" = String, Path, description = "The order."), ("Idempotency-Key" = String, Header, description = "Repeating the request with the same key gives back once.", max_length = 255)), responses(
    (status = 201, description = "The order with the refund; it is `requested` until the provider has done it.", body = OrderView),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an operator.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such order.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The order changes all the time; try again.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Nothing was collected, it is more than what is left, or the key was used for another amount.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn refund_order(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    key: ClientKey,
    ApiJson(command): ApiJson<RefundOrder>,
) -> Result<Response, Problem> {
    let order = app.shop.refund_order(visitor.caller(), &id, command, &key.required()?).await?;
    Ok(private_json(StatusCode::CREATED, &order))
}

/// Note that a paid order's parcel was sent, or came back with its units.
#[utoipa::path(post, path = "/api/v1/admin/orders/{id}/parcel-events", tag = "admin", request_body = MoveParcel,
    params(("id" = String, Path, description = "The order.")), responses(
    (status = 201, description = "The order as it is now.", body = OrderView),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an operator.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such order.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The order changes all the time; try again.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Not possible where the parcel is.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn move_parcel(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    ApiJson(command): ApiJson<MoveParcel>,
) -> Result<Response, Problem> {
    let order = app.shop.move_parcel(visitor.caller(), &id, command).await?;
    Ok(private_json(StatusCode::CREATED, &order))
}
