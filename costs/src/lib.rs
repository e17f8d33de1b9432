//! What the shop costs on each path: a price book with provenance, services that turn usage into bill lines, bills of whole
//! deployments, and the load at which the cheaper side changes. It knows AWS and Datadog, and nothing of the shop's code.
//!
//! Money is decimal from the price file to the total; a float appears only where JSON numbers are read and written.

#[macro_use]
mod words;

mod break_even;
mod cli;
pub mod deployment;
pub mod evaluate;
pub mod line;
pub mod live;
pub mod measure;
pub mod measured;
pub mod number;
pub mod price_book;
pub mod profile;
pub mod report;
mod sensitivity;
mod services;
pub mod simulation;
pub mod summary;
pub mod terraform;
pub mod tiers;

pub use cli::{Cli, run};
