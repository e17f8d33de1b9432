//! Writing a product: more items than a transaction takes, so steps that can be repeated from anywhere.
//!
//! 1. The index item says which keys may exist from now on, and new SKUs are claimed, in one transaction.
//! 2. Postings and document parts are written. Nobody sees them yet, or the product is being changed anyway.
//! 3. One transaction writes the document, its summaries and the index, and removes stale summaries: readers see the
//!    product as it was or as it is.
//! 4. What is stale is removed, then the index item is settled.
//!
//! Every step from 1 on requires the version of the index item that this call has seen or written. Where a rival writes the
//! same product in between it fails and the call starts again: the last to finish is the last writer, and cleans up after
//! both. So that rivals do not fail each other forever, a call waits while an unsettled index item still changes.

use std::collections::BTreeSet;
use std::time::Duration;

use shopease_shop::domain::{Handle, Product, ProductStatus, SearchTerms, Sku, Subject};
use shopease_shop::ports::{StoreError, Upserted};
use tokio::time::Instant;

use super::actions::Action;
use super::items::{NewItem, text};
use super::product_index::{Footprint, IndexContent, Indexed, ProductIndex};
use super::product_items::{ProductItems, summary_items};
use super::retry::WAITING;
use super::writes::{MAX_ACTIONS, Refused};
use super::{DynamoDbStore, keys};
use crate::documents::Version;

/// An unsettled index item that did not change for so long was left behind by a call that broke off.
const ABANDONED_AFTER: Duration = Duration::from_secs(1);

/// Why one attempt ended.
enum Interrupted {
    /// A rival writes the same product.
    Rival,
    /// It cannot succeed.
    Failed(StoreError),
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// What is known of a rival: the version of the index item, and since when it has been that.
struct Watched {
    version: u64,
    since: Instant,
}

impl Watched {
    /// Whether someone else is writing the product.
    fn is_at_work(&mut self, index: &ProductIndex) -> bool {
        if index.version != self.version {
            *self = Self { version: index.version, since: Instant::now() };
        }
        let settled = index.version == 0 || index.content.settled.is_some();
        !settled && self.since.elapsed() < ABANDONED_AFTER
    }
}

/// A refused write whose only or first action was on the index item.
fn rival(refused: Refused) -> Interrupted {
    match refused {
        Refused::Conditions(_) => Interrupted::Rival,
        Refused::Failed(error) => Interrupted::Failed(error),
    }
}

impl DynamoDbStore {
    /// Writes a product, starting again whenever a rival comes in between.
    pub(super) async fn upsert(&self, product: &Product, terms: &SearchTerms) -> Result<Upserted, StoreError> {
        let (mut tries, mut created) = (WAITING.start(&*self.ids), false);
        let mut watched = Watched { version: 0, since: Instant::now() };
        loop {
            match self.upsert_once(product, terms, &mut watched, &mut created).await {
                Ok(()) => return Ok(if created { Upserted::Created } else { Upserted::Updated }),
                Err(Interrupted::Failed(error)) => return Err(error),
                Err(Interrupted::Rival) => {
                    if !tries.pause().await {
                        let handle = &product.handle;
                        return Err(StoreError::Throttled(format!("product {handle} is written all the time").into()));
                    }
                }
            }
        }
    }

    async fn upsert_once(
        &self,
        product: &Product,
        terms: &SearchTerms,
        watched: &mut Watched,
        created: &mut bool,
    ) -> Result<(), Interrupted> {
        let handle = &product.handle;
        let found = self.get(&keys::product_index(handle)).await?;
        let before = found.as_ref().map(ProductIndex::try_from).transpose()?.unwrap_or_else(ProductIndex::none);
        if watched.is_at_work(&before) {
            return Err(Interrupted::Rival);
        }
        let items = ProductItems::new(product, &self.ids.ulid().to_string())?;
        let indexed = Indexed::of(product, terms);
        let wanted = footprint(product, &indexed, &items)?;

        let mut writes = indexed.new_postings(before.content.settled.as_ref());
        let claimed = self.claim_keys(handle, &before, &wanted, !writes.is_empty()).await?;
        for (_, part) in &items.parts {
            // One by one: together they may be larger than a transaction takes.
            self.write(Action::put(part.clone())).await.map_err(Refused::unconditional)?;
        }
        if let Some(category) = &product.category {
            let item = NewItem::new(&keys::category(&category.handle)).document(category)?;
            writes.push(Action::put(item.build()));
        }
        self.write_many(writes).await?;

        let published = self.publish(product, &claimed, &items, indexed.clone(), &wanted).await?;
        *created |= !claimed.content.written;
        if published.content.settled.is_some() {
            return Ok(());
        }
        self.remove_stale(handle, &published.content.may_exist.without(&wanted)).await?;
        let settled = IndexContent { v: Version, written: true, may_exist: wanted, settled: Some(indexed) };
        let (settle, _) = published.followed_by(handle, settled)?;
        self.write(settle).await.map_err(rival)
    }

