//! Executes writes: one, several as a transaction, many without one.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    CancellationReason, DeleteRequest, PutRequest, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    WriteRequest,
};
use shopease_shop::ports::StoreError;

use super::actions::{Action, Change};
use super::error::{is_load, store_error, unbuildable};
use super::items::Item;
use super::retry::{CLASHES, throttled_is_transient};
use super::{BulkWrites, DynamoDbStore};

/// Most actions of one transaction.
pub(super) const MAX_ACTIONS: usize = 100;
/// Most writes of one batch.
const MAX_BATCH: usize = 25;

/// Why writes were not executed. Nothing was changed, unless the store is unavailable.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The conditions of these actions, by index, failed; with the existing item, if there is one.
    #[error("a condition failed")]
    Conditions(BTreeMap<usize, Option<Item>>),
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

impl WriteError {
    /// Converts to a store error; a failed condition of any action becomes `meaning`.
    pub fn or(self, meaning: StoreError) -> StoreError {
        match self {
            Self::Conditions(_) => meaning,
            Self::Failed(error) => error,
        }
    }

    /// Converts to a store error for writes without conditions.
    pub fn unconditional(self) -> StoreError {
        self.or(StoreError::corrupt("an unconditional write failed a condition"))
    }
}

impl DynamoDbStore {
    /// Executes one write. A conflict with a transaction on the same item is retried.
    pub(super) async fn write(&self, action: Action) -> Result<(), WriteError> {
        let write = async || self.write_once(action.clone()).await.map(drop).map_err(throttled_is_transient);
        CLASHES.run(&*self.ids, write).await
    }

    /// Returns the item after an update.
    async fn write_once(&self, action: Action) -> Result<Option<Item>, WriteError> {
        let (table, returned) = (&self.table, ReturnValuesOnConditionCheckFailure::AllOld);
        let Action { change, condition, values } = action;
        match change {
            Change::Put(item) => self
                .client
                .put_item()
                .table_name(table)
                .set_item(Some(item))
                .set_condition_expression(condition)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(returned)
                .send()
                .await
                .map(|_| None)
                .map_err(|error| {
                    write_error(error, |error| match error {
                        PutItemError::ConditionalCheckFailedException(failed) => failed.item,
                        _ => None,
                    })
                }),
            Change::Update(key, expression) => self
                .client
                .update_item()
                .table_name(table)
                .set_key(Some(key))
                .update_expression(expression)
                .set_condition_expression(condition)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(returned)
                .return_values(ReturnValue::AllNew)
                .send()
                .await
                .map(|output| output.attributes)
                .map_err(|error| {
                    write_error(error, |error| match error {
                        UpdateItemError::ConditionalCheckFailedException(failed) => failed.item,
                        _ => None,
                    })
                }),
            Change::Delete(key) => self
                .client
                .delete_item()
                .table_name(table)
                .set_key(Some(key))
                .set_condition_expression(condition)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(returned)
                .send()
                .await
                .map(|_| None)
                .map_err(|error| {
                    write_error(error, |error| match error {
                        DeleteItemError::ConditionalCheckFailedException(failed) => failed.item,
                        _ => None,
                    })
                }),
        }
    }

    /// Executes at most [`MAX_ACTIONS`] writes to different items, all or nothing.
    ///
    /// The engine rejects a transaction that conflicts with another instead of queueing it, so conflicts are retried.
    /// All attempts use one request token: if a response was lost, the next attempt gets it. If the condition of the
    /// first action fails, that decides at once, despite conflicts on other items.
    pub(super) async fn transact(&self, actions: Vec<Action>) -> Result<(), WriteError> {
        let actions: Result<Vec<TransactWriteItem>, _> =
            actions.into_iter().map(|action| action.in_transaction(&self.table)).collect();
        let actions = actions?;
        let token = self.ids.ulid().to_string();
        let transact = async || {
            let request = self.client.transact_write_items().client_request_token(&token);
            let done = request.set_transact_items(Some(actions.clone())).send().await;
            done.map(drop).map_err(|error| throttled_is_transient(classify(error)))
        };
        CLASHES.run(&*self.ids, transact).await
    }

