//! One declaration per use case. The line in [`endpoints!`] names method, path, service, command and answer; the handler, the
//! route, the OpenAPI operation and the typed client's call follow from it. What a command looks like on the wire is its
//! [`Wire`] implementation, read by the server and written by the client.

use std::fmt::Display;
use std::future::Future;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequestParts as _, Path, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shopease_shop::domain::{Handle, LineItemId, OrderId, Subject};
use shopease_shop::ports::SIGNATURE_HEADER;
use shopease_shop::{ShopError, ShopResult};
use utoipa::ToSchema;

use super::super::App;
use super::super::extract::{cacheable_json, client_key, private_json, query_of, read_json, read_raw};
use super::super::problem::Problem;
use super::wire::Out;

/// Whether a request carries an `Idempotency-Key`. One that does may be repeated by whoever sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// No.
    None,
    /// If the client wants to.
    Optional,
    /// Always.
    Required,
}

/// How a command travels.
pub trait Wire: Sized + Send {
    /// Its part of the path.
    type Path: PathPart;
    /// Its query parameters.
    type Query: Serialize + DeserializeOwned + utoipa::IntoParams + Send;
    /// Its body.
    type Body: BodyPart;
    /// Its idempotency key.
    const KEY: Key = Key::None;

    /// The command of a request.
    ///
    /// # Errors
    /// The problem with the first part that does not read.
    fn read(parts: Parts<Self>) -> Result<Self, Problem>;

    /// The request of a command.
    fn write(self) -> Parts<Self>;

    /// For a listing: everything that decides about its rows but the position, by which a cursor belongs to it.
    fn listing(&self) -> String {
        String::new()
    }
}

/// A request's parts.
pub struct Parts<C: Wire> {
    /// From the path.
    pub path: C::Path,
    /// From the query.
    pub query: C::Query,
    /// From the body.
    pub body: C::Body,
    /// From the header `Idempotency-Key`.
    pub key: Option<String>,
}

/// No query parameters; those of other purposes are ignored.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct NoQuery {}

/// A part of a path.
pub trait PathPart: Sized + Send {
    /// What it is, for the API's description; `None` when the path has no parameter.
    const WHAT: Option<&'static str>;

    /// Reads the parameter; `None` when it cannot be the name of anything.
    fn read(text: &str) -> Option<Self>;

    /// The parameter.
    fn write(&self) -> Option<String>;
}

impl PathPart for () {
    const WHAT: Option<&'static str> = None;

    fn read(_: &str) -> Option<Self> {
        Some(())
    }

    fn write(&self) -> Option<String> {
        None
    }
}

