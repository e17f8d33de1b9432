//! The route table: area, surface, class, method, path, handler. The routers are built from it. `cargo xtask generate` generates
//! the copies for `cargo lambda watch`, SAM and Terraform, and a test compares them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::Method;
use axum::routing::{MethodRouter, get, post};

use matchit::Router;

use super::{
    App, MAX_BODY_BYTES, MAX_UPLOAD_BYTES, api, appearance, assets, health, openapi, pages, reference, sitemap,
};

/// A Lambda function, and a listener rule of the load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// Pages of the catalog, assets, health.
    Storefront,
    /// JSON API of the catalog.
    Catalog,
    /// Cart.
    Cart,
    /// Checkout and orders.
    Checkout,
    /// Accounts and sessions.
    Accounts,
    /// Administration, for operators.
    Admin,
}

impl Area {
    /// Every area.
    pub const ALL: [Self; 6] =
        [Self::Storefront, Self::Catalog, Self::Cart, Self::Checkout, Self::Accounts, Self::Admin];

    /// The name of its Lambda function.
    pub fn name(self) -> &'static str {
        match self {
            Self::Storefront => "storefront",
            Self::Catalog => "catalog",
            Self::Cart => "cart",
            Self::Checkout => "checkout",
            Self::Accounts => "accounts",
            Self::Admin => "admin",
        }
    }
}

/// Which Fargate role serves a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// HTML and assets: the frontend.
    Page,
    /// JSON: the backend.
    Api,
    /// Both: each target group has health checks.
    Probe,
}

/// How a route's requests are limited, and whether they may be aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A probe: not limited, never queued.
    Probe,
    /// Aborted when the visitor disconnects or at the deadline.
    Ordinary,
    /// Runs to completion even if the visitor disconnects, because it must not stop between two steps.
    Durable,
    /// The same, and waits for the payment provider: has its own concurrency limit.
    Checkout,
}

/// A route.
pub struct Route {
    /// Which Lambda function serves it.
    pub area: Area,
    /// Which Fargate role serves it.
    pub surface: Surface,
    /// How its requests are limited.
    pub class: Class,
    /// Request method.
    pub method: Method,
    /// Path in axum's syntax.
    pub path: &'static str,
    pub(super) service: fn() -> MethodRouter<App>,
}

/// Routes whose requests may contain a picture.
const UPLOADS: [&str; 3] = ["/api/v1/admin/pictures", "/admin/new-product", "/admin/products/{handle}"];

impl Route {
    /// Largest request body: that of most routes, or that of a form with a picture.
    pub(super) fn max_body_bytes(&self) -> usize {
        if UPLOADS.contains(&self.path) { MAX_UPLOAD_BYTES } else { MAX_BODY_BYTES }
    }

    /// Returns whether every router serves it, whatever its area.
    pub(super) fn everywhere(&self) -> bool {
        self.surface == Surface::Probe
    }
}

macro_rules! routes {
    ($($area:ident $surface:ident $class:ident $verb:ident $path:literal => $handler:expr;)*) => {
        /// Pages, probes and the API's documentation. API endpoints are declared next to their types.
        static PAGES: &[Route] = &[$(Route {
            area: Area::$area,
            surface: Surface::$surface,
            class: Class::$class,
            method: method::$verb,
            path: $path,
            service: || $verb($handler),
        }),*];
    };
}

/// HTTP methods named like axum's routing functions.
#[expect(non_upper_case_globals, reason = "named like the routing functions they belong to")]
pub(crate) mod method {
    use axum::http::Method;

    pub const get: Method = Method::GET;
    pub const post: Method = Method::POST;
    pub const patch: Method = Method::PATCH;
    pub const put: Method = Method::PUT;
    pub const delete: Method = Method::DELETE;
}

