//! The JSON API under `/api/v1`: wire form to command, one use case, use case to wire form.

pub(super) mod accounts;
pub(super) mod admin;
pub(super) mod cart;
pub(super) mod catalog;
pub(super) mod checkout;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::cursor;
use super::problem::Problem;
use shopease_shop::domain::{Page, PageLimit, Position};
use shopease_shop::shop::ShopError;

/// A page of a listing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PageBody<T> {
    /// The rows, in listing order.
    pub items: Vec<T>,
    /// Give it back as `cursor` for the rows that follow; null on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl<T> PageBody<T> {
    /// The wire form of a page of `question`.
    pub fn new(page: Page<T>, question: &str) -> Self {
        let next_cursor = page.next.map(|position| cursor::encode(question, &position));
        Self { items: page.items, next_cursor }
    }
}

/// Paging parameters.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Rows per page, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 24)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Paging {
    pub fn limit(&self) -> Result<PageLimit, ShopError> {
        Ok(self.limit.map_or(Ok(PageLimit::DEFAULT), PageLimit::new)?)
    }

    pub fn after(&self, question: &str) -> Result<Option<Position>, Problem> {
        self.cursor.as_deref().map(|cursor| cursor::decode(question, cursor)).transpose()
    }
}
