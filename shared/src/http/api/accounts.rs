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
use super::text;
use super::wire::{Role, mirror};
use crate::http::extract::private_json;
use crate::http::problem::Problem;
use crate::http::visitor::{append_cookie, cart_units_cookie, token_cookie};

/// Creates an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@example.com", "name": "Ada Lovelace", "password": "correct horse battery"}))]
pub struct Register {
    /// Unique in the shop.
    #[schema(value_type = text::Email)]
    pub email: EmailAddress,
    /// Name of the customer.
    #[schema(value_type = text::Line)]
    pub name: String,
    /// 8 to 256 characters of any kind, counted in Unicode normalization form C.
    #[schema(format = Password, min_length = 8, max_length = 256)]
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
#[schema(example = json!({"email": "ada@example.com", "password": "correct horse battery"}))]
pub struct LogIn {
    /// Email address of the account.
    #[schema(value_type = text::Email)]
    pub email: EmailAddress,
    /// Password of the account.
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

/// Requests a link that resets a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@example.com"}))]
pub struct RequestPasswordReset {
    /// Email address of the account.
    #[schema(value_type = text::Email)]
    pub email: EmailAddress,
}

impl Wire for services::RequestPasswordReset {
    type Path = ();
    type Query = NoQuery;
    type Body = Json<RequestPasswordReset>;

    fn read(Parts { body: Json(body), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { email: body.email })
    }

    fn write(self) -> Parts<Self> {
        Parts::of_body(Json(RequestPasswordReset { email: self.email }))
    }
}

/// Resets a password with a mailed link.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"token": "cus_01ARZ3NDEKTSV4RRFFQ69G5FAV.0123456789abcdef", "password": "correct horse battery"}))]
pub struct ResetPassword {
    /// Token of the link: the `token` parameter of its URL.
    pub token: String,
    /// New password: 8 to 256 characters of any kind, counted in Unicode normalization form C.
    #[schema(format = Password, min_length = 8, max_length = 256)]
    pub password: String,
}

impl Wire for services::ResetPassword {
    type Path = ();
    type Query = NoQuery;
    type Body = Json<ResetPassword>;

    fn read(Parts { body: Json(body), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { token: body.token, password: body.password })
    }

    fn write(self) -> Parts<Self> {
        Parts::of_body(Json(ResetPassword { token: self.token, password: self.password }))
    }
}

/// A new session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// Bearer token of the session.
    #[schema(example = "ses_TJmAR0eTaWCdMjD9n3yTsbx4tTxnxIKZ3oUVzY5X8pE")]
    pub token: String,
    /// The signed-in customer.
    pub customer: Customer,
    /// Units in the merged cart.
    pub cart_units: u32,
}
mirror!(SignedIn of services::SignedIn { token, customer, cart_units });

/// The signed-in customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Customer {
    /// Customer ID.
    #[schema(value_type = text::CustomerId)]
    pub id: domain::CustomerId,
    /// Email address.
    #[schema(value_type = text::Email)]
    pub email: EmailAddress,
    /// Name.
    pub name: String,
    /// Role of the account.
    pub role: Role,
}
mirror!(Customer of services::CustomerView { id, email, name, role });

/// 201 with the session in the body for API clients and as cookies for browsers.
fn session(context: &Context<'_>, signed_in: &SignedIn) -> Result<Response, Problem> {
    let config = &context.app.config;
    let token =
        Token::parse(&signed_in.token).ok_or_else(|| ShopError::Internal("the session token is malformed".into()))?;
    let mut response = private_json(StatusCode::CREATED, signed_in);
    append_cookie(response.headers_mut(), &token_cookie(&token, config));
    append_cookie(response.headers_mut(), &cart_units_cookie(signed_in.cart_units, config));
    Ok(response)
}

/// 204 with the cookies of a new visitor.
fn new_visitor(context: &Context<'_>, body: &NoContent) -> Result<Response, Problem> {
    let mut response = no_content(context, body)?;
    let fresh = Token::visitor(context.app.ids.secret());
    append_cookie(response.headers_mut(), &token_cookie(&fresh, &context.app.config));
    append_cookie(response.headers_mut(), &cart_units_cookie(0, &context.app.config));
    Ok(response)
}

without_body!(LogOut);
without_body!(CurrentCustomer);

endpoints! {
    Accounts in accounts, area Accounts, tag "accounts";

    /// Create an account and sign in. Repeating the request fails, because the email address is then in use.
    post "/api/v1/accounts" => register(services::Register) for caller -> SignedIn {
        Ordinary, session, [
            (201, "Signed in. The visitor's cart now belongs to the account."),
            (409, "The email address already has an account."),
            (429, "Too many failed attempts of this client. Try again after `Retry-After` seconds."),
        ]
    }

    /// Get the signed-in customer.
    get "/api/v1/accounts/me" => current_customer(CurrentCustomer) for caller -> Customer {
        Ordinary, ok, [(200, "The customer."), (401, "Not signed in.")]
    }

    /// Sign in.
    post "/api/v1/sessions" => log_in(services::LogIn) for caller -> SignedIn {
        Ordinary, session, [
            (201, "Signed in with a new token. The visitor's cart was merged into the account's."),
            (401, "The email address or the password is wrong."),
            (429, "Too many failed attempts. Try again after `Retry-After` seconds."),
        ]
    }

    /// Request a mail with a link that resets a password. The response does not reveal whether the email address has an account.
    post "/api/v1/password-resets" => request_password_reset(services::RequestPasswordReset) for caller -> NoContent {
        Ordinary, no_content, [
            (204, "If the email address has an account, a mail is on its way. Its link is valid for one hour, and only the newest one."),
            (429, "Too many requests. Try again after `Retry-After` seconds."),
        ]
    }

    /// Reset a password with a mailed link. Ends all sessions of the account.
    put "/api/v1/password" => reset_password(services::ResetPassword) for caller -> NoContent {
        Ordinary, no_content, [
            (204, "The new password is valid, and the link is used up."),
            (404, "The link is invalid, older than one hour, or already used."),
            (429, "Too many failed attempts of this client. Try again after `Retry-After` seconds."),
        ]
    }

    /// Sign out: end the caller's session.
    delete "/api/v1/sessions/current" => log_out(LogOut) for caller -> NoContent {
        Ordinary, new_visitor, [(204, "The session has ended.")]
    }
}
