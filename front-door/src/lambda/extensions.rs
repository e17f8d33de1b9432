//! The extensions of one execution environment: who has registered, for which events, and who is done with the phase.
//!
//! Phases and rules: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>. External extensions are processes
//! of their own, one for each file in the code's directory `extensions` (on Lambda `/opt/extensions`, where layers put them); what
//! registers under any other name is internal, a part of the runtime's process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::SystemTime;

use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};

use super::error_object;
use super::runtime_api::Delivery;
use crate::ambient;
use crate::units::unix_milliseconds;

/// Extensions of a function at most (Lambda quotas).
const MOST: usize = 10;

/// Events that an extension can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum EventType {
    Invoke,
    Shutdown,
}

/// Why an environment ends, in the words of the event `SHUTDOWN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Nobody needs it any more.
    Spindown,
    Timeout,
    Failure,
}

/// When a failure was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Init,
    Exit,
}

/// What an extension asks for or reports. Each carries the way back for the answer.
#[derive(Debug)]
pub(super) enum ExtensionCall {
    /// Answered with the identifier.
    Register {
        name: String,
        events: Vec<EventType>,
        back: oneshot::Sender<Result<String, Refusal>>,
    },
    /// Answered with the next event, which may take long.
    Next {
        id: String,
        back: oneshot::Sender<Result<Bytes, Refusal>>,
    },
    Failed {
        id: String,
        stage: Stage,
        error_type: String,
        back: oneshot::Sender<Result<(), Refusal>>,
    },
}

/// Why a call is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Registration is over once the runtime has asked for its first event.
    InitIsOver,
    AlreadyRegistered,
    TooMany,
    /// An internal extension cannot outlive its runtime: it gets no `SHUTDOWN`.
    InternalShutdown,
    UnknownIdentifier,
    /// It asks for an event while it waits for one, or says that it cannot start after it has.
    WrongState,
}

/// What became of a call.
pub(super) enum Heard {
    Fine,
    /// The extension gives up, and with it the environment: Lambda's error object.
    GivesUp(Bytes),
}

#[derive(Default)]
pub(super) struct Extensions {
    members: Vec<Member>,
    is_init_over: bool,
    exits: Option<mpsc::UnboundedReceiver<(String, io::Result<ExitStatus>)>>,
}

struct Member {
    name: String,
    is_external: bool,
    /// Once it has registered.
    id: Option<String>,
    events: Vec<EventType>,
    /// Asked for an event since it registered.
    is_ready: bool,
    /// Waits for an event.
    next: Option<oneshot::Sender<Result<Bytes, Refusal>>>,
    /// `SHUTDOWN`, when it was at work as the environment began to end: the answer to its next question.
    owed: Option<Bytes>,
    has_exited: bool,
}

