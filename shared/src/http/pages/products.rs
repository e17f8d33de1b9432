//! Administration of the products: list, form, confirmation of a deletion.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::form_fields::{CHECKED, FieldGroup, Input, Typed};
use super::forms::FormErrors;
use super::layout::{Frame, PageError, PageResult, encode, position, private_page, see_other};
use super::product_form::{self, MAX_VARIANTS};
use super::product_selection::{self, Repricing};
use super::view::filters;
use crate::http::api::products::check_size;
use crate::http::extract::{ApiPath, ApiQuery, FileForm, PageForm, PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, MAX_BODY_BYTES, Problem, cursor, notice, texts};
use shopease_shop::ShopError;
use shopease_shop::domain::{Currency, Handle, PageLimit, ProductDraft, ProductStatus, RuleError};
use shopease_shop::ports::VersionedProduct;
use shopease_shop::services::{
    CreateProduct, DeleteProduct, FindAnyProduct, ListAllProducts, ListCategories, ProductOverview, UpdateProduct,
    UploadPicture,
};

const PRODUCTS: &str = "/admin/products";
const NEW: &str = "/admin/new-product";
/// The notices after a form.
const SAVED: &str = "product-saved";
const DELETED: &str = "product-deleted";
const CHANGED: &str = "products-changed";
/// Those of the list.
const NOTICES: [(&str, &str); 2] =
    [(DELETED, "The product was deleted."), (CHANGED, "The selected products were changed.")];

/// The form of a product; its description may be long.
type ProductForm = FileForm<MAX_BODY_BYTES>;

fn path_of(handle: &Handle) -> String {
    format!("{PRODUCTS}/{}", encode(handle.as_str()))
}

/// Query parameters of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct ListQuery {
    status: String,
    cursor: Option<String>,
}

/// The address of a page of the list.
fn list_url(status: &str, cursor: Option<&str>) -> String {
    let status = Some(status).filter(|status| !status.is_empty()).map(|status| format!("status={}", encode(status)));
    let cursor = cursor.map(|cursor| format!("cursor={}", encode(cursor)));
    let parameters: Vec<_> = status.into_iter().chain(cursor).collect();
    if parameters.is_empty() { PRODUCTS.to_owned() } else { format!("{PRODUCTS}?{}", parameters.join("&")) }
}

#[derive(Template)]
#[template(path = "admin_products.html")]
struct ProductsPage {
    frame: Frame,
    products: Vec<ProductOverview>,
    status: Option<ProductStatus>,
    continued: bool,
    next_url: Option<String>,
    notice: Option<&'static str>,
    csrf: String,
    /// Where the form of the selection is sent: this page of the list.
    action: String,
    /// The categories of the shop, as suggestions.
    categories: Vec<String>,
    /// What was typed into the form of the selection.
    typed: Typed,
    problems: Vec<String>,
}

#[expect(clippy::unused_self, clippy::trivially_copy_pass_by_ref, reason = "called by the template, with references")]
impl ProductsPage {
    fn first_url(&self) -> String {
        list_url(self.status.map_or("", ProductStatus::as_str), None)
    }

    fn is_current(&self, status: &ProductStatus) -> bool {
        self.status == Some(*status)
    }

    fn is_selected(&self, product: &ProductOverview) -> bool {
        self.typed.0.iter().any(|(name, value)| name == "handle" && value == product.handle.as_str())
    }

    fn name_of(&self, status: &ProductStatus) -> &'static str {
        texts::product_status(*status)
    }
}

/// Lists all products, or those with a status.
pub(in crate::http) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<ListQuery>,
    headers: HeaderMap,
) -> PageResult {
    let left = notice::read(&headers, &NOTICES);
    let page = list_page(&app, &visitor, &query).await?;
    let mut response = private_page(StatusCode::OK, &ProductsPage { notice: left, ..page })?;
    if left.is_some() {
        notice::clear(&mut response, &app.config);
    }
    Ok(response)
}

