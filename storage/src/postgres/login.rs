//! Passwords that change: requested when a connection is opened, kept for some minutes. There is no timer, because none
//! runs while a Lambda function is frozen.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use shopease_shop::ports::{Clock, Source};
use sqlx::PgPool;
use tokio::sync::Mutex;

/// The source of passwords for new connections.
#[async_trait]
pub trait PasswordSource: Send + Sync {
    /// Returns the password for a connection that is opened now.
    ///
    /// # Errors
    /// If no password is available.
    async fn password(&self) -> Result<SecretString, Source>;
}

/// The password of one pool's new connections.
pub(super) struct Login {
    source: Arc<dyn PasswordSource>,
    clock: Arc<dyn Clock>,
    /// One caller queries the source; the others wait for its result.
    turn: Mutex<()>,
    /// When to query again; `i64::MIN` if there is no password yet.
    renew_at_ms: AtomicI64,
    /// When the source last failed.
    failed_at_ms: AtomicI64,
    generation: AtomicU64,
}

impl Login {
    /// IAM tokens are valid for 15 minutes, so a third of that is left for a token when it is replaced.
    pub(super) const KEPT: Duration = Duration::from_mins(10);
    /// A source that failed is not queried again for this time.
    const PAUSE: Duration = Duration::from_secs(2);
    /// Timeout of the source.
    const LIMIT: Duration = Duration::from_secs(2);

    pub(super) fn new(source: Arc<dyn PasswordSource>, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            turn: Mutex::default(),
            renew_at_ms: AtomicI64::new(i64::MIN),
            failed_at_ms: AtomicI64::new(i64::MIN),
            generation: AtomicU64::new(0),
        }
    }

    /// Number of passwords so far.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Gives the pool a new password if the current one is old.
    pub(super) async fn keep_fresh(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        if !self.is_old() {
            return Ok(());
        }
        self.request(pool, Self::is_old).await
    }

    /// Gives the pool a new password because the server rejected the one of this generation.
    pub(super) async fn renew(&self, pool: &PgPool, rejected: u64) -> Result<(), sqlx::Error> {
        self.request(pool, |login| login.generation() == rejected).await
    }

    async fn request(&self, pool: &PgPool, needed: impl Fn(&Self) -> bool) -> Result<(), sqlx::Error> {
        let _turn = self.turn.lock().await;
        if !needed(self) {
            return Ok(());
        }
        let failed_ms = self.failed_at_ms.load(Ordering::Acquire);
        let result = if (0..ms(Self::PAUSE)).contains(&self.now_ms().saturating_sub(failed_ms)) {
            Err(Source::from("the password source failed a moment ago"))
        } else {
            match tokio::time::timeout(Self::LIMIT, self.source.password()).await {
                Ok(result) => result,
                Err(elapsed) => Err(elapsed.into()),
            }
        };
        match result {
            Ok(password) => {
                pool.set_connect_options((*pool.connect_options()).clone().password(password.expose_secret()));
                self.renew_at_ms.store(self.now_ms().saturating_add(ms(Self::KEPT)), Ordering::Release);
                self.generation.fetch_add(1, Ordering::AcqRel);
                Ok(())
            }
            Err(error) => {
                let now_ms = self.now_ms();
                self.failed_at_ms.fetch_max(now_ms, Ordering::AcqRel);
                if self.generation() == 0 {
                    return Err(sqlx::Error::Io(std::io::Error::other(error)));
                }
                // The kept password may still be valid; the server decides.
                tracing::warn!(%error, "cannot get a new database password");
                self.renew_at_ms.store(now_ms.saturating_add(ms(Self::PAUSE)), Ordering::Release);
                Ok(())
            }
        }
    }

    /// Also true if the clock was set back by more than the time that a password is kept.
    fn is_old(&self) -> bool {
        let left_ms = self.renew_at_ms.load(Ordering::Acquire).saturating_sub(self.now_ms());
        !(1..=ms(Self::KEPT)).contains(&left_ms)
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.clock.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
