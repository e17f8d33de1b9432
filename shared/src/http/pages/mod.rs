//! The storefront: server-rendered pages that work without JavaScript. Handlers call the services of `shopease_shop`; texts are
//! in the templates and in `texts`.

pub(super) mod account_changes;
pub(super) mod accounts;
mod address_form;
pub(super) mod addresses;
pub(super) mod admin;
mod admin_actions;
pub(super) mod admin_mails;
pub(super) mod admin_orders;
pub(super) mod cart;
pub(super) mod catalog;
pub(super) mod checkout;
mod checkout_form;
pub(super) mod email_confirmation;
mod error;
mod form_fields;
mod forms;
mod layout;
pub(super) mod legal;
mod listing;
mod meta;
pub(super) mod order_cancellation;
pub(super) mod order_link;
pub(super) mod password;
mod product;
mod product_form;
mod product_options;
mod product_selection;
pub(super) mod products;
pub(super) mod sessions;
pub(super) mod settings;
mod settings_form;
pub(super) mod setup;
mod structured_data;
mod terms;
pub(super) mod view;

pub(super) use product::ProductPage;

pub(super) use error::error_page;
pub(super) use layout::encode;
pub(super) use meta::{plain_text, shortened};
pub(super) use structured_data::gtin_of;