    /// Executes those writes whose conditions hold, any number of them, in as few transactions as possible; returns
    /// their indexes.
    pub(super) async fn transact_possible(&self, actions: Vec<Action>) -> Result<Vec<usize>, StoreError> {
        let mut waiting: Vec<(usize, Action)> = actions.into_iter().enumerate().collect();
        let mut done = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(MAX_ACTIONS));
            match self.transact(waiting.iter().map(|(_, action)| action.clone()).collect()).await {
                Ok(()) => done.extend(waiting.drain(..).map(|(index, _)| index)),
                Err(WriteError::Failed(error)) => return Err(error),
                Err(WriteError::Conditions(failed)) => {
                    let mut place = 0..;
                    waiting.retain(|_| place.next().is_some_and(|place| !failed.contains_key(&place)));
                }
            }
            waiting.extend(rest);
        }
        Ok(done)
    }

    /// Executes unconditional puts and deletes of different items. Each is atomic on its own; after a failure, some
    /// have been executed.
    pub(super) async fn write_many(&self, actions: Vec<Action>) -> Result<(), StoreError> {
        match self.bulk {
            BulkWrites::Transactions => {
                for chunk in actions.chunks(MAX_ACTIONS) {
                    self.transact(chunk.to_vec()).await.map_err(WriteError::unconditional)?;
                }
            }
            BulkWrites::Batches => {
                for chunk in actions.chunks(MAX_BATCH) {
                    self.write_batch(chunk).await?;
                }
            }
        }
        Ok(())
    }

    async fn write_batch(&self, actions: &[Action]) -> Result<(), StoreError> {
        let requests: Result<Vec<_>, _> = actions.iter().cloned().map(batch_request).collect();
        let mut waiting = HashMap::from([(self.table.clone(), requests?)]);
        let mut tries = CLASHES.start(&*self.ids);
        loop {
            let request = self.client.batch_write_item().set_request_items(Some(waiting));
            let output = request.send().await.map_err(store_error)?;
            waiting = output.unprocessed_items.unwrap_or_default();
            if waiting.values().all(Vec::is_empty) {
                return Ok(());
            }
            if !tries.pause().await {
                return Err(StoreError::Throttled("the table left writes of a batch unprocessed".into()));
            }
        }
    }
}

fn batch_request(action: Action) -> Result<WriteRequest, StoreError> {
    let request = WriteRequest::builder();
    let request = match action.change {
        Change::Put(item) => {
            request.put_request(PutRequest::builder().set_item(Some(item)).build().map_err(unbuildable)?)
        }
        Change::Delete(key) => {
            request.delete_request(DeleteRequest::builder().set_key(Some(key)).build().map_err(unbuildable)?)
        }
        Change::Update(..) => return Err(StoreError::corrupt("a batch cannot contain updates")),
    };
    Ok(request.build())
}

/// Interprets the rejection of a single write; `existing` extracts the item that failed the condition.
fn write_error<E>(error: SdkError<E, HttpResponse>, existing: impl FnOnce(E) -> Option<Item>) -> WriteError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(failed) if failed.err().code() == Some("ConditionalCheckFailedException") => {
            WriteError::Conditions(BTreeMap::from([(0, existing(failed.into_err()))]))
        }
        error => WriteError::Failed(store_error(error)),
    }
}

/// Interprets a rejected transaction by its reasons, one per action.
fn classify(error: SdkError<TransactWriteItemsError, HttpResponse>) -> WriteError {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
        _ => return WriteError::Failed(store_error(error)),
    };
    let code = |reason: &CancellationReason| reason.code().unwrap_or("None").to_owned();
    let failed: BTreeMap<usize, Option<Item>> = reasons
        .iter()
        .enumerate()
        .filter(|(_, reason)| code(reason) == "ConditionalCheckFailed")
        .map(|(index, reason)| (index, reason.item().filter(|item| !item.is_empty()).cloned()))
        .collect();
    if failed.contains_key(&0) {
        return WriteError::Conditions(failed);
    }
    if reasons.iter().any(|reason| is_load(&code(reason))) {
        return WriteError::Failed(StoreError::Throttled(Box::new(error)));
    }
    let is_final = |reason: &CancellationReason| matches!(code(reason).as_str(), "None" | "ConditionalCheckFailed");
    if failed.is_empty() || !reasons.iter().all(is_final) {
        return WriteError::Failed(StoreError::Corrupt(Box::new(error)));
    }
    WriteError::Conditions(failed)
}
