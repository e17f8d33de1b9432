//! The mails of a shop that writes them to files instead of sending them.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::admin::require_operator;
use super::layout::{Frame, PageError, PageResult, encode, private_page};
use crate::http::App;
use crate::http::extract::ApiPath;
use crate::http::visitor::Visitor;
use shopease_shop::ShopError;
use shopease_shop::domain::Subject;
use shopease_shop::ports::SentMail;

/// Styles and images of a mail, and nothing that runs; its links open a new tab. Only this shop may frame it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: data:; frame-ancestors 'self'",
);
/// The page of a mail may frame the mail.
const FRAMING_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' https: data:; script-src 'self'; connect-src 'self'; \
     frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

#[derive(Template)]
#[template(path = "admin_mails.html")]
struct MailsPage {
    frame: Frame,
    mails: Vec<SentMail>,
}

#[derive(Template)]
#[template(path = "admin_mail.html")]
struct MailPage {
    frame: Frame,
    mail: SentMail,
}

/// Lists the newest mails.
pub(in crate::http) async fn list(State(app): State<App>, visitor: Visitor) -> PageResult {
    require_operator(&app, &visitor, "/admin/mails").await?;
    let mails = app.mails.as_ref().ok_or_else(not_found)?.newest().await.map_err(unreadable)?;
    let frame = Frame::new(&app, &visitor, "mails").await;
    private_page(StatusCode::OK, &MailsPage { frame, mails })
}

/// Shows a mail.
pub(in crate::http) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(name): ApiPath<String>,
) -> PageResult {
    let mail = find(&app, &visitor, &name).await?;
    let frame = Frame::new(&app, &visitor, "mails").await;
    let mut response = private_page(StatusCode::OK, &MailPage { frame, mail })?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, FRAMING_POLICY);
    Ok(response)
}

/// The HTML of a mail, for the frame on its page.
pub(in crate::http) async fn html(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(name): ApiPath<String>,
) -> PageResult {
    let mail = find(&app, &visitor, &name).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("x-frame-options"), HeaderValue::from_static("SAMEORIGIN")),
    ];
    let response: Response = (headers, mail.html).into_response();
    Ok(response)
}

async fn find(app: &App, visitor: &Visitor, name: &str) -> Result<SentMail, PageError> {
    require_operator(app, visitor, &path(name)).await?;
    let mails = app.mails.as_ref().ok_or_else(not_found)?;
    mails.find(name).await.map_err(unreadable)?.ok_or_else(not_found)
}

fn path(name: &str) -> String {
    format!("/admin/mails/{}", encode(name))
}

fn not_found() -> PageError {
    ShopError::NotFound { subject: Subject::Page }.into()
}

fn unreadable(error: std::io::Error) -> PageError {
    ShopError::Internal(Box::new(error)).into()
}
