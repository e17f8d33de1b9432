//! Customers see where they are signed in, and sign out there.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;
use shopease_shop::ShopError;
use shopease_shop::domain::Subject;
use shopease_shop::services::{EndOtherSessions, EndSession, ListSessions, SessionView};

use super::accounts::DoneQuery;
use super::forms::{Failure, or_stale};
use super::layout::{Frame, PageError, PageResult, see_other};
use super::view::filters;
use crate::http::extract::{ApiQuery, PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem};

const PATH: &str = "/account/sessions";
/// In place of a session: all but the visitor's.
const OTHERS: &str = "others";

/// The form of a button.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct EndForm {
    /// ID of a session, or [`OTHERS`].
    end: String,
}

#[derive(Template)]
#[template(path = "account_sessions.html")]
struct SessionsPage {
    frame: Frame,
    csrf: String,
    sessions: Vec<SessionView>,
    notice: Option<&'static str>,
    problem: Option<Problem>,
}

/// Shows where the customer is signed in.
pub(in crate::http) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<DoneQuery>,
) -> PageResult {
    let notice = match query.done.as_str() {
        "one" => Some("That device is signed out."),
        OTHERS => Some("Your other devices are signed out."),
        _ => None,
    };
    page(&app, &visitor, notice, Failure::none()).await
}

async fn page(app: &App, visitor: &Visitor, notice: Option<&'static str>, failure: Failure) -> PageResult {
    let sessions = app.services.accounts.list_sessions(visitor.caller(), ListSessions).await;
    let sessions = sessions.map_err(|error| PageError::or_sign_in(error, PATH))?;
    let frame = Frame::new(app, visitor, "account").await;
    failure.page(|_, problem| SessionsPage { frame, csrf: visitor.csrf(), sessions, notice, problem })
}

/// Signs out elsewhere.
pub(in crate::http) async fn end(State(app): State<App>, visitor: Visitor, form: PostedForm<EndForm>) -> PageResult {
    let form = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(_) => return or_stale(page(&app, &visitor, None, Failure::of(stale_form())).await),
    };
    let (accounts, caller) = (&app.services.accounts, visitor.caller());
    let ended = if form.end == OTHERS {
        accounts.end_other_sessions(caller, EndOtherSessions).await.map(|()| OTHERS)
    } else {
        match form.end.parse() {
            Ok(id) => accounts.end_session(caller, EndSession { id }).await.map(|()| "one"),
            Err(_) => Err(ShopError::NotFound { subject: Subject::Session }),
        }
    };
    match ended {
        Ok(done) => Ok(see_other(&format!("{PATH}?done={done}"))),
        Err(error @ ShopError::SignInRequired) => Err(PageError::or_sign_in(error, PATH)),
        Err(error) => page(&app, &visitor, None, Failure::of_error(error, &[])?).await,
    }
}
