//! How a command travels: its part of the path, its query, its body, its idempotency key. [`Wire`] says it in both directions,
//! the server reads and the client writes.

use std::fmt::Display;
use std::future::Future;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shopease_shop::domain::{Handle, LineItemId, OrderId};
use shopease_shop::ports::SIGNATURE_HEADER;
use shopease_shop::{ShopError, ShopResult};
use utoipa::ToSchema;

use crate::http::App;
use crate::http::extract::{read_json, read_raw};
use crate::http::problem::Problem;

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
        impl $crate::http::api::parts::Wire for $command {
            type Path = ();
            type Query = $crate::http::api::parts::NoQuery;
            type Body = $crate::http::api::parts::NoBody;

            fn read(_: $crate::http::api::parts::Parts<Self>) -> Result<Self, $crate::http::Problem> {
                Ok(Self)
            }

            fn write(self) -> $crate::http::api::parts::Parts<Self> {
                $crate::http::api::parts::Parts::of_path(())
            }
        }
    };
    ($command:ty, $field:ident: $path:ty) => {
        impl $crate::http::api::parts::Wire for $command {
            type Path = $path;
            type Query = $crate::http::api::parts::NoQuery;
            type Body = $crate::http::api::parts::NoBody;

            fn read(parts: $crate::http::api::parts::Parts<Self>) -> Result<Self, $crate::http::Problem> {
                Ok(Self { $field: parts.path })
            }

            fn write(self) -> $crate::http::api::parts::Parts<Self> {
                $crate::http::api::parts::Parts::of_path(self.$field)
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
pub(super) use without_body;
