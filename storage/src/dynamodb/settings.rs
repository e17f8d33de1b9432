//! Versions of the settings: for each, an item with its document and a small one for the history; and one with the current version.

use async_trait::async_trait;
use shopease_shop::ports::{SETTINGS_VERSIONS_SHOWN, SettingsStore, SettingsVersion, StoreError, VersionedSettings};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::actions::Action;
use super::items::{Item, NewItem, bad, number, read_document, read_number, read_text};
use super::keys::Key;
use super::reads::{Consistency, Range};
use super::{DynamoDbStore, keys};

/// Separates the sections in their attribute.
const SEPARATOR: &str = ",";

fn about(key: &Key, version: &SettingsVersion) -> Result<NewItem, StoreError> {
    Ok(NewItem::new(key)
        .number("version", version.version)
        .text("changed_at", version.changed_at.format(&Rfc3339).map_err(StoreError::corrupt)?)
        .text("changed_by", &version.changed_by)
        .text("sections", version.sections.join(SEPARATOR)))
}

fn read_about(item: &Item) -> Result<SettingsVersion, StoreError> {
    let changed_at = OffsetDateTime::parse(read_text(item, "changed_at")?, &Rfc3339);
    let sections = read_text(item, "sections")?.split(SEPARATOR);
    Ok(SettingsVersion {
        version: read_number(item, "version")?,
        changed_at: changed_at.map_err(|_| bad(item, "changed_at"))?,
        changed_by: read_text(item, "changed_by")?.to_owned(),
        sections: sections.filter(|section| !section.is_empty()).map(str::to_owned).collect(),
    })
}

#[async_trait]
impl SettingsStore for DynamoDbStore {
    async fn find_settings_version(&self) -> Result<u64, StoreError> {
        let current = self.get(&keys::settings_current()).await?;
        current.map_or(Ok(0), |item| read_number(&item, "version"))
    }

    async fn find_settings(&self, version: u64) -> Result<Option<VersionedSettings>, StoreError> {
        let Some(item) = self.get(&keys::settings(version)).await? else { return Ok(None) };
        Ok(Some(VersionedSettings { about: read_about(&item)?, settings: read_document(&item)? }))
    }

    async fn insert_settings(&self, settings: &VersionedSettings) -> Result<(), StoreError> {
        let version = settings.about.version;
        let current = Action::put(NewItem::new(&keys::settings_current()).number("version", version).build());
        let current = if version == 1 {
            current.only_if_absent()
        } else {
            current.only_if("version = :seen".to_owned()).value(":seen", number(version.saturating_sub(1)))
        };
        let document = about(&keys::settings(version), &settings.about)?.document(&settings.settings)?.build();
        let entry = about(&keys::settings_entry(version), &settings.about)?.build();
        let actions = vec![current, Action::put(document).only_if_absent(), Action::put(entry)];
        self.transact(actions).await.map_err(|error| error.or(StoreError::Conflict))
    }

    async fn list_settings_versions(&self) -> Result<Vec<SettingsVersion>, StoreError> {
        let (partition, range) = (keys::settings_partition(), Range::Prefix(keys::SETTINGS_ENTRIES));
        let items = self.query(&partition, range, Some(SETTINGS_VERSIONS_SHOWN), Consistency::Strong).await?;
        items.iter().map(read_about).collect()
    }
}
