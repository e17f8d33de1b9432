//! The cart page and its two forms: putting in, and changing the lines.

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

/// What has just been done, said on the cart page after a redirect.
#[derive(Debug, Clone, Copy)]
enum Notice {
    Added,
    Updated,
    Removed,
}

/// The notices by the names under which forms leave them.
const NOTICES: [(&str, Notice); 3] = [(ADDED, Notice::Added), (UPDATED, Notice::Updated), (REMOVED, Notice::Removed)];
const ADDED: &str = "added-to-cart";
const UPDATED: &str = "cart-updated";
const REMOVED: &str = "removed-from-cart";

impl Notice {
    fn sentence(self) -> &'static str {
        match self {
            Self::Added => "Added to your cart.",
            Self::Updated => "Your cart is up to date.",
            Self::Removed => "Taken out of your cart.",
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
    /// What was not carried out.
    refused: Vec<Refused>,
    /// Quantities that were typed and are not those of the cart.
    typed: HashMap<LineItemId, String>,
    /// What is wrong with no line in particular.
    problem: Option<Problem>,
    note: Option<PriceNote>,
}

/// A change of a line that was not carried out.
struct Refused {
    line: LineItemId,
    problem: Problem,
}

impl CartPage {
    fn is_empty(&self) -> bool {
        self.cart.lines.is_empty() && self.cart.unavailable.is_empty()
    }

    /// The currency of the first line, with which the others have to agree.
    fn currency(&self) -> &'static str {
        self.cart.currency().map_or("", |currency| currency.code())
    }

    fn shipping(&self) -> Option<&ShippingNote> {
        self.note.as_ref()?.shipping.as_ref()
    }

    /// Why a line was not changed.
    fn sentence_of(&self, line: &CartLineView) -> Option<String> {
        let problem = self.refused.iter().find(|refused| refused.line == line.id).map(|refused| &refused.problem)?;
        Some(match (problem_name(problem), line.available) {
            ("out-of-stock", Some(available)) => texts::line_shortage(available, line.line.quantity.get()),
            _ => texts::on_page(problem),
        })
    }

    /// What a line's quantity field shows.
    fn quantity_of(&self, line: &CartLineView) -> String {
        self.typed.get(&line.id).cloned().unwrap_or_else(|| line.line.quantity.get().to_string())
    }

    /// What is wrong with the page as a whole: also a line that is not there any more.
    fn general_problem(&self) -> Option<&Problem> {
        let is_shown = |id: &LineItemId| self.cart.lines.iter().any(|line| line.id == *id);
        let gone = self.refused.iter().find(|refused| !is_shown(&refused.line));
        self.problem.as_ref().or(gone.map(|refused| &refused.problem))
    }

    fn status(&self) -> StatusCode {
        let refused = self.refused.first().map(|refused| &refused.problem);
        self.problem.as_ref().or(refused).map_or(StatusCode::OK, Problem::status_code)
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

/// The page of the cart as it is now.
async fn cart_page(app: &App, visitor: &Visitor) -> ShopResult<CartPage> {
    let cart = app.services.carts.view_cart(visitor.caller(), ViewCart).await?;
    let frame = Frame { cart_units: cart.units, ..Frame::new(app, visitor, "cart").await };
    let note = match cart.subtotal {
        Some(subtotal) => PriceNote::find(app, subtotal.currency).await,
        None => None,
    };
    let (refused, typed) = (Vec::new(), HashMap::new());
    Ok(CartPage { frame, csrf: visitor.csrf(), cart, notice: None, refused, typed, problem: None, note })
}

fn page_response(app: &App, page: &CartPage) -> PageResult {
    let mut response = private_page(page.status(), page)?;
    remember_cart_units(response.headers_mut(), page.cart.units, app);
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

/// Puts units of a variant into the cart. The key comes with the page, so a double click adds once.
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

/// The product page again, with what was chosen and why it did not work.
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

/// How many units there are and how many of them are in the cart. `None` when what is known of the stock is too old to
/// explain the refusal.
async fn shortage(app: &App, visitor: &Visitor, product: &ProductView, form: &AddForm) -> ShopResult<Option<String>> {
    let cart = app.services.carts.view_cart(visitor.caller(), ViewCart).await?;
    let held = cart.lines.iter().find(|line| line.line.sku.as_str() == form.sku.trim());
    let variant = product.variants.iter().find(|variant| variant.sku.as_str() == form.sku.trim());
    let known = held.and_then(|line| line.available).or_else(|| variant.and_then(|variant| variant.available));
    let in_cart = held.map_or(0, |line| line.line.quantity.get());
    let wanted = quantity(&form.quantity).map_or(0, Quantity::get);
    Ok(known.filter(|available| *available < in_cart + wanted).map(|available| texts::shortage(available, in_cart)))
}

/// The form of the cart: every quantity, and which button was pressed.
struct CartForm {
    quantities: Vec<(LineItemId, String)>,
    remove: Option<LineItemId>,
    check_out: bool,
}

impl CartForm {
    /// Fields that are none of the form's are no fields.
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

    /// What differs from the cart, the removed line first.
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

/// A quantity as typed for a line; 0 takes it out.
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

/// Changes every line whose quantity is another than in the cart, and goes on to the checkout if that was pressed. What
/// cannot be changed is shown at its line, and stays as it was typed.
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
    let (mut refused, mut typed, changes) = (Vec::new(), HashMap::new(), form.changes(&cart));
    for change in &changes {
        match change.apply(&app, &visitor).await {
            Ok(now) => cart = now,
            // Taken out in another window already: what was wanted is done.
            Err(ShopError::NotFound { .. }) if change.is_removal() => {}
            Err(error) if is_correctable(&error) || matches!(error, ShopError::NotFound { .. }) => {
                typed.insert(change.line.clone(), change.typed.clone());
                refused.push(Refused { line: change.line.clone(), problem: error.into() });
            }
            Err(error) => return Err(error.into()),
        }
    }
    if refused.is_empty() && form.check_out && cart.can_check_out() {
        return Ok(changed(&app, &cart, UPDATED, "/checkout"));
    }
    if refused.is_empty() && !form.check_out {
        let only_removed = !changes.is_empty() && changes.iter().all(Change::is_removal);
        return Ok(changed(&app, &cart, if only_removed { REMOVED } else { UPDATED }, "/cart"));
    }
    page_response(&app, &CartPage { refused, typed, ..cart_page(&app, &visitor).await? })
}

/// Goes on after a change; the cart page says what was done.
fn changed(app: &App, cart: &CartView, done: &'static str, to: &str) -> Response {
    let mut response = see_other(to);
    remember_cart_units(response.headers_mut(), cart.units, app);
    if to == "/cart" {
        notice::leave(&mut response, done, &app.config);
    }
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
