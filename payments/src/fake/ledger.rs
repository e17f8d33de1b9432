//! The ledger: intents, entries, and the result of each request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shopease_shop::domain::Money;
use shopease_shop::ports::{Clock, IdGenerator};
use time::{Duration, OffsetDateTime};
use tokio::sync::watch;

use super::command::{Command, KEY_REUSED, LedgerError};
use super::intent::{Collected, Entry, EntryKind, Event, EventData, Intent};
use super::journal::{Change, Journal, JournalError, Outcome, Record};
use super::transition::{self, Step};

/// Longest idempotency key.
const MAX_KEY_LENGTH: usize = 255;

/// Configuration of a ledger.
#[derive(Debug, Clone)]
pub struct LedgerConfig {
    /// How long an authorization is valid (default: 7 days). The card that expires has no valid authorization at all.
    pub hold: Duration,
    /// File that preserves everything across restarts and crashes; `None` keeps it in memory only.
    pub journal: Option<PathBuf>,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self { hold: Duration::days(7), journal: None }
    }
}

/// The payment service's single source of truth. Every request has an idempotency key and is executed at most once.
/// With a journal, no acknowledged result is ever lost.
pub struct Ledger {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    hold: Duration,
    durable: bool,
    books: Mutex<Books>,
    events: watch::Sender<usize>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("hold", &self.hold).field("durable", &self.durable).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Books {
    intents: BTreeMap<String, Intent>,
    entries: Vec<Entry>,
    /// By key: fingerprint of the request, and its result.
    answers: HashMap<String, (String, Outcome)>,
    /// Keys whose first request is running, with its fingerprint.
    running: HashMap<String, String>,
    events: Vec<Event>,
    delivered: BTreeSet<String>,
    journal: Option<Journal>,
    /// The journal could not be written, so its contents are unknown.
    broken: bool,
}

/// The right to run a request under its key. Until it is run or dropped, other requests with the key must wait.
#[derive(Debug)]
pub struct Claim {
    ledger: Arc<Ledger>,
    key: String,
    fingerprint: String,
    command: Command,
}

/// The result of requesting a [`Claim`].
#[derive(Debug)]
pub enum Claimed {
    /// This is the first request with the key: run it.
    First(Claim),
    /// The result: the stored one of the first request, or a rejection of the key.
    Answered(Result<Intent, LedgerError>),
}

impl Ledger {
    /// Opens a ledger and reads its journal.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(
        config: &LedgerConfig,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Result<Arc<Self>, JournalError> {
        let mut books = Books::default();
        if let Some(path) = &config.journal {
            let (journal, records) = Journal::open(path)?;
            for record in records {
                books.apply(record);
            }
            books.journal = Some(journal);
        }
        Ok(Arc::new(Self {
            clock,
            ids,
            hold: config.hold,
            durable: books.journal.is_some(),
            events: watch::Sender::new(books.events.len()),
            books: Mutex::new(books),
        }))
    }

    /// Creates a ledger in memory.
    pub fn in_memory(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Arc<Self> {
        let hold = LedgerConfig::default().hold;
        let books = Mutex::default();
        Arc::new(Self { clock, ids, hold, durable: false, books, events: watch::Sender::new(0) })
    }

    /// Executes a request, or returns the stored result of the first execution.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn execute(self: &Arc<Self>, key: &str, command: Command) -> Result<Intent, LedgerError> {
        match self.claim(key, command) {
            Claimed::First(claim) => claim.run(),
            Claimed::Answered(answer) => answer,
        }
    }

    /// [`Ledger::execute`] without blocking the async runtime while the journal is written.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn execute_async(self: &Arc<Self>, key: &str, command: Command) -> Result<Intent, LedgerError> {
        match self.claim(key, command) {
            Claimed::First(claim) => claim.run_async().await,
            Claimed::Answered(answer) => answer,
        }
    }

    /// Requests the right to run a request.
    pub fn claim(self: &Arc<Self>, key: &str, command: Command) -> Claimed {
        if key.is_empty() || key.len() > MAX_KEY_LENGTH {
            return Claimed::Answered(Err(LedgerError::rejected("idempotency_key_invalid")));
        }
        let fingerprint = command.fingerprint();
        let mut books = self.books();
        let first = books.answers.get(key).map(|(first, answer)| (first, Some(answer)));
        match first.or_else(|| books.running.get(key).map(|first| (first, None))) {
            Some((first, _)) if *first != fingerprint => Claimed::Answered(Err(LedgerError::rejected(KEY_REUSED))),
            Some((_, Some(answer))) => Claimed::Answered(answer.clone()),
            Some((_, None)) => Claimed::Answered(Err(LedgerError::KeyInUse)),
            None => {
                books.running.insert(key.to_owned(), fingerprint.clone());
                drop(books);
                Claimed::First(Claim { ledger: Arc::clone(self), key: key.to_owned(), fingerprint, command })
            }
        }
    }

    /// Forgets the result under a key, as providers do after a while; a restart with a journal restores it.
    pub fn forget_key(&self, key: &str) {
        self.books().answers.remove(key);
    }

    /// The current state of an intent.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`], [`LedgerError::Unavailable`].
    pub fn find(&self, intent_id: &str) -> Result<Intent, LedgerError> {
        let mut books = self.books();
        let intent = books.intents.get(intent_id).cloned().ok_or(LedgerError::NotFound)?;
        let now = self.clock.now();
        let Some(step) = transition::expire(&intent, now) else { return Ok(intent) };
        let change = self.change(step, now);
        let expired = change.intent.clone();
        self.commit(&mut books, vec![Record::Changed(Box::new(change))])?;
        Ok(expired)
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.books().entries.clone()
    }

