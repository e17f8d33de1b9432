//! Accounts and sessions.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopease_shop::ShopError;
use shopease_shop::domain::{self, EmailAddress, Token};
use shopease_shop::services::{
    self, CurrentCustomer, EndOtherSessions, EndSession, ListSessions, LogOut, RequestEmailConfirmation,
};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::endpoint::{Context, NoContent, endpoints, no_content, ok};
use super::parts::{json_body, without_body};
use super::text;
use super::wire::{Out, Role, mirror};
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
    /// 8 to 256 characters of any kind, counted in Unicode normalization form C. Not one of the most common passwords, the email address,
    /// or the name of the shop.
    #[schema(format = Password, min_length = 8, max_length = 256)]
    pub password: String,
}

json_body!(services::Register as Register { email, name, password });

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

json_body!(services::LogIn as LogIn { email, password });

/// Requests a link that resets a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@example.com"}))]
pub struct RequestPasswordReset {
    /// Email address of the account.
    #[schema(value_type = text::Email)]
    pub email: EmailAddress,
}

json_body!(services::RequestPasswordReset as RequestPasswordReset { email });

/// Resets a password with a mailed link.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"token": "cus_01ARZ3NDEKTSV4RRFFQ69G5FAV.0123456789abcdef", "password": "correct horse battery"}))]
pub struct ResetPassword {
    /// Token of the link: the `token` parameter of its URL.
    pub token: String,
    /// New password: 8 to 256 characters of any kind, counted in Unicode normalization form C. Not one of the most common passwords, the
    /// email address, or the name of the shop.
    #[schema(format = Password, min_length = 8, max_length = 256)]
    pub password: String,
}

json_body!(services::ResetPassword as ResetPassword { token, password });

/// Confirms an email address with a mailed link.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"token": "cus_01ARZ3NDEKTSV4RRFFQ69G5FAV.0123456789abcdef", "password": "correct horse battery"}))]
pub struct ConfirmEmail {
    /// Token of the link: the `token` parameter of its URL.
    pub token: String,
    /// Password of the account.
    #[schema(format = Password)]
    pub password: String,
}

json_body!(services::ConfirmEmail as ConfirmEmail { token, password });

/// Changes the name of the signed-in customer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Ada King"}))]
pub struct ChangeName {
    /// New name.
    #[schema(value_type = text::Line)]
    pub name: String,
}

json_body!(services::ChangeName as ChangeName { name });

/// Changes the email address of the signed-in customer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@lovelace.example", "password": "correct horse battery"}))]
pub struct ChangeEmail {
    /// New email address.
    #[schema(value_type = text::Email)]
    pub email: EmailAddress,
    /// Password of the account.
    #[schema(format = Password)]
    pub password: String,
}

json_body!(services::ChangeEmail as ChangeEmail { email, password });

/// Changes the password of the signed-in customer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"password": "correct horse battery", "new_password": "a brand new password"}))]
pub struct ChangePassword {
    /// Current password.
    #[schema(format = Password)]
    pub password: String,
    /// New password: 8 to 256 characters of any kind, counted in Unicode normalization form C. Not one of the most common passwords, the
    /// email address, or the name of the shop.
    #[schema(format = Password, min_length = 8, max_length = 256)]
    pub new_password: String,
}

json_body!(services::ChangePassword as ChangePassword { password, new_password });

/// Deletes the account of the signed-in customer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"password": "correct horse battery"}))]
pub struct DeleteAccount {
    /// Password of the account.
    #[schema(format = Password)]
    pub password: String,
}

json_body!(services::DeleteAccount as DeleteAccount { password });

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
    /// The email address that a mailed link will confirm: that of a new account, or one that the account changes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::Email>)]
    pub unconfirmed_email: Option<EmailAddress>,
}
mirror!(Customer of services::CustomerView { id, email, name, role, unconfirmed_email });

/// A session of the signed-in customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Session ID.
    #[schema(value_type = text::SessionId)]
    pub id: domain::SessionId,
    /// Browser and system at sign-in, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Firefox on Linux")]
    pub device: Option<String>,
    /// When the customer signed in.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub signed_in_at: OffsetDateTime,
    /// Whether it is the session of this request.
    pub is_current: bool,
}
mirror!(Session of services::SessionView { id, device, signed_in_at, is_current });

/// The sessions of the signed-in customer.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    /// The newest first, at most 100.
    pub items: Vec<Session>,
}

impl Out for Sessions {
    type Value = Vec<services::SessionView>;

    fn of(items: Self::Value) -> Self {
        Self { items: Out::of(items) }
    }

