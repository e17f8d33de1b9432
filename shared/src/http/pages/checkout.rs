//! Checkout in two steps, and the order page. Each step is shown by GET, so that Back and reload do not send a form again.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::address_form::{AddressInputs, all_countries};
use super::checkout_form::{CheckoutForm, DETAIL_FIELDS, Details, KeptCheckout, write_total};
use super::forms::FormErrors;
use super::layout::{Frame, PageResult, encode, private_page, remember_cart_units, see_other};
use super::view::filters;
use crate::http::extract::{ApiPath, ApiQuery, PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, Problem, assets, headers, notice, texts};
use shopease_shop::domain::{
    Country, Field, OrderId, OrderState, PageLimit, PaymentKind, PaymentState, Quote, RuleError, SavedAddress,
    ValueRule,
};
use shopease_shop::ports::PaymentOption;
use shopease_shop::services::{
    CheckPayment, CurrentCustomer, FindOrder, ListAddresses, ListOrders, ListPaymentOptions, OrderView, ViewCart,
};
use shopease_shop::{ShopError, ShopResult};

#[derive(Template)]
#[template(path = "checkout_details.html")]
struct DetailsPage {
    frame: Frame,
    csrf: String,
    form: CheckoutForm,
    errors: FormErrors,
    problem: Option<Problem>,
    countries: Vec<&'static Country>,
    all_countries: Vec<&'static Country>,
    /// The addresses that the customer has saved.
    addresses: Vec<SavedAddress>,
}

impl DetailsPage {
    fn shipping_fields(&self) -> AddressInputs<'_> {
        let (form, errors) = (&self.form.shipping, &self.errors);
        AddressInputs { prefix: "", autofill: "shipping", form, errors, countries: &self.countries }
    }

    fn billing_fields(&self) -> AddressInputs<'_> {
        let (form, errors) = (&self.form.billing, &self.errors);
        AddressInputs { prefix: "billing_", autofill: "billing", form, errors, countries: &self.all_countries }
    }
}

#[derive(Template)]
#[template(path = "checkout_review.html")]
struct ReviewPage {
    frame: Frame,
    csrf: String,
    form: CheckoutForm,
    details: Details,
    quote: Quote,
    payment: Payment,
    errors: FormErrors,
    problem: Option<Problem>,
}

/// Fields of the second step beside which errors are shown.
const REVIEW_FIELDS: &[&str] = &["payment_method"];

/// The ways to pay, as the review lists them.
#[derive(Default)]
struct Payment {
    cards: Vec<Choice>,
    page: Option<Choice>,
    transfer: Option<Choice>,
    fields: Option<Fields>,
}

/// A way to pay: its token and label.
struct Choice {
    token: String,
    title: String,
    chosen: bool,
}

/// The payment provider's fields, which need scripts.
struct Fields {
    script: String,
    provider_script: String,
    is_foreign: bool,
    /// Whether they are preselected: nothing else was chosen before.
    is_preferred: bool,
    key: String,
    amount: i64,
}

impl Payment {
    /// Lists the options. Preselects the token chosen before, or else the first that works without scripts; none if the choice was
    /// refused.
    fn new(options: Vec<PaymentOption>, chosen: &str, is_refused: bool) -> Self {
        let choice = |token, title| Choice { token, title, chosen: false };
        let mut payment = Self::default();
        for option in options {
            match option {
                PaymentOption::TestCard { token, title } => payment.cards.push(choice(token, title)),
                PaymentOption::HostedPage { token } => {
                    payment.page = Some(choice(token, "Card or another way, on the payment page".to_owned()));
                }
                PaymentOption::BankTransfer { token, .. } => {
                    payment.transfer = Some(choice(token, "Bank transfer".to_owned()));
                }
                PaymentOption::Elements { script_url, publishable_key, amount } => {
                    payment.fields = Some(Fields {
                        script: assets::url("payment.js"),
                        is_foreign: script_url.is_some(),
                        is_preferred: false,
                        provider_script: script_url.unwrap_or_else(|| assets::url("test-payment.js")),
                        key: publishable_key,
                        amount,
                    });
                }
            }
        }
        if is_refused {
            return payment;
        }
        let known = payment.choices().any(|choice| choice.token == chosen);
        if let Some(fields) = &mut payment.fields {
            fields.is_preferred = !known;
        }
        if let Some(choice) = payment.choices_mut().find(|choice| !known || choice.token == chosen) {
            choice.chosen = true;
        }
        payment
    }

