//! The Lambda host: the life cycle of environments, extensions, failures, the Runtime API, and reports.

mod contract;
mod environments;
mod extensions;
mod failures;
mod invocations;
mod report;
