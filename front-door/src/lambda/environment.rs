//! One execution environment: its processes, its Runtime API, and the phases init, invoke, idle.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use rustix::process::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::extensions::Reason;
use super::function::Pool;
use super::report::{Ending, Report};
use super::runtime_api::{Call, Delivery, Verdict};
use super::sandbox::{Failure, Sandbox};
use super::usage::Usage;
use super::{Invocation, Invoked, Outcome, Settings, error_object};
use crate::ambient;

/// Longest init phase. After it, Lambda restarts the runtime within the first invocation's timeout.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// How long a process may continue after it has reported an init error.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// An invocation and the channel for its result.
pub(super) struct Command {
    pub invocation: Invocation,
    pub reply: oneshot::Sender<Invoked>,
}

/// The runtime waits for its next event on this channel.
type Next = oneshot::Sender<Delivery>;

pub(super) struct Environment {
    pub number: u64,
    pub settings: Arc<Settings>,
    pub bootstrap: PathBuf,
    pub pool: Arc<Pool>,
}

/// Why an idle environment leaves the idle phase.
enum WakeReason {
    By(Command),
    /// A process exited by itself.
    Exit,
    /// The environment was idle for too long, or its code is out of date.
    Expiry,
}

impl Environment {
    /// The directory with the code.
    pub(super) fn task_root(&self) -> &Path {
        self.bootstrap.parent().unwrap_or(Path::new("/"))
    }

    /// Runs until the environment expires, fails, or its code is replaced.
    pub(super) async fn run(self, first: Command, mut commands: mpsc::Receiver<Command>) {
        let mut command = first;
        while let Some(next_command) = self.process(command, &mut commands).await {
            command = next_command;
        }
        self.pool.ended(self.number);
    }

    /// Runs the processes once. Returns the invocation that is left if a process exited while idle.
    async fn process(&self, mut command: Command, commands: &mut mpsc::Receiver<Command>) -> Option<Command> {
        let begun = Instant::now();
        let (mut sandbox, mut next) = match self.init().await {
            Ok(ready) => ready,
            Err(failure) => {
                let request_id = ambient::request_id();
                let outcome = self.explain(failure, &request_id, self.settings.timeout);
                let init = Some(begun.elapsed());
                self.report(&request_id, Duration::ZERO, init, Usage::default(), None, Ending::Error);
                let _ = command.reply.send(Invoked { outcome, init });
                return None;
            }
        };
        let mut init = Some(begun.elapsed());
        let (reason, left) = loop {
            next = match self.invoke(&mut sandbox, next, command, init.take()).await {
                Ok(next) => next,
                Err(reason) => break (reason, None),
            };
            if self.settings.freeze {
                sandbox.signal(Signal::STOP);
            }
            if !self.pool.idle(self.number, &self.bootstrap) {
                break (Reason::Spindown, None);
            }
            command = match self.wait(&mut sandbox, commands).await {
                WakeReason::By(command) => command,
                WakeReason::Exit if self.pool.take_back(self.number) => break (Reason::Failure, None),
                WakeReason::Expiry if self.pool.take_back(self.number) => break (Reason::Spindown, None),
                // This environment has already been chosen for the invocation, so it restarts its processes.
                WakeReason::Exit => break (Reason::Failure, commands.recv().await),
                WakeReason::Expiry => match commands.recv().await {
                    Some(command) => command,
                    None => break (Reason::Spindown, None),
                },
            };
            if self.settings.freeze {
                sandbox.signal(Signal::CONT);
            }
        };
        sandbox.shut_down(reason).await;
        left
    }

    async fn wait(&self, sandbox: &mut Sandbox, commands: &mut mpsc::Receiver<Command>) -> WakeReason {
        let expiry = Instant::now() + self.settings.idle_expiry;
        loop {
            tokio::select! {
                biased;
                command = commands.recv() => return command.map_or(WakeReason::Expiry, WakeReason::By),
                happened = sandbox.next_call() => match happened {
                    Ok(call) => call.into_iter().for_each(Call::reject),
                    Err(_) => return WakeReason::Exit,
                },
                () = sleep_until(expiry) => return WakeReason::Expiry,
            }
        }
    }

