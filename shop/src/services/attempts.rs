//! Limits on failed attempts to sign in, register or pay. ADR 25 explains the numbers.

use std::collections::HashMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};

use super::LocalShop;
use crate::domain::{CartOwner, CustomerId, EmailAddress, hex};
use crate::ports::{AttemptKey, FailedAttempts, StoreError};
use crate::{ShopError, ShopResult};

/// Failures of one client on one account without a pause.
const FREE: u32 = 5;
/// The same while an account is under attack from many addresses: each client's first attempt is still free.
const FREE_UNDER_ATTACK: u32 = 1;
/// Failures of all clients on one account that count as an attack.
const ATTACK: u32 = 50;
/// Failures of one client on any accounts without a pause.
const FREE_OF_CLIENT: u32 = 20;
/// Longest pause of a client on one account, in seconds.
const LONGEST_PAUSE: u32 = 900;
/// Longest pause of a client on all accounts, in seconds. It is short because others may share the address.
const LONGEST_PAUSE_OF_CLIENT: u32 = 60;
/// How long a count is kept after its last failure.
const KEPT: Duration = Duration::hours(1);

/// An attempt, with the keys under which its failure is counted.
#[derive(Debug)]
pub(super) struct Attempt {
    keys: Vec<AttemptKey>,
}

impl Attempt {
    /// An attempt to sign in.
    pub fn to_sign_in(email: &EmailAddress, address: Option<IpAddr>) -> Self {
        Self::on(email, address, ["client", "account", "pair"])
    }

    /// An attempt that only its client is counted for: to register, or to use a link.
    pub fn of_client(address: Option<IpAddr>) -> Self {
        Self { keys: vec![key("client", network(address))] }
    }

    /// A request to mail a link to an address. Each counts as a failure, because nobody may learn whether it was one, but not as one
    /// of its client's attempts to sign in.
    pub fn to_request_mail(email: &EmailAddress, address: Option<IpAddr>) -> Self {
        Self::on(email, address, ["mail client", "reset", "reset pair"])
    }

    /// An attempt to change an account with its password.
    pub fn to_change(customer: &CustomerId, address: Option<IpAddr>) -> Self {
        Self::on(customer, address, ["client", "change", "change pair"])
    }

    /// An attempt to pay. Declined cards count as failures, and orders that are paid later: both hold stock and lead to mails.
    pub fn to_pay(owner: &CartOwner, address: Option<IpAddr>) -> Self {
        Self { keys: vec![key("paying client", network(address)), key("paying", owner.key())] }
    }

    /// An attempt that is counted for its client, for an email address or account, and for both together.
    fn on(subject: impl Display, address: Option<IpAddr>, [of_client, of_subject, of_both]: [&str; 3]) -> Self {
        let client = network(address);
        let both = key(of_both, format_args!("{client} {subject}"));
        Self { keys: vec![key(of_client, client), key(of_subject, subject), both] }
    }

    /// The keys under which it counts as a failure until it ends: those of its client. Attempts to pay usually succeed, so they do
    /// not count.
    fn keys_while_running(&self) -> Vec<AttemptKey> {
        match &self.keys[..] {
            [client] => vec![client.clone()],
            [client, _, both] => vec![client.clone(), both.clone()],
            _ => Vec::new(),
        }
    }

    /// Seconds until the attempt is allowed, with as many unfinished attempts under each of its keys while running.
    fn pause(&self, counts: &[Option<FailedAttempts>], running: &[u32], now: OffsetDateTime) -> u32 {
        let count = |index: usize| counts.get(index).copied().flatten();
        let running = |index: usize| running.get(index).copied().unwrap_or(0);
        let of_client = pause(count(0), running(0), FREE_OF_CLIENT, LONGEST_PAUSE_OF_CLIENT, now);
        let of_others = match self.keys.len() {
            1 => 0,
            2 => pause(count(1), 0, FREE, LONGEST_PAUSE, now),
            _ => {
                let attacked = count(1).is_some_and(|account| account.failures >= ATTACK);
                let free = if attacked { FREE_UNDER_ATTACK } else { FREE };
                pause(count(2), running(1), free, LONGEST_PAUSE, now)
            }
        };
        of_client.max(of_others)
    }
}

fn key(kind: &str, of: impl Display) -> AttemptKey {
    AttemptKey::from_digest(hex(&Sha256::digest(format!("{kind} {of}"))))
}

/// The client that an address belongs to: an IPv4 address, or the /64 network of an IPv6 address, which is typically one household.
/// All clients without an address count as one, so that a missing address does not bypass the limits.
fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        None => "unknown".to_owned(),
    }
}

/// Seconds from `now` until the next attempt is allowed: one second after the last free failure, doubled by each further failure.
fn pause(count: Option<FailedAttempts>, running: u32, free: u32, longest: u32, now: OffsetDateTime) -> u32 {
    let failures = count.map_or(0, |count| count.failures).saturating_add(running);
    let Some(beyond) = failures.checked_sub(free) else { return 0 };
    let pause = 2_u32.saturating_pow(beyond).min(longest);
    let until = count.map_or(now, |count| count.last_at) + Duration::seconds(pause.into());
    // A running attempt may fail at any moment.
    let left = (until - now).as_seconds_f64().ceil().max(if running > 0 { 1.0 } else { 0.0 });
    // The clocks of several processes differ slightly.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the longest pause")]
    let left = left.clamp(0.0, f64::from(longest)) as u32;
    left
}

/// Running attempts of this process, whose failures are not counted yet. Clones share them.
#[derive(Clone, Default)]
pub(super) struct AttemptLimits {
    running: Arc<Mutex<HashMap<AttemptKey, u32>>>,
}

