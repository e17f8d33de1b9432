//! Finds products by words: postings are read per word, then intersected and sorted here; only the page's summaries are
//! read.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shopease_shop::domain::{Handle, Page, Position, ProductSummary, SearchQuery, SearchWord};
use shopease_shop::ports::{ProductListing, StoreError};

use super::items::read_document;
use super::product_items::{Posting, PostingBody};
use super::reads::{Consistency, Range};
use super::{DynamoDbStore, keys};

/// The matching products, each with its score.
type Hits = BTreeMap<Handle, (u32, PostingBody)>;

impl DynamoDbStore {
    /// One page of the products that match every word.
    pub(super) async fn search(
        &self,
        query: &SearchQuery,
        listing: &ProductListing,
    ) -> Result<Page<ProductSummary>, StoreError> {
        // Two at a time: the embedded engine executes one request after the other, and requests of others get in between.
        let reads: Vec<_> = query.words.iter().map(|word| self.hits(word)).collect();
        let words: Vec<Hits> = stream::iter(reads).buffered(2).try_collect().await?;
        let hits = words.into_iter().reduce(intersect).unwrap_or_default();
        let in_category = |body: &PostingBody| listing.category.as_ref().is_none_or(|category| body.is_in(category));
        let mut found: Vec<(Position, Handle)> = hits
            .into_values()
            .filter(|(_, body)| in_category(body))
            .map(|(score, body)| (body.position(listing.sort, score), body.handle().clone()))
            .filter(|(position, _)| listing.after.as_ref().is_none_or(|after| position > after))
            .collect();
        found.sort_unstable();

        let needed = listing.limit.get() + 1;
        let mut rows = Vec::with_capacity(needed);
        let mut candidates = found.chunks(needed);
        // A product may have been withdrawn since its postings were read; the next candidates take its place.
        while rows.len() < needed
            && let Some(chunk) = candidates.next()
        {
            rows.extend(self.with_summaries(chunk).await?);
        }
        Ok(Page::from_rows(rows, listing.limit))
    }

    /// The products that match one word, each with the highest weight of a matching term.
    async fn hits(&self, word: &SearchWord) -> Result<Hits, StoreError> {
        let (term, prefix) = (word.term.as_str(), word.prefix.as_deref());
        let mut queries = Vec::new();
        // The terms with the prefix include the term itself, unless stemming changed it.
        if prefix.is_none_or(|prefix| !term.starts_with(prefix)) {
            queries.push(self.postings(keys::terms(term), keys::exact_term(term)));
        }
        queries.extend(prefix.map(|prefix| self.postings(keys::terms(prefix), prefix.to_owned())));
        let mut hits = Hits::new();
        for posting in try_join_all(queries).await?.into_iter().flatten() {
            let matches = posting.term == term || prefix.is_some_and(|prefix| posting.term.starts_with(prefix));
            if matches {
                let hit = hits.entry(posting.body.handle().clone()).or_insert((0, posting.body));
                hit.0 = hit.0.max(posting.weight);
            }
        }
        Ok(hits)
    }

    async fn postings(&self, partition: String, prefix: String) -> Result<Vec<Posting>, StoreError> {
        let items = self.query(&partition, Range::Prefix(&prefix), None, Consistency::Eventual).await?;
        items.iter().map(Posting::try_from).collect()
    }

    /// The rows of the candidates that are active.
    async fn with_summaries(
        &self,
        candidates: &[(Position, Handle)],
    ) -> Result<Vec<(Position, ProductSummary)>, StoreError> {
        let keys = candidates.iter().map(|(_, handle)| keys::product_summary(handle));
        let items = self.get_many(keys, Consistency::Eventual).await?;
        let summaries: Result<Vec<ProductSummary>, _> = items.iter().map(read_document).collect();
        let mut summaries: BTreeMap<_, _> =
            summaries?.into_iter().map(|summary| (summary.handle.clone(), summary)).collect();
        let row = |(position, handle): &(Position, Handle)| Some((position.clone(), summaries.remove(handle)?));
        Ok(candidates.iter().filter_map(row).collect())
    }
}

/// The products that match both, with the sum of their scores.
fn intersect(some: Hits, mut others: Hits) -> Hits {
    some.into_iter()
        .filter_map(|(handle, (score, body))| {
            let (other, _) = others.remove(&handle)?;
            Some((handle, (score + other, body)))
        })
        .collect()
}
