//! The shop behind HTTP: [`Shop`] by calling the JSON API of another process. The frontend role uses it to reach the
//! backend role; the caller's token travels as a bearer token.

use std::time::Duration;

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde::de::DeserializeOwned;

use crate::domain::{
    Category, Handle, LineItemId, OrderId, OrderSummary, Page, PageLimit, Position, ProductSummary, Quote, StockLevel,
};
use crate::http::Problem;
use crate::http::SIGNATURE_HEADER;
use crate::http::wire::{CategoriesBody, PageBody, ProductStockBody, encode_cursor, position_of, products_question};
use crate::ports::IdempotencyKey;
use crate::shop::{
    AddLineItem, Caller, CartView, CorrectStock, CustomerView, ListProducts, LogIn, MoveParcel, OrderView, PlaceOrder,
    ProductView, QuoteRequest, RefundOrder, Register, SetLineItem, Shop, ShopError, ShopResult, SignedIn, VariantStock,
};

/// Everything but RFC 3986's unreserved characters is escaped in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Longest wait for an answer: a checkout's own budget and a little more.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What load balancers and proxies answer for a backend that is gone or busy.
const IN_BETWEEN: [u16; 4] = [429, 502, 503, 504];

/// A shop at a base URL such as `http://backend:8080`.
#[derive(Debug, Clone)]
pub struct RemoteShop {
    client: Client,
    base: Url,
}

impl RemoteShop {
    /// A shop at `base`.
    ///
    /// # Errors
    /// A reason when the URL is not a plain `http` URL: inside the VPC no TLS is spoken.
    pub fn new(base: &str) -> Result<Self, String> {
        let base: Url = base.parse().map_err(|error| format!("{base:?} is not a URL: {error}"))?;
        if base.scheme() != "http" || base.cannot_be_a_base() {
            return Err(format!("{base} is not a URL like http://backend:8080"));
        }
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client, base })
    }

    fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let path: Vec<String> =
            segments.iter().map(|segment| utf8_percent_encode(segment, SEGMENT).to_string()).collect();
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/{}", self.base.path().trim_end_matches('/'), path.join("/")));
        self.client.request(method, url)
    }

    fn as_caller(&self, caller: &Caller, method: Method, segments: &[&str]) -> RequestBuilder {
        self.request(method, segments).bearer_auth(caller.token.expose())
    }

    fn listing(
        &self,
        caller: &Caller,
        segments: &[&str],
        question: &str,
        after: Option<&Position>,
        limit: PageLimit,
    ) -> RequestBuilder {
        let mut query = vec![("limit", limit.get().to_string())];
        query.extend(after.map(|position| ("cursor", encode_cursor(question, position))));
        self.as_caller(caller, Method::GET, segments).query(&query)
    }
}

async fn send<T: DeserializeOwned>(request: RequestBuilder) -> ShopResult<T> {
    let body = send_for_bytes(request).await?;
    serde_json::from_slice(&body).map_err(|error| ShopError::Internal(error.into()))
}

async fn send_for_bytes(request: RequestBuilder) -> ShopResult<Vec<u8>> {
    let unavailable =
        |error: reqwest::Error| ShopError::Unavailable { retry_after_seconds: 1, source: Some(error.into()) };
    let response = request.send().await.map_err(unavailable)?;
    let status = response.status();
    let body = response.bytes().await.map_err(unavailable)?;
    if status.is_success() {
        return Ok(body.into());
    }
    let problem = serde_json::from_slice::<Problem>(&body).ok().and_then(Problem::into_shop_error);
    if problem.is_none() && IN_BETWEEN.contains(&status.as_u16()) {
        let source = format!("something before the backend answered {status}");
        return Err(ShopError::Unavailable { retry_after_seconds: 1, source: Some(source.into()) });
    }
    Err(problem.unwrap_or_else(|| ShopError::Internal(format!("the backend answered {status}").into())))
}

fn page<T>(body: PageBody<T>) -> Page<T> {
    Page { items: body.items, next: body.next_cursor.as_deref().and_then(position_of) }
}

#[async_trait]
impl Shop for RemoteShop {
    async fn list_products(&self, command: ListProducts) -> ShopResult<Page<ProductSummary>> {
        let question = products_question(&command);
        let mut query = vec![("limit", command.limit.get().to_string())];
        query.extend(command.after.map(|position| ("cursor", encode_cursor(&question, &position))));
        query.extend(command.q.map(|q| ("q", q)));
        query.extend(command.category.map(|category| ("category", category.to_string())));
        query.extend(command.sort.map(|sort| ("sort", sort.as_str().to_owned())));
        send(self.request(Method::GET, &["products"]).query(&query)).await.map(page)
    }

    async fn find_product(&self, handle: &Handle) -> ShopResult<ProductView> {
        send(self.request(Method::GET, &["products", handle.as_str()])).await
    }

    async fn list_categories(&self) -> ShopResult<Vec<Category>> {
        send::<CategoriesBody>(self.request(Method::GET, &["categories"])).await.map(|body| body.items)
    }

    async fn view_cart(&self, caller: &Caller) -> ShopResult<CartView> {
        send(self.as_caller(caller, Method::GET, &["cart"])).await
    }

    async fn add_line_item(
        &self,
        caller: &Caller,
        command: AddLineItem,
        client_key: Option<&str>,
    ) -> ShopResult<CartView> {
        let request = self.as_caller(caller, Method::POST, &["cart", "line-items"]).json(&command);
        send(with_key(request, client_key)?).await
    }