    /// Every choice that works without scripts, in the order of the page.
    fn choices(&self) -> impl Iterator<Item = &Choice> {
        self.cards.iter().chain(&self.page).chain(&self.transfer)
    }

    fn choices_mut(&mut self) -> impl Iterator<Item = &mut Choice> {
        self.cards.iter_mut().chain(&mut self.page).chain(&mut self.transfer)
    }
}

impl ReviewPage {
    fn total_field(&self) -> String {
        write_total(self.quote.total)
    }

    fn currency(&self) -> String {
        self.quote.total.currency.code().to_ascii_lowercase()
    }
}

#[derive(Template)]
#[template(path = "checkout_wait.html")]
struct WaitPage {
    frame: Frame,
    csrf: String,
    form: CheckoutForm,
}

/// Path of the first step.
const DETAILS: &str = "/checkout";

/// Path of the second step.
const REVIEW: &str = "/checkout/review";

/// The query of the first step.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct DetailsQuery {
    /// ID of the saved address to ship to.
    address: Option<String>,
}

/// The first step, with what was typed before. An empty cart redirects to the order just placed, if any, or to the cart. A cart
/// with several currencies redirects to the cart page, which explains the problem.
pub(in crate::http) async fn form(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<DetailsQuery>,
    headers: HeaderMap,
) -> PageResult {
    let mut kept = KeptCheckout::read(&headers, &visitor);
    let cart = app.services.carts.view_cart(visitor.caller(), ViewCart).await?;
    if cart.lines.is_empty() {
        return Ok(see_other(kept.order.as_deref().unwrap_or("/cart")));
    }
    if cart.lines.iter().any(|line| line.other_currency) {
        return Ok(see_other("/cart"));
    }
    let rules: Vec<RuleError> =
        kept.refusal.take().into_iter().flat_map(|problem| problem.errors).map(Into::into).collect();
    if !rules.is_empty() {
        // After a redirect from the review. The problem is shown once, and a reload is not an error.
        let mut response = details_page(&app, &visitor, kept.form.clone(), rules).await?;
        *response.status_mut() = StatusCode::OK;
        let _ = kept.keep(&app, &visitor, &mut response);
        return Ok(response);
    }
    let addresses = saved_addresses(&app, &visitor).await;
    let mut form = kept.form;
    if form.email.is_empty()
        && visitor.maybe_signed_in()
        && let Ok(customer) = app.services.accounts.current_customer(visitor.caller(), CurrentCustomer).await
    {
        form = last_details(&app, &visitor).await.unwrap_or_default();
        form.email = customer.email.to_string();
        if let Some(saved) = addresses.iter().find(|saved| saved.is_default) {
            form.shipping = saved.address.clone().into();
        } else if form.shipping.name.is_empty() {
            form.shipping.name = customer.name;
        }
    }
    if let Some(id) = query.address
        && let Some(saved) = addresses.iter().find(|saved| saved.id.as_str() == id)
    {
        form.shipping = saved.address.clone().into();
    }
    details_response(&app, &visitor, form, FormErrors::default(), None, addresses).await
}

/// The addresses that the customer has saved. Without them, the form still works.
async fn saved_addresses(app: &App, visitor: &Visitor) -> Vec<SavedAddress> {
    if !visitor.maybe_signed_in() {
        return Vec::new();
    }
    app.services.addresses.list_addresses(visitor.caller(), ListAddresses).await.unwrap_or_default()
}

/// The details of the customer's last order, if there is one. Without them, the form is empty.
async fn last_details(app: &App, visitor: &Visitor) -> Option<CheckoutForm> {
    let (checkout, newest) = (&app.services.checkout, ListOrders { after: None, limit: PageLimit::new(1).ok()? });
    let last = checkout.list_orders(visitor.caller(), newest).await.ok()?.items.into_iter().next()?;
    let order = checkout.find_order(visitor.caller(), FindOrder { id: last.id, access_key: None }).await.ok()?;
    Some(CheckoutForm { shipping_method: String::new(), ..CheckoutForm::of(&order) })
}

