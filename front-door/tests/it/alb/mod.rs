//! The load balancer.

mod fargate;
mod forwarding;
mod lambda;
mod limits;
mod silence;
mod streaming;
mod weights;