    /// Captured amounts, one row for every intent with a capture.
    pub fn captures(&self) -> Vec<Collected> {
        let books = self.books();
        let mut sums: BTreeMap<&str, Collected> = BTreeMap::new();
        for entry in &books.entries {
            let zero = Money::zero(entry.amount.currency);
            let sum = sums.entry(&entry.intent_id).or_insert_with(|| Collected {
                intent_id: entry.intent_id.clone(),
                order_id: entry.order_id.clone(),
                captured: zero,
                refunded: zero,
                captures: 0,
            });
            match entry.kind {
                EntryKind::Capture => {
                    sum.captured.amount_minor += entry.amount.amount_minor;
                    sum.captures += 1;
                }
                EntryKind::Refund => sum.refunded.amount_minor += entry.amount.amount_minor,
                EntryKind::RefundFailure => sum.refunded.amount_minor -= entry.amount.amount_minor,
                EntryKind::Authorize | EntryKind::Void => {}
            }
        }
        sums.into_values().filter(|sum| sum.captures > 0).collect()
    }

    /// All events, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.books().events.clone()
    }

    /// The current time of this ledger.
    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// The undelivered events from `index` on, with their indices.
    pub(super) fn undelivered_events(&self, index: usize) -> Vec<(usize, Event)> {
        let books = self.books();
        let events = books.events.iter().cloned().enumerate().skip(index);
        events.filter(|(_, event)| !books.delivered.contains(&event.id)).collect()
    }

    /// Records the delivery of an event. A crash may lose this record; then the event is sent again.
    pub(super) fn mark_delivered(&self, event_id: &str) {
        let mut books = self.books();
        let record = Record::Delivered(event_id.to_owned());
        let written =
            books.journal.as_mut().map_or(Ok(()), |journal| journal.append(std::slice::from_ref(&record), false));
        books.broken |= written.is_err();
        books.apply(record);
    }

    /// Watches the number of events, which increases with every new one.
    pub(super) fn watch_events(&self) -> watch::Receiver<usize> {
        self.events.subscribe()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // No code panics between two changes that belong together.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, step: Step, now: OffsetDateTime) -> Change {
        let Step { intent, entry, event } = step;
        let entry = entry.map(|(kind, amount)| Entry {
            intent_id: intent.id.clone(),
            order_id: intent.order_id.clone(),
            kind,
            amount,
            at: now,
        });
        let event = event.map(|event_type| Event {
            id: format!("evt_fake_{}", self.ids.ulid()),
            event_type,
            created: now.unix_timestamp(),
            data: EventData {
                intent_id: intent.id.clone(),
                order_id: intent.order_id.clone(),
                amount: intent.amount,
                refunded: intent.refunded,
            },
        });
        Change { intent, entry, event }
    }

    /// Writes the journal, then applies the records.
    fn commit(&self, books: &mut Books, records: Vec<Record>) -> Result<(), LedgerError> {
        if books.broken {
            return Err(LedgerError::Unavailable);
        }
        if let Some(journal) = &mut books.journal
            && let Err(error) = journal.append(&records, true)
        {
            books.broken = true;
            tracing::error!(%error, "cannot write the payment ledger's journal; all further requests are rejected");
            return Err(LedgerError::Unavailable);
        }
        for record in records {
            books.apply(record);
        }
        self.events.send_if_modified(|count| std::mem::replace(count, books.events.len()) != books.events.len());
        Ok(())
    }
}

impl Books {
    fn apply(&mut self, record: Record) {
        let change = match record {
            Record::Answered { key, fingerprint, answer, change } => {
                self.running.remove(&key);
                self.answers.insert(key, (fingerprint, *answer));
                change
            }
            Record::Changed(change) => Some(change),
            Record::Delivered(event_id) => {
                self.delivered.insert(event_id);
                None
            }
        };
        if let Some(change) = change {
            let Change { intent, entry, event } = *change;
            self.intents.insert(intent.id.clone(), intent);
            self.entries.extend(entry);
            self.events.extend(event);
        }
    }
}

impl Claim {
    /// Executes the request. Its result, including a rejection, is stored under the key.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn run(self) -> Result<Intent, LedgerError> {
        let ledger = &self.ledger;
        let mut books = ledger.books();
        let now = ledger.clock.now();
        let mut records = Vec::new();
        let step = match self.command.intent_id() {
            None => transition::create(format!("pi_fake_{}", ledger.ids.ulid()), &self.command),
            Some(intent_id) => books.intents.get(intent_id).cloned().ok_or(LedgerError::NotFound).and_then(|intent| {
                let expired = transition::expire(&intent, now);
                let intent = expired.as_ref().map_or(intent, |step| step.intent.clone());
                records.extend(expired.map(|step| Record::Changed(Box::new(ledger.change(step, now)))));
                transition::advance(&intent, &self.command, now, ledger.hold)
            }),
        };
        let (answer, change) = match step {
            Ok(step) => (Ok(step.intent.clone()), Some(Box::new(ledger.change(step, now)))),
            Err(error) => (Err(error), None),
        };
        let (key, fingerprint) = (self.key.clone(), self.fingerprint.clone());
        records.push(Record::Answered { key, fingerprint, answer: Box::new(answer.clone()), change });
        ledger.commit(&mut books, records)?;
        answer
    }

    /// [`Claim::run`] without blocking the async runtime while the journal is written.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn run_async(self) -> Result<Intent, LedgerError> {
        if !self.ledger.durable {
            return self.run();
        }
        tokio::task::spawn_blocking(move || self.run()).await.unwrap_or(Err(LedgerError::Unavailable))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.ledger.books().running.remove(&self.key);
    }
}
