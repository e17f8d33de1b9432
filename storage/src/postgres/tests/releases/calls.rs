//! Calls of the database functions, and their effects. That a statement prepares does not verify the keys in its
//! argument or the function's effect.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shopease_shop::domain::{Order, Product, StockEffect, StockLevel};
use shopease_shop::ports::{Claim, KeyAnswer, OutboxMessage};
use shopease_shop::testing::fixtures::{self, cart, checkout_key, claim, message, placement, sku, visitor};
use sqlx::{AssertSqlSafe, PgConnection};

use super::super::super::arguments::{
    AdvanceOrder, ClaimKey, DeleteProduct, MergeCarts, PlaceOrder, ReplaceStockLevel, SaveCart, UpsertProduct,
};
use super::super::super::to_json;
use super::super::{LATER, NOW};

/// A call of a function.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub function: String,
    pub argument: Value,
    /// Its rows, or its SQLSTATE and detail.
    pub returns: Value,
}

impl Call {
    fn new(function: &str, argument: &impl Serialize) -> Self {
        let argument = serde_json::to_value(argument).expect("JSON");
        Self { function: function.to_owned(), argument, returns: Value::Null }
    }

    /// The same call, not made yet.
    pub(super) fn again(&self) -> Self {
        Self::new(&self.function, &self.argument)
    }
}

/// Calls in order, and the rows that exist afterwards, by table.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Recording {
    pub calls: Vec<Call>,
    pub rows: BTreeMap<String, Value>,
}

/// Whether everything from `then` is in `now`. New columns and keys are allowed; the order of rows and lists does not
/// matter.
pub(super) fn keeps(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().all(|(key, then)| now.get(key).is_some_and(|now| keeps(now, then)))
        }
        (Value::Array(now), Value::Array(then)) => {
            now.len() == then.len() && then.iter().all(|then| now.iter().any(|now| keeps(now, then)))
        }
        (now, then) => now == then,
    }
}

/// Makes the calls on a schema without rows.
pub(super) async fn play(mut calls: Vec<Call>, connection: &mut PgConnection) -> Recording {
    for call in &mut calls {
        let statement = AssertSqlSafe(format!("SELECT to_jsonb(r) FROM {}($1) r", call.function));
        let rows = sqlx::query_scalar::<_, Value>(statement).bind(&call.argument).fetch_all(&mut *connection).await;
        call.returns = match rows {
            Ok(rows) => Value::Array(rows),
            Err(sqlx::Error::Database(error)) => {
                let detail = error.downcast_ref::<sqlx::postgres::PgDatabaseError>().detail();
                json!({ "code": error.code(), "detail": detail })
            }
            Err(error) => panic!("{}: {error}", call.function),
        };
    }
    let tables = "SELECT tablename::text FROM pg_tables
        WHERE schemaname = current_schema() AND tablename <> '_sqlx_migrations'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *connection).await.expect("tables");
    let mut rows = BTreeMap::new();
    for table in tables {
        let read = AssertSqlSafe(format!("SELECT to_jsonb(r) FROM {table} r"));
        let read = sqlx::query_scalar::<_, Value>(read).fetch_all(&mut *connection).await.expect("rows");
        rows.insert(table, Value::Array(read));
    }
    Recording { calls, rows }
}

/// Each function as the store calls it, with arguments that it accepts and arguments that it rejects.
pub(super) fn of_this_release() -> Vec<Call> {
    [catalog(), stock(), carts(), orders()].into_iter().flatten().collect()
}

fn upsert(product: &Product) -> Call {
    let (summary, document) = (to_json(&product.summary()).expect("JSON"), to_json(product).expect("JSON"));
    let terms = fixtures::index(product);
    Call::new("upsert_product", &UpsertProduct::new(product, None, &terms, &summary, &document))
}

fn catalog() -> Vec<Call> {
    let kettle = fixtures::product("kettle").variants(&[("K-1", 1990), ("K-2", 2490)]);
    let new = kettle.clone().title("A red kettle").category("kitchen").build();
    let changed = kettle.title("A blue kettle").variants(&[("K-2", 2490), ("K-3", 2990)]).build();
    let thief = fixtures::product("thief").variants(&[("K-2", 1)]).build();
    let gone = fixtures::product("gone").build();
    // The fourth call takes the version 4, although the third one failed.
    let delete = |seen| Call::new("delete_product", &DeleteProduct { handle: "gone", seen });
    let writes = vec![upsert(&new), upsert(&changed), upsert(&thief), upsert(&gone)];
    writes.into_iter().chain([1, 4, 4].map(delete)).collect()
}

