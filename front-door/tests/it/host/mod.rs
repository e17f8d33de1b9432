//! The Lambda host: environments and their life, extensions, what breaks, the Runtime API, and what is reported.

mod contract;
mod environments;
mod extensions;
mod failures;
mod invocations;
mod report;
