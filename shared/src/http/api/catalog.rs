//! Products and categories: public, validated by ETag.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{PageBody, Paging};
use crate::http::App;
use crate::http::extract::{ApiPath, ApiQuery, cacheable_json};
use crate::http::problem::Problem;
use shopease_shop::domain::{Category, Handle, ProductSort, ProductSummary};
use shopease_shop::shop::{ListProducts, ProductView, ShopError};

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ProductsQuery {
    /// Only products that match every word; the last word may be unfinished.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only products of the category with this handle.
    category: Option<String>,
    /// `newest` (default), `title`, `price`, `-price`, `relevance` (default with `q`).
    sort: Option<String>,
    /// Rows per page, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 24)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// All categories.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CategoriesBody {
    /// By title.
    pub items: Vec<Category>,
}

impl ProductsQuery {
    fn into_command(self) -> Result<(ListProducts, String), Problem> {
        let sort: Option<ProductSort> =
            self.sort.filter(|sort| !sort.is_empty()).map(|sort| sort.parse()).transpose().map_err(ShopError::from)?;
        let category = self.category.filter(|category| !category.is_empty());
        let category: Option<Handle> = category
            .map(|handle| handle.parse())
            .transpose()
            .map_err(|_| ShopError::NotFound { what: "category".to_owned() })?;
        let paging = Paging { limit: self.limit, cursor: self.cursor };
        let mut command = ListProducts { q: self.q, category, sort, after: None, limit: paging.limit()? };
        let question = products_question(&command);
        command.after = paging.after(&question)?;
        Ok((command, question))
    }
}

/// What a cursor of a product listing belongs to: everything but page size and position.
pub fn products_question(command: &ListProducts) -> String {
    format!("products|{:?}|{:?}|{:?}", command.q, command.category, command.sort)
}

/// List or search the products on sale.
#[utoipa::path(get, path = "/api/v1/products", tag = "catalog", params(ProductsQuery), responses(
    (status = 200, description = "A page of products.", body = PageBody<ProductSummary>),
    (status = 304, description = "Not changed since the ETag given in If-None-Match."),
    (status = 400, description = "The query or cursor cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such category.", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A parameter is out of range.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn list_products(
    State(app): State<App>,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<ProductsQuery>,
) -> Result<Response, Problem> {
    let (command, question) = query.into_command()?;
    let page = app.shop.list_products(command).await?;
    Ok(cacheable_json(&headers, &PageBody::new(page, &question))?)
}

/// Show a product with its variants and what is in stock.
#[utoipa::path(get, path = "/api/v1/products/{handle}", tag = "catalog", params(("handle" = String, Path, description = "Name of the product in URLs.")), responses(
    (status = 200, description = "The product.", body = ProductView),
    (status = 304, description = "Not changed since the ETag given in If-None-Match."),
    (status = 400, description = "The path cannot be read.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such product is on sale.", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http) async fn find_product(
    State(app): State<App>,
    headers: HeaderMap,
    ApiPath(handle): ApiPath<Handle>,
) -> Result<Response, Problem> {
    let product = app.shop.find_product(&handle).await?;
    Ok(cacheable_json(&headers, &product)?)
}

/// List all categories.
#[utoipa::path(get, path = "/api/v1/categories", tag = "catalog", responses(
    (status = 200, description = "The categories by title.", body = CategoriesBody),
    (status = 304, description = "Not changed since the ETag given in If-None-Match.")))]
pub(in crate::http) async fn list_categories(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let items = app.shop.list_categories().await?;
    Ok(cacheable_json(&headers, &CategoriesBody { items })?)
}
