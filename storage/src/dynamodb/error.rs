//! What the engine's errors mean to the shop: the only place that knows their names.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use shopease_shop::ports::{Source, StoreError};

/// The engine asks for less load, or another write to the same item is under way.
const LOAD: [&str; 8] = [
    "ThrottlingException",
    "ThrottlingError",
    "ProvisionedThroughputExceededException",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "TransactionConflict",
    "TransactionInProgressException",
];

/// The engine itself failed.
const FAILURE: [&str; 3] = ["InternalServerError", "InternalServerErrorException", "ServiceUnavailable"];

/// Whether an error code or cancellation reason means: the same again, a moment later.
pub(super) fn is_load(code: &str) -> bool {
    LOAD.contains(&code)
}

/// There is no such table, or index.
const NO_TABLE: &str = "ResourceNotFoundException";

/// The engine does not say which; who runs the shop knows it by its variable.
#[derive(Debug, thiserror::Error)]
#[error("there is no table as SHOPEASE_DYNAMODB_TABLE names it; `shopease migrate` makes it")]
struct NoTable(#[source] Source);

/// The store error of a failed call, with the SDK's error as its source.
pub(super) fn store_error<E>(error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let server_failed = error.raw_response().is_some_and(|response| response.status().is_server_error());
    match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            StoreError::Unavailable(Box::new(error))
        }
        SdkError::ServiceError(refused) => match refused.err().code() {
            Some(code) if is_load(code) => StoreError::Throttled(Box::new(error)),
            Some(code) if FAILURE.contains(&code) => StoreError::Unavailable(Box::new(error)),
            Some(NO_TABLE) => StoreError::Corrupt(Box::new(NoTable(Box::new(error)))),
            _ if server_failed => StoreError::Unavailable(Box::new(error)),
            _ => StoreError::Corrupt(Box::new(error)),
        },
        _ => StoreError::Corrupt(Box::new(error)),
    }
}

/// A request that lacks something: a defect of this adapter.
pub(super) fn unbuildable(error: BuildError) -> StoreError {
    StoreError::Corrupt(Box::new(error))
}
