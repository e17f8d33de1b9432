//! The load balancer.

mod fargate;
mod forwarding;
mod lambda;
mod limits;
mod streaming;
mod weights;
