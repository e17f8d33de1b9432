//! Quotes and orders.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopease_shop::ShopError;
use shopease_shop::domain::{self, EmailAddress, OrderId};
use shopease_shop::ports;
use shopease_shop::services::{
    self, CancelUnpaidOrder, CheckPayment, FindOrder, ListOrders, ListPaymentOptions, QuoteCart, ReceivePaymentEvent,
};
use utoipa::{IntoParams, ToSchema};

use super::Paging;
use super::endpoint::{Context, NoContent, endpoints, no_content, ok};
use super::order::{Address, Order, OrderPage};
use super::parts::{Json, Key, NoBody, NoQuery, Parts, Signed, Wire};
use super::quote::Quote;
use super::text;
use super::wire::{MoneySchema, OrderState, Out};
use crate::http::extract::private_json;
use crate::http::problem::Problem;
use crate::http::visitor::{append_cookie, cart_units_cookie};

/// Places an order for the caller's cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "email": "ada@example.com",
    "shipping_address": {
        "name": "Ada Lovelace", "line1": "Gartenweg 3", "city": "Berlin", "postal_code": "10115", "country": "DE"
    },
    "shipping_method": "standard",
    "payment_method": "card_approved"
}))]
pub struct PlaceOrder {
    /// Contact address for the order.
    #[schema(value_type = text::Email)]
    pub email: EmailAddress,
    /// Shipping address.
    pub shipping_address: Address,
    /// Billing address, if it is not the shipping address. Any country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_address: Option<Address>,
    /// VAT number of the buyer. Whether it exists is not checked, and it does not change the taxes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::VatNumber>)]
    pub vat_number: Option<String>,
    /// Phone number for the delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::PhoneNumber>)]
    pub phone: Option<String>,
    /// Note for the delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::Note>)]
    pub delivery_note: Option<String>,
    /// ID of a shipping method that the quote offers.
    pub shipping_method: String,
    /// The token of a payment option, or what the payment provider's fields made of the entered details. The `fake` provider accepts
    /// `card_approved`, `card_declined`, `card_insufficient_funds`, `card_requires_action`, `card_expires` and `hosted_page`.
    pub payment_method: String,
    /// The total that the shopper agreed to. If the current total differs, nothing is ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneySchema>)]
    pub expected_total: Option<domain::Money>,
    /// Version of the settings whose terms the shopper has seen; by default the current one. If the terms have changed since, nothing
    /// is ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_version: Option<u64>,
}

impl Wire for services::PlaceOrder {
    type Path = ();
    type Query = NoQuery;
    type Body = Json<PlaceOrder>;
    const KEY: Key = Key::Required;

    fn read(Parts { body: Json(body), key, .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self {
            email: body.email,
            details: domain::OrderDetails {
                shipping_address: body.shipping_address.value(),
                billing_address: body.billing_address.value(),
                vat_number: body.vat_number,
                phone: body.phone,
                delivery_note: body.delivery_note,
            },
            shipping_method: body.shipping_method,
            payment_method: body.payment_method,
            expected_total: body.expected_total,
            terms_version: body.terms_version,
            client_key: key.unwrap_or_default(),
        })
    }

    fn write(self) -> Parts<Self> {
        let body = PlaceOrder {
            email: self.email,
            shipping_address: Address::of(self.details.shipping_address),
            billing_address: Out::of(self.details.billing_address),
            vat_number: self.details.vat_number,
            phone: self.details.phone,
            delivery_note: self.details.delivery_note,
            shipping_method: self.shipping_method,
            payment_method: self.payment_method,
            expected_total: self.expected_total,
            terms_version: self.terms_version,
        };
        Parts { path: (), query: NoQuery {}, body: Json(body), key: Some(self.client_key) }
    }
}

/// A way to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PaymentOption {
    /// A test card. No money is moved.
    TestCard {
        /// The token to order with.
        token: String,
        /// Its label.
        title: String,
    },
    /// The payment provider's page, which opens after the order is placed: its URL is the order's `payment_action_url`.
    HostedPage {
        /// The token to order with.
        token: String,
    },
    /// Fields of the payment provider. Its script turns what the shopper enters into a token to order with.
    Elements {
        /// URL of the script, which defines `Stripe(publishable_key)`. Without it, the shop's own script of test payments.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script_url: Option<String>,
        /// The key for the script.
        publishable_key: String,
        /// The total in the script's units.
        amount: i64,
    },
    /// A transfer to the merchant's bank account, made after the order is placed.
    BankTransfer {
        /// The token to order with.
        token: String,
        /// The account.
        account: String,
        /// How many days an order waits for the transfer, from when it is placed. After that, it is canceled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hold_days: Option<u32>,
    },
}

