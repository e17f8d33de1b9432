//! The shop in this process: [`Shop`] over the ports.

use std::sync::Arc;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;

use super::TOKEN_LIFETIME_DAYS;
use super::catalog_cache::CatalogCache;
use super::password::Passwords;
use crate::config::ShopConfig;
use crate::domain::{
    CartOwner, Category, Customer, Handle, LineItemId, OrderId, OrderSummary, Page, PageLimit, Position,
    ProductSummary, Quote, Role, StockLevel, Tokenizer,
};
use crate::ports::{Clock, IdGenerator, PaymentProvider, SharedStore, SystemClock, SystemIds};
use crate::shop::{
    AddLineItem, Caller, CartView, CorrectStock, CustomerView, ListProducts, LogIn, MoveParcel, OrderView, PlaceOrder,
    ProductView, QuoteRequest, RefundOrder, Register, SetLineItem, Shop, ShopError, ShopResult, SignedIn, VariantStock,
};

/// The use cases over a store, a payment provider, a clock and randomness. Clones share everything.
#[derive(Clone)]
pub struct LocalShop {
    pub(super) store: SharedStore,
    pub(super) payments: Arc<dyn PaymentProvider>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdGenerator>,
    pub(super) config: Arc<ShopConfig>,
    pub(super) tokenizer: Tokenizer,
    pub(super) cache: CatalogCache,
    pub(super) passwords: Passwords,
    /// Tells the worker of this process that there is something for it.
    pub(super) news: Arc<Notify>,
}

/// Who a caller turned out to be.
pub(super) struct Identity {
    /// Owner of the caller's cart and orders.
    pub owner: CartOwner,
    /// The account, when signed in.
    pub customer: Option<Customer>,
}

impl LocalShop {
    /// A shop.
    pub fn new(
        store: SharedStore,
        payments: Arc<dyn PaymentProvider>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        config: ShopConfig,
    ) -> Self {
        Self {
            tokenizer: Tokenizer::new(config.language),
            cache: CatalogCache::new(config.catalog_cache_seconds),
            passwords: Passwords::default(),
            news: Arc::default(),
            config: Arc::new(config),
            store,
            payments,
            clock,
            ids,
        }
    }

    /// A shop with the machine's clock and randomness.
    pub fn of_this_machine(store: SharedStore, payments: Arc<dyn PaymentProvider>, config: ShopConfig) -> Self {
        Self::new(store, payments, Arc::new(SystemClock), Arc::new(SystemIds), config)
    }

    /// Who the caller is. A visitor's token costs no read; a session that ended makes a visitor of its bearer.
    pub(super) async fn identify(&self, caller: &Caller) -> ShopResult<Identity> {
        let visitor = || Identity { owner: CartOwner::visitor(&caller.token), customer: None };
        if caller.token.is_visitor() {
            return Ok(visitor());
        }
        let Some(session) = self.store.find_session(&caller.token.digest(), self.clock.now()).await? else {
            return Ok(visitor());
        };
        let customer = self.store.find_customer(&session.customer_id).await?;
        Ok(customer.map_or_else(visitor, |customer| Identity {
            owner: CartOwner::customer(&customer),
            customer: Some(customer),
        }))
    }

    /// The operator behind a caller.
    pub(super) async fn require_operator(&self, caller: &Caller) -> ShopResult<Customer> {
        let customer = self.identify(caller).await?.customer.ok_or(ShopError::SignInRequired)?;
        if customer.role == Role::Operator { Ok(customer) } else { Err(ShopError::Forbidden) }
    }

    /// When what is written now ends.
    pub(super) fn expiry(&self) -> OffsetDateTime {
        self.clock.now() + Duration::days(TOKEN_LIFETIME_DAYS)
    }
}

/// Every method stands in the file of its noun.
#[async_trait]
impl Shop for LocalShop {
    async fn list_products(&self, command: ListProducts) -> ShopResult<Page<ProductSummary>> {
        self.list_products_impl(command).await
    }

    async fn find_product(&self, handle: &Handle) -> ShopResult<ProductView> {
        self.find_product_impl(handle).await
    }

    async fn list_categories(&self) -> ShopResult<Vec<Category>> {
        self.list_categories_impl().await
    }

    async fn view_cart(&self, caller: &Caller) -> ShopResult<CartView> {
        self.view_cart_impl(caller).await
    }

