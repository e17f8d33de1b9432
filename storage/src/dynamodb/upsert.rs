//! Writes a product. It needs more items than a transaction allows, so it is written in steps that can be repeated at
//! any point.
//!
//! 1. One transaction records in the index item which keys may exist from now on, and claims new SKUs.
//! 2. Postings and document parts are written. They are not visible yet, or the product is being changed anyway.
//! 3. One transaction writes the document, its summaries, and the index, and deletes stale summaries: readers see
//!    either the old or the new product.
//! 4. Stale items are deleted, then the index item is settled.
//!
//! Every step from 1 on requires the version of the index item that this call has read or written. If another caller
//! writes the same product in between, the step fails and the call starts again: the last to finish is the last writer,
//! and cleans up after both. To keep concurrent callers from failing each other forever, a call waits while an
//! unsettled index item is still changing.

use std::collections::BTreeSet;
use std::time::Duration;

use shopease_process::retry::Tries;
use shopease_shop::domain::{Handle, Product, SearchTerms, Sku, Subject};
use shopease_shop::ports::{IdGenerator, StoreError};
use tokio::time::Instant;

use super::actions::Action;
use super::items::{NewItem, text};
use super::product_index::{IndexContent, Indexed, ProductIndex, ProductKeys};
use super::product_items::{ProductItems, summary_items};
use super::retry::WAITING;
use super::writes::{MAX_ACTIONS, WriteError};
use super::{DynamoDbStore, keys};
use crate::documents::Version;

/// An unsettled index item that has not changed for this long was left behind by an interrupted call.
const ABANDONED_AFTER: Duration = Duration::from_secs(1);

/// What a write requires of the stored product.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    /// Nothing.
    Anything,
    /// It does not exist.
    Absent,
    /// It has this version.
    Version(u64),
}

/// The result of a write.
pub(super) struct Written {
    pub created: bool,
    pub version: u64,
}

/// Why one attempt ended.
pub(super) enum Interrupted {
    /// Another caller is writing the same product.
    Rival,
    /// It cannot succeed.
    Failed(StoreError),
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// What is known of another caller: the version of the index item, and since when it has had that version.
pub(super) struct Watched {
    version: u64,
    since: Instant,
}

impl Watched {
    /// Whether another caller is writing the product.
    fn is_at_work(&mut self, index: &ProductIndex) -> bool {
        if index.version != self.version {
            *self = Self { version: index.version, since: Instant::now() };
        }
        !index.is_settled() && self.since.elapsed() < ABANDONED_AFTER
    }
}

/// The attempts of a call to write a product.
pub(super) struct Attempts<'a> {
    tries: Tries<'a>,
    pub watched: Watched,
}

impl<'a> Attempts<'a> {
    pub fn start(ids: &'a dyn IdGenerator) -> Self {
        Self { tries: WAITING.start(ids), watched: Watched { version: 0, since: Instant::now() } }
    }

    /// The result of an attempt; `None`, after a pause, if another caller has interrupted it.
    pub async fn ended<T>(
        &mut self,
        handle: &Handle,
        attempt: Result<T, Interrupted>,
    ) -> Option<Result<T, StoreError>> {
        match attempt {
            Ok(done) => Some(Ok(done)),
            Err(Interrupted::Failed(error)) => Some(Err(error)),
            Err(Interrupted::Rival) if self.tries.pause().await => None,
            Err(Interrupted::Rival) => {
                let source = format!("product {handle} is being written by other callers");
                Some(Err(StoreError::Throttled(source.into())))
            }
        }
    }
}

/// Interprets a failed write whose only or first action was on the index item.
pub(super) fn rival(error: WriteError) -> Interrupted {
    match error {
        WriteError::Conditions(_) => Interrupted::Rival,
        WriteError::Failed(error) => Interrupted::Failed(error),
    }
}

impl DynamoDbStore {
    /// Writes a product, starting again whenever another caller writes it in between.
    pub(super) async fn upsert(
        &self,
        product: &Product,
        terms: &SearchTerms,
        expected: Expected,
    ) -> Result<Written, StoreError> {
        let (mut attempts, mut created) = (Attempts::start(&*self.ids), false);
        loop {
            let attempt = self.upsert_once(product, terms, expected, &mut attempts.watched, &mut created).await;
            if let Some(result) = attempts.ended(&product.handle, attempt).await {
                return result.map(|version| Written { created, version });
            }
        }
    }

