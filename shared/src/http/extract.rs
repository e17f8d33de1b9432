//! Extractors and responses shared by the handlers.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::MultipartError;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Multipart, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::visitor::Visitor;
use super::{App, MAX_BODY_BYTES, MAX_UPLOAD_BYTES};
use shopease_shop::ShopError;
use shopease_shop::domain::{Field, Format, RuleError, Subject};
use shopease_shop::ports::Asset;

/// Reads a JSON body: 415 for another content type, 413 if too large, 400 if it is not JSON, 422 if it does not match the
/// schema.
pub(super) async fn read_json<T: DeserializeOwned>(request: Request, app: &App) -> Result<T, Problem> {
    require_content_type(request.headers(), "application/json")?;
    let body = read_raw(request, app, MAX_BODY_BYTES).await?;
    let malformed = |error: &serde_json::Error| Problem::malformed("The body is not valid JSON.").with_hint(error);
    // Checks the syntax first: a wrong value must not hide a syntax error after it.
    serde_json::from_slice::<serde::de::IgnoredAny>(&body).map_err(|error| malformed(&error))?;
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(ShopError::from(RuleError::malformed(Field::Body, Format::JsonObject)).into());
    }
    serde_json::from_slice(&body).map_err(|error| {
        if error.is_data() {
            let rule = RuleError::malformed(Field::Body, Format::Schema);
            Problem::from(ShopError::from(rule)).with_hint(&error)
        } else {
            malformed(&error)
        }
    })
}

/// Reads the raw body: 413 if it is larger than `max_bytes`, or than its route accepts.
pub(super) async fn read_raw<S: Send + Sync>(request: Request, state: &S, max_bytes: usize) -> Result<Bytes, Problem> {
    let read = Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => too_large(max_bytes),
        _ => Problem::malformed("The body ended early."),
    });
    read.and_then(|body| if body.len() > max_bytes { Err(too_large(max_bytes)) } else { Ok(body) })
}

/// Largest form. The page repeats what was typed, escaped to up to five times its length, and a Lambda function behind a load
/// balancer can send at most 1 MB. The longest valid form is a checkout of about 16 KiB.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// A form of a page: 415, 413 and 400 as for JSON; 403 without the visitor's own form token.
pub(super) struct PageForm<T>(pub T);

#[derive(serde::Deserialize)]
struct FormToken {
    #[serde(default)]
    csrf: String,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for PageForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match PostedForm::<T>::from_request(request, state).await? {
            PostedForm::Current(form) => Ok(Self(form)),
            PostedForm::Stale(_) => Err(stale_form()),
        }
    }
}

/// The same for pages that show the form again with what was typed.
pub(super) enum PostedForm<T, const MAX_BYTES: usize = MAX_FORM_BYTES> {
    /// The visitor's own form.
    Current(T),
    /// Without the visitor's form token, or with one of an earlier session. It must have no effect.
    Stale(T),
}

/// Returns whether a form token is the visitor's.
pub(super) fn is_own_token(visitor: &Visitor, token: &str) -> bool {
    subtle::ConstantTimeEq::ct_eq(token.as_bytes(), visitor.csrf().as_bytes()).into()
}

/// The problem of a form without the visitor's token.
pub(super) fn stale_form() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "stale-form",
        "Form expired",
        "This form belongs to another session. Go back, reload the page and try again.",
    )
}

impl<S: Send + Sync, T: DeserializeOwned, const MAX_BYTES: usize> FromRequest<S> for PostedForm<T, MAX_BYTES> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_content_type(request.headers(), "application/x-www-form-urlencoded")?;
        let (mut parts, body) = request.into_parts();
        let Ok(visitor) = Visitor::from_request_parts(&mut parts, state).await;
        let body = read_raw(Request::from_parts(parts, body), state, MAX_BYTES).await?;
        if std::str::from_utf8(&body).is_err() || percent_encoding::percent_decode(&body).decode_utf8().is_err() {
            return Err(Problem::malformed("The form is not valid UTF-8."));
        }
        let malformed =
            |error: serde_urlencoded::de::Error| Problem::malformed("The form cannot be parsed.").with_hint(&error);
        let token: FormToken = serde_urlencoded::from_bytes(&body).map_err(malformed)?;
        let form = serde_urlencoded::from_bytes(&body).map_err(malformed);
        if is_own_token(&visitor, &token.csrf) {
            form.map(Self::Current)
        } else {
            form.map(Self::Stale).map_err(|_| stale_form())
        }
    }
}

/// A form that may contain a file named `file`. Its other fields have the limits of [`PostedForm`].
pub(super) struct FileForm<const MAX_BYTES: usize> {
    /// The fields.
    pub fields: PostedForm<Vec<(String, String)>, MAX_BYTES>,
    /// The file, if one was chosen.
    pub file: Option<Bytes>,
}

