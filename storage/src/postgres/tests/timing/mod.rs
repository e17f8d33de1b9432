//! Tests that judge how long something took: `cargo xtask test` runs them last, with nothing beside them.

mod frozen;
mod limits;
