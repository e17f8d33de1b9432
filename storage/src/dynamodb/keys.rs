//! All keys of the table, each with the access pattern that it serves. No other file builds keys.
//!
//! Limits: 2048 bytes for a partition key, 1024 for a sort key. Handles and SKUs have up to 255 characters of up to
//! four bytes, so a sort key holds at most one of them.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shopease_shop::domain::{
    CartOwner, CustomerId, EmailAddress, Handle, Order, OrderId, OutboxMessageId, ProductId, ProductSort,
    ProductStatus, Session, Sku,
};
use shopease_shop::ports::{AttemptKey, Consumer, IdempotencyKey};

use super::items::millis;

/// Name of the partition key attribute.
pub(super) const PARTITION: &str = "pk";
/// Name of the sort key attribute.
pub(super) const SORT: &str = "sk";
/// Number of partitions over which rows are spread that would otherwise share one.
pub(super) const SHARDS: u8 = 8;
/// Sort key of a product.
pub(super) const PRODUCT: &str = "PRODUCT";
/// Largest sort key in bytes.
const SORT_KEY_BYTES: usize = 1024;

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    /// Builds a key. Used outside this file only for a key that the engine returned.
    pub(super) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// The kinds of partitions, that is, the prefixes of partition keys. This is the only list of them: permissions are
/// granted and audits are read by kind.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// The contents of a partition.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All kinds.
            const ALL: &[Self] = &[$(Self::$kind),*];

            /// The first part of its keys.
            const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// Products with their summaries, further parts, and indexes.
    Product = "PRODUCT",
    /// Owners of SKUs.
    Sku = "SKU",
    /// Listings of products.
    List = "LIST",
    /// Postings of the search.
    Term = "TERM",
    /// The categories, in one partition.
    Categories = "CATEGORIES",
    /// Stock levels.
    Stock = "STOCK",
    /// Carts.
    Cart = "CART",
    /// Orders.
    Order = "ORDER",
    /// The orders of each owner.
    Owner = "OWNER",
    /// The orders of each email address.
    Contact = "CONTACT",
    /// All orders.
    Orders = "ORDERS",
    /// Open orders, which the worker may have to advance.
    Open = "OPEN",
    /// Idempotency records.
    Idempotency = "IDEMPOTENCY",
    /// Waiting messages.
    Outbox = "OUTBOX",
    /// Messages that have left the outbox.
    Delivered = "DELIVERED",
    /// Messages that a consumer has not accepted.
    Backlog = "BACKLOG",
    /// What one process does at a time.
    Lease = "LEASE",
    /// Accounts.
    Customer = "CUSTOMER",
    /// Owners of email addresses.
    Email = "EMAIL",
    /// Sessions.
    Session = "SESSION",
    /// The sessions of each customer.
    Sessions = "SESSIONS",
    /// Counters of failed attempts.
    Attempt = "ATTEMPT",
    /// Versions of the settings.
    Settings = "SETTINGS",
    /// No items: read to check that the table responds.
    Health = "HEALTH",
}

impl Kind {
    /// The partition key of this kind with the suffix `rest`.
    fn of(self, rest: impl Display) -> String {
        format!("{}#{rest}", self.name())
    }

    /// The common prefix of the partition keys of this kind, and of no other. Not for kinds with a single partition.
    pub fn prefix(self) -> String {
        self.of("")
    }

    /// The pattern of all partition keys of the same kind as this one, in IAM syntax.
    #[cfg(feature = "testing")]
    pub fn pattern(partition: &str) -> Option<String> {
        let (kind, _) = Self::parse(partition)?;
        Some(if partition == kind.name() { partition.to_owned() } else { kind.prefix() + "*" })
    }

    /// The kind of a partition key, and the rest of the key.
    pub fn parse(partition: &str) -> Option<(Self, &str)> {
        let (name, rest) = partition.split_once('#').unwrap_or((partition, ""));
        let kind = Self::ALL.iter().find(|kind| kind.name() == name)?;
        Some((*kind, rest))
    }
}

/// A product by its handle: `GetItem`, and `BatchGetItem` for several.
pub(super) fn product(handle: &Handle) -> Key {
    Key::new(Kind::Product.of(handle), PRODUCT)
}

