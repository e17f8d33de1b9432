//! Integration tests of API and pages on both stores, including every kind of bad input and equality of all runtimes. One test
//! binary; the modules mirror the URLs.

#![expect(
    clippy::expect_used,
    clippy::assigning_clones,
    clippy::similar_names,
    reason = "a test that cannot continue fails"
)]

mod access;
mod accounts;
mod addresses;
mod attempts;
mod auditor;
mod bad_forms;
mod bad_input;
mod cart;
mod catalog;
mod charges;
mod checkout;
mod checkout_pages;
mod checkout_races;
mod checkout_resumed;
mod compression;
mod destinations;
mod digital_goods;
mod dynamodb_faults;
mod events;
mod export;
mod failing_store;
mod first_run;
mod fronted;
mod hang_ups;
mod harness;
mod http_events;
mod import;
mod import_updates;
mod logs;
mod mails;
mod model;
mod operator_pages;
mod order_cancellation;
mod order_details;
mod order_links;
mod order_numbers;
mod own_account;
mod page_snapshots;
mod pages;
mod password_reset;
mod payments;
mod person;
mod pictures;
mod product_pages;
mod products;
mod refunds;
mod releases;
mod remote;
mod remote_errors;
mod requests;
mod response_limits;
mod routes;
mod search_engines;
mod security;
mod settings;
mod settings_pages;
mod stripe_scene;
mod timing;
mod tracking;
mod ways_to_pay;
mod worker;
