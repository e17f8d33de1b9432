//! Administration: orders, refunds, fulfillment and stock.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use shopease_shop::ShopError;
use shopease_shop::domain::{self, Field, Handle, OrderId, RuleError, ValueRule};
use shopease_shop::services::{
    self, CancelOrder, ListAllOrders, ProductStock, RecordTransfer, RefundAmount, RemoveDemoCatalog, ViewDemoCatalog,
};
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::Paging;
use super::endpoint::{created, endpoints, ok};
use super::order::{Order, OrderPage, Tracking};
use super::parts::{Json, Key, NoBody, NoQuery, Parts, Wire, without_body};
use super::text;
use super::wire::{MoneySchema, Out, mirror, states};
use crate::http::problem::Problem;

/// The stock of a SKU. `available + reserved + sold = received`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockLevel {
    /// SKU of the variant.
    #[schema(value_type = text::Sku)]
    pub sku: domain::Sku,
    /// Units available.
    pub available: u32,
    /// Units reserved by unpaid orders.
    pub reserved: u32,
    /// Units sold with paid orders.
    pub sold: u32,
    /// Units ever received, less corrections.
    pub received: u32,
}
mirror!(StockLevel of domain::StockLevel { sku, available, reserved, sold, received });

/// The stock of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VariantStock {
    /// SKU of the variant.
    #[schema(value_type = text::Sku)]
    pub sku: domain::Sku,
    /// Title of the variant.
    pub title: String,
    /// Stock level; absent if stock is not tracked.
    pub level: Option<StockLevel>,
}
mirror!(VariantStock of services::VariantStock { sku, title, level });

/// The stock of a product's variants.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct VariantStocks {
    /// One row per variant.
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

/// Products of the demo catalog.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DemoProducts {
    /// Their handles, sorted.
    #[schema(value_type = Vec<text::Handle>)]
    pub handles: Vec<Handle>,
}

impl Out for DemoProducts {
    type Value = Vec<Handle>;

    fn of(handles: Self::Value) -> Self {
        Self { handles }
    }

    fn value(self) -> Self::Value {
        self.handles
    }
}

/// A stock correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change", content = "units")]
pub enum StockChange {
    /// Sets the available units.
    SetAvailable(u32),
    /// Adds units, or removes them if negative.
    Adjust(i32),
}

/// Corrects the stock of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectStock {
    /// SKU of the variant.
    pub sku: domain::Sku,
    /// The correction.
    #[serde(flatten)]
    pub change: StockChange,
}

impl PartialSchema for CorrectStock {
    fn schema() -> RefOr<Schema> {
        let most = i32::try_from(domain::StockLevel::MAX_UNITS).unwrap_or(i32::MAX);
        let correction = |change: &str, description: &str, min: i32| {
            let units = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(most));
            ObjectBuilder::new()
                .title(Some(change))
                .description(Some(description))
                .property("sku", Ref::from_schema_name("Sku"))
                .property("change", ObjectBuilder::new().schema_type(Type::String).enum_values(Some([change])))
                .property("units", units)
                .required("sku")
                .required("change")
                .required("units")
                .examples([json!({"sku": "KET-COP-08", "change": change, "units": 5})])
        };
        let corrections = OneOfBuilder::new()
            .item(correction("adjust", "Adds units, or removes them if negative.", -most))
            .item(correction("set_available", "Sets the available units.", 0));
        corrections.description(Some("Corrects the stock of a variant.")).into()
    }
}

impl ToSchema for CorrectStock {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("Sku".to_owned(), text::Sku::schema()));
    }
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

/// Query parameters of the order listing.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AllOrdersQuery {
    /// Only the order with this number, such as `0GXB7-65C6F`.
    #[param(pattern = "^\\s*#?([ -]*[0-9A-TV-Za-tv-z]){10}[ -]*\\s*$", example = "0GXB7-65C6F")]
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    /// Rows per page, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 24)]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u16>,
    /// `next_cursor` of the previous page.
    #[param(value_type = Option<text::Cursor>, inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl Wire for ListAllOrders {
    type Path = ();
    type Query = AllOrdersQuery;
    type Body = NoBody;

    fn read(Parts { query, .. }: Parts<Self>) -> Result<Self, Problem> {
        let paging = Paging { limit: query.limit, cursor: query.cursor };
        let number = query.number.map(|number| number.parse()).transpose().map_err(ShopError::from)?;
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

/// Refunds an order. Either `amount` or `all` is required, so that a missing amount is never a full refund. Unknown fields are
/// rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundOrder {
    /// Amount to refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<domain::Money>,
    /// `true` refunds the full remaining amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
}

impl PartialSchema for RefundOrder {
    fn schema() -> RefOr<Schema> {
        let closed = || ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let only =
            |values: Vec<Value>| ObjectBuilder::new().schema_type(SchemaType::AnyValue).enum_values(Some(values));
        let exactly = closed()
            .title(Some("amount"))
            .property("amount", Ref::from_schema_name("Money"))
            .property("all", only(vec![json!(false), Value::Null]))
            .required("amount")
            .examples([json!({"amount": {"amount_minor": 500, "currency": "EUR"}})]);
        let all = closed()
            .title(Some("all"))
            .description(Some("Refunds the full remaining amount."))
            .property("amount", only(vec![Value::Null]))
            .property("all", only(vec![json!(true)]))
            .required("all")
            .examples([json!({"all": true})]);
        let description =
            "Refunds an order: an amount, or the full remaining amount. A missing amount is never a full refund.";
        OneOfBuilder::new().item(exactly).item(all).description(Some(description)).into()
    }
}

