//! Selects a store by configuration.

use std::sync::Arc;

use shopease_process::config::Reader;
use shopease_shop::ports::{Env, IdGenerator, SharedStore, StoreError};

/// The configured store.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    /// The embedded store in memory; its data ends with the process.
    #[cfg(feature = "embedded")]
    InMemory,
    /// The DynamoDB adapter on an engine in this process, with its data in one directory.
    #[cfg(feature = "embedded")]
    Embedded {
        /// The data directory.
        directory: std::path::PathBuf,
        /// Port on which the engine also serves other processes of this machine.
        port: Option<crate::embedded::EmbeddedPort>,
    },
    /// DynamoDB.
    #[cfg(feature = "dynamodb")]
    DynamoDb {
        /// Table name.
        table: String,
        /// Endpoint to use instead of AWS's, for example an engine on this machine.
        endpoint_url: Option<String>,
    },
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(Box<crate::postgres::DatabaseSettings>),
}

impl StoreConfig {
    /// Reads `SHOPEASE_STORE` (`embedded`, `dynamodb`, `postgres`; `default` if it is not set) and the variables of
    /// that store: `SHOPEASE_DATA_DIR`, `SHOPEASE_EMBEDDED_PORT` and `SHOPEASE_EMBEDDED_ACCESS_KEY`;
    /// `SHOPEASE_DYNAMODB_TABLE` and `SHOPEASE_DYNAMODB_ENDPOINT`; `SHOPEASE_DATABASE_*`. `None` if a problem was
    /// reported.
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
            known if ["embedded", "dynamodb", "postgres"].contains(&known) => {
                reader.problem(
                    "SHOPEASE_STORE",
                    format!("this build does not support this store; build with `--features {name}`"),
                );
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
    /// The same store for reading only: an embedded store without data is treated as empty, and its directory is not
    /// created.
    #[must_use]
    pub fn to_read(self) -> Self {
        match self {
            #[cfg(feature = "embedded")]
            Self::Embedded { directory, .. } if !crate::embedded::has_data(&directory) => Self::InMemory,
            other => other,
        }
    }
}

/// The embedded engine's port, if one is requested.
#[cfg(feature = "embedded")]
fn embedded_port(reader: &mut Reader<'_>) -> Option<crate::embedded::EmbeddedPort> {
    use crate::embedded::EmbeddedPort;
    let number = reader.optional("SHOPEASE_EMBEDDED_PORT")?;
    let access_key: Option<String> = reader.optional("SHOPEASE_EMBEDDED_ACCESS_KEY");
    let port = access_key.map(|access_key| EmbeddedPort { number, access_key });
    let port = port.unwrap_or_else(|| EmbeddedPort::with_random_key(number, &shopease_shop::ports::SystemIds));
    if !port.access_key.bytes().all(|byte| byte.is_ascii_alphanumeric()) || port.access_key.is_empty() {
        reader.problem("SHOPEASE_EMBEDDED_ACCESS_KEY", "must contain only letters and digits");
    }
    Some(port)
}

/// An open store, with everything that must live as long as the store.
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
    /// Creates the table or migrates the schema to this release.
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

    /// Checks that the store has its tables. A temporary failure is not an error here; the readiness check
    /// reports it.
    ///
    /// # Errors
    /// [`OpenError`] if the store needs [`OpenStore::migrate`] first, or its configuration is invalid.
    pub async fn check_tables(&self) -> Result<(), OpenError> {
        let Err(error @ StoreError::Corrupt(_)) = self.store.check().await else { return Ok(()) };
        #[cfg(feature = "postgres")]
        if let Some(problem) = crate::postgres::start_problem(&error) {
            return Err(OpenError::Database(problem));
        }
        Err(error.into())
    }

    /// Endpoint of the embedded engine for other processes of this machine, including its access key. `None` unless a
    /// port is configured.
    pub fn embedded_endpoint(&self) -> Option<String> {
        #[cfg(feature = "embedded")]
        return self.engine.as_ref().and_then(|engine| engine.endpoint_url().map(ToOwned::to_owned));
        #[cfg(not(feature = "embedded"))]
        None
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database is misconfigured: what is wrong, and which variable to correct.
    #[cfg(feature = "postgres")]
    #[error("{0}")]
    Database(String),
    /// All processes together may open more connections than the database allows.
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
/// [`OpenError`] if it cannot be reached, its directory is in use, or its connection limit is too low for the
/// deployment.
#[cfg_attr(not(feature = "_dynamodb"), expect(unused_variables, reason = "only the DynamoDB adapter needs randomness"))]
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
