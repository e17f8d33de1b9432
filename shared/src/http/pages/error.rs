//! The error page: explains a problem and links to other pages.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::layout::Frame;
use super::view::problem_name;
use crate::http::visitor::Hints;
use crate::http::{App, Problem};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    problem: &'a Problem,
}

impl ErrorPage<'_> {
    fn is_stale_form(&self) -> bool {
        matches!(problem_name(self.problem), "stale-form" | "cross-site-request")
    }

    fn is_about_an_order(&self) -> bool {
        self.problem.subject.as_deref() == Some("order")
    }

    fn offers_sign_in(&self) -> bool {
        matches!(self.problem.status, 401 | 403) || self.is_about_an_order()
    }
}

/// Renders the page of a problem, without its status.
pub async fn error_page(app: &App, hints: Hints, problem: &Problem) -> Response {
    // The shop itself may have failed or be overloaded.
    let shop_responds = problem.status < 500 && !matches!(problem.status, 408 | 429);
    let page = ErrorPage { frame: Frame::of_error(app, hints, shop_responds).await, problem };
    // Rendering to memory fails only if the `Display` of a value fails; plain text is the fallback.
    let html = page.render().unwrap_or_else(|_| "Something went wrong.".to_owned());
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], html).into_response()
}