/// A further part of a product that is too large for one item: `BatchGetItem`, named by the first item.
pub(super) fn product_part(handle: &Handle, revision: &str, part: usize) -> Key {
    Key::new(Kind::Product.of(handle), format!("PART#{revision}#{part:02}"))
}

/// Whether a key is a [`product_part`].
pub(super) fn is_product_part(key: &Key) -> bool {
    key.sk.starts_with("PART#")
}

/// The summary of an active product, for search results: `BatchGetItem`.
pub(super) fn product_summary(handle: &Handle) -> Key {
    Key::new(Kind::Product.of(handle), "SUMMARY")
}

/// The keys under which a product may be found, to determine stale ones at the next write: `GetItem`.
pub(super) fn product_index(handle: &Handle) -> Key {
    Key::new(Kind::Product.of(handle), "INDEX")
}

/// The product that owns a SKU: `BatchGetItem`; a conditional write keeps SKUs unique.
pub(super) fn sku(sku: &Sku) -> Key {
    Key::new(Kind::Sku.of(sku), "SKU")
}

/// The products of the shop or of one category in one sort order: `Query`; sort keys are positions.
pub(super) fn listing(category: Option<&Handle>, sort: ProductSort) -> String {
    let sort = sort.as_str();
    category.map_or_else(
        || Kind::List.of(format_args!("all#{sort}")),
        |handle| Kind::List.of(format_args!("category:{handle}#{sort}")),
    )
}

/// The products with a status that is not listed for shoppers, by title: `Query`; sort keys are positions.
pub(super) fn unlisted(status: ProductStatus) -> String {
    Kind::List.of(format_args!("status:{}#{}", status.as_str(), ProductSort::Title.as_str()))
}

/// A product at its position in a listing.
pub(super) fn listing_entry(listing: String, position: &str) -> Key {
    Key::new(listing, position)
}

/// The terms with the same first character: `Query` with a prefix of the sort key. One-character prefixes are allowed,
/// so a partition cannot be smaller; the engine splits a busy one by its sort keys.
pub(super) fn terms(term_or_prefix: &str) -> String {
    Kind::Term.of(term_or_prefix.chars().take(1).collect::<String>())
}

/// The prefix of the sort keys of all postings of exactly this term.
pub(super) fn exact_term(term: &str) -> String {
    format!("{term}\u{1}")
}

/// A product under a term. It uses the product's derived ID, because the handle would not fit beside the term.
pub(super) fn posting(term: &str, handle: &Handle) -> Key {
    Key::new(terms(term), format!("{}{}", exact_term(term), ProductId::derive(handle.as_str())))
}

/// The term of a posting, from its sort key.
pub(super) fn term_of_posting(sort_key: &str) -> Option<&str> {
    sort_key.rsplit_once('\u{1}').map(|(term, _)| term)
}

/// All categories, by handle: `Query`.
pub(super) fn categories() -> String {
    Kind::Categories.name().to_owned()
}

/// A category.
pub(super) fn category(handle: &Handle) -> Key {
    Key::new(categories(), handle.as_str())
}

/// The stock level of a SKU: `BatchGetItem`; conditional updates, including in the transactions of orders.
pub(super) fn stock(sku: &Sku) -> Key {
    Key::new(Kind::Stock.of(sku), "STOCK")
}

/// The cart of an owner: `GetItem`.
pub(super) fn cart(owner: &CartOwner) -> Key {
    Key::new(Kind::Cart.of(owner.key()), "CART")
}

/// An order: `GetItem`.
pub(super) fn order(id: &OrderId) -> Key {
    Key::new(Kind::Order.of(id), "ORDER")
}

/// The orders of an owner, newest first: `Query`, sort keys are positions.
pub(super) fn orders_of(owner: &CartOwner) -> String {
    Kind::Owner.of(owner.key())
}

/// An order at its position among its owner's orders.
pub(super) fn order_of(owner: &CartOwner, order: &Order) -> Key {
    Key::new(orders_of(owner), order.position())
}

/// The orders of an email address, newest first: `Query`, sort keys are positions.
pub(super) fn orders_by_email(email: &EmailAddress) -> String {
    Kind::Contact.of(email)
}

