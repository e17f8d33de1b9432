//! Find an order without an account: the form that requests a link to it by mail.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;
use shopease_shop::domain::{EmailAddress, OrderNumber, RuleError};
use shopease_shop::services::RequestOrderLink;

use super::forms::{Failure, FormErrors};
use super::layout::{Frame, PageResult};
use crate::http::extract::{PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem};

/// Fields of the form, in order.
const FIELDS: &[&str] = &["number", "email"];

/// The form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct OrderLinkForm {
    number: String,
    email: String,
}

impl OrderLinkForm {
    fn command(&self) -> Result<RequestOrderLink, Vec<RuleError>> {
        match (self.number.parse::<OrderNumber>(), self.email.parse::<EmailAddress>()) {
            (Ok(number), Ok(email)) => Ok(RequestOrderLink { number, email }),
            (number, email) => Err(number.err().into_iter().chain(email.err()).collect()),
        }
    }
}

#[derive(Template)]
#[template(path = "order_find.html")]
struct FindOrderPage {
    frame: Frame,
    csrf: String,
    form: OrderLinkForm,
    is_sent: bool,
    errors: FormErrors,
    problem: Option<Problem>,
}

impl FindOrderPage {
    /// Whether the shop sends no mail.
    fn is_without_mail(&self) -> bool {
        let mut rules = self.problem.iter().flat_map(|problem| &problem.errors);
        rules.any(|rule| rule.code == RuleError::NoMail.code())
    }
}

/// Shows the form.
pub(in crate::http) async fn form(State(app): State<App>, visitor: Visitor) -> PageResult {
    page(&app, &visitor, OrderLinkForm::default(), false, Failure::none()).await
}

async fn page(app: &App, visitor: &Visitor, form: OrderLinkForm, is_sent: bool, failure: Failure) -> PageResult {
    let frame = Frame::new(app, visitor, "account").await;
    failure.page(|errors, problem| FindOrderPage { frame, csrf: visitor.csrf(), form, is_sent, errors, problem })
}

/// Requests the link.
pub(in crate::http) async fn request(
    State(app): State<App>,
    visitor: Visitor,
    form: PostedForm<OrderLinkForm>,
) -> PageResult {
    let form = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => return page(&app, &visitor, form, false, Failure::of(stale_form())).await,
    };
    let result = match form.command() {
        Ok(command) => {
            let number = command.number.to_string();
            app.services.checkout.request_order_link(visitor.caller(), command).await.map(|()| number)
        }
        Err(rules) => Err(rules.into()),
    };
    match result {
        Ok(number) => page(&app, &visitor, OrderLinkForm { number, ..form }, true, Failure::none()).await,
        Err(error) => page(&app, &visitor, form, false, Failure::of_error(error, FIELDS)?).await,
    }
}