async fn list_page(app: &App, visitor: &Visitor, query: &ListQuery) -> Result<ProductsPage, PageError> {
    let status = ProductStatus::find(&query.status);
    let name = status.map_or("", ProductStatus::as_str);
    let listing = format!("pages|products|{name}");
    let after = position(&listing, query.cursor.as_deref())?;
    let continued = after.is_some();
    let command = ListAllProducts { status, after, limit: PageLimit::DEFAULT };
    let page = app.services.products.list_all_products(visitor.caller(), command).await;
    let page = page.map_err(|error| PageError::or_sign_in(error, PRODUCTS))?;
    let next_url = page.next.as_ref().map(|place| list_url(name, Some(&cursor::encode(&listing, place))));
    Ok(ProductsPage {
        frame: Frame::new(app, visitor, "admin-products").await,
        products: page.items,
        status,
        continued,
        next_url,
        notice: None,
        csrf: visitor.csrf(),
        action: list_url(&query.status, query.cursor.as_deref()),
        categories: categories(app).await,
        typed: Typed::default(),
        problems: Vec::new(),
    })
}

/// Asks whether prices are changed.
#[derive(Template)]
#[template(path = "admin_prices_confirm.html")]
struct PricesPage {
    frame: Frame,
    csrf: String,
    action: String,
    /// What was typed into the form of the selection.
    typed: Typed,
    percent: String,
    changes: Vec<Repricing>,
}

/// Changes the products that are selected in the list. Those that cannot be changed stay selected.
pub(in crate::http) async fn change_selected(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<ListQuery>,
    form: PostedForm<Vec<(String, String)>>,
) -> PageResult {
    let (mut typed, status, problems, selected) = match form {
        PostedForm::Current(fields) => {
            let typed = Typed(fields);
            let action = list_url(&query.status, query.cursor.as_deref());
            let repricings = product_selection::repricings(&app, &visitor, &typed).await;
            if let Some(changes) = repricings.map_err(|error| PageError::or_sign_in(error, PRODUCTS))? {
                let (frame, csrf) = (Frame::new(&app, &visitor, "admin-products").await, visitor.csrf());
                let percent = format!("{}%", typed.get(product_selection::PRICE_CHANGE).trim().trim_end_matches('%'));
                let page = PricesPage { frame, csrf, action, typed, percent, changes };
                return private_page(StatusCode::OK, &page);
            }
            let outcome = product_selection::change(&app, &visitor, &typed).await;
            let (problems, selected) = outcome.map_err(|error| PageError::or_sign_in(error, PRODUCTS))?;
            if problems.is_empty() {
                return Ok(with_notice(&app, &action, CHANGED));
            }
            (typed, StatusCode::UNPROCESSABLE_ENTITY, problems, selected)
        }
        PostedForm::Stale(fields) => {
            let (typed, problem) = (Typed(fields), stale_form());
            if super::admin::require_operator(&app, &visitor, PRODUCTS).await.is_err() {
                return Err(problem.into());
            }
            let selected = typed.all("handle");
            (typed, problem.status_code(), vec![texts::on_page(&problem)], selected)
        }
    };
    typed.0.retain(|(name, _)| name != "handle" && name != "confirmed");
    typed.0.extend(selected.into_iter().map(|handle| ("handle".to_owned(), handle)));
    let page = list_page(&app, &visitor, &query).await?;
    private_page(status, &ProductsPage { typed, problems, ..page })
}

#[derive(Template)]
#[template(path = "admin_product_form.html")]
struct FormPage {
    frame: Frame,
    csrf: String,
    /// The stored product; `None` for a new one.
    stored: Option<VersionedProduct>,
    /// The version that the entries are based on.
    version: String,
    groups: Vec<FieldGroup>,
    rows: String,
    shows_images: String,
    errors: FormErrors,
    problems: Vec<String>,
    /// What is stored now, if somebody else has changed the product: label and value.
    conflict: Option<Vec<(String, String)>>,
    saved: bool,
}

