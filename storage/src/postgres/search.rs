//! Pages of active products: plain listings along an index, and searches. Both return one row more than the page size.

use shopease_shop::domain::{Handle, ProductSort, SearchQuery, SearchWord};
use shopease_shop::ports::{ProductListing, StoreError};

use super::{PostgresStore, retry, row_limit, start_after};

/// A product in a listing.
pub(super) struct ListedRow {
    pub position: String,
    pub summary: String,
}

/// One page along `$position`: an index on that column alone, or after the category.
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

/// One page of the products in `$scored`, which reads `hit`: the products whose terms match the last word.
///
/// Positions by relevance are those of [`ProductSort::relevance_position`], and are compared as text, whatever a cursor
/// contains. Rows are sorted by the components of the positions, so that only the positions of the page are built.
/// `OFFSET 0` prevents the planner, which cannot know how many products match, from reading the whole catalog instead
/// of `product_pkey`.
macro_rules! rows_of_matches {
    ($scored:literal, $pool:expr, $range:expr, $listing:expr $(, $argument:expr)*) => {{
        let read = || {
            sqlx::query_as!(
                ListedRow,
                "WITH hit AS (
                    SELECT product, weight FROM search_term WHERE term = $1
                    UNION ALL
                    SELECT product, weight FROM search_term WHERE term >= $2 AND term < $3
                ), scored AS MATERIALIZED (" + $scored + r#"), candidate AS (
                    SELECT p.summary, CASE $4 WHEN 'relevance' THEN s.score END AS score, (CASE $4
                        WHEN 'newest' THEN p.position_newest
                        WHEN 'price' THEN p.position_cheapest
                        WHEN '-price' THEN p.position_dearest
                        ELSE p.position_title
                    END) COLLATE "C" AS tie
                    FROM scored s CROSS JOIN LATERAL (
                        SELECT * FROM product WHERE product = s.product OFFSET 0
                    ) p
                    WHERE p.is_active AND ($5::text IS NULL OR p.category_handle = $5)
                ), page AS (
                    SELECT score, tie, summary FROM candidate
                    WHERE $6 = '' OR ranked_position(score, tie) COLLATE "C" > $6
                    ORDER BY score DESC, tie LIMIT $7
                )
                SELECT ranked_position(score, tie) AS "position!", summary::text AS "summary!" FROM page
                ORDER BY score DESC, tie"#,
                $range.term,
                $range.from,
                $range.until.as_deref(),
                $listing.sort.as_str(),
                $listing.category.as_ref().map(Handle::as_str),
                start_after($listing.after.as_ref()),
                row_limit($listing.limit),
                $($argument),*
            )
            .fetch_all(&$pool)
        };
        retry::repeatable(read).await
    }};
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
            // Without a search, all products are equally relevant.
            ProductSort::Title | ProductSort::Relevance => {
                rows_by!("position_title", pool, category, after, rows)
            }
        }
    }

    /// A page of the active products that match every word. Each word reads a range of `search_term_pkey`.
    pub(super) async fn search_rows(
        &self,
        query: &SearchQuery,
        listing: &ProductListing,
    ) -> Result<Vec<ListedRow>, StoreError> {
        let Some((last, others)) = query.words.split_last() else { return Ok(Vec::new()) };
        let range = TermRange::of(last);
        match others {
            // Every hit of the single word is a match.
            [] => rows_of_matches!(
                "SELECT product, max(weight)::bigint AS score FROM hit GROUP BY product",
                self.pool,
                range,
                listing
            ),
            // Two words are joined, which leaves few products; further words are looked up for each of those.
            [first, rest @ ..] => {
                let rest: Vec<_> = rest.iter().map(|word| word.term.as_str()).collect();
                rows_of_matches!(
                    "SELECT product, score + rest AS score FROM (
                        SELECT product, score, CASE WHEN cardinality($9::text[]) = 0 THEN 0 ELSE (
                            SELECT sum(t.weight) FROM unnest($9::text[]) AS r (term)
                            JOIN search_term t ON t.term = r.term AND t.product = both_words.product
                            HAVING count(*) = cardinality($9::text[])
                        ) END AS rest
                        FROM (
                            SELECT product, f.weight + max(hit.weight) AS score
                            FROM search_term f JOIN hit USING (product) WHERE f.term = $8
                            GROUP BY product, f.weight
                        ) both_words
                    ) all_words WHERE rest IS NOT NULL",
                    self.pool,
                    range,
                    listing,
                    first.term.as_str(),
                    &rest as &[&str]
                )
            }
        }
    }
}

/// The terms that match the last word of a query, in the order of COLLATE "C": UTF-8 bytes, which is code point order.
struct TermRange<'a> {
    /// This exact term, if it is not in the range.
    term: Option<&'a str>,
    /// Start of the range, if there is one.
    from: Option<&'a str>,
    /// End of the range, exclusive.
    until: Option<String>,
}

impl<'a> TermRange<'a> {
    fn of(word: &'a SearchWord) -> Self {
        let from = word.prefix.as_deref();
        let in_range = from.is_some_and(|prefix| word.term.starts_with(prefix));
        Self { term: (!in_range).then_some(word.term.as_str()), from, until: from.map(prefix_end) }
    }
}

/// The smallest text greater than every text that starts with `prefix`.
fn prefix_end(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // A range of characters skips the surrogates, which are not characters.
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return end;
        }
    }
    // Only maximal characters: only longer texts with the same prefix follow, and terms are not that long.
    prefix.to_owned() + &char::MAX.to_string().repeat(SearchQuery::MAX_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_text_of_its_length() {
        assert_eq!(prefix_end("kettl"), "kettm");
        assert_eq!(prefix_end("a\u{7f}"), "a\u{80}");
        assert_eq!(prefix_end("a\u{d7ff}"), "a\u{e000}");
        assert_eq!(prefix_end("a\u{10ffff}\u{10ffff}"), "b");
    }

    #[test]
    fn a_prefix_of_maximal_characters_still_has_an_end() {
        let prefix = "\u{10ffff}\u{10ffff}";
        assert!(prefix_end(prefix).as_str() > format!("{prefix}z").as_str());
        assert!(prefix_end(prefix).as_str() > format!("{prefix}\u{10ffff}").as_str());
    }
}