    /// Starts the processes until all request an event. If that fails, tries once more with the function's own timeout
    /// as the limit.
    async fn init(&self) -> Result<(Sandbox, Next), Failure> {
        if let Ok(ready) = self.start(INIT_LIMIT).await {
            return Ok(ready);
        }
        self.start(self.settings.timeout).await
    }

    async fn start(&self, limit: Duration) -> Result<(Sandbox, Next), Failure> {
        let mut sandbox = Sandbox::start(self).await?;
        let (failure, reason) = match timeout(limit, self.ready(&mut sandbox)).await {
            Ok(Ok(next)) => return Ok((sandbox, next)),
            Ok(Err(failure)) => (failure, Reason::Failure),
            Err(_) => (Failure::TimedOut, Reason::Timeout),
        };
        sandbox.shut_down(reason).await;
        Err(failure)
    }

    /// The environment is ready when the runtime and all extensions request an event.
    async fn ready(&self, sandbox: &mut Sandbox) -> Result<Next, Failure> {
        while !sandbox.extensions.are_registered() {
            sandbox.next_call().await?.into_iter().for_each(Call::reject);
        }
        sandbox.start_runtime(self).await?;
        let mut waiting = None;
        loop {
            if let Some(next) = waiting.take_if(|_| sandbox.extensions.are_done()) {
                return Ok(next);
            }
            match sandbox.next_call().await? {
                None => {}
                Some(Call::Next(next)) => {
                    sandbox.extensions.end_registration();
                    waiting = Some(next);
                }
                Some(Call::InitError(error, back)) => {
                    let _ = back.send(Verdict::Accepted);
                    // The process may print the reason, and exit by itself.
                    let _ = timeout(LAST_WORDS, sandbox.runtime_exit()).await;
                    return Err(Failure::Reported(error));
                }
                Some(call) => call.reject(),
            }
        }
    }

    /// Delivers the event and waits until the runtime and all extensions request the next one.
    ///
    /// # Errors
    /// Why the environment cannot be used afterwards.
    async fn invoke(
        &self,
        sandbox: &mut Sandbox,
        next: Next,
        command: Command,
        init: Option<Duration>,
    ) -> Result<Next, Reason> {
        let Command { invocation, reply } = command;
        let request_id = ambient::request_id();
        let mut pending = Pending { reply: Some(reply), request_id: request_id.clone(), init, has_failed: false };
        // The init phase counts toward the first invocation; a frozen process has used nothing since the last one.
        let before = if init.is_some() || self.settings.freeze { sandbox.usage } else { sandbox.meter.read() };
        let (begun, limit) = (Instant::now(), self.settings.timeout);
        let delivery = Delivery {
            request_id: request_id.clone(),
            deadline: ambient::now() + limit,
            function_arn: format!(
                "arn:aws:lambda:{}:{}:function:{}",
                crate::REGION,
                crate::ACCOUNT,
                self.settings.name
            ),
            trace_id: invocation.trace_id,
            payload: invocation.payload,
        };
        sandbox.extensions.invoke(&delivery);
        // If it cannot be delivered, the runtime has exited, which is detected below.
        let _ = next.send(delivery);
        let mut waiting = None;
        let result = loop {
            if let Some(next) = waiting.take_if(|_| sandbox.extensions.are_done()) {
                break Ok(next);
            }
            match timeout_at(begun + limit, sandbox.next_call()).await.unwrap_or(Err(Failure::TimedOut)) {
                Ok(None) => {}
                // A runtime that requests an event without having responded gets none, and times out.
                Ok(Some(Call::Next(_))) if pending.is_open() => {}
                Ok(Some(Call::Next(next))) => waiting = Some(next),
                Ok(Some(call)) => pending.handle(call),
                Err(failure) => {
                    let reason = if matches!(failure, Failure::TimedOut) { Reason::Timeout } else { Reason::Failure };
                    pending.reply(self.explain(failure, &request_id, limit));
                    break Err(reason);
                }
            }
        };
        let ending = match result {
            Ok(_) if !pending.has_failed => Ending::Success,
            Err(Reason::Timeout) => Ending::Timeout,
            _ => Ending::Error,
        };
        let (duration, after) = (begun.elapsed(), sandbox.meter.read());
        sandbox.usage = after;
        self.report(&request_id, duration, init, before, Some(after), ending);
        result
    }

