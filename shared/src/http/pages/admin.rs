//! Administration pages: all orders, and the stock of each product.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::forms::FormErrors;
use super::layout::{Frame, PageError, PageResult, encode, position, private_page, see_other};
use super::listing::{Listing, ListingQuery};
use super::view::filters;
use crate::http::extract::{ApiPath, ApiQuery, PageForm};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem, cursor, notice};
use shopease_shop::ShopError;
use shopease_shop::domain::{
    Field, Handle, OrderNumber, OrderSummary, PageLimit, ProductSummary, Role, RuleError, Sku, StockChange, StockLevel,
    ValueRule,
};
use shopease_shop::services::{CorrectStock, CurrentCustomer, FindProduct, ListAllOrders, ProductStock, VariantStock};

/// Query parameters of the order listing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct OrdersQuery {
    number: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "admin_orders.html")]
struct OrdersPage {
    frame: Frame,
    orders: Vec<OrderSummary>,
    /// The order number that was typed.
    number: String,
    errors: FormErrors,
    continued: bool,
    next_url: Option<String>,
}

/// Lists all orders, or the one with a number.
pub(in crate::http) async fn orders(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<OrdersQuery>,
) -> PageResult {
    const LISTING: &str = "pages|admin";
    let typed = query.number.trim().to_owned();
    let number = Some(&typed).filter(|typed| !typed.is_empty()).map(|typed| typed.parse::<OrderNumber>()).transpose();
    let (number, wrong) = number.map_or_else(|rule| (None, vec![rule]), |number| (number, Vec::new()));
    let after = position(LISTING, query.cursor.as_deref())?;
    let continued = after.is_some();
    let command = ListAllOrders { number, after, limit: PageLimit::DEFAULT };
    let orders = app.services.operations.list_all_orders(visitor.caller(), command).await;
    let orders = orders.map_err(|error| PageError::or_sign_in(error, "/admin"))?;
    let next_url = orders.next.as_ref().map(|place| format!("/admin?cursor={}", cursor::encode(LISTING, place)));
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let (errors, _) = FormErrors::sort(wrong, &["number"]);
    let frame = Frame::new(&app, &visitor, "orders").await;
    private_page(status, &OrdersPage { frame, orders: orders.items, number: typed, errors, continued, next_url })
}

#[derive(Template)]
#[template(path = "admin_stock.html")]
struct StockSearchPage {
    frame: Frame,
    listing: Listing,
    products: Vec<ProductSummary>,
    next_url: Option<String>,
    problem: Option<Problem>,
}

/// Finds products whose stock can be corrected.
pub(in crate::http) async fn stock_search(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<ListingQuery>,
) -> PageResult {
    require_operator(&app, &visitor, "/admin/stock").await?;
    let listing = Listing::new("/admin/stock".to_owned(), None, query);
    let (products, next_url, problem) =
        match app.services.catalog.list_products(listing.command(PageLimit::DEFAULT)?).await {
            Ok(products) => {
                let next_url = listing.next_url(&products);
                (products.items, next_url, None)
            }
            Err(error @ ShopError::Rules(_)) => (Vec::new(), None, Some(Problem::from(error))),
            Err(error) => return Err(error.into()),
        };
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status_code);
    let frame = Frame::new(&app, &visitor, "stock").await;
    private_page(status, &StockSearchPage { frame, listing, products, next_url, problem })
}

/// For pages that need no use case of operators.
pub(super) async fn require_operator(app: &App, visitor: &Visitor, next: &str) -> Result<(), PageError> {
    let customer = app.services.accounts.current_customer(visitor.caller(), CurrentCustomer).await;
    let customer = customer.map_err(|error| PageError::or_sign_in(error, next))?;
    if customer.role == Role::Operator { Ok(()) } else { Err(ShopError::Forbidden.into()) }
}

#[derive(Template)]
#[template(path = "admin_product.html")]
struct ProductStockPage {
    frame: Frame,
    csrf: String,
    handle: Handle,
    title: String,
    variants: Vec<VariantStock>,
    /// One per variant.
    idempotency_keys: Vec<String>,
    corrected: bool,
    /// The rejected form with its problem.
    problem: Option<(CorrectionForm, Problem)>,
}

impl ProductStockPage {
    fn problem_of(&self, sku: &Sku) -> Option<&Problem> {
        self.problem.as_ref().filter(|(form, _)| form.sku == sku.as_str()).map(|(_, problem)| problem)
    }

    /// The rejected input for a variant.
    fn typed(&self, sku: &Sku) -> (&str, &str) {
        let form = self.problem.as_ref().map(|(form, _)| form).filter(|form| form.sku == sku.as_str());
        form.map_or(("", ""), |form| (form.change.as_str(), form.units.as_str()))
    }

