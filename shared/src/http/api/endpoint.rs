//! One declaration per use case. An entry of [`endpoints!`] names method, path, use case, command and response type; the macro
//! derives the handler, the route, the OpenAPI operation and the typed client's call.

use axum::extract::{FromRequestParts as _, Path, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shopease_shop::ShopError;
use shopease_shop::domain::Subject;
use utoipa::ToSchema;

use super::parts::{BodyPart as _, Key, Named, Parts, PathPart as _, Wire};
use super::wire::Out;
use crate::http::App;
use crate::http::extract::{cacheable_json, client_key, private_json, query_of};
use crate::http::problem::Problem;

/// The response of an endpoint.
pub trait Answer: Sized + Send {
    /// The result of the use case.
    type Value: Send;

    /// Converts the result into the response; `listing` is that of the command.
    fn of_value(value: Self::Value, listing: &str) -> Self;

    /// Parses the response.
    ///
    /// # Errors
    /// [`serde_json::Error`] when it does not match the schema.
    fn read(body: &[u8]) -> Result<Self::Value, serde_json::Error>;

    /// The schema; `None` without a body.
    fn schema() -> Option<Named>;
}

impl<T: Out<Value: Send> + DeserializeOwned + ToSchema + Send> Answer for T {
    type Value = T::Value;

    fn of_value(value: Self::Value, _: &str) -> Self {
        Self::of(value)
    }

    fn read(body: &[u8]) -> Result<Self::Value, serde_json::Error> {
        serde_json::from_slice::<Self>(body).map(Self::value)
    }

    fn schema() -> Option<Named> {
        Some(Named::of::<T>())
    }
}

/// A response without a body.
pub struct NoContent;

impl Answer for NoContent {
    type Value = ();

    fn of_value((): (), _: &str) -> Self {
        Self
    }

    fn read(_: &[u8]) -> Result<(), serde_json::Error> {
        Ok(())
    }

    fn schema() -> Option<Named> {
        None
    }
}

/// The context in which a response is built.
pub(in crate::http) struct Context<'a> {
    pub app: &'a App,
    pub headers: &'a HeaderMap,
}

/// 200 OK.
#[expect(clippy::unnecessary_wraps, reason = "same signature as the other response functions")]
pub(super) fn ok<T: Serialize>(_: &Context<'_>, answer: &T) -> Result<Response, Problem> {
    Ok(private_json(StatusCode::OK, answer))
}

/// 201 Created.
#[expect(clippy::unnecessary_wraps, reason = "same signature as the other response functions")]
pub(super) fn created<T: Serialize>(_: &Context<'_>, answer: &T) -> Result<Response, Problem> {
    Ok(private_json(StatusCode::CREATED, answer))
}

/// 200 or 304, the same for every caller.
pub(super) fn public<T: Serialize>(context: &Context<'_>, answer: &T) -> Result<Response, Problem> {
    Ok(cacheable_json(context.headers, answer)?)
}

/// 204 No Content.
#[expect(clippy::unnecessary_wraps, reason = "same signature as the other response functions")]
pub(super) fn no_content(_: &Context<'_>, _: &NoContent) -> Result<Response, Problem> {
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

/// Parses the command of a request: first the path, then query, key and body.
pub(in crate::http) async fn receive<C: Wire>(request: Request, app: &App) -> Result<C, Problem> {
    let (mut head, body) = request.into_parts();
    let path = match C::Path::DESCRIPTION {
        None => C::Path::read(""),
        Some(_) => {
            Path::<String>::from_request_parts(&mut head, app).await.ok().and_then(|Path(text)| C::Path::read(&text))
        }
    };
    let path = path.ok_or_else(|| Problem::from(ShopError::NotFound { subject: Subject::Page }))?;
    let query = query_of(&head)?;
    let key = client_key(&head.headers);
    let body = C::Body::read(Request::from_parts(head, body), app).await?;
    if C::KEY == Key::Required && key.is_none() {
        return Err(Problem::malformed("This request requires an Idempotency-Key header."));
    }
    C::read(Parts { path, query, body, key })
}

/// The declaration of an endpoint, for the OpenAPI document and the client.
pub struct Endpoint {
    /// Name of the operation.
    pub name: &'static str,
    /// Tag in the OpenAPI document.
    pub tag: &'static str,
    /// Request method.
    pub method: axum::http::Method,
    /// Path in axum's syntax.
    pub path: &'static str,
    /// Lines of the summary.
    pub summary: &'static [&'static str],
    /// Whether it depends on the caller.
    pub caller: bool,
    /// Statuses with their descriptions; statuses from 400 on are problems.
    pub responses: &'static [(u16, &'static str)],
    /// Derives the shape from its types.
    pub shape: fn() -> Shape,
}

