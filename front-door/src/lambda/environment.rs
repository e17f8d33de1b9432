//! One execution environment: a process, its Runtime API, and the phases init, invoke, idle.

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

/// Longest initialisation: after it, Lambda starts the runtime again, within the first invocation's time.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// How long a process may go on that has reported that it cannot start.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// An invocation and the way back.
pub(super) struct Command {
    pub invocation: Invocation,
    pub reply: oneshot::Sender<Invoked>,
}

/// Waiting for the runtime's next event.
type Next = oneshot::Sender<Delivery>;

pub(super) struct Environment {
    pub number: u64,
    pub settings: Arc<Settings>,
    pub bootstrap: PathBuf,
    pub pool: Arc<Pool>,
}

/// Why an idle environment stirs.
enum Stirred {
    By(Command),
    /// A process ended by itself.
    Exit,
    /// Nobody needed it for long, or its code is out of date.
    Expiry,
}

impl Environment {
    /// The directory with the code.
    pub(super) fn task_root(&self) -> &Path {
        self.bootstrap.parent().unwrap_or(Path::new("/"))
    }

    /// Lives until it expires, fails, or its code is replaced.
    pub(super) async fn run(self, first: Command, mut commands: mpsc::Receiver<Command>) {
        let mut command = first;
        while let Some(next_command) = self.process(command, &mut commands).await {
            command = next_command;
        }
        self.pool.ended(self.number);
    }

    /// One life of the processes; gives the invocation that a process that died while idle leaves behind.
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
                Stirred::By(command) => command,
                Stirred::Exit if self.pool.take_back(self.number) => break (Reason::Failure, None),
                Stirred::Expiry if self.pool.take_back(self.number) => break (Reason::Spindown, None),
                // Somebody has chosen this environment already: it starts processes again for them.
                Stirred::Exit => break (Reason::Failure, commands.recv().await),
                Stirred::Expiry => match commands.recv().await {
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

    async fn wait(&self, sandbox: &mut Sandbox, commands: &mut mpsc::Receiver<Command>) -> Stirred {
        let expiry = Instant::now() + self.settings.idle_expiry;
        loop {
            tokio::select! {
                biased;
                command = commands.recv() => return command.map_or(Stirred::Expiry, Stirred::By),
                happened = sandbox.happening() => match happened {
                    Ok(call) => call.into_iter().for_each(Call::refuse),
                    Err(_) => return Stirred::Exit,
                },
                () = sleep_until(expiry) => return Stirred::Expiry,
            }
        }
    }

    /// Starts the processes until all ask for an event; a second time, with the function's own timeout as limit, if the first
    /// time fails.
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

    /// The environment is ready when the runtime and all extensions ask for an event.
    async fn ready(&self, sandbox: &mut Sandbox) -> Result<Next, Failure> {
        while !sandbox.extensions.are_registered() {
            sandbox.happening().await?.into_iter().for_each(Call::refuse);
        }
        sandbox.start_runtime(self).await?;
        let mut asked = None;
        loop {
            if let Some(next) = asked.take_if(|_| sandbox.extensions.are_done()) {
                return Ok(next);
            }
            match sandbox.happening().await? {
                None => {}
                Some(Call::Next(next)) => {
                    sandbox.extensions.end_registration();
                    asked = Some(next);
                }
                Some(Call::InitError(error, back)) => {
                    let _ = back.send(Verdict::Accepted);
                    // It may write why, and end by itself.
                    let _ = timeout(LAST_WORDS, sandbox.runtime_exit()).await;
                    return Err(Failure::Reported(error));
                }
                Some(call) => call.refuse(),
            }
        }
    }

    /// Delivers the event and waits until the runtime and all extensions ask for the next one.
    ///
    /// # Errors
    /// Why the environment is of no use after it.
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
        // What the initialisation used belongs to the first invocation; who was frozen has used nothing since the last one.
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
        // If it cannot be delivered, the runtime has gone, and its exit tells below.
        let _ = next.send(delivery);
        let mut asked = None;
        let result = loop {
            if let Some(next) = asked.take_if(|_| sandbox.extensions.are_done()) {
                break Ok(next);
            }
            match timeout_at(begun + limit, sandbox.happening()).await.unwrap_or(Err(Failure::TimedOut)) {
                Ok(None) => {}
                // A runtime that skips an answer gets no other event: its time runs out.
                Ok(Some(Call::Next(_))) if pending.is_open() => {}
                Ok(Some(Call::Next(next))) => asked = Some(next),
                Ok(Some(call)) => pending.hear(call),
                Err(failure) => {
                    let reason = if matches!(failure, Failure::TimedOut) { Reason::Timeout } else { Reason::Failure };
                    pending.answer(self.explain(failure, &request_id, limit));
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

    /// The error object that Lambda would give the caller.
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

/// The invocation at work and whether it is answered.
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

    /// Hears what the runtime says of an invocation, and tells it what becomes of that.
    fn hear(&mut self, call: Call) {
        match call {
            Call::Response(id, body, back) => {
                let verdict = self.verdict(&id, body.is_none());
                if let (Verdict::Accepted, Some(body)) = (verdict, body) {
                    self.answer(Outcome::Answer(body));
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
            other => other.refuse(),
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
        self.answer(Outcome::FunctionError(error));
    }

    /// Answers the caller, once; it may have gone away.
    fn answer(&mut self, outcome: Outcome) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(Invoked { outcome, init: self.init });
        }
    }
}
