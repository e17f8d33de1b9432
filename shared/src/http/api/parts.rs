//! The HTTP form of a command: path parameter, query, body and idempotency key. [`Wire`] defines it in both directions: the server
//! reads it and the client writes it.

use std::fmt::Display;
use std::future::Future;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shopease_shop::domain::{AddressId, Handle, LineItemId, OrderId, Picture, SessionId};
use shopease_shop::ports::SIGNATURE_HEADER;
use shopease_shop::{ShopError, ShopResult};
use utoipa::ToSchema;

use super::text;
use crate::http::extract::{read_json, read_raw, require_content_type};
use crate::http::problem::Problem;
use crate::http::{App, MAX_BODY_BYTES};

/// Whether a request has an `Idempotency-Key`. Requests with a key are safe to repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Never.
    None,
    /// If the client sends one.
    Optional,
    /// Always.
    Required,
}

/// The HTTP form of a command.
pub trait Wire: Sized + Send {
    /// Path parameter.
    type Path: PathPart;
    /// Query parameters.
    type Query: Serialize + DeserializeOwned + utoipa::IntoParams + Send;
    /// Body.
    type Body: BodyPart;
    /// Whether it has an idempotency key.
    const KEY: Key = Key::None;

    /// Parses the command of a request.
    ///
    /// # Errors
    /// The problem with the first invalid part.
    fn read(parts: Parts<Self>) -> Result<Self, Problem>;

    /// Converts the command into the parts of a request.
    fn write(self) -> Parts<Self>;

    /// For a listing: identifies its rows and their order, without the position. A cursor is valid only for the same listing.
    fn listing(&self) -> String {
        String::new()
    }
}

/// The parts of a request.
pub struct Parts<C: Wire> {
    /// Path parameter.
    pub path: C::Path,
    /// Query parameters.
    pub query: C::Query,
    /// Body.
    pub body: C::Body,
    /// Value of the `Idempotency-Key` header.
    pub key: Option<String>,
}

/// No query parameters; unknown ones are ignored.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct NoQuery {}

/// A path parameter.
pub trait PathPart: Sized + Send {
    /// Description in the OpenAPI document; `None` if the path has no parameter.
    const DESCRIPTION: Option<&'static str>;

    /// Schema in the OpenAPI document.
    fn schema() -> Named;

    /// Parses the parameter; `None` if it is invalid.
    fn read(text: &str) -> Option<Self>;

    /// The parameter as text.
    fn write(&self) -> Option<String>;
}

impl PathPart for () {
    const DESCRIPTION: Option<&'static str> = None;

    fn schema() -> Named {
        Named { name: None, schemas: Vec::new() }
    }

    fn read(_: &str) -> Option<Self> {
        Some(())
    }

    fn write(&self) -> Option<String> {
        None
    }
}

