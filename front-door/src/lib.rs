//! The front door of the shop on a laptop: an Application Load Balancer, HTTP API and Function URLs in front of the ECS server
//! and of real Lambda binaries, without Docker and without an AWS account. It serves whoever develops and measures; nothing of
//! it is deployed.

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

/// The region that ARNs and environment variables name.
pub const REGION: &str = "us-east-1";

/// The account that ARNs name.
pub const ACCOUNT: &str = "123456789012";

/// What served a request: the two target groups of every rule.
pub use shopease_shared::http::Runtime;