fn taken(claim: &Claim) -> Call {
    Call::new("claim_idempotency_key", &ClaimKey::new(claim, NOW))
}

fn answer(name: &str) -> (Call, KeyAnswer) {
    let key = checkout_key(&visitor("ada"), name);
    (taken(&claim(key.clone(), "request", NOW)), KeyAnswer { key, outcome: format!(r#"{{"of":"{name}"}}"#) })
}

fn stock() -> Vec<Call> {
    let first = StockLevel { sku: sku("K-2"), available: 5, reserved: 0, sold: 0, received: 5 };
    let second = StockLevel { available: 9, received: 9, ..first.clone() };
    let other = StockLevel { sku: sku("K-3"), ..first.clone() };
    let replaced = |seen: Option<&StockLevel>, next: &StockLevel, name: &str| {
        let (claim, answer) = answer(name);
        [claim, Call::new("replace_stock_level", &ReplaceStockLevel::new(seen, next, &answer))]
    };
    let calls = [
        replaced(None, &first, "first-level"),
        replaced(Some(&first), &second, "next-level"),
        replaced(None, &other, "other-level"),
        // Stale, and under a key that already has an outcome.
        replaced(Some(&first), &second, "stale-level"),
        replaced(Some(&second), &first, "first-level"),
    ];
    calls.into_iter().flatten().collect()
}

fn carts() -> Vec<Call> {
    let save = |cart: &shopease_shop::domain::Cart, answer: Option<&KeyAnswer>| {
        let lines = to_json(&cart.lines).expect("JSON");
        Call::new("save_cart", &SaveCart::new(cart, &lines, LATER, answer))
    };
    let (ada, bob) = (cart(&visitor("ada"), &[("K-2", 1)]), cart(&visitor("bob"), &[("K-3", 2)]));
    let mut next = ada.clone();
    next.version = 2;
    let (claim, answer) = answer("cart");
    let mut merged = ada.clone();
    merged.version = 3;
    merged.lines.extend(bob.lines.clone());
    let lines = to_json(&merged.lines).expect("JSON");
    let merge = Call::new("merge_carts", &MergeCarts::new(&bob, SaveCart::new(&merged, &lines, LATER, None)));
    let again = merge.again();
    vec![save(&ada, None), save(&bob, None), claim, save(&next, Some(&answer)), save(&ada, None), merge, again]
}

fn orders() -> Vec<Call> {
    let owner = visitor("ada");
    let place = |order: &Order, cart_version: u64| {
        let (summary, document) = (to_json(&order.summary()).expect("JSON"), to_json(order).expect("JSON"));
        Call::new("place_order", &PlaceOrder::new(&placement(order, cart_version), &summary, &document))
    };
    let advance = |order: &Order, effect: StockEffect, answer: Option<KeyAnswer>, further: &[OutboxMessage]| {
        let mut step = fixtures::advance(order, effect);
        step.outcome = answer;
        step.outbox.extend_from_slice(further);
        let (summary, document) = (to_json(&step.order.summary()).expect("JSON"), to_json(&step.order).expect("JSON"));
        (Call::new("advance_order", &AdvanceOrder::new(&step, &summary, &document)), step.order)
    };
    let order = fixtures::order(&owner, "first", &[("K-2", 2), ("K-3", 1)]);
    let too_much = fixtures::order(&owner, "too much", &[("K-2", 100)]);
    let off = fixtures::order(&owner, "off", &[("K-3", 2)]);
    let key = placement(&order, 3).claim.key;
    let answer = KeyAnswer { key, outcome: r#"{"paid":true}"#.to_owned() };
    let (keep, kept) = advance(&order, StockEffect::Keep, None, &[]);
    let (commit, sold) = advance(&kept, StockEffect::Commit, Some(answer), &[message(&order, "order.seen", NOW)]);
    let (restock, _) = advance(&sold, StockEffect::Restock, None, &[]);
    let (release, _) = advance(&off, StockEffect::Release, None, &[]);
    let (again, stale) = (place(&order, 3), place(&too_much, 3));
    let too_late = commit.again();
    vec![place(&order, 3), again, stale, place(&too_much, 4), place(&off, 4), keep, commit, too_late, release, restock]
}
