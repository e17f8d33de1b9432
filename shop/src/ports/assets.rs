//! Static files of the shop: stylesheets, scripts and images.

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::StoreError;

/// Largest asset: a Lambda response through a load balancer is limited to 1 MB, and Base64 adds a third.
pub const MAX_ASSET_BYTES: usize = 700 * 1024;

/// A static file. The content type follows from its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Content.
    pub body: Bytes,
    /// SHA-256 of the content.
    pub digest: [u8; 32],
}

impl Asset {
    /// A file with this content.
    pub fn new(body: Bytes) -> Self {
        let digest = Sha256::digest(&body).into();
        Self { body, digest }
    }
}

/// Finds assets by path, such as `shop.css` or `demo/moka-pot.svg`.
#[async_trait]
pub trait AssetStore: Send + Sync {
    /// The asset at a path, if it exists.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the store does not respond, [`StoreError::Corrupt`] for an asset larger than
    /// [`MAX_ASSET_BYTES`].
    async fn find_asset(&self, path: &str) -> Result<Option<Asset>, StoreError>;
}
