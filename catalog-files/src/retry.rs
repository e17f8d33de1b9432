//! Retries of a busy store, and the reasons for which it rejects a product.

use std::time::Duration;

use shopease_process::retry::{Policy, TryError};
use shopease_shop::domain::Subject;
use shopease_shop::ports::{StoreError, SystemIds};

/// Attempts of one command while the store is busy.
const TRIES: u32 = 6;
/// Longest pause before the second attempt; doubled before each further one. The pauses of a command add up to three
/// seconds on average, in which a throttled table recovers. There is no retry budget, because few commands run at the
/// same time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Repeats a command, with growing pauses, while the store is busy or unavailable.
pub(super) async fn with_retries<T, F>(command: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let attempt = async || command().await.map_err(|error| TryError::transient_if(error, StoreError::retryable));
    Policy::new(TRIES, FIRST_PAUSE).run(&SystemIds, attempt).await
}

/// Why the store rejected a product.
pub(super) fn store_reason(error: &StoreError) -> String {
    match (error, std::error::Error::source(error)) {
        (StoreError::AlreadyExists { subject: Subject::Sku(sku) }, _) => {
            format!("SKU {sku} belongs to another product")
        }
        (StoreError::Conflict, _) => "it was changed by another request; run the import again".to_owned(),
        (_, Some(source)) => format!("it cannot be stored: {source}"),
        (_, None) => format!("it cannot be stored: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn tries_until(outcome: impl Fn(u32) -> Result<(), StoreError>) -> (bool, u32) {
        let tries = AtomicU32::new(0);
        let result = with_retries(|| std::future::ready(outcome(tries.fetch_add(1, Ordering::SeqCst)))).await;
        (result.is_ok(), tries.into_inner())
    }

    #[tokio::test]
    async fn only_retryable_errors_are_retried() {
        let busy = || StoreError::Throttled("busy".into());
        assert_eq!(tries_until(|tried| if tried < 2 { Err(busy()) } else { Ok(()) }).await, (true, 3));
        assert_eq!(tries_until(|_| Err(StoreError::Conflict)).await, (false, 1));
    }
}
