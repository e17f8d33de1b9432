//! One execution environment: a process, its Runtime API, and the phases init, invoke, idle.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command as Process};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::function::Pool;
use super::report::{Ending, Report};
use super::runtime_api::{self, Call, Delivery, Verdict};
use super::usage::{Meter, Usage};
use super::{Invocation, Invoked, Outcome, Settings, error_object};
use crate::ambient;

/// Longest initialisation: after it, Lambda starts the runtime again, within the first invocation's time.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// How long a process may go on that has reported that it cannot start.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How often a process is tried to be started while its file is busy, and the pause between.
const SPAWN_TRIES: u32 = 100;
const SPAWN_PAUSE: Duration = Duration::from_millis(10);

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

/// Why a process is of no use (any more).
enum Failure {
    /// The runtime said so itself.
    Reported(Bytes),
    Exited(ExitStatus),
    TimedOut,
    /// The process could not be started, or not be watched.
    System(io::Error),
}

/// Why an idle environment stirs.
enum Stirred {
    By(Command),
    /// The process ended by itself.
    Exit,
    /// Nobody needed it for long, or its code is out of date.
    Expiry,
}

impl Environment {
    /// Lives until it expires, fails, or its code is replaced.
    pub(super) async fn run(self, first: Command, mut commands: mpsc::Receiver<Command>) {
        let mut command = first;
        while let Some(next_command) = self.process(command, &mut commands).await {
            command = next_command;
        }
        self.pool.ended(self.number);
    }

    /// One life of the process; gives the invocation that a process that died while idle leaves behind.
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
        loop {
            next = self.invoke(&mut sandbox, next, command, init.take()).await?;
            if self.settings.freeze {
                sandbox.signal(Signal::STOP);
            }
            if !self.pool.idle(self.number, &self.bootstrap) {
                return None;
            }
            command = match self.wait(&mut sandbox, commands).await {
                Stirred::By(command) => command,
                Stirred::Exit | Stirred::Expiry if self.pool.take_back(self.number) => return None,
                // Somebody has chosen this environment already: it starts a process again for them.
                Stirred::Exit => return commands.recv().await,
                Stirred::Expiry => commands.recv().await?,
            };
            if self.settings.freeze {
                sandbox.signal(Signal::CONT);
            }
        }
    }

    async fn wait(&self, sandbox: &mut Sandbox, commands: &mut mpsc::Receiver<Command>) -> Stirred {
        tokio::select! {
            biased;
            command = commands.recv() => command.map_or(Stirred::Expiry, Stirred::By),
            _ = sandbox.child.wait() => Stirred::Exit,
            () = sleep_until(Instant::now() + self.settings.idle_expiry) => Stirred::Expiry,
        }
    }

    /// Starts the process until its runtime asks for an event; a second time, with the function's own timeout as limit, if the
    /// first one fails.
    async fn init(&self) -> Result<(Sandbox, Next), Failure> {
        if let Ok(ready) = self.start(INIT_LIMIT).await {
            return Ok(ready);
        }
        self.start(self.settings.timeout).await
    }

    async fn start(&self, limit: Duration) -> Result<(Sandbox, Next), Failure> {
        let deadline = Instant::now() + limit;
        let mut sandbox = Sandbox::start(self).await.map_err(Failure::System)?;
        loop {
            let call = tokio::select! {
                biased;
                call = sandbox.calls.recv() => call,
                status = sandbox.child.wait() => return Err(status.map_or_else(Failure::System, Failure::Exited)),
                () = sleep_until(deadline) => return Err(Failure::TimedOut),
            };
            match call {
                Some(Call::Next(next)) => return Ok((sandbox, next)),
                Some(Call::InitError(error, back)) => {
                    let _ = back.send(Verdict::Accepted);
                    // It may write why, and end by itself.
                    let _ = timeout(LAST_WORDS, sandbox.child.wait()).await;
                    return Err(Failure::Reported(error));
                }
                Some(Call::Response(_, _, back) | Call::Error(_, _, back)) => {
                    let _ = back.send(Verdict::UnknownRequest);
                }
                None => return Err(Failure::System(io::Error::other("the Runtime API has ended"))),
            }
        }
    }

    /// Delivers the event and waits until the runtime asks for the next one; `None` if the process is of no use after it.
    async fn invoke(
        &self,
        sandbox: &mut Sandbox,
        next: Next,
        command: Command,
        init: Option<Duration>,
    ) -> Option<Next> {
        let Command { invocation, reply } = command;
        let mut pending = Pending { reply: Some(reply), init };
        let request_id = ambient::request_id();
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
        // If it cannot be delivered, the runtime has gone, and its exit tells below.
        let _ = next.send(delivery);
        let mut ending = Ending::Success;
        let next = loop {
            let happened = tokio::select! {
                biased;
                call = sandbox.calls.recv() => call.ok_or_else(|| Failure::System(io::Error::other("no Runtime API"))),
                status = sandbox.child.wait() => Err(status.map_or_else(Failure::System, Failure::Exited)),
                () = sleep_until(begun + limit) => Err(Failure::TimedOut),
            };
            match happened {
                // A runtime that skips an answer gets no other event: its time runs out.
                Ok(Call::Next(_)) if pending.is_open() => {}
                Ok(Call::Next(next)) => break Some(next),
                Ok(Call::Response(id, body, back)) => {
                    let verdict = pending.verdict(&id, &request_id, body.is_none());
                    if let (Verdict::Accepted, Some(body)) = (verdict, body) {
                        pending.answer(Outcome::Answer(body));
                    } else if verdict == Verdict::TooLarge {
                        ending = Ending::Error;
                        let message = format!(
                            "Response payload size exceeded maximum allowed payload size ({} bytes).",
                            super::MAX_PAYLOAD_BYTES
                        );
                        pending.answer(Outcome::FunctionError(error_object("Function.ResponseSizeTooLarge", &message)));
                    }
                    let _ = back.send(verdict);
                }
                Ok(Call::Error(id, body, back)) => {
                    let verdict = pending.verdict(&id, &request_id, false);
                    if verdict == Verdict::Accepted {
                        ending = Ending::Error;
                        pending.answer(Outcome::FunctionError(body));
                    }
                    let _ = back.send(verdict);
                }
                Ok(Call::InitError(_, back)) => {
                    let _ = back.send(Verdict::WrongState);
                }
                Err(failure) => {
                    ending = if matches!(failure, Failure::TimedOut) { Ending::Timeout } else { Ending::Error };
                    pending.answer(self.explain(failure, &request_id, limit));
                    break None;
                }
            }
        };
        let (duration, after) = (begun.elapsed(), sandbox.meter.read());
        sandbox.usage = after;
        self.report(&request_id, duration, init, before, Some(after), ending);
        next
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
    init: Option<Duration>,
}

