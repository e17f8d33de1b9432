//! A function on the host, and records of its environments.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use front_door::lambda::{Function, Invocation, InvokeError, Invoked, Observer, Outcome, Report, Settings};
use serde_json::Value;
use tempfile::TempDir;

use super::{TIMEOUT, eventually, example, soon};

/// Records reports and lines.
#[derive(Default)]
pub struct Recorder {
    pub reports: Mutex<Vec<Report>>,
    pub lines: Mutex<Vec<String>>,
}

impl Observer for Recorder {
    fn report(&self, report: &Report) {
        self.reports.lock().expect("no panic").push(report.clone());
    }

    fn line(&self, _function: &str, _environment: u64, line: &str) {
        self.lines.lock().expect("no panic").push(line.to_owned());
    }
}

impl Recorder {
    /// The report of the n-th completed invocation, starting at 1.
    pub async fn report(&self, number: usize) -> Report {
        eventually("a report", || self.reports.lock().expect("no panic").len() >= number).await;
        self.reports.lock().expect("no panic")[number - 1].clone()
    }

    /// Waits until the processes have printed these lines, in this order.
    pub async fn lines_are(&self, expected: &[&str]) {
        eventually("as many lines", || self.lines.lock().expect("no panic").len() >= expected.len()).await;
        assert_eq!(*self.lines.lock().expect("no panic"), expected);
    }
}

/// Default settings of the tests.
pub fn settings(name: &str, directory: &TempDir) -> Settings {
    Settings {
        name: name.to_owned(),
        variables: Vec::new(),
        memory_mb: 128,
        timeout: TIMEOUT,
        concurrency: 10,
        idle_expiry: Duration::from_mins(5),
        freeze: true,
        directory: directory.path().to_owned(),
    }
}

/// A function with its code.
pub struct Host {
    pub function: Function,
    pub recorder: Arc<Recorder>,
    pub directory: TempDir,
    responses: AtomicUsize,
}

impl Host {
    /// The conforming function.
    pub fn start(change: impl FnOnce(&mut Settings)) -> Self {
        Self::with("bootstrap", change)
    }

    /// The function that violates the contract in this way; the second value is the file that counts its starts.
    pub fn misbehaving(how: &str, change: impl FnOnce(&mut Settings)) -> Self {
        Self::with("misbehaving", |settings| {
            let starts = settings.directory.join("starts").display().to_string();
            settings.variables = vec![("MISBEHAVIOUR".to_owned(), how.to_owned()), ("STARTS".to_owned(), starts)];
            change(settings);
        })
    }

    /// The conforming function with extensions; their names select their behavior.
    pub fn extended(extensions: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let code = directory.path().join("code");
        std::fs::create_dir_all(code.join("extensions")).expect("a directory");
        std::fs::copy(example("bootstrap"), code.join("bootstrap")).expect("a copy");
        for name in extensions {
            std::fs::copy(example("extension"), code.join("extensions").join(name)).expect("a copy");
        }
        Self::of(&code, directory, change)
    }

    fn with(code: &str, change: impl FnOnce(&mut Settings)) -> Self {
        Self::of(&example(code), tempfile::tempdir().expect("a directory"), change)
    }

    fn of(code: &Path, directory: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings("tried", &directory);
        change(&mut settings);
        let recorder = Arc::new(Recorder::default());
        let function = Function::new(settings, Arc::clone(&recorder) as _);
        function.deploy(code).expect("a copy");
        Self { function, recorder, directory, responses: AtomicUsize::new(0) }
    }

    /// Number of processes started so far.
    pub fn starts(&self) -> usize {
        std::fs::read(self.directory.path().join("starts")).map_or(0, |bytes| bytes.len())
    }

    /// Invokes the function, and waits until its environment is idle.
    pub async fn try_invoke(&self, event: Value) -> Result<Invoked, InvokeError> {
        let invocation = Invocation { payload: event.to_string().into(), trace_id: "Root=1-2-3".to_owned() };
        let invoked = soon("an invocation", self.function.invoke(invocation)).await?;
        // The caller has the response before the runtime requests the next event; until then the environment is busy.
        let responses = self.responses.fetch_add(1, Ordering::Relaxed) + 1;
        self.recorder.report(responses).await;
        Ok(invoked)
    }

    pub async fn invoke(&self, event: Value) -> Invoked {
        self.try_invoke(event).await.expect("an invocation")
    }

    /// The response to an event; panics if the invocation fails.
    pub async fn response(&self, event: Value) -> Value {
        response_of(&self.invoke(event).await)
    }

    /// Type and message of the error with which an event must end.
    pub async fn error(&self, event: Value) -> (String, String) {
        error_of(&self.invoke(event).await)
    }

    /// Processes that run this function's code.
    pub fn processes(&self) -> Vec<u64> {
        let entries = std::fs::read_dir("/proc").expect("processes").flatten();
        let ours = entries.filter(|entry| {
            let code = std::fs::read_link(entry.path().join("exe"));
            code.is_ok_and(|code| code.starts_with(self.directory.path()))
        });
        ours.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// Waits until this many environments are idle; others may be busy.
    pub async fn idle_beside(&self, number: usize) {
        eventually("idle environments", || self.function.environments().idle == number).await;
    }

    /// Waits until no environment is busy, and this many are idle.
    pub async fn idle(&self, number: usize) {
        eventually("idle environments", || {
            let environments = self.function.environments();
            (environments.busy, environments.idle) == (0, number)
        })
        .await;
    }
}

fn response_of(invoked: &Invoked) -> Value {
    match &invoked.outcome {
        Outcome::Response(payload) => serde_json::from_slice(payload).expect("JSON"),
        Outcome::FunctionError(error) => panic!("{}", String::from_utf8_lossy(error)),
    }
}

pub fn error_of(invoked: &Invoked) -> (String, String) {
    let Outcome::FunctionError(error) = &invoked.outcome else { panic!("no error: {invoked:?}") };
    let error: Value = serde_json::from_slice(error).expect("JSON");
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("errorType"), text("errorMessage"))
}