    /// The index of a product that no other caller is writing.
    pub(super) async fn quiet_index(
        &self,
        handle: &Handle,
        watched: &mut Watched,
    ) -> Result<ProductIndex, Interrupted> {
        let found = self.get(&keys::product_index(handle)).await?;
        let index = found.as_ref().map(ProductIndex::try_from).transpose()?.unwrap_or_else(ProductIndex::none);
        if watched.is_at_work(&index) { Err(Interrupted::Rival) } else { Ok(index) }
    }

    /// Checks the stored product. Read after the index, so that a write in between is noticed by the condition on the index.
    async fn check(&self, handle: &Handle, expected: Expected) -> Result<(), StoreError> {
        if matches!(expected, Expected::Anything) {
            return Ok(());
        }
        let head = self.get(&keys::product(handle)).await?;
        let version = head.as_ref().map(ProductItems::version).transpose()?;
        match (expected, version) {
            (Expected::Absent, Some(_)) => Err(StoreError::AlreadyExists { subject: Subject::Product }),
            (Expected::Version(seen), found) if found != Some(seen) => Err(StoreError::Conflict),
            _ => Ok(()),
        }
    }

    async fn upsert_once(
        &self,
        product: &Product,
        terms: &SearchTerms,
        expected: Expected,
        watched: &mut Watched,
        created: &mut bool,
    ) -> Result<u64, Interrupted> {
        let handle = &product.handle;
        let before = self.quiet_index(handle, watched).await?;
        self.check(handle, expected).await?;
        let items = ProductItems::new(product, &self.ids.ulid().to_string())?;
        let indexed = Indexed::of(product, terms);
        let needed = product_keys(product, &indexed, &items)?;

        let mut writes = indexed.new_postings(before.content.settled.as_ref());
        let claimed = self.claim_keys(handle, &before, &needed, !writes.is_empty()).await?;
        for (_, part) in &items.parts {
            // One by one, because together they may be larger than a transaction allows.
            self.write(Action::put(part.clone())).await.map_err(WriteError::unconditional)?;
        }
        if let Some(category) = &product.category {
            let item = NewItem::new(&keys::category(&category.handle)).document(category)?;
            writes.push(Action::put(item.build()));
        }
        self.write_many(writes).await?;

        let published = self.publish(product, &claimed, &items, indexed.clone(), &needed).await?;
        *created |= !claimed.content.written;
        if published.content.settled.is_none() {
            let stale = published.content.may_exist.without(&needed);
            let settled = IndexContent { v: Version, written: true, may_exist: needed, settled: Some(indexed) };
            let result = match self.remove_stale(handle, &stale, published.clone()).await {
                Ok(last) => self.write(last.followed_by(handle, settled)?.0).await.map_err(rival),
                Err(interrupted) => Err(interrupted),
            };
            match (expected, result) {
                // The product was written. The caller that writes it now removes what is stale.
                (Expected::Absent | Expected::Version(_), Err(Interrupted::Rival)) => {}
                (_, result) => result?,
            }
        }
        Ok(published.version)
    }

    /// Step 1. Does nothing if no key is new and no posting will change.
    async fn claim_keys(
        &self,
        handle: &Handle,
        before: &ProductIndex,
        needed: &ProductKeys,
        changes: bool,
    ) -> Result<ProductIndex, Interrupted> {
        let may_exist = before.content.may_exist.union(needed);
        let new_skus: Vec<&Sku> = match &before.content.settled {
            Some(_) => needed.skus.difference(&before.content.may_exist.skus).collect(),
            // It is unknown which claims an interrupted write made.
            None => needed.skus.iter().collect(),
        };
        if may_exist == before.content.may_exist && new_skus.is_empty() && !changes {
            return Ok(before.clone());
        }
        let content = IndexContent { v: Version, written: before.content.written, may_exist, settled: None };
        let (put, claimed) = before.followed_by(handle, content)?;
        let (first, rest) = new_skus.split_at(new_skus.len().min(MAX_ACTIONS - 1));
        let actions = std::iter::once(put).chain(first.iter().map(|sku| claim_sku(sku, handle))).collect();
        self.transact(actions).await.map_err(|error| match error {
            WriteError::Conditions(failed) if !failed.contains_key(&0) => {
                foreign(failed.into_keys().map(|n| first[n - 1]))
            }
            error => rival(error),
        })?;
        for (number, chunk) in rest.chunks(MAX_ACTIONS).enumerate() {
            let actions = chunk.iter().map(|sku| claim_sku(sku, handle)).collect();
            if let Err(error) = self.transact(actions).await {
                let newly = new_skus[..first.len() + number * MAX_ACTIONS].iter().copied();
                let newly = newly.filter(|sku| !before.content.may_exist.skus.contains(*sku));
                self.release_skus(handle, newly).await?;
                return Err(match error {
                    WriteError::Conditions(failed) => foreign(failed.into_keys().map(|n| chunk[n])),
                    WriteError::Failed(error) => Interrupted::Failed(error),
                });
            }
        }
        Ok(claimed)
    }

