//! The cart page and its two forms: add to cart, and change the cart.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::layout::{Frame, PageResult, private_page, remember_cart_units, see_other};
use super::product::{ProductPage, Shown};
use super::terms::{PriceNote, ShippingNote};
use super::view::{filters, problem_name};
use crate::http::extract::{PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem, notice, texts};
use shopease_shop::domain::{Handle, LineItemId, Quantity, RuleError, Sku};
use shopease_shop::services::{
    AddLineItem, CartLineView, CartView, FindProduct, ProductView, RemoveLineItem, SetLineItem, ViewCart,
};
use shopease_shop::{ShopError, ShopResult};

/// A notice on the cart page after a redirect.
#[derive(Debug, Clone, Copy)]
enum Notice {
    Added,
    Updated,
    Removed,
}

/// The notices by their cookie values.
const NOTICES: [(&str, Notice); 3] = [(ADDED, Notice::Added), (UPDATED, Notice::Updated), (REMOVED, Notice::Removed)];
const ADDED: &str = "added-to-cart";
const UPDATED: &str = "cart-updated";
const REMOVED: &str = "removed-from-cart";

impl Notice {
    fn sentence(self) -> &'static str {
        match self {
            Self::Added => "Added to your cart.",
            Self::Updated => "Your cart is up to date.",
            Self::Removed => "Removed from your cart.",
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
    /// Rejected changes.
    rejected: Vec<RejectedChange>,
    /// Typed quantities that differ from the cart.
    typed: HashMap<LineItemId, String>,
    /// A problem that does not belong to a line.
    problem: Option<Problem>,
    note: Option<PriceNote>,
}

/// A rejected change of a line.
struct RejectedChange {
    line: LineItemId,
    problem: Problem,
}

impl CartPage {
    fn is_empty(&self) -> bool {
        self.cart.lines.is_empty() && self.cart.unavailable.is_empty()
    }

    /// The currency of the first line, which all others must match.
    fn currency(&self) -> &'static str {
        self.cart.currency().map_or("", |currency| currency.code())
    }

    fn shipping(&self) -> Option<&ShippingNote> {
        self.note.as_ref().filter(|_| self.cart.requires_shipping())?.shipping.as_ref()
    }

    /// Describes why a line was not changed.
    fn sentence_of(&self, line: &CartLineView) -> Option<String> {
        let problem =
            self.rejected.iter().find(|rejected| rejected.line == line.id).map(|rejected| &rejected.problem)?;
        Some(match (problem_name(problem), line.available) {
            ("out-of-stock", Some(available)) => texts::line_shortage(available, line.line.quantity.get()),
            _ => texts::on_page(problem),
        })
    }

    /// Value of a line's quantity field.
    fn quantity_of(&self, line: &CartLineView) -> String {
        self.typed.get(&line.id).cloned().unwrap_or_else(|| line.line.quantity.get().to_string())
    }

    /// A problem of the page as a whole, including that of a line which is no longer in the cart.
    fn general_problem(&self) -> Option<&Problem> {
        let is_shown = |id: &LineItemId| self.cart.lines.iter().any(|line| line.id == *id);
        let gone = self.rejected.iter().find(|rejected| !is_shown(&rejected.line));
        self.problem.as_ref().or(gone.map(|rejected| &rejected.problem))
    }

    fn status(&self) -> StatusCode {
        let rejected = self.rejected.first().map(|rejected| &rejected.problem);
        self.problem.as_ref().or(rejected).map_or(StatusCode::OK, Problem::status_code)
    }
}

