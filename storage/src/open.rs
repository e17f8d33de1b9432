//! Choosing a store by configuration.

use std::sync::Arc;

use shopease_process::config::Reader;
use shopease_shop::ports::{Env, IdGenerator, SharedStore, StoreError};

/// Which store, and where.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    /// The same, gone with the process.
    #[cfg(feature = "embedded")]
    InMemory,
    /// The DynamoDB adapter on an engine in this process, kept in one directory.
    #[cfg(feature = "embedded")]
    Embedded {
        /// Where the data is.
        directory: std::path::PathBuf,
        /// Loopback port on which the engine also serves other processes of this machine; any free one if absent.
        port: Option<u16>,
    },
    /// DynamoDB.
    #[cfg(feature = "dynamodb")]
    DynamoDb {
        /// Table name.
        table: String,
        /// Another endpoint than AWS's, for example an engine on this machine.
        endpoint_url: Option<String>,
    },
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(Box<crate::postgres::DatabaseSettings>),
}

impl StoreConfig {
    /// Reads `SHOPEASE_STORE` (`embedded`, `dynamodb`, `postgres`; `default` if it is not set) and what belongs to it:
    /// `SHOPEASE_DATA_DIR` and `SHOPEASE_EMBEDDED_PORT`; `SHOPEASE_DYNAMODB_TABLE` and `SHOPEASE_DYNAMODB_ENDPOINT`;
    /// `SHOPEASE_DATABASE_*`. `None` when a problem was noted.
    pub fn read(reader: &mut Reader<'_>, default: &str) -> Option<Self> {
        let name = reader.or("SHOPEASE_STORE", default.to_owned());
        match name.as_str() {
            #[cfg(feature = "embedded")]
            "embedded" => Some(Self::Embedded {
                directory: reader.or("SHOPEASE_DATA_DIR", "data".into()),
                port: reader.optional("SHOPEASE_EMBEDDED_PORT"),
            }),
            #[cfg(feature = "dynamodb")]
            "dynamodb" => Some(Self::DynamoDb {
                table: reader.or("SHOPEASE_DYNAMODB_TABLE", "shopease".to_owned()),
                endpoint_url: reader.optional("SHOPEASE_DYNAMODB_ENDPOINT"),
            }),
            #[cfg(feature = "postgres")]
            "postgres" => {
                crate::postgres::DatabaseSettings::read(reader).map(|settings| Self::Postgres(settings.into()))
            }
            _ => {
                reader.problem("SHOPEASE_STORE", format!("{name:?} is not a store of this build"));
                None
            }
        }
    }
}

impl StoreConfig {
    /// The store to read from only: an embedded one that has no data yet is empty, and its directory is not created.
    #[must_use]
    pub fn to_read(self) -> Self {
        match self {
            #[cfg(feature = "embedded")]
            Self::Embedded { directory, .. } if !crate::embedded::has_data(&directory) => Self::InMemory,
            other => other,
        }
    }
}

/// A store that is open, with what must live as long as it does.
pub struct OpenStore {
    /// The store.
    pub store: SharedStore,
    #[cfg(feature = "embedded")]
    engine: Option<crate::embedded::EmbeddedDynamoDb>,
    kind: Kind,
}

enum Kind {
    #[cfg(feature = "dynamodb")]
    DynamoDb(Arc<crate::dynamodb::DynamoDbStore>),
    #[cfg(feature = "postgres")]
    Postgres(Arc<crate::postgres::PostgresStore>),
}

impl OpenStore {
    /// Creates the table or brings the schema up to date.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.kind {
            #[cfg(feature = "dynamodb")]
            Kind::DynamoDb(store) => store.create_table().await,
            #[cfg(feature = "postgres")]
            Kind::Postgres(store) => store.migrate().await,
        }
    }

    /// Where other processes of this machine reach the embedded engine.
    pub fn embedded_endpoint(&self) -> Option<String> {
        #[cfg(feature = "embedded")]
        return self.engine.as_ref().map(crate::embedded::EmbeddedDynamoDb::endpoint_url);
        #[cfg(not(feature = "embedded"))]
        None
    }
}

/// Why a store is not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// All processes together may open more connections than the database admits.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Budget(#[from] crate::postgres::BudgetExceeded),
}

#[cfg(feature = "postgres")]
impl From<crate::postgres::BudgetError> for OpenError {
    fn from(error: crate::postgres::BudgetError) -> Self {
        match error {
            crate::postgres::BudgetError::Exceeded(error) => Self::Budget(error),
            crate::postgres::BudgetError::Store(error) => Self::Store(error),
        }
    }
}

/// Opens a store. The embedded one is ready to use; the others need [`OpenStore::migrate`] once.
///
/// # Errors
/// [`OpenError`] when it cannot be reached, its directory is in use, or it is too small for the deployment.
#[cfg_attr(not(feature = "dynamodb"), expect(unused_variables, reason = "only that adapter needs randomness"))]
pub async fn open(
    config: StoreConfig,
    env: &(dyn Env + Sync),
    ids: Arc<dyn IdGenerator>,
) -> Result<OpenStore, OpenError> {
    match config {
        #[cfg(feature = "embedded")]
        StoreConfig::Embedded { directory, port } => {
            open_embedded(crate::embedded::EmbeddedPath::Directory(directory), port, env, ids).await
        }
        #[cfg(feature = "embedded")]
        StoreConfig::InMemory => open_embedded(crate::embedded::EmbeddedPath::InMemory, None, env, ids).await,
        #[cfg(feature = "dynamodb")]
        StoreConfig::DynamoDb { table, endpoint_url } => Ok(open_dynamodb(table, endpoint_url, env, ids).await?),
        #[cfg(feature = "postgres")]
        StoreConfig::Postgres(settings) => {
            let store = Arc::new(settings.open().await?);
            Ok(OpenStore {
                store: store.clone(),
                #[cfg(feature = "embedded")]
                engine: None,
                kind: Kind::Postgres(store),
            })
        }
    }
}

#[cfg(feature = "dynamodb")]
async fn open_dynamodb(
    table: String,
    endpoint_url: Option<String>,
    env: &(dyn Env + Sync),
    ids: Arc<dyn IdGenerator>,
) -> Result<OpenStore, StoreError> {
    use crate::dynamodb::{DynamoDbConfig, DynamoDbStore};
    let store = Arc::new(DynamoDbStore::connect(&DynamoDbConfig { table, endpoint_url }, env, ids).await);
    Ok(OpenStore {
        store: store.clone(),
        #[cfg(feature = "embedded")]
        engine: None,
        kind: Kind::DynamoDb(store),
    })
}

#[cfg(feature = "embedded")]
async fn open_embedded(
    path: crate::embedded::EmbeddedPath,
    port: Option<u16>,
    env: &(dyn Env + Sync),
    ids: Arc<dyn IdGenerator>,
) -> Result<OpenStore, OpenError> {
    use crate::embedded::{EmbeddedConfig, EmbeddedDynamoDb};
    let engine = EmbeddedDynamoDb::start(&EmbeddedConfig { path, port }, env)
        .map_err(|error| StoreError::Unavailable(error.into()))?;
    let mut open = open_dynamodb("shopease".to_owned(), Some(engine.endpoint_url()), env, ids).await?;
    match &open.kind {
        Kind::DynamoDb(store) if engine.is_new() => store.create_first_table().await?,
        _ => open.migrate().await?,
    }
    open.engine = Some(engine);
    Ok(open)
}