    /// The problem of a variant that has no form here.
    fn general_problem(&self) -> Option<&Problem> {
        let (form, problem) = self.problem.as_ref()?;
        let shown = self.variants.iter().any(|stock| stock.level.is_some() && stock.sku.as_str() == form.sku);
        (!shown).then_some(problem)
    }
}

/// The notice that a stock was corrected.
const CORRECTED: &str = "stock-corrected";

/// Shows the stock of a product.
pub(in crate::http) async fn product_stock(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(handle): ApiPath<Handle>,
    headers: HeaderMap,
) -> PageResult {
    let corrected = notice::read(&headers, &[(CORRECTED, ())]).is_some();
    let mut response = stock_page(&app, &visitor, handle, corrected, None).await?;
    if corrected {
        notice::clear(&mut response, &app.config);
    }
    Ok(response)
}

async fn stock_page(
    app: &App,
    visitor: &Visitor,
    handle: Handle,
    corrected: bool,
    problem: Option<(CorrectionForm, Problem)>,
) -> PageResult {
    let variants =
        app.services.operations.product_stock(visitor.caller(), ProductStock { handle: handle.clone() }).await;
    let variants = variants.map_err(|error| PageError::or_sign_in(error, &stock_path(&handle)))?;
    // A product that is not for sale has stock, but no product page to read the title from.
    let title = app
        .services
        .catalog
        .find_product(FindProduct { handle: handle.clone() })
        .await
        .map_or_else(|_| handle.to_string(), |product| product.title);
    let frame = Frame::new(app, visitor, "stock").await;
    let status = problem.as_ref().map_or(StatusCode::OK, |(_, problem)| problem.status_code());
    let idempotency_keys = variants.iter().map(|_| app.ids.ulid().to_string()).collect();
    let csrf = visitor.csrf();
    let page = ProductStockPage { frame, csrf, handle, title, variants, idempotency_keys, corrected, problem };
    private_page(status, &page)
}

fn stock_path(handle: &Handle) -> String {
    format!("/admin/stock/{}", encode(handle.as_str()))
}

/// The correction form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct CorrectionForm {
    sku: String,
    change: String,
    units: String,
    idempotency_key: String,
}

impl CorrectionForm {
    fn command(&self) -> Result<CorrectStock, RuleError> {
        let units = self.units.trim();
        let max = i64::from(StockLevel::MAX_UNITS);
        let outside = |min| RuleError::invalid(Field::Units, ValueRule::Range { min, max });
        let change = match self.change.as_str() {
            "set_available" => StockChange::SetAvailable(units.parse().map_err(|_| outside(0))?),
            "adjust" => StockChange::Adjust(units.parse().map_err(|_| outside(-max))?),
            _ => return Err(RuleError::invalid(Field::Change, ValueRule::Offered)),
        };
        let client_key = Some(self.idempotency_key.clone()).filter(|key| !key.is_empty());
        Ok(CorrectStock { sku: self.sku.parse()?, change, client_key })
    }
}

/// Corrects the stock of a variant.
pub(in crate::http) async fn correct_stock(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(handle): ApiPath<Handle>,
    PageForm(form): PageForm<CorrectionForm>,
) -> PageResult {
    let result = match form.command() {
        Ok(command) => app.services.operations.correct_stock(visitor.caller(), command).await,
        Err(rule) => Err(rule.into()),
    };
    match result {
        Ok(_) => {
            let mut response = see_other(&stock_path(&handle));
            notice::leave(&mut response, CORRECTED, &app.config);
            Ok(response)
        }
        Err(error @ (ShopError::SignInRequired | ShopError::Forbidden)) => {
            Err(PageError::or_sign_in(error, &stock_path(&handle)))
        }
        Err(error @ (ShopError::Unavailable { .. } | ShopError::Internal(_))) => Err(error.into()),
        Err(error) => stock_page(&app, &visitor, handle, false, Some((form, error.into()))).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(change: &str, units: &str) -> CorrectionForm {
        let (change, units) = (change.to_owned(), units.to_owned());
        CorrectionForm { sku: "A".to_owned(), change, units, ..CorrectionForm::default() }
    }

    #[test]
    fn only_whole_numbers_in_range_are_corrections() {
        assert_eq!(form("adjust", " -3 ").command().map(|command| command.change), Ok(StockChange::Adjust(-3)));
        assert_eq!(
            form("set_available", "3").command().map(|command| command.change),
            Ok(StockChange::SetAvailable(3))
        );
        for (change, units) in [("set_available", "-1"), ("adjust", "1.5"), ("adjust", ""), ("other", "1")] {
            assert!(form(change, units).command().is_err(), "{change} {units}");
        }
    }
}
