//! A service of AWS, asked by signed HTTP requests: credentials and region as the SDKs find them, a bounded number of tries.

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
use serde::Deserialize;
use shopease_process::retry::{Policy, TryError};
use shopease_shop::ports::{Clock as _, Env, Source, SystemClock, SystemIds};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// Longest wait for a connection: all of this is in the same region.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for an answer to one try.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest pause before the second try; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Credentials that end sooner are asked for anew.
const CREDENTIALS_LEFT: Duration = Duration::from_mins(1);
/// Largest answer that is read to learn an error from.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// How long a call may take, with all its tries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryLimits {
    pub tries: u32,
    pub in_all: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The service's own answer. Its text names resources and roles, never what was asked for.
    #[error("{code} (status {status}): {message}")]
    Refused { status: u16, code: String, message: String },
    /// No answer, or none in time.
    #[error("{what}")]
    NoAnswer {
        what: &'static str,
        #[source]
        source: Source,
    },
}

impl Failure {
    fn no_answer(what: &'static str, source: impl Into<Source>) -> Self {
        Self::NoAnswer { what, source: source.into() }
    }

    /// Whether another try may help: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
    fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                matches!(status, 429 | 500..=599)
                    || code.contains("Throttl")
                    || matches!(
                        code.as_str(),
                        "RequestLimitExceeded" | "RequestTimeout" | "SlowDown" | "InternalServerError"
                    )
            }
            Self::NoAnswer { .. } => true,
        }
    }
}

/// A request. The path is encoded already.
pub(crate) struct Call {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Largest answer.
    pub max_bytes: usize,
}

/// A service in a region.
#[derive(Clone)]
pub(crate) struct Service {
    /// As signatures name it.
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
    /// A service with the credentials and the region of this process. `host` is the endpoint's host name in a region;
    /// `AWS_ENDPOINT_URL_<SERVICE>` or `AWS_ENDPOINT_URL` replace it. Makes no request to the service.
    ///
    /// # Errors
    /// What is missing.
    pub async fn connect(
        name: &'static str,
        env: &(dyn Env + Sync),
        host: impl FnOnce(&str) -> String,
    ) -> Result<Self, String> {
        let sdk = sdk_config(env).await;
        let region = sdk.region().map(ToString::to_string).ok_or("no region is known: set AWS_REGION")?;
        let provider = sdk.credentials_provider().ok_or("no credentials are known")?;
        let endpoint: String = match own_endpoint(name, env) {
            Some(url) => url,
            None => format!("https://{}", host(&region)),
        };
        if endpoint.starts_with("https:") && !cfg!(feature = "https") {
            return Err(format!("this build has no TLS for {endpoint}: build with `--features https`"));
        }
        let endpoint = endpoint.parse().map_err(|error| format!("{endpoint:?} is no address: {error}"))?;
        let http =
            Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        let http = http.map_err(|error| error.to_string())?;
        Ok(Self { name, region, endpoint, http, provider, credentials: Arc::default() })
    }

    /// Sends a call, again after transient failures, within the limits. There is no retry budget: calls are few,
    /// because parameters are read when a process starts and assets through a cache.
    pub async fn send(&self, call: &Call, limits: RetryLimits) -> Result<(HeaderMap, Vec<u8>), Failure> {
        let deadline = Instant::now() + limits.in_all;
        let attempt = async || {
            let until = deadline.min(Instant::now() + TRY_TIMEOUT);
            let answer = timeout_at(until, self.try_once(call)).await;
            let answer = answer.unwrap_or_else(|late| Err(Failure::no_answer("no answer in time", late)));
            answer.map_err(|failure| TryError::transient_if(failure, Failure::is_transient))
        };
        let policy = Policy::new(limits.tries, FIRST_PAUSE).beginning_within(limits.in_all);
        policy.run(&SystemIds, attempt).await
    }

