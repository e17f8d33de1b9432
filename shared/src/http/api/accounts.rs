//! Accounts and sessions.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::http::App;
use crate::http::extract::{ApiJson, private_json};
use crate::http::problem::Problem;
use crate::http::visitor::{Visitor, append_cookie, cart_units_cookie, token_cookie};
use shopease_shop::domain::Token;
use shopease_shop::shop::{CustomerView, LogIn, Register, ShopError, SignedIn};

/// A fresh session as answer: in the body for programs, as cookies for browsers.
fn respond(app: &App, signed_in: &SignedIn) -> Result<Response, Problem> {
    let token =
        Token::parse(&signed_in.token).ok_or_else(|| ShopError::Internal("a session token does not read".into()))?;
    let mut response = private_json(StatusCode::CREATED, signed_in);
    append_cookie(response.headers_mut(), &token_cookie(&token, &app.config));
    append_cookie(response.headers_mut(), &cart_units_cookie(signed_in.cart_units, &app.config));
    Ok(response)
}

/// Make an account and sign in. Repeating it is refused, because the e-mail address is taken then.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = Register, responses(
    (status = 201, description = "Signed in; the visitor's cart is the account's.", body = SignedIn),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The request rides on a cookie from another site.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The e-mail address has an account.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A rule is broken.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn register(
    State(app): State<App>,
    visitor: Visitor,
    ApiJson(command): ApiJson<Register>,
) -> Result<Response, Problem> {
    let signed_in = app.shop.register(visitor.caller(), command).await?;
    respond(&app, &signed_in)
}

/// Show who is signed in.
#[utoipa::path(get, path = "/api/v1/accounts/me", tag = "accounts", responses(
    (status = 200, description = "The customer.", body = CustomerView),
    (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn current_customer(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let customer = app.shop.current_customer(visitor.caller()).await?;
    Ok(private_json(StatusCode::OK, &customer))
}

/// Sign in.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "accounts", request_body = LogIn, responses(
    (status = 201, description = "Signed in with a new token; the visitor's cart is merged.", body = SignedIn),
    (status = 400, description = "The request cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "E-mail address or password is wrong.", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The request rides on a cookie from another site.", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field is not of its form.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn log_in(
    State(app): State<App>,
    visitor: Visitor,
    ApiJson(command): ApiJson<LogIn>,
) -> Result<Response, Problem> {
    let signed_in = app.shop.log_in(visitor.caller(), command).await?;
    respond(&app, &signed_in)
}

/// Sign out: end the caller's session.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "accounts", responses(
    (status = 204, description = "No session any more."),
    (status = 403, description = "The request rides on a cookie from another site.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn log_out(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    app.shop.log_out(visitor.caller()).await?;
    let mut response = (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response();
    let fresh = Token::visitor(app.ids.secret());
    append_cookie(response.headers_mut(), &token_cookie(&fresh, &app.config));
    append_cookie(response.headers_mut(), &cart_units_cookie(0, &app.config));
    Ok(response)
}
