//! The settings of the shop: in force, their versions, and their administration.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};

use super::{Caller, LocalShop};
use crate::config::SettingsVariables;
use crate::domain::{PageKind, PricingRules, Settings, Subject};
use crate::ports::{Clock, SettingsStore, SettingsVersion, StoreError, VersionedSettings};
use crate::{ShopError, ShopResult};

/// Maximum age of the settings in force: a change of another process applies after this time.
const MAX_AGE: Duration = Duration::seconds(5);
/// Pause after a failed read, during which the last known settings stay in force.
const RETRY_PAUSE: Duration = Duration::seconds(1);

/// The settings that apply now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsInForce {
    /// Version of the settings.
    pub version: u64,
    /// The settings.
    pub settings: Settings,
    /// The rules that orders are priced by.
    pub pricing: PricingRules,
}

impl SettingsInForce {
    fn new(version: u64, settings: Settings) -> Self {
        Self { version, pricing: settings.pricing(), settings }
    }
}

/// Requests the current version of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewSettings;

/// Replaces the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSettings {
    /// The version that the change is based on.
    pub expected_version: u64,
    /// The new settings.
    pub settings: Settings,
}

/// Requests the last versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListSettingsVersions;

/// Requests a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindSettings {
    /// Number of the version.
    pub version: u64,
}

/// Restores the content of an earlier version, as a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreSettings {
    /// The version to restore.
    pub version: u64,
    /// The current version.
    pub expected_version: u64,
}

/// Administration of the settings. For operators only: every method fails with [`ShopError::SignInRequired`] or
/// [`ShopError::Forbidden`] for others.
#[async_trait]
pub trait ShopSettings: Send + Sync {
    /// The current settings.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn view_settings(&self, caller: &Caller, command: ViewSettings) -> ShopResult<VersionedSettings>;

    /// Replaces the settings. They are in force at once in this process and within five seconds in others. Settings that equal
    /// the current ones are not written.
    ///
    /// # Errors
    /// [`ShopError::Rules`] with every problem; [`ShopError::Conflict`] when the current version is another one.
    async fn update_settings(&self, caller: &Caller, command: UpdateSettings) -> ShopResult<VersionedSettings>;

    /// The last versions, newest first.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn list_settings_versions(
        &self,
        caller: &Caller,
        command: ListSettingsVersions,
    ) -> ShopResult<Vec<SettingsVersion>>;

    /// A version.
    ///
    /// # Errors
    /// [`ShopError::NotFound`].
    async fn find_settings(&self, caller: &Caller, command: FindSettings) -> ShopResult<VersionedSettings>;

    /// Restores the content of an earlier version, as a new version.
    ///
    /// # Errors
    /// [`ShopError::NotFound`]; those of [`ShopSettings::update_settings`].
    async fn restore_settings(&self, caller: &Caller, command: RestoreSettings) -> ShopResult<VersionedSettings>;
}

#[async_trait]
impl ShopSettings for LocalShop {
    async fn view_settings(&self, caller: &Caller, _: ViewSettings) -> ShopResult<VersionedSettings> {
        self.require_operator(caller).await?;
        Ok(self.stored_settings().await?)
    }

    async fn update_settings(&self, caller: &Caller, command: UpdateSettings) -> ShopResult<VersionedSettings> {
        let operator = self.require_operator(caller).await?;
        let current = self.stored_settings().await?;
        let UpdateSettings { expected_version, settings } = command;
        let by = operator.email.as_str();
        let next = write_settings(&*self.store, &current, expected_version, settings, by, self.clock.now()).await?;
        self.settings.replace(&next, self.clock.now());
        Ok(next)
    }

    async fn list_settings_versions(
        &self,
        caller: &Caller,
        _: ListSettingsVersions,
    ) -> ShopResult<Vec<SettingsVersion>> {
        self.require_operator(caller).await?;
        self.stored_settings().await?;
        Ok(self.store.list_settings_versions().await?)
    }

    async fn find_settings(&self, caller: &Caller, command: FindSettings) -> ShopResult<VersionedSettings> {
        self.require_operator(caller).await?;
        self.settings_of_version(command.version).await
    }

    async fn restore_settings(&self, caller: &Caller, command: RestoreSettings) -> ShopResult<VersionedSettings> {
        let settings = self.find_settings(caller, FindSettings { version: command.version }).await?.settings;
        self.update_settings(caller, UpdateSettings { expected_version: command.expected_version, settings }).await
    }
}

impl LocalShop {
    /// The settings that apply now, at most five seconds old. While the store does not respond, the last known ones apply.
    ///
    /// # Errors
    /// [`ShopError`] when the store does not respond and no settings are known yet.
    pub async fn settings(&self) -> ShopResult<Arc<SettingsInForce>> {
        Ok(self.settings.get(&*self.clock, async |known| self.read_settings(known.as_ref()).await).await?)
    }

