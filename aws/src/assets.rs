//! Assets in S3: read through a cache, uploaded from the binary by `shopease assets upload`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use moka::future::Cache;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use shopease_process::config::Reader;
use shopease_shared::http::{EmbeddedAssets, NamedAsset, cache_control, content_type};
use shopease_shop::ports::{Asset, AssetStore, AssetWriter, Env, MAX_ASSET_BYTES, Source, StoreError};

use crate::service::{Call, Failure, RetryLimits, Service, host, own_endpoint};

/// Environment variable.
const NAME: &str = "SHOPEASE_ASSETS";
/// Time limit for reading a file; well below a request's budget.
const READING: RetryLimits = RetryLimits { tries: 3, in_all: Duration::from_secs(5) };
/// Time limit for uploading a file.
const WRITING: RetryLimits = RetryLimits { tries: 5, in_all: Duration::from_secs(30) };
/// How long a file is cached, and so the longest delay until an upload becomes visible.
const FRESH: Duration = Duration::from_mins(5);
/// Size of the cache in bytes; the shop's own assets are 200 KB.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// Cache weight of a missing file, so that requests for guessed names do not fill the memory.
const ENTRY_BYTES: usize = 512;
/// Longest key: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const MAX_KEY_BYTES: usize = 1024;
/// Everything but RFC 3986's unreserved characters is escaped in a key segment, as signatures require.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Source of the assets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AssetsConfig {
    /// The binary.
    #[default]
    Embedded,
    /// An S3 bucket.
    S3(S3Location),
}

impl AssetsConfig {
    /// Reads `SHOPEASE_ASSETS`: `embedded` (the default) or `s3://<bucket>/<prefix>`.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let text = reader.or(NAME, "embedded".to_owned());
        if text == "embedded" {
            return Self::Embedded;
        }
        text.parse().map_or_else(
            |reason: String| {
                reader.problem(NAME, format!("{reason} or `embedded`"));
                Self::Embedded
            },
            Self::S3,
        )
    }
}

/// A location in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Location {
    bucket: String,
    /// Ends with a slash, unless it is empty.
    prefix: String,
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

impl FromStr for S3Location {
    type Err = String;

    /// Parses `s3://<bucket>/<prefix>` by S3's rules for bucket names.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a location such as s3://bucket/prefix");
        let rest = text.strip_prefix("s3://").ok_or_else(wrong)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bucket_is_right = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'.')
            && bucket.bytes().next().is_some_and(plain)
            && bucket.bytes().last().is_some_and(plain);
        let prefix = prefix.trim_end_matches('/');
        let prefix_is_right = prefix.is_empty()
            || prefix.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control));
        if !bucket_is_right || !prefix_is_right {
            return Err(wrong());
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { bucket: bucket.to_owned(), prefix })
    }
}

/// A bucket and the client for it.
#[derive(Debug, Clone)]
struct Bucket {
    service: Service,
    location: S3Location,
    /// Use path-style URLs: the bucket is part of the path, not of the host name.
    in_path: bool,
}

impl Bucket {
    async fn connect(location: &S3Location, env: &(dyn Env + Sync)) -> Result<Self, String> {
        let bucket = &location.bucket;
        // A bucket name with dots does not match the TLS certificate, and S3-compatible services may not resolve bucket
        // names.
        let in_path = own_endpoint("s3", env).is_some() || bucket.contains('.');
        let host = |region: &str| {
            let host = host("s3", region);
            if in_path { host } else { format!("{bucket}.{host}") }
        };
        Ok(Self { service: Service::connect("s3", env, host).await?, location: location.clone(), in_path })
    }

    /// The encoded path of an asset; `None` if it exceeds the length of a key.
    fn path(&self, asset: &str) -> Option<String> {
        let key = format!("{}{asset}", self.location.prefix);
        if key.len() > MAX_KEY_BYTES {
            return None;
        }
        let key: Vec<_> = key.split('/').map(|part| utf8_percent_encode(part, SEGMENT).to_string()).collect();
        let bucket = if self.in_path { format!("/{}", self.location.bucket) } else { String::new() };
        Some(format!("{bucket}/{}", key.join("/")))
    }

    async fn get(&self, asset: &str) -> Result<Option<Asset>, StoreError> {
        let Some(path) = self.path(asset) else { return Ok(None) };
        let call =
            Call { method: Method::GET, path, headers: Vec::new(), body: Vec::new(), max_bytes: MAX_ASSET_BYTES };
        match self.service.send(&call, READING).await {
            Ok((_, body)) => Ok(Some(Asset::new(body.into()))),
            Err(Failure::Service { status: 404, ref code, .. }) if code != "NoSuchBucket" => Ok(None),
            Err(failure @ Failure::Service { status: 200, .. }) => Err(StoreError::corrupt(failure)),
            Err(failure) => Err(StoreError::Unavailable(self.hint(failure))),
        }
    }

    async fn put(&self, asset: &str, body: &[u8]) -> Result<(), Source> {
        let path = self.path(asset).ok_or("the key is too long")?;
        let headers =
            vec![("content-type", content_type(asset).to_owned()), ("cache-control", cache_control(asset).to_owned())];
        let body = body.to_vec();
        let call = Call { method: Method::PUT, path, headers, body, max_bytes: MAX_ASSET_BYTES };
        self.service.send(&call, WRITING).await.map(|_| ()).map_err(|failure| self.hint(failure))
    }