/// An order at its position among the orders of an email address.
pub(super) fn order_by_email(email: &EmailAddress, order: &Order) -> Key {
    Key::new(orders_by_email(email), order.position())
}

/// All orders, newest first: `Query` on each of [`SHARDS`] partitions, merged; a single partition would accept at most
/// 1,000 writes per second.
pub(super) fn all_orders(shard: u8) -> String {
    Kind::Orders.of(shard)
}

/// An order at its position among all orders.
pub(super) fn order_of_all(order: &Order) -> Key {
    Key::new(all_orders(shard_of(order.id.as_str())), order.position())
}

/// The record of an idempotency key: `GetItem`; conditional writes, including in the transactions of orders.
pub(super) fn idempotency(key: &IdempotencyKey) -> Key {
    Key::new(Kind::Idempotency.of(key.store_key()), "IDEMPOTENCY")
}

/// Waiting messages, oldest first: `Query` on each of [`SHARDS`] partitions, merged.
pub(super) fn outbox(shard: u8) -> String {
    Kind::Outbox.of(shard)
}

/// A waiting message.
pub(super) fn outbox_message(id: &OutboxMessageId) -> Key {
    Key::new(outbox(shard_of(id.as_str())), id.as_str())
}

/// The backlog of a consumer, oldest first: `Query`. One partition, because messages in it are few or not urgent.
pub(super) fn backlog(consumer: Consumer) -> String {
    Kind::Backlog.of(consumer)
}

/// A message in a backlog.
pub(super) fn backlog_message(consumer: Consumer, id: &OutboxMessageId) -> Key {
    Key::new(backlog(consumer), id.as_str())
}

/// The lease of the outbox: conditional writes.
pub(super) fn outbox_lease() -> Key {
    Key::new(Kind::Lease.of("outbox"), "LEASE")
}

/// A message that has left the outbox; kept for a while for audits.
pub(super) fn delivered_message(id: &OutboxMessageId) -> Key {
    Key::new(Kind::Delivered.of(shard_of(id.as_str())), id.as_str())
}

/// Open orders: `Query` on each of [`SHARDS`] partitions, by the worker.
pub(super) fn open_orders(shard: u8) -> String {
    Kind::Open.of(shard)
}

/// An open order.
pub(super) fn open_order(id: &OrderId) -> Key {
    Key::new(open_orders(shard_of(id.as_str())), id.as_str())
}

/// An account: `GetItem`.
pub(super) fn customer(id: &CustomerId) -> Key {
    Key::new(Kind::Customer.of(id), "CUSTOMER")
}

/// The account with an email address: `GetItem`; a conditional write keeps addresses unique.
pub(super) fn email(email: &EmailAddress) -> Key {
    Key::new(Kind::Email.of(email), "EMAIL")
}

/// A counter of failed attempts: `BatchGetItem`; conditional writes lose no failure.
pub(super) fn failed_attempts(key: &AttemptKey) -> Key {
    Key::new(Kind::Attempt.of(key.as_str()), "ATTEMPT")
}

/// A session by the digest of its token: `GetItem`.
pub(super) fn session(token_digest: &str) -> Key {
    Key::new(Kind::Session.of(token_digest), "SESSION")
}

/// The sessions of a customer, those that expire last first: `Query`.
pub(super) fn sessions_of(customer_id: &CustomerId) -> String {
    Kind::Sessions.of(customer_id)
}

/// A session at its place among its customer's sessions.
pub(super) fn session_of(session: &Session) -> Key {
    let expires_ms = u64::try_from(millis(session.expires_at)).unwrap_or_default();
    let place = format!("{:020}#{}", u64::MAX - expires_ms, session.token_digest);
    Key::new(sessions_of(&session.customer_id), place)
}

/// The versions of the settings, in one partition.
pub(super) fn settings_partition() -> String {
    Kind::Settings.name().to_owned()
}

/// The number of the current version: `GetItem`; conditional writes keep versions in a row.
pub(super) fn settings_current() -> Key {
    Key::new(settings_partition(), "CURRENT")
}

