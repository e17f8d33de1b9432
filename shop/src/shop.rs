//! The seam: every use case a shopper or operator has.
//!
//! [`crate::services::LocalShop`] runs them over the ports; the JSON API exposes them; `RemoteShop` calls that API and
//! gives equal results and errors. Pages and API handlers know only this trait.

mod error;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::domain::{
    Address, CartId, Category, CountryCode, CustomerId, EmailAddress, FulfillmentEvent, FulfillmentState, Handle,
    Image, LineItemId, Money, Order, OrderId, OrderState, OrderSummary, Page, PageLimit, PaymentState, Position,
    ProductId, ProductOption, ProductSort, ProductSummary, Quantity, Quote, QuoteLine, Refund, Role, ShippingOffer,
    Sku, StockChange, StockLevel, TaxLine, Token, VariantId,
};

pub use error::{ShopError, ShopResult};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The visitor's or session's token.
    pub token: Token,
}

/// Which products to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListProducts {
    /// What to look for, as typed.
    pub q: Option<String>,
    /// Only this category.
    pub category: Option<Handle>,
    /// Order; by default best match with a search, newest without.
    pub sort: Option<ProductSort>,
    /// Only what comes after this position.
    pub after: Option<Position>,
    /// Page size.
    pub limit: PageLimit,
}

/// A product as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductView {
    /// Identity.
    pub id: ProductId,
    /// Name in URLs.
    pub handle: Handle,
    /// Name for people.
    pub title: String,
    /// Sanitised HTML.
    pub description_html: String,
    /// Who makes it.
    pub vendor: Option<String>,
    /// Department.
    pub category: Option<Category>,
    /// Free labels.
    pub tags: Vec<String>,
    /// What variants differ in.
    pub options: Vec<ProductOption>,
    /// What can be bought.
    pub variants: Vec<VariantView>,
    /// Pictures.
    pub images: Vec<Image>,
    /// Title for search engines, if it differs.
    pub seo_title: Option<String>,
    /// Description for search engines.
    pub seo_description: Option<String>,
}

/// A variant as its product's page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VariantView {
    /// Identity.
    pub id: VariantId,
    /// Code.
    pub sku: Sku,
    /// `Large / Blue`; empty for a product without options.
    pub title: String,
    /// One value per product option.
    pub option_values: Vec<String>,
    /// Price of one unit.
    pub price: Money,
    /// Former, higher price.
    pub compare_at_price: Option<Money>,
    /// Whether it can be ordered now.
    pub in_stock: bool,
    /// Units that can be ordered; absent when they are not counted. May be seconds old.
    pub available: Option<u32>,
    /// Index into the product's images.
    pub image: Option<u16>,
    /// GTIN, EAN, UPC or ISBN.
    pub barcode: Option<String>,
    /// Shipping weight of one unit in grams.
    pub weight_grams: u32,
}

/// A cart with present titles, prices and stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CartView {
    /// Identity; absent while nothing was ever put in.
    pub id: Option<CartId>,
    /// Rises with every change; 0 while there is no cart.
    pub version: u64,
    /// What is in it and sold.
    pub lines: Vec<CartLineView>,
    /// What is in it but not sold any more: to be removed before checkout.
    pub unavailable: Vec<UnavailableLine>,
    /// Units over all lines.
    pub units: u32,
    /// Sum of the lines; absent for an empty cart.
    pub subtotal: Option<Money>,
}

/// A line of a cart whose article is not sold any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnavailableLine {
    /// Identity of the line.
    pub id: LineItemId,
    /// The article.
    pub sku: Sku,
}

/// A line of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CartLineView {
    /// Identity, derived from the SKU.
    pub id: LineItemId,
    /// Article, quantity, price.
    #[serde(flatten)]
    pub line: QuoteLine,
    /// Units that can be ordered, if fewer than the quantity.
    pub short_available: Option<u32>,
}

/// Puts units of an article into the cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddLineItem {
    /// The article.
    pub sku: Sku,
    /// Units to add to what is there.
    pub quantity: Quantity,
}

/// Sets the units of an article in the cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetLineItem {
    /// Units wanted.
    pub quantity: Quantity,
}

/// Asks what the caller's cart costs at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteRequest {
    /// ISO 3166-1 alpha-2.
    pub country: CountryCode,
    /// State or province where taxes depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Chosen shipping method; the first offered if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<String>,
}

/// Orders what is in the caller's cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// Where news of the order go.
    pub email: EmailAddress,
    /// Where the parcel goes.
    pub shipping_address: Address,
    /// A method that the quote offers.
    pub shipping_method: String,
    /// The payment provider's token of the card. The `fake` provider takes `card_approved`, `card_declined`,
    /// `card_insufficient_funds`, `card_requires_action` and `card_expires`.
    pub payment_method: String,
    /// What the shopper saw as the total; when it is given and no longer true, nothing is ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_total: Option<Money>,
}