routes! {
    Storefront Probe Probe get "/healthz" => health::healthz;
    Storefront Probe Probe get "/readyz" => health::readyz;
    Storefront Page Ordinary get "/" => pages::catalog::home;
    Storefront Page Ordinary get "/products" => pages::catalog::all_products;
    Storefront Page Ordinary get "/products/{handle}" => pages::catalog::product;
    Storefront Page Ordinary get "/categories" => pages::catalog::categories;
    Storefront Page Ordinary get "/categories/{handle}" => pages::catalog::category;
    Storefront Page Ordinary get "/search" => pages::catalog::search;
    Storefront Page Ordinary get "/pages/{name}" => pages::legal::show;
    Storefront Page Ordinary get "/theme.css" => appearance::theme;
    Storefront Page Ordinary get "/favicon.svg" => appearance::letter;
    Storefront Page Ordinary get "/icon" => appearance::icon;
    Storefront Page Ordinary get "/logo" => appearance::logo;
    Storefront Page Ordinary get "/assets/{*path}" => assets::serve;
    Storefront Page Ordinary get "/robots.txt" => sitemap::robots;
    Storefront Page Ordinary get "/sitemap.xml" => sitemap::index;
    Storefront Page Ordinary get "/sitemap-pages.xml" => sitemap::pages;
    Storefront Page Ordinary get "/sitemap-products.xml" => sitemap::products;

    Cart Page Ordinary get "/cart" => pages::cart::show;
    Cart Page Ordinary post "/cart" => pages::cart::change;
    Cart Page Ordinary post "/cart/line-items" => pages::cart::add;

    Checkout Page Ordinary get "/checkout" => pages::checkout::form;
    Checkout Page Ordinary get "/checkout/review" => pages::checkout::review;
    Checkout Page Checkout post "/checkout" => pages::checkout::submit;
    Checkout Page Ordinary get "/orders" => pages::checkout::orders;
    Checkout Page Ordinary get "/orders/find" => pages::order_link::form;
    Checkout Page Ordinary post "/orders/find" => pages::order_link::request;
    Checkout Page Ordinary get "/orders/{id}" => pages::checkout::order;
    Checkout Page Durable get "/orders/{id}/payment" => pages::checkout::back_from_bank;
    Checkout Page Ordinary get "/orders/{id}/cancellation" => pages::order_cancellation::ask;
    Checkout Page Durable post "/orders/{id}/cancellation" => pages::order_cancellation::cancel;

    Accounts Page Ordinary get "/register" => pages::accounts::register_form;
    Accounts Page Ordinary post "/register" => pages::accounts::register;
    Accounts Page Ordinary get "/login" => pages::accounts::log_in_form;
    Accounts Page Ordinary post "/login" => pages::accounts::log_in;
    Accounts Page Ordinary get "/password/forgot" => pages::password::forgot_form;
    Accounts Page Ordinary post "/password/forgot" => pages::password::forgot;
    Accounts Page Ordinary get "/password/reset" => pages::password::reset_form;
    Accounts Page Ordinary post "/password/reset" => pages::password::reset;
    Accounts Page Ordinary post "/logout" => pages::accounts::log_out;
    Accounts Page Ordinary get "/account" => pages::accounts::account;
    Accounts Page Ordinary get "/account/sessions" => pages::sessions::show;
    Accounts Page Ordinary post "/account/sessions" => pages::sessions::end;
    Accounts Page Ordinary get "/account/{change}" => pages::account_changes::show;
    Accounts Page Ordinary post "/account/{change}" => pages::account_changes::save;
    Accounts Page Ordinary get "/account/addresses" => pages::addresses::list;
    Accounts Page Ordinary get "/account/addresses/{id}" => pages::addresses::edit;
    Accounts Page Ordinary post "/account/addresses/{id}" => pages::addresses::save;
    Accounts Page Ordinary get "/account/addresses/{id}/removal" => pages::addresses::ask_removal;
    Accounts Page Ordinary post "/account/addresses/{id}/removal" => pages::addresses::remove;
    Accounts Page Ordinary get "/email/confirm" => pages::email_confirmation::form;
    Accounts Page Ordinary post "/email/confirm" => pages::email_confirmation::confirm;

    Admin Page Ordinary get "/admin" => pages::admin::orders;
    Admin Page Ordinary get "/admin/mails" => pages::admin_mails::list;
    Admin Page Ordinary get "/admin/mails/{name}" => pages::admin_mails::show;
    Admin Page Ordinary get "/admin/mails/{name}/html" => pages::admin_mails::html;
    Admin Page Ordinary get "/admin/orders/{id}" => pages::admin_orders::show;
    Admin Page Durable post "/admin/orders/{id}" => pages::admin_orders::act;
    Admin Page Ordinary get "/admin/products" => pages::products::list;
    Admin Page Durable post "/admin/products" => pages::products::change_selected;
    Admin Page Ordinary get "/admin/new-product" => pages::products::new_form;
    Admin Page Durable post "/admin/new-product" => pages::products::create;
    Admin Page Ordinary get "/admin/products/{handle}" => pages::products::form;
    Admin Page Durable post "/admin/products/{handle}" => pages::products::save;
    Admin Page Ordinary get "/admin/products/{handle}/deletion" => pages::products::ask_deletion;
    Admin Page Durable post "/admin/products/{handle}/deletion" => pages::products::delete;
    Admin Page Ordinary get "/admin/stock" => pages::admin::stock_search;
    Admin Page Ordinary get "/admin/stock/{handle}" => pages::admin::product_stock;
    Admin Page Ordinary post "/admin/stock/{handle}" => pages::admin::correct_stock;

    Admin Page Ordinary get "/admin/setup" => pages::setup::form;
    Admin Page Durable post "/admin/setup" => pages::setup::save;

    Admin Page Ordinary get "/admin/settings" => pages::settings::index;
    Admin Page Ordinary get "/admin/settings/{section}" => pages::settings::show;
    Admin Page Ordinary post "/admin/settings/{section}" => pages::settings::save;
    Admin Page Ordinary post "/admin/settings/images/{image}" => pages::settings::upload_image;
    Admin Page Ordinary get "/admin/settings/history" => pages::settings::history;
    Admin Page Ordinary post "/admin/settings/history" => pages::settings::restore;
    Admin Page Ordinary get "/admin/settings/history/{version}" => pages::settings::version;

    Catalog Api Ordinary get "/api/openapi.json" => openapi::document;
    Catalog Api Ordinary get "/api/docs" => reference::page;
    Catalog Api Ordinary get "/api/docs/{file}" => reference::file;
}