    /// Step 1. Does nothing when no key is new and no posting will change.
    async fn claim_keys(
        &self,
        handle: &Handle,
        before: &ProductIndex,
        wanted: &Footprint,
        changes: bool,
    ) -> Result<ProductIndex, Interrupted> {
        let may_exist = before.content.may_exist.union(wanted);
        let new_skus: Vec<&Sku> = match &before.content.settled {
            Some(_) => wanted.skus.difference(&before.content.may_exist.skus).collect(),
            // It is not known which claims an interrupted write got to.
            None => wanted.skus.iter().collect(),
        };
        if may_exist == before.content.may_exist && new_skus.is_empty() && !changes {
            return Ok(before.clone());
        }
        let content = IndexContent { v: Version, written: before.content.written, may_exist, settled: None };
        let (put, claimed) = before.followed_by(handle, content)?;
        let (first, rest) = new_skus.split_at(new_skus.len().min(MAX_ACTIONS - 1));
        let actions = std::iter::once(put).chain(first.iter().map(|sku| claim_sku(sku, handle))).collect();
        self.transact(actions).await.map_err(|refused| match refused {
            Refused::Conditions(failed) if !failed.contains_key(&0) => {
                foreign(failed.into_keys().map(|n| first[n - 1]))
            }
            refused => rival(refused),
        })?;
        for (number, chunk) in rest.chunks(MAX_ACTIONS).enumerate() {
            let actions = chunk.iter().map(|sku| claim_sku(sku, handle)).collect();
            if let Err(refused) = self.transact(actions).await {
                let newly = new_skus[..first.len() + number * MAX_ACTIONS].iter().copied();
                let newly = newly.filter(|sku| !before.content.may_exist.skus.contains(*sku));
                self.release_skus(handle, newly).await?;
                return Err(match refused {
                    Refused::Conditions(failed) => foreign(failed.into_keys().map(|n| chunk[n])),
                    Refused::Failed(error) => Interrupted::Failed(error),
                });
            }
        }
        Ok(claimed)
    }

    /// Step 3. The index that it leads to is settled when nothing stale is left.
    async fn publish(
        &self,
        product: &Product,
        claimed: &ProductIndex,
        items: &ProductItems,
        indexed: Indexed,
        wanted: &Footprint,
    ) -> Result<ProductIndex, Interrupted> {
        let settled = claimed.content.settled.as_ref();
        let current = settled.is_some_and(|before| before.summary == indexed.summary && before.body == indexed.body);
        let mut actions = vec![Action::put(items.head.clone())];
        if product.status == ProductStatus::Active && !current {
            actions.extend(summary_items(product)?.into_values().map(Action::put));
        }
        let mut left = claimed.content.may_exist.without(wanted);
        // Parts of the former document go last: someone may have read its first item and need them.
        let summaries: BTreeSet<_> = left.items.iter().filter(|key| !keys::is_product_part(key)).cloned().collect();
        for key in summaries.into_iter().take(MAX_ACTIONS - 1 - actions.len()) {
            actions.push(Action::delete(&key));
            left.items.remove(&key);
        }
        let settled = left.is_empty().then_some(indexed);
        let content = IndexContent { v: Version, written: true, may_exist: wanted.union(&left), settled };
        let (put, published) = claimed.followed_by(&product.handle, content)?;
        actions.insert(0, put);
        self.transact(actions).await.map_err(rival)?;
        Ok(published)
    }

    /// Step 4.
    async fn remove_stale(&self, handle: &Handle, stale: &Footprint) -> Result<(), StoreError> {
        let postings = stale.terms.iter().map(|term| keys::posting(term, handle));
        let gone = postings.chain(stale.items.iter().cloned()).map(|key| Action::delete(&key));
        self.write_many(gone.collect()).await?;
        self.release_skus(handle, stale.skus.iter()).await
    }

    /// Gives SKUs free that are the product's own, and leaves those alone that are not (any more).
    async fn release_skus(&self, handle: &Handle, skus: impl Iterator<Item = &Sku>) -> Result<(), StoreError> {
        let release = |sku| Action::delete(&keys::sku(sku)).only_if("handle = :handle");
        let releases = skus.map(|sku| release(sku).value(":handle", text(handle.as_str())));
        self.transact_possible(releases.collect()).await.map(drop)
    }
}

/// The keys that lead to a product.
fn footprint(product: &Product, indexed: &Indexed, items: &ProductItems) -> Result<Footprint, StoreError> {
    let mut keys: BTreeSet<_> = items.parts.iter().map(|(key, _)| key.clone()).collect();
    if product.status == ProductStatus::Active {
        keys.extend(summary_items(product)?.into_keys());
    }
    let skus = product.variants.iter().map(|variant| variant.sku.clone()).collect();
    Ok(Footprint { terms: indexed.terms.keys().cloned().collect(), items: keys, skus })
}

/// Takes a SKU that is free, or the product's own.
fn claim_sku(sku: &Sku, handle: &Handle) -> Action {
    let item = NewItem::new(&keys::sku(sku)).text("handle", handle.as_str()).build();
    let mine = "attribute_not_exists(pk) OR handle = :handle";
    Action::put(item).only_if(mine).value(":handle", text(handle.as_str()))
}

/// The first of the SKUs that another product owns.
fn foreign<'a>(skus: impl Iterator<Item = &'a Sku>) -> Interrupted {
    let subject = skus.min().map_or(Subject::Variant, |sku| Subject::Sku(sku.clone()));
    Interrupted::Failed(StoreError::AlreadyExists { subject })
}
