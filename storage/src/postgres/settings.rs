//! Database settings from the environment: `SHOPEASE_DATABASE_*`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
#[cfg(feature = "rds-iam")]
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use shopease_process::config::Reader;
use shopease_shop::ports::StoreError;
use sqlx::postgres::PgConnectOptions;

use super::{Budget, BudgetError, PostgresConfig, PostgresStore, Timeouts};

/// How a process authenticates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseLogin {
    /// With the password in the URL.
    Password,
    /// With IAM tokens.
    Iam {
        /// Region of the database.
        region: String,
    },
}

/// All database settings from the environment.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// Connection URL.
    pub url: SecretString,
    /// Connections of this process.
    pub max_connections: u32,
    /// PEM file with trusted CA certificates; if it is set, the server's certificate must match its host name.
    pub root_certificate: Option<PathBuf>,
    /// How to authenticate.
    pub login: DatabaseLogin,
    /// Connections that all processes together may open, if they are to be checked.
    pub budget: Option<Budget>,
    /// Timeouts of the start, of requests, and of statements.
    pub timeouts: Timeouts,
}

/// Connections of a task.
const OF_A_TASK: u32 = 16;
/// Connections of a Lambda execution environment, which serves one request at a time.
const OF_A_FUNCTION: u32 = 2;
/// How long a task or a command waits for a database that is busy or starting. A failover of RDS takes 60 to 120 s;
/// until then, ECS restarts the task.
const START_OF_A_TASK: Duration = Duration::from_secs(20);
/// A function tries once: its init phase has 10 s, and the next invocation tries again.
const START_OF_A_FUNCTION: Duration = Duration::ZERO;
/// Connections reserved for operators and migrations.
const RESERVED: u32 = 5;

const URL: &str = "SHOPEASE_DATABASE_URL";
const AUTH: &str = "SHOPEASE_DATABASE_AUTH";
const REGION: &str = "SHOPEASE_DATABASE_REGION";
const ROOT_CERTIFICATE: &str = "SHOPEASE_DATABASE_ROOT_CERTIFICATE";
const CONNECTIONS: &str = "SHOPEASE_DATABASE_CONNECTIONS";
const ACQUIRE_TIMEOUT: &str = "SHOPEASE_DATABASE_ACQUIRE_TIMEOUT_MS";
const TASKS: &str = "SHOPEASE_DATABASE_TASKS";
const LAMBDA_CONCURRENCY: &str = "SHOPEASE_DATABASE_LAMBDA_CONCURRENCY";
const PEER_CONNECTIONS: &str = "SHOPEASE_DATABASE_PEER_CONNECTIONS";
const RESERVED_CONNECTIONS: &str = "SHOPEASE_DATABASE_RESERVED_CONNECTIONS";

impl DatabaseSettings {
    /// Reads the variables. `None` if there is no URL, which is reported as a problem.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let is_function = reader.optional::<String>("AWS_LAMBDA_FUNCTION_NAME").is_some();
        let own = if is_function { OF_A_FUNCTION } else { OF_A_TASK };
        let max_connections = reader.optional(CONNECTIONS).map_or(own, NonZeroU32::get);
        let url: Option<String> = reader.required(URL);
        let root_certificate = root_certificate(reader);
        let login = login(reader, url.as_deref(), root_certificate.is_some());
        let budget = budget(reader, is_function, max_connections);
        let mut timeouts = Timeouts {
            start_timeout: if is_function { START_OF_A_FUNCTION } else { START_OF_A_TASK },
            ..Timeouts::default()
        };
        if let Some(milliseconds) = reader.optional(ACQUIRE_TIMEOUT).map(NonZeroU32::get) {
            timeouts.acquire_timeout = Duration::from_millis(milliseconds.into());
        }
        Some(Self { url: url?.into(), max_connections, root_certificate, login, budget, timeouts })
    }

    /// Connects, and checks the connection budget.
    pub(crate) async fn open(self) -> Result<PostgresStore, BudgetError> {
        let mut config = PostgresConfig {
            max_connections: self.max_connections,
            root_certificate: self.root_certificate,
            timeouts: self.timeouts,
            ..PostgresConfig::new(self.url)
        };
        if let DatabaseLogin::Iam { region } = &self.login {
            iam(&mut config, region).await?;
        }
        let store = PostgresStore::connect(&config).await?;
        if let Some(budget) = &self.budget {
            store.check_budget(budget).await?;
        } else {
            tracing::info!("{TASKS} and {LAMBDA_CONCURRENCY} are not set; the connection budget is not checked");
        }
        Ok(store)
    }
}

