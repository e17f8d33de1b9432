//! Writes what was read into a store: about eight products at a time, nothing that is there already.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::group::variant_id;
use super::issue::{IssueKind, Issues};
use super::parallel::in_parallel;
use super::sku::{Derivation, derived};
use super::{ImportReport, ImportedProduct, LeftOutProduct, ParsedCatalog};
use shopease_process::retry::{Policy, TryError};
use shopease_shop::domain::{Handle, Product, ProductStatus, SearchTerms, Sku, StockChange, Subject, Tokenizer};
use shopease_shop::ports::{Store, StoreError, SystemIds};

/// Products read from the store at once; the port takes no more.
const CHUNK: usize = 100;
/// Products written at the same time.
const CONCURRENCY: usize = 8;
/// Tries of one command when the store is busy.
const TRIES: u32 = 6;
/// Longest pause before the second try; twice as long before each further one. On average all pauses of a command take
/// three seconds, in which a throttled table recovers. There is no retry budget: [`CONCURRENCY`] bounds the load.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// How to write.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// Set the stock of SKUs that have a level already; else a level, once there, is left to the orders.
    pub set_stock: bool,
    /// Read only, and tell what would be done.
    pub dry_run: bool,
}

/// What became of one product.
enum Written {
    Created,
    Updated,
    Unchanged,
    /// Another product owns this SKU.
    SkuTaken(Sku),
    Failed(String),
}

/// Writes a catalog into a store and calls `progress` with the number of products dealt with so far.
///
/// A product that the store has exactly so is not written. A SKU that a product outside the file owns stays there;
/// the variant gets a derived one. Repeating the import, also after a failure in the middle, leads to the same end.
///
/// # Errors
/// [`StoreError`] when the store does not answer, or asks for less load, several times in a row.
pub async fn import(
    catalog: ParsedCatalog,
    store: &dyn Store,
    tokenizer: &Tokenizer,
    options: WriteOptions,
    progress: &(dyn Fn(usize) + Send + Sync),
) -> Result<ImportReport, StoreError> {
    let mut writer = Writer {
        store,
        tokenizer,
        options,
        report: ImportReport {
            dry_run: options.dry_run,
            rows: catalog.rows,
            left_out: catalog.left_out.len(),
            rejected_products: catalog.rejected_products,
            ..ImportReport::default()
        },
        issues: Issues::from(catalog.issues),
    };
    let mut done = 0;
    let mut conflicts = Vec::new();
    for chunk in catalog.left_out.chunks(CHUNK) {
        writer.withdraw(chunk).await?;
        done += chunk.len();
        progress(done);
    }
    let mut products = catalog.products;
    for chunk in products.chunks_mut(CHUNK) {
        writer.write_chunk(chunk, &mut conflicts).await?;
        done += chunk.len();
        progress(done);
    }
    // Only now: another product of the file may have given the SKU free meanwhile.
    for (mut product, existing) in conflicts {
        writer.write_with_other_skus(&mut product, existing.as_ref()).await?;
    }
    Ok(writer.finish())
}

struct Writer<'a> {
    store: &'a dyn Store,
    tokenizer: &'a Tokenizer,
    options: WriteOptions,
    report: ImportReport,
    issues: Issues,
}

