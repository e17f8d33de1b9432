//! Creates the table, for laptops and tests; on AWS the infrastructure code does it.

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use shopease_shop::ports::StoreError;

use super::DynamoDbStore;
use super::error::{store_error, unbuildable};
use super::items::TTL;
use super::keys::{PARTITION, SORT};

/// How often and how long the table's status is polled: AWS takes about ten seconds.
const POLLS: u32 = 120;
const POLL_PAUSE: Duration = Duration::from_millis(500);

impl DynamoDbStore {
    /// Creates the table unless it exists (on-demand billing), waits until it is ready, and enables deletion of items
    /// after their `expires_at`. Any number of callers may do so concurrently.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Unavailable`] if the table is not ready after a minute.
    pub async fn create_table(&self) -> Result<(), StoreError> {
        // Checked first: a rejected creation would log a warning at each start.
        if self.table_status().await?.is_none() {
            self.request_table().await?;
        }
        self.await_table().await?;
        self.enable_expiry().await
    }

    /// The same when the table certainly does not exist: no check is needed, and there is no rejection to log.
    #[cfg(feature = "embedded")]
    pub(crate) async fn create_first_table(&self) -> Result<(), StoreError> {
        self.request_table().await?;
        self.await_table().await?;
        self.enable_expiry().await
    }

    async fn request_table(&self) -> Result<(), StoreError> {
        let (partition, sort) = (KeyType::Hash, KeyType::Range);
        let request = self
            .client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(string_attribute(PARTITION)?)
            .attribute_definitions(string_attribute(SORT)?)
            .key_schema(key_element(PARTITION, partition)?)
            .key_schema(key_element(SORT, sort)?);
        match request.send().await {
            // Another caller was faster.
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            result => result.map(drop).map_err(store_error),
        }
    }

    /// The table's status; `None` if the table does not exist, or its description lags behind its creation.
    async fn table_status(&self) -> Result<Option<TableStatus>, StoreError> {
        match self.client.describe_table().table_name(&self.table).send().await {
            Ok(description) => Ok(description.table.and_then(|table| table.table_status)),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(store_error(error)),
        }
    }

    async fn await_table(&self) -> Result<(), StoreError> {
        for _ in 0..POLLS {
            if self.table_status().await? == Some(TableStatus::Active) {
                return Ok(());
            }
            tokio::time::sleep(POLL_PAUSE).await;
        }
        Err(StoreError::Unavailable(format!("table {} is not ready after a minute", self.table).into()))
    }

    async fn enable_expiry(&self) -> Result<(), StoreError> {
        if self.expires().await? {
            return Ok(());
        }
        let specification = TimeToLiveSpecification::builder().attribute_name(TTL).enabled(true).build();
        let request = self.client.update_time_to_live().table_name(&self.table);
        match request.time_to_live_specification(specification.map_err(unbuildable)?).send().await {
            Ok(_) => Ok(()),
            // Another caller may have enabled it in the meantime, which the engine reports as an error.
            Err(error) => {
                if self.expires().await? {
                    Ok(())
                } else {
                    Err(store_error(error))
                }
            }
        }
    }

    async fn expires(&self) -> Result<bool, StoreError> {
        let description =
            self.client.describe_time_to_live().table_name(&self.table).send().await.map_err(store_error)?;
        let status = description.time_to_live_description.and_then(|expiry| expiry.time_to_live_status);
        Ok(matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)))
    }
}

fn string_attribute(name: &str) -> Result<AttributeDefinition, StoreError> {
    let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
    attribute.build().map_err(unbuildable)
}

fn key_element(name: &str, kind: KeyType) -> Result<KeySchemaElement, StoreError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(unbuildable)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{PARTITION, SORT, TTL};

    #[test]
    fn terraform_and_sam_create_this_table() {
        let settings: Value = serde_json::from_str(include_str!("../../../functions/settings.json")).unwrap();
        assert_eq!(settings["table"], json!({ "partition_key": PARTITION, "sort_key": SORT, "expiry": TTL }));
    }
}