#[cfg(feature = "rds-iam")]
async fn iam(config: &mut PostgresConfig, region: &str) -> Result<(), StoreError> {
    use secrecy::ExposeSecret as _;
    let options = PgConnectOptions::from_str(config.url.expose_secret()).map_err(StoreError::corrupt)?;
    let (host, port, user) = (options.get_host(), options.get_port(), options.get_username());
    config.passwords = Some(Arc::new(super::IamTokens::of_process(host, port, user, region).await?));
    Ok(())
}

#[cfg(not(feature = "rds-iam"))]
#[expect(clippy::unused_async, reason = "same signature as with the feature")]
async fn iam(_: &mut PostgresConfig, _: &str) -> Result<(), StoreError> {
    Err(StoreError::corrupt("this build does not support IAM"))
}

enum Auth {
    Password,
    Iam,
}

impl FromStr for Auth {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "password" => Ok(Self::Password),
            "iam" if cfg!(feature = "rds-iam") => Ok(Self::Iam),
            "iam" => Err("this build does not support iam; build with the feature rds-iam"),
            _ => Err("must be `password` or `iam`"),
        }
    }
}

fn root_certificate(reader: &mut Reader<'_>) -> Option<PathBuf> {
    let file: PathBuf = reader.optional(ROOT_CERTIFICATE)?;
    if let Err(error) = std::fs::File::open(&file) {
        reader.problem(ROOT_CERTIFICATE, format!("{} cannot be read: {error}", file.display()));
    }
    Some(file)
}

fn login(reader: &mut Reader<'_>, url: Option<&str>, has_root_certificate: bool) -> DatabaseLogin {
    let region: Option<String> = reader.optional(REGION);
    // The value is not part of the message, because it contains a password.
    let is_url = |url: &str| {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        matches!(scheme, Some("postgres" | "postgresql")) && PgConnectOptions::from_str(url).is_ok()
    };
    if !url.is_none_or(is_url) {
        reader.problem(URL, "is not a PostgreSQL URL such as postgres://user:password@host:5432/database");
    }
    let iam = match reader.or(AUTH, Auth::Password) {
        Auth::Iam => true,
        Auth::Password => false,
    };
    if !iam {
        // The variable would have no effect. An invalid value of AUTH is reported separately.
        if region.is_some() && reader.optional::<String>(AUTH).is_none_or(|auth| auth == "password") {
            reader.problem(REGION, format!("is used only with {AUTH}=iam"));
        }
        return DatabaseLogin::Password;
    }
    if let Some(url) = url {
        match user_and_password(url) {
            (Some(_), false) => {}
            (None, _) => reader.problem(URL, format!("must contain the user with {AUTH}=iam")),
            (Some(_), true) => reader.problem(URL, format!("must not contain a password with {AUTH}=iam")),
        }
    }
    if !has_root_certificate && reader.optional::<String>(ROOT_CERTIFICATE).is_none() {
        reader.problem(
            ROOT_CERTIFICATE,
            format!("is required with {AUTH}=iam, because a token must not be sent unencrypted"),
        );
    }
    // Lambda and Fargate set their region; any other region must be configured.
    let Some(region) = region.or_else(|| reader.optional("AWS_REGION")) else {
        reader.problem(REGION, format!("is required with {AUTH}=iam"));
        return DatabaseLogin::Iam { region: String::new() };
    };
    DatabaseLogin::Iam { region }
}

