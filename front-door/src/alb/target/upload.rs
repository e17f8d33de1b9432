//! A request's body on its way to a target, with detection of inactivity.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, sleep_until};

/// The time of the last activity, and whether the client is expected to send next.
#[derive(Debug)]
pub(super) struct Activity(Mutex<(Instant, bool)>);

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new((Instant::now(), false)))
    }
}

impl Activity {
    /// Waits until nothing has moved for `silence`. Returns whether the client had more to send.
    pub(super) async fn end(&self, silence: Duration) -> bool {
        loop {
            let (since, is_clients_turn) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if since + silence <= Instant::now() {
                return is_clients_turn;
            }
            sleep_until(since + silence).await;
        }
    }

    /// The target reads only what it polls for, so a further poll means that the previous part was forwarded.
    fn note(&self, polled_is_ready: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if polled_is_ready || !state.1 {
            *state = (Instant::now(), !polled_is_ready);
        }
    }
}

/// The body.
#[derive(Debug)]
pub(super) struct Upload {
    body: Incoming,
    activity: Arc<Activity>,
}

impl Upload {
    pub(super) fn new(body: Incoming, activity: Arc<Activity>) -> Self {
        Self { body, activity }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.activity.note(polled.is_ready());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
