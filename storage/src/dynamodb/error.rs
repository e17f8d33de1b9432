//! Converts the engine's errors to the store's. The only code that knows their names.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use shopease_shop::ports::{Source, StoreError};

/// The engine is throttling, or another write to the same item is in progress.
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

/// Whether an error code or cancellation reason means that a retry may succeed.
pub(super) fn is_load(code: &str) -> bool {
    LOAD.contains(&code)
}

/// The table or index does not exist.
const NO_TABLE: &str = "ResourceNotFoundException";

/// The engine does not name the table; the operator knows it by its variable.
#[derive(Debug, thiserror::Error)]
#[error("the table in SHOPEASE_DYNAMODB_TABLE does not exist; create it with `shopease migrate`")]
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
        SdkError::ServiceError(failure) => match failure.err().code() {
            Some(code) if is_load(code) => StoreError::Throttled(Box::new(error)),
            Some(code) if FAILURE.contains(&code) => StoreError::Unavailable(Box::new(error)),
            Some(NO_TABLE) => StoreError::Corrupt(Box::new(NoTable(Box::new(error)))),
            _ if server_failed => StoreError::Unavailable(Box::new(error)),
            _ => StoreError::Corrupt(Box::new(error)),
        },
        _ => StoreError::Corrupt(Box::new(error)),
    }
}

/// An incomplete request, which is a defect of this adapter.
pub(super) fn unbuildable(error: BuildError) -> StoreError {
    StoreError::Corrupt(Box::new(error))
}