    async fn add_line_item(
        &self,
        caller: &Caller,
        command: AddLineItem,
        client_key: Option<&str>,
    ) -> ShopResult<CartView> {
        self.add_line_item_impl(caller, command, client_key).await
    }

    async fn set_line_item(&self, caller: &Caller, id: &LineItemId, command: SetLineItem) -> ShopResult<CartView> {
        self.set_line_item_impl(caller, id, command).await
    }

    async fn remove_line_item(&self, caller: &Caller, id: &LineItemId) -> ShopResult<CartView> {
        self.remove_line_item_impl(caller, id).await
    }

    async fn quote(&self, caller: &Caller, request: QuoteRequest) -> ShopResult<Quote> {
        self.quote_impl(caller, request).await
    }

    async fn place_order(&self, caller: &Caller, command: PlaceOrder, client_key: &str) -> ShopResult<OrderView> {
        self.place_order_impl(caller, command, client_key).await
    }

    async fn find_order(&self, caller: &Caller, id: &OrderId, access_key: Option<&str>) -> ShopResult<OrderView> {
        self.find_order_impl(caller, id, access_key).await
    }

    async fn check_payment(&self, caller: &Caller, id: &OrderId, access_key: Option<&str>) -> ShopResult<OrderView> {
        self.check_payment_impl(caller, id, access_key).await
    }

    async fn receive_payment_event(&self, signature: Option<&str>, body: &[u8]) -> ShopResult<()> {
        self.receive_payment_event_impl(signature, body).await
    }

    async fn list_orders(
        &self,
        caller: &Caller,
        after: Option<Position>,
        limit: PageLimit,
    ) -> ShopResult<Page<OrderSummary>> {
        let owner = self.identify(caller).await?.owner;
        Ok(self.store.list_orders_of(&owner, after.as_ref(), limit).await?)
    }

    async fn register(&self, caller: &Caller, command: Register) -> ShopResult<SignedIn> {
        self.register_impl(caller, command).await
    }

    async fn log_in(&self, caller: &Caller, command: LogIn) -> ShopResult<SignedIn> {
        self.log_in_impl(caller, command).await
    }

    async fn log_out(&self, caller: &Caller) -> ShopResult<()> {
        Ok(self.store.remove_session(&caller.token.digest()).await?)
    }

    async fn current_customer(&self, caller: &Caller) -> ShopResult<CustomerView> {
        self.identify(caller).await?.customer.map(CustomerView::from).ok_or(ShopError::SignInRequired)
    }

    async fn list_all_orders(
        &self,
        caller: &Caller,
        after: Option<Position>,
        limit: PageLimit,
    ) -> ShopResult<Page<OrderSummary>> {
        self.require_operator(caller).await?;
        Ok(self.store.list_orders(after.as_ref(), limit).await?)
    }

    async fn product_stock(&self, caller: &Caller, handle: &Handle) -> ShopResult<Vec<VariantStock>> {
        self.product_stock_impl(caller, handle).await
    }

    async fn correct_stock(
        &self,
        caller: &Caller,
        command: CorrectStock,
        client_key: Option<&str>,
    ) -> ShopResult<StockLevel> {
        self.correct_stock_impl(caller, command, client_key).await
    }

    async fn cancel_order(&self, caller: &Caller, id: &OrderId) -> ShopResult<OrderView> {
        self.cancel_order_impl(caller, id).await
    }

    async fn refund_order(
        &self,
        caller: &Caller,
        id: &OrderId,
        command: RefundOrder,
        client_key: &str,
    ) -> ShopResult<OrderView> {
        self.refund_order_impl(caller, id, command, client_key).await
    }

    async fn move_parcel(&self, caller: &Caller, id: &OrderId, command: MoveParcel) -> ShopResult<OrderView> {
        self.move_parcel_impl(caller, id, command).await
    }

    async fn ready(&self) -> ShopResult<()> {
        // Whatever is wrong with the store, the answer to a probe is "not now".
        self.store
            .check()
            .await
            .map_err(|error| ShopError::Unavailable { retry_after_seconds: 1, source: Some(error.into()) })
    }
}

impl From<Customer> for CustomerView {
    fn from(customer: Customer) -> Self {
        Self { id: customer.id, email: customer.email, name: customer.name, role: customer.role }
    }
}
