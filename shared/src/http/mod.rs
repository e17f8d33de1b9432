//! The shop over HTTP: JSON API and storefront pages as axum routers, one per area. They run unchanged in a Lambda function
//! and in the server on Fargate. A handler parses the request, calls one use case and renders the response.

mod access;
pub mod api;
mod appearance;
mod assets;
mod client_address;
mod compression;
mod cursor;
mod device;
mod extract;
mod guard;
mod headers;
mod health;
pub mod listener_rules;
mod notice;
pub mod openapi;
mod overload;
mod pages;
mod problem;
mod product_feed;
mod product_size;
mod reference;
mod response_body;
pub mod routes;
mod rule;
mod runtime;
mod sealed;
mod sitemap;
mod texts;
mod usage;
mod visitor;
mod xml;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::config::HttpConfig;
pub use assets::{EmbeddedAssets, NamedAsset, cache_control, content_type};
pub use client_address::{AddressSource, ClientAddress, FORWARDED_FOR, forwarded_for};
use health::StoreCheck;
use overload::Gate;
pub use problem::Problem;
pub use product_feed::ProductFeed;
pub use product_size::refuse_product;
use routes::{Area, Surface};
pub use rule::BrokenRule;
pub use runtime::{RUNTIME_HEADER, Runtime};
use shopease_shop::domain::{Country, Picture, fold};
use shopease_shop::ports::{AssetStore, IdGenerator, MAX_ASSET_BYTES, SentMails, SystemIds};
use shopease_shop::services::{LocalShop, Services, ShopView, ViewShop};
pub use texts::{failure as failure_text, setting_rule as setting_rule_text};

/// Largest request body, the same for ALB, API Gateway and plain HTTP (ALB rejects more than 1 MB for a Lambda target).
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// Largest form with a picture, which has a sixteenth for its other fields. Encoded as Base64, it fits into 1 MB.
pub const MAX_UPLOAD_BYTES: usize = Picture::MAX_FILE_BYTES / 16 * 17;

/// Largest response body before compression. Encoded as Base64 in a Lambda response, it leaves 90 KB of the load balancer's
/// 1 MB for the headers, which that response contains twice.
pub const MAX_RESPONSE_BYTES: usize = MAX_ASSET_BYTES;

/// State shared by the handlers.
#[derive(Clone)]
pub struct App {
    pub(crate) services: Services,
    pub(crate) ids: Arc<dyn IdGenerator>,
    pub(crate) config: Arc<HttpConfig>,
    pub(crate) assets: Arc<dyn AssetStore>,
    pub(crate) mails: Option<Arc<dyn SentMails>>,
    draining: Arc<AtomicBool>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) store_check: Arc<StoreCheck>,
    pub(crate) sitemap_parts: Arc<sitemap::Parts>,
    pub(crate) runtime: Option<Runtime>,
    reference: Option<&'static reference::Files>,
    /// The public settings as last seen, for pages while the shop does not respond.
    last_shop: Arc<Mutex<Option<Arc<ShopView>>>>,
}

impl App {
    /// The handlers over these services, with their configuration.
    pub fn new(services: Services, ids: Arc<dyn IdGenerator>, config: HttpConfig) -> Self {
        let gate = Arc::new(Gate::new(config.limits));
        let assets = Arc::new(EmbeddedAssets);
        Self {
            services,
            ids,
            config: Arc::new(config),
            assets,
            mails: None,
            draining: Arc::default(),
            gate,
            store_check: Arc::default(),
            sitemap_parts: Arc::default(),
            runtime: None,
            reference: None,
            last_shop: Arc::default(),
        }
    }

    /// Serves assets from this store instead of the binary.
    #[must_use]
    pub fn with_assets(self, assets: Arc<dyn AssetStore>) -> Self {
        Self { assets, ..self }
    }

    /// Shows operators the mails of this process, which are files instead of being sent.
    #[must_use]
    pub fn with_mails(self, mails: Arc<dyn SentMails>) -> Self {
        Self { mails: Some(mails), ..self }
    }

