//! Pictures as files, for a shop on a laptop.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use shopease_shop::domain::Picture;
use shopease_shop::ports::{Asset, AssetStore, AssetWriter, StoreError};

/// A directory with the files of uploaded pictures, and the store of all other assets.
pub struct PictureDirectory {
    directory: PathBuf,
    others: Arc<dyn AssetStore>,
}

impl PictureDirectory {
    /// Uses a directory, which is created with the first picture.
    pub fn new(directory: impl Into<PathBuf>, others: Arc<dyn AssetStore>) -> Self {
        Self { directory: directory.into(), others }
    }

    fn file(&self, path: &str) -> Option<PathBuf> {
        Picture::file_name(path).map(|name| self.directory.join(name))
    }
}

#[async_trait]
impl AssetStore for PictureDirectory {
    async fn find_asset(&self, path: &str) -> Result<Option<Asset>, StoreError> {
        let Some(file) = self.file(path) else { return self.others.find_asset(path).await };
        match tokio::fs::read(&file).await {
            Ok(body) => Ok(Some(Asset::new(body.into()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::Unavailable(error.into())),
        }
    }
}

#[async_trait]
impl AssetWriter for PictureDirectory {
    async fn write_asset(&self, path: &str, body: Bytes) -> Result<(), StoreError> {
        let file = self.file(path).ok_or_else(|| StoreError::corrupt(format!("{path:?} is not a picture")))?;
        let partial = file.with_added_extension("partial");
        let written = async {
            tokio::fs::create_dir_all(&self.directory).await?;
            tokio::fs::write(&partial, &body).await?;
            tokio::fs::rename(&partial, &file).await
        };
        written.await.map_err(|error: io::Error| StoreError::Unavailable(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds every path, with the path as its content.
    struct Anything;

    #[async_trait]
    impl AssetStore for Anything {
        async fn find_asset(&self, path: &str) -> Result<Option<Asset>, StoreError> {
            Ok(Some(Asset::new(path.to_owned().into())))
        }
    }

    #[tokio::test]
    async fn a_directory_keeps_pictures_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let pictures = PictureDirectory::new(directory.path().join("pictures"), Arc::new(Anything));
        let path = Picture::new(b"file", 40, 30).path(40);
        assert_eq!(pictures.find_asset(&path).await.expect("read"), None);
        for content in ["first", "second"] {
            pictures.write_asset(&path, content.into()).await.expect("written");
            assert_eq!(pictures.find_asset(&path).await.expect("read"), Some(Asset::new(content.into())));
        }
        assert!(pictures.find_asset("shop.css").await.expect("read").is_some(), "another asset");
        std::fs::write(directory.path().join("secret"), "x").expect("written");
        for path in ["pictures/../secret", "pictures/..", "pictures/.hidden", "secret", "pictures/a\\b", "pictures/"] {
            pictures.write_asset(path, "x".into()).await.expect_err(path);
        }
    }
}