macro_rules! path_parts {
    ($($type:ident = $description:literal),* $(,)?) => {
        $(impl PathPart for $type {
            const DESCRIPTION: Option<&'static str> = Some($description);

            fn schema() -> Named {
                Named::of::<text::$type>()
            }

            fn read(text: &str) -> Option<Self> {
                parsed(text)
            }

            fn write(&self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}

path_parts!(
    AddressId = "ID of the address.",
    Handle = "Handle of the product.",
    LineItemId = "Line ID.",
    OrderId = "Order ID.",
    SessionId = "Session ID."
);

fn parsed<T: FromStr + Display>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Implements [`Wire`] for commands whose fields are those of a JSON body.
macro_rules! json_body {
    ($command:ty as $body:ident { $($field:ident),* $(,)? }) => {
        impl $crate::http::api::parts::Wire for $command {
            type Path = ();
            type Query = $crate::http::api::parts::NoQuery;
            type Body = $crate::http::api::parts::Json<$body>;

            fn read(parts: $crate::http::api::parts::Parts<Self>) -> Result<Self, $crate::http::Problem> {
                let $crate::http::api::parts::Json($body { $($field),* }) = parts.body;
                Ok(Self { $($field),* })
            }

            fn write(self) -> $crate::http::api::parts::Parts<Self> {
                let Self { $($field),* } = self;
                $crate::http::api::parts::Parts::of_body($crate::http::api::parts::Json($body { $($field),* }))
            }
        }
    };
}
pub(super) use json_body;

/// Implements [`Wire`] for commands that have at most a path parameter.
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
    /// A request with a path parameter only.
    pub fn of_path(path: C::Path) -> Self {
        Self { path, query: NoQuery {}, body: NoBody, key: None }
    }
}

impl<C: Wire<Path = (), Query = NoQuery>> Parts<C> {
    /// A request with a body only.
    pub fn of_body(body: C::Body) -> Self {
        Self { path: (), query: NoQuery {}, body, key: None }
    }
}

/// A request body.
pub trait BodyPart: Sized + Send {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Problem`] when the body is invalid.
    fn read(request: Request, app: &App) -> impl Future<Output = Result<Self, Problem>> + Send;

    /// Serializes the body.
    ///
    /// # Errors
    /// [`ShopError::Internal`] when serialization fails.
    fn write(self) -> ShopResult<RequestBody>;

    /// The schema with its dependencies; `None` without a body.
    fn schema() -> Option<Named>;

    /// Headers that belong to the body, with their descriptions.
    const HEADERS: &'static [(&'static str, &'static str)] = &[];
    /// Content type of the body.
    const CONTENT_TYPE: &'static str = "application/json";
}

/// A serialized body.
#[derive(Debug, Default)]
pub struct RequestBody {
    /// The bytes; `None` without a body.
    pub bytes: Option<Bytes>,
    /// Signature over the bytes.
    pub signature: Option<String>,
    /// `If-Match` header.
    pub if_match: Option<String>,
}

/// A schema with its name and its dependencies.
pub struct Named {
    /// Name; `None` for an inline schema.
    pub name: Option<String>,
    /// The schema and its dependencies by name.
    pub schemas: Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
}

impl Named {
    /// The schema of a type.
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
        Ok(RequestBody { bytes: Some(json.into()), ..RequestBody::default() })
    }

    fn schema() -> Option<Named> {
        Some(Named::of::<T>())
    }
}

/// A signed body. The signature is in the payment provider's own header or in the shop's.
pub struct Signed {
    /// The signature.
    pub signature: Option<String>,
    /// The bytes.
    pub body: Bytes,
}

impl BodyPart for Signed {
    const HEADERS: &'static [(&'static str, &'static str)] =
        &[("Stripe-Signature", "Signature of Stripe."), ("Shopease-Signature", "Signature of the `fake` provider.")];

    async fn read(request: Request, app: &App) -> Result<Self, Problem> {
        let headers = ["stripe-signature", SIGNATURE_HEADER];
        let found = headers.iter().find_map(|name| request.headers().get(*name));
        let signature = found.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Self { signature, body: read_raw(request, app, MAX_BODY_BYTES).await? })
    }

    fn write(self) -> ShopResult<RequestBody> {
        Ok(RequestBody { bytes: Some(self.body), signature: self.signature, if_match: None })
    }

    fn schema() -> Option<Named> {
        Some(Named { name: None, schemas: Vec::new() })
    }
}

/// A file.
pub struct File(pub Bytes);

impl BodyPart for File {
    const CONTENT_TYPE: &'static str = "application/octet-stream";

    async fn read(request: Request, app: &App) -> Result<Self, Problem> {
        require_content_type(request.headers(), Self::CONTENT_TYPE)?;
        read_raw(request, app, Picture::MAX_FILE_BYTES).await.map(Self)
    }

    fn write(self) -> ShopResult<RequestBody> {
        Ok(RequestBody { bytes: Some(self.0), ..RequestBody::default() })
    }

    fn schema() -> Option<Named> {
        Some(Named { name: None, schemas: Vec::new() })
    }
}
pub(super) use without_body;
