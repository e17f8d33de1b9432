//! Arguments of the database functions: one struct per function, whose fields are the keys of its `jsonb` argument.
//!
//! The previous release's functions are called while this release runs, and vice versa; the rule for changes is at the
//! top of `migrations/0001_shop.sql`. Documents are JSON texts that the functions cast, because `jsonb` would reorder
//! their keys.

use serde::Serialize;
use shopease_shop::domain::{
    Cart, Order, OrderId, Product, ProductSort, ProductStatus, Reservation, SearchTerms, StockEffect, StockLevel,
};
use shopease_shop::ports::{Claim, KeyAnswer, OrderAdvance, OutboxMessage, Placement};
use time::OffsetDateTime;
use time::serde::rfc3339;

/// Argument of `upsert_product`.
#[derive(Debug, Serialize)]
pub(super) struct UpsertProduct<'a> {
    handle: &'a str,
    /// The version that the product must have, if any; 0 if it must not exist.
    seen: Option<u64>,
    is_active: bool,
    category_handle: Option<&'a str>,
    category_title: Option<&'a str>,
    position_newest: String,
    position_title: String,
    position_cheapest: String,
    position_dearest: String,
    skus: Vec<&'a str>,
    terms: Vec<&'a str>,
    /// One per term.
    weights: Vec<u8>,
    summary: &'a str,
    document: &'a str,
}

impl<'a> UpsertProduct<'a> {
    pub(super) fn new(
        product: &'a Product,
        seen: Option<u64>,
        terms: &'a SearchTerms,
        summary: &'a str,
        document: &'a str,
    ) -> Self {
        let category = product.category.as_ref();
        Self {
            handle: product.handle.as_str(),
            seen,
            is_active: product.status == ProductStatus::Active,
            category_handle: category.map(|category| category.handle.as_str()),
            category_title: category.map(|category| category.title.as_str()),
            position_newest: ProductSort::Newest.position(product, 0),
            position_title: ProductSort::Title.position(product, 0),
            position_cheapest: ProductSort::PriceAscending.position(product, 0),
            position_dearest: ProductSort::PriceDescending.position(product, 0),
            skus: product.variants.iter().map(|variant| variant.sku.as_str()).collect(),
            terms: terms.0.keys().map(String::as_str).collect(),
            weights: terms.0.values().copied().collect(),
            summary,
            document,
        }
    }
}

/// Argument of `delete_product`.
#[derive(Debug, Serialize)]
pub(super) struct DeleteProduct<'a> {
    pub(super) handle: &'a str,
    pub(super) seen: u64,
}

/// Argument of `claim_idempotency_key`.
#[derive(Debug, Serialize)]
pub(super) struct ClaimKey<'a> {
    key: String,
    request_hash: &'a str,
    #[serde(with = "rfc3339")]
    lease_until: OffsetDateTime,
    order_id: Option<&'a str>,
    #[serde(with = "rfc3339")]
    expires_at: OffsetDateTime,
    #[serde(with = "rfc3339")]
    now: OffsetDateTime,
}

impl<'a> ClaimKey<'a> {
    pub(super) fn new(claim: &'a Claim, now: OffsetDateTime) -> Self {
        Self {
            key: claim.key.store_key(),
            request_hash: &claim.record.request_hash,
            lease_until: claim.record.lease_until,
            order_id: claim.record.order_id.as_ref().map(OrderId::as_str),
            expires_at: claim.expires_at,
            now,
        }
    }
}

/// The outcome to store under a key, in the arguments of several functions.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    key: String,
    outcome: &'a str,
}

impl<'a> From<&'a KeyAnswer> for Answer<'a> {
    fn from(answer: &'a KeyAnswer) -> Self {
        Self { key: answer.key.store_key(), outcome: &answer.outcome }
    }
}

/// Argument of `save_cart`.
#[derive(Debug, Serialize)]
pub(super) struct SaveCart<'a> {
    owner: &'a str,
    id: &'a str,
    version: u64,
    lines: &'a str,
    #[serde(with = "rfc3339")]
    updated_at: OffsetDateTime,
    #[serde(with = "rfc3339")]
    expires_at: OffsetDateTime,
    answer: Option<Answer<'a>>,
}

impl<'a> SaveCart<'a> {
    pub(super) fn new(
        cart: &'a Cart,
        lines: &'a str,
        expires_at: OffsetDateTime,
        answer: Option<&'a KeyAnswer>,
    ) -> Self {
        Self {
            owner: cart.owner.key(),
            id: cart.id.as_str(),
            version: cart.version,
            lines,
            updated_at: cart.updated_at,
            expires_at,
            answer: answer.map(Answer::from),
        }
    }
}

