//! Customers change their own account: one page per change.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use shopease_shop::domain::{EmailAddress, Role, Subject, Token};
use shopease_shop::services::{
    ChangeEmail, ChangeName, ChangePassword, CurrentCustomer, CustomerView, DeleteAccount, RequestEmailConfirmation,
};
use shopease_shop::{ShopError, ShopResult};

use super::accounts::{ACCOUNT, start_session, with_token};
use super::forms::{Failure, FormErrors, or_stale};
use super::layout::{Frame, PageError, PageResult, see_other};
use crate::http::extract::{ApiPath, PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem};

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Name,
    Email,
    /// Another link for the email address that waits for its confirmation.
    Link,
    Password,
    Deletion,
}

impl Change {
    const ALL: [Self; 5] = [Self::Name, Self::Email, Self::Link, Self::Password, Self::Deletion];

    const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::Link => "link",
            Self::Password => "password",
            Self::Deletion => "deletion",
        }
    }

    fn find(name: &str) -> ShopResult<Self> {
        let found = Self::ALL.into_iter().find(|change| change.name() == name);
        found.ok_or(ShopError::NotFound { subject: Subject::Page })
    }

    /// Fields of the form, in order.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Name => &["name"],
            Self::Email => &["email", "password"],
            Self::Link => &[],
            Self::Password => &["new_password", "password"],
            Self::Deletion => &["password"],
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Name => "Change your name",
            Self::Email => "Change your email address",
            Self::Link => "Confirm your email address",
            Self::Password => "Change your password",
            Self::Deletion => "Delete your account",
        }
    }
}

/// The form of a change; the other fields are empty.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct ChangeForm {
    name: String,
    email: String,
    password: String,
    new_password: String,
}

#[derive(Template)]
#[template(path = "account_change.html")]
struct ChangePage {
    frame: Frame,
    csrf: String,
    change: Change,
    customer: CustomerView,
    form: ChangeForm,
    errors: FormErrors,
    problem: Option<Problem>,
}

/// Shows the form of a change.
pub(in crate::http) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(name): ApiPath<String>,
) -> PageResult {
    let change = Change::find(&name)?;
    change_page(&app, &visitor, change, None, Failure::none()).await
}

/// The page of a change, with what was typed or else the current values.
async fn change_page(
    app: &App,
    visitor: &Visitor,
    change: Change,
    form: Option<ChangeForm>,
    failure: Failure,
) -> PageResult {
    let customer = app.services.accounts.current_customer(visitor.caller(), CurrentCustomer).await;
    let customer = customer.map_err(|error| sign_in_to(change, error))?;
    if change == Change::Deletion && customer.role == Role::Operator {
        return Err(ShopError::Forbidden.into());
    }
    let form = form.unwrap_or_else(|| ChangeForm { name: customer.name.clone(), ..ChangeForm::default() });
    let frame = Frame::new(app, visitor, "account").await;
    failure.page(|errors, problem| ChangePage { frame, csrf: visitor.csrf(), change, customer, form, errors, problem })
}

fn sign_in_to(change: Change, error: ShopError) -> PageError {
    PageError::or_sign_in(error, &format!("{ACCOUNT}/{}", change.name()))
}

/// Makes a change.
pub(in crate::http) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(name): ApiPath<String>,
    form: PostedForm<ChangeForm>,
) -> PageResult {
    let change = Change::find(&name)?;
    let form = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => {
            return or_stale(change_page(&app, &visitor, change, Some(form), Failure::of(stale_form())).await);
        }
    };
    match make(&app, &visitor, change, &form).await {
        Ok(response) => Ok(response),
        Err(error @ ShopError::SignInRequired) => Err(sign_in_to(change, error)),
        Err(error) => {
            let failure = Failure::of_error(error, change.fields())?;
            change_page(&app, &visitor, change, Some(form), failure).await
        }
    }
}

async fn make(app: &App, visitor: &Visitor, change: Change, form: &ChangeForm) -> ShopResult<Response> {
    let (accounts, caller) = (&app.services.accounts, visitor.caller());
    let password = form.password.clone();
    let done = |what| Ok(see_other(&format!("{ACCOUNT}?done={what}")));
    match change {
        Change::Name => {
            accounts.change_name(caller, ChangeName { name: form.name.clone() }).await?;
            done("name")
        }
        Change::Email => {
            let email: EmailAddress = form.email.parse()?;
            let customer = accounts.change_email(caller, ChangeEmail { email, password }).await?;
            done(if customer.unconfirmed_email.is_some() { "link" } else { "email" })
        }
        Change::Link => {
            accounts.request_email_confirmation(caller, RequestEmailConfirmation).await?;
            done("link")
        }
        Change::Password => {
            let command = ChangePassword { password, new_password: form.new_password.clone() };
            let signed_in = accounts.change_password(caller, command).await?;
            start_session(app, &signed_in, &format!("{ACCOUNT}?done=password"))
        }
        Change::Deletion => {
            accounts.delete_account(caller, DeleteAccount { password }).await?;
            Ok(with_token(app, see_other("/login?deleted=true"), &Token::visitor(app.ids.secret()), 0))
        }
    }
}
