//! Deletes a product, in steps that can be repeated at any point.
//!
//! 1. One transaction deletes the document and its summaries, and records in the index item what else may exist: readers
//!    see the product either as it was or not at all.
//! 2. Postings, parts and SKUs are deleted.
//! 3. The index item is settled. It remains, so that the versions of a product with the same handle continue.
//!
//! Like a write, every step requires the version of the index item that this call has read or written.

use std::collections::BTreeSet;

use shopease_shop::domain::Handle;
use shopease_shop::ports::StoreError;

use super::actions::Action;
use super::product_index::{IndexContent, ProductIndex, ProductKeys};
use super::product_items::ProductItems;
use super::upsert::{Attempts, Interrupted, Watched, rival};
use super::writes::MAX_ACTIONS;
use super::{DynamoDbStore, keys};
use crate::documents::Version;

impl DynamoDbStore {
    /// Deletes the product if it has the version `seen`, starting again whenever another caller writes it in between. Returns
    /// whether this call found it.
    pub(super) async fn delete(&self, handle: &Handle, seen: u64) -> Result<bool, StoreError> {
        let (mut attempts, mut deleted) = (Attempts::start(&*self.ids), false);
        loop {
            let attempt = self.delete_once(handle, seen, &mut attempts.watched, &mut deleted).await;
            if let Some(result) = attempts.ended(handle, attempt).await {
                return result.map(|()| deleted);
            }
        }
    }

    async fn delete_once(
        &self,
        handle: &Handle,
        seen: u64,
        watched: &mut Watched,
        deleted: &mut bool,
    ) -> Result<(), Interrupted> {
        if *deleted {
            // Another caller creates it again, and its write removes what is stale.
            return Ok(());
        }
        let before = self.quiet_index(handle, watched).await?;
        let head = self.get(&keys::product(handle)).await?;
        let found = head.as_ref().map(ProductItems::version).transpose()?;
        if found.is_some_and(|version| version != seen) {
            return Err(StoreError::Conflict.into());
        }
        if found.is_none() && before.content.may_exist.is_empty() {
            return Ok(());
        }
        // Without a document, what an interrupted call has left behind.
        let hidden = self.hide(handle, &before).await?;
        *deleted = found.is_some();
        let last = self.remove_stale(handle, &hidden.content.may_exist, hidden.clone()).await?;
        let (settle, _) = last.followed_by(handle, IndexContent::default())?;
        self.write(settle).await.map_err(rival)
    }

    /// Step 1.
    async fn hide(&self, handle: &Handle, before: &ProductIndex) -> Result<ProductIndex, Interrupted> {
        let mut left: ProductKeys = before.content.may_exist.clone();
        let mut actions = vec![Action::delete(&keys::product(handle))];
        // Parts of the document are deleted last: a reader may have read its first item and need them.
        let summaries: BTreeSet<_> = left.items.iter().filter(|key| !keys::is_product_part(key)).cloned().collect();
        for key in summaries.into_iter().take(MAX_ACTIONS - 1 - actions.len()) {
            actions.push(Action::delete(&key));
            left.items.remove(&key);
        }
        let content = IndexContent { v: Version, written: false, may_exist: left, settled: None };
        let (put, hidden) = before.followed_by(handle, content)?;
        actions.insert(0, put);
        self.transact(actions).await.map_err(rival)?;
        Ok(hidden)
    }
}
