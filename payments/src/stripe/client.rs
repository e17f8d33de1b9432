//! Sends a request to Stripe and interprets the response. Nothing in this module prints the key.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shopease_shop::ports::PaymentError;

use super::wire::{ApiError, ErrorBody};

/// Base URL of Stripe's API.
const BASE_URL: &str = "https://api.stripe.com";
/// The API version that this crate was written for. Accounts have their own default versions, so every request names
/// it.
const VERSION: &str = "2026-02-25.clover";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of a request, from the first byte sent to the last one read.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest response that is read. Intents have a few kilobytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

#[derive(Debug, Clone)]
pub(super) struct StripeClient {
    client: Client,
    base: Url,
    secret_key: SecretString,
}

/// Why a request returned no object.
#[derive(Debug)]
pub(super) enum Failure {
    /// The request may have been executed.
    Unknown(String),
    /// Stripe did not execute the request.
    Api { status: StatusCode, error: ApiError },
}

impl From<Failure> for PaymentError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unknown(reason) => Self::Unknown(reason),
            Failure::Api { status: StatusCode::NOT_FOUND, .. } => Self::NotFound,
            Failure::Api { error, .. } => Self::Refused { code: error.code() },
        }
    }
}

impl StripeClient {
    pub fn new(secret_key: SecretString) -> Result<Self, String> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A redirect would send a card's token, and perhaps the key, to another host.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("shopease/", env!("CARGO_PKG_VERSION")))
            .tcp_nodelay(true)
            .build()
            .map_err(|error| format!("cannot create the Stripe client: {error}"))?;
        let base = Url::parse(BASE_URL).map_err(|error| error.to_string())?;
        Ok(Self { client, base, secret_key })
    }

    /// Sets another base URL: only `https`, or `http` to this machine, because the key is part of every request.
    pub fn with_base_url(self, base_url: &str) -> Result<Self, String> {
        let base = Url::parse(base_url).map_err(|error| format!("Stripe's base URL is not a URL: {error}"))?;
        let local = base.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        if !base.has_host() || !(base.scheme() == "https" || base.scheme() == "http" && local) {
            return Err("Stripe's base URL must be https, or http to this machine".to_owned());
        }
        Ok(Self { base, ..self })
    }

    pub async fn get<T: DeserializeOwned>(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<T, Failure> {
        self.send(self.client.get(self.url(segments)).query(query)).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        key: &str,
        form: &(impl Serialize + ?Sized),
    ) -> Result<T, Failure> {
        self.send(self.client.post(self.url(segments)).header("Idempotency-Key", key).form(form)).await
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Every base URL has a host, so it has path segments. They are escaped.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(segments);
        }
        url
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        // `bearer_auth` marks the header as sensitive, so that it is not printed.
        let request = request.bearer_auth(self.secret_key.expose_secret()).header("Stripe-Version", VERSION);
        let response = request.send().await.map_err(|error| unknown(&error))?;
        let status = response.status();
        let body = read(response).await?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body)
                // serde's message is not used, because it quotes the response.
                .map_err(|_| Failure::Unknown("Stripe's response cannot be parsed".to_owned()));
        }
        let error = serde_json::from_slice::<ErrorBody>(&body).ok().map(|body| body.error);
        match (status, error) {
            (StatusCode::BAD_REQUEST | StatusCode::PAYMENT_REQUIRED, Some(error)) => {
                Err(Failure::Api { status, error })
            }
            // Stripe also returns 404 for an unknown URL, but without this code.
            (StatusCode::NOT_FOUND, Some(error)) if error.card.code.as_deref() == Some("resource_missing") => {
                Err(Failure::Api { status, error })
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                Err(Failure::Unknown(format!("Stripe rejected the secret key ({})", status.as_u16())))
            }
            (status, _) => Err(Failure::Unknown(format!("Stripe returned status {}", status.as_u16()))),
        }
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unknown(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(Failure::Unknown("Stripe's response is too long".to_owned()));
        }
    }
    Ok(body)
}

fn unknown(error: &reqwest::Error) -> Failure {
    let what = if error.is_connect() {
        "cannot connect to Stripe"
    } else if error.is_timeout() {
        "Stripe did not respond in time"
    } else {
        "the connection to Stripe was lost"
    };
    Failure::Unknown(what.to_owned())
}
