//! The caller's cart.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::http::App;
use crate::http::extract::{ApiJson, ApiPath, ClientKey, private_json};
use crate::http::problem::Problem;
use crate::http::visitor::{Visitor, append_cookie, cart_units_cookie};
use shopease_shop::domain::LineItemId;
use shopease_shop::shop::{AddLineItem, CartView, SetLineItem};

/// A cart as answer, with the hint that pages show.
fn respond(app: &App, status: StatusCode, cart: &CartView) -> Response {
    let mut response = private_json(status, cart);
    append_cookie(response.headers_mut(), &cart_units_cookie(cart.units, &app.config));
    response
}

/// Show the caller's cart with present prices and stock.
#[utoipa::path(get, path = "/api/v1/cart", tag = "cart", responses((status = 200, description = "The cart, perhaps empty.", body = CartView)))]
pub(in crate::http) async fn view_cart(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let cart = app.shop.view_cart(visitor.caller()).await?;
    Ok(respond(&app, StatusCode::OK, &cart))
}

/// Put units of an article into the cart.
#[utoipa::path(post, path = "/api/v1/cart/line-items", tag = "cart", request_body = AddLineItem,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key adds once.", max_length = 255)), responses(
    (status = 201, description = "The cart with the units.", body = CartView),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The request rides on a cookie from another site.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Not enough in stock, or the key is in use.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A rule is broken.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn add_line_item(
    State(app): State<App>,
    visitor: Visitor,
    ClientKey(key): ClientKey,
    ApiJson(command): ApiJson<AddLineItem>,
) -> Result<Response, Problem> {
    let cart = app.shop.add_line_item(visitor.caller(), command, key.as_deref()).await?;
    Ok(respond(&app, StatusCode::CREATED, &cart))
}

/// Set the units of a line.
#[utoipa::path(patch, path = "/api/v1/cart/line-items/{id}", tag = "cart", request_body = SetLineItem, params(("id" = String, Path, description = "The line.")), responses(
    (status = 200, description = "The cart with the units.", body = CartView),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The request rides on a cookie from another site.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such line.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Not enough in stock.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A rule is broken.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn set_line_item(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<LineItemId>,
    ApiJson(command): ApiJson<SetLineItem>,
) -> Result<Response, Problem> {
    let cart = app.shop.set_line_item(visitor.caller(), &id, command).await?;
    Ok(respond(&app, StatusCode::OK, &cart))
}

/// Take a line out.
#[utoipa::path(delete, path = "/api/v1/cart/line-items/{id}", tag = "cart", params(("id" = String, Path, description = "The line.")), responses(
    (status = 200, description = "The cart without the line.", body = CartView),
    (status = 400, description = "The path cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The request rides on a cookie from another site.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such line.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The cart changed at the same time.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn remove_line_item(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<LineItemId>,
) -> Result<Response, Problem> {
    let cart = app.shop.remove_line_item(visitor.caller(), &id).await?;
    Ok(respond(&app, StatusCode::OK, &cart))
}
