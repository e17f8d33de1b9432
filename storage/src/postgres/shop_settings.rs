//! Versions of the settings: one row each.

use async_trait::async_trait;
use shopease_shop::ports::{SETTINGS_VERSIONS_SHOWN, SettingsStore, SettingsVersion, StoreError, VersionedSettings};

use super::{PostgresStore, from_bigint, from_json, retry, to_bigint, to_json};

#[async_trait]
impl SettingsStore for PostgresStore {
    async fn find_settings_version(&self) -> Result<u64, StoreError> {
        // settings_pkey.
        let read = || sqlx::query_scalar!(r#"SELECT max(version) AS "version" FROM settings"#).fetch_one(&self.pool);
        retry::repeatable(read).await?.map_or(Ok(0), from_bigint)
    }

    async fn find_settings(&self, version: u64) -> Result<Option<VersionedSettings>, StoreError> {
        let number = to_bigint(version)?;
        let read = || {
            sqlx::query!(
                r#"SELECT changed_at, changed_by, sections, document::text AS "document!" FROM settings
                WHERE version = $1"#,
                number
            )
            .fetch_optional(&self.pool)
        };
        let Some(row) = retry::repeatable(read).await? else { return Ok(None) };
        let (changed_at, changed_by, sections) = (row.changed_at, row.changed_by, row.sections);
        let about = SettingsVersion { version, changed_at, changed_by, sections };
        Ok(Some(VersionedSettings { about, settings: from_json(&row.document)? }))
    }

    async fn insert_settings(&self, settings: &VersionedSettings) -> Result<(), StoreError> {
        let (about, document) = (&settings.about, to_json(&settings.settings)?);
        let version = to_bigint(about.version)?;
        // Two writers of the same version clash at settings_pkey.
        let write = || {
            sqlx::query!(
                "INSERT INTO settings (version, changed_at, changed_by, sections, document)
                SELECT $1, $2, $3, $4, $5::text::json
                WHERE $1 = (SELECT coalesce(max(version), 0) + 1 FROM settings)",
                version,
                about.changed_at,
                &about.changed_by,
                &about.sections,
                &document
            )
            .execute(&self.pool)
        };
        match retry::once(write).await {
            Ok(done) if done.rows_affected() == 1 => Ok(()),
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => Err(StoreError::Conflict),
            Err(error) => Err(error),
        }
    }

    async fn list_settings_versions(&self) -> Result<Vec<SettingsVersion>, StoreError> {
        let limit = i64::try_from(SETTINGS_VERSIONS_SHOWN).map_err(StoreError::corrupt)?;
        // settings_pkey, backwards.
        let read = || {
            sqlx::query!(
                "SELECT version, changed_at, changed_by, sections FROM settings ORDER BY version DESC LIMIT $1",
                limit
            )
            .fetch_all(&self.pool)
        };
        let rows = retry::repeatable(read).await?.into_iter().map(|row| {
            let (changed_at, changed_by, sections) = (row.changed_at, row.changed_by, row.sections);
            Ok(SettingsVersion { version: from_bigint(row.version)?, changed_at, changed_by, sections })
        });
        rows.collect()
    }
}
