//! Tests of this adapter against the embedded engine.
