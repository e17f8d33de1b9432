//! The settings of the shop, with their history.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::Settings;

/// Number of versions that [`SettingsStore::list_settings_versions`] returns.
pub const SETTINGS_VERSIONS_SHOWN: usize = 50;

/// When and by whom a version of the settings was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsVersion {
    /// Number of the version; the first is 1.
    pub version: u64,
    /// When it was written.
    pub changed_at: OffsetDateTime,
    /// Email address of the operator, or the kind of process.
    pub changed_by: String,
    /// Sections that differ from the version before.
    pub sections: Vec<String>,
}

/// A version of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionedSettings {
    /// When and by whom it was written.
    pub about: SettingsVersion,
    /// The settings.
    pub settings: Settings,
}

/// The versions of the settings. A version never changes and is never removed, because orders refer to it.
#[async_trait]
pub trait SettingsStore: Send + Sync {
    /// The number of the current version, which is the highest; 0 without any. Sees every acknowledged write, and costs little.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_settings_version(&self) -> Result<u64, StoreError>;

    /// A version.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_settings(&self, version: u64) -> Result<Option<VersionedSettings>, StoreError>;

    /// Writes a new current version. Its number must be one more than the current one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not.
    async fn insert_settings(&self, settings: &VersionedSettings) -> Result<(), StoreError>;

    /// The last [`SETTINGS_VERSIONS_SHOWN`] versions, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_settings_versions(&self) -> Result<Vec<SettingsVersion>, StoreError>;
}
