//! The texts of all mails, and their delivery to a relay and to a directory.

#![expect(clippy::expect_used, reason = "a test that cannot continue must fail")]

mod delivery;
mod letters;
