//! The shop over HTTP: JSON API and storefront pages as axum routers, one per area, that run unchanged in a Lambda
//! function and in the server for Fargate. Handlers parse, call one use case of its service, render.

mod access;
pub mod api;
mod assets;
mod client_address;
mod compression;
mod cursor;
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
mod product_size;
mod response_body;
pub mod routes;
mod rule;
mod runtime;
mod sealed;
mod texts;
mod usage;
mod visitor;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::config::HttpConfig;
pub use assets::{EmbeddedAssets, NamedAsset};
pub use client_address::{AddressSource, ClientAddress, FORWARDED_FOR, forwarded_for};
use health::StoreCheck;
use overload::Gate;
pub use problem::Problem;
pub use product_size::refuse_product;
use routes::{Area, Surface};
pub use rule::BrokenRule;
pub use runtime::{RUNTIME_HEADER, Runtime};
use shopease_shop::domain::Country;
use shopease_shop::ports::{AssetStore, IdGenerator, MAX_ASSET_BYTES, SystemIds};
use shopease_shop::services::{LocalShop, Services};
pub use texts::failure as failure_text;

/// Largest request body: keeps ALB, API Gateway and plain HTTP alike (ALB refuses more than 1 MB to a Lambda).
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// Largest body of a response before compression. As Base64 in the event of a function it leaves 90 KB of the load balancer's
/// 1 MB for the headers, which the event contains twice.
pub const MAX_RESPONSE_BYTES: usize = MAX_ASSET_BYTES;

/// What handlers share.
#[derive(Clone)]
pub struct App {
    pub(crate) services: Services,
    pub(crate) ids: Arc<dyn IdGenerator>,
    pub(crate) config: Arc<HttpConfig>,
    pub(crate) assets: Arc<dyn AssetStore>,
    draining: Arc<AtomicBool>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) store_check: Arc<StoreCheck>,
    pub(crate) runtime: Option<Runtime>,
}

impl App {
    /// The shop with how it shows itself.
    pub fn new(services: Services, ids: Arc<dyn IdGenerator>, config: HttpConfig) -> Self {
        let gate = Arc::new(Gate::new(config.limits));
        let assets = Arc::new(EmbeddedAssets);
        Self {
            services,
            ids,
            config: Arc::new(config),
            assets,
            draining: Arc::default(),
            gate,
            store_check: Arc::default(),
            runtime: None,
        }
    }

    /// The same with assets from elsewhere than the binary.
    #[must_use]
    pub fn with_assets(self, assets: Arc<dyn AssetStore>) -> Self {
        Self { assets, ..self }
    }

    /// The same, whose answers say what runs it and how long they took.
    #[must_use]
    pub fn with_runtime(self, runtime: Runtime) -> Self {
        Self { runtime: Some(runtime), ..self }
    }

    /// A shop in this process, with the machine's randomness.
    pub fn local(shop: LocalShop, http: HttpConfig) -> Self {
        Self::new(Services::of(shop), Arc::new(SystemIds), http)
    }

    /// Makes `/readyz` fail from now on, so that a load balancer sends new visitors elsewhere before the process stops.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Answers every request in flight with 503 now: the process is about to stop, and an answer is better than none.
    pub fn cut_off(&self) {
        self.gate.cut_off();
    }

    /// Waits until no order is at work, also none whose visitor has an answer or is gone already.
    pub async fn checkouts_ended(&self) {
        self.gate.checkouts_ended().await;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Countries that the checkout form offers.
    pub(crate) fn countries(&self) -> &[&'static Country] {
        &self.config.countries
    }
}

/// The routes that `keep` selects, behind the layers that every front door needs.
pub fn router(app: App, keep: impl Fn(&routes::Route) -> bool) -> Router {
    let mut inner = Router::new();
    for route in routes::all().filter(|route| keep(route)) {
        inner = inner.route(route.path, (route.service)());
    }
    let inner = inner
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(app.clone(), visitor::layer))
        .with_state(app.clone());
    // From the outside in, and all before routing, so that every front door has the same view of a path and of a response.
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

/// One area with pages and API: what a Lambda function serves.
pub fn area(app: App, area: Area) -> Router {
    router(app, move |route| route.area == area || route.everywhere())
}

/// All pages: what the frontend role serves.
pub fn frontend(app: App) -> Router {
    router(app, |route| route.surface == Surface::Page || route.everywhere())
}

/// The whole JSON API: what the backend role serves.
pub fn backend(app: App) -> Router {
    router(app, |route| route.surface == Surface::Api || route.everywhere())
}

/// Everything.
pub fn all(app: App) -> Router {
    router(app, |_| true)
}
