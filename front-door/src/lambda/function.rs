//! A function: its code, its execution environments, and the choice of one for each invocation.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::environment::{Command, Environment};
use super::report::Report;
use super::{Invocation, InvokeError, Invoked, MAX_PAYLOAD_BYTES, Outcome, Settings, error_object};

/// Receives reports and output of environments.
pub trait Observer: Send + Sync {
    /// Called when an invocation has ended.
    fn report(&self, report: &Report);
    /// Called for each line that a process prints.
    fn line(&self, function: &str, environment: u64, line: &str);
}

/// A function on the host. Dropping it ends its environments, including running invocations.
pub struct Function {
    settings: Arc<Settings>,
    pool: Arc<Pool>,
    environments: Mutex<JoinSet<()>>,
}

/// Number of environments of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Environments {
    /// Running an invocation, or starting for one.
    pub busy: usize,
    /// Idle and frozen.
    pub idle: usize,
}

/// The environments of a function.
pub(super) struct Pool {
    pub observer: Arc<dyn Observer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bootstrap: Option<PathBuf>,
    version: u64,
    /// Used last in, first out, so that the others can expire.
    idle: Vec<(u64, mpsc::Sender<Command>)>,
    /// Channels to the busy ones.
    busy: Vec<(u64, mpsc::Sender<Command>)>,
    last: u64,
}

/// The environment that takes an invocation.
enum Taker {
    Warm(mpsc::Sender<Command>),
    Cold { number: u64, bootstrap: PathBuf, commands: mpsc::Receiver<Command> },
}

impl Function {
    /// Creates a function without code.
    pub fn new(settings: Settings, observer: Arc<dyn Observer>) -> Self {
        Self {
            settings: Arc::new(settings),
            pool: Arc::new(Pool { observer, state: Mutex::default() }),
            environments: Mutex::default(),
        }
    }

    /// The function's configuration.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Replaces the code: running invocations end on the old code, the next ones start on the new code. The code is a
    /// binary, or a directory with a `bootstrap` and the files that it needs; the files in its directory `extensions`
    /// are started as extensions.
    ///
    /// # Errors
    /// If the code cannot be copied, or a directory has no `bootstrap`.
    pub fn deploy(&self, code: &Path) -> io::Result<()> {
        let version = self.pool.state().version + 1;
        let directory = self.settings.directory.join(format!("{}-{version}", self.settings.name));
        let bootstrap = directory.join("bootstrap");
        if code.is_dir() {
            copy_directory(code, &directory)?;
            fs::metadata(&bootstrap)?;
        } else {
            fs::create_dir_all(&directory)?;
            fs::copy(code, &bootstrap)?;
        }
        let mut state = self.pool.state();
        state.version = version;
        state.bootstrap = Some(bootstrap);
        // The idle ones cannot be reached anymore, so they end.
        state.idle.clear();
        Ok(())
    }

    /// Number of environments.
    pub fn environments(&self) -> Environments {
        let state = self.pool.state();
        Environments { busy: state.busy.len(), idle: state.idle.len() }
    }

    /// Invokes the function and waits for the result (invocation type `RequestResponse`).
    ///
    /// # Errors
    /// If Lambda would reject the invocation.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Invoked, InvokeError> {
        if invocation.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(InvokeError::TooLarge);
        }
        let (reply, result) = oneshot::channel();
        let mut command = Command { invocation, reply };
        loop {
            match self.pool.choose(self.settings.concurrency)? {
                Taker::Warm(environment) => match environment.try_send(command) {
                    Ok(()) => break,
                    // The environment has just ended: choose the next one.
                    Err(unsent) => command = unsent.into_inner(),
                },
                Taker::Cold { number, bootstrap, commands } => {
                    let (settings, pool) = (Arc::clone(&self.settings), Arc::clone(&self.pool));
                    self.spawn(Environment { number, settings, bootstrap, pool }.run(command, commands));
                    break;
                }
            }
        }
        Ok(result.await.unwrap_or_else(|_| Invoked {
            outcome: Outcome::FunctionError(error_object(
                "Sandbox.Failure",
                "the environment ended without a response",
            )),
            init: None,
        }))
    }

    fn spawn(&self, environment: impl Future<Output = ()> + Send + 'static) {
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        // Removes environments that have ended.
        while environments.try_join_next().is_some() {}
        environments.spawn(environment);
    }
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn choose(&self, concurrency: usize) -> Result<Taker, InvokeError> {
        let mut state = self.state();
        if let Some((number, environment)) = state.idle.pop() {
            state.busy.push((number, environment.clone()));
            return Ok(Taker::Warm(environment));
        }
        let bootstrap = state.bootstrap.clone().ok_or(InvokeError::NoCode)?;
        if state.busy.len() >= concurrency {
            return Err(InvokeError::Throttled);
        }
        state.last += 1;
        let (number, (sender, commands)) = (state.last, mpsc::channel(1));
        state.busy.push((number, sender));
        Ok(Taker::Cold { number, bootstrap, commands })
    }

    /// Marks an environment as idle; `false` if its code is out of date.
    pub fn idle(&self, number: u64, bootstrap: &Path) -> bool {
        let mut state = self.state();
        if state.bootstrap.as_deref() != Some(bootstrap) {
            return false;
        }
        if let Some(place) = state.busy.iter().position(|(busy, _)| *busy == number) {
            let environment = state.busy.swap_remove(place);
            state.idle.push(environment);
        }
        true
    }

    /// Removes an idle environment from the pool; `false` if it has already been chosen.
    pub fn take_back(&self, number: u64) -> bool {
        let mut state = self.state();
        let place = state.idle.iter().position(|(idle, _)| *idle == number);
        place.map(|place| state.idle.remove(place)).is_some()
    }

    /// Removes an environment that has ended.
    pub fn ended(&self, number: u64) {
        let mut state = self.state();
        state.busy.retain(|(busy, _)| *busy != number);
        state.idle.retain(|(idle, _)| *idle != number);
    }
}
