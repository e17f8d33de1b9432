//! What is simulated: requests, functions, services, and what bounds them. Also the format of `costs simulate --plan`.

use serde::{Deserialize, Serialize};

use super::Spread;

/// One kind of request: what share of the traffic it is, and what one of it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestClass {
    /// `GET /products/{handle}`, or an area.
    pub name: String,
    /// Weight among all classes; the weights need not sum to one.
    pub share: f64,
    /// The Lambda function that answers it.
    pub function: String,
    /// What it takes on Fargate with that path's store.
    pub fargate: Work,
    /// What it takes on Lambda with that path's store.
    pub lambda: Work,
}

/// Means of what a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// CPU time on a whole vCPU, milliseconds.
    pub cpu_ms: f64,
    /// Time that it waits for the store without using the CPU, milliseconds.
    pub wait_ms: f64,
}

/// A Lambda function and what bounds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionSettings {
    /// Name by which classes refer to it.
    pub name: String,
    /// Memory size. It also sets the share of a vCPU: a whole one at 1,769 MB.
    pub memory_mb: u32,
    /// INIT phase of a new environment at this memory size, milliseconds. Billed.
    pub init_ms: f64,
    /// Most environments that answer at once; `None` leaves only the account's limit.
    #[serde(default)]
    pub reserved_concurrency: Option<u32>,
}

/// Lambda, as one account and region has it. What a plan leaves out are AWS's quotas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LambdaSettings {
    /// All functions of the shop.
    pub functions: Vec<FunctionSettings>,
    /// How long an environment stays without a request. AWS states no figure; observers report 5 to 15 minutes.
    pub idle_expiry_s: f64,
    /// What a cold start takes before INIT, in which the environment is placed and the package fetched. Not billed.
    pub placement_ms: f64,
    /// Concurrent executions of the account in the region. AWS's default quota is 1,000; new accounts start lower.
    pub account_concurrency: u32,
    /// Environments that a function may start in ten seconds.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>
    pub starts_per_10_s: u32,
}

impl Default for LambdaSettings {
    fn default() -> Self {
        Self {
            functions: Vec::new(),
            idle_expiry_s: 600.0,
            placement_ms: 80.0,
            account_concurrency: 1_000,
            starts_per_10_s: 1_000,
        }
    }
}

/// How a task serves the requests it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Discipline {
    /// All share the CPU evenly, each on at most one core: an asynchronous server, as the shop is.
    Shared,
    /// So many workers for each task serve one request after the other from one queue, each on an equal part of the CPU.
    Workers(u32),
}

/// An ECS service on Fargate with target tracking on CPU utilization. What a plan leaves out is that of one task of the smallest
/// size that never scales, with the shop's own limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceSettings {
    /// `shop`, or `frontend` and `backend`.
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
    /// Tasks at the start; `None` is what the first hour needs at the target.
    pub tasks_start: Option<u32>,
    /// CPU utilization that scaling aims at, 0 to 1.
    pub target_utilization: f64,
    /// From the decision to start a task until the load balancer sends it requests. Billed.
    pub start_up_s: f64,
    /// How long a task that leaves is still there (deregistration delay and stop). Billed.
    pub drain_s: f64,
    /// Pause after scaling out. 300 s unless the policy says otherwise.
    pub scale_out_cooldown_s: f64,
    /// Pause after scaling in.
    pub scale_in_cooldown_s: f64,
    /// Requests at work at once in a task; further ones wait.
    pub in_flight_limit: usize,
    /// How long a request waits for a place before it gets 503.
    pub queue_timeout_ms: f64,
    /// Slower answers count as timed out. Their work is still done.
    pub request_timeout_ms: f64,
    /// How a task serves the requests it has.
    pub discipline: Discipline,
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
            tasks_start: None,
            target_utilization: 0.6,
            start_up_s: 45.0,
            drain_s: 30.0,
            scale_out_cooldown_s: 300.0,
            scale_in_cooldown_s: 300.0,
            // SHOPEASE_REQUESTS_IN_FLIGHT, SHOPEASE_QUEUE_TIMEOUT_MS, SHOPEASE_REQUEST_TIMEOUT_MS.
            in_flight_limit: 128,
            queue_timeout_ms: 100.0,
            request_timeout_ms: 10_000.0,
            discipline: Discipline::Shared,
        }
    }
}