/// A version of the settings: `GetItem`.
pub(super) fn settings(version: u64) -> Key {
    Key::new(settings_partition(), format!("VERSION#{version:020}"))
}

/// The prefix of the sort keys of all entries of the history.
pub(super) const SETTINGS_ENTRIES: &str = "ENTRY#";

/// An entry of the history, without the settings: `Query`, newest first.
pub(super) fn settings_entry(version: u64) -> Key {
    Key::new(settings_partition(), format!("{SETTINGS_ENTRIES}{:020}", u64::MAX - version))
}

/// A key that no item has: reading it shows that the table responds.
pub(super) fn health() -> Key {
    Key::new(Kind::Health.name(), "HEALTH")
}

/// Truncates a position from a cursor to the length of a sort key, because visitors can send any cursor.
pub(super) fn cut_to_sort_key(position: &str) -> &str {
    position.get(..position.floor_char_boundary(SORT_KEY_BYTES)).unwrap_or_default()
}

fn shard_of(id: &str) -> u8 {
    Sha256::digest(id.as_bytes())[0] % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(text: &str) -> Handle {
        text.parse().expect("a handle")
    }

    fn key(pk: &str, sk: &str) -> Key {
        Key::new(pk, sk)
    }

    fn longest(c: char) -> String {
        std::iter::repeat_n(c, 255).collect()
    }

    #[test]
    fn a_product_its_parts_summary_and_index_share_a_partition() {
        let kettle = handle("kettle");
        assert_eq!(product(&kettle), key("PRODUCT#kettle", "PRODUCT"));
        assert_eq!(product_part(&kettle, "r", 3), key("PRODUCT#kettle", "PART#r#03"));
        assert_eq!(product_summary(&kettle), key("PRODUCT#kettle", "SUMMARY"));
        assert_eq!(product_index(&kettle), key("PRODUCT#kettle", "INDEX"));
    }

    #[test]
    fn a_sku_leads_to_its_product_and_its_stock() {
        let code: Sku = "KET-1".parse().expect("a SKU");
        assert_eq!(sku(&code), key("SKU#KET-1", "SKU"));
        assert_eq!(stock(&code), key("STOCK#KET-1", "STOCK"));
    }

    #[test]
    fn every_listing_has_a_partition() {
        let all = ProductSort::STORED.map(|sort| listing(None, sort));
        assert_eq!(all, ["LIST#all#newest", "LIST#all#title", "LIST#all#price", "LIST#all#-price"]);
        let kitchen = handle("kitchen");
        assert_eq!(
            listing_entry(listing(Some(&kitchen), ProductSort::Title), "p"),
            key("LIST#category:kitchen#title", "p")
        );
        assert_eq!(listing_entry(unlisted(ProductStatus::Draft), "p"), key("LIST#status:draft#title", "p"));
    }

    #[test]
    fn a_posting_is_found_by_its_term_and_by_a_prefix_of_it() {
        let posting = posting("kettle", &handle("kettle"));
        assert_eq!(posting.pk, terms("kettle"));
        assert_eq!([terms("ket"), terms("k")], [posting.pk.clone(), posting.pk.clone()]);
        assert!(posting.sk.starts_with(&exact_term("kettle")) && posting.sk.starts_with("ket"));
        assert!(!posting.sk.starts_with(&exact_term("kettl")));
        assert_eq!(term_of_posting(&posting.sk), Some("kettle"));
        assert_eq!(terms("京都"), "TERM#京");
    }

    #[test]
    fn categories_are_in_one_partition() {
        assert_eq!(category(&handle("kitchen")), key("CATEGORIES", "kitchen"));
    }

    #[test]
    fn a_cart_the_orders_of_its_owner_and_those_of_an_address_have_separate_partitions() {
        let owner = CartOwner::from_key("visitor:x".to_owned());
        assert_eq!(cart(&owner), key("CART#visitor:x", "CART"));
        assert_eq!(orders_of(&owner), "OWNER#visitor:x");
        assert_eq!(orders_by_email(&"a@b.example".parse().expect("an address")), "CONTACT#a@b.example");
    }

    #[test]
    fn an_order_an_account_and_a_session_are_found_by_id_address_and_digest() {
        let (order_id, customer_id) = (OrderId::derive("x"), CustomerId::derive("x"));
        assert_eq!(order(&order_id), key(&format!("ORDER#{order_id}"), "ORDER"));
        assert_eq!(customer(&customer_id), key(&format!("CUSTOMER#{customer_id}"), "CUSTOMER"));
        assert_eq!(email(&"a@b.example".parse().expect("an address")), key("EMAIL#a@b.example", "EMAIL"));
        assert_eq!(session("abc"), key("SESSION#abc", "SESSION"));
    }

    #[test]
    fn an_idempotency_key_has_a_partition() {
        let owner = CartOwner::from_key("visitor:x".to_owned());
        let claimed = IdempotencyKey::new(owner, "checkout", "k|1").expect("a key");
        assert_eq!(idempotency(&claimed), key("IDEMPOTENCY#visitor:x|checkout|k|1", "IDEMPOTENCY"));
    }

    #[test]
    fn messages_use_every_shard_and_each_always_the_same_one() {
        let ids: Vec<_> = (0..200).map(|number| OutboxMessageId::derive(&format!("m{number}"))).collect();
        let used: std::collections::BTreeSet<_> = ids.iter().map(|id| outbox_message(id).pk).collect();
        assert_eq!(used, (0..SHARDS).map(outbox).collect());
        assert_eq!(outbox_message(&ids[0]), outbox_message(&ids[0]));
        assert_eq!(all_orders(7), "ORDERS#7");
        assert_eq!(backlog_message(Consumer::ShopperMail, &ids[0]), key("BACKLOG#shopper-mail", ids[0].as_str()));
    }

    #[test]
    fn the_newest_settings_come_first_in_the_history() {
        assert_eq!(settings(12), key("SETTINGS", "VERSION#00000000000000000012"));
        assert!(settings_entry(10).sk < settings_entry(9).sk && settings_entry(9).sk.starts_with(SETTINGS_ENTRIES));
        assert_eq!(settings_current(), key("SETTINGS", "CURRENT"));
    }

    #[test]
    fn a_kind_is_parsed_from_the_first_part_of_a_partition_key() {
        let parsed = ["ORDER#ord_1", "ORDERS#7", "IDEMPOTENCY#a|b|c#d", "CATEGORIES"].map(Kind::parse);
        let expected =
            [(Kind::Order, "ord_1"), (Kind::Orders, "7"), (Kind::Idempotency, "a|b|c#d"), (Kind::Categories, "")];
        assert_eq!(parsed, expected.map(Some));
        assert_eq!(Kind::parse("PARCEL#1"), None);
        assert!(!"ORDERS#7".starts_with(&Kind::Order.prefix()));
    }

    #[test]
    fn every_kind_is_documented() {
        let document = include_str!("../../../docs/dynamodb-keys.md");
        let forms = |kind: &&Kind| [format!("`{}#", kind.name()), format!("`{}`", kind.name())];
        let missing: Vec<_> =
            Kind::ALL.iter().filter(|kind| !forms(kind).iter().any(|key| document.contains(key))).collect();
        assert!(missing.is_empty(), "docs/dynamodb-keys.md lacks {missing:?}");
    }

    #[test]
    fn the_longest_names_fit_the_engines_limits() {
        let long = handle(&longest('\u{10348}'));
        let term: String = std::iter::repeat_n('\u{10348}', 40).collect();
        let code: Sku = longest('\u{10348}').parse().expect("a SKU");
        for key in [product(&long), posting(&term, &long), category(&long), stock(&code), sku(&code)] {
            assert!(key.pk.len() <= 2048 && key.sk.len() <= SORT_KEY_BYTES, "{key:?}");
        }
        assert!(listing(Some(&long), ProductSort::PriceDescending).len() <= 2048);
    }

    #[test]
    fn a_cursor_longer_than_a_sort_key_is_truncated_between_characters() {
        assert_eq!(cut_to_sort_key("abc"), "abc");
        assert_eq!(cut_to_sort_key(&longest('\u{10348}').repeat(2)).len(), 1024);
        assert_eq!(cut_to_sort_key(&format!("a{}", longest('\u{10348}').repeat(2))).len(), 1021);
    }
}
