//! The one route table: area, surface, method, path, handler. Routers are built from it; the copies for
//! `cargo lambda watch`, SAM and Terraform are generated from it (`cargo xtask generate`) and compared by a test.

use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, patch, post};

use super::{App, api, assets, health, openapi, pages};

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
    /// The operator's part.
    Admin,
}

impl Area {
    /// Every area.
    pub const ALL: [Self; 6] =
        [Self::Storefront, Self::Catalog, Self::Cart, Self::Checkout, Self::Accounts, Self::Admin];

    /// The name of its function.
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
    /// Both: probes go to each target group.
    Probe,
}

/// A route.
pub struct Route {
    /// Which function serves it.
    pub area: Area,
    /// Which role serves it.
    pub surface: Surface,
    /// Request method.
    pub method: Method,
    /// Path in axum's syntax.
    pub path: &'static str,
    pub(super) service: fn() -> MethodRouter<App>,
}

impl Route {
    /// Whether every router serves it, whatever its area.
    pub(super) fn everywhere(&self) -> bool {
        self.surface == Surface::Probe
    }
}

macro_rules! routes {
    ($($area:ident $surface:ident $verb:ident $path:literal => $handler:expr;)*) => {
        /// All routes of the shop.
        pub static ROUTES: &[Route] = &[$(Route {
            area: Area::$area,
            surface: Surface::$surface,
            method: method::$verb,
            path: $path,
            service: || $verb($handler),
        }),*];
    };
}

/// The methods under the names of axum's routing functions.
#[expect(non_upper_case_globals, reason = "named like the routing functions they belong to")]
mod method {
    use axum::http::Method;

    pub const get: Method = Method::GET;
    pub const post: Method = Method::POST;
    pub const patch: Method = Method::PATCH;
    pub const delete: Method = Method::DELETE;
}

routes! {
    Storefront Probe get "/healthz" => health::healthz;
    Storefront Probe get "/readyz" => health::readyz;
    Storefront Page get "/" => pages::catalog::home;
    Storefront Page get "/products" => pages::catalog::all_products;
    Storefront Page get "/products/{handle}" => pages::catalog::product;
    Storefront Page get "/categories/{handle}" => pages::catalog::category;
    Storefront Page get "/search" => pages::catalog::search;
    Storefront Page get "/assets/{*path}" => assets::serve;
    Storefront Page get "/robots.txt" => assets::robots;

    Catalog Api get "/api/v1/products" => api::catalog::list_products;
    Catalog Api get "/api/v1/products/{handle}" => api::catalog::find_product;
    Catalog Api get "/api/v1/categories" => api::catalog::list_categories;
    Catalog Api get "/api/openapi.json" => openapi::document;
    Catalog Api get "/api/docs" => openapi::docs_page;

    Cart Page get "/cart" => pages::cart::show;
    Cart Page post "/cart/line-items" => pages::cart::add;
    Cart Page post "/cart/line-items/{id}" => pages::cart::change;
    Cart Api get "/api/v1/cart" => api::cart::view_cart;
    Cart Api post "/api/v1/cart/line-items" => api::cart::add_line_item;
    Cart Api patch "/api/v1/cart/line-items/{id}" => api::cart::set_line_item;
    Cart Api delete "/api/v1/cart/line-items/{id}" => api::cart::remove_line_item;

    Checkout Page get "/checkout" => pages::checkout::form;
    Checkout Page post "/checkout" => pages::checkout::submit;
    Checkout Page get "/orders/{id}" => pages::checkout::order;
    Checkout Page get "/orders/{id}/payment" => pages::checkout::back_from_bank;
    Checkout Api post "/api/v1/checkout/quote" => api::checkout::quote;
    Checkout Api post "/api/v1/checkout" => api::checkout::place_order;
    Checkout Api get "/api/v1/orders" => api::checkout::list_orders;
    Checkout Api get "/api/v1/orders/{id}" => api::checkout::find_order;
    Checkout Api post "/api/v1/orders/{id}/payment-checks" => api::checkout::check_payment;
    Checkout Api post "/api/v1/payments/webhooks" => api::checkout::receive_payment_event;

    Accounts Page get "/register" => pages::accounts::register_form;
    Accounts Page post "/register" => pages::accounts::register;
    Accounts Page get "/login" => pages::accounts::log_in_form;
    Accounts Page post "/login" => pages::accounts::log_in;
    Accounts Page post "/logout" => pages::accounts::log_out;
    Accounts Page get "/account" => pages::accounts::account;
    Accounts Api post "/api/v1/accounts" => api::accounts::register;
    Accounts Api get "/api/v1/accounts/me" => api::accounts::current_customer;
    Accounts Api post "/api/v1/sessions" => api::accounts::log_in;
    Accounts Api delete "/api/v1/sessions/current" => api::accounts::log_out;

    Admin Page get "/admin" => pages::admin::orders;
    Admin Page get "/admin/orders/{id}" => pages::admin_orders::show;
    Admin Page post "/admin/orders/{id}" => pages::admin_orders::act;
    Admin Page get "/admin/stock" => pages::admin::stock_search;
    Admin Page get "/admin/stock/{handle}" => pages::admin::product_stock;
    Admin Page post "/admin/stock/{handle}" => pages::admin::correct_stock;
    Admin Api get "/api/v1/admin/orders" => api::admin::list_orders;
    Admin Api post "/api/v1/admin/orders/{id}/cancellation" => api::admin::cancel_order;
    Admin Api post "/api/v1/admin/orders/{id}/refunds" => api::admin::refund_order;
    Admin Api post "/api/v1/admin/orders/{id}/parcel-events" => api::admin::move_parcel;
    Admin Api get "/api/v1/admin/products/{handle}/stock" => api::admin::product_stock;
    Admin Api post "/api/v1/admin/stock-corrections" => api::admin::correct_stock;
}