/// The second step, with the details from the first.
pub(in crate::http) async fn review(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> PageResult {
    let mut kept = KeptCheckout::read(&headers, &visitor);
    let Ok(details) = kept.form.details(&app.countries().await) else { return Ok(see_other(DETAILS)) };
    let refusal = kept.refusal.take();
    let is_refused = refusal.is_some();
    let order = kept.order.clone();
    let mut response = review_page(&app, &visitor, kept.form.clone(), details, StatusCode::OK, refusal, order).await?;
    if is_refused {
        let _ = kept.keep(&app, &visitor, &mut response);
    }
    Ok(response)
}

/// Handles the forms of both steps, depending on the pressed button.
pub(in crate::http) async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    form: PostedForm<CheckoutForm>,
) -> PageResult {
    let form = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => return stale(&app, &visitor, form).await,
    };
    match form.details(&app.countries().await) {
        Err(rules) if form.action != "edit" => details_page(&app, &visitor, form, rules).await,
        Ok(details) if form.action == "place" => place(&app, &visitor, form, details).await,
        Ok(details) if form.action != "edit" => go_to_review(&app, &visitor, form, details, None).await,
        _ => back_to_details(&app, &visitor, form, Vec::new()).await,
    }
}

/// Shows a form of an earlier session again, to be confirmed. Nothing is stored or ordered.
async fn stale(app: &App, visitor: &Visitor, form: CheckoutForm) -> PageResult {
    let problem = stale_form();
    match form.details(&app.countries().await) {
        Ok(details) if form.action == "place" => {
            review_page(app, visitor, form, details, problem.status_code(), Some(problem), None).await
        }
        _ => {
            let addresses = saved_addresses(app, visitor).await;
            details_response(app, visitor, form, FormErrors::default(), Some(problem), addresses).await
        }
    }
}

/// Redirects to the review, so that reloading it does not send a form again. If the details do not fit into a cookie, the review
/// is shown at once.
async fn go_to_review(
    app: &App,
    visitor: &Visitor,
    form: CheckoutForm,
    details: Details,
    refusal: Option<Problem>,
) -> PageResult {
    let kept = KeptCheckout { form, refusal, order: None };
    let mut response = see_other(REVIEW);
    if kept.keep(app, visitor, &mut response) {
        return Ok(response);
    }
    let status = kept.refusal.as_ref().map_or(StatusCode::OK, Problem::status_code);
    review_page(app, visitor, kept.form, details, status, kept.refusal, None).await
}

async fn details_page(app: &App, visitor: &Visitor, form: CheckoutForm, rules: Vec<RuleError>) -> PageResult {
    let (errors, problem) = FormErrors::split(rules, DETAIL_FIELDS);
    let addresses = saved_addresses(app, visitor).await;
    details_response(app, visitor, form, errors, problem, addresses).await
}