/// The user of a URL, and whether it contains a password.
fn user_and_password(url: &str) -> (Option<&str>, bool) {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let authority = address.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let parameter = |name: &str| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let user = Some(user).filter(|user| !user.is_empty()).or_else(|| parameter("user"));
    (user, !password.is_empty() || parameter("password").is_some())
}

fn budget(reader: &mut Reader<'_>, is_function: bool, own: u32) -> Option<Budget> {
    let (tasks, lambda_concurrency) = (reader.optional(TASKS), reader.optional(LAMBDA_CONCURRENCY));
    let peers: Option<u32> = reader.optional::<NonZeroU32>(PEER_CONNECTIONS).map(NonZeroU32::get);
    let reserved: Option<u32> = reader.optional(RESERVED_CONNECTIONS);
    let (own_kind, own_count, peer_count) =
        if is_function { (LAMBDA_CONCURRENCY, lambda_concurrency, tasks) } else { (TASKS, tasks, lambda_concurrency) };
    if own_count.is_none() {
        let others = [
            (if is_function { TASKS } else { LAMBDA_CONCURRENCY }, peer_count.is_some()),
            (PEER_CONNECTIONS, peers.is_some()),
            (RESERVED_CONNECTIONS, reserved.is_some()),
        ];
        for (name, _) in others.into_iter().filter(|(_, set)| *set) {
            reader.problem(name, format!("requires {own_kind}, which counts this process"));
        }
        return None;
    }
    if own_count == Some(0) {
        reader.problem(own_kind, "must be at least 1, because it counts this process");
    }
    if peers.is_some() && peer_count.is_none() {
        let peer_kind = if is_function { TASKS } else { LAMBDA_CONCURRENCY };
        reader.problem(PEER_CONNECTIONS, format!("requires {peer_kind}"));
    }
    let of_peer = peers.unwrap_or(if is_function { OF_A_TASK } else { OF_A_FUNCTION });
    let (task_connections, lambda_connections) = if is_function { (of_peer, own) } else { (own, of_peer) };
    Some(Budget {
        tasks: tasks.unwrap_or(0),
        task_connections,
        lambda_concurrency: lambda_concurrency.unwrap_or(0),
        lambda_connections,
        reserved: reserved.unwrap_or(RESERVED),
    })
}

#[cfg(test)]
mod tests {
    use shopease_shop::testing::MapEnv;

    use super::*;

    const LOCAL: &str = "postgres://shop:hunter2@db.example/shop";
    const IAM_URL: &str = "postgres://shop@db.example/shop";

    type Variables<'a> = &'a [(&'a str, &'a str)];

    fn read(variables: Variables) -> (Option<DatabaseSettings>, Vec<String>) {
        let env = variables.iter().fold(MapEnv::default(), |env, (name, value)| env.with(name, value));
        let mut reader = Reader::new(&env);
        let settings = DatabaseSettings::read(&mut reader);
        (settings, reader.finish().err().map(|error| error.problems).unwrap_or_default())
    }

    fn valid(variables: Variables) -> DatabaseSettings {
        let (settings, problems) = read(variables);
        assert!(problems.is_empty(), "{problems:?}");
        settings.expect("settings")
    }

    #[test]
    fn a_function_has_two_connections_and_a_task_sixteen_by_default() {
        let (url, function) = ((URL, LOCAL), ("AWS_LAMBDA_FUNCTION_NAME", "cart"));
        assert_eq!(valid(&[url]).max_connections, 16);
        assert_eq!(valid(&[url, function]).max_connections, 2);
        assert_eq!(valid(&[url, function, (CONNECTIONS, "1")]).max_connections, 1);
        assert_eq!(valid(&[url]).login, DatabaseLogin::Password);
        assert_eq!(valid(&[url]).budget, None);
        let start = [&[url][..], &[url, function]].map(|variables| valid(variables).timeouts.start_timeout.as_secs());
        assert_eq!(start, [20, 0]);
        let acquire = |variables| valid(variables).timeouts.acquire_timeout.as_millis();
        assert_eq!((acquire(&[url]), acquire(&[url, (ACQUIRE_TIMEOUT, "2500")])), (1_000, 2_500));
        assert!(!read(&[url, (ACQUIRE_TIMEOUT, "0")]).1.is_empty(), "zero is rejected");
    }

