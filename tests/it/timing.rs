//! Tests that judge how long something took: `cargo xtask test` runs them last, alone on the machine.

mod overload;
