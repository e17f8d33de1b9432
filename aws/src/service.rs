//! Signed HTTP requests to an AWS service: credentials and region as the SDKs resolve them, a bounded number of
//! attempts.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, Url};
use serde_json::Value;
use shopease_process::retry::{Policy, TryError};
use shopease_shop::ports::{Clock as _, Env, Source, SystemClock, SystemIds};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// Connect timeout; all services are in the same region.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout of one attempt.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest pause before the second attempt; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Credentials that expire sooner than this are renewed.
const CREDENTIALS_LEFT: Duration = Duration::from_mins(1);
/// Largest error response that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Limits on the duration and attempts of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryLimits {
    pub tries: u32,
    pub in_all: Duration,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The service returned an error. Its message names resources and roles, never request content.
    #[error("{code} (status {status}): {message}")]
    Service { status: u16, code: String, message: String },
    /// No response, or none in time.
    #[error("{what}")]
    NoResponse {
        what: &'static str,
        #[source]
        source: Source,
    },
}

impl Failure {
    fn no_response(what: &'static str, source: impl Into<Source>) -> Self {
        Self::NoResponse { what, source: source.into() }
    }

    /// Whether a retry may succeed: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
    fn is_transient(&self) -> bool {
        match self {
            Self::Service { status, code, .. } => {
                matches!(status, 429 | 500..=599)
                    || code.contains("Throttl")
                    || matches!(
                        code.as_str(),
                        "RequestLimitExceeded" | "RequestTimeout" | "SlowDown" | "InternalServerError"
                    )
            }
            Self::NoResponse { .. } => true,
        }
    }
}

/// A request. The path is already encoded.
pub(crate) struct Call {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Largest response.
    pub max_bytes: usize,
}

/// An AWS service in a region.
#[derive(Clone)]
pub(crate) struct Service {
    /// Service name used in signatures.
    name: &'static str,
    region: String,
    endpoint: Url,
    http: Client,
    provider: SharedCredentialsProvider,
    credentials: Arc<Mutex<Option<Credentials>>>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("endpoint", &self.endpoint.as_str())
            .finish_non_exhaustive()
    }
}

impl Service {
    /// A service with this process's credentials and region. `host` returns the endpoint's host name for a region;
    /// `AWS_ENDPOINT_URL_<SERVICE>` or `AWS_ENDPOINT_URL` override it. Makes no request to the service.
    ///
    /// # Errors
    /// What is missing.
    pub async fn connect(
        name: &'static str,
        env: &(dyn Env + Sync),
        host: impl FnOnce(&str) -> String,
    ) -> Result<Self, String> {
        let sdk = sdk_config(env).await;
        let region = sdk.region().map(ToString::to_string).ok_or("no AWS region is configured; set AWS_REGION")?;
        let provider = sdk.credentials_provider().ok_or("no AWS credentials are configured")?;
        let endpoint: String = match own_endpoint(name, env) {
            Some(url) => url,
            None => format!("https://{}", host(&region)),
        };
        if endpoint.starts_with("https:") && !cfg!(feature = "https") {
            return Err(format!(
                "this build does not support TLS, which {endpoint} needs; build with `--features https`"
            ));
        }
        let endpoint = endpoint.parse().map_err(|error| format!("{endpoint:?} is not a URL: {error}"))?;
        let http =
            Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        let http = http.map_err(|error| error.to_string())?;
        Ok(Self { name, region, endpoint, http, provider, credentials: Arc::default() })
    }

    /// Sends a call; retries transient failures within `limits`. There is no retry budget, because calls are few:
    /// parameters are read when a process starts, and assets are cached.
    pub async fn send(&self, call: &Call, limits: RetryLimits) -> Result<(HeaderMap, Vec<u8>), Failure> {
        let deadline = Instant::now() + limits.in_all;
        let attempt = async || {
            let until = deadline.min(Instant::now() + TRY_TIMEOUT);
            let result = timeout_at(until, self.try_once(call)).await;
            let result = result.unwrap_or_else(|late| Err(Failure::no_response("request timed out", late)));
            result.map_err(|failure| TryError::transient_if(failure, Failure::is_transient))
        };
        let policy = Policy::new(limits.tries, FIRST_PAUSE).beginning_within(limits.in_all);
        policy.run(&SystemIds, attempt).await
    }

    async fn try_once(&self, call: &Call) -> Result<(HeaderMap, Vec<u8>), Failure> {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{}{}", self.endpoint.path().trim_end_matches('/'), call.path));
        let headers = self.signed(call, url.as_str()).await?;
        let request = self.http.request(call.method.clone(), url).headers(headers).body(call.body.clone());
        let broken = |error: reqwest::Error| Failure::no_response("the service cannot be reached", error.without_url());
        let response = request.send().await.map_err(broken)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if !response.status().is_success() {
            let body = read(response, MAX_ERROR_BYTES).await.map_err(broken)?.unwrap_or_default();
            return Err(service_error(status, &body));
        }
        match read(response, call.max_bytes).await.map_err(broken)? {
            Some(body) => Ok((headers, body)),
            None => Err(Failure::Service {
                status,
                code: "TooLarge".to_owned(),
                message: format!("the response has more than {} bytes", call.max_bytes),
            }),
        }
    }

