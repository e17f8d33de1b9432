//! Nothing to purge: the table deletes expired items itself, by an attribute.

use async_trait::async_trait;
use shopease_shop::ports::{PurgeStore, Purged, StoreError};
use time::OffsetDateTime;

use super::DynamoDbStore;

#[async_trait]
impl PurgeStore for DynamoDbStore {
    async fn purge(&self, _now: OffsetDateTime) -> Result<Purged, StoreError> {
        Ok(Purged::default())
    }
}