impl FormPage {
    fn action(&self) -> String {
        self.stored.as_ref().map_or_else(|| NEW.to_owned(), |stored| path_of(&stored.product.handle))
    }

    fn title(&self) -> &str {
        self.stored.as_ref().map_or("New product", |stored| stored.product.title.as_str())
    }

    fn needs_attention(&self) -> bool {
        !self.errors.is_empty() || !self.problems.is_empty() || self.conflict.is_some()
    }

    /// Whether the form shows the variants.
    fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    fn has_room(&self) -> bool {
        self.rows.parse::<usize>().is_ok_and(|rows| rows < MAX_VARIANTS)
    }

    fn variant_count(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| stored.product.variants.len())
    }
}

/// What a page shows beside the form.
#[derive(Default)]
struct Attempt {
    errors: FormErrors,
    problems: Vec<String>,
    conflict: Option<Vec<(String, String)>>,
    saved: bool,
}

/// Currency of a product: its own, or that of the shop.
async fn currency_of(app: &App, stored: Option<&VersionedProduct>) -> Currency {
    match stored.and_then(|stored| stored.product.currency()) {
        Some(currency) => currency,
        None => app.shop().await.currency,
    }
}

/// The fields of a form, with the categories as suggestions.
async fn groups(app: &App, typed: &Typed, stored: Option<&VersionedProduct>) -> Vec<FieldGroup> {
    product_form::groups(typed, stored.is_none(), currency_of(app, stored).await, categories(app).await)
}

/// Titles of the categories, as suggestions; none if they cannot be read.
async fn categories(app: &App) -> Vec<String> {
    let categories = app.services.catalog.list_categories(ListCategories).await.unwrap_or_default();
    categories.into_iter().map(|category| category.title).collect()
}

async fn form_page(
    app: &App,
    visitor: &Visitor,
    status: StatusCode,
    stored: Option<VersionedProduct>,
    typed: &Typed,
    attempt: Attempt,
) -> PageResult {
    let groups = groups(app, typed, stored.as_ref()).await;
    let frame = Frame::new(app, visitor, "admin-products").await;
    let current = stored.as_ref().map(|stored| stored.version.to_string());
    let version = typed.optional("version").or(current).unwrap_or_default();
    let Attempt { errors, problems, conflict, saved } = attempt;
    let (csrf, rows) = (visitor.csrf(), typed.text("rows"));
    let shows_images = typed.text(product_form::SHOWS_IMAGES);
    let page = FormPage { frame, csrf, stored, version, groups, rows, shows_images, errors, problems, conflict, saved };
    private_page(status, &page)
}

async fn stored(app: &App, visitor: &Visitor, handle: &Handle) -> Result<VersionedProduct, PageError> {
    let found =
        app.services.products.find_any_product(visitor.caller(), FindAnyProduct { handle: handle.clone() }).await;
    found.map_err(|error| PageError::or_sign_in(error, &path_of(handle)))
}

/// Query parameters of the form for a new product.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct NewQuery {
    /// The product to start from.
    copy: String,
}

/// Shows the form for a new product, empty or as a copy.
pub(in crate::http) async fn new_form(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<NewQuery>,
) -> PageResult {
    super::admin::require_operator(&app, &visitor, NEW).await?;
    let mut attempt = Attempt::default();
    let draft = match query.copy.parse::<Handle>() {
        Ok(handle) => {
            let original = stored(&app, &visitor, &handle).await?.product;
            let count = original.variants.len();
            if count > MAX_VARIANTS {
                let problem =
                    format!("Only the first {MAX_VARIANTS} of {count} variants were copied: the form shows no more.");
                attempt.problems.push(problem);
            }
            copy_of(ProductDraft::of(&original))
        }
        Err(_) => empty_draft(),
    };
    form_page(&app, &visitor, StatusCode::OK, None, &product_form::typed_of("", &draft), attempt).await
}