impl Pending {
    fn is_open(&self) -> bool {
        self.reply.is_some()
    }

    fn verdict(&self, id: &str, expected: &str, too_large: bool) -> Verdict {
        match (id == expected, self.is_open(), too_large) {
            (false, ..) => Verdict::UnknownRequest,
            (true, false, _) => Verdict::WrongState,
            (true, true, true) => Verdict::TooLarge,
            (true, true, false) => Verdict::Accepted,
        }
    }

    /// Answers the caller, once; it may have gone away.
    fn answer(&mut self, outcome: Outcome) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(Invoked { outcome, init: self.init });
        }
    }
}

/// The process with its Runtime API.
struct Sandbox {
    child: Child,
    calls: mpsc::Receiver<Call>,
    meter: Meter,
    /// What the meter read after the last invocation.
    usage: Usage,
    group: Option<Pid>,
    api: AbortHandle,
}

impl Sandbox {
    async fn start(environment: &Environment) -> io::Result<Self> {
        let Environment { settings, bootstrap, number, pool } = environment;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task_root = bootstrap.parent().unwrap_or(Path::new("/"));
        let mut process = Process::new(bootstrap);
        process
            .env_clear()
            .envs(DEFAULT_VARIABLES)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &settings.name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", settings.memory_mb.to_string())
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", settings.name))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("environment-{number}"))
            .env("LAMBDA_TASK_ROOT", task_root)
            .envs(settings.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(task_root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that children stand still with it.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = spawn(&mut process).await?;
        let pid = child.id();
        let lines = Lines { pool: Arc::clone(pool), function: settings.name.clone(), environment: *number };
        lines.follow(child.stdout.take());
        lines.follow(child.stderr.take());
        let (sender, calls) = mpsc::channel(4);
        let api = tokio::spawn(runtime_api::serve(listener, sender)).abort_handle();
        let group = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let meter = Meter::start(pid.unwrap_or_default(), settings.memory_mb);
        Ok(Self { child, calls, meter, usage: Usage::default(), group, api })
    }

    /// Signals the process and its children; they may have ended.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.api.abort();
    }
}

/// Starts a process from a file that has just been written. Another thread that started a process meanwhile may have lent it the
/// file, open for writing, for a moment.
async fn spawn(process: &mut Process) -> io::Result<Child> {
    for _ in 0..SPAWN_TRIES {
        match process.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(SPAWN_PAUSE).await,
            result => return result,
        }
    }
    process.spawn()
}

/// What Lambda sets for an OS-only runtime, as far as it does not depend on the function. The credentials are none:
/// everything that functions call on a laptop takes any.
const DEFAULT_VARIABLES: [(&str, &str); 12] = [
    ("AWS_ACCESS_KEY_ID", "front-door"),
    ("AWS_DEFAULT_REGION", crate::REGION),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_REGION", crate::REGION),
    ("AWS_SECRET_ACCESS_KEY", "front-door"),
    ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
    ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ("LANG", "en_US.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("TZ", ":UTC"),
    ("_HANDLER", "bootstrap"),
];

/// Hands what a process writes to the observer, line by line.
struct Lines {
    pool: Arc<Pool>,
    function: String,
    environment: u64,
}

impl Lines {
    fn follow(&self, output: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let Some(output) = output else { return };
        let (pool, function, environment) = (Arc::clone(&self.pool), self.function.clone(), self.environment);
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                pool.observer.line(&function, environment, &line);
            }
        });
    }
}
