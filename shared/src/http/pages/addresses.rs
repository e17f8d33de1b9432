//! The addresses of the signed-in customer.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shopease_shop::domain::{AddressId, Country, SavedAddress, Subject};
use shopease_shop::services::{AddAddress, CurrentCustomer, ListAddresses, RemoveAddress, ReplaceAddress};
use shopease_shop::{ShopError, ShopResult};

use super::accounts::{DoneQuery, NoFields};
use super::address_form::{ADDRESS_FIELDS, AddressForm, AddressInputs, all_countries};
use super::forms::{Failure, FormErrors};
use super::layout::{Frame, PageError, PageResult, private_page, see_other};
use super::view::filters;
use crate::http::extract::{ApiPath, ApiQuery, PageForm, PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem};

/// Path of the list.
const ADDRESSES: &str = "/account/addresses";

/// In place of an ID: an address that is not saved yet.
const NEW: &str = "new";

#[derive(Template)]
#[template(path = "addresses.html")]
struct ListPage {
    frame: Frame,
    addresses: Vec<SavedAddress>,
    notice: Option<&'static str>,
}

/// Shows the addresses.
pub(in crate::http) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<DoneQuery>,
) -> PageResult {
    let addresses = saved(&app, &visitor).await?;
    let notice = match query.done.as_str() {
        "saved" => Some("The address is saved."),
        "removed" => Some("The address is removed."),
        _ => None,
    };
    let frame = Frame::new(&app, &visitor, "account").await;
    private_page(StatusCode::OK, &ListPage { frame, addresses, notice })
}

async fn saved(app: &App, visitor: &Visitor) -> Result<Vec<SavedAddress>, PageError> {
    let listed = app.services.addresses.list_addresses(visitor.caller(), ListAddresses).await;
    listed.map_err(|error| PageError::or_sign_in(error, ADDRESSES))
}

/// The address with an ID.
async fn find(app: &App, visitor: &Visitor, id: &str) -> Result<SavedAddress, PageError> {
    let found = saved(app, visitor).await?.into_iter().find(|saved| saved.id.as_str() == id);
    found.ok_or_else(|| ShopError::NotFound { subject: Subject::Address }.into())
}

/// The form of an address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct EditForm {
    #[serde(flatten)]
    address: AddressForm,
    /// Not empty if checkout starts with the address.
    is_default: String,
}

#[derive(Template)]
#[template(path = "address_edit.html")]
struct EditPage {
    frame: Frame,
    csrf: String,
    /// ID of the address, or [`NEW`].
    id: String,
    form: EditForm,
    errors: FormErrors,
    problem: Option<Problem>,
    countries: Vec<&'static Country>,
}

impl EditPage {
    fn title(&self) -> &'static str {
        if self.is_new() { "Add an address" } else { "Change an address" }
    }

    fn is_new(&self) -> bool {
        self.id == NEW
    }

    fn fields(&self) -> AddressInputs<'_> {
        let (form, errors) = (&self.form.address, &self.errors);
        AddressInputs { prefix: "", autofill: "shipping", form, errors, countries: &self.countries }
    }
}

/// Shows the form of an address.
pub(in crate::http) async fn edit(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<String>,
) -> PageResult {
    let form = if id == NEW {
        let customer = app.services.accounts.current_customer(visitor.caller(), CurrentCustomer).await;
        let customer = customer.map_err(|error| PageError::or_sign_in(error, &format!("{ADDRESSES}/{NEW}")))?;
        EditForm { address: AddressForm { name: customer.name, ..AddressForm::default() }, ..EditForm::default() }
    } else {
        let saved = find(&app, &visitor, &id).await?;
        let is_default = if saved.is_default { "on" } else { "" };
        EditForm { address: saved.address.into(), is_default: is_default.to_owned() }
    };
    edit_page(&app, &visitor, id, form, Failure::none()).await
}

async fn edit_page(app: &App, visitor: &Visitor, id: String, form: EditForm, failure: Failure) -> PageResult {
    let frame = Frame::new(app, visitor, "account").await;
    let countries = all_countries();
    failure.page(|errors, problem| EditPage { frame, csrf: visitor.csrf(), id, form, errors, problem, countries })
}

/// Saves an address.
pub(in crate::http) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<String>,
    form: PostedForm<EditForm>,
) -> PageResult {
    let form = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => return edit_page(&app, &visitor, id, form, Failure::of(stale_form())).await,
    };
    match store(&app, &visitor, &id, &form).await {
        Ok(()) => Ok(see_other(&format!("{ADDRESSES}?done=saved"))),
        Err(error @ ShopError::SignInRequired) => Err(PageError::or_sign_in(error, ADDRESSES)),
        Err(error) => {
            let failure = Failure::of_error(error, ADDRESS_FIELDS)?;
            edit_page(&app, &visitor, id, form, failure).await
        }
    }
}

async fn store(app: &App, visitor: &Visitor, id: &str, form: &EditForm) -> ShopResult<()> {
    let (service, is_default) = (&app.services.addresses, !form.is_default.is_empty());
    let address = form.address.typed(&all_countries());
    if id == NEW {
        service.add_address(visitor.caller(), AddAddress { address, is_default }).await?;
    } else {
        let id = address_id(id)?;
        service.replace_address(visitor.caller(), ReplaceAddress { id, address, is_default }).await?;
    }
    Ok(())
}

fn address_id(id: &str) -> ShopResult<AddressId> {
    id.parse().map_err(|_| ShopError::NotFound { subject: Subject::Address })
}

#[derive(Template)]
#[template(path = "address_removal.html")]
struct RemovalPage {
    frame: Frame,
    csrf: String,
    saved: SavedAddress,
}

/// Asks whether to remove an address.
pub(in crate::http) async fn ask_removal(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<String>,
) -> PageResult {
    let saved = find(&app, &visitor, &id).await?;
    let frame = Frame::new(&app, &visitor, "account").await;
    private_page(StatusCode::OK, &RemovalPage { frame, csrf: visitor.csrf(), saved })
}

/// Removes an address.
pub(in crate::http) async fn remove(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageResult {
    let command = RemoveAddress { id: address_id(&id)? };
    let removed = app.services.addresses.remove_address(visitor.caller(), command).await;
    removed.map_err(|error| PageError::or_sign_in(error, ADDRESSES))?;
    Ok(see_other(&format!("{ADDRESSES}?done=removed")))
}
