//! Reads items: one, several by key, a range of a partition. No scans.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use shopease_shop::ports::StoreError;

use super::DynamoDbStore;
use super::error::{store_error, unbuildable};
use super::items::{Item, key_item, text};
use super::keys::{Key, cut_to_sort_key};
use super::retry::CLASHES;

/// Most keys of one `BatchGetItem`.
const MAX_KEYS: usize = 100;

/// Consistency of a read. An eventually consistent read costs half and may be about a second behind, which is enough
/// for browsing, because pages are cached longer than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consistency {
    /// Sees every acknowledged write.
    Strong,
    /// May be behind.
    Eventual,
}

/// A range of sort keys in a partition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Range<'a> {
    /// Greater than this; all if `None`.
    After(Option<&'a str>),
    /// With this prefix.
    Prefix(&'a str),
}

impl DynamoDbStore {
    /// Reads an item with strong consistency.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key_item(key))).consistent_read(true);
        Ok(request.send().await.map_err(store_error)?.item)
    }

    /// The existing items of these keys, in any order, each once. Accepts any number of keys.
    pub(super) async fn get_many(
        &self,
        keys: impl IntoIterator<Item = Key>,
        consistency: Consistency,
    ) -> Result<Vec<Item>, StoreError> {
        // The engine rejects duplicate keys.
        let keys: Vec<Key> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut items = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(MAX_KEYS) {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(chunk.iter().map(key_item).collect()))
                .consistent_read(consistency == Consistency::Strong)
                .build()
                .map_err(unbuildable)?;
            self.get_batch(request, &mut items).await?;
        }
        Ok(items)
    }

    async fn get_batch(&self, request: KeysAndAttributes, items: &mut Vec<Item>) -> Result<(), StoreError> {
        let mut waiting = HashMap::from([(self.table.clone(), request)]);
        let mut tries = CLASHES.start(&*self.ids);
        loop {
            let request = self.client.batch_get_item().set_request_items(Some(waiting));
            let page = request.send().await.map_err(store_error)?;
            let found = page.responses.unwrap_or_default().into_values().flatten();
            let before = items.len();
            items.extend(found);
            waiting = page.unprocessed_keys.unwrap_or_default();
            if waiting.is_empty() {
                return Ok(());
            }
            // A response is cut off at 16 MB, which is no reason to pause.
            if items.len() == before && !tries.pause().await {
                return Err(StoreError::Throttled("the table left keys of a batch unprocessed".into()));
            }
        }
    }

    /// Items of a partition in ascending sort key order: at most `limit`, or all.
    pub(super) async fn query(
        &self,
        partition: &str,
        range: Range<'_>,
        limit: Option<usize>,
        consistency: Consistency,
    ) -> Result<Vec<Item>, StoreError> {
        let (condition, bound) = match range {
            Range::After(after) => match after.filter(|position| !position.is_empty()) {
                Some(position) => ("pk = :pk AND sk > :bound", Some(cut_to_sort_key(position))),
                None => ("pk = :pk", None),
            },
            Range::Prefix(prefix) => ("pk = :pk AND begins_with(sk, :bound)", Some(prefix)),
        };
        let (mut items, mut start): (Vec<Item>, Option<HashMap<String, AttributeValue>>) = (Vec::new(), None);
        loop {
            let missing = limit.map(|limit| limit - items.len());
            let mut request = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression(condition)
                .expression_attribute_values(":pk", text(partition))
                .consistent_read(consistency == Consistency::Strong)
                .set_limit(missing.and_then(|missing| i32::try_from(missing).ok()))
                .set_exclusive_start_key(start.take());
            if let Some(bound) = bound {
                request = request.expression_attribute_values(":bound", text(bound));
            }
            let page = request.send().await.map_err(store_error)?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() || limit.is_some_and(|limit| items.len() >= limit) {
                return Ok(items);
            }
        }
    }
}