impl Out for PaymentOption {
    type Value = ports::PaymentOption;

    fn of(value: Self::Value) -> Self {
        type Value = ports::PaymentOption;
        match value {
            Value::TestCard { token, title } => Self::TestCard { token, title },
            Value::HostedPage { token } => Self::HostedPage { token },
            Value::Elements { script_url, publishable_key, amount } => {
                Self::Elements { script_url, publishable_key, amount }
            }
            Value::BankTransfer { token, account, hold_days } => Self::BankTransfer { token, account, hold_days },
        }
    }

    fn value(self) -> Self::Value {
        type Value = ports::PaymentOption;
        match self {
            Self::TestCard { token, title } => Value::TestCard { token, title },
            Self::HostedPage { token } => Value::HostedPage { token },
            Self::Elements { script_url, publishable_key, amount } => {
                Value::Elements { script_url, publishable_key, amount }
            }
            Self::BankTransfer { token, account, hold_days } => Value::BankTransfer { token, account, hold_days },
        }
    }
}

/// The ways to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentOptions {
    /// The ways to pay, the preferred one first. A client ignores kinds that it does not know.
    #[serde(deserialize_with = "known_options")]
    pub payment_options: Vec<PaymentOption>,
}

/// Ignores kinds of a later release.
fn known_options<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<PaymentOption>, D::Error> {
    let options = Vec::<serde_json::Value>::deserialize(deserializer)?;
    Ok(options.into_iter().filter_map(|option| serde_json::from_value(option).ok()).collect())
}

impl Out for PaymentOptions {
    type Value = Vec<ports::PaymentOption>;

    fn of(value: Self::Value) -> Self {
        Self { payment_options: Out::of(value) }
    }

    fn value(self) -> Self::Value {
        self.payment_options.value()
    }
}

/// The total to pay.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TotalQuery {
    /// Amount in minor units of the currency.
    #[param(minimum = 0)]
    amount_minor: i64,
    /// ISO 4217 code.
    #[param(value_type = text::Currency, inline)]
    currency: domain::Currency,
}

impl Wire for ListPaymentOptions {
    type Path = ();
    type Query = TotalQuery;
    type Body = NoBody;

    fn read(Parts { query, .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { total: domain::Money::new(query.amount_minor, query.currency) })
    }

    fn write(self) -> Parts<Self> {
        let query = TotalQuery { amount_minor: self.total.amount_minor, currency: self.total.currency };
        Parts { path: (), query, body: NoBody, key: None }
    }
}

/// Query parameters for access to an order without signing in.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrderQuery {
    /// The order's access key, for a caller who did not place it.
    #[param(pattern = "^[^\\u0000]*$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// Commands about an order, which contain nothing else.
macro_rules! about_an_order {
    ($($command:ty),+) => {$(
        impl Wire for $command {
            type Path = OrderId;
            type Query = OrderQuery;
            type Body = NoBody;

            fn read(parts: Parts<Self>) -> Result<Self, Problem> {
                Ok(Self { id: parts.path, access_key: parts.query.key })
            }

            fn write(self) -> Parts<Self> {
                Parts { path: self.id, query: OrderQuery { key: self.access_key }, body: NoBody, key: None }
            }
        }
    )+};
}

about_an_order!(FindOrder, CheckPayment, CancelUnpaidOrder);

/// Requests a mail with a link to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"number": "0GXB7-65C6F", "email": "ada@example.com"}))]
pub struct RequestOrderLink {
    /// The order's number: in any case, with or without hyphens and spaces.
    #[schema(pattern = "^ *#?([ -]*[0-9A-TV-Za-tv-z]){10}[ -]*$")]
    pub number: String,
    /// The email address that it was placed with.
    #[schema(value_type = text::Email)]
    pub email: EmailAddress,
}

impl Wire for services::RequestOrderLink {
    type Path = ();
    type Query = NoQuery;
    type Body = Json<RequestOrderLink>;

    fn read(Parts { body: Json(body), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { number: body.number.parse().map_err(ShopError::from)?, email: body.email })
    }

    fn write(self) -> Parts<Self> {
        Parts::of_body(Json(RequestOrderLink { number: self.number.to_string(), email: self.email }))
    }
}

impl Wire for ReceivePaymentEvent {
    type Path = ();
    type Query = NoQuery;
    type Body = Signed;

    fn read(Parts { body, .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { signature: body.signature, body: body.body })
    }

    fn write(self) -> Parts<Self> {
        let body = Signed { signature: self.signature, body: self.body };
        Parts::of_body(body)
    }
}

