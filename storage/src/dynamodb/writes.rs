//! Carrying out writes: one, several as a transaction, many without one.

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

/// Why writes were not carried out. Nothing was changed, unless the store is unavailable.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// These actions, by index, failed their conditions; with the item that made them fail, if there is one.
    #[error("a condition failed")]
    Conditions(BTreeMap<usize, Option<Item>>),
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

impl Refused {
    /// The store error, where a failed condition of whatever action means `meaning`.
    pub fn or(self, meaning: StoreError) -> StoreError {
        match self {
            Self::Conditions(_) => meaning,
            Self::Failed(error) => error,
        }
    }

    /// The store error of writes that have no condition to fail.
    pub fn unconditional(self) -> StoreError {
        self.or(StoreError::corrupt("an unconditional write failed a condition"))
    }
}

impl DynamoDbStore {
    /// Carries out one write. A clash with a transaction on the same item is tried again.
    pub(super) async fn write(&self, action: Action) -> Result<(), Refused> {
        let write = async || self.write_once(action.clone()).await.map(drop).map_err(throttled_is_transient);
        CLASHES.run(&*self.ids, write).await
    }

    /// Gives the item as it is after an update.
    async fn write_once(&self, action: Action) -> Result<Option<Item>, Refused> {
        let (table, tell) = (&self.table, ReturnValuesOnConditionCheckFailure::AllOld);
        let Action { change, condition, values } = action;
        match change {
            Change::Put(item) => self
                .client
                .put_item()
                .table_name(table)
                .set_item(Some(item))
                .set_condition_expression(condition)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(tell)
                .send()
                .await
                .map(|_| None)
                .map_err(|error| {
                    refused(error, |error| match error {
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
                .return_values_on_condition_check_failure(tell)
                .return_values(ReturnValue::AllNew)
                .send()
                .await
                .map(|answer| answer.attributes)
                .map_err(|error| {
                    refused(error, |error| match error {
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
                .return_values_on_condition_check_failure(tell)
                .send()
                .await
                .map(|_| None)
                .map_err(|error| {
                    refused(error, |error| match error {
                        DeleteItemError::ConditionalCheckFailedException(failed) => failed.item,
                        _ => None,
                    })
                }),
        }
    }

    /// Carries out at most [`MAX_ACTIONS`] writes to different items, all or nothing.
    ///
    /// The engine rejects what clashes with another transaction instead of queueing it, so clashes are tried again, all
    /// tries under one request token: when an answer got lost, the next try gets it. When the first action fails its
    /// condition, that decides at once, whatever clashes elsewhere.
    pub(super) async fn transact(&self, actions: Vec<Action>) -> Result<(), Refused> {
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

    /// Carries out those of the writes whose conditions hold, any number of them, in as few transactions as that takes;
    /// gives their indexes.
    pub(super) async fn transact_possible(&self, actions: Vec<Action>) -> Result<Vec<usize>, StoreError> {
        let mut waiting: Vec<(usize, Action)> = actions.into_iter().enumerate().collect();
        let mut done = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(MAX_ACTIONS));
            match self.transact(waiting.iter().map(|(_, action)| action.clone()).collect()).await {
                Ok(()) => done.extend(waiting.drain(..).map(|(index, _)| index)),
                Err(Refused::Failed(error)) => return Err(error),
                Err(Refused::Conditions(failed)) => {
                    let mut place = 0..;
                    waiting.retain(|_| place.next().is_some_and(|place| !failed.contains_key(&place)));
                }
            }
            waiting.extend(rest);
        }
        Ok(done)
    }

    /// Carries out unconditional puts and deletes of different items. Each alone is atomic; after a failure some are done.
    pub(super) async fn write_many(&self, actions: Vec<Action>) -> Result<(), StoreError> {
        match self.bulk {
            BulkWrites::Transactions => {
                for chunk in actions.chunks(MAX_ACTIONS) {
                    self.transact(chunk.to_vec()).await.map_err(Refused::unconditional)?;
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
            let answer = request.send().await.map_err(store_error)?;
            waiting = answer.unprocessed_items.unwrap_or_default();
            if waiting.values().all(Vec::is_empty) {
                return Ok(());
            }
            if !tries.pause().await {
                return Err(StoreError::Throttled("the table leaves writes of a batch unprocessed".into()));
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
        Change::Update(..) => return Err(StoreError::corrupt("a batch cannot update")),
    };
    Ok(request.build())
}

/// What the refusal of a single write means; `existing` gives the item that failed the condition.
fn refused<E>(error: SdkError<E, HttpResponse>, existing: impl FnOnce(E) -> Option<Item>) -> Refused
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(failed) if failed.err().code() == Some("ConditionalCheckFailedException") => {
            Refused::Conditions(BTreeMap::from([(0, existing(failed.into_err()))]))
        }
        error => Refused::Failed(store_error(error)),
    }
}

/// What a rejected transaction means, from its reasons, one an action.
fn classify(error: SdkError<TransactWriteItemsError, HttpResponse>) -> Refused {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
        _ => return Refused::Failed(store_error(error)),
    };
    let code = |reason: &CancellationReason| reason.code().unwrap_or("None").to_owned();
    let failed: BTreeMap<usize, Option<Item>> = reasons
        .iter()
        .enumerate()
        .filter(|(_, reason)| code(reason) == "ConditionalCheckFailed")
        .map(|(index, reason)| (index, reason.item().filter(|item| !item.is_empty()).cloned()))
        .collect();
    if failed.contains_key(&0) {
        return Refused::Conditions(failed);
    }
    if reasons.iter().any(|reason| is_load(&code(reason))) {
        return Refused::Failed(StoreError::Throttled(Box::new(error)));
    }
    let known = |reason: &CancellationReason| matches!(code(reason).as_str(), "None" | "ConditionalCheckFailed");
    if failed.is_empty() || !reasons.iter().all(known) {
        return Refused::Failed(StoreError::Corrupt(Box::new(error)));
    }
    Refused::Conditions(failed)
}
