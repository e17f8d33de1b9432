//! The parts of an execution environment: the runtime's process, the extensions' processes, and their APIs.

use std::io;
use std::net::Ipv4Addr;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command as Process};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::environment::Environment;
use super::extensions::{self, Extensions, Handled, Reason};
use super::function::Pool;
use super::runtime_api::{self, Call};
use super::usage::{Meter, Usage};
use super::{HANDLER, VERSION};
use crate::ambient;

/// Time limit of the shutdown phase: with an external extension, and with internal ones only.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);
const INTERNAL_SHUTDOWN_LIMIT: Duration = Duration::from_millis(500);
/// The runtime's share of it, in percent. The value is from AWS's own emulator; it is not documented.
const RUNTIME_SHARE: u32 = 30;

/// Attempts to start a process while its file is busy, and the pause between them.
const SPAWN_TRIES: u32 = 100;
const SPAWN_PAUSE: Duration = Duration::from_millis(10);

/// Why an environment cannot be used (anymore).
pub(super) enum Failure {
    /// The runtime or an extension reported a failure.
    Reported(Bytes),
    Exited(ExitStatus),
    /// The process of this extension could not be started.
    NotLaunched(String, io::Error),
    /// The process of this extension exited by itself.
    Crashed(String, ExitStatus),
    TimedOut,
    /// A process could not be started or monitored.
    System(io::Error),
}

/// The processes of an environment with their APIs.
pub(super) struct Sandbox {
    runtime: Option<Child>,
    pub extensions: Extensions,
    calls: mpsc::Receiver<Call>,
    pub meter: Meter,
    /// The meter's reading after the last invocation.
    pub usage: Usage,
    /// Each process leads its own process group, so that its children are frozen with it. The runtime's is the last
    /// one.
    groups: Vec<Pid>,
    address: String,
    api: AbortHandle,
}