    /// Step 3. The resulting index is settled if nothing stale is left.
    async fn publish(
        &self,
        product: &Product,
        claimed: &ProductIndex,
        items: &ProductItems,
        indexed: Indexed,
        needed: &ProductKeys,
    ) -> Result<ProductIndex, Interrupted> {
        let settled = claimed.content.settled.as_ref();
        let current = settled.is_some_and(|before| before.summary == indexed.summary && before.body == indexed.body);
        let mut actions = vec![Action::put(items.head_of(claimed.version + 1))];
        if !current {
            actions.extend(summary_items(product)?.into_values().map(Action::put));
        }
        let mut left = claimed.content.may_exist.without(needed);
        // Parts of the old document are deleted last: a reader may have read its first item and need them.
        let summaries: BTreeSet<_> = left.items.iter().filter(|key| !keys::is_product_part(key)).cloned().collect();
        for key in summaries.into_iter().take(MAX_ACTIONS - 1 - actions.len()) {
            actions.push(Action::delete(&key));
            left.items.remove(&key);
        }
        let settled = left.is_empty().then_some(indexed);
        let content = IndexContent { v: Version, written: true, may_exist: needed.union(&left), settled };
        let (put, published) = claimed.followed_by(&product.handle, content)?;
        actions.insert(0, put);
        self.transact(actions).await.map_err(rival)?;
        Ok(published)
    }

    /// Step 4. Before each further hundred of keys it writes the index item again, so that nobody takes this call for an interrupted
    /// one, and so that it stops when somebody else writes the product. Returns the index item as it is now.
    pub(super) async fn remove_stale(
        &self,
        handle: &Handle,
        stale: &ProductKeys,
        mut index: ProductIndex,
    ) -> Result<ProductIndex, Interrupted> {
        let postings = stale.terms.iter().map(|term| keys::posting(term, handle));
        let gone: Vec<_> = postings.chain(stale.items.iter().cloned()).map(|key| Action::delete(&key)).collect();
        let skus: Vec<&Sku> = stale.skus.iter().collect();
        let chunks = gone.chunks(MAX_ACTIONS).map(Stale::Items).chain(skus.chunks(MAX_ACTIONS).map(Stale::Skus));
        for (number, chunk) in chunks.enumerate() {
            if number > 0 {
                let (put, next) = index.followed_by(handle, index.content.clone())?;
                self.write(put).await.map_err(rival)?;
                index = next;
            }
            match chunk {
                Stale::Items(actions) => self.write_many(actions.to_vec()).await?,
                Stale::Skus(skus) => self.release_skus(handle, skus.iter().copied()).await?,
            }
        }
        Ok(index)
    }

    /// Releases the SKUs that belong to the product, and skips those that do not (or no longer).
    async fn release_skus(&self, handle: &Handle, skus: impl Iterator<Item = &Sku>) -> Result<(), StoreError> {
        let release = |sku| Action::delete(&keys::sku(sku)).only_if("handle = :handle");
        let releases = skus.map(|sku| release(sku).value(":handle", text(handle.as_str())));
        self.transact_possible(releases.collect()).await.map(drop)
    }
}

/// Keys that are removed together.
enum Stale<'a> {
    Items(&'a [Action]),
    Skus(&'a [&'a Sku]),
}

/// The keys that lead to a product.
fn product_keys(product: &Product, indexed: &Indexed, items: &ProductItems) -> Result<ProductKeys, StoreError> {
    let mut keys: BTreeSet<_> = items.parts.iter().map(|(key, _)| key.clone()).collect();
    keys.extend(summary_items(product)?.into_keys());
    let skus = product.variants.iter().map(|variant| variant.sku.clone()).collect();
    Ok(ProductKeys { terms: indexed.terms.keys().cloned().collect(), items: keys, skus })
}

/// Claims a SKU that is free, or already the product's own.
fn claim_sku(sku: &Sku, handle: &Handle) -> Action {
    let item = NewItem::new(&keys::sku(sku)).text("handle", handle.as_str()).build();
    let mine = "attribute_not_exists(pk) OR handle = :handle";
    Action::put(item).only_if(mine).value(":handle", text(handle.as_str()))
}

/// The first SKU that another product owns.
fn foreign<'a>(skus: impl Iterator<Item = &'a Sku>) -> Interrupted {
    let subject = skus.min().map_or(Subject::Variant, |sku| Subject::Sku(sku.clone()));
    Interrupted::Failed(StoreError::AlreadyExists { subject })
}