async fn details_response(
    app: &App,
    visitor: &Visitor,
    form: CheckoutForm,
    errors: FormErrors,
    problem: Option<Problem>,
    addresses: Vec<SavedAddress>,
) -> PageResult {
    let status = match &problem {
        Some(problem) => problem.status_code(),
        None if errors.is_empty() => StatusCode::OK,
        None => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let frame = Frame::new(app, visitor, "checkout").await;
    let (countries, all_countries) = (app.countries().await, all_countries());
    let csrf = visitor.csrf();
    private_page(status, &DetailsPage { frame, csrf, form, errors, problem, countries, all_countries, addresses })
}

/// The second step, possibly with the reason why the last attempt failed. An empty cart redirects to the order that was placed.
async fn review_page(
    app: &App,
    visitor: &Visitor,
    mut form: CheckoutForm,
    details: Details,
    status: StatusCode,
    problem: Option<Problem>,
    order: Option<String>,
) -> PageResult {
    let quote = match quote(app, visitor, &form, &details).await {
        Ok(quote) => quote,
        Err(ShopError::Rules(rules)) if rules.contains(&RuleError::EmptyCart) => {
            return Ok(see_other(order.as_deref().unwrap_or("/cart")));
        }
        Err(ShopError::Rules(rules)) if rules.iter().any(is_shown_by_the_cart) => return Ok(see_other("/cart")),
        Err(ShopError::Rules(rules)) => return back_to_details(app, visitor, form, rules).await,
        Err(error) => return Err(error.into()),
    };
    form.idempotency_key = app.ids.ulid().to_string();
    let frame = Frame::new(app, visitor, "checkout").await;
    let options = app.services.checkout.list_payment_options(ListPaymentOptions { total: quote.total }).await?;
    let (errors, problem) = beside_fields(problem);
    let payment = Payment::new(options, &form.payment_method, errors.of("payment_method").is_some());
    let page = ReviewPage { frame, csrf: visitor.csrf(), form, details, quote, payment, errors, problem };
    let mut response = private_page(status, &page)?;
    if page.payment.fields.is_some_and(|fields| fields.is_foreign) {
        response.headers_mut().extend(headers::PAYMENT_FIELDS);
    }
    Ok(response)
}

/// Separates a problem into the errors of the review's fields and the rest.
fn beside_fields(problem: Option<Problem>) -> (FormErrors, Option<Problem>) {
    match problem {
        Some(problem) if !problem.errors.is_empty() => {
            let rules = problem.errors.into_iter().map(Into::into).collect();
            FormErrors::split(rules, REVIEW_FIELDS)
        }
        problem => (FormErrors::default(), problem),
    }
}

/// Redirects to the first step, which shows the broken rules. If the details do not fit into a cookie, it is shown at once.
async fn back_to_details(app: &App, visitor: &Visitor, form: CheckoutForm, rules: Vec<RuleError>) -> PageResult {
    let refusal = (!rules.is_empty()).then(|| Problem::from(ShopError::Rules(rules.clone())));
    let kept = KeptCheckout { form, refusal, order: None };
    let mut response = see_other(DETAILS);
    if kept.keep(app, visitor, &mut response) {
        return Ok(response);
    }
    details_page(app, visitor, kept.form, rules).await
}

/// Returns whether the cart page shows the problem and how to correct it.
fn is_shown_by_the_cart(rule: &RuleError) -> bool {
    matches!(rule, RuleError::EmptyCart | RuleError::CurrencyMismatch { .. })
}

/// Quotes the cart with the chosen shipping method, or with the first offered if that one is no longer offered.
async fn quote(app: &App, visitor: &Visitor, form: &CheckoutForm, details: &Details) -> ShopResult<Quote> {
    let chosen = CheckoutForm::quote_request(details, form.chosen_shipping());
    match app.services.checkout.quote(visitor.caller(), chosen).await {
        Err(ShopError::Rules(rules))
            if rules.iter().any(|rule| matches!(rule, RuleError::ShippingNotOffered { .. })) =>
        {
            app.services.checkout.quote(visitor.caller(), CheckoutForm::quote_request(details, None)).await
        }
        other => other,
    }
}

async fn place(app: &App, visitor: &Visitor, form: CheckoutForm, details: Details) -> PageResult {
    let again = details.clone();
    let Some(command) = form.order(details) else {
        let missing = RuleError::invalid(Field::PaymentMethod, ValueRule::Required);
        let refusal = form.payment_method.is_empty().then(|| ShopError::from(missing).into());
        return go_to_review(app, visitor, form, again, refusal).await;
    };
    match app.services.checkout.place_order(visitor.caller(), command).await {
        Ok(order) => {
            let link = order_link(&order);
            let mut response = see_other(&link);
            notice::leave(&mut response, PLACED, &app.config);
            remember_cart_units(response.headers_mut(), 0, app);
            // If it cannot be kept, Back leads to the empty cart.
            let _ = KeptCheckout { form, refusal: None, order: Some(link) }.keep(app, visitor, &mut response);
            Ok(response)
        }
        // Whether the order was placed is unknown: only the same key may be used again.
        Err(ShopError::IdempotencyKeyInUse { retry_after_seconds }) => {
            wait(app, visitor, form, StatusCode::CONFLICT, retry_after_seconds).await
        }
        Err(ShopError::Unavailable { retry_after_seconds, .. }) => {
            wait(app, visitor, form, StatusCode::SERVICE_UNAVAILABLE, retry_after_seconds).await
        }
        Err(error @ ShopError::Internal(_)) => Err(error.into()),
        Err(error) => go_to_review(app, visitor, form, again, Some(error.into())).await,
    }
}

async fn wait(app: &App, visitor: &Visitor, form: CheckoutForm, status: StatusCode, seconds: u32) -> PageResult {
    let frame = Frame::new(app, visitor, "checkout").await;
    let mut response = private_page(status, &WaitPage { frame, csrf: visitor.csrf(), form })?;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    Ok(response)
}

/// The URL that opens an order without signing in.
fn order_link(order: &OrderView) -> String {
    order_path(&order.id, "", Some(&order.access_key))
}

/// The URL of a page about an order.
pub(super) fn order_path(id: &OrderId, page: &str, access_key: Option<&str>) -> String {
    let key = access_key.map(|key| format!("?key={}", encode(key))).unwrap_or_default();
    format!("/orders/{id}{page}{key}")
}

/// The query of a page about an order.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct OrderQuery {
    /// The order's access key.
    pub key: Option<String>,
}

/// The notice that an order has just been placed.
const PLACED: &str = "order-placed";

/// The notice that the shopper has just wanted to cancel the order.
pub(super) const CANCEL_REQUESTED: &str = "order-cancel-requested";

