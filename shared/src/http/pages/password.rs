//! Reset a forgotten password: the request for a link, and the page that the link opens.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;
use shopease_shop::domain::EmailAddress;
use shopease_shop::services::{RequestPasswordReset, ResetPassword};
use shopease_shop::{ShopError, ShopResult};

use super::forms::{Failure, FormErrors};
use super::layout::{Frame, PageResult, see_other};
use crate::http::extract::{ApiQuery, PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem};

/// The form that requests a link.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct ForgotForm {
    email: String,
}

#[derive(Template)]
#[template(path = "password_forgot.html")]
struct ForgotPage {
    frame: Frame,
    csrf: String,
    form: ForgotForm,
    is_sent: bool,
    errors: FormErrors,
    problem: Option<Problem>,
}

/// The query of a page that a mailed link opens.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct LinkQuery {
    #[serde(default)]
    pub token: String,
}

/// The form of such a page, with the account's new or current password.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct LinkForm {
    pub token: String,
    pub password: String,
}

#[derive(Template)]
#[template(path = "password_reset.html")]
struct ResetPage {
    frame: Frame,
    csrf: String,
    token: String,
    /// Whether only a new link helps.
    is_invalid: bool,
    errors: FormErrors,
    problem: Option<Problem>,
}

/// Shows the form that requests a link.
pub(in crate::http) async fn forgot_form(State(app): State<App>, visitor: Visitor) -> PageResult {
    forgot_page(&app, &visitor, ForgotForm::default(), false, Failure::none()).await
}

async fn forgot_page(app: &App, visitor: &Visitor, form: ForgotForm, is_sent: bool, failure: Failure) -> PageResult {
    let frame = Frame::new(app, visitor, "account").await;
    failure.page(|errors, problem| ForgotPage { frame, csrf: visitor.csrf(), form, is_sent, errors, problem })
}

/// Requests a link.
pub(in crate::http) async fn forgot(
    State(app): State<App>,
    visitor: Visitor,
    form: PostedForm<ForgotForm>,
) -> PageResult {
    let form = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => return forgot_page(&app, &visitor, form, false, Failure::of(stale_form())).await,
    };
    let result = match form.email.parse::<EmailAddress>() {
        Ok(email) => {
            app.services.accounts.request_password_reset(visitor.caller(), RequestPasswordReset { email }).await
        }
        Err(rule) => Err(rule.into()),
    };
    match result {
        Ok(()) => forgot_page(&app, &visitor, form, true, Failure::none()).await,
        Err(error) => forgot_page(&app, &visitor, form, false, Failure::of_error(error, &["email"])?).await,
    }
}

/// Shows the form with the new password, or that the link is not valid.
pub(in crate::http) async fn reset_form(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<LinkQuery>,
) -> PageResult {
    let command = ResetPassword { token: query.token.clone(), password: String::new() };
    let checked = app.services.accounts.reset_password(visitor.caller(), command).await;
    reset_page(&app, &visitor, query.token, of_link(checked)?).await
}

/// The problem of a link, shown when its page is opened. Without a password, its use case has checked the link and done nothing else.
pub(super) fn of_link<T>(checked: ShopResult<T>) -> Result<Failure, ShopError> {
    match checked {
        Ok(_) | Err(ShopError::Rules(_)) => Ok(Failure::none()),
        Err(error) => Failure::of_error(error, &[]),
    }
}

async fn reset_page(app: &App, visitor: &Visitor, token: String, failure: Failure) -> PageResult {
    let frame = Frame::new(app, visitor, "account").await;
    let is_invalid = failure.is_not_found();
    failure.page(|errors, problem| ResetPage { frame, csrf: visitor.csrf(), token, is_invalid, errors, problem })
}

/// Sets the new password.
pub(in crate::http) async fn reset(State(app): State<App>, visitor: Visitor, form: PostedForm<LinkForm>) -> PageResult {
    let LinkForm { token, password } = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => return reset_page(&app, &visitor, form.token, Failure::of(stale_form())).await,
    };
    let command = ResetPassword { token: token.clone(), password };
    match app.services.accounts.reset_password(visitor.caller(), command).await {
        Ok(()) => Ok(see_other("/login?reset=true")),
        Err(error) => reset_page(&app, &visitor, token, Failure::of_error(error, &["password"])?).await,
    }
}
