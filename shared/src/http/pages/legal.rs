//! The pages that the merchant writes: imprint, terms, privacy, shipping, returns, contact.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::layout::{Frame, PageResult, page};
use super::meta::{Meta, at_shop, plain_text};
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
    /// `None` for a draft or a former version, which search engines should not list.
    meta: Option<Meta>,
}

impl LegalPage {
    /// Returns whether this is not the current text.
    fn is_former(&self) -> bool {
        self.content.version != self.frame.shop.version
    }

    fn public_meta(&self, app: &App) -> Meta {
        Meta::new(&app.config.public_url, &format!("/pages/{}", self.kind.as_str()), self.title)
            .described_by([&*plain_text(&self.html), &at_shop(self.title, &self.frame.shop)])
            .with_image(None, self.frame.logo.as_deref())
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
    let mut shown = LegalPage { frame, kind, title, content, html, meta: None };
    if !shown.content.is_draft && !shown.is_former() {
        shown.meta = Some(shown.public_meta(&app));
    }
    page(StatusCode::OK, &shown)
}
