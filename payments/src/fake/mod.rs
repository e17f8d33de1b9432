//! A small test payment service: a [`Ledger`] whose test cards determine the results, and [`FakeProvider`], which uses
//! it in the same process or over HTTP ([`service`]).

mod cards;
mod command;
mod intent;
mod journal;
mod ledger;
mod provider;
mod remote;
pub mod service;
mod transition;

pub use cards::test_cards;
pub use command::{Command, DisputeStatus, LedgerError, Operation};
pub use intent::{
    CancelReason, Collected, Entry, EntryKind, Event, EventData, EventType, Intent, LedgerDispute, LedgerRefund, Status,
};
pub use journal::JournalError;
pub use ledger::{Claim, Claimed, Ledger, LedgerConfig};
pub use provider::FakeProvider;
