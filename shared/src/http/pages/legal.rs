//! The pages that the merchant writes: imprint, terms, privacy, shipping, returns, contact.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::layout::{Frame, PageResult, page};
use crate::http::App;
use crate::http::extract::{ApiPath, ApiQuery};
use crate::http::visitor::Visitor;
use shopease_shop::ShopError;
use shopease_shop::domain::{PageKind, Subject};
use shopease_shop::markdown;
use shopease_shop::services::{FindPage, PageView};
use shopease_shop::text::page_title;

/// Query parameters of a page.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct LegalQuery {
    version: Option<u64>,
}

#[derive(Template)]
#[template(path = "legal.html")]
struct LegalPage {
    frame: Frame,
    kind: PageKind,
    title: &'static str,
    content: PageView,
    html: String,
}

impl LegalPage {
    /// Returns whether this is not the current text.
    fn is_former(&self) -> bool {
        self.content.version != self.frame.shop.version
    }

    fn is_contact(&self) -> bool {
        self.kind == PageKind::Contact
    }
}

/// Shows a page as it is now, or as it was in a version of the settings.
pub(in crate::http) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(name): ApiPath<String>,
    ApiQuery(query): ApiQuery<LegalQuery>,
) -> PageResult {
    let kind = PageKind::find(&name).ok_or(ShopError::NotFound { subject: Subject::Page })?;
    let content = app.services.catalog.find_page(FindPage { kind, version: query.version }).await?;
    let frame = Frame::new(&app, &visitor, "legal").await;
    let (title, html) = (page_title(kind), markdown::render(&content.text));
    page(StatusCode::OK, &LegalPage { frame, kind, title, content, html })
}
