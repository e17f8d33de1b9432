//! The cart page and its two forms: putting in, and changing a line.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::layout::{Frame, PageResult, private_page, remember_cart_units, see_other};
use super::product::{ProductPage, Shown};
use super::view::filters;
use crate::http::extract::{ApiPath, ApiQuery, PageForm};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem};
use shopease_shop::domain::{Handle, LineItemId, Quantity, RuleError, Sku};
use shopease_shop::services::{AddLineItem, CartView, FindProduct, RemoveLineItem, SetLineItem, ViewCart};
use shopease_shop::{ShopError, ShopResult};

/// What has just been done, said on the cart page after a redirect.
#[derive(Debug, Clone, Copy)]
enum Notice {
    Added,
    Updated,
    Removed,
}

/// The cart page's query.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct CartQuery {
    notice: Option<String>,
}

impl CartQuery {
    /// Anything but the known names says nothing.
    fn notice(&self) -> Option<Notice> {
        match self.notice.as_deref()? {
            "added" => Some(Notice::Added),
            "updated" => Some(Notice::Updated),
            "removed" => Some(Notice::Removed),
            _ => None,
        }
    }
}

#[derive(Template)]
#[template(path = "cart.html")]
struct CartPage {
    frame: Frame,
    csrf: String,
    cart: CartView,
    notice: Option<Notice>,
    problem: Option<(LineItemId, Problem)>,
}

impl CartPage {
    fn is_empty(&self) -> bool {
        self.cart.lines.is_empty() && self.cart.unavailable.is_empty()
    }

    /// The currency of the first line, with which the others have to agree.
    fn currency(&self) -> &'static str {
        self.cart.currency().map_or("", |currency| currency.code())
    }

    fn problem_of(&self, id: &LineItemId) -> Option<&Problem> {
        self.problem.as_ref().filter(|(line, _)| line == id).map(|(_, problem)| problem)
    }

    /// The problem of a line that is not there any more.
    fn general_problem(&self) -> Option<&Problem> {
        let (id, problem) = self.problem.as_ref()?;
        self.cart.lines.iter().all(|line| line.id != *id).then_some(problem)
    }
}

/// Shows the cart.
pub(in crate::http) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<CartQuery>,
) -> PageResult {
    cart_page(&app, &visitor, query.notice(), None).await
}

async fn cart_page(
    app: &App,
    visitor: &Visitor,
    notice: Option<Notice>,
    problem: Option<(LineItemId, Problem)>,
) -> PageResult {
    let cart = app.services.carts.view_cart(visitor.caller(), ViewCart).await?;
    let units = cart.units;
    let frame = Frame { cart_units: units, ..Frame::new(app, visitor, "cart").await };
    let status = problem.as_ref().map_or(StatusCode::OK, |(_, problem)| problem.status_code());
    let mut response = private_page(status, &CartPage { frame, csrf: visitor.csrf(), cart, notice, problem })?;
    remember_cart_units(response.headers_mut(), units, app);
    Ok(response)
}

/// The form of a product page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct AddForm {
    sku: String,
    quantity: String,
    product: String,
    idempotency_key: String,
}

impl AddForm {
    fn command(&self) -> Result<AddLineItem, RuleError> {
        let client_key = Some(self.idempotency_key.clone()).filter(|key| !key.is_empty());
        Ok(AddLineItem { sku: self.sku.parse::<Sku>()?, quantity: quantity(&self.quantity)?, client_key })
    }
}

fn quantity(text: &str) -> Result<Quantity, RuleError> {
    Quantity::new(text.trim().parse().unwrap_or(0))
}

/// Puts units of an article into the cart. The key comes with the page, so a double click adds once.
pub(in crate::http) async fn add(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(form): PageForm<AddForm>,
) -> PageResult {
    let added = match form.command() {
        Ok(command) => app.services.carts.add_line_item(visitor.caller(), command).await,
        Err(rule) => Err(rule.into()),
    };
    match added {
        Ok(cart) => Ok(changed(&app, &cart, "added")),
        Err(error) if is_correctable(&error) => refused(&app, &visitor, form, error).await,
        Err(error) => Err(error.into()),
    }
}

/// The product page again, with what was chosen and why it did not work.
async fn refused(app: &App, visitor: &Visitor, form: AddForm, error: ShopError) -> PageResult {
    let Ok(handle) = form.product.parse::<Handle>() else { return Err(error.into()) };
    let product = app.services.catalog.find_product(FindProduct { handle: handle.clone() }).await?;
    let problem = Problem::from(error);
    let status = problem.status_code();
    let frame = Frame::new(app, visitor, "product").await;
    let shown = Shown { sku: form.sku, image: None, quantity: form.quantity, problem: Some(problem) };
    private_page(status, &ProductPage::new(app, visitor, frame, product, shown))
}

/// The form of a line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct ChangeForm {
    quantity: String,
    action: String,
}

/// Sets the units of a line, or takes it out; none left is out, too.
pub(in crate::http) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<LineItemId>,
    PageForm(form): PageForm<ChangeForm>,
) -> PageResult {
    let remove = form.action == "remove" || form.quantity.trim() == "0";
    let result = if remove {
        app.services.carts.remove_line_item(visitor.caller(), RemoveLineItem { id: id.clone() }).await
    } else {
        set(&app, &visitor, &id, &form).await
    };
    match result {
        Ok(cart) => Ok(changed(&app, &cart, if remove { "removed" } else { "updated" })),
        // Taken out in another window already: what was wanted is done.
        Err(ShopError::NotFound { .. }) if remove => Ok(see_other("/cart?notice=removed")),
        Err(error) if is_correctable(&error) || matches!(error, ShopError::NotFound { .. }) => {
            cart_page(&app, &visitor, None, Some((id, error.into()))).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn set(app: &App, visitor: &Visitor, id: &LineItemId, form: &ChangeForm) -> ShopResult<CartView> {
    let command = SetLineItem { id: id.clone(), quantity: quantity(&form.quantity)? };
    app.services.carts.set_line_item(visitor.caller(), command).await
}

fn changed(app: &App, cart: &CartView, notice: &str) -> Response {
    let mut response = see_other(&format!("/cart?notice={notice}"));
    remember_cart_units(response.headers_mut(), cart.units, app);
    response
}

/// Whether the visitor can do something about it on the page where it happened.
fn is_correctable(error: &ShopError) -> bool {
    matches!(
        error,
        ShopError::Rules(_)
            | ShopError::OutOfStock { .. }
            | ShopError::Conflict
            | ShopError::IdempotencyKeyReused
            | ShopError::IdempotencyKeyInUse { .. }
    )
}