impl Writer<'_> {
    async fn write_chunk(
        &mut self,
        chunk: &mut [ImportedProduct],
        conflicts: &mut Vec<(ImportedProduct, Option<Product>)>,
    ) -> Result<(), StoreError> {
        let handles: Vec<Handle> = chunk.iter().map(|imported| imported.product.handle.clone()).collect();
        let mut existing = self.find(&handles).await?;
        for imported in &mut *chunk {
            if let Some(stored) = existing.get(&imported.product.handle) {
                imported.product.created_at = stored.created_at;
            }
        }
        let (same, changed): (Vec<&ImportedProduct>, Vec<&ImportedProduct>) =
            chunk.iter().partition(|imported| existing.get(&imported.product.handle) == Some(&imported.product));
        let terms = in_parallel(changed.clone(), |imported| self.terms(&imported.product));
        let mut writes = Vec::with_capacity(changed.len());
        for (imported, terms) in changed.iter().zip(terms) {
            let is_new = !existing.contains_key(&imported.product.handle);
            writes.push(self.upsert(&imported.product, terms, is_new));
        }
        let outcomes: Vec<Written> = stream::iter(writes).buffered(CONCURRENCY).try_collect().await?;
        let mut stock = Vec::new();
        let unchanged = same.into_iter().map(|imported| (imported, Written::Unchanged));
        for (imported, outcome) in unchanged.chain(changed.into_iter().zip(outcomes)) {
            if let Written::SkuTaken(_) = outcome {
                conflicts.push((imported.clone(), existing.remove(&imported.product.handle)));
            } else if self.count(imported, outcome) {
                stock.extend_from_slice(&imported.stock);
            }
        }
        self.write_stock(&stock).await
    }

    /// The terms a product is found by; none where nothing will be written.
    fn terms(&self, product: &Product) -> SearchTerms {
        if self.options.dry_run { SearchTerms::default() } else { self.tokenizer.index(product) }
    }

    async fn upsert(&self, product: &Product, terms: SearchTerms, is_new: bool) -> Result<Written, StoreError> {
        if !self.options.dry_run {
            match patiently(|| self.store.upsert_product(product, &terms)).await {
                Ok(_) => {}
                Err(StoreError::AlreadyExists { subject: Subject::Sku(sku) }) => return Ok(Written::SkuTaken(sku)),
                Err(error) if error.retryable() => return Err(error),
                Err(error) => return Ok(Written::Failed(store_reason(&error))),
            }
        }
        // Not what the store says: a try whose answer was lost may have created it.
        Ok(if is_new { Written::Created } else { Written::Updated })
    }

    /// Gives every SKU that another product owns up for a derived one.
    async fn write_with_other_skus(
        &mut self,
        imported: &mut ImportedProduct,
        stored: Option<&Product>,
    ) -> Result<(), StoreError> {
        let mut tries = 2 * imported.product.variants.len() + 1;
        let outcome = loop {
            let outcome = if stored == Some(&imported.product) {
                Written::Unchanged
            } else {
                let terms = self.terms(&imported.product);
                self.upsert(&imported.product, terms, stored.is_none()).await?
            };
            let Written::SkuTaken(sku) = &outcome else { break outcome };
            tries -= 1;
            match replace_sku(imported, sku) {
                Some((taken, found)) if tries > 0 => {
                    let reason = format!("another product has SKU {taken}; this variant is sold as {found}");
                    self.issues.note(imported.first_line, Some(&imported.product.handle), reason);
                }
                _ => break Written::Failed(taken_reason(sku)),
            }
        };
        if self.count(imported, outcome) {
            self.write_stock(&imported.stock).await?;
        }
        Ok(())
    }

    /// Counts the outcome; whether the product is on sale now.
    fn count(&mut self, imported: &ImportedProduct, outcome: Written) -> bool {
        match outcome {
            Written::Created => self.report.created += 1,
            Written::Updated => self.report.updated += 1,
            Written::Unchanged => self.report.unchanged += 1,
            Written::SkuTaken(sku) => return self.count(imported, Written::Failed(taken_reason(&sku))),
            Written::Failed(reason) => {
                self.report.rejected_products += 1;
                self.issues.reject_product(imported.first_line, &imported.product.handle, reason);
                return false;
            }
        }
        self.report.variants += imported.product.variants.len();
        true
    }

    async fn write_stock(&mut self, levels: &[(Sku, u32)]) -> Result<(), StoreError> {
        if self.options.dry_run || levels.is_empty() {
            return Ok(());
        }
        let store = self.store;
        let new: HashSet<Sku> = patiently(|| store.initialize_stock(levels)).await?.into_iter().collect();
        self.report.stock_initialized += new.len();
        if !self.options.set_stock {
            return Ok(());
        }
        let wanted: HashMap<&Sku, u32> = levels.iter().map(|(sku, units)| (sku, *units)).collect();
        let known: Vec<Sku> = levels.iter().map(|(sku, _)| sku).filter(|sku| !new.contains(*sku)).cloned().collect();
        for skus in known.chunks(CHUNK) {
            for level in patiently(|| store.find_stock_levels(skus)).await? {
                let Some(units) = wanted.get(&level.sku).copied().filter(|units| *units != level.available) else {
                    continue;
                };
                patiently(|| store.correct_stock(&level.sku, StockChange::SetAvailable(units))).await?;
                self.report.stock_corrected += 1;
            }
        }
        Ok(())
    }

    /// Takes products that the file leaves out off sale, where the store sells them.
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
                patiently(|| self.store.upsert_product(&stored, &terms)).await?;
            }
            self.report.withdrawn += 1;
            let reason = "it was on sale and is no longer".to_owned();
            self.issues.note(product.first_line, Some(&product.handle), reason);
        }
        Ok(())
    }

    async fn find(&self, handles: &[Handle]) -> Result<HashMap<Handle, Product>, StoreError> {
        let products = patiently(|| self.store.find_products(handles)).await?;
        Ok(products.into_iter().map(|product| (product.handle.clone(), product)).collect())
    }

    fn finish(self) -> ImportReport {
        let issues = self.issues.sorted();
        let rejected_rows = issues.iter().filter(|issue| issue.kind == IssueKind::RejectedRow).count();
        ImportReport { rejected_rows, issues, ..self.report }
    }
}