impl Sandbox {
    /// Starts the APIs and the external extensions; the runtime is started when they have registered.
    pub(super) async fn start(environment: &Environment) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Failure::System)?;
        let address = listener.local_addr().map_err(Failure::System)?.to_string();
        let (sender, calls) = mpsc::channel(4);
        let name = environment.settings.name.clone();
        let api = tokio::spawn(runtime_api::serve(listener, name, sender)).abort_handle();
        let mut sandbox = Self {
            runtime: None,
            extensions: Extensions::default(),
            calls,
            meter: Meter::start(environment.settings.memory_mb),
            usage: Usage::default(),
            groups: Vec::new(),
            address,
            api,
        };
        let mut processes = Vec::new();
        for file in extensions::files(environment.task_root()).map_err(Failure::System)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut process = Process::new(&file);
            process.env_clear();
            sandbox.configure(&mut process, environment).current_dir("/");
            match sandbox.spawn(&mut process, environment).await {
                Ok(child) => processes.push((name, child)),
                Err(error) => return Err(Failure::NotLaunched(name, error)),
            }
        }
        if !processes.is_empty() {
            sandbox.extensions = Extensions::external(processes);
        }
        Ok(sandbox)
    }

    /// Starts the runtime's process.
    pub(super) async fn start_runtime(&mut self, environment: &Environment) -> Result<(), Failure> {
        let (settings, task_root) = (&environment.settings, environment.task_root());
        let mut process = Process::new(&environment.bootstrap);
        process.env_clear().envs(RUNTIME_VARIABLES);
        self.configure(&mut process, environment)
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", settings.name))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("environment-{}", environment.number))
            .env("LAMBDA_TASK_ROOT", task_root)
            .current_dir(task_root);
        self.runtime = Some(self.spawn(&mut process, environment).await.map_err(Failure::System)?);
        Ok(())
    }

    /// Configuration shared by the runtime and the extensions.
    fn configure<'p>(&self, process: &'p mut Process, environment: &Environment) -> &'p mut Process {
        let settings = &environment.settings;
        process
            .envs(VARIABLES)
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", &settings.name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", settings.memory_mb.to_string())
            .envs(settings.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
    }

    /// Starts a process, measures its usage, and forwards its output.
    async fn spawn(&mut self, process: &mut Process, environment: &Environment) -> io::Result<Child> {
        let mut child = spawn(process).await?;
        let Environment { settings, number, pool, .. } = environment;
        let lines = Lines { pool: Arc::clone(pool), function: settings.name.clone(), environment: *number };
        lines.follow(child.stdout.take());
        lines.follow(child.stderr.take());
        if let Some(pid) = child.id() {
            self.meter.add(pid);
            self.groups.extend(i32::try_from(pid).ok().and_then(Pid::from_raw));
        }
        Ok(child)
    }

    /// Waits for the next call: one of the runtime, or `None` for one of an extension, which has been handled.
    pub(super) async fn next_call(&mut self) -> Result<Option<Call>, Failure> {
        let runtime = &mut self.runtime;
        let exit = async move {
            match runtime {
                Some(runtime) => runtime.wait().await,
                None => std::future::pending().await,
            }
        };
        let call = tokio::select! {
            biased;
            call = self.calls.recv() => call,
            status = exit => return Err(status.map_or_else(Failure::System, Failure::Exited)),
            (name, status) = self.extensions.exit() => {
                return Err(status.map_or_else(Failure::System, |status| Failure::Crashed(name, status)));
            }
        };
        match call {
            Some(Call::Extension(call)) => match self.extensions.handle(call) {
                Handled::Fine => Ok(None),
                Handled::Failed(error) => Err(Failure::Reported(error)),
            },
            Some(call) => Ok(Some(call)),
            None => Err(Failure::System(io::Error::other("the Runtime API has stopped"))),
        }
    }

    /// Waits until the runtime's process has exited by itself.
    pub(super) async fn runtime_exit(&mut self) {
        if let Some(runtime) = &mut self.runtime {
            let _ = runtime.wait().await;
        }
    }

    /// Ends the environment: at once if there are no extensions. Otherwise the runtime gets SIGTERM, then the
    /// extensions that registered for it get the event `SHUTDOWN`, and whatever still runs after the time limit is
    /// killed.
    pub(super) async fn shut_down(mut self, reason: Reason) {
        if self.extensions.is_empty() {
            return;
        }
        let limit = if self.extensions.any_external() { SHUTDOWN_LIMIT } else { INTERNAL_SHUTDOWN_LIMIT };
        let (begun, wall) = (Instant::now(), ambient::now());
        // A frozen process receives nothing, so resume it.
        self.signal(Signal::CONT);
        if let (Some(runtime), Some(group)) = (&mut self.runtime, self.groups.last()) {
            let _ = kill_process_group(*group, Signal::TERM);
            if timeout_at(begun + limit * RUNTIME_SHARE / 100, runtime.wait()).await.is_err() {
                let _ = kill_process_group(*group, Signal::KILL);
            }
        }
        self.extensions.shut_down(reason, wall + limit);
        let closing = async {
            while self.extensions.any_closing() {
                tokio::select! {
                    _ = self.extensions.exit() => {}
                    // The runtime may still request an event, or report its exit.
                    Some(call) = self.calls.recv() => {
                        if let Call::Extension(call) = call {
                            self.extensions.handle(call);
                        }
                    }
                }
            }
        };
        // Processes that take too long are killed with the rest.
        let _ = timeout_at(begun + limit, closing).await;
    }

    /// Sends a signal to the processes and their children; they may have exited.
    pub(super) fn signal(&self, signal: Signal) {
        for group in &self.groups {
            let _ = kill_process_group(*group, signal);
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.api.abort();
    }
}

/// Starts a process from a file that has just been written. Another thread that is starting a process may have
/// inherited the file, open for writing, for a moment.
async fn spawn(process: &mut Process) -> io::Result<Child> {
    for _ in 0..SPAWN_TRIES {
        match process.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(SPAWN_PAUSE).await,
            result => return result,
        }
    }
    process.spawn()
}

/// Variables that Lambda sets for every process and that do not depend on the function. The credentials are
/// placeholders: the local services accept any.
const VARIABLES: [(&str, &str); 9] = [
    ("AWS_ACCESS_KEY_ID", "front-door"),
    ("AWS_DEFAULT_REGION", crate::REGION),
    ("AWS_LAMBDA_FUNCTION_VERSION", VERSION),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_REGION", crate::REGION),
    ("AWS_SECRET_ACCESS_KEY", "front-door"),
    ("LANG", "en_US.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("TZ", ":UTC"),
];

/// Variables that only the runtime of an OS-only function gets.
const RUNTIME_VARIABLES: [(&str, &str); 3] =
    [("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"), ("LAMBDA_RUNTIME_DIR", "/var/runtime"), ("_HANDLER", HANDLER)];

/// Forwards the output of a process to the observer, line by line.
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
