//! Tests of the cost model.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod documentation;
mod live;
mod measured;
mod price_lists;
mod prices;
mod properties;
mod raw_examples;
mod report;
mod requests;
mod simulation;
mod terraform;
mod worked_examples;
