//! The `If-Match` header: the version that a change is based on.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use shopease_shop::{ShopError, ShopResult};

use super::parts::{BodyPart, Named, RequestBody};
use crate::http::App;
use crate::http::problem::Problem;

/// A body with the version that the request is based on.
pub struct IfMatch<B> {
    /// Version of the subject.
    pub version: u64,
    /// The rest of the body.
    pub body: B,
}

/// Reads the header: 428 if it is missing or empty. An ETag that is no version, or a list, matches none.
fn version(headers: &HeaderMap) -> Result<u64, Problem> {
    let Some(tag) = headers.get(header::IF_MATCH).filter(|tag| !tag.is_empty()) else {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "precondition-required",
            "If-Match required",
            "This request requires an If-Match header with the ETag of the version that it is based on.",
        ));
    };
    let digits = tag.to_str().ok().and_then(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"'));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| ShopError::VersionChanged.into())
}

impl<B: BodyPart> BodyPart for IfMatch<B> {
    const HEADERS: &'static [(&'static str, &'static str)] =
        &[("If-Match", "ETag of the version that the request is based on. Required.")];
    const CONTENT_TYPE: &'static str = B::CONTENT_TYPE;

    async fn read(request: Request, app: &App) -> Result<Self, Problem> {
        let version = version(request.headers());
        // A malformed body is the first problem.
        let body = B::read(request, app).await?;
        Ok(Self { version: version?, body })
    }

    fn write(self) -> ShopResult<RequestBody> {
        Ok(RequestBody { if_match: Some(format!("\"{}\"", self.version)), ..self.body.write()? })
    }

    fn schema() -> Option<Named> {
        B::schema()
    }
}
