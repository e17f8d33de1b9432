//! Carts: one item per owner. Lines are one text; version and expiry are attributes, because conditions need them.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use shopease_shop::domain::{Cart, CartOwner};
use shopease_shop::ports::{CartStore, KeyAnswer, StoreError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::actions::Action;
use super::items::{
    EXPIRES_MS, Item, NewItem, bad, decode_text, find_text, is_live, millis, number, parse_text, read_number,
    read_text, text,
};
use super::writes::WriteError;
use super::{DynamoDbStore, idempotency, keys};
use crate::documents;

/// Identifies the last writer of a cart: a caller whose first response was lost must recognize its own write.
const SAVED_BY: &str = "saved_by";

/// A cart item.
struct CartRow(Item);

impl TryFrom<CartRow> for Cart {
    type Error = StoreError;

    fn try_from(CartRow(item): CartRow) -> Result<Self, StoreError> {
        let updated_at = OffsetDateTime::parse(read_text(&item, "updated_at")?, &Rfc3339);
        Ok(Self {
            id: parse_text(&item, "cart_id")?,
            owner: CartOwner::from_key(read_text(&item, "cart_owner")?.to_owned()),
            lines: decode_text(&item, "cart_lines")?,
            version: read_number(&item, "version")?,
            updated_at: updated_at.map_err(|_| bad(&item, "updated_at"))?,
        })
    }
}

impl CartRow {
    fn new(cart: &Cart, expires_at: OffsetDateTime, saved_by: &str) -> Result<Self, StoreError> {
        let item = NewItem::new(&keys::cart(&cart.owner))
            .text("cart_id", cart.id.as_str())
            .text("cart_owner", cart.owner.key())
            .text("cart_lines", documents::encode(&cart.lines)?)
            .number("version", cart.version)
            .text("updated_at", timestamp(cart.updated_at)?)
            .text(SAVED_BY, saved_by)
            .expires(expires_at);
        Ok(Self(item.build()))
    }
}

/// Writes a cart in place of the previous version. An expired cart counts as absent, even if its item still exists.
fn save(cart: &Cart, expires_at: OffsetDateTime, me: &str) -> Result<Action, StoreError> {
    let put = Action::put(CartRow::new(cart, expires_at, me)?.0).value(":now", number(millis(cart.updated_at)));
    Ok(if cart.version <= 1 {
        put.only_if(format!("attribute_not_exists(pk) OR {EXPIRES_MS} <= :now"))
    } else {
        put.only_if(format!("version = :seen AND {EXPIRES_MS} > :now")).value(":seen", number(cart.version - 1))
    })
}

/// Empties a cart of this version and increments its version.
pub(super) fn empty(owner: &CartOwner, version: u64, now: OffsetDateTime) -> Result<Action, StoreError> {
    let change = "SET cart_lines = :none, version = version + :one, updated_at = :at";
    Ok(Action::update(&keys::cart(owner), change)
        .only_if(format!("version = :seen AND {EXPIRES_MS} > :now"))
        .value(":none", text("[]"))
        .value(":one", number(1))
        .value(":at", AttributeValue::S(timestamp(now)?))
        .value(":seen", number(version))
        .value(":now", number(millis(now))))
}

fn timestamp(at: OffsetDateTime) -> Result<String, StoreError> {
    at.format(&Rfc3339).map_err(StoreError::corrupt)
}

#[async_trait]
impl CartStore for DynamoDbStore {
    async fn find_cart(&self, owner: &CartOwner, now: OffsetDateTime) -> Result<Option<Cart>, StoreError> {
        let Some(item) = self.get(&keys::cart(owner)).await? else { return Ok(None) };
        if is_live(&item, now)? { CartRow(item).try_into().map(Some) } else { Ok(None) }
    }

    async fn save_cart(&self, cart: &Cart, expires_at: OffsetDateTime) -> Result<(), StoreError> {
        let me = self.ids.ulid().to_string();
        match self.write(save(cart, expires_at, &me)?).await {
            Err(WriteError::Conditions(found))
                if found.values().flatten().any(|item| find_text(item, SAVED_BY) == Some(&me)) =>
            {
                Ok(())
            }
            done => done.map_err(|error| error.or(StoreError::Conflict)),
        }
    }

    async fn save_cart_under_key(
        &self,
        cart: &Cart,
        expires_at: OffsetDateTime,
        answer: &KeyAnswer,
    ) -> Result<(), StoreError> {
        let me = self.ids.ulid().to_string();
        let actions = vec![idempotency::set_outcome(answer), save(cart, expires_at, &me)?];
        self.transact(actions).await.map_err(|error| error.or(StoreError::Conflict))
    }

    async fn merge_carts(&self, source: &Cart, merged: &Cart, expires_at: OffsetDateTime) -> Result<(), StoreError> {
        let removed = Action::delete(&keys::cart(&source.owner))
            .only_if(format!("version = :seen AND {EXPIRES_MS} > :now"))
            .value(":seen", number(source.version))
            .value(":now", number(millis(merged.updated_at)));
        let actions = vec![save(merged, expires_at, &self.ids.ulid().to_string())?, removed];
        self.transact(actions).await.map_err(|error| error.or(StoreError::Conflict))
    }
}