    /// Adds runtime and duration to the headers of each response.
    #[must_use]
    pub fn with_runtime(self, runtime: Runtime) -> Self {
        Self { runtime: Some(runtime), ..self }
    }

    /// Adds the files of the API reference. Only a binary that calls this contains them: of the functions, the one that serves
    /// the page.
    #[must_use]
    pub fn with_api_reference(self) -> Self {
        Self { reference: Some(&reference::FILES), ..self }
    }

    /// A shop in this process, with the operating system's random generator.
    pub fn local(shop: LocalShop, http: HttpConfig) -> Self {
        Self::new(Services::of(shop), Arc::new(SystemIds), http)
    }

    /// Makes `/readyz` fail from now on, so that the load balancer routes new requests elsewhere before the process stops.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Responds to every request in flight with 503 at once, because the process is about to stop.
    pub fn cut_off(&self) {
        self.gate.cut_off();
    }

    /// Waits until no checkout is running, including those whose visitor already has a response or has disconnected.
    pub async fn checkouts_ended(&self) {
        self.gate.checkouts_ended().await;
    }

    /// The absolute URL of a path of this shop, or of an image: an absolute URL stays as it is.
    pub(crate) fn absolute(&self, path: &str) -> String {
        absolute(&self.config.public_url, path)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The public settings. While the shop does not respond, those that were seen last.
    pub(crate) async fn shop(&self) -> Arc<ShopView> {
        match self.services.catalog.view_shop(ViewShop).await {
            Ok(shop) => {
                let shop = Arc::new(shop);
                *self.last_shop.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&shop));
                shop
            }
            Err(_) => self.last_shop(),
        }
    }

    /// The public settings that were seen last, or neutral ones.
    pub(crate) fn last_shop(&self) -> Arc<ShopView> {
        let last = self.last_shop.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.unwrap_or_else(|| Arc::new(ShopView::neutral()))
    }

    /// Countries that the shop sells to, sorted by name.
    pub(crate) async fn countries(&self) -> Vec<&'static Country> {
        let chosen = &self.shop().await.countries;
        let mut countries: Vec<_> =
            Country::all().filter(|country| chosen.is_empty() || chosen.contains(&country.code)).collect();
        countries.sort_by_cached_key(|country| fold(&country.name));
        countries
    }
}

/// The absolute URL of a path below `public_url`. An absolute URL stays as it is.
pub(crate) fn absolute(public_url: &str, path: &str) -> String {
    if path.starts_with('/') { format!("{public_url}{path}") } else { path.to_owned() }
}

/// The routes that `keep` selects, wrapped in the layers that every front door needs.
pub fn router(app: App, keep: impl Fn(&routes::Route) -> bool) -> Router {
    let mut inner = Router::new();
    for route in routes::all().filter(|route| keep(route)) {
        let limit = DefaultBodyLimit::max(route.max_body_bytes());
        inner = inner.route(route.path, (route.service)().layer(limit));
    }
    let inner = inner
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(from_fn_with_state(app.clone(), visitor::layer))
        .with_state(app.clone());
    // Outermost first. All run before routing, so that every front door treats paths and responses alike.
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(app.clone(), access::layer))
        .layer(headers::request_id())
        .layer(headers::security())
        .layer(from_fn(response_body::framed))
        .map_request(compression::negotiable)
        .layer(compression::layer())
        .layer(from_fn_with_state(app.clone(), problem::pages))
        .layer(from_fn(response_body::limit))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn(guard::layer))
        .layer(from_fn_with_state(app, overload::layer));
    Router::new().fallback_service(inner).layer(layers)
}

/// Pages and API of one area, as a Lambda function serves them.
pub fn area(app: App, area: Area) -> Router {
    router(app, move |route| route.area == area || route.everywhere())
}

/// All pages, as the frontend role serves them.
pub fn frontend(app: App) -> Router {
    router(app, |route| route.surface == Surface::Page || route.everywhere())
}

/// The whole JSON API, as the backend role serves it.
pub fn backend(app: App) -> Router {
    router(app, |route| route.surface == Surface::Api || route.everywhere())
}

/// All pages and the whole JSON API.
pub fn all(app: App) -> Router {
    router(app, |_| true)
}
