//! The JSON API under `/api/v1`: its types, and one declaration per use case ([`endpoint`]).

pub mod accounts;
pub mod addresses;
pub mod cart;
pub mod catalog;
pub mod checkout;
pub mod endpoint;
pub mod if_match;
pub mod operations;
pub mod order;
pub mod parts;
pub mod products;
pub mod quote;
pub mod settings;
pub mod text;
pub mod wire;

use serde::{Deserialize, Serialize};
use shopease_shop::ShopError;
use shopease_shop::domain::{PageLimit, Position};
use utoipa::IntoParams;

use super::cursor;
use super::problem::Problem;
use endpoint::Endpoint;

/// All endpoints.
pub(super) fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    let services = [
        catalog::ENDPOINTS,
        cart::ENDPOINTS,
        checkout::ENDPOINTS,
        accounts::ENDPOINTS,
        addresses::ENDPOINTS,
        operations::ENDPOINTS,
        products::ENDPOINTS,
        settings::ENDPOINTS,
    ];
    services.into_iter().flatten()
}

/// Defines a page of a listing.
macro_rules! page_answer {
    ($(#[$doc:meta])* $name:ident of $row:ty) => {
        $(#[$doc])*
        #[derive(Debug, Serialize, Deserialize, ToSchema)]
        pub struct $name {
            /// The rows in listing order.
            pub items: Vec<$row>,
            /// Cursor of the next page; null on the last page.
            #[schema(required, value_type = Option<$crate::http::api::text::Cursor>)]
            pub next_cursor: Option<String>,
        }

        impl Answer for $name {
            type Value = domain::Page<<$row as Out>::Value>;

            fn of_value(page: Self::Value, listing: &str) -> Self {
                let next_cursor = page.next.map(|position| $crate::http::cursor::encode(listing, &position));
                Self { items: Out::of(page.items), next_cursor }
            }

            fn read(body: &[u8]) -> Result<Self::Value, serde_json::Error> {
                let page: Self = serde_json::from_slice(body)?;
                let next = page.next_cursor.as_deref().and_then($crate::http::cursor::position);
                Ok(domain::Page { items: page.items.value(), next })
            }

            fn schema() -> Option<Named> {
                Some(Named::of::<Self>())
            }
        }
    };
}
use page_answer;

/// Paging parameters.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Rows per page, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 24)]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u16>,
    /// `next_cursor` of the previous page.
    #[param(value_type = Option<text::Cursor>, inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl Paging {
    /// The parameters for the page after a position.
    pub fn to(after: Option<&Position>, limit: PageLimit, listing: &str) -> Self {
        let limit = u16::try_from(limit.get()).unwrap_or(PageLimit::MAX);
        Self { limit: Some(limit), cursor: after.map(|position| cursor::encode(listing, position)) }
    }

    fn limit(&self) -> Result<PageLimit, ShopError> {
        Ok(self.limit.map_or(Ok(PageLimit::DEFAULT), PageLimit::new)?)
    }

    fn after(&self, listing: &str) -> Result<Option<Position>, Problem> {
        self.cursor.as_deref().map(|cursor| cursor::decode(listing, cursor)).transpose()
    }
}