/// A running attempt; it ends when this is dropped.
pub(super) struct Running {
    limits: AttemptLimits,
    keys: Vec<AttemptKey>,
    /// Attempts that were running under each key when it began.
    before: Vec<u32>,
}

impl AttemptLimits {
    fn begin(&self, attempt: &Attempt) -> Running {
        let keys = attempt.keys_while_running();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = keys.iter().map(|key| {
            let count = running.entry(key.clone()).or_default();
            *count += 1;
            *count - 1
        });
        let before = begun.collect();
        Running { limits: self.clone(), keys, before }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.limits.running.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            if let Some(count) = running.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    running.remove(key);
                }
            }
        }
    }
}

impl LocalShop {
    /// Checks whether an attempt is allowed, and reads the data it needs at the same time. The attempt counts as running until the first
    /// returned value is dropped, which must be after [`LocalShop::record_failure`].
    pub(super) async fn check_limits<T>(
        &self,
        attempt: &Attempt,
        needed: impl Future<Output = Result<T, StoreError>>,
    ) -> ShopResult<(Running, T)> {
        let running = self.attempts.begin(attempt);
        let now = self.clock.now();
        let (counts, needed) = tokio::try_join!(self.store.find_failed_attempts(&attempt.keys, now), needed)?;
        match attempt.pause(&counts, &running.before, now) {
            0 => Ok((running, needed)),
            retry_after_seconds => Err(ShopError::TooManyAttempts { retry_after_seconds }),
        }
    }

    /// The same for an attempt that needs no data.
    pub(super) async fn begin(&self, attempt: &Attempt) -> ShopResult<Running> {
        Ok(self.check_limits(attempt, async { Ok(()) }).await?.0)
    }

    /// Records that an invalid link was used with a password. Without one, only its page was opened: any other page can make a browser
    /// do that, so it counts for nobody.
    pub(super) async fn record_invalid_link(&self, attempt: &Attempt, password: &str) -> ShopResult<()> {
        if password.is_empty() { Ok(()) } else { self.record_failure(attempt).await }
    }

    /// Leaves the message that makes the worker mail a link. The request counts as a failed attempt, so that nobody can fill a
    /// stranger's mailbox.
    pub(super) async fn request_mail(&self, attempt: &Attempt, topic: &str, subject: &str) -> ShopResult<()> {
        self.record_failure(attempt).await?;
        self.publish(topic, subject).await
    }

    /// Leaves a message for the worker, and wakes it.
    pub(super) async fn publish(&self, topic: &str, subject: &str) -> ShopResult<()> {
        self.store.insert_outbox_message(&self.message(topic, subject)).await?;
        self.wakeup.notify_one();
        Ok(())
    }

    /// Records a failed attempt.
    pub(super) async fn record_failure(&self, attempt: &Attempt) -> ShopResult<()> {
        let now = self.clock.now();
        Ok(self.store.count_failed_attempt(&attempt.keys, now, now + KEPT).await?)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    #[expect(clippy::unnecessary_wraps, reason = "as a store gives it")]
    fn failed(failures: u32, seconds_ago: i64) -> Option<FailedAttempts> {
        Some(FailedAttempts { failures, last_at: NOW - Duration::seconds(seconds_ago) })
    }

    fn sign_in() -> Attempt {
        Attempt::to_sign_in(&"ada@example.com".parse().expect("an address"), None)
    }

    #[test]
    fn pauses_double_from_the_last_free_failure_on_and_end() {
        let after = |failures| sign_in().pause(&[None, None, failed(failures, 0)], &[], NOW);
        assert_eq!([1, 4, 5, 6, 7, 14, 15, 99].map(after), [0, 0, 1, 2, 4, 512, 900, 900]);
        let later = |ago| sign_in().pause(&[None, None, failed(8, ago)], &[], NOW);
        assert_eq!([0, 3, 7, 8, 9].map(later), [8, 5, 1, 0, 0]);
        assert_eq!(later(-5), 13, "by a clock that is ahead");
        assert_eq!(later(-5000), 900);
    }

    #[test]
    fn clients_without_failures_can_sign_in_during_an_attack_on_the_account() {
        let attack = failed(100_000, 0);
        assert_eq!(sign_in().pause(&[None, attack, None], &[], NOW), 0);
        assert_eq!(sign_in().pause(&[None, attack, failed(1, 0)], &[], NOW), 1);
        assert_eq!(sign_in().pause(&[None, failed(49, 0), failed(1, 0)], &[], NOW), 0);
    }

    #[test]
    fn an_address_pauses_at_most_a_minute_because_of_others() {
        for attempt in [sign_in(), Attempt::of_client(None)] {
            let after = |failures| attempt.pause(&[failed(failures, 0), None, None], &[], NOW);
            assert_eq!([19, 20, 21, 1000].map(after), [0, 1, 2, 60]);
        }
    }

    #[test]
    fn running_attempts_count_until_they_end() {
        let (limits, attempt) = (AttemptLimits::default(), sign_in());
        let running: Vec<_> = (0..5).map(|_| limits.begin(&attempt)).collect();
        let sixth = limits.begin(&attempt);
        assert_eq!(sixth.before, [5, 5]);
        assert_eq!(attempt.pause(&[None, None, None], &sixth.before, NOW), 1);
        let another = Attempt::to_sign_in(&"bob@example.com".parse().expect("an address"), None);
        assert_eq!(limits.begin(&another).before, [6, 0], "of the same client");
        drop((running, sixth));
        assert_eq!(limits.running.lock().expect("no panic").len(), 0);
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
        let of = |text: &str| network(Some(text.parse().expect("an address")));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn a_key_reveals_neither_address_nor_account() {
        for key in sign_in().keys {
            assert_eq!(key.as_str().len(), 64);
        }
    }
}
