//! Accounts and sessions.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopease_shop::ShopError;
use shopease_shop::domain::{self, EmailAddress, Token};
use shopease_shop::services::{self, CurrentCustomer, LogOut};
use utoipa::ToSchema;

use super::endpoint::{Context, NoContent, endpoints, no_content, ok};
use super::parts::{Json, NoQuery, Parts, Wire, without_body};
use super::wire::{Role, mirror};
use crate::http::extract::private_json;
use crate::http::problem::Problem;
use crate::http::visitor::{append_cookie, cart_units_cookie, token_cookie};

/// Creates an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Register {
    /// Unique in the shop.
    #[schema(value_type = String, format = Email)]
    pub email: EmailAddress,
    /// How the shop addresses the customer.
    pub name: String,
    /// 8 to 256 characters, any.
    #[schema(format = Password)]
    pub password: String,
}

impl Wire for services::Register {
    type Path = ();
    type Query = NoQuery;
    type Body = Json<Register>;

    fn read(Parts { body: Json(body), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { email: body.email, name: body.name, password: body.password })
    }

    fn write(self) -> Parts<Self> {
        let Self { email, name, password } = self;
        Parts::of_body(Json(Register { email, name, password }))
    }
}

/// Signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogIn {
    /// The account's address.
    #[schema(value_type = String, format = Email)]
    pub email: EmailAddress,
    /// The account's password.
    #[schema(format = Password)]
    pub password: String,
}

impl Wire for services::LogIn {
    type Path = ();
    type Query = NoQuery;
    type Body = Json<LogIn>;

    fn read(Parts { body: Json(body), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { email: body.email, password: body.password })
    }

    fn write(self) -> Parts<Self> {
        let Self { email, password } = self;
        Parts::of_body(Json(LogIn { email, password }))
    }
}

/// A new session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// Bearer token of the session.
    pub token: String,
    /// Who is signed in.
    pub customer: Customer,
    /// Units in the merged cart.
    pub cart_units: u32,
}
mirror!(SignedIn of services::SignedIn { token, customer, cart_units });

/// A customer, as they see themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Customer {
    /// Identity.
    #[schema(value_type = String)]
    pub id: domain::CustomerId,
    /// E-mail address.
    #[schema(value_type = String, format = Email)]
    pub email: EmailAddress,
    /// Name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}
mirror!(Customer of services::CustomerView { id, email, name, role });

/// 201 with the session in the body for programs and as cookies for browsers.
fn session(context: &Context<'_>, signed_in: &SignedIn) -> Result<Response, Problem> {
    let config = &context.app.config;
    let token =
        Token::parse(&signed_in.token).ok_or_else(|| ShopError::Internal("a session token does not read".into()))?;
    let mut response = private_json(StatusCode::CREATED, signed_in);
    append_cookie(response.headers_mut(), &token_cookie(&token, config));
    append_cookie(response.headers_mut(), &cart_units_cookie(signed_in.cart_units, config));
    Ok(response)
}

/// 204 with the cookies of a new visitor.
fn new_visitor(context: &Context<'_>, answer: &NoContent) -> Result<Response, Problem> {
    let mut response = no_content(context, answer)?;
    let fresh = Token::visitor(context.app.ids.secret());
    append_cookie(response.headers_mut(), &token_cookie(&fresh, &context.app.config));
    append_cookie(response.headers_mut(), &cart_units_cookie(0, &context.app.config));
    Ok(response)
}

without_body!(LogOut);
without_body!(CurrentCustomer);

endpoints! {
    Accounts in accounts, area Accounts, tag "accounts";

    /// Create an account and sign in. Repeating it is refused, because the e-mail address is taken then.
    post "/api/v1/accounts" => register(services::Register) for caller -> SignedIn {
        Ordinary, session, [
            (201, "Signed in; the visitor's cart is the account's."),
            (409, "The e-mail address has an account."),
            (429, "Too many attempts of this client have failed; `Retry-After` says when to try again."),
        ]
    }

    /// Show who is signed in.
    get "/api/v1/accounts/me" => current_customer(CurrentCustomer) for caller -> Customer {
        Ordinary, ok, [(200, "The customer."), (401, "Nobody is signed in.")]
    }

    /// Sign in.
    post "/api/v1/sessions" => log_in(services::LogIn) for caller -> SignedIn {
        Ordinary, session, [
            (201, "Signed in with a new token; the visitor's cart is merged."),
            (401, "E-mail address or password is wrong."),
            (429, "Too many attempts have failed; `Retry-After` says when to try again."),
        ]
    }

    /// Sign out: end the caller's session.
    delete "/api/v1/sessions/current" => log_out(LogOut) for caller -> NoContent {
        Ordinary, new_visitor, [(204, "The session has ended.")]
    }
}
