//! The front door of the shop on a laptop: an Application Load Balancer, an HTTP API, and Function URLs in front of the
//! ECS server and of real Lambda binaries, without Docker or an AWS account. For development and measurements; it is
//! never deployed.

pub mod alb;
mod ambient;
pub mod event;
mod forwarded;
pub mod gateway;
pub mod lambda;
pub mod live;
mod server;
pub mod site;
pub mod units;

/// The region in ARNs and environment variables.
pub const REGION: &str = "us-east-1";

/// The account in ARNs.
pub const ACCOUNT: &str = "123456789012";

/// The runtime that served a request: the two target groups of every rule.
pub use shopease_shared::http::Runtime;
