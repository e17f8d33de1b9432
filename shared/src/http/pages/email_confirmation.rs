//! The page that the link in a mail opens to confirm an email address.

use askama::Template;
use axum::extract::State;
use shopease_shop::services::ConfirmEmail;

use super::accounts::{ACCOUNT, start_session};
use super::forms::{Failure, FormErrors};
use super::layout::{Frame, PageResult};
use super::password::{LinkForm, LinkQuery, of_link};
use crate::http::extract::{ApiQuery, PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem};

#[derive(Template)]
#[template(path = "email_confirm.html")]
struct ConfirmPage {
    frame: Frame,
    csrf: String,
    token: String,
    /// Whether only a new link helps.
    is_invalid: bool,
    errors: FormErrors,
    problem: Option<Problem>,
}

/// Shows the form, or that the link is not valid.
pub(in crate::http) async fn form(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<LinkQuery>,
) -> PageResult {
    let command = ConfirmEmail { token: query.token.clone(), password: String::new() };
    let checked = app.services.accounts.confirm_email(visitor.caller(), command).await;
    confirm_page(&app, &visitor, query.token, of_link(checked)?).await
}

async fn confirm_page(app: &App, visitor: &Visitor, token: String, failure: Failure) -> PageResult {
    let frame = Frame::new(app, visitor, "account").await;
    let is_invalid = failure.is_not_found();
    failure.page(|errors, problem| ConfirmPage { frame, csrf: visitor.csrf(), token, is_invalid, errors, problem })
}

/// Confirms the address and signs in.
pub(in crate::http) async fn confirm(
    State(app): State<App>,
    visitor: Visitor,
    form: PostedForm<LinkForm>,
) -> PageResult {
    let LinkForm { token, password } = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => return confirm_page(&app, &visitor, form.token, Failure::of(stale_form())).await,
    };
    let command = ConfirmEmail { token: token.clone(), password };
    match app.services.accounts.confirm_email(visitor.caller(), command).await {
        Ok(signed_in) => Ok(start_session(&app, &signed_in, &format!("{ACCOUNT}?done=confirmed"))?),
        Err(error) => confirm_page(&app, &visitor, token, Failure::of_error(error, &["password"])?).await,
    }
}
