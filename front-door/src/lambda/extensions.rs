//! The extensions of one execution environment: their registrations, their events, and whether they have finished the
//! phase.
//!
//! Phases and rules: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>. External extensions
//! are processes of their own, one for each file in the code's directory `extensions` (on Lambda `/opt/extensions`,
//! where layers put them). An extension that registers under any other name is internal, that is, part of the runtime's
//! process.

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

/// Most extensions of a function (Lambda quota).
const MOST: usize = 10;

/// Events that an extension can register for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum EventType {
    Invoke,
    Shutdown,
}

/// Why an environment ends, in the terms of the event `SHUTDOWN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It has been idle for too long.
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

/// A request or report of an extension, with the channel for the response.
#[derive(Debug)]
pub(super) enum ExtensionCall {
    /// Responds with the identifier.
    Register {
        name: String,
        events: Vec<EventType>,
        back: oneshot::Sender<Result<String, CallError>>,
    },
    /// Responds with the next event, which may take long.
    Next {
        id: String,
        back: oneshot::Sender<Result<Bytes, CallError>>,
    },
    Failed {
        id: String,
        stage: Stage,
        error_type: String,
        back: oneshot::Sender<Result<(), CallError>>,
    },
}

/// Why a call is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallError {
    /// Registration ends when the runtime requests its first event.
    InitIsOver,
    AlreadyRegistered,
    TooMany,
    /// An internal extension cannot outlive its runtime, so it gets no `SHUTDOWN`.
    InternalShutdown,
    UnknownIdentifier,
    /// The extension already waits for an event, or reports an init error after init.
    WrongState,
}

/// The result of a call.
pub(super) enum Handled {
    Fine,
    /// The extension reported a failure, which ends the environment: Lambda's error object.
    Failed(Bytes),
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
    /// Set when it has registered.
    id: Option<String>,
    events: Vec<EventType>,
    /// Whether it has requested an event since it registered.
    is_ready: bool,
    /// Set while it waits for an event.
    next: Option<oneshot::Sender<Result<Bytes, CallError>>>,
    /// A pending `SHUTDOWN`, for an extension that was busy when the environment began to end: the response to its next
    /// request.
    owed: Option<Bytes>,
    has_exited: bool,
}

/// The files of a code directory that are started as extensions, sorted by name.
///
/// # Errors
/// If the directory cannot be read.
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
    /// The extensions that were started as processes; each must register.
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

    /// Handles a call and responds to it.
    pub(super) fn handle(&mut self, call: ExtensionCall) -> Handled {
        match call {
            ExtensionCall::Register { name, events, back } => {
                let _ = back.send(self.register(name, events));
            }
            ExtensionCall::Next { id, back } => match self.by_id(&id) {
                Ok(member) if member.next.is_some() => {
                    let _ = back.send(Err(CallError::WrongState));
                }
                Ok(member) => member.request_event(back),
                Err(error) => {
                    let _ = back.send(Err(error));
                }
            },
            ExtensionCall::Failed { id, stage, error_type, back } => {
                let name = self.by_id(&id).and_then(|member| match (stage, member.is_ready) {
                    (Stage::Init, true) => Err(CallError::WrongState),
                    _ => Ok(member.name.clone()),
                });
                let _ = back.send(name.as_ref().map(|_| ()).map_err(|error| *error));
                if let Ok(name) = name {
                    let when = if stage == Stage::Init { "failed to start" } else { "failed" };
                    return Handled::Failed(error_object(&error_type, &format!("Error: the extension {name} {when}")));
                }
            }
        }
        Handled::Fine
    }

    fn register(&mut self, name: String, events: Vec<EventType>) -> Result<String, CallError> {
        if self.is_init_over {
            return Err(CallError::InitIsOver);
        }
        let id = ambient::request_id();
        if let Some(member) = self.members.iter_mut().find(|member| member.name == name) {
            if member.id.is_some() {
                return Err(CallError::AlreadyRegistered);
            }
            (member.id, member.events) = (Some(id.clone()), events);
            return Ok(id);
        }
        if self.members.len() >= MOST {
            return Err(CallError::TooMany);
        }
        if events.contains(&EventType::Shutdown) {
            return Err(CallError::InternalShutdown);
        }
        self.members.push(Member { id: Some(id.clone()), events, ..Member::new(name, false) });
        Ok(id)
    }

    fn by_id(&mut self, id: &str) -> Result<&mut Member, CallError> {
        self.members.iter_mut().find(|member| member.id.as_deref() == Some(id)).ok_or(CallError::UnknownIdentifier)
    }

    /// Whether the runtime can be started.
    pub(super) fn are_registered(&self) -> bool {
        self.members.iter().all(|member| member.id.is_some())
    }

    /// The runtime has requested its first event; no extension can register anymore.
    pub(super) fn end_registration(&mut self) {
        self.is_init_over = true;
    }

    /// Whether all extensions have finished the phase and wait for the next event.
    pub(super) fn are_done(&self) -> bool {
        self.members.iter().all(|member| member.next.is_some())
    }

    /// Sends the event `INVOKE` to the extensions that registered for it.
    pub(super) fn invoke(&mut self, delivery: &Delivery) {
        let event = json!({
            "eventType": "INVOKE",
            "deadlineMs": unix_milliseconds(delivery.deadline),
            "requestId": delivery.request_id,
            "invokedFunctionArn": delivery.function_arn,
            "tracing": { "type": "X-Amzn-Trace-Id", "value": delivery.trace_id },
        });
        self.send(EventType::Invoke, &event);
    }

    /// Sends the event `SHUTDOWN` to the extensions that registered for it.
    pub(super) fn shut_down(&mut self, reason: Reason, deadline: SystemTime) {
        let reason = match reason {
            Reason::Spindown => "spindown",
            Reason::Timeout => "timeout",
            Reason::Failure => "failure",
        };
        let event =
            json!({ "eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": unix_milliseconds(deadline) });
        self.send(EventType::Shutdown, &event);
    }

    fn send(&mut self, event_type: EventType, event: &Value) {
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

    /// Waits for the next process that exits; forever without a process.
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

    /// Whether any extension is external.
    pub(super) fn any_external(&self) -> bool {
        self.members.iter().any(|member| member.is_external)
    }

    /// Whether a process that was sent `SHUTDOWN` is still running.
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

    /// Handles a request for the next event, which is delivered now or later.
    fn request_event(&mut self, back: oneshot::Sender<Result<Bytes, CallError>>) {
        self.is_ready = true;
        match self.owed.take() {
            Some(event) => {
                let _ = back.send(Ok(event));
            }
            None => self.next = Some(back),
        }
    }
}
