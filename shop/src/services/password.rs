//! Password hashing: argon2id with OWASP's first recommendation (19 MiB, 2 passes), on blocking threads, in bounded memory that is
//! released afterwards.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;

use super::queue::Queue;
use crate::ports::Source;
use crate::{ShopError, ShopResult};

/// Maximum concurrent hashes: each takes 19 MiB and one core for about 20 ms.
const MAX_CONCURRENT: usize = 2;

/// Maximum queued hashes. Their requests hold permits that the rest of the shop needs, so the queue is short.
const MAX_WAITING: usize = 32;

/// Longest wait in the queue.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// `Retry-After` when the queue is full.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Blocks reserved for a hash; only the blocks it uses become resident. More than 32 MiB, because the C library maps and unmaps such
/// allocations directly. Smaller ones come from heaps that it keeps, one for every thread that ever hashed.
const RESERVED_BLOCKS: usize = 33 * 1024;

/// A hash of no password with the current parameters, so that an unknown email address takes as long as a wrong password.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2hvcGVhc2UtZHVtbXktMQ$Rp61kwSuYiN4q1MyXyWHwnXbWfDpWuZzaSKQEYJTP9c";

/// Password hashing of the process. Clones share limits and memory.
#[derive(Clone)]
pub(super) struct Passwords {
    queue: Queue,
    memory: Arc<Mutex<Memory>>,
}

/// Memory for hashes. It is reused by consecutive hashes and freed when none is running.
#[derive(Default)]
struct Memory {
    free: Vec<Vec<Block>>,
    users: usize,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { queue: Queue::new(MAX_CONCURRENT, MAX_WAITING, MAX_WAIT), memory: Arc::default() }
    }
}

impl Passwords {
    /// Hashes a password with a salt into PHC format.
    ///
    /// # Errors
    /// [`ShopError::Unavailable`] when too many passwords are being hashed.
    pub async fn hash(&self, password: &str, salt: [u8; 16]) -> ShopResult<String> {
        let password = normalized(password);
        self.run_blocking(move |memory| {
            let salt = Salt::new(&salt).map_err(internal)?;
            new_hash(&password, &salt, memory).map(|hash| hash.to_string()).map_err(internal)
        })
        .await
    }

    /// Returns whether the password is correct. Takes equally long without an account.
    ///
    /// # Errors
    /// As [`Passwords::hash`], and [`ShopError::Internal`] for a hash that cannot be read.
    pub async fn verify(&self, password: &str, hash: Option<String>) -> ShopResult<bool> {
        let password = normalized(password);
        self.run_blocking(move |memory| {
            let known = hash.is_some();
            let hash = PasswordHash::new(hash.as_deref().unwrap_or(DUMMY_HASH)).map_err(internal)?;
            Ok(matches(&password, &hash, memory).map_err(internal)? && known)
        })
        .await
    }

    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> ShopResult<T> + Send + 'static,
    ) -> ShopResult<T> {
        let permit = self.queue.enter().await.ok_or_else(too_many)?;
        let memory = Arc::clone(&self.memory);
        let hashing = move || {
            let _permit = permit;
            let mut blocks = acquire_blocks(&memory);
            let done = work(&mut blocks);
            release_blocks(&memory, blocks);
            done
        };
        tokio::task::spawn_blocking(hashing).await.map_err(|error| ShopError::Internal(error.into()))?
    }
}

/// Normalizes a password before hashing, with PRECIS `OpaqueString` (RFC 8265): keyboards of different systems produce different
/// code points for the same letters. Case and ASCII are preserved.
pub(super) fn normalized(password: &str) -> String {
    const NO_BREAK_SPACES: [char; 2] = ['\u{a0}', '\u{202f}'];
    let is_space = |c: char| {
        NO_BREAK_SPACES.contains(&c) || matches!(c, '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{205f}' | '\u{3000}')
    };
    password.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc().collect()
}

fn acquire_blocks(memory: &Mutex<Memory>) -> Vec<Block> {
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    memory.users += 1;
    memory.free.pop().unwrap_or_else(|| Vec::with_capacity(RESERVED_BLOCKS))
}

fn release_blocks(memory: &Mutex<Memory>, blocks: Vec<Block>) {
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    memory.users -= 1;
    memory.free.push(blocks);
    if memory.users == 0 {
        memory.free.clear();
    }
}

fn new_hash(password: &str, salt: &Salt, memory: &mut Vec<Block>) -> Result<PasswordHash, argon2::Error> {
    let (algorithm, version, params) = (Algorithm::Argon2id, Version::V0x13, Params::default());
    let output = output(algorithm, version, &params, password, salt, memory)?;
    Ok(PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params).map_err(|_| argon2::Error::AlgorithmInvalid)?,
        salt: Some(*salt),
        hash: Some(output),
    })
}

fn matches(password: &str, hash: &PasswordHash, memory: &mut Vec<Block>) -> Result<bool, String> {
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Ok(false) };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|error| error.to_string())?;
    let version = hash.version.map(Version::try_from).transpose().map_err(|error| error.to_string())?;
    let params = Params::try_from(hash).map_err(|error| error.to_string())?;
    let found = output(algorithm, version.unwrap_or_default(), &params, password, salt, memory)
        .map_err(|error| error.to_string())?;
    Ok(found.as_bytes().ct_eq(expected.as_bytes()).into())
}