    fn report(
        &self,
        request_id: &str,
        duration: Duration,
        init: Option<Duration>,
        before: Usage,
        after: Option<Usage>,
        ending: Ending,
    ) {
        let cpu = after.and_then(|after| after.cpu).map(|cpu| cpu.saturating_sub(before.cpu.unwrap_or_default()));
        self.pool.observer.report(&Report {
            function: self.settings.name.clone(),
            environment: self.number,
            request_id: request_id.to_owned(),
            duration,
            init,
            memory_mb: self.settings.memory_mb,
            max_memory_bytes: after.and_then(|after| after.max_memory_bytes),
            cpu,
            ending,
        });
    }

    /// The error object that Lambda would return to the caller.
    fn explain(&self, failure: Failure, request_id: &str, limit: Duration) -> Outcome {
        Outcome::FunctionError(match failure {
            Failure::Reported(error) => error,
            Failure::Exited(status) => error_object(
                "Runtime.ExitError",
                &format!("RequestId: {request_id} Error: Runtime exited with error: {status}"),
            ),
            Failure::NotLaunched(extension, error) => {
                error_object("Extension.LaunchError", &format!("RequestId: {request_id} Error: {extension}: {error}"))
            }
            Failure::Crashed(extension, status) => error_object(
                "Extension.Crash",
                &format!("RequestId: {request_id} Error: the extension {extension} exited: {status}"),
            ),
            Failure::TimedOut => error_object(
                "Sandbox.Timedout",
                &format!("RequestId: {request_id} Error: Task timed out after {:.2} seconds", limit.as_secs_f64()),
            ),
            Failure::System(error) => error_object(
                "Runtime.InvalidEntrypoint",
                &format!("RequestId: {request_id} Error: {}: {error}", self.bootstrap.display()),
            ),
        })
    }
}

/// The current invocation and its state.
struct Pending {
    reply: Option<oneshot::Sender<Invoked>>,
    request_id: String,
    init: Option<Duration>,
    has_failed: bool,
}

impl Pending {
    fn is_open(&self) -> bool {
        self.reply.is_some()
    }

    /// Handles a call of the runtime for an invocation, and replies to it.
    fn handle(&mut self, call: Call) {
        match call {
            Call::Response(id, body, back) => {
                let verdict = self.verdict(&id, body.is_none());
                if let (Verdict::Accepted, Some(body)) = (verdict, body) {
                    self.reply(Outcome::Response(body));
                } else if verdict == Verdict::TooLarge {
                    let message = format!(
                        "Response payload size exceeded maximum allowed payload size ({} bytes).",
                        super::MAX_PAYLOAD_BYTES
                    );
                    self.fail(error_object("Function.ResponseSizeTooLarge", &message));
                }
                let _ = back.send(verdict);
            }
            Call::Error(id, body, back) => {
                let verdict = self.verdict(&id, false);
                if verdict == Verdict::Accepted {
                    self.fail(body);
                }
                let _ = back.send(verdict);
            }
            other => other.reject(),
        }
    }

    fn verdict(&self, id: &str, too_large: bool) -> Verdict {
        match (id == self.request_id, self.is_open(), too_large) {
            (false, ..) => Verdict::UnknownRequest,
            (true, false, _) => Verdict::WrongState,
            (true, true, true) => Verdict::TooLarge,
            (true, true, false) => Verdict::Accepted,
        }
    }

    fn fail(&mut self, error: Bytes) {
        self.has_failed = true;
        self.reply(Outcome::FunctionError(error));
    }

    /// Sends the result to the caller, once; the caller may have gone away.
    fn reply(&mut self, outcome: Outcome) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(Invoked { outcome, init: self.init });
        }
    }
}