const fn empty_draft() -> ProductDraft {
    ProductDraft {
        title: String::new(),
        description_html: String::new(),
        vendor: String::new(),
        category: String::new(),
        tags: Vec::new(),
        status: ProductStatus::Draft,
        seo_title: String::new(),
        seo_description: String::new(),
        options: Vec::new(),
        variants: Vec::new(),
        images: Some(Vec::new()),
    }
}

/// A draft without what only one product can have.
fn copy_of(draft: ProductDraft) -> ProductDraft {
    let (title, seo_title) = (format!("{} (copy)", draft.title), String::new());
    let mut copy = ProductDraft { title, seo_title, status: ProductStatus::Draft, ..draft };
    for variant in &mut copy.variants {
        variant.sku.clear();
        variant.barcode.clear();
    }
    copy.variants.truncate(MAX_VARIANTS);
    copy
}

/// Shows the form of a product.
pub(in crate::http) async fn form(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(handle): ApiPath<Handle>,
    headers: HeaderMap,
) -> PageResult {
    let stored = stored(&app, &visitor, &handle).await?;
    let saved = notice::read(&headers, &[(SAVED, ())]).is_some();
    let typed = product_form::typed_of(handle.as_str(), &ProductDraft::of(&stored.product));
    let attempt = Attempt { saved, ..Attempt::default() };
    let mut response = form_page(&app, &visitor, StatusCode::OK, Some(stored), &typed, attempt).await?;
    if saved {
        notice::clear(&mut response, &app.config);
    }
    Ok(response)
}

/// Creates a product.
pub(in crate::http) async fn create(State(app): State<App>, visitor: Visitor, form: ProductForm) -> PageResult {
    submit(&app, &visitor, None, form).await
}

/// Changes a product.
pub(in crate::http) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(handle): ApiPath<Handle>,
    form: ProductForm,
) -> PageResult {
    let found =
        app.services.products.find_any_product(visitor.caller(), FindAnyProduct { handle: handle.clone() }).await;
    match (found, form.fields) {
        (Ok(stored), fields) => submit(&app, &visitor, Some(stored), ProductForm { fields, file: form.file }).await,
        // A form of an earlier session.
        (Err(ShopError::SignInRequired), PostedForm::Stale(_)) => Err(stale_form().into()),
        (Err(ShopError::NotFound { .. }), PostedForm::Current(fields)) => {
            gone(&app, &visitor, &handle, Typed(fields)).await
        }
        (Err(error), _) => Err(PageError::or_sign_in(error, &path_of(&handle))),
    }
}

/// Shows the form of a product that was deleted meanwhile as that of a new one.
async fn gone(app: &App, visitor: &Visitor, handle: &Handle, mut typed: Typed) -> PageResult {
    typed.0.push(("handle".to_owned(), handle.to_string()));
    if typed.rows() == 0 {
        // The form had too many variants to show them.
        product_form::add_row(&mut typed);
    }
    let problem = "This product does not exist, or was deleted while you edited it. If you save, it is created again.";
    let attempt = Attempt { problems: vec![problem.to_owned()], ..Attempt::default() };
    form_page(app, visitor, StatusCode::NOT_FOUND, None, &typed, attempt).await
}

