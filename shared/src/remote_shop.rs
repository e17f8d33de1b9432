//! The shop behind HTTP: [`Shop`] by calling the JSON API of another process. The frontend role uses it to reach the
//! backend role; the caller's token travels as a bearer token.
//!
//! What may be repeated is tried again when the backend could not be reached or broke off, within the request's deadline
//! and the process's retry budget. A backend that says 503 itself has asked for patience, and its visitor is told so.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, Request, RequestBuilder, Url};
use serde::de::DeserializeOwned;

use crate::http::Problem;
use crate::http::wire::{CategoriesBody, PageBody, ProductStockBody, encode_cursor, position_of, products_question};
use shopease_process::deadline;
use shopease_process::retry::{RetryBudget, full_jitter};
use shopease_process::telemetry::request;
use shopease_shop::domain::{
    Category, Handle, LineItemId, OrderId, OrderSummary, Page, PageLimit, Position, ProductSummary, Quote, StockLevel,
};
use shopease_shop::ports::{IdGenerator, IdempotencyKey, SIGNATURE_HEADER, SystemIds};
use shopease_shop::shop::{
    AddLineItem, Caller, CartView, CorrectStock, CustomerView, ListProducts, LogIn, MoveParcel, OrderView, PlaceOrder,
    ProductView, QuoteRequest, RefundOrder, Register, SetLineItem, Shop, ShopError, ShopResult, SignedIn, VariantStock,
};

/// Everything but RFC 3986's unreserved characters is escaped in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Longest wait for a connection: inside a VPC it takes a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Longest wait for an answer where no request has a deadline: a checkout's own budget.
const TIMEOUT: Duration = Duration::from_secs(28);

/// What a request keeps of its deadline, to tell its visitor what happened.
const RESERVE: Duration = Duration::from_millis(200);

/// Tries of one call.
const TRIES: u32 = 3;
/// Longest pause before the second try; twice as long before the third.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What load balancers and proxies answer for a backend that is gone or busy.
const IN_BETWEEN: [u16; 4] = [429, 502, 503, 504];
/// Those that say that no backend was reached.
const NOT_REACHED: [u16; 2] = [502, 503];

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A shop at a base URL such as `http://backend:8080`. Clones share connections and retry budget.
#[derive(Clone)]
pub struct RemoteShop {
    client: Client,
    base: Url,
    ids: Arc<dyn IdGenerator>,
    budget: Arc<RetryBudget>,
}

impl fmt::Debug for RemoteShop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteShop").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
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
            .connect_timeout(CONNECT_TIMEOUT)
            // Shorter than a backend keeps idle connections, so that none is used in the moment it is closed.
            .pool_idle_timeout(Duration::from_mins(1))
            // One try each is counted here: the client's own retries would not be.
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| error.to_string())?;
        // A tenth of the requests, one a second where there are few; 20 carry over a backend that restarts.
        let budget = Arc::new(RetryBudget::new(10, 1, 20));
        Ok(Self { client, base, ids: Arc::new(SystemIds), budget })
    }

    fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let path: Vec<String> =
            segments.iter().map(|segment| utf8_percent_encode(segment, SEGMENT).to_string()).collect();
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/{}", self.base.path().trim_end_matches('/'), path.join("/")));
        self.client.request(method, url).headers(request::passed_on().into_iter().collect())
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

/// How a try ended that gave no answer of the backend.
struct Failure {
    error: ShopError,
    /// Another try may find the backend.
    passing: bool,
}

impl RemoteShop {
    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> ShopResult<T> {
        let body = self.send_for_bytes(request).await?;
        serde_json::from_slice(&body).map_err(|error| ShopError::Internal(error.into()))
    }

    async fn send_for_bytes(&self, request: RequestBuilder) -> ShopResult<Vec<u8>> {
        let request = request.build().map_err(|error| ShopError::Internal(error.into()))?;
        self.budget.note_request();
        let mut tried = 1;
        loop {
            // Bodies are bytes, so that every request has a copy.
            let copy = if tried < TRIES && is_repeatable(&request) { request.try_clone() } else { None };
            let Some(copy) = copy else { return self.try_once(request).await.map_err(|failure| failure.error) };
            match self.try_once(copy).await {
                Err(failure) if failure.passing => {
                    let pause = full_jitter(&*self.ids, FIRST_PAUSE * tried);
                    if !deadline::allows(pause + RESERVE) || !self.budget.allows_retry() {
                        return Err(failure.error);
                    }
                    tokio::time::sleep(pause).await;
                    tried += 1;
                }
                done => return done.map_err(|failure| failure.error),
            }
        }
    }