/// Everything that is simulated but for the arrivals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The kinds of requests.
    pub classes: Vec<RequestClass>,
    /// How what a request needs varies around its class's mean.
    #[serde(default)]
    pub spread: Spread,
    /// One path.
    pub lambda: LambdaSettings,
    /// The other path: each request passes all of these services.
    pub services: Vec<ServiceSettings>,
}

/// A plan that cannot be simulated.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{field}: {problem}")]
pub struct PlanError {
    /// The field, as in JSON.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Plan {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first field that makes no sense, by its name.
    pub fn check(&self) -> Result<(), PlanError> {
        let fail = |field: String, problem: &str| Err(PlanError { field, problem: problem.to_owned() });
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        if self.classes.is_empty() {
            return fail("classes".into(), "at least one kind of request is needed");
        }
        for (index, class) in self.classes.iter().enumerate() {
            let field = |name: &str| format!("classes[{index}].{name}");
            if !not_negative(class.share) {
                return fail(field("share"), "must be zero or more");
            }
            for (path, work) in [("fargate", class.fargate), ("lambda", class.lambda)] {
                if !not_negative(work.cpu_ms) || !not_negative(work.wait_ms) || work.cpu_ms + work.wait_ms <= 0.0 {
                    return fail(field(path), "cpu_ms and wait_ms must be zero or more, and not both zero");
                }
            }
            if !self.lambda.functions.iter().any(|function| function.name == class.function) {
                return fail(field("function"), "names no function of lambda.functions");
            }
        }
        if self.classes.iter().map(|class| class.share).sum::<f64>() <= 0.0 {
            return fail("classes".into(), "the shares sum to zero");
        }
        for (index, function) in self.lambda.functions.iter().enumerate() {
            if !(128..=10_240).contains(&function.memory_mb) {
                return fail(format!("lambda.functions[{index}].memory_mb"), "Lambda has 128 to 10,240 MB");
            }
            if !not_negative(function.init_ms) {
                return fail(format!("lambda.functions[{index}].init_ms"), "must be zero or more");
            }
        }
        if !positive(self.lambda.idle_expiry_s) || !not_negative(self.lambda.placement_ms) {
            return fail("lambda.idle_expiry_s".into(), "must be more than zero, and placement_ms zero or more");
        }
        if self.lambda.account_concurrency == 0 || self.lambda.starts_per_10_s == 0 {
            return fail("lambda.account_concurrency".into(), "it and starts_per_10_s must be at least 1");
        }
        self.services.iter().enumerate().try_for_each(|(index, service)| service.check(index))
    }
}

impl ServiceSettings {
    fn check(&self, index: usize) -> Result<(), PlanError> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let durations =
            [self.start_up_s, self.drain_s, self.scale_out_cooldown_s, self.scale_in_cooldown_s, self.queue_timeout_ms];
        let problem = if !positive(self.vcpu) || !positive(self.memory_gb) {
            ("vcpu", "vcpu and memory_gb must be more than zero")
        } else if !(0.0..=1.0).contains(&self.cpu_share) {
            ("cpu_share", "must be 0 to 1")
        } else if self.tasks_min == 0 || self.tasks_max < self.tasks_min {
            ("tasks_min", "must be at least 1 and at most tasks_max")
        } else if !(0.01..=1.0).contains(&self.target_utilization) {
            ("target_utilization", "must be 0.01 to 1")
        } else if !durations.iter().all(|value| value.is_finite() && *value >= 0.0) {
            ("start_up_s", "durations must be zero or more")
        } else if !positive(self.request_timeout_ms) || self.in_flight_limit == 0 {
            ("request_timeout_ms", "it and in_flight_limit must be more than zero")
        } else if self.discipline == Discipline::Workers(0) {
            ("discipline", "a task needs at least one worker")
        } else {
            return Ok(());
        };
        Err(PlanError { field: format!("services[{index}].{}", problem.0), problem: problem.1.to_owned() })
    }
}