    /// The call's headers, extended by the signature.
    async fn signed(&self, call: &Call, url: &str) -> Result<HeaderMap, Failure> {
        let not_signed = |error: Source| Failure::no_response("the request cannot be signed", error);
        let identity = self.credentials().await?.into();
        let mut settings = SigningSettings::default();
        if self.name == "s3" {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.name)
            .time(now())
            .settings(settings)
            .build()
            .map_err(|error| not_signed(error.into()))?
            .into();
        let own = call.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable = SignableRequest::new(call.method.as_str(), url, own.clone(), SignableBody::Bytes(&call.body));
        let signable = signable.map_err(|error| not_signed(error.into()))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| not_signed(error.into()))?.into_parts();
        let all = own.chain(instructions.headers()).map(|(name, value)| {
            let name = HeaderName::try_from(name).map_err(|error| not_signed(error.into()))?;
            Ok((name, HeaderValue::try_from(value).map_err(|error| not_signed(error.into()))?))
        });
        all.collect()
    }

    async fn credentials(&self) -> Result<Credentials, Failure> {
        let mut kept = self.credentials.lock().await;
        let needed_until = now() + CREDENTIALS_LEFT;
        if let Some(cached) = kept.as_ref().filter(|cached| cached.expiry().is_none_or(|end| end > needed_until)) {
            return Ok(cached.clone());
        }
        let fresh = self.provider.provide_credentials().await;
        let fresh = fresh.map_err(|error| Failure::no_response("cannot load AWS credentials", error))?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }
}

/// Region and credentials: environment variables first, then the rest of the SDK's default chain (task role, profiles).
pub(crate) async fn sdk_config(env: &(dyn Env + Sync)) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = env.var("AWS_REGION") {
        loader = loader.region(Region::new(region));
    }
    if let (Some(id), Some(secret)) = (env.var("AWS_ACCESS_KEY_ID"), env.var("AWS_SECRET_ACCESS_KEY")) {
        loader = loader.credentials_provider(Credentials::new(
            id,
            secret,
            env.var("AWS_SESSION_TOKEN"),
            None,
            "environment",
        ));
    }
    loader.load().await
}

/// A custom endpoint from the SDKs' variables.
pub(crate) fn own_endpoint(name: &str, env: &dyn Env) -> Option<String> {
    env.var(&format!("AWS_ENDPOINT_URL_{}", name.to_uppercase())).or_else(|| env.var("AWS_ENDPOINT_URL"))
}

/// The host of a service in a region. The China partition has its own domain.
pub(crate) fn host(name: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("{name}.{region}.{domain}")
}

fn now() -> SystemTime {
    SystemClock.now().into()
}

/// The body, or `None` if it is larger than `max_bytes`.
async fn read(mut response: Response, max_bytes: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > max_bytes {
            return Ok(None);
        }
    }
    Ok(Some(body))
}

/// Parses an error response: JSON from Parameter Store and SQS, XML from S3, anything from an intermediary.
fn service_error(status: u16, body: &[u8]) -> Failure {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(kind) = json["__type"].as_str() {
        // `com.amazonaws.ssm#ParameterNotFound` and `ParameterNotFound` mean the same.
        let code = kind.rsplit('#').next().unwrap_or_default().to_owned();
        // Some services write the name in upper case, some in both.
        let message = ["message", "Message"].into_iter().find_map(|name| json[name].as_str());
        return Failure::Service { status, code, message: message.unwrap_or_default().to_owned() };
    }
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
    };
    let code = element("Code").unwrap_or_else(|| "no code".to_owned());
    Failure::Service { status, code, message: element("Message").unwrap_or_else(|| "no message".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_both_protocols_are_read() {
        let json = br#"{"__type":"com.amazonaws.ssm#AccessDeniedException","Message":"not you"}"#;
        assert_eq!(service_error(400, json).to_string(), "AccessDeniedException (status 400): not you");
        let both = br#"{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"no","Message":"no"}"#;
        assert_eq!(service_error(400, both).to_string(), "ReceiptHandleIsInvalid (status 400): no");
        let xml = b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>";
        assert_eq!(service_error(404, xml).to_string(), "NoSuchKey (status 404): gone");
        assert_eq!(service_error(502, b"<html>").to_string(), "no code (status 502): no message");
    }

    #[test]
    fn only_transient_errors_are_retried() {
        let transient =
            |status, code: &str| service_error(status, format!(r#"{{"__type":"{code}"}}"#).as_bytes()).is_transient();
        assert!(transient(400, "ThrottlingException") && transient(503, "SlowDown") && transient(500, "InternalError"));
        assert!(
            !transient(400, "AccessDeniedException")
                && !transient(404, "NoSuchKey")
                && !transient(400, "ValidationException")
        );
    }

    #[test]
    fn china_has_its_own_domain() {
        assert_eq!(host("ssm", "eu-north-1"), "ssm.eu-north-1.amazonaws.com");
        assert_eq!(host("ssm", "cn-north-1"), "ssm.cn-north-1.amazonaws.com.cn");
    }
}