    /// Adds the required permissions to an access error. S3 also answers 403 for a missing key if the caller may not
    /// list the bucket.
    fn hint(&self, failure: Failure) -> Source {
        match failure {
            Failure::Service { status: 403, .. } => format!(
                "{NAME}: access to {} denied. Reading needs s3:GetObject and s3:ListBucket, uploading needs s3:PutObject: {failure}",
                self.location
            )
            .into(),
            failure @ Failure::Service { .. } => format!("{NAME}: {}: {failure}", self.location).into(),
            failure @ Failure::NoResponse { .. } => failure.into(),
        }
    }
}

/// Assets in a bucket, cached in this process.
pub struct S3Assets {
    bucket: Bucket,
    cache: Cache<String, Option<Asset>>,
}

impl fmt::Debug for S3Assets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Assets").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl S3Assets {
    /// Assets at a location, with this process's credentials and region. Makes no request yet.
    ///
    /// # Errors
    /// What is missing, with its variable.
    pub async fn connect(location: &S3Location, env: &(dyn Env + Sync)) -> Result<Self, String> {
        let bucket = Bucket::connect(location, env).await.map_err(|reason| format!("{NAME}: {reason}"))?;
        let weight = |path: &String, asset: &Option<Asset>| {
            let bytes = ENTRY_BYTES + path.len() + asset.as_ref().map_or(0, |asset| asset.body.len());
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(CACHE_BYTES).weigher(weight).time_to_live(FRESH).build();
        Ok(Self { bucket, cache })
    }
}

#[async_trait]
impl AssetStore for S3Assets {
    async fn find_asset(&self, path: &str) -> Result<Option<Asset>, StoreError> {
        let found = self.cache.try_get_with_by_ref(path, self.bucket.get(path)).await;
        found.map_err(|error: Arc<StoreError>| match &*error {
            StoreError::Corrupt(_) => StoreError::Corrupt(Box::new(Shared(error))),
            _ => StoreError::Unavailable(Box::new(Shared(error))),
        })
    }
}

#[async_trait]
impl AssetWriter for S3Assets {
    async fn write_asset(&self, path: &str, body: Bytes) -> Result<(), StoreError> {
        self.bucket.put(path, &body).await.map_err(StoreError::Unavailable)
    }
}

/// An error that is returned to every caller that waited for the same file.
#[derive(Debug)]
struct Shared(Arc<StoreError>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot read an asset from S3")
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}

/// Where the assets of a process are, and where it writes those of operators.
pub struct OpenAssets {
    /// All assets.
    pub store: Arc<dyn AssetStore>,
    /// The place for uploaded pictures, if there is one.
    pub writer: Option<Arc<dyn AssetWriter>>,
}

/// Opens the configured asset store. The binary has no place for pictures.
///
/// # Errors
/// See [`S3Assets::connect`].
pub async fn open_assets(config: &AssetsConfig, env: &(dyn Env + Sync)) -> Result<OpenAssets, String> {
    Ok(match config {
        AssetsConfig::Embedded => OpenAssets { store: Arc::new(EmbeddedAssets), writer: None },
        AssetsConfig::S3(location) => {
            let assets = Arc::new(S3Assets::connect(location, env).await?);
            OpenAssets { store: assets.clone(), writer: Some(assets) }
        }
    })
}

/// Result of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uploaded {
    /// Number of files.
    pub files: usize,
    /// Total size in bytes.
    pub bytes: usize,
}

/// Why an upload stopped. Files uploaded before are kept; a second run uploads all of them again.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Region, endpoint, or credentials are missing.
    #[error("{0}")]
    NoClient(String),
    /// S3 rejected a file.
    #[error("{path} could not be uploaded to {location}")]
    NotPut {
        /// The file.
        path: String,
        /// Destination.
        location: S3Location,
        /// Reason.
        #[source]
        source: Source,
    },
}

/// Uploads the binary's own assets with their content types and cache lifetimes; calls the callback for each.
///
/// # Errors
/// [`UploadError`].
pub async fn upload(
    location: &S3Location,
    env: &(dyn Env + Sync),
    mut done: impl FnMut(&NamedAsset),
) -> Result<Uploaded, UploadError> {
    let bucket = Bucket::connect(location, env).await.map_err(UploadError::NoClient)?;
    let mut uploaded = Uploaded { files: 0, bytes: 0 };
    for named in EmbeddedAssets.all() {
        bucket.put(&named.path, &named.asset.body).await.map_err(|source| UploadError::NotPut {
            path: named.path.clone(),
            location: location.clone(),
            source,
        })?;
        uploaded = Uploaded { files: uploaded.files + 1, bytes: uploaded.bytes + named.asset.body.len() };
        done(&named);
    }
    Ok(uploaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_bucket_and_a_prefix() {
        for (text, bucket, prefix) in [
            ("s3://shop-assets", "shop-assets", ""),
            ("s3://shop-assets/", "shop-assets", ""),
            ("s3://shop.assets/prod/v1/", "shop.assets", "prod/v1/"),
        ] {
            let expected = S3Location { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "shop",
            "s3:/x",
            "s3://",
            "s3://ab",
            "s3://Shop",
            "s3://a_b_c",
            "s3://-ab",
            "s3://shop/a//b",
            "s3://shop/../x",
            "https://shop/x",
        ] {
            let problem = S3Location::from_str(text).expect_err(text);
            assert!(problem.contains("s3://bucket/prefix"), "{problem}");
        }
    }
}
