//! A function: its code, its environments, and which of them takes an invocation.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::environment::{Command, Environment};
use super::report::Report;
use super::{Invocation, Invoked, MAX_PAYLOAD_BYTES, Outcome, Refusal, Settings, error_object};

/// Who hears of what environments do.
pub trait Observer: Send + Sync {
    /// An invocation ended.
    fn report(&self, report: &Report);
    /// A process wrote a line.
    fn line(&self, function: &str, environment: u64, line: &str);
}

/// A function on the host. Dropping it ends its environments, with whatever they do.
pub struct Function {
    settings: Arc<Settings>,
    pool: Arc<Pool>,
    environments: Mutex<JoinSet<()>>,
}

/// How many environments a function has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Environments {
    /// With an invocation at work, or starting for one.
    pub busy: usize,
    /// Waiting, frozen.
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
    /// Last in, first out: the rest can expire.
    idle: Vec<(u64, mpsc::Sender<Command>)>,
    /// Ways to those that are busy.
    busy: Vec<(u64, mpsc::Sender<Command>)>,
    last: u64,
}

/// Who takes an invocation.
enum Taker {
    Warm(mpsc::Sender<Command>),
    Cold { number: u64, bootstrap: PathBuf, commands: mpsc::Receiver<Command> },
}

impl Function {
    /// A function without code.
    pub fn new(settings: Settings, observer: Arc<dyn Observer>) -> Self {
        Self {
            settings: Arc::new(settings),
            pool: Arc::new(Pool { observer, state: Mutex::default() }),
            environments: Mutex::default(),
        }
    }

    /// How it is configured.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Replaces the code: invocations at work end on the old one, the next ones start on the new one. The code is a binary, or a
    /// directory with a `bootstrap` and whatever it needs; what its directory `extensions` holds is started beside it.
    ///
    /// # Errors
    /// When the code cannot be copied, or a directory has no `bootstrap`.
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
        // Nobody can reach the idle ones any more: they end.
        state.idle.clear();
        Ok(())
    }

    /// How many environments there are.
    pub fn environments(&self) -> Environments {
        let state = self.pool.state();
        Environments { busy: state.busy.len(), idle: state.idle.len() }
    }

    /// Invokes the function and waits for the answer (invocation type `RequestResponse`).
    ///
    /// # Errors
    /// When Lambda would refuse to invoke it.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Invoked, Refusal> {
        if invocation.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(Refusal::TooLarge);
        }
        let (reply, answer) = oneshot::channel();
        let mut command = Command { invocation, reply };
        loop {
            match self.pool.choose(self.settings.concurrency)? {
                Taker::Warm(environment) => match environment.try_send(command) {
                    Ok(()) => break,
                    // It has just ended: the next one.
                    Err(refused) => command = refused.into_inner(),
                },
                Taker::Cold { number, bootstrap, commands } => {
                    let (settings, pool) = (Arc::clone(&self.settings), Arc::clone(&self.pool));
                    self.spawn(Environment { number, settings, bootstrap, pool }.run(command, commands));
                    break;
                }
            }
        }
        Ok(answer.await.unwrap_or_else(|_| Invoked {
            outcome: Outcome::FunctionError(error_object("Sandbox.Failure", "the environment ended without an answer")),
            init: None,
        }))
    }

    fn spawn(&self, environment: impl Future<Output = ()> + Send + 'static) {
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended are forgotten.
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

    fn choose(&self, concurrency: usize) -> Result<Taker, Refusal> {
        let mut state = self.state();
        if let Some((number, environment)) = state.idle.pop() {
            state.busy.push((number, environment.clone()));
            return Ok(Taker::Warm(environment));
        }
        let bootstrap = state.bootstrap.clone().ok_or(Refusal::NoCode)?;
        if state.busy.len() >= concurrency {
            return Err(Refusal::Throttled);
        }
        state.last += 1;
        let (number, (sender, commands)) = (state.last, mpsc::channel(1));
        state.busy.push((number, sender));
        Ok(Taker::Cold { number, bootstrap, commands })
    }

    /// An environment has nothing to do; `false` if its code is out of date.
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

    /// Takes an idle environment out of the choice; `false` if it has been chosen already.
    pub fn take_back(&self, number: u64) -> bool {
        let mut state = self.state();
        let place = state.idle.iter().position(|(idle, _)| *idle == number);
        place.map(|place| state.idle.remove(place)).is_some()
    }

    /// An environment has ended.
    pub fn ended(&self, number: u64) {
        let mut state = self.state();
        state.busy.retain(|(busy, _)| *busy != number);
        state.idle.retain(|(idle, _)| *idle != number);
    }
}