async fn submit(app: &App, visitor: &Visitor, stored: Option<VersionedProduct>, form: ProductForm) -> PageResult {
    let mut typed = match form.fields {
        PostedForm::Current(fields) => Typed(fields),
        PostedForm::Stale(fields) => return stale(app, visitor, stored, Typed(fields)).await,
    };
    if stored.is_none() {
        super::admin::require_operator(app, visitor, NEW).await?;
    }
    if let Some(file) = form.file {
        match app.services.products.upload_picture(visitor.caller(), UploadPicture { file }).await {
            Ok(picture) => product_form::add_picture(&mut typed, picture.url),
            Err(error) => return not_uploaded(app, visitor, stored, &typed, error).await,
        }
    }
    let action = typed.text("action");
    if ["add_variant", "add_picture"].contains(&action.as_str()) {
        if action == "add_variant" {
            product_form::add_row(&mut typed);
        }
        return form_page(app, visitor, StatusCode::OK, stored, &typed, Attempt::default()).await;
    }
    let currency = currency_of(app, stored.as_ref()).await;
    let read = product_form::read(&typed, currency, stored.as_ref().map(|stored| &stored.product));
    let written = match check_draft(&read, &typed, stored.as_ref()) {
        Err(rules) => Err(ShopError::Rules(rules)),
        // Other problems are still found, but nothing is written.
        Ok(()) if !read.is_complete() => Err(ShopError::Rules(Vec::new())),
        Ok(()) => write(app, visitor, &typed, read.draft.clone(), stored.as_ref()).await,
    };
    match written {
        Ok(written) => Ok(with_notice(app, &path_of(&written.product.handle), SAVED)),
        Err(ShopError::Rules(rules)) => {
            let groups = groups(app, &typed, stored.as_ref()).await;
            let (errors, problems) = read.errors(&groups, &rules);
            let attempt = Attempt { errors, problems, ..Attempt::default() };
            form_page(app, visitor, StatusCode::UNPROCESSABLE_ENTITY, stored, &typed, attempt).await
        }
        Err(ShopError::VersionChanged) => conflict(app, visitor, stored, &typed).await,
        Err(error @ (ShopError::Conflict | ShopError::Unavailable { .. })) => {
            let problem = Problem::from(error);
            let attempt = Attempt { problems: vec![texts::on_page(&problem)], ..Attempt::default() };
            form_page(app, visitor, problem.status_code(), stored, &typed, attempt).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Shows the form again with the reason why its file was not taken.
async fn not_uploaded(
    app: &App,
    visitor: &Visitor,
    stored: Option<VersionedProduct>,
    typed: &Typed,
    error: ShopError,
) -> PageResult {
    let attempt = match &error {
        ShopError::Rules(rules) => {
            let sentences = rules.iter().map(|rule| (product_form::FILE.to_owned(), texts::rule(rule)));
            Attempt { errors: FormErrors::new(sentences.collect()), ..Attempt::default() }
        }
        ShopError::Unavailable { .. } => Attempt::default(),
        _ => return Err(error.into()),
    };
    let problem = Problem::from(error);
    let problems = if attempt.errors.is_empty() { vec![texts::on_page(&problem)] } else { Vec::new() };
    form_page(app, visitor, problem.status_code(), stored, typed, Attempt { problems, ..attempt }).await
}

/// The rules that need no store, so that they are reported together with what cannot be parsed.
fn check_draft(
    read: &product_form::Read,
    typed: &Typed,
    stored: Option<&VersionedProduct>,
) -> Result<(), Vec<RuleError>> {
    let handle = stored.map_or_else(|| typed.text("handle"), |stored| stored.product.handle.to_string());
    let product = read.product(&handle, stored.map(|stored| &stored.product))?;
    check_size(&product).map_err(|rule| vec![rule])
}

async fn write(
    app: &App,
    visitor: &Visitor,
    typed: &Typed,
    draft: ProductDraft,
    stored: Option<&VersionedProduct>,
) -> Result<VersionedProduct, ShopError> {
    let (products, caller) = (&app.services.products, visitor.caller());
    let Some(stored) = stored else {
        let handle = typed.text("handle");
        return products.create_product(caller, CreateProduct { handle, draft }).await;
    };
    let handle = stored.product.handle.clone();
    let version = typed.get("version").parse().unwrap_or_default();
    products.update_product(caller, UpdateProduct { handle, version, draft }).await
}

/// Shows what was typed again, beside what somebody else has saved: saving it then replaces the other change.
async fn conflict(app: &App, visitor: &Visitor, seen: Option<VersionedProduct>, typed: &Typed) -> PageResult {
    let Some(seen) = seen else { return Err(ShopError::VersionChanged.into()) };
    // The product may have changed once more.
    let current = stored(app, visitor, &seen.product.handle).await?;
    let now = product_form::typed_of(current.product.handle.as_str(), &ProductDraft::of(&current.product));
    let conflict = Some(product_form::differences(typed, &now));
    let attempt = Attempt { conflict, ..Attempt::default() };
    // Who has seen both may replace what is stored now.
    let mut typed = Typed(typed.0.clone());
    typed.0.retain(|(name, _)| name != "version");
    form_page(app, visitor, StatusCode::PRECONDITION_FAILED, Some(current), &typed, attempt).await
}

/// Shows a form of an earlier session again to an operator. Nothing is saved.
async fn stale(app: &App, visitor: &Visitor, stored: Option<VersionedProduct>, typed: Typed) -> PageResult {
    let problem = stale_form();
    if stored.is_none() && super::admin::require_operator(app, visitor, NEW).await.is_err() {
        return Err(problem.into());
    }
    let attempt = Attempt { problems: vec![texts::on_page(&problem)], ..Attempt::default() };
    form_page(app, visitor, problem.status_code(), stored, &typed, attempt).await
}

fn with_notice(app: &App, path: &str, text: &str) -> Response {
    let mut response = see_other(path);
    notice::leave(&mut response, text, &app.config);
    response
}

#[derive(Template)]
#[template(path = "admin_product_deletion.html")]
struct DeletionPage {
    frame: Frame,
    csrf: String,
    stored: VersionedProduct,
    /// Whether somebody has changed the product since the page was opened.
    changed: bool,
}

impl DeletionPage {
    fn is_archived(&self) -> bool {
        self.stored.product.status == ProductStatus::Archived
    }
}

/// Asks whether to delete a product, and offers to archive it.
pub(in crate::http) async fn ask_deletion(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(handle): ApiPath<Handle>,
) -> PageResult {
    deletion_page(&app, &visitor, &handle, StatusCode::OK).await
}

async fn deletion_page(app: &App, visitor: &Visitor, handle: &Handle, status: StatusCode) -> PageResult {
    let stored = stored(app, visitor, handle).await?;
    let frame = Frame::new(app, visitor, "admin-products").await;
    let changed = status == StatusCode::PRECONDITION_FAILED;
    private_page(status, &DeletionPage { frame, csrf: visitor.csrf(), stored, changed })
}

/// The form of the deletion page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct DeletionForm {
    action: String,
    version: u64,
}

/// Deletes or archives a product, as it was shown.
pub(in crate::http) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(handle): ApiPath<Handle>,
    PageForm(DeletionForm { action, version }): PageForm<DeletionForm>,
) -> PageResult {
    let (products, caller) = (&app.services.products, visitor.caller());
    let done = if action == "delete" {
        products.delete_product(caller, DeleteProduct { handle: handle.clone(), version }).await
    } else {
        let stored = stored(&app, &visitor, &handle).await?;
        let draft = ProductDraft { status: ProductStatus::Archived, ..ProductDraft::of(&stored.product) };
        products.update_product(caller, UpdateProduct { handle: handle.clone(), version, draft }).await.map(drop)
    };
    match done {
        Ok(()) if action == "delete" => Ok(with_notice(&app, PRODUCTS, DELETED)),
        Ok(()) => Ok(with_notice(&app, &path_of(&handle), SAVED)),
        Err(ShopError::VersionChanged) => deletion_page(&app, &visitor, &handle, StatusCode::PRECONDITION_FAILED).await,
        Err(error) => Err(PageError::or_sign_in(error, &path_of(&handle))),
    }
}