/// Shows the cart.
pub(in crate::http) async fn show(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> PageResult {
    let notice = notice::read(&headers, &NOTICES);
    let page = CartPage { notice, ..cart_page(&app, &visitor).await? };
    let mut response = page_response(&app, &page)?;
    if notice.is_some() {
        notice::clear(&mut response, &app.config);
    }
    Ok(response)
}

/// The page of the current cart.
async fn cart_page(app: &App, visitor: &Visitor) -> ShopResult<CartPage> {
    let cart = app.services.carts.view_cart(visitor.caller(), ViewCart).await?;
    let frame = Frame { cart_units: cart.units, ..Frame::new(app, visitor, "cart").await };
    let note = match cart.subtotal {
        Some(subtotal) => PriceNote::find(app, subtotal.currency).await,
        None => None,
    };
    let (rejected, typed) = (Vec::new(), HashMap::new());
    Ok(CartPage { frame, csrf: visitor.csrf(), cart, notice: None, rejected, typed, problem: None, note })
}

fn page_response(app: &App, page: &CartPage) -> PageResult {
    let mut response = private_page(page.status(), page)?;
    remember_cart_units(response.headers_mut(), page.cart.units, app);
    Ok(response)
}

/// The add-to-cart form of a product page.
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

/// Adds units of a variant to the cart. The idempotency key is part of the page, so a double click adds once.
pub(in crate::http) async fn add(State(app): State<App>, visitor: Visitor, form: PostedForm<AddForm>) -> PageResult {
    let form = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => return not_added(&app, &visitor, form, stale_form()).await,
    };
    let added = match form.command() {
        Ok(command) => app.services.carts.add_line_item(visitor.caller(), command).await,
        Err(rule) => Err(rule.into()),
    };
    match added {
        Ok(cart) => Ok(changed(&app, &cart, ADDED, "/cart")),
        Err(error) if is_correctable(&error) => not_added(&app, &visitor, form, error.into()).await,
        Err(error) => Err(error.into()),
    }
}

/// Shows the product page again with the choices and the problem.
async fn not_added(app: &App, visitor: &Visitor, form: AddForm, problem: Problem) -> PageResult {
    let Ok(handle) = form.product.parse::<Handle>() else { return Err(problem.into()) };
    let product = app.services.catalog.find_product(FindProduct { handle: handle.clone() }).await?;
    let shortage = match problem_name(&problem) {
        "out-of-stock" => shortage(app, visitor, &product, &form).await?,
        _ => None,
    };
    let sentence = shortage.unwrap_or_else(|| texts::on_page(&problem));
    let frame = Frame::new(app, visitor, "product").await;
    let shown = Shown { sku: form.sku, image: None, quantity: form.quantity, problem: Some(sentence) };
    private_page(problem.status_code(), &ProductPage::new(app, visitor, frame, product, shown).await)
}

/// Explains how many units are available and how many of them are already in the cart. `None` if the known stock is too old to
/// explain the rejection.
async fn shortage(app: &App, visitor: &Visitor, product: &ProductView, form: &AddForm) -> ShopResult<Option<String>> {
    let cart = app.services.carts.view_cart(visitor.caller(), ViewCart).await?;
    let held = cart.lines.iter().find(|line| line.line.sku.as_str() == form.sku.trim());
    let variant = product.variants.iter().find(|variant| variant.sku.as_str() == form.sku.trim());
    let known = held.and_then(|line| line.available).or_else(|| variant.and_then(|variant| variant.available));
    let in_cart = held.map_or(0, |line| line.line.quantity.get());
    let wanted = quantity(&form.quantity).map_or(0, Quantity::get);
    Ok(known.filter(|available| *available < in_cart + wanted).map(|available| texts::shortage(available, in_cart)))
}

/// The cart form: all quantities and the pressed button.
struct CartForm {
    quantities: Vec<(LineItemId, String)>,
    remove: Option<LineItemId>,
    check_out: bool,
}

impl CartForm {
    /// Parses the form. Unknown fields are ignored.
    fn read(fields: &[(String, String)]) -> Self {
        let typed =
            |(name, value): &(String, String)| Some((name.strip_prefix("quantity-")?.parse().ok()?, value.clone()));
        let value_of = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
        Self {
            quantities: fields.iter().filter_map(typed).collect(),
            remove: value_of("remove").and_then(|id| id.parse().ok()),
            check_out: value_of("action") == Some("checkout"),
        }
    }