fn output(
    algorithm: Algorithm,
    version: Version,
    params: &Params,
    password: &str,
    salt: &Salt,
    memory: &mut Vec<Block>,
) -> Result<Output, argon2::Error> {
    memory.resize(memory.len().max(params.block_count()), Block::new());
    let mut bytes = [0_u8; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(algorithm, version, params.clone()).hash_password_into_with_memory(
        password.as_bytes(),
        salt,
        &mut bytes,
        memory,
    )?;
    Output::new(&bytes).map_err(|_| argon2::Error::OutputTooLong)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn internal(error: impl ToString) -> ShopError {
    ShopError::Internal(error.to_string().into())
}

fn too_many() -> ShopError {
    let source: Source = "too many passwords are being hashed at once".into();
    ShopError::Unavailable { retry_after_seconds: RETRY_AFTER_SECONDS, source: Some(source) }
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;

    #[tokio::test]
    async fn a_hash_verifies_only_its_password_and_an_unknown_account_never_does() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse", [1; 16]).await.expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify("correct horse", Some(hash.clone())).await.expect("verified"));
        assert!(!passwords.verify("wrong", Some(hash)).await.expect("verified"));
        assert!(!passwords.verify("", None).await.expect("the dummy hash is valid"));
    }

    #[tokio::test]
    async fn hashes_are_compatible_with_the_library() {
        let passwords = Passwords::default();
        let (ours, theirs) = (
            passwords.hash("correct horse", [7; 16]).await.expect("a hash"),
            Argon2::default().hash_password_with_salt(b"correct horse", &[7; 16]).expect("a hash").to_string(),
        );
        assert_eq!(ours, theirs);
        assert!(Argon2::default().verify_password(b"correct horse", ours.as_str()).is_ok());
        let small = Params::new(64, 3, 2, Some(Params::DEFAULT_OUTPUT_LEN)).expect("parameters");
        let small = Argon2::from(small).hash_password_with_salt(b"former", &[7; 16]).expect("a hash").to_string();
        assert!(passwords.verify("former", Some(small)).await.expect("of other parameters"));
    }

    #[test]
    fn the_dummy_hash_has_the_current_parameters() {
        let of = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        let mut memory = Vec::new();
        let new = new_hash("x", &Salt::new(&[1; 16]).expect("a salt"), &mut memory).expect("a hash").to_string();
        assert_eq!(of(DUMMY_HASH), of(&new));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_hashes_share_two_blocks_of_memory_and_release_them() {
        let passwords = Passwords::default();
        let crowd: Vec<_> = (0..3 * MAX_WAITING)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.verify("wrong", None).await })
            })
            .collect();
        let (mut served, mut refused) = (0, 0);
        for one in crowd {
            match one.await.expect("no panic") {
                Ok(right) => {
                    assert!(!right);
                    served += 1;
                }
                Err(ShopError::Unavailable { retry_after_seconds, .. }) => {
                    assert_eq!(retry_after_seconds, RETRY_AFTER_SECONDS);
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
            }
            let memory = passwords.memory.lock().expect("no panic");
            assert!(memory.users <= MAX_CONCURRENT && memory.free.len() <= MAX_CONCURRENT);
        }
        assert!(served >= MAX_CONCURRENT && refused > 0, "{served} {refused}");
        let memory = passwords.memory.lock().expect("no panic");
        assert_eq!((memory.users, memory.free.len()), (0, 0));
    }

    #[test]
    fn the_same_letters_give_the_same_password_on_every_system() {
        for (typed, other) in [
            ("Z\u{fc}rich", "Zu\u{308}rich"),
            ("\u{3ac}", "\u{3b1}\u{301}"),
            ("\u{ac00}\u{b098}", "\u{1100}\u{1161}\u{1102}\u{1161}"),
            ("a b", "a\u{a0}b"),
            ("a b", "a\u{3000}b"),
        ] {
            assert_eq!(normalized(typed), normalized(other));
        }
        for (typed, other) in [("Abc", "abc"), ("\u{ff21}", "A"), ("\u{2460}", "1"), ("a", " a")] {
            assert_ne!(normalized(typed), normalized(other));
        }
    }

    mod timing {
        use super::*;

        #[tokio::test]
        async fn an_unknown_account_takes_as_long_as_a_wrong_password() {
            let passwords = Passwords::default();
            let hash = passwords.hash("correct horse", [1; 16]).await.expect("a hash");
            let shortest = async |hash: Option<String>| {
                let mut shortest = Duration::MAX;
                for _ in 0..5 {
                    let begun = std::time::Instant::now();
                    assert!(!passwords.verify("wrong", hash.clone()).await.expect("verified"));
                    shortest = shortest.min(begun.elapsed());
                }
                shortest
            };
            let (known, unknown) = (shortest(Some(hash)).await, shortest(None).await);
            assert!(
                unknown * 4 > known && known * 4 > unknown,
                "{known:?} for a known account, {unknown:?} for an unknown one"
            );
        }
    }
}
