//! A compact key for handles and SKUs that are only compared for equality: a file can have a million of them.

use sha2::{Digest as _, Sha256};

/// The first half of a SHA-256, long enough to make collisions within a shop practically impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 16]);

impl Digest {
    pub(super) fn of(text: &str) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(text)[..16]);
        Self(half)
    }
}