    /// Returns what differs from the cart, the removed line first.
    fn changes(&self, cart: &CartView) -> Vec<Change> {
        let removal = self.remove.iter().map(|id| Change { line: id.clone(), typed: "0".to_owned() });
        let is_removed = |id: &LineItemId| self.remove.as_ref() == Some(id);
        let present =
            |id: &LineItemId| cart.lines.iter().find(|line| line.id == *id).map(|line| line.line.quantity.get());
        let typed = self.quantities.iter().filter(|(id, typed)| {
            !is_removed(id) && present(id).is_none_or(|present| typed.trim() != present.to_string())
        });
        removal.chain(typed.map(|(id, typed)| Change { line: id.clone(), typed: typed.clone() })).collect()
    }
}

/// A typed quantity of a line; 0 removes the line.
struct Change {
    line: LineItemId,
    typed: String,
}

impl Change {
    fn is_removal(&self) -> bool {
        self.typed.trim() == "0"
    }

    async fn apply(&self, app: &App, visitor: &Visitor) -> ShopResult<CartView> {
        let (carts, caller, id) = (&app.services.carts, visitor.caller(), self.line.clone());
        if self.is_removal() {
            return carts.remove_line_item(caller, RemoveLineItem { id }).await;
        }
        carts.set_line_item(caller, SetLineItem { id, quantity: quantity(&self.typed)? }).await
    }
}

/// Changes every line whose quantity differs from the cart, and continues to the checkout if that button was pressed. Rejected
/// changes are shown at their lines with what was typed.
pub(in crate::http) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    form: PostedForm<Vec<(String, String)>>,
) -> PageResult {
    let form = match form {
        PostedForm::Current(fields) => CartForm::read(&fields),
        PostedForm::Stale(fields) => {
            let typed = CartForm::read(&fields).quantities.into_iter().collect();
            let page = CartPage { typed, problem: Some(stale_form()), ..cart_page(&app, &visitor).await? };
            return page_response(&app, &page);
        }
    };
    let mut cart = app.services.carts.view_cart(visitor.caller(), ViewCart).await?;
    let (mut rejected, mut typed, changes) = (Vec::new(), HashMap::new(), form.changes(&cart));
    for change in &changes {
        match change.apply(&app, &visitor).await {
            Ok(now) => cart = now,
            // Already removed, for example in another window.
            Err(ShopError::NotFound { .. }) if change.is_removal() => {}
            Err(error) if is_correctable(&error) || matches!(error, ShopError::NotFound { .. }) => {
                typed.insert(change.line.clone(), change.typed.clone());
                rejected.push(RejectedChange { line: change.line.clone(), problem: error.into() });
            }
            Err(error) => return Err(error.into()),
        }
    }
    if rejected.is_empty() && form.check_out && cart.can_check_out() {
        return Ok(changed(&app, &cart, UPDATED, "/checkout"));
    }
    if rejected.is_empty() && !form.check_out {
        let only_removed = !changes.is_empty() && changes.iter().all(Change::is_removal);
        return Ok(changed(&app, &cart, if only_removed { REMOVED } else { UPDATED }, "/cart"));
    }
    page_response(&app, &CartPage { rejected, typed, ..cart_page(&app, &visitor).await? })
}

/// Redirects after a change; the cart page shows a notice.
fn changed(app: &App, cart: &CartView, done: &'static str, to: &str) -> Response {
    let mut response = see_other(to);
    remember_cart_units(response.headers_mut(), cart.units, app);
    if to == "/cart" {
        notice::leave(&mut response, done, &app.config);
    }
    response
}

/// Returns whether the visitor can correct the error on the same page.
fn is_correctable(error: &ShopError) -> bool {
    matches!(
        error,
        ShopError::Rules(_)
            | ShopError::OutOfStock { .. }
            | ShopError::Conflict
            | ShopError::VersionChanged
            | ShopError::IdempotencyKeyReused
            | ShopError::IdempotencyKeyInUse { .. }
    )
}