macro_rules! path_parts {
    ($($type:ty = $what:literal),* $(,)?) => {
        $(impl PathPart for $type {
            const WHAT: Option<&'static str> = Some($what);

            fn read(text: &str) -> Option<Self> {
                parsed(text)
            }

            fn write(&self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}

path_parts!(Handle = "Name of the product in URLs.", LineItemId = "The line.", OrderId = "The order.");

fn parsed<T: FromStr + Display>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Commands that say nothing but that they are sent, or are all in the path.
macro_rules! without_body {
    ($command:ty) => {
        impl $crate::http::api::endpoint::Wire for $command {
            type Path = ();
            type Query = $crate::http::api::endpoint::NoQuery;
            type Body = $crate::http::api::endpoint::NoBody;

            fn read(_: $crate::http::api::endpoint::Parts<Self>) -> Result<Self, $crate::http::Problem> {
                Ok(Self)
            }

            fn write(self) -> $crate::http::api::endpoint::Parts<Self> {
                $crate::http::api::endpoint::Parts::of_path(())
            }
        }
    };
    ($command:ty, $field:ident: $path:ty) => {
        impl $crate::http::api::endpoint::Wire for $command {
            type Path = $path;
            type Query = $crate::http::api::endpoint::NoQuery;
            type Body = $crate::http::api::endpoint::NoBody;

            fn read(parts: $crate::http::api::endpoint::Parts<Self>) -> Result<Self, $crate::http::Problem> {
                Ok(Self { $field: parts.path })
            }

            fn write(self) -> $crate::http::api::endpoint::Parts<Self> {
                $crate::http::api::endpoint::Parts::of_path(self.$field)
            }
        }
    };
}

impl<C: Wire<Query = NoQuery, Body = NoBody>> Parts<C> {
    /// Of a request that is all in its path.
    pub fn of_path(path: C::Path) -> Self {
        Self { path, query: NoQuery {}, body: NoBody, key: None }
    }
}

impl<C: Wire<Path = (), Query = NoQuery>> Parts<C> {
    /// Of a request that is all in its body.
    pub fn of_body(body: C::Body) -> Self {
        Self { path: (), query: NoQuery {}, body, key: None }
    }
}

/// A body.
pub trait BodyPart: Sized + Send {
    /// Reads it.
    ///
    /// # Errors
    /// What [`Problem`] says of it.
    fn read(request: Request, app: &App) -> impl Future<Output = Result<Self, Problem>> + Send;

    /// Its bytes.
    ///
    /// # Errors
    /// [`ShopError::Internal`] when a value does not become JSON.
    fn write(self) -> ShopResult<RequestBody>;

    /// Its schema, with those it refers to; `None` without a body.
    fn schema() -> Option<Named>;
}

/// A body as it is sent.
#[derive(Debug, Default)]
pub struct RequestBody {
    /// The bytes; `None` without a body.
    pub json: Option<Vec<u8>>,
    /// A signature over them.
    pub signature: Option<String>,
}

/// A schema with its name and those it refers to.
pub struct Named {
    /// Its name; `None` for one that stands where it is used.
    pub name: Option<String>,
    /// Every named schema.
    pub schemas: Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
}

impl Named {
    /// That of a type.
    pub fn of<T: ToSchema>() -> Self {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        Self { name: Some(T::name().into_owned()), schemas }
    }
}

/// No body.
pub struct NoBody;

impl BodyPart for NoBody {
    async fn read(_: Request, _: &App) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn write(self) -> ShopResult<RequestBody> {
        Ok(RequestBody::default())
    }

    fn schema() -> Option<Named> {
        None
    }
}

/// A JSON object.
pub struct Json<T>(pub T);

impl<T: Serialize + DeserializeOwned + ToSchema + Send> BodyPart for Json<T> {
    async fn read(request: Request, app: &App) -> Result<Self, Problem> {
        read_json(request, app).await.map(Self)
    }

    fn write(self) -> ShopResult<RequestBody> {
        let json = serde_json::to_vec(&self.0).map_err(|error| ShopError::Internal(error.into()))?;
        Ok(RequestBody { json: Some(json), signature: None })
    }

    fn schema() -> Option<Named> {
        Some(Named::of::<T>())
    }
}

/// Bytes with a signature over them, in the payment provider's own header or in the shop's.
pub struct Signed {
    /// The signature.
    pub signature: Option<String>,
    /// The bytes.
    pub body: Bytes,
}

impl BodyPart for Signed {
    async fn read(request: Request, app: &App) -> Result<Self, Problem> {
        let headers = ["stripe-signature", SIGNATURE_HEADER];
        let found = headers.iter().find_map(|name| request.headers().get(*name));
        let signature = found.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Self { signature, body: read_raw(request, app).await? })
    }

    fn write(self) -> ShopResult<RequestBody> {
        Ok(RequestBody { json: Some(self.body.into()), signature: self.signature })
    }

    fn schema() -> Option<Named> {
        Some(Named { name: None, schemas: Vec::new() })
    }
}

/// What an endpoint answers with.
pub trait Answer: Sized + Send {
    /// What the use case gives.
    type Value: Send;

    /// The answer to a request; `listing` is that of its command.
    fn of_value(value: Self::Value, listing: &str) -> Self;

    /// Reads an answer.
    ///
    /// # Errors
    /// [`serde_json::Error`] for one of another shape.
    fn read(body: &[u8]) -> Result<Self::Value, serde_json::Error>;

    /// Its schema; `None` without a body.
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

/// An answer without a body.
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

/// What a response is made from, beside the answer.
pub(in crate::http) struct Context<'a> {
    pub app: &'a App,
    pub headers: &'a HeaderMap,
}

/// 200.
pub(super) fn ok<T: Serialize>(_: &Context<'_>, answer: &T) -> Result<Response, Problem> {
    Ok(private_json(StatusCode::OK, answer))
}

/// 201.
pub(super) fn created<T: Serialize>(_: &Context<'_>, answer: &T) -> Result<Response, Problem> {
    Ok(private_json(StatusCode::CREATED, answer))
}

/// 200 or 304, for everybody.
pub(super) fn public<T: Serialize>(context: &Context<'_>, answer: &T) -> Result<Response, Problem> {
    Ok(cacheable_json(context.headers, answer)?)
}

/// 204.
#[expect(clippy::unnecessary_wraps, reason = "as the other makers of responses")]
pub(super) fn no_content(_: &Context<'_>, _: &NoContent) -> Result<Response, Problem> {
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

/// Reads the command of a request: first the path, then query, key and body.
pub(in crate::http) async fn receive<C: Wire>(request: Request, app: &App) -> Result<C, Problem> {
    let (mut head, body) = request.into_parts();
    let path = match C::Path::WHAT {
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
        return Err(Problem::malformed("This request needs an Idempotency-Key header."));
    }
    C::read(Parts { path, query, body, key })
}

/// What a line of [`endpoints!`] says, for the API's description and the client.
pub struct Endpoint {
    /// Name of the operation.
    pub name: &'static str,
    /// Group in the description.
    pub tag: &'static str,
    /// Request method.
    pub method: axum::http::Method,
    /// Path in axum's syntax.
    pub path: &'static str,
    /// What it does, a line each.
    pub summary: &'static [&'static str],
    /// Whether it is for somebody: the caller's own, or an operator's.
    pub caller: bool,
    /// Answers with what each means; those from 400 on are problems.
    pub answers: &'static [(u16, &'static str)],
    /// Fills in what its types say.
    pub shape: fn() -> Shape,
}

/// What the types of an endpoint say.
pub struct Shape {
    /// Description of the path's parameter.
    pub path: Option<&'static str>,
    /// Query parameters.
    pub query: Vec<utoipa::openapi::path::Parameter>,
    /// The request's body.
    pub body: Option<Named>,
    /// The idempotency key.
    pub key: Key,
    /// The answer's body.
    pub answer: Option<Named>,
}

impl Shape {
    /// Of a command and its answer.
    pub fn of<C: Wire, A: Answer>() -> Self {
        let query = <C::Query as utoipa::IntoParams>::into_params(|| Some(utoipa::openapi::path::ParameterIn::Query));
        Self { path: C::Path::WHAT, query, body: C::Body::schema(), key: C::KEY, answer: A::schema() }
    }
}

/// Declares the endpoints of one service: routes, handlers, description and the client's calls.
///
/// A line reads: method, path, use case with its command (`for caller` when it is somebody's), what it answers with, the
/// class of its load, how its response is made, and the statuses that the types do not tell.
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
                answers: &$answers,
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

        /// One handler per endpoint: reads the command, calls the use case, answers.
        mod handlers {
            use super::*;

            $(pub async fn $name(
                axum::extract::State(app): axum::extract::State<$crate::http::App>,
                $($caller: $crate::http::visitor::Visitor,)?
                request: axum::extract::Request,
            ) -> Result<axum::response::Response, $crate::http::Problem> {
                use $crate::http::api::endpoint::{Answer, Context, Wire, receive};

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

/// Whether a line has a caller.
macro_rules! has_caller {
    () => {
        false
    };
    ($caller:ident) => {
        true
    };
}

/// The caller of a line, if it has one.
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
pub(super) use {endpoints, has_caller, without_body};