/// The notices by their cookie values.
const NOTICES: [(&str, Notice); 2] = [(PLACED, Notice::Placed), (CANCEL_REQUESTED, Notice::CancelRequested)];

/// A notice on the order page after a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    Placed,
    CancelRequested,
}

/// How to pay an order by bank transfer.
struct Transfer {
    account: String,
    /// When the order is canceled.
    until: Option<OffsetDateTime>,
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    frame: Frame,
    link: String,
    /// Path of the page that cancels it.
    cancellation: String,
    placed: bool,
    is_cancel_requested: bool,
    csrf: String,
    order: OrderView,
    /// How to pay it, if it waits for a transfer.
    transfer: Option<Transfer>,
    /// The order's details, for another attempt with another card.
    form: CheckoutForm,
}

impl OrderPage {
    fn is_paid(&self) -> bool {
        self.order.state == OrderState::Paid
    }

    fn is_pending(&self) -> bool {
        self.order.state == OrderState::Pending
    }

    /// Returns whether the order can be placed again: it was not paid (declined or expired), and its cart was restored.
    fn can_be_tried_again(&self) -> bool {
        self.order.state == OrderState::Cancelled
            && matches!(self.order.payment_state, PaymentState::Declined | PaymentState::Voided)
    }

    /// Returns whether the card was declined, so that another card may work. A total that cannot be charged does not count.
    fn is_declined(&self) -> bool {
        let limit = self.order.decline_code.as_deref().is_some_and(texts::is_limit);
        self.order.payment_state == PaymentState::Declined && !limit
    }

    /// URL of the page of the bank or payment provider where the shopper must confirm the payment.
    fn payment_page(&self) -> Option<&str> {
        self.order.payment_action_url.as_deref()
    }

    /// Returns whether the shopper pays on the payment provider's page.
    fn is_paid_on_page(&self) -> bool {
        self.order.payment_kind == PaymentKind::HostedPage
    }
}

/// Redirects to the account page, which lists the orders.
pub(in crate::http) async fn orders() -> Response {
    see_other("/account")
}

/// Shows an order.
pub(in crate::http) async fn order(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<OrderQuery>,
    headers: HeaderMap,
) -> PageResult {
    let order = app.services.checkout.find_order(visitor.caller(), FindOrder { id, access_key: query.key }).await?;
    let frame = Frame::new(&app, &visitor, "order").await;
    let notice = notice::read(&headers, &NOTICES);
    let page = OrderPage {
        frame,
        link: order_link(&order),
        cancellation: order_path(&order.id, "/cancellation", Some(&order.access_key)),
        placed: notice == Some(Notice::Placed),
        is_cancel_requested: notice == Some(Notice::CancelRequested),
        csrf: visitor.csrf(),
        transfer: transfer_of(&app, &order).await?,
        form: CheckoutForm::of(&order),
        order,
    };
    let mut response = private_page(StatusCode::OK, &page)?;
    if page.placed
        && let Some(url) = page.payment_page().filter(|_| page.is_paid_on_page())
        && let Ok(refresh) = HeaderValue::from_str(&format!("0; url={url}"))
    {
        // Right after ordering, the shopper continues to the payment. Not a redirect of the form, which may only lead to the shop itself.
        response.headers_mut().insert(header::REFRESH, refresh);
    }
    if notice.is_some() {
        notice::clear(&mut response, &app.config);
    }
    Ok(response)
}

/// How to pay an order that waits for a transfer.
async fn transfer_of(app: &App, order: &OrderView) -> ShopResult<Option<Transfer>> {
    if order.state != OrderState::Pending || order.payment_kind != PaymentKind::BankTransfer {
        return Ok(None);
    }
    let options = app.services.checkout.list_payment_options(ListPaymentOptions { total: order.total }).await?;
    Ok(options.into_iter().find_map(|option| match option {
        PaymentOption::BankTransfer { account, hold_days, .. } => {
            let until = hold_days.map(|days| order.placed_at + Duration::days(days.into()));
            Some(Transfer { account, until })
        }
        _ => None,
    }))
}

/// Return URL of the bank's page.
pub(in crate::http) async fn back_from_bank(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<OrderQuery>,
) -> PageResult {
    let order =
        app.services.checkout.check_payment(visitor.caller(), CheckPayment { id, access_key: query.key }).await?;
    let mut response = see_other(&order_link(&order));
    // Whoever comes back from the payment page without having paid stays here.
    if order.state != OrderState::Pending {
        notice::leave(&mut response, PLACED, &app.config);
    }
    Ok(response)
}
