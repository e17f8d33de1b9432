//! What is simulated: requests, functions, services, and what bounds them.

use serde::Serialize;

use super::Spread;

/// One kind of request: what share of the traffic it is, and what one of it needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestClass {
    /// `GET /products/{handle}`.
    pub name: String,
    /// Weight among all classes; the weights need not sum to one.
    pub share: f64,
    /// The Lambda function that answers it, by its place in the plan.
    pub function: usize,
    /// What it takes on Fargate with that path's store.
    pub fargate: Work,
    /// What it takes on Lambda with that path's store.
    pub lambda: Work,
}

/// Means of what a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Work {
    /// CPU time on a whole vCPU, milliseconds.
    pub cpu_ms: f64,
    /// Time that it waits for the store without using the CPU, milliseconds.
    pub wait_ms: f64,
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionSettings {
    /// Its name.
    pub name: String,
    /// Memory size. It also sets the share of a vCPU: a whole one at 1,769 MB.
    pub memory_mb: u32,
    /// INIT phase of a new environment at this memory size, milliseconds. Billed.
    pub init_ms: f64,
}

/// Lambda.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LambdaSettings {
    /// All functions of the shop.
    pub functions: Vec<FunctionSettings>,
    /// How long an environment stays without a request. AWS states no figure; observers report 5 to 15 minutes.
    pub idle_expiry_s: f64,
    /// What a cold start takes before INIT, in which the environment is placed and the package fetched. Not billed.
    pub placement_ms: f64,
}

/// An ECS service on Fargate with target tracking on CPU utilization. Requests in a task share its CPU evenly, each on at most one
/// core, as in the shop's asynchronous server. The default is one task of the smallest size that never scales, with the shop's own
/// limits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceSettings {
    /// `frontend` or `backend`.
    pub name: String,
    /// The part of each request's CPU time that this service spends, 0 to 1.
    pub cpu_share: f64,
    /// vCPU of a task.
    pub vcpu: f64,
    /// Memory of a task, GB.
    pub memory_gb: f64,
    /// Fewest tasks.
    pub tasks_min: u32,
    /// Most tasks.
    pub tasks_max: u32,
    /// CPU utilization that scaling aims at, 0 to 1.
    pub target_utilization: f64,
    /// From the decision to start a task until the load balancer sends it requests. Billed.
    pub start_up_s: f64,
    /// Requests at work at once in a task; further ones wait.
    pub in_flight_limit: usize,
    /// How long a request waits for a place before it gets 503.
    pub queue_timeout_ms: f64,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            name: "shop".to_owned(),
            cpu_share: 1.0,
            vcpu: 0.25,
            memory_gb: 0.5,
            tasks_min: 1,
            tasks_max: 1,
            target_utilization: 0.6,
            start_up_s: 45.0,
            // SHOPEASE_REQUESTS_IN_FLIGHT, SHOPEASE_QUEUE_TIMEOUT_MS.
            in_flight_limit: 128,
            queue_timeout_ms: 100.0,
        }
    }
}

/// Everything that is simulated but for the arrivals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The kinds of requests.
    pub classes: Vec<RequestClass>,
    /// How what a request needs varies around its class's mean.
    pub spread: Spread,
    /// One path.
    pub lambda: LambdaSettings,
    /// The other path: each request passes all of these services.
    pub services: Vec<ServiceSettings>,
}
