//! Register, sign in, sign out, and the account page.

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::forms::FormErrors;
use super::layout::{Frame, PageError, PageResult, local_path, position, private_page, remember_cart_units, see_other};
use super::view::filters;
use crate::http::extract::{ApiQuery, PageForm, PostedForm, stale_form};
use crate::http::visitor::{Visitor, append_cookie, token_cookie};
use crate::http::{App, Problem, cursor};
use shopease_shop::ShopError;
use shopease_shop::domain::{EmailAddress, Field, OrderSummary, PageLimit, Role, RuleError, Token, ValueRule};
use shopease_shop::services::{CurrentCustomer, CustomerView, ListOrders, LogIn, LogOut, Register, SignedIn};

/// Default page after signing in.
const ACCOUNT: &str = "/account";

/// Fields of the registration form, in order.
const REGISTER_FIELDS: &[&str] = &["name", "email", "password"];

/// The query of the sign-in and registration pages.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct NextQuery {
    #[serde(default)]
    next: String,
    /// Whether the password has just been reset.
    #[serde(default)]
    reset: bool,
}

/// The sign-in form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct LogInForm {
    email: String,
    password: String,
    next: String,
}

/// The registration form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct RegisterForm {
    name: String,
    email: String,
    password: String,
    next: String,
}

/// Empty required fields, found without calling the shop.
fn missing(fields: &[(Field, &String)]) -> Vec<RuleError> {
    let empty = fields.iter().filter(|(_, value)| value.trim().is_empty());
    empty.map(|(field, _)| RuleError::invalid(*field, ValueRule::Required)).collect()
}

#[derive(Template)]
#[template(path = "login.html")]
struct LogInPage {
    frame: Frame,
    csrf: String,
    form: LogInForm,
    /// Whether the password has just been reset.
    is_reset: bool,
    problem: Option<Problem>,
}

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage {
    frame: Frame,
    csrf: String,
    form: RegisterForm,
    errors: FormErrors,
    problem: Option<Problem>,
}

/// Shows the sign-in form.
pub(in crate::http) async fn log_in_form(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<NextQuery>,
) -> PageResult {
    if is_signed_in(&app, &visitor).await {
        return Ok(see_other(ACCOUNT));
    }
    let form = LogInForm { next: query.next, ..LogInForm::default() };
    log_in_page_after(&app, &visitor, form, query.reset, None).await
}

async fn log_in_page(app: &App, visitor: &Visitor, form: LogInForm, problem: Option<Problem>) -> PageResult {
    log_in_page_after(app, visitor, form, false, problem).await
}

async fn log_in_page_after(
    app: &App,
    visitor: &Visitor,
    form: LogInForm,
    is_reset: bool,
    problem: Option<Problem>,
) -> PageResult {
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status_code);
    // A visitor of this form is not signed in, even with the cookie of an old session.
    let frame = Frame { signed_in: false, ..Frame::new(app, visitor, "account").await };
    let retry_after_seconds = problem.as_ref().and_then(|problem| problem.retry_after_seconds);
    let page = private_page(status, &LogInPage { frame, csrf: visitor.csrf(), form, is_reset, problem })?;
    Ok(with_retry_after(page, retry_after_seconds))
}