    fn value(self) -> Self::Value {
        self.items.value()
    }
}

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
without_body!(ListSessions);
without_body!(EndSession, id: domain::SessionId);
without_body!(EndOtherSessions);
without_body!(CurrentCustomer);
without_body!(RequestEmailConfirmation);

endpoints! {
    Accounts in accounts, area Accounts, tag "accounts";

    /// Create an account and sign in. If the shop sends mail, a mailed link confirms the email address within 24 hours, and only then
    /// can the customer sign in again; the response does not reveal whether the address already has an account. If it sends none,
    /// repeating the request fails, because the email address is then in use.
    post "/api/v1/accounts" => register(services::Register) for caller -> SignedIn {
        Ordinary, session, [
            (201, "Signed in. The visitor's cart now belongs to the account."),
            (409, "The email address already has an account. Only if the shop sends no mail."),
            (429, "Too many failed attempts of this client, or mails to this address. Try again after `Retry-After` seconds."),
        ]
    }

    /// Confirm an email address with a mailed link, and sign in.
    post "/api/v1/email-confirmations" => confirm_email(services::ConfirmEmail) for caller -> SignedIn {
        Ordinary, session, [
            (201, "The email address is the account's. Signed in with a new token."),
            (404, "The link is invalid, older than 24 hours, or already used, or the address belongs to another account by now."),
            (429, "Too many failed attempts. Try again after `Retry-After` seconds."),
        ]
    }

    /// Request another mail with the link that confirms the email address of the signed-in customer.
    post "/api/v1/accounts/me/email-confirmations" => request_email_confirmation(RequestEmailConfirmation) for caller -> NoContent {
        Ordinary, no_content, [
            (204, "A mail is on its way. Only its link is valid."),
            (401, "Not signed in."),
            (404, "No email address waits for its confirmation."),
            (429, "Too many requests. Try again after `Retry-After` seconds."),
        ]
    }

    /// Change the name of the signed-in customer.
    put "/api/v1/accounts/me/name" => change_name(services::ChangeName) for caller -> Customer {
        Ordinary, ok, [(200, "The customer."), (401, "Not signed in.")]
    }

    /// Change the email address of the signed-in customer. If the shop sends mail, a link that is mailed to the new address confirms
    /// it within 24 hours, and until then the account keeps its address; the response does not reveal whether the new address has an
    /// account.
    put "/api/v1/accounts/me/email" => change_email(services::ChangeEmail) for caller -> Customer {
        Ordinary, ok, [
            (200, "The customer. `unconfirmed_email` is the new address, unless it has already changed."),
            (401, "Not signed in."),
            (409, "The email address already has an account. Only if the shop sends no mail."),
            (429, "Too many failed attempts, or mails to this address. Try again after `Retry-After` seconds."),
        ]
    }

    /// Change the password of the signed-in customer. Ends all sessions of the account, and signs in with a new one.
    put "/api/v1/accounts/me/password" => change_password(services::ChangePassword) for caller -> SignedIn {
        Ordinary, session, [
            (201, "The new password is valid. Signed in with a new token."),
            (401, "Not signed in."),
            (429, "Too many failed attempts. Try again after `Retry-After` seconds."),
        ]
    }

    /// Delete the account of the signed-in customer. Its orders stay with the merchant.
    post "/api/v1/accounts/me/deletion" => delete_account(services::DeleteAccount) for caller -> NoContent {
        Ordinary, new_visitor, [
            (204, "The account is deleted, and all its sessions have ended."),
            (401, "Not signed in."),
            (403, "Operators cannot delete their account."),
            (429, "Too many failed attempts. Try again after `Retry-After` seconds."),
        ]
    }

    /// Get the signed-in customer.
    get "/api/v1/accounts/me" => current_customer(CurrentCustomer) for caller -> Customer {
        Ordinary, ok, [(200, "The customer."), (401, "Not signed in.")]
    }

    /// List where the customer is signed in.
    get "/api/v1/accounts/me/sessions" => list_sessions(ListSessions) for caller -> Sessions {
        Ordinary, ok, [(200, "The sessions, the newest first, at most 100."), (401, "Not signed in.")]
    }

    /// End a session of the signed-in customer.
    delete "/api/v1/accounts/me/sessions/{id}" => end_session(EndSession) for caller -> NoContent {
        Ordinary, no_content, [
            (204, "The session has ended."),
            (401, "Not signed in."),
            (404, "The session has already ended, or is not the customer's."),
        ]
    }

    /// End all sessions of the signed-in customer but the one of this request.
    delete "/api/v1/accounts/me/sessions" => end_other_sessions(EndOtherSessions) for caller -> NoContent {
        Ordinary, no_content, [(204, "The sessions have ended."), (401, "Not signed in.")]
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