    async fn set_line_item(&self, caller: &Caller, id: &LineItemId, command: SetLineItem) -> ShopResult<CartView> {
        send(self.as_caller(caller, Method::PATCH, &["cart", "line-items", id.as_str()]).json(&command)).await
    }

    async fn remove_line_item(&self, caller: &Caller, id: &LineItemId) -> ShopResult<CartView> {
        send(self.as_caller(caller, Method::DELETE, &["cart", "line-items", id.as_str()])).await
    }

    async fn quote(&self, caller: &Caller, request: QuoteRequest) -> ShopResult<Quote> {
        send(self.as_caller(caller, Method::POST, &["checkout", "quote"]).json(&request)).await
    }

    async fn place_order(&self, caller: &Caller, command: PlaceOrder, client_key: &str) -> ShopResult<OrderView> {
        let request = self.as_caller(caller, Method::POST, &["checkout"]).json(&command);
        send(with_key(request, Some(client_key))?).await
    }

    async fn find_order(&self, caller: &Caller, id: &OrderId, access_key: Option<&str>) -> ShopResult<OrderView> {
        let query: Vec<_> = access_key.map(|key| ("key", key)).into_iter().collect();
        send(self.as_caller(caller, Method::GET, &["orders", id.as_str()]).query(&query)).await
    }

    async fn check_payment(&self, caller: &Caller, id: &OrderId, access_key: Option<&str>) -> ShopResult<OrderView> {
        let query: Vec<_> = access_key.map(|key| ("key", key)).into_iter().collect();
        send(self.as_caller(caller, Method::POST, &["orders", id.as_str(), "payment-checks"]).query(&query)).await
    }

    async fn receive_payment_event(&self, signature: Option<&str>, body: &[u8]) -> ShopResult<()> {
        let mut request = self.request(Method::POST, &["payments", "webhooks"]).body(body.to_vec());
        if let Some(signature) = signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        send_for_bytes(request).await.map(|_| ())
    }

    async fn list_orders(
        &self,
        caller: &Caller,
        after: Option<Position>,
        limit: PageLimit,
    ) -> ShopResult<Page<OrderSummary>> {
        send(self.listing(caller, &["orders"], "orders", after.as_ref(), limit)).await.map(page)
    }

    async fn register(&self, caller: &Caller, command: Register) -> ShopResult<SignedIn> {
        send(self.as_caller(caller, Method::POST, &["accounts"]).json(&command)).await
    }

    async fn log_in(&self, caller: &Caller, command: LogIn) -> ShopResult<SignedIn> {
        send(self.as_caller(caller, Method::POST, &["sessions"]).json(&command)).await
    }

    async fn log_out(&self, caller: &Caller) -> ShopResult<()> {
        send_for_bytes(self.as_caller(caller, Method::DELETE, &["sessions", "current"])).await.map(|_| ())
    }

    async fn current_customer(&self, caller: &Caller) -> ShopResult<CustomerView> {
        send(self.as_caller(caller, Method::GET, &["accounts", "me"])).await
    }

    async fn list_all_orders(
        &self,
        caller: &Caller,
        after: Option<Position>,
        limit: PageLimit,
    ) -> ShopResult<Page<OrderSummary>> {
        send(self.listing(caller, &["admin", "orders"], "all-orders", after.as_ref(), limit)).await.map(page)
    }

    async fn product_stock(&self, caller: &Caller, handle: &Handle) -> ShopResult<Vec<VariantStock>> {
        let request = self.as_caller(caller, Method::GET, &["admin", "products", handle.as_str(), "stock"]);
        send::<ProductStockBody>(request).await.map(|body| body.items)
    }

    async fn correct_stock(
        &self,
        caller: &Caller,
        command: CorrectStock,
        client_key: Option<&str>,
    ) -> ShopResult<StockLevel> {
        let request = self.as_caller(caller, Method::POST, &["admin", "stock-corrections"]).json(&command);
        send(with_key(request, client_key)?).await
    }

    async fn cancel_order(&self, caller: &Caller, id: &OrderId) -> ShopResult<OrderView> {
        send(self.as_caller(caller, Method::POST, &["admin", "orders", id.as_str(), "cancellation"])).await
    }

    async fn refund_order(
        &self,
        caller: &Caller,
        id: &OrderId,
        command: RefundOrder,
        client_key: &str,
    ) -> ShopResult<OrderView> {
        let request = self.as_caller(caller, Method::POST, &["admin", "orders", id.as_str(), "refunds"]);
        send(with_key(request.json(&command), Some(client_key))?).await
    }

    async fn move_parcel(&self, caller: &Caller, id: &OrderId, command: MoveParcel) -> ShopResult<OrderView> {
        let request = self.as_caller(caller, Method::POST, &["admin", "orders", id.as_str(), "parcel-events"]);
        send(request.json(&command)).await
    }

    async fn ready(&self) -> ShopResult<()> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/readyz", self.base.path().trim_end_matches('/')));
        send_for_bytes(self.client.get(url)).await.map(|_| ())
    }
}

/// The request under a client's key. A key that is none is refused here: on its way a header may lose blanks.
fn with_key(request: RequestBuilder, client_key: Option<&str>) -> ShopResult<RequestBuilder> {
    let Some(key) = client_key else { return Ok(request) };
    IdempotencyKey::check(key)?;
    Ok(request.header("idempotency-key", key))
}
