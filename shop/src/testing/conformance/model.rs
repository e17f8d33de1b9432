//! In-memory reference model of the catalog port. Every store is compared with it, and so with every other store.

use std::collections::BTreeMap;

use crate::domain::{
    Handle, Page, Position, Product, ProductSort, ProductStatus, ProductSummary, SearchQuery, SearchTerms, SearchWord,
};
use crate::ports::{ProductListing, SharedStore};

/// Products with their terms, as the store should have them.
#[derive(Debug, Default)]
pub(super) struct Model(BTreeMap<Handle, (Product, SearchTerms)>);

impl Model {
    /// Writes a product into the model and into the store.
    pub(super) async fn upsert(&mut self, store: &SharedStore, product: Product, terms: SearchTerms) {
        store.upsert_product(&product, &terms).await.expect("a product is written");
        self.0.insert(product.handle.clone(), (product, terms));
    }

    /// The products that are in some listing.
    pub(super) fn active(&self) -> impl Iterator<Item = &Product> {
        self.0.values().map(|(product, _)| product).filter(|product| product.status == ProductStatus::Active)
    }

    /// All rows of a listing from its start to its end, whatever its `after` and `limit` are.
    pub(super) fn rows(&self, listing: &ProductListing) -> Vec<(Position, ProductSummary)> {
        let mut rows: Vec<_> = self
            .0
            .values()
            .filter(|(product, _)| product.status == ProductStatus::Active)
            .filter(|(product, _)| {
                let category = product.category.as_ref().map(|category| &category.handle);
                listing.category.is_none() || listing.category.as_ref() == category
            })
            .filter_map(|(product, terms)| {
                let score = listing.search.as_ref().map_or(Some(0), |query| score(query, terms))?;
                Some((listing.sort.position(product, score), product.summary()))
            })
            .collect();
        rows.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
        rows
    }

    /// The page of a listing.
    pub(super) fn page(&self, listing: &ProductListing) -> Page<ProductSummary> {
        let mut rows = self.rows(listing);
        rows.retain(|(position, _)| listing.after.as_ref().is_none_or(|after| position.as_bytes() > after.as_bytes()));
        Page::from_rows(rows, listing.limit)
    }

    /// Compares a page of the store with the model's and returns it.
    pub(super) async fn check_page(&self, store: &SharedStore, listing: &ProductListing) -> Page<ProductSummary> {
        let page = store.list_products(listing).await.unwrap_or_else(|error| panic!("{listing:?}: {error:?}"));
        let expected = self.page(listing);
        let handles = |page: &Page<ProductSummary>| -> Vec<String> {
            page.items.iter().map(|summary| summary.handle.as_str().to_owned()).collect()
        };
        assert_eq!(handles(&page), handles(&expected), "products of {listing:?}");
        assert_eq!(page, expected, "{listing:?}");
        page
    }

    /// Compares every page of a listing with the model's.
    pub(super) async fn check_pages(&self, store: &SharedStore, first: &ProductListing) {
        let mut listing = first.clone();
        loop {
            listing.after = self.check_page(store, &listing).await.next;
            if listing.after.is_none() {
                return;
            }
        }
    }

    /// Compares all pages in every stored order, of the whole catalog and of each category.
    pub(super) async fn check_listings(&self, store: &SharedStore, first: &ProductListing) {
        let categories: Vec<_> = self.0.values().filter_map(|(product, _)| product.category.as_ref()).collect();
        let mut scopes: Vec<_> = categories.into_iter().map(|category| Some(category.handle.clone())).collect();
        scopes.push(None);
        scopes.sort_unstable();
        scopes.dedup();
        for sort in ProductSort::STORED {
            for category in &scopes {
                let listing = ProductListing { sort, category: category.clone(), ..first.clone() };
                self.check_pages(store, &listing).await;
            }
        }
    }
}

/// The sum over the words of the highest weight among the matching terms; `None` if a word has no match.
fn score(query: &SearchQuery, terms: &SearchTerms) -> Option<u32> {
    query.words.iter().map(|word| best_weight(word, terms)).sum()
}

fn best_weight(word: &SearchWord, terms: &SearchTerms) -> Option<u32> {
    let matches =
        |term: &str| term == word.term || word.prefix.as_ref().is_some_and(|prefix| term.starts_with(prefix.as_str()));
    terms.0.iter().filter(|(term, _)| matches(term)).map(|(_, weight)| u32::from(*weight)).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures::terms;

    #[test]
    fn a_score_is_the_sum_of_the_best_weights_and_needs_every_word() {
        let terms = terms(&[("kettl", 16), ("kettles", 3), ("copper", 4)]);
        let word =
            |term: &str, prefix: Option<&str>| SearchWord { term: term.to_owned(), prefix: prefix.map(str::to_owned) };
        let score = |words: &[SearchWord]| score(&SearchQuery { words: words.to_vec() }, &terms);
        assert_eq!(score(&[word("copper", None), word("kett", Some("kett"))]), Some(20));
        assert_eq!(score(&[word("kettles", None)]), Some(3));
        assert_eq!(score(&[word("copper", None), word("lamp", None)]), None);
        assert_eq!(score(&[word("kett", None)]), None);
    }
}
