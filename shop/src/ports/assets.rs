//! Where stylesheets, scripts and pictures of the shop itself come from.

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::StoreError;

/// Largest asset: a function's answer through a load balancer may have 1 MB, of which base64 takes a third.
pub const MAX_ASSET_BYTES: usize = 700 * 1024;

/// A file. What type it has follows from its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its bytes.
    pub body: Bytes,
    /// SHA-256 of them.
    pub digest: [u8; 32],
}

impl Asset {
    /// A file with these bytes.
    pub fn new(body: Bytes) -> Self {
        let digest = Sha256::digest(&body).into();
        Self { body, digest }
    }
}

/// Gives assets by their path, such as `shop.css` or `demo/moka-pot.svg`.
#[async_trait]
pub trait AssetStore: Send + Sync {
    /// The asset at a path, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is not known whether there is one, [`StoreError::Corrupt`] for one that is larger than
    /// [`MAX_ASSET_BYTES`].
    async fn find_asset(&self, path: &str) -> Result<Option<Asset>, StoreError>;
}