/// An order as its buyer and the operator see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// Identity.
    pub id: OrderId,
    /// Number for people.
    pub order_number: String,
    /// Opens the order without signing in, as `?key=`.
    pub access_key: String,
    /// Where news of the order go.
    pub email: EmailAddress,
    /// Where the parcel goes.
    pub shipping_address: Address,
    /// What was ordered, at the prices of then.
    pub lines: Vec<QuoteLine>,
    /// Sum of the lines.
    pub subtotal: Money,
    /// How it is delivered.
    pub shipping: ShippingOffer,
    /// Taxes.
    pub tax_lines: Vec<TaxLine>,
    /// Sum of the taxes.
    pub tax_total: Money,
    /// Whether the prices contain them.
    pub prices_include_tax: bool,
    /// What it cost.
    pub total: Money,
    /// Where the order stands.
    pub state: OrderState,
    /// Where the payment stands.
    pub payment_state: PaymentState,
    /// Why the payment was refused.
    pub decline_code: Option<String>,
    /// The bank's page, while it wants to ask the shopper (`payment_state` is `requires_action`).
    pub payment_action_url: Option<String>,
    /// What was or is to be given back.
    pub refunds: Vec<Refund>,
    /// What can still be given back.
    pub refundable: Money,
    /// Where the parcel stands.
    pub fulfillment: FulfillmentState,
    /// When it was placed.
    #[serde(with = "time::serde::rfc3339")]
    pub placed_at: OffsetDateTime,
}

impl From<Order> for OrderView {
    fn from(order: Order) -> Self {
        Self {
            refundable: order.refundable(),
            payment_action_url: order.payment.action_url,
            refunds: order.payment.refunds,
            id: order.id,
            order_number: order.order_number,
            access_key: order.access_key,
            email: order.email,
            shipping_address: order.shipping_address,
            lines: order.lines.into_iter().map(|line| line.line).collect(),
            subtotal: order.subtotal,
            shipping: order.shipping,
            tax_lines: order.tax_lines,
            tax_total: order.tax_total,
            prices_include_tax: order.prices_include_tax,
            total: order.total,
            state: order.state,
            payment_state: order.payment.state,
            decline_code: order.payment.decline_code,
            fulfillment: order.fulfillment,
            placed_at: order.placed_at,
        }
    }
}

/// Gives money back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundOrder {
    /// How much; all that is left if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
}

/// Moves a parcel on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveParcel {
    /// What happened.
    pub event: FulfillmentEvent,
}

/// Makes an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Unique in the shop.
    pub email: EmailAddress,
    /// How the shop addresses the customer.
    pub name: String,
    /// 8 to 256 characters, any.
    #[schema(format = Password)]
    pub password: String,
}

/// Signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// The account's address.
    pub email: EmailAddress,
    /// The account's password.
    #[schema(format = Password)]
    pub password: String,
}

/// A fresh session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// Bearer token of the session.
    pub token: String,
    /// Who is signed in.
    pub customer: CustomerView,
    /// Units in the merged cart.
    pub cart_units: u32,
}

/// A customer as they see themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomerView {
    /// Identity.
    pub id: CustomerId,
    /// E-mail address.
    pub email: EmailAddress,
    /// Name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// The stock of a variant as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VariantStock {
    /// The article.
    pub sku: Sku,
    /// Title of the variant.
    pub title: String,
    /// Its level; absent when it is not counted.
    pub level: Option<StockLevel>,
}

/// Corrects the stock of an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CorrectStock {
    /// The article.
    pub sku: Sku,
    /// How.
    #[serde(flatten)]
    pub change: StockChange,
}

/// Everything one can do in the shop. Each method may fail with [`ShopError::Unavailable`] and
/// [`ShopError::Internal`]; other errors are named where they belong.
#[async_trait]
pub trait Shop: Send + Sync {
    /// One page of the products on sale.
    ///
    /// # Errors
    /// [`ShopError::Rules`] for a search that is too long or `relevance` without one; [`ShopError::NotFound`] for a category that does not exist.
    async fn list_products(&self, command: ListProducts) -> ShopResult<Page<ProductSummary>>;

    /// A product on sale.
    ///
    /// # Errors
    /// [`ShopError::NotFound`].
    async fn find_product(&self, handle: &Handle) -> ShopResult<ProductView>;

    /// All categories, by title.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn list_categories(&self) -> ShopResult<Vec<Category>>;

    /// The caller's cart.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn view_cart(&self, caller: &Caller) -> ShopResult<CartView>;

    /// Puts units of an article into the caller's cart. With a client key, repeating it changes nothing.
    ///
    /// # Errors
    /// [`ShopError::Rules`] (not sold, limits, another currency), [`ShopError::OutOfStock`] when the line would pass
    /// what is available, the idempotency errors.
    async fn add_line_item(
        &self,
        caller: &Caller,
        command: AddLineItem,
        client_key: Option<&str>,
    ) -> ShopResult<CartView>;

    /// Sets the units of an article in the caller's cart.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] when it is not in the cart, [`ShopError::OutOfStock`].
    async fn set_line_item(&self, caller: &Caller, id: &LineItemId, command: SetLineItem) -> ShopResult<CartView>;

