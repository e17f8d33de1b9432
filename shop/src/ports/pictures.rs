//! Uploaded pictures: their files are made by one port and written by another.

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;
use crate::domain::{Picture, PictureProblem};

/// A picture and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadePicture {
    /// The picture.
    pub picture: Picture,
    /// Path and content of each file, none of them larger than [`MAX_ASSET_BYTES`](super::MAX_ASSET_BYTES).
    pub files: Vec<(String, Bytes)>,
}

/// Makes the files of an uploaded picture.
pub trait PictureMaker: Send + Sync {
    /// Decodes an uploaded file and makes the files of its picture: upright, without enlarging, and without any other content of the
    /// upload, such as the position where it was taken. Takes up to a few seconds, and memory for one decoded picture.
    ///
    /// # Errors
    /// Why the file cannot be used.
    fn make(&self, file: &[u8]) -> Result<MadePicture, PictureProblem>;
}

/// Writes assets, which the [`AssetStore`](super::AssetStore) of the same place then finds.
#[async_trait]
pub trait AssetWriter: Send + Sync {
    /// Writes an asset. One that exists is replaced.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it could not be written.
    async fn write_asset(&self, path: &str, body: Bytes) -> Result<(), StoreError>;
}
