//! Answers of others that the simulation is held against.

pub mod erlang_c;
pub mod simfaas;