/// The files of a code directory that are started as extensions, by name.
///
/// # Errors
/// When the directory cannot be read.
pub(super) fn files(task_root: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(task_root.join("extensions")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

impl Extensions {
    /// Those that were started as processes; each must register.
    pub(super) fn external(processes: Vec<(String, Child)>) -> Self {
        let (sender, exits) = mpsc::unbounded_channel();
        let member = |(name, mut child): (String, Child)| {
            let (sender, exited) = (sender.clone(), name.clone());
            tokio::spawn(async move {
                let status = child.wait().await;
                let _ = sender.send((exited, status));
            });
            Member::new(name, true)
        };
        Self { members: processes.into_iter().map(member).collect(), is_init_over: false, exits: Some(exits) }
    }

    /// Hears a call and answers it.
    pub(super) fn hear(&mut self, call: ExtensionCall) -> Heard {
        match call {
            ExtensionCall::Register { name, events, back } => {
                let _ = back.send(self.register(name, events));
            }
            ExtensionCall::Next { id, back } => match self.by_id(&id) {
                Ok(member) if member.next.is_some() => {
                    let _ = back.send(Err(Refusal::WrongState));
                }
                Ok(member) => member.ask(back),
                Err(refusal) => {
                    let _ = back.send(Err(refusal));
                }
            },
            ExtensionCall::Failed { id, stage, error_type, back } => {
                let name = self.by_id(&id).and_then(|member| match (stage, member.is_ready) {
                    (Stage::Init, true) => Err(Refusal::WrongState),
                    _ => Ok(member.name.clone()),
                });
                let _ = back.send(name.as_ref().map(|_| ()).map_err(|refusal| *refusal));
                if let Ok(name) = name {
                    let when = if stage == Stage::Init { "cannot start" } else { "ends" };
                    return Heard::GivesUp(error_object(&error_type, &format!("Error: the extension {name} {when}")));
                }
            }
        }
        Heard::Fine
    }

    fn register(&mut self, name: String, events: Vec<EventType>) -> Result<String, Refusal> {
        if self.is_init_over {
            return Err(Refusal::InitIsOver);
        }
        let id = ambient::request_id();
        if let Some(member) = self.members.iter_mut().find(|member| member.name == name) {
            if member.id.is_some() {
                return Err(Refusal::AlreadyRegistered);
            }
            (member.id, member.events) = (Some(id.clone()), events);
            return Ok(id);
        }
        if self.members.len() >= MOST {
            return Err(Refusal::TooMany);
        }
        if events.contains(&EventType::Shutdown) {
            return Err(Refusal::InternalShutdown);
        }
        self.members.push(Member { id: Some(id.clone()), events, ..Member::new(name, false) });
        Ok(id)
    }

    fn by_id(&mut self, id: &str) -> Result<&mut Member, Refusal> {
        self.members.iter_mut().find(|member| member.id.as_deref() == Some(id)).ok_or(Refusal::UnknownIdentifier)
    }

    /// Whether the runtime may be started.
    pub(super) fn are_registered(&self) -> bool {
        self.members.iter().all(|member| member.id.is_some())
    }

    /// The runtime has asked for its first event: nobody can register any more.
    pub(super) fn end_registration(&mut self) {
        self.is_init_over = true;
    }

    /// Whether all are done with the phase, and wait for the next event.
    pub(super) fn are_done(&self) -> bool {
        self.members.iter().all(|member| member.next.is_some())
    }

    /// Tells those who asked for it that there is an invocation.
    pub(super) fn invoke(&mut self, delivery: &Delivery) {
        let event = json!({
            "eventType": "INVOKE",
            "deadlineMs": unix_milliseconds(delivery.deadline),
            "requestId": delivery.request_id,
            "invokedFunctionArn": delivery.function_arn,
            "tracing": { "type": "X-Amzn-Trace-Id", "value": delivery.trace_id },
        });
        self.tell(EventType::Invoke, &event);
    }

    /// Tells those who asked for it that the environment ends.
    pub(super) fn shut_down(&mut self, reason: Reason, deadline: SystemTime) {
        let reason = match reason {
            Reason::Spindown => "spindown",
            Reason::Timeout => "timeout",
            Reason::Failure => "failure",
        };
        let event =
            json!({ "eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": unix_milliseconds(deadline) });
        self.tell(EventType::Shutdown, &event);
    }

    fn tell(&mut self, event_type: EventType, event: &Value) {
        for member in self.members.iter_mut().filter(|member| member.events.contains(&event_type)) {
            match member.next.take() {
                Some(next) => {
                    let _ = next.send(Ok(event.to_string().into()));
                }
                None if event_type == EventType::Shutdown => member.owed = Some(event.to_string().into()),
                None => {}
            }
        }
    }

    /// Waits for the next process that ends; for ever if there is none.
    pub(super) async fn exit(&mut self) -> (String, io::Result<ExitStatus>) {
        let exit = match &mut self.exits {
            Some(exits) => exits.recv().await,
            None => None,
        };
        let Some((name, status)) = exit else { return std::future::pending().await };
        for member in self.members.iter_mut().filter(|member| member.is_external && member.name == name) {
            member.has_exited = true;
        }
        (name, status)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether any is a process of its own.
    pub(super) fn any_external(&self) -> bool {
        self.members.iter().any(|member| member.is_external)
    }

    /// Whether a process is still there that was told of the end.
    pub(super) fn any_closing(&self) -> bool {
        let is_closing =
            |member: &Member| member.is_external && !member.has_exited && member.events.contains(&EventType::Shutdown);
        self.members.iter().any(is_closing)
    }
}

impl Member {
    fn new(name: String, is_external: bool) -> Self {
        let events = Vec::new();
        Self { name, is_external, id: None, events, is_ready: false, next: None, owed: None, has_exited: false }
    }

    /// It asks for its next event, and gets it now or later.
    fn ask(&mut self, back: oneshot::Sender<Result<Bytes, Refusal>>) {
        self.is_ready = true;
        match self.owed.take() {
            Some(event) => {
                let _ = back.send(Ok(event));
            }
            None => self.next = Some(back),
        }
    }
}