/// Replaces a SKU that is taken by the next derived one; gives both.
fn replace_sku(imported: &mut ImportedProduct, taken: &Sku) -> Option<(Sku, Sku)> {
    let product = &mut imported.product;
    let place = product.variants.iter().position(|variant| variant.sku == *taken)?;
    let variant = product.variants.get(place)?;
    let old = variant.sku.clone();
    let other =
        |derivation| derived(&product.handle, &variant.option_values, derivation).ok().filter(|sku| *sku != old);
    // Whoever lost the hashed one has none left to try.
    let hashed = other(Derivation::Hashed)?;
    let unused = |sku: &Sku| product.variants.iter().all(|variant| variant.sku != *sku);
    let found = other(Derivation::Plain).into_iter().chain([hashed]).find(unused)?;
    let id = variant_id(&product.handle, &found);
    let variant = product.variants.get_mut(place)?;
    variant.id = id;
    variant.sku = found.clone();
    for (sku, _) in imported.stock.iter_mut().filter(|(sku, _)| *sku == old) {
        *sku = found.clone();
    }
    Some((old, found))
}

/// Runs a command again, less often each time, while the store is busy or away.
async fn patiently<T, F>(command: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let attempt = async || command().await.map_err(|error| TryError::transient_if(error, StoreError::retryable));
    Policy::new(TRIES, FIRST_PAUSE).run(&SystemIds, attempt).await
}

fn taken_reason(sku: &Sku) -> String {
    format!("SKU {sku} belongs to another product")
}

/// Why the store did not take a product.
fn store_reason(error: &StoreError) -> String {
    match (error, std::error::Error::source(error)) {
        (StoreError::Conflict, _) => "it was changed at the same time; run the import again".to_owned(),
        (_, Some(source)) => format!("the store cannot keep it: {source}"),
        (_, None) => format!("the store cannot keep it: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn tries_until(outcome: impl Fn(u32) -> Result<(), StoreError>) -> (bool, u32) {
        let tries = AtomicU32::new(0);
        let result = patiently(|| std::future::ready(outcome(tries.fetch_add(1, Ordering::SeqCst)))).await;
        (result.is_ok(), tries.into_inner())
    }

    #[tokio::test]
    async fn a_busy_store_is_asked_again_and_a_refusal_is_taken() {
        let busy = || StoreError::Throttled("busy".into());
        assert_eq!(tries_until(|tried| if tried < 2 { Err(busy()) } else { Ok(()) }).await, (true, 3));
        assert_eq!(tries_until(|_| Err(StoreError::Conflict)).await, (false, 1));
    }
}