    #[test]
    fn iam_needs_user_region_and_certificate_and_no_password() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let certificate = (ROOT_CERTIFICATE, file.path().to_str().expect("a name"));
        let settings = valid(&[(URL, IAM_URL), (AUTH, "iam"), (REGION, "eu-north-1"), certificate]);
        assert_eq!(settings.login, DatabaseLogin::Iam { region: "eu-north-1".to_owned() });
        let settings = valid(&[(URL, IAM_URL), (AUTH, "iam"), ("AWS_REGION", "eu-west-1"), certificate]);
        assert_eq!(settings.login, DatabaseLogin::Iam { region: "eu-west-1".to_owned() });
        // Several problems at once, each with its variable.
        let (_, problems) = read(&[(URL, LOCAL), (AUTH, "iam")]);
        let names: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(names, [URL, ROOT_CERTIFICATE, REGION], "{problems:?}");
        assert!(!format!("{problems:?}").contains("hunter2"));
    }

    #[test]
    fn incomplete_combinations_are_reported_by_name() {
        let function = ("AWS_LAMBDA_FUNCTION_NAME", "cart");
        let table: [(Variables, &[&str]); 14] = [
            (&[], &[URL]),
            (&[(URL, "postgres://shop:hunter2@db:99999999/shop")], &[URL]),
            (&[(URL, LOCAL), (AUTH, "ldap")], &[AUTH]),
            (&[(URL, LOCAL), (AUTH, "ldap"), (REGION, "eu-north-1")], &[AUTH]),
            (&[(URL, LOCAL), (REGION, "eu-north-1")], &[REGION]),
            (&[(URL, LOCAL), (ROOT_CERTIFICATE, "/no/such/file")], &[ROOT_CERTIFICATE]),
            (&[(URL, "postgres://db.example/shop"), (AUTH, "iam"), (REGION, "x")], &[URL, ROOT_CERTIFICATE]),
            (&[(URL, LOCAL), (CONNECTIONS, "0")], &[CONNECTIONS]),
            (&[(URL, LOCAL), (RESERVED_CONNECTIONS, "5")], &[RESERVED_CONNECTIONS]),
            (&[(URL, LOCAL), (LAMBDA_CONCURRENCY, "5")], &[LAMBDA_CONCURRENCY]),
            (&[(URL, LOCAL), (TASKS, "5"), function], &[TASKS]),
            (&[(URL, LOCAL), (TASKS, "0")], &[TASKS]),
            (&[(URL, LOCAL), (TASKS, "2"), (PEER_CONNECTIONS, "1")], &[PEER_CONNECTIONS]),
            (&[(TASKS, "many"), (CONNECTIONS, "-1")], &[CONNECTIONS, URL, TASKS]),
        ];
        for (variables, expected) in table {
            let (_, problems) = read(variables);
            let names: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
            assert_eq!(names, expected, "{variables:?}: {problems:?}");
            assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
        }
    }

    #[test]
    fn the_budget_uses_each_kinds_own_pool_size() {
        let both = [(URL, LOCAL), (TASKS, "4"), (LAMBDA_CONCURRENCY, "20")];
        let task = valid(&both).budget.expect("a budget");
        assert_eq!(task.connections(), 4 * 16 + 20 * 2 + 5);
        let with = |more: &[(&'static str, &'static str)]| valid(&[&both[..], more].concat()).budget.expect("a budget");
        assert_eq!(with(&[("AWS_LAMBDA_FUNCTION_NAME", "cart")]), task);
        assert_eq!(with(&[(CONNECTIONS, "8"), (PEER_CONNECTIONS, "1")]).connections(), 4 * 8 + 20 + 5);
        assert_eq!(with(&[(RESERVED_CONNECTIONS, "0")]).connections(), 4 * 16 + 20 * 2);
    }
}