/// Returns all routes of the shop.
pub fn all() -> impl Iterator<Item = &'static Route> {
    let tables = [
        PAGES,
        api::catalog::ROUTES,
        api::cart::ROUTES,
        api::checkout::ROUTES,
        api::accounts::ROUTES,
        api::addresses::ROUTES,
        api::operations::ROUTES,
        api::products::ROUTES,
        api::settings::ROUTES,
    ];
    tables.into_iter().flatten()
}

/// Returns the routes of a path, one per method. axum's `MatchedPath` cannot be used: rejected requests do not reach the router,
/// and the extension is dropped with the request.
pub fn at(path: &str) -> &'static [&'static Route] {
    static BY_PATH: LazyLock<Router<Vec<&'static Route>>> = LazyLock::new(|| {
        let mut by_path = Router::new();
        let mut routes: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
        for route in all() {
            routes.entry(route.path).or_default().push(route);
        }
        for (path, routes) in routes {
            // Fails for conflicting paths; a test checks that every route is found.
            let _ = by_path.insert(path, routes);
        }
        by_path
    });
    BY_PATH.at(path).map_or(&[], |found| found.value)
}

/// Returns the class of a request.
pub(super) fn class_of(method: &Method, path: &str) -> Class {
    let routes = at(path).iter();
    routes.filter(|route| route.method == method).map(|route| route.class).next().unwrap_or(match at(path).first() {
        Some(Route { class: Class::Probe, .. }) => Class::Probe,
        _ => Class::Ordinary,
    })
}

/// Returns the largest body of a request.
pub(super) fn max_body_bytes(path: &str) -> usize {
    at(path).iter().map(|route| route.max_body_bytes()).max().unwrap_or(MAX_BODY_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_path_under_its_area() {
        for route in all() {
            let path = route.path.replace("{*path}", "a/b.css").replace("{id}", "cart_1").replace("{handle}", "x-1");
            let path = path.replace("{name}", "terms").replace("{version}", "1").replace("{section}", "shop");
            let found = at(&path);
            assert!(found.iter().any(|found| std::ptr::eq(*found, route)), "{path}");
            assert!(found.iter().all(|found| (found.path, found.area) == (route.path, route.area)), "{path}");
            assert_eq!(class_of(&route.method, &path), route.class, "{path}");
        }
        for path in ["/nothing", "/products/x/y", "/api/v1", ""] {
            assert!(at(path).is_empty(), "{path}");
            assert_eq!(class_of(&Method::POST, path), Class::Ordinary);
        }
    }

    #[test]
    fn requests_that_wait_for_the_payment_provider_are_not_aborted() {
        let of = |class| all().filter(move |route| route.class == class).map(|route| route.path).collect::<Vec<_>>();
        assert_eq!(of(Class::Checkout), ["/checkout", "/api/v1/checkout"]);
        assert_eq!(
            of(Class::Durable),
            [
                "/orders/{id}/payment",
                "/orders/{id}/cancellation",
                "/admin/orders/{id}",
                "/admin/products",
                "/admin/new-product",
                "/admin/products/{handle}",
                "/admin/products/{handle}/deletion",
                "/admin/setup",
                "/api/v1/orders/{id}/payment-checks",
                "/api/v1/orders/{id}/cancellation",
                "/api/v1/payments/webhooks",
                "/api/v1/admin/orders/{id}/cancellation",
                "/api/v1/admin/orders/{id}/refunds",
                "/api/v1/admin/demo-catalog",
                "/api/v1/admin/products",
                "/api/v1/admin/products/{handle}",
                "/api/v1/admin/products/{handle}",
            ]
        );
        let probes: Vec<_> = all().filter(|route| route.surface == Surface::Probe).map(|route| route.path).collect();
        assert_eq!(of(Class::Probe), probes);
    }
}