    async fn try_once(&self, mut request: Request) -> Result<Vec<u8>, Failure> {
        let unavailable = |source: shopease_shop::ports::Source| ShopError::Unavailable {
            retry_after_seconds: 1,
            source: Some(source),
        };
        let left = deadline::remaining().map_or(TIMEOUT, |left| left.saturating_sub(RESERVE));
        if left.is_zero() {
            let error = unavailable("there is no time left to ask the backend".into());
            return Err(Failure { error, passing: false });
        }
        *request.timeout_mut() = Some(left);
        // Who did not answer in time is busy: a second request would make it busier.
        // Its address may hold an order's key, and errors are logged.
        let broken = |error: reqwest::Error| {
            let passing = error.is_connect() || !error.is_timeout();
            Failure { error: unavailable(error.without_url().into()), passing }
        };
        let response = self.client.execute(request).await.map_err(broken)?;
        let status = response.status();
        let body = response.bytes().await.map_err(broken)?;
        if status.is_success() {
            return Ok(body.into());
        }
        let problem = serde_json::from_slice::<Problem>(&body).ok().and_then(Problem::into_shop_error);
        if problem.is_none() && IN_BETWEEN.contains(&status.as_u16()) {
            let source = format!("something before the backend answered {status}");
            return Err(Failure { error: unavailable(source.into()), passing: NOT_REACHED.contains(&status.as_u16()) });
        }
        let error = problem.unwrap_or_else(|| ShopError::Internal(format!("the backend answered {status}").into()));
        Err(Failure { error, passing: false })
    }
}

