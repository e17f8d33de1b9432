//! What the shop's staff does.

use serde::{Deserialize, Serialize};
use shopease_shop::ShopError;
use shopease_shop::domain::{self, Field, Handle, OrderId, RuleError, ValueRule};
use shopease_shop::services::{self, CancelOrder, ListAllOrders, ProductStock, RefundAmount};
use utoipa::{IntoParams, ToSchema};

use super::Paging;
use super::endpoint::{created, endpoints, ok};
use super::order::{Order, OrderPage};
use super::parts::{Json, Key, NoBody, NoQuery, Parts, Wire, without_body};
use super::wire::{MoneySchema, Out, mirror, states};
use crate::http::problem::Problem;

/// The stock of a SKU. `available + reserved + sold = received`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockLevel {
    /// The variant.
    #[schema(value_type = String, example = "KET-COP-08")]
    pub sku: domain::Sku,
    /// Units that can be ordered.
    pub available: u32,
    /// Units that unpaid orders hold.
    pub reserved: u32,
    /// Units that paid orders have bought.
    pub sold: u32,
    /// Units that were ever received.
    pub received: u32,
}
mirror!(StockLevel of domain::StockLevel { sku, available, reserved, sold, received });

/// The stock of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VariantStock {
    /// The variant.
    #[schema(value_type = String, example = "KET-COP-08")]
    pub sku: domain::Sku,
    /// Title of the variant.
    pub title: String,
    /// Its level; absent when it is not counted.
    pub level: Option<StockLevel>,
}
mirror!(VariantStock of services::VariantStock { sku, title, level });

/// The stock of a product's variants.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct VariantStocks {
    /// One row a variant.
    pub items: Vec<VariantStock>,
}

impl Out for VariantStocks {
    type Value = Vec<services::VariantStock>;

    fn of(items: Self::Value) -> Self {
        Self { items: Out::of(items) }
    }

    fn value(self) -> Self::Value {
        self.items.value()
    }
}

/// How stock is corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "change", content = "units")]
pub enum StockChange {
    /// To so many available units.
    SetAvailable(u32),
    /// By so many units, up or down.
    Adjust(i32),
}

/// Corrects the stock of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CorrectStock {
    /// The variant.
    #[schema(value_type = String, example = "KET-COP-08")]
    pub sku: domain::Sku,
    /// How.
    #[serde(flatten)]
    pub change: StockChange,
}

impl Wire for services::CorrectStock {
    type Path = ();
    type Query = NoQuery;
    type Body = Json<CorrectStock>;
    const KEY: Key = Key::Optional;

    fn read(Parts { body: Json(body), key, .. }: Parts<Self>) -> Result<Self, Problem> {
        let change = match body.change {
            StockChange::SetAvailable(units) => domain::StockChange::SetAvailable(units),
            StockChange::Adjust(units) => domain::StockChange::Adjust(units),
        };
        Ok(Self { sku: body.sku, change, client_key: key })
    }

    fn write(self) -> Parts<Self> {
        let change = match self.change {
            domain::StockChange::SetAvailable(units) => StockChange::SetAvailable(units),
            domain::StockChange::Adjust(units) => StockChange::Adjust(units),
        };
        let body = Json(CorrectStock { sku: self.sku, change });
        Parts { path: (), query: NoQuery {}, body, key: self.client_key }
    }
}

/// Which orders.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AllOrdersQuery {
    /// Only the order with this number, such as `0GXB7-65C6F`.
    #[param(max_length = 20)]
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    /// Rows per page, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 24)]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl Wire for ListAllOrders {
    type Path = ();
    type Query = AllOrdersQuery;
    type Body = NoBody;

    fn read(Parts { query, .. }: Parts<Self>) -> Result<Self, Problem> {
        let paging = Paging { limit: query.limit, cursor: query.cursor };
        let number = query.number.filter(|number| !number.is_empty());
        let number = number.map(|number| number.parse()).transpose().map_err(ShopError::from)?;
        Ok(Self { number, after: paging.after(ALL_ORDERS)?, limit: paging.limit()? })
    }

    fn write(self) -> Parts<Self> {
        let Paging { limit, cursor } = Paging::to(self.after.as_ref(), self.limit, ALL_ORDERS);
        let query = AllOrdersQuery { number: self.number.map(|number| number.to_string()), limit, cursor };
        Parts { path: (), query, body: NoBody, key: None }
    }

    fn listing(&self) -> String {
        ALL_ORDERS.to_owned()
    }
}

