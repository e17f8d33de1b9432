//! Register, sign in, sign out, and the account page.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::forms::{Failure, FormErrors};
use super::layout::{Frame, PageError, PageResult, local_path, position, private_page, remember_cart_units, see_other};
use super::view::filters;
use crate::http::extract::{ApiQuery, PageForm, PostedForm, stale_form};
use crate::http::visitor::{Visitor, append_cookie, token_cookie};
use crate::http::{App, Problem, cursor};
use shopease_shop::domain::{EmailAddress, Field, OrderSummary, PageLimit, Role, RuleError, Token, ValueRule};
use shopease_shop::services::{CurrentCustomer, CustomerView, ListOrders, LogIn, LogOut, Register, SignedIn};
use shopease_shop::{ShopError, ShopResult};

/// Default page after signing in.
pub(super) const ACCOUNT: &str = "/account";

/// Fields of the sign-in form, in order.
const LOG_IN_FIELDS: &[&str] = &["email", "password"];

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
    /// Whether the account has just been deleted.
    #[serde(default)]
    deleted: bool,
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
    /// What has just happened.
    notice: Option<&'static str>,
    errors: FormErrors,
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
    let notice = if query.reset {
        Some("Your password has been changed, and all devices are signed out. Sign in with the new password.")
    } else if query.deleted {
        Some("Your account is deleted.")
    } else {
        None
    };
    log_in_page(&app, &visitor, form, notice, Failure::none()).await
}

async fn log_in_page(
    app: &App,
    visitor: &Visitor,
    form: LogInForm,
    notice: Option<&'static str>,
    failure: Failure,
) -> PageResult {
    // A visitor of this form is not signed in, even with the cookie of an old session.
    let frame = Frame { signed_in: false, ..Frame::new(app, visitor, "account").await };
    failure.page(|errors, problem| LogInPage { frame, csrf: visitor.csrf(), form, notice, errors, problem })
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
        PostedForm::Stale(form) => return log_in_page(&app, &visitor, form, None, Failure::of(stale_form())).await,
    };
    let missing = missing(&[(Field::Email, &form.email), (Field::Password, &form.password)]);
    if !missing.is_empty() {
        return log_in_page(&app, &visitor, form, None, Failure::of_error(missing.into(), LOG_IN_FIELDS)?).await;
    }
    // An invalid address has no account: the same response as for a wrong password.
    let result = match form.email.parse::<EmailAddress>() {
        Ok(email) => {
            app.services.accounts.log_in(visitor.caller(), LogIn { email, password: form.password.clone() }).await
        }
        Err(_) => Err(ShopError::WrongCredentials),
    };
    match result {
        Ok(signed_in) => Ok(start_session(&app, &signed_in, &form.next)?),
        Err(error) => log_in_page(&app, &visitor, form, None, Failure::of_error(error, LOG_IN_FIELDS)?).await,
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
    register_page(&app, &visitor, form, Failure::none()).await
}

async fn register_page(app: &App, visitor: &Visitor, form: RegisterForm, failure: Failure) -> PageResult {
    let frame = Frame { signed_in: false, ..Frame::new(app, visitor, "account").await };
    failure.page(|errors, problem| RegisterPage { frame, csrf: visitor.csrf(), form, errors, problem })
}

/// Creates an account and signs in.
pub(in crate::http) async fn register(
    State(app): State<App>,
    visitor: Visitor,
    form: PostedForm<RegisterForm>,
) -> PageResult {
    let form = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => return register_page(&app, &visitor, form, Failure::of(stale_form())).await,
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
        Ok(signed_in) => Ok(start_session(&app, &signed_in, &form.next)?),
        Err(error) => register_page(&app, &visitor, form, Failure::of_error(error, REGISTER_FIELDS)?).await,
    }
}

/// Sets the session cookie and redirects to the requested page.
pub(super) fn start_session(app: &App, signed_in: &SignedIn, next: &str) -> ShopResult<Response> {
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

/// The query of a page to which a form redirects: what has just been done.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct DoneQuery {
    #[serde(default)]
    pub done: String,
}

/// A form with only a button.
#[derive(Deserialize)]
pub(in crate::http) struct NoFields {}

pub(super) fn with_token(app: &App, mut response: Response, token: &Token, cart_units: u32) -> Response {
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
    /// What has just been changed, see [`notice`].
    #[serde(default)]
    pub done: String,
}

/// What the account page says after a change.
fn notice(done: &str) -> Option<&'static str> {
    match done {
        "name" => Some("Your name is changed."),
        "email" => Some("Your email address is changed."),
        "link" => Some("A mail with a link is on its way. The link is valid for 24 hours."),
        "confirmed" => Some("Your email address is confirmed."),
        "password" => Some("Your password is changed, and your other devices are signed out."),
        _ => None,
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    csrf: String,
    customer: CustomerView,
    notice: Option<&'static str>,
    orders: Vec<OrderSummary>,
    continued: bool,
    next_url: Option<String>,
}

impl AccountPage {
    /// Whether the account waits for the confirmation of the address that it was created with.
    fn is_new(&self, unconfirmed: &EmailAddress) -> bool {
        self.customer.email == *unconfirmed
    }

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
    private_page(
        StatusCode::OK,
        &AccountPage { frame, csrf, customer, notice: notice(&query.done), orders: orders.items, continued, next_url },
    )
}