impl Wire for ListOrders {
    type Path = ();
    type Query = Paging;
    type Body = NoBody;

    fn read(parts: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { after: parts.query.after(ORDERS)?, limit: parts.query.limit()? })
    }

    fn write(self) -> Parts<Self> {
        let query = Paging::to(self.after.as_ref(), self.limit, ORDERS);
        Parts { path: (), query, body: NoBody, key: None }
    }

    fn listing(&self) -> String {
        ORDERS.to_owned()
    }
}

/// The listing that cursors belong to.
const ORDERS: &str = "orders";

/// 201 for an order whose payment is settled, 202 for one whose payment is pending.
#[expect(clippy::unnecessary_wraps, reason = "same signature as the other response functions")]
fn placed(context: &Context<'_>, order: &Order) -> Result<Response, Problem> {
    let status = if order.state == OrderState::Pending { StatusCode::ACCEPTED } else { StatusCode::CREATED };
    let mut response = private_json(status, order);
    append_cookie(response.headers_mut(), &cart_units_cookie(0, &context.app.config));
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/orders/{}", order.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

endpoints! {
    Checkout in checkout, area Checkout, tag "checkout";

    /// Quote shipping, tax and total of the caller's cart for a destination.
    post "/api/v1/checkout/quote" => quote(QuoteCart) for caller -> Quote {
        Ordinary, ok, [
            (200, "The quote, with all shipping methods offered."),
            (422, "The cart is empty, or an item is not for sale or cannot be shipped there."),
        ]
    }

    /// List the ways to pay a total.
    get "/api/v1/checkout/payment-options" => list_payment_options(ListPaymentOptions) -> PaymentOptions {
        Ordinary, ok, [(200, "The ways to pay, the preferred one first."), (400, "A parameter is missing or malformed.")]
    }

    /// Place an order for the caller's cart and pay for it.
    post "/api/v1/checkout" => place_order(services::PlaceOrder) for caller -> Order {
        Checkout, placed, [
            (201, "The order is placed and paid."),
            (202, "The order is placed; its payment is pending."),
            (409, "Not enough units in stock, the cart changed, or the idempotency key is in use."),
            (422, "A rule is broken, the card was declined, or the idempotency key was used for another request."),
            (429, "Too many declined cards, or orders paid by bank transfer. Try again after `Retry-After` seconds."),
        ]
    }

    /// List the caller's orders, newest first.
    get "/api/v1/orders" => list_orders(ListOrders) for caller -> OrderPage {
        Ordinary, ok, [(200, "A page of orders."), (422, "A parameter is out of range.")]
    }

    /// Get an order. Allowed for the caller who placed it, for callers with its access key, and for operators.
    get "/api/v1/orders/{id}" => find_order(FindOrder) for caller -> Order {
        Ordinary, ok, [(200, "The order."), (404, "The order does not exist, or is not the caller's.")]
    }

    /// Request a mail with a link to an order, to the email address that it was placed with. The response does not reveal whether there
    /// is such an order.
    post "/api/v1/order-links" => request_order_link(services::RequestOrderLink) for caller -> NoContent {
        Ordinary, no_content, [
            (204, "If an order with this number was placed with this email address, a mail with a link to it is on its way."),
            (422, "The order number is malformed, or the shop sends no mail (`no_mail`)."),
            (429, "Too many requests. Try again after `Retry-After` seconds."),
        ]
    }

    /// Poll the payment provider and advance the payment of an order.
    post "/api/v1/orders/{id}/payment-checks" => check_payment(CheckPayment) for caller -> Order {
        Durable, ok, [(200, "The current order."), (404, "The order does not exist, or is not the caller's.")]
    }

    /// Cancel an order that waits for its payment. Its items are put back into the cart. Canceling it again changes nothing.
    post "/api/v1/orders/{id}/cancellation" => cancel_unpaid_order(CancelUnpaidOrder) for caller -> Order {
        Durable, ok, [
            (200, "The current order; canceled unless the response of the payment provider is pending."),
            (404, "The order does not exist, or is not the caller's."),
            (409, "The order was changed by other requests at the same time. Try again."),
            (422, "The order is paid."),
        ]
    }

    /// Receive an event of the payment provider, signed over the raw body in its own header (`Stripe-Signature`) or in
    /// `Shopease-Signature`.
    post "/api/v1/payments/webhooks" => receive_payment_event(ReceivePaymentEvent) -> NoContent {
        Durable, no_content, [
            (204, "Received. Events that the shop does not need are ignored."),
            (400, "The signature is missing, invalid or too old, or the event cannot be parsed."),
        ]
    }
}