    async fn read_settings(&self, known: Option<&Arc<SettingsInForce>>) -> Result<Arc<SettingsInForce>, StoreError> {
        let version = self.store.find_settings_version().await?;
        if let Some(known) = known.filter(|known| known.version == version) {
            return Ok(Arc::clone(known));
        }
        let found = self.store.find_settings(version).await?;
        // Until a process with the right to write has stored the first version, its content is known from the configuration.
        let settings = found.map_or_else(|| self.config.settings.initial.clone(), |found| found.settings);
        Ok(Arc::new(SettingsInForce::new(version.max(1), settings)))
    }

    /// The current version, which is written first if the store has none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stored_settings(&self) -> Result<VersionedSettings, StoreError> {
        store_first_settings(&*self.store, &self.config.settings, self.clock.as_ref()).await
    }

    /// Stores the first version if the store has none, and logs what the merchant should know about the settings. For the start of a
    /// process that may write them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prepare_settings(&self) -> Result<Settings, StoreError> {
        let settings = self.stored_settings().await?.settings;
        let drafts: Vec<_> = settings.drafts().map(PageKind::as_str).collect();
        if !drafts.is_empty() {
            let drafts = drafts.join(", ");
            tracing::warn!("these pages are drafts: {drafts}; finish them at /admin/settings before you open the shop");
        }
        for variable in self.config.settings.differing(&settings) {
            tracing::warn!(
                "{variable} has no effect: the shop has other settings, which are changed at /admin/settings"
            );
        }
        if let Some(gap) = settings.shipping.gap_of(settings.selling.currency) {
            tracing::warn!("{gap}");
        }
        Ok(settings)
    }

    /// A version; the first one also before it is stored.
    pub(super) async fn settings_of_version(&self, version: u64) -> ShopResult<VersionedSettings> {
        match self.store.find_settings(version).await? {
            Some(found) => Ok(found),
            None if version == 1 => Ok(first_version(&self.config.settings, self.clock.now())),
            None => Err(ShopError::NotFound { subject: Subject::Settings }),
        }
    }
}

/// Returns the current settings of a store, or the first version from the configuration if it has none. Writes nothing.
///
/// # Errors
/// [`StoreError`].
pub async fn current_settings(
    store: &(impl SettingsStore + ?Sized),
    variables: &SettingsVariables,
    clock: &dyn Clock,
) -> Result<VersionedSettings, StoreError> {
    let version = store.find_settings_version().await?;
    let found = if version == 0 { None } else { store.find_settings(version).await? };
    Ok(found.unwrap_or_else(|| first_version(variables, clock.now())))
}

