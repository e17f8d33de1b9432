//! Tests of the cost model.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod documentation;
mod prices;
mod properties;
mod report;
mod simulation;
mod worked_examples;