impl<S: Send + Sync, const MAX_BYTES: usize> FromRequest<S> for FileForm<MAX_BYTES> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if require_content_type(request.headers(), "multipart/form-data").is_err() {
            return Ok(Self { fields: PostedForm::from_request(request, state).await?, file: None });
        }
        let (mut parts, body) = request.into_parts();
        let Ok(visitor) = Visitor::from_request_parts(&mut parts, state).await;
        let mut form = Multipart::from_request(Request::from_parts(parts, body), state)
            .await
            .map_err(|error| Problem::malformed("The form cannot be parsed.").with_hint(&error))?;
        let malformed = |error: MultipartError| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(MAX_UPLOAD_BYTES),
            _ => Problem::malformed("The form cannot be parsed.").with_hint(&error),
        };
        let (mut fields, mut file, mut bytes) = (Vec::new(), None, 0);
        while let Some(field) = form.next_field().await.map_err(malformed)? {
            let name = field.name().unwrap_or_default().to_owned();
            let value = field.bytes().await.map_err(malformed)?;
            if name == "file" {
                // A browser sends an empty file if none was chosen.
                file = Some(value).filter(|file| !file.is_empty());
                continue;
            }
            bytes += name.len() + value.len();
            let value = String::from_utf8(value.into());
            fields.push((name, value.map_err(|_| Problem::malformed("The form is not valid UTF-8."))?));
        }
        if bytes > MAX_BYTES {
            return Err(too_large(MAX_BYTES));
        }
        let token = fields.iter().find(|(name, _)| name == "csrf").map_or("", |(_, value)| value.as_str());
        let fields =
            if is_own_token(&visitor, token) { PostedForm::Current(fields) } else { PostedForm::Stale(fields) };
        Ok(Self { fields, file })
    }
}

/// Query parameters: 400 if they cannot be parsed.
pub(super) struct ApiQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        query_of(parts).map(Self)
    }
}

/// Parses the query of a request: 400 if it cannot be parsed.
pub(super) fn query_of<T: DeserializeOwned>(parts: &Parts) -> Result<T, Problem> {
    let malformed =
        |error: &dyn std::fmt::Display| Problem::malformed("The query string cannot be parsed.").with_hint(&error);
    let pairs = parts.uri.query().unwrap_or_default();
    // The last value of a repeated parameter counts.
    let last: BTreeMap<String, String> = serde_urlencoded::from_str(pairs).map_err(|error| malformed(&error))?;
    let pairs = serde_urlencoded::to_string(last).map_err(|error| malformed(&error))?;
    serde_urlencoded::from_str(&pairs).map_err(|error| malformed(&error))
}

/// A path parameter: 404 if it cannot be parsed.
pub(super) struct ApiPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for ApiPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::<T>::from_request_parts(parts, state)
            .await
            .map(|Path(value)| Self(value))
            .map_err(|_| Problem::from(ShopError::NotFound { subject: Subject::Page }))
    }
}

/// Returns the `Idempotency-Key` header. Invalid UTF-8 becomes U+FFFD, which the validation of keys rejects.
pub(super) fn client_key(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

pub(super) fn require_content_type(headers: &HeaderMap, expected: &str) -> Result<(), Problem> {
    // As bytes: the parameters may contain anything.
    let found = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let media_type = found.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if media_type.eq_ignore_ascii_case(expected.as_bytes()) {
        Ok(())
    } else {
        Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "Unsupported media type",
            format!("Send the body as {expected}."),
        ))
    }
}

fn too_large(max_bytes: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-large",
        "Request too large",
        format!("The request body must not exceed {max_bytes} bytes."),
    )
}

/// A JSON response that must not be cached.
pub(super) fn private_json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(value)).into_response()
}

/// A public JSON response with an ETag: 304 if the client already has it.
pub(super) fn cacheable_json<T: Serialize>(request: &HeaderMap, value: &T) -> Result<Response, ShopError> {
    let body = serde_json::to_vec(value).map_err(|error| ShopError::Internal(error.into()))?;
    Ok(respond_with_etag(request, "application/json", "public, no-cache", Asset::new(body.into())))
}

/// A response with an ETag derived from the body. The ETag is weak because it covers the body in all content encodings.
pub(super) fn respond_with_etag(
    request: &HeaderMap,
    content_type: &'static str,
    cache_control: &'static str,
    asset: Asset,
) -> Response {
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&asset.digest[..16]));
    let known = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == "*" || known == tag);
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { asset.body.into_response() };
    let headers = response.headers_mut();
    if !known {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    // RFC 9110 requires it with 304 as well.
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&format!("W/{tag}")) {
        headers.insert(header::ETAG, etag);
    }
    response
}
