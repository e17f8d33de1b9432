//! Password hashing: argon2id with OWASP's first recommendation (19 MiB, 2 passes), off the event loop.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::{ShopError, ShopResult};

/// Hashes at once: each takes 19 MiB and a core for some 20 ms, so a flood of logins must queue.
const MAX_CONCURRENT: usize = 4;

/// A hash of no password, to spend the same time on an unknown e-mail address as on a wrong password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2hvcGVhc2UtZHVtbXktMQ$Rp61kwSuYiN4q1MyXyWHwnXbWfDpWuZzaSKQEYJTP9c";

#[derive(Clone)]
pub(super) struct Passwords {
    permits: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(MAX_CONCURRENT)) }
    }
}

impl Passwords {
    /// Hashes a password with a salt into PHC format.
    pub async fn hash(&self, password: String, salt: [u8; 16]) -> ShopResult<String> {
        self.off_loop(move || {
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| ShopError::Internal(error.to_string().into()))
        })
        .await?
    }

    /// Whether the password is right; takes as long without an account.
    pub async fn verify(&self, password: String, hash: Option<String>) -> ShopResult<bool> {
        self.off_loop(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let parsed = PasswordHash::new(&hash).map_err(|error| ShopError::Internal(error.to_string().into()))?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && known)
        })
        .await?
    }

    async fn off_loop<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> ShopResult<T> {
        let _permit = self.permits.acquire().await.map_err(|error| ShopError::Internal(error.into()))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| ShopError::Internal(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_verifies_only_its_password_and_nobody_never_does() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".to_owned(), [1; 16]).await.expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await.expect("verified"));
        assert!(!passwords.verify("wrong".to_owned(), Some(hash)).await.expect("verified"));
        assert!(!passwords.verify(String::new(), None).await.expect("the stand-in hash reads"));
    }
}