/// Adds `Retry-After` to a page.
pub(super) fn with_retry_after(mut page: Response, seconds: Option<u32>) -> Response {
    if let Some(seconds) = seconds {
        page.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    page
}

/// Signs in.
pub(in crate::http) async fn log_in(
    State(app): State<App>,
    visitor: Visitor,
    form: PostedForm<LogInForm>,
) -> PageResult {
    let form = match form {
        PostedForm::Current(form) => form,
        // The visitor has signed in elsewhere in the meantime.
        PostedForm::Stale(form) if is_signed_in(&app, &visitor).await => {
            return Ok(see_other(local_path(&form.next, ACCOUNT)));
        }
        PostedForm::Stale(form) => return log_in_page(&app, &visitor, form, Some(stale_form())).await,
    };
    let missing = missing(&[(Field::Email, &form.email), (Field::Password, &form.password)]);
    if !missing.is_empty() {
        let problem = ShopError::Rules(missing).into();
        return log_in_page(&app, &visitor, form, Some(problem)).await;
    }
    // An invalid address has no account: the same response as for a wrong password.
    let result = match form.email.parse::<EmailAddress>() {
        Ok(email) => {
            app.services.accounts.log_in(visitor.caller(), LogIn { email, password: form.password.clone() }).await
        }
        Err(_) => Err(ShopError::WrongCredentials),
    };
    match result {
        Ok(signed_in) => start_session(&app, &signed_in, &form.next),
        Err(
            error @ (ShopError::WrongCredentials
            | ShopError::TooManyAttempts { .. }
            | ShopError::Unavailable { .. }
            | ShopError::Conflict
            | ShopError::Rules(_)),
        ) => log_in_page(&app, &visitor, form, Some(error.into())).await,
        Err(error) => Err(error.into()),
    }
}

/// Shows the registration form.
pub(in crate::http) async fn register_form(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<NextQuery>,
) -> PageResult {
    if is_signed_in(&app, &visitor).await {
        return Ok(see_other(ACCOUNT));
    }
    let form = RegisterForm { next: query.next, ..RegisterForm::default() };
    register_page(&app, &visitor, form, StatusCode::OK, FormErrors::default(), None).await
}

async fn register_page(
    app: &App,
    visitor: &Visitor,
    form: RegisterForm,
    status: StatusCode,
    errors: FormErrors,
    problem: Option<Problem>,
) -> PageResult {
    let frame = Frame { signed_in: false, ..Frame::new(app, visitor, "account").await };
    let retry_after_seconds = problem.as_ref().and_then(|problem| problem.retry_after_seconds);
    let page = private_page(status, &RegisterPage { frame, csrf: visitor.csrf(), form, errors, problem })?;
    Ok(with_retry_after(page, retry_after_seconds))
}

/// Creates an account and signs in.
pub(in crate::http) async fn register(
    State(app): State<App>,
    visitor: Visitor,
    form: PostedForm<RegisterForm>,
) -> PageResult {
    let form = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => {
            let (errors, problem) = (FormErrors::default(), Some(stale_form()));
            return register_page(&app, &visitor, form, StatusCode::FORBIDDEN, errors, problem).await;
        }
    };
    let result = match form.email.parse::<EmailAddress>() {
        Ok(email) => {
            let command = Register { email, name: form.name.clone(), password: form.password.clone() };
            app.services.accounts.register(visitor.caller(), command).await
        }
        Err(rule) => Err(missing(&[(Field::Name, &form.name), (Field::Password, &form.password)])
            .into_iter()
            .chain([rule])
            .collect::<Vec<_>>()
            .into()),
    };
    match result {
        Ok(signed_in) => start_session(&app, &signed_in, &form.next),
        Err(ShopError::Rules(rules)) => {
            let (errors, others) = FormErrors::sort(rules, REGISTER_FIELDS);
            let problem = (!others.is_empty()).then(|| Problem::from(ShopError::Rules(others)));
            register_page(&app, &visitor, form, StatusCode::UNPROCESSABLE_ENTITY, errors, problem).await
        }
        Err(ShopError::AlreadyExists { .. }) => {
            let taken = RuleError::invalid(Field::Email, ValueRule::Unused);
            let (errors, _) = FormErrors::sort(vec![taken], REGISTER_FIELDS);
            register_page(&app, &visitor, form, StatusCode::CONFLICT, errors, None).await
        }
        Err(error @ (ShopError::TooManyAttempts { .. } | ShopError::Unavailable { .. })) => {
            let problem = Problem::from(error);
            let status = problem.status_code();
            register_page(&app, &visitor, form, status, FormErrors::default(), Some(problem)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Sets the session cookie and redirects to the requested page.
fn start_session(app: &App, signed_in: &SignedIn, next: &str) -> PageResult {
    let token =
        Token::parse(&signed_in.token).ok_or_else(|| ShopError::Internal("a session token is malformed".into()))?;
    Ok(with_token(app, see_other(local_path(next, ACCOUNT)), &token, signed_in.cart_units))
}

/// Signs out. The browser gets a new visitor token at once, so that no session token remains.
pub(in crate::http) async fn log_out(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageResult {
    app.services.accounts.log_out(visitor.caller(), LogOut).await?;
    Ok(with_token(&app, see_other("/"), &Token::visitor(app.ids.secret()), 0))
}

/// A form with only a button.
#[derive(Deserialize)]
pub(in crate::http) struct NoFields {}

fn with_token(app: &App, mut response: Response, token: &Token, cart_units: u32) -> Response {
    append_cookie(response.headers_mut(), &token_cookie(token, &app.config));
    remember_cart_units(response.headers_mut(), cart_units, app);
    response
}

async fn is_signed_in(app: &App, visitor: &Visitor) -> bool {
    visitor.maybe_signed_in() && app.services.accounts.current_customer(visitor.caller(), CurrentCustomer).await.is_ok()
}

/// The paging parameter of lists of orders.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct CursorQuery {
    /// Cursor of the page.
    pub cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    csrf: String,
    customer: CustomerView,
    orders: Vec<OrderSummary>,
    continued: bool,
    next_url: Option<String>,
}

impl AccountPage {
    fn is_operator(&self) -> bool {
        self.customer.role == Role::Operator
    }
}

/// Shows the customer and their orders.
pub(in crate::http) async fn account(
    State(app): State<App>,
    visitor: Visitor,
    ApiQuery(query): ApiQuery<CursorQuery>,
) -> PageResult {
    const LISTING: &str = "pages|account";
    let sign_in = |error| PageError::or_sign_in(error, ACCOUNT);
    let customer = app.services.accounts.current_customer(visitor.caller(), CurrentCustomer).await.map_err(sign_in)?;
    let after = position(LISTING, query.cursor.as_deref())?;
    let continued = after.is_some();
    let orders =
        app.services.checkout.list_orders(visitor.caller(), ListOrders { after, limit: PageLimit::DEFAULT }).await?;
    let next_url = orders.next.as_ref().map(|place| format!("{ACCOUNT}?cursor={}", cursor::encode(LISTING, place)));
    let frame = Frame::new(&app, &visitor, "account").await;
    let csrf = visitor.csrf();
    private_page(StatusCode::OK, &AccountPage { frame, csrf, customer, orders: orders.items, continued, next_url })
}