    /// Takes an article out of the caller's cart.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] when it is not in the cart.
    async fn remove_line_item(&self, caller: &Caller, id: &LineItemId) -> ShopResult<CartView>;

    /// What the caller's cart costs at a place.
    ///
    /// # Errors
    /// [`ShopError::Rules`].
    async fn quote(&self, caller: &Caller, request: QuoteRequest) -> ShopResult<Quote>;

    /// Orders and pays what is in the caller's cart; repeating it with the same key gives the first answer. An order
    /// whose payment is not known to be done is given back in state `pending`.
    ///
    /// # Errors
    /// [`ShopError::Rules`], [`ShopError::OutOfStock`], [`ShopError::Conflict`] (the cart changed),
    /// [`ShopError::PaymentDeclined`], the idempotency errors.
    async fn place_order(&self, caller: &Caller, command: PlaceOrder, client_key: &str) -> ShopResult<OrderView>;

    /// An order: for who placed it, for who has its access key, for operators.
    ///
    /// # Errors
    /// [`ShopError::NotFound`], also when it is not the caller's.
    async fn find_order(&self, caller: &Caller, id: &OrderId, access_key: Option<&str>) -> ShopResult<OrderView>;

    /// Asks the payment provider where the payment of an unpaid order stands, and carries it on: what the shopper's
    /// browser does when it comes back from the bank. For the same callers as [`Shop::find_order`].
    ///
    /// # Errors
    /// [`ShopError::NotFound`], also when it is not the caller's.
    async fn check_payment(&self, caller: &Caller, id: &OrderId, access_key: Option<&str>) -> ShopResult<OrderView>;

    /// Takes in a webhook of the payment provider: the raw body and the value of its signature header. Events may come
    /// late, twice and in any order: each only makes the shop look at the intent.
    ///
    /// # Errors
    /// [`ShopError::WebhookRefused`].
    async fn receive_payment_event(&self, signature: Option<&str>, body: &[u8]) -> ShopResult<()>;

    /// The caller's orders, newest first.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn list_orders(
        &self,
        caller: &Caller,
        after: Option<Position>,
        limit: PageLimit,
    ) -> ShopResult<Page<OrderSummary>>;

    /// Makes an account, signs in with a new session, and moves the visitor's cart to the account.
    ///
    /// # Errors
    /// [`ShopError::Rules`], [`ShopError::AlreadyExists`] (`email`).
    async fn register(&self, caller: &Caller, command: Register) -> ShopResult<SignedIn>;

    /// Signs in with a new session and merges the visitor's cart into the account's.
    ///
    /// # Errors
    /// [`ShopError::WrongCredentials`].
    async fn log_in(&self, caller: &Caller, command: LogIn) -> ShopResult<SignedIn>;

    /// Ends the caller's session; also succeeds when there is none.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn log_out(&self, caller: &Caller) -> ShopResult<()>;

    /// Who is signed in.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`].
    async fn current_customer(&self, caller: &Caller) -> ShopResult<CustomerView>;

    /// All orders of the shop, newest first. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`].
    async fn list_all_orders(
        &self,
        caller: &Caller,
        after: Option<Position>,
        limit: PageLimit,
    ) -> ShopResult<Page<OrderSummary>>;

    /// Stock of every variant of a product. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`].
    async fn product_stock(&self, caller: &Caller, handle: &Handle) -> ShopResult<Vec<VariantStock>>;

    /// Corrects the stock of a variant. With a client key, repeating it changes nothing. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`] for an article that is unknown,
    /// [`ShopError::Rules`] for one that is not counted, [`ShopError::OutOfStock`] when less than nothing would be left,
    /// the idempotency errors.
    async fn correct_stock(
        &self,
        caller: &Caller,
        command: CorrectStock,
        client_key: Option<&str>,
    ) -> ShopResult<StockLevel>;

    /// Calls an order off: an unpaid one at the payment provider, a paid one that was not sent by giving everything
    /// back. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`], [`ShopError::Rules`] when it
    /// was sent or is off already.
    async fn cancel_order(&self, caller: &Caller, id: &OrderId) -> ShopResult<OrderView>;

    /// Gives money back; repeating it with the same key gives it back once. An order that is given back whole before it
    /// was sent is cancelled and its units return to stock. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`], [`ShopError::Rules`] when it
    /// is more than what is left, [`ShopError::IdempotencyKeyReused`].
    async fn refund_order(
        &self,
        caller: &Caller,
        id: &OrderId,
        command: RefundOrder,
        client_key: &str,
    ) -> ShopResult<OrderView>;

    /// Notes that a paid order's parcel was sent or came back. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`], [`ShopError::Rules`] when
    /// that is not possible now.
    async fn move_parcel(&self, caller: &Caller, id: &OrderId, command: MoveParcel) -> ShopResult<OrderView>;

    /// Whether the shop can serve: its store answers.
    ///
    /// # Errors
    /// [`ShopError::Unavailable`].
    async fn ready(&self) -> ShopResult<()>;
}
