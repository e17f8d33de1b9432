//! Merges the products of a file into a store, a hundred at a time; skips unchanged products.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::field_update::FieldUpdate;
use super::group::{DraftProduct, Outcome};
use super::issue::{Issues, named};
use super::merge::{Context, merge};
use super::parallel::in_parallel;
use super::retry::{store_reason, with_retries};
use super::{CatalogFile, ImportReport, ImportedProduct, LeftOutProduct};
use shopease_shop::domain::{
    Handle, Inventory, Product, ProductStatus, QuoteLine, SearchTerms, Sku, Tokenizer, Variant,
};
use shopease_shop::ports::{Store, StoreError};

/// Products read from the store at once; the port's limit.
const CHUNK: usize = 100;
/// Products written concurrently.
const CONCURRENCY: usize = 8;

/// Options for writing.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// Overwrite the stock of SKUs that already have a level. Otherwise existing levels change only through orders and
    /// manual corrections.
    pub set_stock: bool,
    /// Only read, and report what would change.
    pub dry_run: bool,
}

/// The destination of a catalog.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// Extracts the search terms of its products.
    pub tokenizer: &'a Tokenizer,
    /// Returns why the shop cannot show a product on every front door, if so: a sentence without a full stop.
    pub refuse: &'a (dyn Fn(&Product) -> Option<String> + Send + Sync),
}

/// The result of writing one product.
enum Written {
    Created,
    Updated,
    Unchanged,
    Failed(String),
}

/// A product with its stored version.
struct Ready {
    imported: ImportedProduct,
    stored: Option<Product>,
}

/// Writes a catalog into a store and calls `progress` with the number of products processed so far.
///
/// A product that is already identical in the store is not written. A SKU that belongs to a product outside the file
/// stays there with its stock, and the row that uses it is rejected. Repeating the import, also after a failure in the
/// middle, leads to the same result.
///
/// # Errors
/// [`StoreError`] if the store is unavailable or throttled several times in a row.
pub async fn import(
    mut file: CatalogFile,
    target: Target<'_>,
    options: WriteOptions,
    progress: &(dyn Fn(usize) + Send + Sync),
) -> Result<ImportReport, StoreError> {
    let issues = std::mem::take(&mut file.issues);
    let report = ImportReport {
        dry_run: options.dry_run,
        replace: file.options.replace,
        rows: file.rows,
        ..ImportReport::default()
    };
    let mut writer = Writer {
        target,
        options,
        report,
        issues,
        file,
        category_titles: HashMap::new(),
        owners: HashMap::new(),
        freed: HashSet::new(),
        postponed: Vec::new(),
        moved: HashMap::new(),
    };
    let shared: Vec<Sku> = writer.file.skus.shared.iter().cloned().collect();
    writer.owners = writer.owners_of(&shared).await?;
    let products = writer.file.products();
    for start in (0..products).step_by(CHUNK) {
        let end = products.min(start + CHUNK);
        writer.write_chunk(start..end).await?;
        progress(end);
    }
    // Written last, because another product of the file may have freed a SKU in the meantime.
    for draft in std::mem::take(&mut writer.postponed) {
        writer.write_last(draft).await?;
    }
    Ok(writer.finish())
}

pub(super) struct Writer<'a> {
    target: Target<'a>,
    pub(super) options: WriteOptions,
    pub(super) report: ImportReport,
    pub(super) issues: Issues,
    pub(super) file: CatalogFile,
    /// One category has one title, whatever the order in which the store is written.
    category_titles: HashMap<Handle, String>,
    /// The products that had the SKUs which several rows give before the import.
    owners: HashMap<Sku, Handle>,
    /// SKUs that a dry run would have freed.
    freed: HashSet<Sku>,
    /// Products that use a SKU which another product still has.
    postponed: Vec<DraftProduct>,
    /// Levels that a dry run would have moved to another SKU.
    pub(super) moved: HashMap<Sku, u32>,
}

