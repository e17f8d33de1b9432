//! Tests of the cost model.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod documentation;
mod examples;
mod live;
mod measured;
mod oracles;
mod price_lists;
mod prices;
mod properties;
mod report;
mod simulation;
mod terraform;

use costs::evaluate::{Evaluation, Request};
use costs::price_book::PriceBook;
use serde_json::Value;

/// The bill that a request asks for, or what is wrong with it.
fn bill(request: &Value, book: &PriceBook) -> Result<Evaluation, String> {
    let request = Request::read(&request.to_string()).map_err(|error| error.to_string())?;
    request.evaluate(book).map_err(|error| error.to_string())
}