/// Returns the current settings. If the store has none, writes the first version from the configuration.
///
/// # Errors
/// [`StoreError`].
pub async fn store_first_settings(
    store: &(impl SettingsStore + ?Sized),
    variables: &SettingsVariables,
    clock: &dyn Clock,
) -> Result<VersionedSettings, StoreError> {
    let missing = || StoreError::corrupt("the current version of the settings does not exist");
    loop {
        let version = store.find_settings_version().await?;
        if version > 0 {
            return store.find_settings(version).await?.ok_or_else(missing);
        }
        let first = first_version(variables, clock.now());
        match store.insert_settings(&first).await {
            Ok(()) => return Ok(first),
            // Another process was faster.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
}

fn first_version(variables: &SettingsVariables, now: OffsetDateTime) -> VersionedSettings {
    let changed_by = "environment variables".to_owned();
    let about = SettingsVersion { version: 1, changed_at: now, changed_by, sections: Vec::new() };
    VersionedSettings { about, settings: variables.initial.clone() }
}

/// Writes new settings as the version after `current`, unless they equal it.
///
/// # Errors
/// [`ShopError::Rules`] with every problem; [`ShopError::Conflict`] when the current version is not `expected_version`.
pub async fn write_settings(
    store: &(impl SettingsStore + ?Sized),
    current: &VersionedSettings,
    expected_version: u64,
    settings: Settings,
    changed_by: &str,
    now: OffsetDateTime,
) -> ShopResult<VersionedSettings> {
    let settings = settings.validated()?;
    if current.about.version != expected_version {
        return Err(ShopError::Conflict);
    }
    if settings == current.settings {
        return Ok(current.clone());
    }
    let sections = settings.changed_sections(&current.settings).into_iter().map(str::to_owned).collect();
    let version = expected_version.saturating_add(1);
    let about = SettingsVersion { version, changed_at: now, changed_by: changed_by.to_owned(), sections };
    let next = VersionedSettings { about, settings };
    store.insert_settings(&next).await?;
    Ok(next)
}

/// The settings in force of a process, with the time until which they need not be read again.
#[derive(Debug, Default)]
pub(super) struct SettingsCache {
    known: Mutex<Option<(Arc<SettingsInForce>, OffsetDateTime)>>,
    reading: tokio::sync::Mutex<()>,
}

impl SettingsCache {
    /// The settings, which `read` reads if the known ones are too old. If that fails, the known ones remain for a moment.
    async fn get(
        &self,
        clock: &dyn Clock,
        read: impl AsyncFnOnce(Option<Arc<SettingsInForce>>) -> Result<Arc<SettingsInForce>, StoreError>,
    ) -> Result<Arc<SettingsInForce>, StoreError> {
        if let Some(fresh) = self.fresh(clock.now()) {
            return Ok(fresh);
        }
        // One caller reads, the others wait for it.
        let _reading = self.reading.lock().await;
        let now = clock.now();
        if let Some(fresh) = self.fresh(now) {
            return Ok(fresh);
        }
        let known = self.last();
        match read(known.clone()).await {
            Ok(read) => {
                self.keep(read.clone(), now + MAX_AGE);
                Ok(read)
            }
            Err(error) => {
                let known = known.ok_or(error)?;
                self.keep(known.clone(), now + RETRY_PAUSE);
                Ok(known)
            }
        }
    }

    fn fresh(&self, now: OffsetDateTime) -> Option<Arc<SettingsInForce>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not keep old settings for longer.
        let is_fresh = |until: OffsetDateTime| now < until && until - now <= MAX_AGE;
        known.as_ref().filter(|(_, until)| is_fresh(*until)).map(|(settings, _)| Arc::clone(settings))
    }

    fn last(&self) -> Option<Arc<SettingsInForce>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|(settings, _)| Arc::clone(settings))
    }

    fn keep(&self, settings: Arc<SettingsInForce>, until: OffsetDateTime) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((settings, until));
    }

    /// Puts a version in force that this process has just written.
    fn replace(&self, written: &VersionedSettings, now: OffsetDateTime) {
        let in_force = SettingsInForce::new(written.about.version, written.settings.clone());
        self.keep(Arc::new(in_force), now + MAX_AGE);
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::testing::{FixedClock, fixtures};

    fn version(number: u64) -> Arc<SettingsInForce> {
        Arc::new(SettingsInForce::new(number, fixtures::settings()))
    }

    /// The version in force, read as `found`.
    async fn get(cache: &SettingsCache, clock: &FixedClock, found: Result<u64, StoreError>) -> Result<u64, StoreError> {
        cache.get(clock, async |_| found.map(version)).await.map(|settings| settings.version)
    }

    fn away() -> StoreError {
        StoreError::Unavailable("away".into())
    }

    #[tokio::test]
    async fn settings_are_read_again_after_five_seconds() {
        let (cache, clock) = (SettingsCache::default(), FixedClock::new());
        assert_eq!(get(&cache, &clock, Ok(1)).await.expect("read"), 1);
        clock.advance(MAX_AGE - Duration::milliseconds(1));
        assert_eq!(get(&cache, &clock, Ok(2)).await.expect("known"), 1);
        clock.advance(Duration::milliseconds(1));
        assert_eq!(get(&cache, &clock, Ok(2)).await.expect("read"), 2);
    }

    #[tokio::test]
    async fn the_last_settings_stay_while_the_store_is_away() {
        let (cache, clock) = (SettingsCache::default(), FixedClock::new());
        get(&cache, &clock, Err(away())).await.expect_err("nothing is known yet");
        assert_eq!(get(&cache, &clock, Ok(1)).await.expect("read"), 1);
        for _ in 0..3 {
            clock.advance(MAX_AGE);
            assert_eq!(get(&cache, &clock, Err(away())).await.expect("known"), 1);
        }
        // Every caller would wait for the store otherwise.
        assert_eq!(get(&cache, &clock, Ok(2)).await.expect("known"), 1);
        clock.advance(RETRY_PAUSE);
        assert_eq!(get(&cache, &clock, Ok(2)).await.expect("read"), 2);
    }

    #[tokio::test]
    async fn many_callers_cause_one_read() {
        let (cache, clock, reads) =
            (Arc::new(SettingsCache::default()), FixedClock::new(), Arc::new(AtomicU64::new(0)));
        let callers = (0..32).map(|_| {
            let (cache, clock, reads) = (Arc::clone(&cache), clock.clone(), Arc::clone(&reads));
            tokio::spawn(async move {
                let read = async |_| {
                    tokio::task::yield_now().await;
                    Ok(version(reads.fetch_add(1, Ordering::SeqCst) + 1))
                };
                cache.get(&clock, read).await.map(|settings| settings.version)
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            assert_eq!(caller.await.expect("no panic").expect("read"), 1);
        }
        assert_eq!(reads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_keeps_nothing() {
        let (cache, clock) = (SettingsCache::default(), FixedClock::new());
        get(&cache, &clock, Ok(1)).await.expect("read");
        clock.advance(-Duration::hours(1));
        assert_eq!(get(&cache, &clock, Ok(2)).await.expect("read"), 2);
    }
}