    async fn try_once(&self, call: &Call) -> Result<(HeaderMap, Vec<u8>), Failure> {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{}{}", self.endpoint.path().trim_end_matches('/'), call.path));
        let headers = self.signed(call, url.as_str()).await?;
        let request = self.http.request(call.method.clone(), url).headers(headers).body(call.body.clone());
        let broken = |error: reqwest::Error| Failure::no_answer("the service cannot be reached", error.without_url());
        let response = request.send().await.map_err(broken)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if !response.status().is_success() {
            let body = read(response, MAX_ERROR_BYTES).await.map_err(broken)?.unwrap_or_default();
            return Err(refusal(status, &body));
        }
        match read(response, call.max_bytes).await.map_err(broken)? {
            Some(body) => Ok((headers, body)),
            None => Err(Failure::Refused {
                status,
                code: "TooLarge".to_owned(),
                message: format!("the answer has more than {} bytes", call.max_bytes),
            }),
        }
    }

    /// The call's headers with those that prove who asks.
    async fn signed(&self, call: &Call, url: &str) -> Result<HeaderMap, Failure> {
        let not_signed = |error: Source| Failure::no_answer("the request cannot be signed", error);
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
        if let Some(known) = kept.as_ref().filter(|known| known.expiry().is_none_or(|end| end > needed_until)) {
            return Ok(known.clone());
        }
        let fresh = self.provider.provide_credentials().await;
        let fresh = fresh.map_err(|error| Failure::no_answer("this process has no credentials of AWS", error))?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }
}

/// Region and credentials: those of the environment first, as every SDK does, then the rest of its chain (the task's role, profiles).
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

/// Another address than AWS's, as the SDKs read it.
pub(crate) fn own_endpoint(name: &str, env: &dyn Env) -> Option<String> {
    env.var(&format!("AWS_ENDPOINT_URL_{}", name.to_uppercase())).or_else(|| env.var("AWS_ENDPOINT_URL"))
}

/// The host of a service in a region: China's partition has a domain of its own.
pub(crate) fn host(name: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("{name}.{region}.{domain}")
}

fn now() -> SystemTime {
    SystemClock.now().into()
}

/// The body, unless it is larger.
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

#[derive(Deserialize)]
struct JsonError {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(alias = "Message", default)]
    message: String,
}

/// What an error says: JSON from Parameter Store, XML from S3, anything from what is in between.
fn refusal(status: u16, body: &[u8]) -> Failure {
    if let Ok(error) = serde_json::from_slice::<JsonError>(body) {
        // `com.amazonaws.ssm#ParameterNotFound` and `ParameterNotFound` are the same.
        let code = error.kind.rsplit('#').next().unwrap_or_default().to_owned();
        return Failure::Refused { status, code, message: error.message };
    }
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
    };
    let code = element("Code").unwrap_or_else(|| "no code".to_owned());
    Failure::Refused { status, code, message: element("Message").unwrap_or_else(|| "no message".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_both_protocols_are_read() {
        let json = br#"{"__type":"com.amazonaws.ssm#AccessDeniedException","Message":"not you"}"#;
        assert_eq!(refusal(400, json).to_string(), "AccessDeniedException (status 400): not you");
        let xml = b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>";
        assert_eq!(refusal(404, xml).to_string(), "NoSuchKey (status 404): gone");
        assert_eq!(refusal(502, b"<html>").to_string(), "no code (status 502): no message");
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let refused =
            |status, code: &str| refusal(status, format!(r#"{{"__type":"{code}"}}"#).as_bytes()).is_transient();
        assert!(refused(400, "ThrottlingException") && refused(503, "SlowDown") && refused(500, "InternalError"));
        assert!(
            !refused(400, "AccessDeniedException")
                && !refused(404, "NoSuchKey")
                && !refused(400, "ValidationException")
        );
    }

    #[test]
    fn china_has_its_own_domain() {
        assert_eq!(host("ssm", "eu-north-1"), "ssm.eu-north-1.amazonaws.com");
        assert_eq!(host("ssm", "cn-north-1"), "ssm.cn-north-1.amazonaws.com.cn");
    }
}
