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
        /// On which the engine also serves other processes of this machine.
        port: Option<crate::embedded::EmbeddedPort>,
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
    /// `SHOPEASE_DATA_DIR`, `SHOPEASE_EMBEDDED_PORT` and `SHOPEASE_EMBEDDED_ACCESS_KEY`; `SHOPEASE_DYNAMODB_TABLE` and `SHOPEASE_DYNAMODB_ENDPOINT`;
    /// `SHOPEASE_DATABASE_*`. `None` when a problem was noted.
    pub fn read(reader: &mut Reader<'_>, default: &str) -> Option<Self> {
        let name = reader.or("SHOPEASE_STORE", default.to_owned());
        match name.as_str() {
            #[cfg(feature = "embedded")]
            "embedded" => Some(Self::Embedded {
                directory: reader.or("SHOPEASE_DATA_DIR", "data".into()),
                port: embedded_port(reader),
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
            #[cfg(not(all(feature = "embedded", feature = "dynamodb", feature = "postgres")))]
            "embedded" | "dynamodb" | "postgres" => {
                reader
                    .problem("SHOPEASE_STORE", format!("this build has no such store: build with `--features {name}`"));
                None
            }
            _ => {
                let problem = format!("{name:?} is neither `embedded` nor `dynamodb` nor `postgres`");
                reader.problem("SHOPEASE_STORE", problem);
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

/// The embedded engine's port, if it is asked for.
#[cfg(feature = "embedded")]
fn embedded_port(reader: &mut Reader<'_>) -> Option<crate::embedded::EmbeddedPort> {
    use crate::embedded::EmbeddedPort;
    let number = reader.optional("SHOPEASE_EMBEDDED_PORT")?;
    let access_key: Option<String> = reader.optional("SHOPEASE_EMBEDDED_ACCESS_KEY");
    let port = access_key.map(|access_key| EmbeddedPort { number, access_key });
    let port = port.unwrap_or_else(|| EmbeddedPort::with_random_key(number, &shopease_shop::ports::SystemIds));
    if !port.access_key.bytes().all(|byte| byte.is_ascii_alphanumeric()) || port.access_key.is_empty() {
        reader.problem("SHOPEASE_EMBEDDED_ACCESS_KEY", "must have letters and digits only");
    }
    Some(port)
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
    #[cfg(feature = "_dynamodb")]
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
            #[cfg(feature = "_dynamodb")]
            Kind::DynamoDb(store) => store.create_table().await,
            #[cfg(feature = "postgres")]
            Kind::Postgres(store) => store.migrate().await,
        }
    }

    /// Where other processes of this machine reach the embedded engine, with its access key; absent unless it was asked for.
    pub fn embedded_endpoint(&self) -> Option<String> {
        #[cfg(feature = "embedded")]
        return self.engine.as_ref().and_then(|engine| engine.endpoint_url().map(ToOwned::to_owned));
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
    /// The database cannot be used as it is set up: what is wrong, and which variable to correct.
    #[cfg(feature = "postgres")]
    #[error("{0}")]
    Database(String),
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
            crate::postgres::BudgetError::Store(error) => match crate::postgres::start_problem(&error) {
                Some(problem) => Self::Database(problem),
                None => Self::Store(error),
            },
        }
    }
}

/// Opens a store. The embedded one is ready to use; the others need [`OpenStore::migrate`] once.
///
/// # Errors
/// [`OpenError`] when it cannot be reached, its directory is in use, or it is too small for the deployment.
#[cfg_attr(not(feature = "_dynamodb"), expect(unused_variables, reason = "only that adapter needs randomness"))]
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
    port: Option<crate::embedded::EmbeddedPort>,
    env: &(dyn Env + Sync),
    ids: Arc<dyn IdGenerator>,
) -> Result<OpenStore, OpenError> {
    use crate::embedded::{EmbeddedConfig, EmbeddedDynamoDb};
    let engine = EmbeddedDynamoDb::start(&EmbeddedConfig { path, port }, env)
        .map_err(|error| StoreError::Unavailable(error.into()))?;
    let store = Arc::new(crate::dynamodb::DynamoDbStore::on_engine(&engine, "shopease", env, ids).await);
    if engine.is_new() {
        store.create_first_table().await?;
    } else {
        store.create_table().await?;
    }
    Ok(OpenStore { store: store.clone(), engine: Some(engine), kind: Kind::DynamoDb(store) })
}