/// The listing that cursors belong to.
const ALL_ORDERS: &str = "all-orders";

/// Refunds an order: either `amount` or `all`, so that nothing left out turns into everything. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundOrder {
    /// How much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneySchema>)]
    pub amount: Option<domain::Money>,
    /// `true` refunds all that is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
}

impl Wire for services::RefundOrder {
    type Path = OrderId;
    type Query = NoQuery;
    type Body = Json<RefundOrder>;
    const KEY: Key = Key::Required;

    fn read(Parts { path, body: Json(body), key, .. }: Parts<Self>) -> Result<Self, Problem> {
        let amount = match (body.amount, body.all.unwrap_or(false)) {
            (Some(amount), false) => RefundAmount::Exactly(amount),
            (None, true) => RefundAmount::All,
            (None, false) | (Some(_), true) => {
                return Err(ShopError::from(RuleError::invalid(Field::Amount, ValueRule::Required)).into());
            }
        };
        Ok(Self { id: path, amount, client_key: key.unwrap_or_default() })
    }

    fn write(self) -> Parts<Self> {
        let (amount, all) = match self.amount {
            RefundAmount::Exactly(amount) => (Some(amount), None),
            RefundAmount::All => (None, Some(true)),
        };
        let body = Json(RefundOrder { amount, all });
        Parts { path: self.id, query: NoQuery {}, body, key: Some(self.client_key) }
    }
}

states! {
    /// What happened to a shipment.
    FulfillmentEvent of domain::FulfillmentEvent {
        /// It was shipped.
        Shipped,
        /// It was returned.
        Returned,
    }
}

/// Notes what happened to an order's shipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordFulfillment {
    /// What happened.
    pub event: FulfillmentEvent,
}

impl Wire for services::RecordFulfillment {
    type Path = OrderId;
    type Query = NoQuery;
    type Body = Json<RecordFulfillment>;

    fn read(Parts { path, body: Json(body), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { id: path, event: body.event.value() })
    }

    fn write(self) -> Parts<Self> {
        let body = Json(RecordFulfillment { event: Out::of(self.event) });
        Parts { path: self.id, query: NoQuery {}, body, key: None }
    }
}

without_body!(ProductStock, handle: Handle);
without_body!(CancelOrder, id: OrderId);

endpoints! {
    Operations in operations, area Admin, tag "admin";

    /// List all orders of the shop, newest first.
    get "/api/v1/admin/orders" => list_all_orders(ListAllOrders) for caller -> OrderPage {
        Ordinary, ok, [(200, "A page of orders."), (422, "A parameter is out of range.")]
    }

    /// Cancel an order: an unpaid one at the payment provider, a paid one by refunding all of it.
    post "/api/v1/admin/orders/{id}/cancellation" => cancel_order(CancelOrder) for caller -> Order {
        Durable, ok, [
            (200, "The order as it is now; cancelled unless the provider has still to answer."),
            (404, "No such order."),
            (409, "Other changes of the order came first each time; try again."),
            (422, "It was shipped, or is already cancelled."),
        ]
    }

    /// Refund an order. Refunding all of it before it was shipped cancels it and returns its units to stock.
    post "/api/v1/admin/orders/{id}/refunds" => refund_order(services::RefundOrder) for caller -> Order {
        Durable, created, [
            (201, "The order with the refund; it is `requested` until the provider has confirmed it."),
            (404, "No such order."),
            (409, "Other changes of the order came first each time; try again."),
            (422, "Neither an amount nor all, nothing was collected, more than what is left, or the key was used for another amount."),
        ]
    }

    /// Note that a paid order was shipped, or returned with its units.
    post "/api/v1/admin/orders/{id}/fulfillments" => record_fulfillment(services::RecordFulfillment) for caller -> Order {
        Ordinary, created, [
            (201, "The order as it is now."),
            (404, "No such order."),
            (409, "Other changes of the order came first each time; try again."),
            (422, "Not possible in the order's present state."),
        ]
    }

    /// Show the stock of a product's variants.
    get "/api/v1/admin/products/{handle}/stock" => product_stock(ProductStock) for caller -> VariantStocks {
        Ordinary, ok, [(200, "The stock."), (404, "No such product.")]
    }

    /// Correct the stock of a variant.
    post "/api/v1/admin/stock-corrections" => correct_stock(services::CorrectStock) for caller -> StockLevel {
        Ordinary, created, [
            (201, "The new level."),
            (404, "No such variant."),
            (409, "Stock would be below zero, or the key is in use."),
            (422, "The variant is not counted."),
        ]
    }
}
