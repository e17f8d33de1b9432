//! The Lambda host: environments and their life, what breaks, the Runtime API, and what is reported.

mod contract;
mod environments;
mod failures;
mod invocations;
mod report;