/// Argument of `merge_carts`.
#[derive(Debug, Serialize)]
pub(super) struct MergeCarts<'a> {
    source: SourceCart<'a>,
    merged: SaveCart<'a>,
}

#[derive(Debug, Serialize)]
struct SourceCart<'a> {
    owner: &'a str,
    version: u64,
}

impl<'a> MergeCarts<'a> {
    pub(super) fn new(source: &'a Cart, merged: SaveCart<'a>) -> Self {
        Self { source: SourceCart { owner: source.owner.key(), version: source.version }, merged }
    }
}

/// Argument of `place_order`.
#[derive(Debug, Serialize)]
pub(super) struct PlaceOrder<'a> {
    claim: ClaimKey<'a>,
    order: OrderRow<'a>,
    cart_version: u64,
    messages: Vec<Message<'a>>,
}

impl<'a> PlaceOrder<'a> {
    pub(super) fn new(placement: &'a Placement, summary: &'a str, document: &'a str) -> Self {
        Self {
            claim: ClaimKey::new(&placement.claim, placement.order.placed_at),
            order: OrderRow::new(&placement.order, summary, document),
            cart_version: placement.cart_version,
            messages: placement.outbox.iter().map(Message::from).collect(),
        }
    }
}

/// Argument of `advance_order`.
#[derive(Debug, Serialize)]
pub(super) struct AdvanceOrder<'a> {
    order: OrderRow<'a>,
    stock_effect: &'static str,
    answer: Option<Answer<'a>>,
    messages: Vec<Message<'a>>,
}

impl<'a> AdvanceOrder<'a> {
    pub(super) fn new(advance: &'a OrderAdvance, summary: &'a str, document: &'a str) -> Self {
        Self {
            order: OrderRow::new(&advance.order, summary, document),
            stock_effect: match advance.stock {
                StockEffect::Keep => "keep",
                StockEffect::Commit => "commit",
                StockEffect::Release => "release",
                StockEffect::Restock => "restock",
            },
            answer: advance.outcome.as_ref().map(Answer::from),
            messages: advance.outbox.iter().map(Message::from).collect(),
        }
    }
}

/// An order; `advance_order` reads only the fields that can change.
#[derive(Debug, Serialize)]
struct OrderRow<'a> {
    id: &'a str,
    owner: &'a str,
    position: String,
    version: u64,
    #[serde(with = "rfc3339")]
    placed_at: OffsetDateTime,
    #[serde(with = "rfc3339::option")]
    due_at: Option<OffsetDateTime>,
    reservations: Vec<Reserved<'a>>,
    summary: &'a str,
    document: &'a str,
}

impl<'a> OrderRow<'a> {
    fn new(order: &'a Order, summary: &'a str, document: &'a str) -> Self {
        Self {
            id: order.id.as_str(),
            owner: order.owner.key(),
            position: order.position(),
            version: order.version,
            placed_at: order.placed_at,
            due_at: order.due_at,
            reservations: order.reservations.iter().map(Reserved::from).collect(),
            summary,
            document,
        }
    }
}

#[derive(Debug, Serialize)]
struct Reserved<'a> {
    sku: &'a str,
    quantity: u32,
}

impl<'a> From<&'a Reservation> for Reserved<'a> {
    fn from(reservation: &'a Reservation) -> Self {
        Self { sku: reservation.sku.as_str(), quantity: reservation.quantity.get() }
    }
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    id: &'a str,
    topic: &'a str,
    subject: &'a str,
    #[serde(with = "rfc3339")]
    occurred_at: OffsetDateTime,
}

impl<'a> From<&'a OutboxMessage> for Message<'a> {
    fn from(message: &'a OutboxMessage) -> Self {
        Self {
            id: message.id.as_str(),
            topic: &message.topic,
            subject: &message.subject,
            occurred_at: message.occurred_at,
        }
    }
}

/// Argument of `replace_stock_level`.
#[derive(Debug, Serialize)]
pub(super) struct ReplaceStockLevel<'a> {
    answer: Answer<'a>,
    seen: Option<Level<'a>>,
    next: Level<'a>,
}

impl<'a> ReplaceStockLevel<'a> {
    pub(super) fn new(seen: Option<&'a StockLevel>, next: &'a StockLevel, answer: &'a KeyAnswer) -> Self {
        Self { answer: answer.into(), seen: seen.map(Level::from), next: next.into() }
    }
}

#[derive(Debug, Serialize)]
struct Level<'a> {
    sku: &'a str,
    available: u32,
    reserved: u32,
    sold: u32,
    received: u32,
}

impl<'a> From<&'a StockLevel> for Level<'a> {
    fn from(level: &'a StockLevel) -> Self {
        Self {
            sku: level.sku.as_str(),
            available: level.available,
            reserved: level.reserved,
            sold: level.sold,
            received: level.received,
        }
    }
}
