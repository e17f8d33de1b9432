//! One write to one item, with its condition.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use shopease_shop::ports::StoreError;

use super::error::unbuildable;
use super::items::{Item, key_item};
use super::keys::Key;

/// What is done to the item.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Replaces the item.
    Put(Item),
    /// Changes attributes of the item.
    Update(Item, String),
    /// Deletes the item.
    Delete(Item),
}

/// One write, alone or as part of a transaction.
#[derive(Debug, Clone)]
pub(super) struct Action {
    pub change: Change,
    pub condition: Option<String>,
    pub values: Option<HashMap<String, AttributeValue>>,
}

impl Action {
    /// Replaces an item.
    pub fn put(item: Item) -> Self {
        Self { change: Change::Put(item), condition: None, values: None }
    }

    /// Changes attributes of an item.
    pub fn update(key: &Key, expression: impl Into<String>) -> Self {
        Self { change: Change::Update(key_item(key), expression.into()), condition: None, values: None }
    }

    /// Deletes an item.
    pub fn delete(key: &Key) -> Self {
        Self { change: Change::Delete(key_item(key)), condition: None, values: None }
    }

    /// Requires that the current item satisfies the condition.
    pub fn only_if(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// Requires that the item does not exist.
    pub fn only_if_absent(self) -> Self {
        self.only_if("attribute_not_exists(pk)")
    }

    /// Sets the value of a placeholder in the expressions.
    pub fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.get_or_insert_default().insert(name.to_owned(), value);
        self
    }

    /// Converts the action to a part of a transaction that returns the item that fails a condition.
    pub fn in_transaction(self, table: &str) -> Result<TransactWriteItem, StoreError> {
        let returned = ReturnValuesOnConditionCheckFailure::AllOld;
        let action = TransactWriteItem::builder();
        let action = match self.change {
            Change::Put(item) => action.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(item))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_values(self.values)
                    .return_values_on_condition_check_failure(returned)
                    .build()
                    .map_err(unbuildable)?,
            ),
            Change::Update(key, expression) => action.update(
                Update::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .update_expression(expression)
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_values(self.values)
                    .return_values_on_condition_check_failure(returned)
                    .build()
                    .map_err(unbuildable)?,
            ),
            Change::Delete(key) => action.delete(
                Delete::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_values(self.values)
                    .return_values_on_condition_check_failure(returned)
                    .build()
                    .map_err(unbuildable)?,
            ),
        };
        Ok(action.build())
    }
}