impl<'a> Writer<'a> {
    pub(super) fn store(&self) -> &'a dyn Store {
        self.target.store
    }

    async fn write_chunk(&mut self, range: std::ops::Range<usize>) -> Result<(), StoreError> {
        let (mut drafts, mut left_out) = (Vec::new(), Vec::new());
        for (outcome, issues) in self.file.outcomes(range) {
            self.issues.append(issues);
            match outcome {
                Outcome::Sold(draft) => drafts.push(*draft),
                Outcome::LeftOut(product) => left_out.push(product),
                Outcome::Rejected => self.report.rejected_products += 1,
            }
        }
        self.report.left_out += left_out.len();
        self.withdraw(&left_out).await?;
        let handles: Vec<Handle> = drafts.iter().map(|draft| draft.handle.clone()).collect();
        let mut stored = self.find(&handles).await?;
        let mut merged = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let stored = stored.remove(&draft.handle);
            if let Some((imported, issues)) = self.merge(&draft, stored.as_ref(), &HashMap::new()) {
                merged.push((draft, issues, Ready { imported, stored }));
            }
        }
        let owners = self.other_owners(merged.iter().map(|(.., ready)| ready)).await?;
        let mut all = Vec::with_capacity(merged.len());
        for (draft, issues, ready) in merged {
            if new_skus(&ready).any(|sku| owners.contains_key(&(draft.handle.clone(), sku.clone()))) {
                self.file.skus.release(new_skus(&ready));
                self.postponed.push(draft);
            } else {
                self.issues.append(issues);
                all.push(ready);
            }
        }
        self.write(all).await
    }

    /// Writes a postponed product: by now the SKU is free, or it stays with the other product.
    async fn write_last(&mut self, draft: DraftProduct) -> Result<(), StoreError> {
        let stored = self.find(std::slice::from_ref(&draft.handle)).await?.remove(&draft.handle);
        let mut kept_elsewhere: HashMap<Sku, Handle> = HashMap::new();
        loop {
            let Some((imported, issues)) = self.merge(&draft, stored.as_ref(), &kept_elsewhere) else { return Ok(()) };
            let ready = Ready { imported, stored: stored.clone() };
            let owners = self.other_owners(std::iter::once(&ready)).await?;
            if owners.is_empty() {
                self.issues.append(issues);
                return self.write(vec![ready]).await;
            }
            // Each round excludes at least one more SKU, so there are no more rounds than SKUs.
            self.file.skus.release(new_skus(&ready));
            kept_elsewhere.extend(owners.into_iter().map(|((_, sku), owner)| (sku, owner)));
        }
    }

    /// Merges a draft with the stored product; rejects it if no variant is left.
    fn merge(
        &mut self,
        draft: &DraftProduct,
        stored: Option<&Product>,
        kept_elsewhere: &HashMap<Sku, Handle>,
    ) -> Option<(ImportedProduct, Issues)> {
        let mut issues = Issues::default();
        let context =
            Context { options: &self.file.options, book: &self.file.skus, kept_elsewhere, owners: &self.owners };
        let mut imported = match merge(draft, stored, &context, &mut issues) {
            Ok(imported) => imported,
            Err(reason) => {
                self.issues.append(issues);
                self.reject(draft.first_line, &draft.handle, reason);
                return None;
            }
        };
        for variant in &imported.product.variants {
            self.file.skus.take(&variant.sku);
        }
        if let Some(category) = &mut imported.product.category {
            let title = self.category_titles.entry(category.handle.clone()).or_insert_with(|| category.title.clone());
            category.title.clone_from(title);
        }
        if imported.product.status != ProductStatus::Active && draft.status == FieldUpdate::Keep {
            let reason = "it is not on sale and stays so, because the file does not mark it as active".to_owned();
            issues.note(draft.first_line, Some(&draft.handle), reason);
        }
        Some((imported, issues))
    }

    /// SKUs that are new to a product but belong to another one: maps the handle of the first and the SKU to the
    /// handle of the owner.
    async fn other_owners(
        &self,
        products: impl Iterator<Item = &Ready>,
    ) -> Result<HashMap<(Handle, Sku), Handle>, StoreError> {
        let requested: HashMap<Sku, Handle> = products
            .flat_map(|ready| new_skus(ready).map(|sku| (sku.clone(), ready.imported.product.handle.clone())))
            .filter(|(sku, _)| !self.freed.contains(sku))
            .collect();
        let skus: Vec<Sku> = requested.keys().cloned().collect();
        let by_others = |(sku, owner): (Sku, Handle)| {
            let handle = requested.get(&sku).filter(|handle| **handle != owner)?;
            Some(((handle.clone(), sku), owner))
        };
        Ok(self.owners_of(&skus).await?.into_iter().filter_map(by_others).collect())
    }

    /// The products in the store that have these SKUs.
    async fn owners_of(&self, skus: &[Sku]) -> Result<HashMap<Sku, Handle>, StoreError> {
        let mut owners = HashMap::new();
        for skus in skus.chunks(CHUNK) {
            for product in with_retries(|| self.store().find_products_by_sku(skus)).await? {
                owners.extend(product.variants.into_iter().map(|variant| (variant.sku, product.handle.clone())));
            }
        }
        Ok(owners)
    }

    async fn write(&mut self, mut products: Vec<Ready>) -> Result<(), StoreError> {
        self.track_known_levels(&mut products).await?;
        products.retain(|ready| match self.unsellable_reason(&ready.imported.product) {
            Some(reason) => {
                self.reject(ready.imported.first_line, &ready.imported.product.handle, reason);
                false
            }
            None => true,
        });
        for ready in &products {
            self.move_stock(&ready.imported).await?;
        }
        let (same, changed): (Vec<&Ready>, Vec<&Ready>) =
            products.iter().partition(|ready| ready.stored.as_ref() == Some(&ready.imported.product));
        let terms = in_parallel(changed.clone(), |ready| self.terms(&ready.imported.product));
        let mut writes = Vec::with_capacity(changed.len());
        for (ready, terms) in changed.iter().zip(terms) {
            writes.push(self.upsert(&ready.imported.product, terms, ready.stored.is_none()));
        }
        let outcomes: Vec<Written> = stream::iter(writes).buffered(CONCURRENCY).try_collect().await?;
        let mut stock = Vec::new();
        let unchanged = same.into_iter().map(|ready| (ready, Written::Unchanged));
        for (ready, outcome) in unchanged.chain(changed.into_iter().zip(outcomes)) {
            if self.count(ready, outcome) {
                stock.extend_from_slice(&ready.imported.stock);
            }
        }
        self.write_stock(&stock).await
    }

    /// Tracks variants whose quantity the file does not give but whose level the shop has; notes the others.
    async fn track_known_levels(&mut self, products: &mut [Ready]) -> Result<(), StoreError> {
        let unknown = products.iter().flat_map(|ready| ready.imported.unknown_stock.iter().cloned());
        let levels = self.levels(unknown.collect()).await?;
        for ImportedProduct { product, unknown_stock, first_line, .. } in
            products.iter_mut().map(|ready| &mut ready.imported)
        {
            for variant in product.variants.iter_mut().filter(|variant| unknown_stock.contains(&variant.sku)) {
                if levels.contains_key(&variant.sku) {
                    variant.inventory = Inventory::Tracked;
                }
            }
            let uncounted = unknown_stock.iter().filter(|sku| !levels.contains_key(*sku)).count();
            if uncounted > 0 {
                let reason = format!(
                    "the quantity of {uncounted} tracked variants is not in the file; they are sold without stock tracking"
                );
                self.issues.note(*first_line, Some(&product.handle), reason);
            }
        }
        Ok(())
    }

    /// Why a product cannot be sold on every store and front door, although it could be stored.
    fn unsellable_reason(&self, product: &Product) -> Option<String> {
        let most = QuoteLine::MAX_STORED_BYTES;
        let too_long = product.variants.iter().find_map(|variant| {
            let bytes = QuoteLine::stored_bytes(product, variant);
            (bytes > most).then_some((&variant.sku, bytes))
        });
        if let Some((sku, bytes)) = too_long {
            return Some(format!(
                "an order would store {bytes} bytes for SKU {sku}; the maximum is {most}. Shorten its title, its option values \
                 or the URL of its image"
            ));
        }
        (self.target.refuse)(product)
    }

    /// The search terms of a product; none in a dry run.
    fn terms(&self, product: &Product) -> SearchTerms {
        if self.options.dry_run { SearchTerms::default() } else { self.target.tokenizer.index(product) }
    }

    async fn upsert(&self, product: &Product, terms: SearchTerms, is_new: bool) -> Result<Written, StoreError> {
        if !self.options.dry_run {
            match with_retries(|| self.store().upsert_product(product, &terms)).await {
                Ok(_) => {}
                Err(error) if error.retryable() => return Err(error),
                Err(error) => return Ok(Written::Failed(store_reason(&error))),
            }
        }
        // Not the store's result: an attempt whose response was lost may already have created it.
        Ok(if is_new { Written::Created } else { Written::Updated })
    }

    /// Counts the outcome. Returns whether the stored product now matches the file.
    fn count(&mut self, ready: &Ready, outcome: Written) -> bool {
        let Ready { imported, stored } = ready;
        match outcome {
            Written::Created => self.report.created += 1,
            Written::Updated => self.report.updated += 1,
            Written::Unchanged => self.report.unchanged += 1,
            Written::Failed(reason) => {
                self.reject(imported.first_line, &imported.product.handle, reason);
                return false;
            }
        }
        if imported.product.status == ProductStatus::Active {
            self.report.variants += imported.product.variants.len();
        }
        if !imported.removed.is_empty() {
            self.report.variants_withdrawn += imported.removed.len();
            self.issues.note(imported.first_line, Some(&imported.product.handle), removed_reason(imported));
        }
        if self.options.dry_run {
            let before = stored.iter().flat_map(|product| &product.variants).map(|variant| &variant.sku);
            self.freed.extend(before.filter(|sku| imported.product.variant(sku).is_none()).cloned());
        }
        true
    }

    fn reject(&mut self, line: u64, handle: &Handle, reason: String) {
        self.report.rejected_products += 1;
        self.issues.reject_product(line, handle, reason);
    }

    /// Takes products that the file does not offer off sale, if the store sells them.
    async fn withdraw(&mut self, left_out: &[LeftOutProduct]) -> Result<(), StoreError> {
        let handles: Vec<Handle> = left_out.iter().map(|product| product.handle.clone()).collect();
        let mut existing = self.find(&handles).await?;
        for product in left_out {
            let Some(mut stored) = existing.remove(&product.handle) else { continue };
            if stored.status != ProductStatus::Active {
                continue;
            }
            stored.status = product.status;
            if !self.options.dry_run {
                let terms = self.terms(&stored);
                with_retries(|| self.store().upsert_product(&stored, &terms)).await?;
            }
            self.report.withdrawn += 1;
            let reason = "it was on sale and was taken off sale".to_owned();
            self.issues.note(product.first_line, Some(&product.handle), reason);
        }
        Ok(())
    }

    async fn find(&self, handles: &[Handle]) -> Result<HashMap<Handle, Product>, StoreError> {
        let products = with_retries(|| self.store().find_products(handles)).await?;
        Ok(products.into_iter().map(|product| (product.handle.clone(), product)).collect())
    }

    fn finish(self) -> ImportReport {
        let rejected_rows = self.issues.rejected_rows();
        let issues = self.issues.sorted();
        ImportReport { rejected_rows, issues, ..self.report }
    }
}

/// The SKUs of a product that its stored version does not have.
fn new_skus(ready: &Ready) -> impl Iterator<Item = &Sku> {
    let stored: HashSet<&Sku> =
        ready.stored.iter().flat_map(|product| &product.variants).map(|variant| &variant.sku).collect();
    let skus = ready.imported.product.variants.iter().map(|variant| &variant.sku);
    skus.filter(move |sku| !stored.contains(sku))
}

/// Lists the variants that were taken off sale.
fn removed_reason(imported: &ImportedProduct) -> String {
    let name = |variant: &Variant| match variant.title() {
        title if title.is_empty() => variant.sku.to_string(),
        title => format!("{title} ({})", variant.sku),
    };
    let names: Vec<String> = imported.removed.iter().map(name).collect();
    format!("taken off sale: {}", named(&names))
}