/// The shape of requests and responses, derived from the types of an endpoint.
pub struct Shape {
    /// Description and schema of the path parameter.
    pub path: Option<(&'static str, Named)>,
    /// Query parameters.
    pub query: Vec<utoipa::openapi::path::Parameter>,
    /// Request body.
    pub body: Option<Named>,
    /// Content type of the request body.
    pub content_type: &'static str,
    /// Headers of the request body, with their descriptions.
    pub headers: &'static [(&'static str, &'static str)],
    /// Idempotency key.
    pub key: Key,
    /// Response body.
    pub answer: Option<Named>,
}

impl Shape {
    /// The shape of a command and its response.
    pub fn of<C: Wire, A: Answer>() -> Self {
        let query = <C::Query as utoipa::IntoParams>::into_params(|| Some(utoipa::openapi::path::ParameterIn::Query));
        let path = C::Path::DESCRIPTION.map(|description| (description, C::Path::schema()));
        Self {
            path,
            query,
            body: C::Body::schema(),
            content_type: C::Body::CONTENT_TYPE,
            headers: C::Body::HEADERS,
            key: C::KEY,
            answer: A::schema(),
        }
    }
}

/// Declares the endpoints of one service: routes, handlers, OpenAPI operations and the client's calls.
///
/// An entry contains: method, path, use case with its command (`for caller` if it depends on the caller), response type, load
/// class, the function that builds the response, and the statuses that do not follow from the types.
macro_rules! endpoints {
    (
        $service:ident in $field:ident, area $area:ident, tag $tag:literal;
        $(
            $(#[doc = $doc:literal])+
            $verb:ident $path:literal => $name:ident($command:ty) $(for $caller:ident)? -> $answer:ty {
                $class:ident, $respond:path, $answers:expr
            }
        )+
    ) => {
        /// The endpoints of this service.
        pub(in crate::http) static ENDPOINTS: &[$crate::http::api::endpoint::Endpoint] = &[
            $($crate::http::api::endpoint::Endpoint {
                name: stringify!($name),
                tag: $tag,
                method: $crate::http::routes::method::$verb,
                path: $path,
                summary: &[$($doc),+],
                caller: $crate::http::api::endpoint::has_caller!($($caller)?),
                responses: &$answers,
                shape: $crate::http::api::endpoint::Shape::of::<$command, $answer>,
            }),+
        ];

        /// Their routes.
        pub(in crate::http) static ROUTES: &[$crate::http::routes::Route] = &[
            $($crate::http::routes::Route {
                area: $crate::http::routes::Area::$area,
                surface: $crate::http::routes::Surface::Api,
                class: $crate::http::routes::Class::$class,
                method: $crate::http::routes::method::$verb,
                path: $path,
                service: || axum::routing::$verb(handlers::$name),
            }),+
        ];

        /// One handler per endpoint: parses the command, calls the use case, responds.
        mod handlers {
            use super::*;

            $(pub async fn $name(
                axum::extract::State(app): axum::extract::State<$crate::http::App>,
                $($caller: $crate::http::visitor::Visitor,)?
                request: axum::extract::Request,
            ) -> Result<axum::response::Response, $crate::http::Problem> {
                use $crate::http::api::endpoint::{Answer, Context, receive};
                use $crate::http::api::parts::Wire;

                let headers = request.headers().clone();
                let command = receive::<$command>(request, &app).await?;
                let listing = command.listing();
                let value = app.services.$field.$name($($caller.caller(), )? command).await?;
                let answer = <$answer as Answer>::of_value(value, &listing);
                $respond(&Context { app: &app, headers: &headers }, &answer)
            })+
        }

        #[cfg(feature = "remote")]
        #[async_trait::async_trait]
        impl shopease_shop::services::$service for $crate::client::RemoteShop {
            $(async fn $name(
                &self,
                $($caller: &shopease_shop::services::Caller,)?
                command: $command,
            ) -> shopease_shop::ShopResult<<$answer as $crate::http::api::endpoint::Answer>::Value> {
                let caller = $crate::http::api::endpoint::the_caller!($($caller)?);
                self.call::<$command, $answer>($crate::http::routes::method::$verb, $path, caller, command).await
            })+
        }
    };
}

/// Whether an entry has a caller.
macro_rules! has_caller {
    () => {
        false
    };
    ($caller:ident) => {
        true
    };
}

/// The caller of an entry, if it has one.
#[cfg(feature = "remote")]
macro_rules! the_caller {
    () => {
        None
    };
    ($caller:ident) => {
        Some($caller)
    };
}

#[cfg(feature = "remote")]
pub(super) use the_caller;
pub(super) use {endpoints, has_caller};
