//! Uploaded pictures: their files are made one at a time, and stored.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;

use super::queue::Queue;
use crate::domain::{Field, Format, Picture, RuleError};
use crate::ports::{AssetWriter, PictureMaker};
use crate::{ShopError, ShopResult};

/// A decoded picture takes up to 160 MB, so one is made at a time. Others wait for a part of the deadline of their requests.
const MAX_WAITING: usize = 8;
const MAX_WAIT: Duration = Duration::from_secs(3);

/// Makes pictures and stores their files. Clones share the limit.
#[derive(Clone)]
pub(super) struct Pictures {
    maker: Arc<dyn PictureMaker>,
    writer: Arc<dyn AssetWriter>,
    queue: Queue,
}

impl Pictures {
    pub fn new(maker: Arc<dyn PictureMaker>, writer: Arc<dyn AssetWriter>) -> Self {
        Self { maker, writer, queue: Queue::new(1, MAX_WAITING, MAX_WAIT) }
    }

    /// Makes the files of an uploaded file and stores them.
    pub async fn add(&self, file: Bytes) -> ShopResult<Picture> {
        let busy = || ShopError::Unavailable { retry_after_seconds: 5, source: Some("pictures are being made".into()) };
        let permit = self.queue.enter().await.ok_or_else(busy)?;
        let maker = Arc::clone(&self.maker);
        let making = move || (maker.make(&file), permit);
        let made = tokio::task::spawn_blocking(making).await;
        // The same file, sent twice, is also written once after the other.
        let (made, _permit) = made.map_err(|error| ShopError::Internal(error.into()))?;
        let made = made.map_err(|problem| {
            tracing::info!(?problem, "a picture was refused");
            RuleError::malformed(Field::Picture, Format::Picture)
        })?;
        // Nothing refers to a picture whose files are incomplete: its address is returned afterwards.
        let files =
            made.files.into_iter().map(|(path, body)| async move { self.writer.write_asset(&path, body).await });
        try_join_all(files).await?;
        Ok(made.picture)
    }
}
