//! A product listing as a page requests it: search words, category, sort order, position.

use serde::Deserialize;

use super::layout::{PageError, encode, position};
use crate::http::cursor;
use shopease_shop::domain::{Handle, Page, PageLimit, ProductSort};
use shopease_shop::services::ListProducts;

/// The query parameters of a listing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListingQuery {
    q: String,
    sort: String,
    cursor: Option<String>,
}

impl ListingQuery {
    /// Removes the search words, for listings without search.
    pub fn without_words(self) -> Self {
        Self { q: String::new(), ..self }
    }
}

/// A listing: its path and its parameters.
pub struct Listing {
    /// Its path.
    pub path: String,
    /// Search words, if any.
    pub q: Option<String>,
    /// Only this category.
    pub category: Option<Handle>,
    /// Sort order.
    pub sort: ProductSort,
    /// Whether this is not the first page.
    pub continued: bool,
    cursor: Option<String>,
}

impl Listing {
    /// The listing at `path`. An invalid sort order is replaced by the default.
    pub fn new(path: String, category: Option<Handle>, query: ListingQuery) -> Self {
        let q = Some(query.q.trim().to_owned()).filter(|q| !q.is_empty());
        let default = if q.is_some() { ProductSort::Relevance } else { ProductSort::Newest };
        let sort = query.sort.parse().ok().filter(|sort| q.is_some() || *sort != ProductSort::Relevance);
        let continued = query.cursor.is_some();
        Self { path, q, category, sort: sort.unwrap_or(default), continued, cursor: query.cursor }
    }

    /// The command that lists it.
    pub fn command(&self, limit: PageLimit) -> Result<ListProducts, PageError> {
        let identity = self.identity();
        Ok(ListProducts {
            q: self.q.clone(),
            category: self.category.clone(),
            sort: Some(self.sort),
            after: position(&identity, self.cursor.as_deref())?,
            limit,
        })
    }

    /// The sort orders to choose from.
    pub fn sorts(&self) -> impl Iterator<Item = ProductSort> {
        self.q.as_ref().map(|_| ProductSort::Relevance).into_iter().chain(ProductSort::STORED)
    }

    /// URL of the first page.
    pub fn first_url(&self) -> String {
        let q = self.q.as_ref().map(|q| format!("q={}&", encode(q))).unwrap_or_default();
        format!("{}?{q}sort={}", self.path, self.sort.as_str())
    }

    /// URL of the page after `page`.
    pub fn next_url<T>(&self, page: &Page<T>) -> Option<String> {
        let position = page.next.as_ref()?;
        Some(format!("{}&cursor={}", self.first_url(), cursor::encode(&self.identity(), position)))
    }

    /// Identifies the listing without its position, so that a cursor is valid only for the same listing.
    fn identity(&self) -> String {
        format!("pages|{}|{:?}|{}", self.path, self.q, self.sort.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(q: &str, sort: &str, cursor: Option<String>) -> Listing {
        Listing::new("/search".to_owned(), None, ListingQuery { q: q.to_owned(), sort: sort.to_owned(), cursor })
    }

    #[test]
    fn the_next_url_continues_only_the_same_listing() {
        let page = Page { items: vec![()], next: Some("abc".to_owned()) };
        let url = listing("a&b", "price", None).next_url(&page).expect("a next page");
        let (first, cursor) = url.split_once("&cursor=").expect("a cursor");
        assert_eq!(first, "/search?q=a%26b&sort=price");
        let next = listing("a&b", "price", Some(cursor.to_owned()));
        assert_eq!(next.command(PageLimit::DEFAULT).expect("the same listing").after.as_deref(), Some("abc"));
        let other = listing("a&b", "title", Some(cursor.to_owned()));
        assert!(other.command(PageLimit::DEFAULT).is_err());
    }

    #[test]
    fn invalid_sort_orders_become_the_default() {
        assert_eq!(listing("", "relevance", None).sort, ProductSort::Newest);
        assert_eq!(listing(" x ", "nonsense", None).sort, ProductSort::Relevance);
        assert_eq!(listing("x", "-price", None).sort, ProductSort::PriceDescending);
    }
}
