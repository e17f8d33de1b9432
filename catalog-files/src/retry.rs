//! Asking a busy store again, and why it did not take something.

use std::time::Duration;

use shopease_process::retry::{Policy, TryError};
use shopease_shop::domain::Subject;
use shopease_shop::ports::{StoreError, SystemIds};

/// Tries of one command when the store is busy.
const TRIES: u32 = 6;
/// Longest pause before the second try; twice as long before each further one. On average all pauses of a command take
/// three seconds, in which a throttled table recovers. There is no retry budget: few commands run at the same time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Runs a command again, less often each time, while the store is busy or away.
pub(super) async fn with_retries<T, F>(command: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let attempt = async || command().await.map_err(|error| TryError::transient_if(error, StoreError::retryable));
    Policy::new(TRIES, FIRST_PAUSE).run(&SystemIds, attempt).await
}

/// Why the store did not take a product.
pub(super) fn store_reason(error: &StoreError) -> String {
    match (error, std::error::Error::source(error)) {
        (StoreError::AlreadyExists { subject: Subject::Sku(sku) }, _) => {
            format!("SKU {sku} belongs to another product")
        }
        (StoreError::Conflict, _) => "it was changed at the same time; run the import again".to_owned(),
        (_, Some(source)) => format!("the store cannot keep it: {source}"),
        (_, None) => format!("the store cannot keep it: {error}"),
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
    async fn a_busy_store_is_asked_again_and_a_refusal_is_taken() {
        let busy = || StoreError::Throttled("busy".into());
        assert_eq!(tries_until(|tried| if tried < 2 { Err(busy()) } else { Ok(()) }).await, (true, 3));
        assert_eq!(tries_until(|_| Err(StoreError::Conflict)).await, (false, 1));
    }
}