/// Whether a second request has no second effect: reads, and what carries a key.
fn is_repeatable(request: &Request) -> bool {
    request.method() == Method::GET || request.headers().contains_key(IDEMPOTENCY_KEY)
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
        self.send(self.request(Method::GET, &["products"]).query(&query)).await.map(page)
    }

    async fn find_product(&self, handle: &Handle) -> ShopResult<ProductView> {
        self.send(self.request(Method::GET, &["products", handle.as_str()])).await
    }

    async fn list_categories(&self) -> ShopResult<Vec<Category>> {
        self.send::<CategoriesBody>(self.request(Method::GET, &["categories"])).await.map(|body| body.items)
    }

    async fn view_cart(&self, caller: &Caller) -> ShopResult<CartView> {
        self.send(self.as_caller(caller, Method::GET, &["cart"])).await
    }

    async fn add_line_item(
        &self,
        caller: &Caller,
        command: AddLineItem,
        client_key: Option<&str>,
    ) -> ShopResult<CartView> {
        let request = self.as_caller(caller, Method::POST, &["cart", "line-items"]).json(&command);
        self.send(with_key(request, client_key)?).await
    }

    async fn set_line_item(&self, caller: &Caller, id: &LineItemId, command: SetLineItem) -> ShopResult<CartView> {
        self.send(self.as_caller(caller, Method::PATCH, &["cart", "line-items", id.as_str()]).json(&command)).await
    }

    async fn remove_line_item(&self, caller: &Caller, id: &LineItemId) -> ShopResult<CartView> {
        self.send(self.as_caller(caller, Method::DELETE, &["cart", "line-items", id.as_str()])).await
    }

    async fn quote(&self, caller: &Caller, request: QuoteRequest) -> ShopResult<Quote> {
        self.send(self.as_caller(caller, Method::POST, &["checkout", "quote"]).json(&request)).await
    }

    async fn place_order(&self, caller: &Caller, command: PlaceOrder, client_key: &str) -> ShopResult<OrderView> {
        let request = self.as_caller(caller, Method::POST, &["checkout"]).json(&command);
        self.send(with_key(request, Some(client_key))?).await
    }

    async fn find_order(&self, caller: &Caller, id: &OrderId, access_key: Option<&str>) -> ShopResult<OrderView> {
        let query: Vec<_> = access_key.map(|key| ("key", key)).into_iter().collect();
        self.send(self.as_caller(caller, Method::GET, &["orders", id.as_str()]).query(&query)).await
    }

    async fn check_payment(&self, caller: &Caller, id: &OrderId, access_key: Option<&str>) -> ShopResult<OrderView> {
        let query: Vec<_> = access_key.map(|key| ("key", key)).into_iter().collect();
        self.send(self.as_caller(caller, Method::POST, &["orders", id.as_str(), "payment-checks"]).query(&query)).await
    }

    async fn receive_payment_event(&self, signature: Option<&str>, body: &[u8]) -> ShopResult<()> {
        let mut request = self.request(Method::POST, &["payments", "webhooks"]).body(body.to_vec());
        if let Some(signature) = signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        self.send_for_bytes(request).await.map(|_| ())
    }

    async fn list_orders(
        &self,
        caller: &Caller,
        after: Option<Position>,
        limit: PageLimit,
    ) -> ShopResult<Page<OrderSummary>> {
        self.send(self.listing(caller, &["orders"], "orders", after.as_ref(), limit)).await.map(page)
    }

    async fn register(&self, caller: &Caller, command: Register) -> ShopResult<SignedIn> {
        self.send(self.as_caller(caller, Method::POST, &["accounts"]).json(&command)).await
    }

    async fn log_in(&self, caller: &Caller, command: LogIn) -> ShopResult<SignedIn> {
        self.send(self.as_caller(caller, Method::POST, &["sessions"]).json(&command)).await
    }

    async fn log_out(&self, caller: &Caller) -> ShopResult<()> {
        self.send_for_bytes(self.as_caller(caller, Method::DELETE, &["sessions", "current"])).await.map(|_| ())
    }

    async fn current_customer(&self, caller: &Caller) -> ShopResult<CustomerView> {
        self.send(self.as_caller(caller, Method::GET, &["accounts", "me"])).await
    }

    async fn list_all_orders(
        &self,
        caller: &Caller,
        after: Option<Position>,
        limit: PageLimit,
    ) -> ShopResult<Page<OrderSummary>> {
        self.send(self.listing(caller, &["admin", "orders"], "all-orders", after.as_ref(), limit)).await.map(page)
    }

    async fn product_stock(&self, caller: &Caller, handle: &Handle) -> ShopResult<Vec<VariantStock>> {
        let request = self.as_caller(caller, Method::GET, &["admin", "products", handle.as_str(), "stock"]);
        self.send::<ProductStockBody>(request).await.map(|body| body.items)
    }

    async fn correct_stock(
        &self,
        caller: &Caller,
        command: CorrectStock,
        client_key: Option<&str>,
    ) -> ShopResult<StockLevel> {
        let request = self.as_caller(caller, Method::POST, &["admin", "stock-corrections"]).json(&command);
        self.send(with_key(request, client_key)?).await
    }

    async fn cancel_order(&self, caller: &Caller, id: &OrderId) -> ShopResult<OrderView> {
        self.send(self.as_caller(caller, Method::POST, &["admin", "orders", id.as_str(), "cancellation"])).await
    }

    async fn refund_order(
        &self,
        caller: &Caller,
        id: &OrderId,
        command: RefundOrder,
        client_key: &str,
    ) -> ShopResult<OrderView> {
        let request = self.as_caller(caller, Method::POST, &["admin", "orders", id.as_str(), "refunds"]);
        self.send(with_key(request.json(&command), Some(client_key))?).await
    }

    async fn move_parcel(&self, caller: &Caller, id: &OrderId, command: MoveParcel) -> ShopResult<OrderView> {
        let request = self.as_caller(caller, Method::POST, &["admin", "orders", id.as_str(), "parcel-events"]);
        self.send(request.json(&command)).await
    }

    async fn ready(&self) -> ShopResult<()> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/readyz", self.base.path().trim_end_matches('/')));
        // A probe tells what is, not what is after a while.
        let request = self.client.get(url).build().map_err(|error| ShopError::Internal(error.into()))?;
        self.try_once(request).await.map(|_| ()).map_err(|failure| failure.error)
    }
}

/// The request under a client's key. A key that is none is refused here: on its way a header may lose blanks.
fn with_key(request: RequestBuilder, client_key: Option<&str>) -> ShopResult<RequestBuilder> {
    let Some(key) = client_key else { return Ok(request) };
    IdempotencyKey::check(key)?;
    Ok(request.header(IDEMPOTENCY_KEY, key))
}
