//! Pages of active products: plain listings along an index, and searches. Both give one row more than the page has.

use shopease_shared::domain::{Handle, ProductSort, SearchQuery, SearchWord};
use shopease_shared::ports::{ProductListing, StoreError};

use super::{PostgresStore, retry, row_limit, start_after};

/// A product in a listing.
pub(super) struct ListedRow {
    pub position: String,
    pub summary: String,
}

/// One page along `$position`: an index on that column alone, or behind the category.
macro_rules! rows_by {
    ($position:literal, $pool:expr, $category:expr, $after:expr, $rows:expr) => {
        match $category {
            None => {
                let read = || {
                    sqlx::query_as!(
                        ListedRow,
                        "SELECT "
                            + $position
                            + r#" AS position, summary::text AS "summary!" FROM product
                        WHERE is_active AND "#
                            + $position
                            + " > $1 ORDER BY "
                            + $position
                            + " LIMIT $2",
                        $after,
                        $rows
                    )
                    .fetch_all($pool)
                };
                retry::repeatable(read).await
            }
            Some(category) => {
                let read = || {
                    sqlx::query_as!(
                        ListedRow,
                        "SELECT "
                            + $position
                            + r#" AS position, summary::text AS "summary!" FROM product
                        WHERE is_active AND category_handle = $1 AND "#
                            + $position
                            + " > $2 ORDER BY "
                            + $position
                            + " LIMIT $3",
                        category,
                        $after,
                        $rows
                    )
                    .fetch_all($pool)
                };
                retry::repeatable(read).await
            }
        }
    };
}

impl PostgresStore {
    /// A page of all active products or of a category's.
    pub(super) async fn listing_rows(&self, listing: &ProductListing) -> Result<Vec<ListedRow>, StoreError> {
        let category = listing.category.as_ref().map(Handle::as_str);
        let (pool, after, rows) = (&self.pool, start_after(listing.after.as_ref()), row_limit(listing.limit));
        match listing.sort {
            ProductSort::Newest => rows_by!("position_newest", pool, category, after, rows),
            ProductSort::PriceAscending => rows_by!("position_cheapest", pool, category, after, rows),
            ProductSort::PriceDescending => rows_by!("position_dearest", pool, category, after, rows),
            // Without a search everything is equally relevant.
            ProductSort::Title | ProductSort::Relevance => {
                rows_by!("position_title", pool, category, after, rows)
            }
        }
    }

    /// A page of the active products that match every word.
    ///
    /// Each word reads a range of `search_term_pkey`. Positions by relevance are computed as
    /// [`ProductSort::relevance_position`] does and compared as text, whatever a cursor says.
    pub(super) async fn search_rows(
        &self,
        query: &SearchQuery,
        listing: &ProductListing,
    ) -> Result<Vec<ListedRow>, StoreError> {
        let terms: Vec<_> = query.words.iter().map(|word| word.term.as_str()).collect();
        let prefixes: Vec<_> = query.words.iter().map(|word| word.prefix.as_deref()).collect();
        let prefix_ends: Vec<_> = query.words.iter().map(prefix_end).collect();
        let read = || {
            sqlx::query_as!(
                ListedRow,
                r#"WITH word AS MATERIALIZED (
                    SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
                    WITH ORDINALITY AS w (term, prefix, prefix_end, number)
                ), hit AS (
                    SELECT number, product, weight FROM word JOIN search_term USING (term)
                    UNION ALL
                    SELECT w.number, t.product, t.weight
                    FROM word w JOIN search_term t ON t.term >= w.prefix AND t.term < w.prefix_end
                ), best AS (
                    SELECT product, number, max(weight) AS weight FROM hit GROUP BY product, number
                ), scored AS (
                    SELECT product, sum(weight) AS score FROM best
                    GROUP BY product HAVING count(*) = cardinality($1::text[])
                ), positioned AS (
                    SELECT p.summary, (CASE $4
                        WHEN 'newest' THEN p.position_newest
                        WHEN 'title' THEN p.position_title
                        WHEN 'price' THEN p.position_cheapest
                        WHEN '-price' THEN p.position_dearest
                        ELSE lpad((4294967295 - s.score)::text, 10, '0') || E'\x01' || p.position_title
                    END) COLLATE "C" AS position
                    FROM scored s JOIN product p USING (product)
                    WHERE p.is_active AND ($5::text IS NULL OR p.category_handle = $5)
                )
                SELECT position AS "position!", summary::text AS "summary!" FROM positioned
                WHERE position > $6 ORDER BY position LIMIT $7"#,
                &terms as &[&str],
                &prefixes as &[Option<&str>],
                &prefix_ends as &[Option<String>],
                listing.sort.as_str(),
                listing.category.as_ref().map(Handle::as_str),
                start_after(listing.after.as_ref()),
                row_limit(listing.limit),
            )
            .fetch_all(&self.pool)
        };
        retry::repeatable(read).await
    }
}

/// The least text above every text that starts with the word's prefix, in the order of COLLATE "C": bytes of UTF-8,
/// which is the order of code points.
fn prefix_end(word: &SearchWord) -> Option<String> {
    let prefix = word.prefix.as_deref()?;
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // Stepping over the surrogates, which are no characters.
        let mut above = (last..=char::MAX).skip(1);
        if let Some(next) = above.next() {
            end.push(next);
            return Some(end);
        }
    }
    // Only largest characters: nothing follows but longer texts of the same, and terms are not so long.
    Some(prefix.to_owned() + &char::MAX.to_string().repeat(SearchQuery::MAX_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(prefix: &str) -> String {
        let word = SearchWord { term: String::new(), prefix: Some(prefix.to_owned()) };
        prefix_end(&word).expect("has a prefix")
    }

    #[test]
    fn a_prefix_ends_before_the_next_text_of_its_length() {
        assert_eq!(end("kettl"), "kettm");
        assert_eq!(end("a\u{7f}"), "a\u{80}");
        assert_eq!(end("a\u{d7ff}"), "a\u{e000}");
        assert_eq!(end("a\u{10ffff}\u{10ffff}"), "b");
    }

    #[test]
    fn a_prefix_of_largest_characters_still_has_an_end() {
        let prefix = "\u{10ffff}\u{10ffff}";
        assert!(end(prefix).as_str() > format!("{prefix}z").as_str());
        assert!(end(prefix).as_str() > format!("{prefix}\u{10ffff}").as_str());
    }
}