impl ToSchema for RefundOrder {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("Money".to_owned(), MoneySchema::schema()));
        MoneySchema::schemas(schemas);
    }
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
    /// A fulfillment event.
    FulfillmentEvent of domain::FulfillmentEvent {
        /// Shipped.
        Shipped,
        /// The tracking of the shipment was added, corrected or removed.
        TrackingChanged,
        /// Returned.
        Returned,
    }
}

/// Records a fulfillment event of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"event": "shipped"}))]
pub struct RecordFulfillment {
    /// The event.
    pub event: FulfillmentEvent,
    /// How the shipment is tracked, for `shipped` and `tracking_changed`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object")]
    pub tracking: Option<Tracking>,
}

/// Reads an object or null. A type whose members are all optional would also be read from a list.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let members = Option::<serde_json::Map<String, Value>>::deserialize(deserializer)?;
    members.map(|members| T::deserialize(Value::Object(members))).transpose().map_err(D::Error::custom)
}

impl Wire for services::RecordFulfillment {
    type Path = OrderId;
    type Query = NoQuery;
    type Body = Json<RecordFulfillment>;

    fn read(Parts { path, body: Json(body), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { id: path, event: body.event.value(), tracking: body.tracking.value() })
    }

    fn write(self) -> Parts<Self> {
        let body = Json(RecordFulfillment { event: Out::of(self.event), tracking: Out::of(self.tracking) });
        Parts { path: self.id, query: NoQuery {}, body, key: None }
    }
}

without_body!(ProductStock, handle: Handle);
without_body!(CancelOrder, id: OrderId);
without_body!(RecordTransfer, id: OrderId);
without_body!(ViewDemoCatalog);
without_body!(RemoveDemoCatalog);

endpoints! {
    Operations in operations, area Admin, tag "admin";

    /// List all orders of the shop, newest first.
    get "/api/v1/admin/orders" => list_all_orders(ListAllOrders) for caller -> OrderPage {
        Ordinary, ok, [(200, "A page of orders."), (422, "A parameter is out of range.")]
    }

    /// Cancel an order. Cancels the payment of an unpaid order, and refunds a paid order in full.
    post "/api/v1/admin/orders/{id}/cancellation" => cancel_order(CancelOrder) for caller -> Order {
        Durable, ok, [
            (200, "The current order; canceled unless the response of the payment provider is pending."),
            (404, "The order does not exist."),
            (409, "The order was changed by other requests at the same time. Try again."),
            (422, "The order was shipped, or is already canceled."),
        ]
    }

    /// Record that the bank transfer of an order has arrived. The order is paid.
    post "/api/v1/admin/orders/{id}/transfer" => record_transfer(RecordTransfer) for caller -> Order {
        Ordinary, ok, [
            (200, "The order as it is now."),
            (404, "The order does not exist."),
            (422, "The order does not wait for a bank transfer."),
        ]
    }

    /// Refund an order. A full refund before shipping cancels the order and returns its units to stock.
    post "/api/v1/admin/orders/{id}/refunds" => refund_order(services::RefundOrder) for caller -> Order {
        Durable, created, [
            (201, "The order with the refund, which is `requested` until the payment provider has confirmed it."),
            (404, "The order does not exist."),
            (409, "The order was changed by other requests at the same time. Try again."),
            (422, "Neither or both of `amount` and `all` are given, the payment was not captured, the amount exceeds the refundable amount, or the idempotency key was used for another amount."),
        ]
    }

    /// Record that a paid order was shipped, or that it was returned. A return puts its units back in stock.
    post "/api/v1/admin/orders/{id}/fulfillments" => record_fulfillment(services::RecordFulfillment) for caller -> Order {
        Ordinary, created, [
            (201, "The current order."),
            (404, "The order does not exist."),
            (409, "The order was changed by other requests at the same time. Try again."),
            (422, "Not possible in the current state of the order."),
        ]
    }

    /// Get the stock of a product's variants.
    get "/api/v1/admin/products/{handle}/stock" => product_stock(ProductStock) for caller -> VariantStocks {
        Ordinary, ok, [(200, "The stock."), (404, "The product does not exist.")]
    }

    /// Correct the stock of a variant.
    post "/api/v1/admin/stock-corrections" => correct_stock(services::CorrectStock) for caller -> StockLevel {
        Ordinary, created, [
            (201, "The new stock level."),
            (404, "The SKU does not exist."),
            (409, "Stock cannot go below zero, or the idempotency key is in use."),
            (422, "The stock of the variant is not tracked."),
        ]
    }

    /// Get the products of the demo catalog that are on sale. None if this deployment ships without a demo catalog.
    get "/api/v1/admin/demo-catalog" => view_demo_catalog(ViewDemoCatalog) for caller -> DemoProducts {
        Ordinary, ok, [(200, "The products; empty when they were removed.")]
    }

    /// Take the products of the demo catalog off sale. Products that the merchant imported stay on sale, also under the handle of a
    /// demo product. Orders are not changed.
    delete "/api/v1/admin/demo-catalog" => remove_demo_catalog(RemoveDemoCatalog) for caller -> DemoProducts {
        Durable, ok, [(200, "The products that were taken off sale; none if there were none left.")]
    }
}
