//! The caller's cart.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopease_shop::domain::{self, LineItemId};
use shopease_shop::services::{self, RemoveLineItem, ViewCart};
use utoipa::ToSchema;

use super::catalog::shipped;
use super::endpoint::{Context, endpoints};
use super::parts::{Json, Key, NoQuery, Parts, Wire, without_body};
use super::quote::QuoteLine;
use super::text;
use super::wire::{MoneySchema, mirror};
use crate::http::extract::private_json;
use crate::http::problem::Problem;
use crate::http::visitor::{append_cookie, cart_units_cookie};

/// A cart with current titles, prices and stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cart {
    /// Cart ID; absent before the first line is added.
    #[schema(value_type = Option<text::CartId>)]
    pub id: Option<domain::CartId>,
    /// Incremented by every change; 0 while there is no cart.
    pub version: u64,
    /// Lines whose variants are for sale.
    pub lines: Vec<CartLine>,
    /// Lines whose variants are no longer for sale. Remove them before checkout.
    pub unavailable: Vec<UnavailableLine>,
    /// Total units of all lines.
    pub units: u32,
    /// Sum of the lines; absent for an empty cart and for a cart with several currencies.
    #[schema(value_type = Option<MoneySchema>)]
    pub subtotal: Option<domain::Money>,
}
mirror!(Cart of services::CartView { id, version, lines, unavailable, units, subtotal });

/// A line of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CartLine {
    /// Line ID, derived from the SKU.
    #[schema(value_type = text::LineItemId)]
    pub id: LineItemId,
    /// Variant, quantity and price.
    #[serde(flatten)]
    pub line: QuoteLine,
    /// Units available, if fewer than the quantity.
    pub short_available: Option<u32>,
    /// Whether the line has a different currency than the first line. Remove it and order it separately.
    #[serde(default)]
    pub other_currency: bool,
    /// Units available; absent if the stock of the variant is not tracked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<u32>,
    /// Whether it is shipped. Digital goods are not.
    #[serde(default = "shipped")]
    pub requires_shipping: bool,
}
mirror!(CartLine of services::CartLineView { id, line, short_available, other_currency, available, requires_shipping });

/// A cart line whose variant is no longer for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnavailableLine {
    /// Line ID.
    #[schema(value_type = text::LineItemId)]
    pub id: LineItemId,
    /// SKU of the variant.
    #[schema(value_type = text::Sku)]
    pub sku: domain::Sku,
}
mirror!(UnavailableLine of services::UnavailableLine { id, sku });

/// Adds units of a variant to the cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"sku": "KET-COP-08", "quantity": 1}))]
pub struct AddLineItem {
    /// SKU of the variant.
    #[schema(value_type = text::Sku)]
    pub sku: domain::Sku,
    /// Units to add to those in the cart.
    #[schema(value_type = u32, minimum = 1, maximum = 999)]
    pub quantity: domain::Quantity,
}

impl Wire for services::AddLineItem {
    type Path = ();
    type Query = NoQuery;
    type Body = Json<AddLineItem>;
    const KEY: Key = Key::Optional;

    fn read(Parts { body: Json(body), key, .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { sku: body.sku, quantity: body.quantity, client_key: key })
    }

    fn write(self) -> Parts<Self> {
        let body = Json(AddLineItem { sku: self.sku, quantity: self.quantity });
        Parts { path: (), query: NoQuery {}, body, key: self.client_key }
    }
}

/// Sets the quantity of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"quantity": 2}))]
pub struct SetLineItem {
    /// New quantity.
    #[schema(value_type = u32, minimum = 1, maximum = 999)]
    pub quantity: domain::Quantity,
}

impl Wire for services::SetLineItem {
    type Path = LineItemId;
    type Query = NoQuery;
    type Body = Json<SetLineItem>;

    fn read(parts: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { id: parts.path, quantity: parts.body.0.quantity })
    }

    fn write(self) -> Parts<Self> {
        Parts { path: self.id, query: NoQuery {}, body: Json(SetLineItem { quantity: self.quantity }), key: None }
    }
}

/// 200 with the cookie for the number of units in the page header.
fn ok_with_units(context: &Context<'_>, cart: &Cart) -> Result<Response, Problem> {
    with_units(context, StatusCode::OK, cart)
}

/// 201 with the same cookie.
fn created_with_units(context: &Context<'_>, cart: &Cart) -> Result<Response, Problem> {
    with_units(context, StatusCode::CREATED, cart)
}

#[expect(clippy::unnecessary_wraps, reason = "same signature as the other response functions")]
fn with_units(context: &Context<'_>, status: StatusCode, cart: &Cart) -> Result<Response, Problem> {
    let mut response = private_json(status, cart);
    append_cookie(response.headers_mut(), &cart_units_cookie(cart.units, &context.app.config));
    Ok(response)
}

without_body!(RemoveLineItem, id: LineItemId);
without_body!(ViewCart);

endpoints! {
    Carts in carts, area Cart, tag "cart";

    /// Get the caller's cart with current prices and stock.
    get "/api/v1/cart" => view_cart(ViewCart) for caller -> Cart {
        Ordinary, ok_with_units, [(200, "The cart, which may be empty.")]
    }

    /// Add units of a variant to the cart.
    post "/api/v1/cart/line-items" => add_line_item(services::AddLineItem) for caller -> Cart {
        Ordinary, created_with_units, [
            (201, "The cart with the added units."),
            (409, "Not enough units in stock, or the idempotency key is in use."),
        ]
    }

    /// Set the quantity of a line.
    patch "/api/v1/cart/line-items/{id}" => set_line_item(services::SetLineItem) for caller -> Cart {
        Ordinary, ok_with_units, [
            (200, "The cart with the new quantity."),
            (404, "The line does not exist."),
            (409, "Not enough units in stock."),
        ]
    }

    /// Remove a line.
    delete "/api/v1/cart/line-items/{id}" => remove_line_item(RemoveLineItem) for caller -> Cart {
        Ordinary, ok_with_units, [
            (200, "The cart without the line."),
            (404, "The line does not exist."),
            (409, "The cart changed at the same time."),
        ]
    }
}
