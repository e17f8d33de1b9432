//! Trying again: full jitter, within a deadline, from the shop's own randomness.

use std::sync::Arc;
use std::time::Duration;

use shopease_shared::ports::IdGenerator;
use tokio::time::Instant;

/// Tries of one command that clashes with others, and how long they take together: a shopper waits.
const TRIES: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a command waits its turn that nobody looks at, such as one product of an import.
const MUCH_PATIENCE: Duration = Duration::from_mins(1);
/// Longest pause between looks at whose turn it is.
const SHORT_PAUSE: Duration = Duration::from_millis(160);
/// Longest first pause; doubles with every try.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// The pauses of one command.
pub(super) struct Backoff {
    ids: Arc<dyn IdGenerator>,
    deadline: Instant,
    tries: u32,
    most_tries: u32,
    longest_pause: Duration,
}

impl Backoff {
    /// Starts the clock of a command.
    pub fn new(ids: &Arc<dyn IdGenerator>) -> Self {
        Self {
            ids: Arc::clone(ids),
            deadline: Instant::now() + PATIENCE,
            tries: 1,
            most_tries: TRIES,
            longest_pause: LONGEST_PAUSE,
        }
    }

    /// Starts the clock of a command that has time, and waits for others more than it clashes with them.
    pub fn patient(ids: &Arc<dyn IdGenerator>) -> Self {
        let deadline = Instant::now() + MUCH_PATIENCE;
        Self { deadline, most_tries: u32::MAX, longest_pause: SHORT_PAUSE, ..Self::new(ids) }
    }

    /// Waits before the next try, anywhere between nothing and the longest pause of this try, so that those who
    /// clashed do not clash again. `false`, at once, when there shall be no next try.
    pub async fn pause(&mut self) -> bool {
        if self.tries >= self.most_tries {
            return false;
        }
        let longest = FIRST_PAUSE.saturating_mul(1 << self.tries.min(10)).min(self.longest_pause);
        self.tries += 1;
        let [a, b, ..] = self.ids.secret();
        let pause = longest.mul_f64(f64::from(u16::from_be_bytes([a, b])) / f64::from(u16::MAX));
        if Instant::now() + pause > self.deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}
