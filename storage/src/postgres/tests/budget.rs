//! A start that exceeds the connection budget.

use shopease_process::config::Reader;
use shopease_shop::testing::{MapEnv, SeededIds};

use crate::testing::OwnPostgres;
use crate::{OpenError, StoreConfig};

#[tokio::test]
async fn a_start_that_exceeds_the_budget_fails_and_shows_the_sum() {
    let Some(server) = OwnPostgres::start("budget", &["max_connections=24", "superuser_reserved_connections=4"]) else {
        return;
    };
    let url = server.url();
    let open = async |variables: &[(&str, &str)]| {
        let base = MapEnv::new([("SHOPEASE_STORE", "postgres"), ("SHOPEASE_DATABASE_URL", &url)]);
        let env = variables.iter().fold(base, |env, (name, value)| env.with(name, value));
        let mut reader = Reader::new(&env);
        let config = StoreConfig::read(&mut reader, "postgres");
        reader.finish().expect("a valid configuration");
        crate::open(config.expect("a store"), &env, std::sync::Arc::new(SeededIds::new(1))).await
    };
    let connections = ("SHOPEASE_DATABASE_CONNECTIONS", "5");
    open(&[]).await.map(drop).expect("not checked");
    open(&[connections, ("SHOPEASE_DATABASE_TASKS", "3")]).await.map(drop).expect("3 x 5 + 5 = 20 = 24 - 4");
    let both = [connections, ("SHOPEASE_DATABASE_TASKS", "3"), ("SHOPEASE_DATABASE_LAMBDA_CONCURRENCY", "1")];
    let Err(OpenError::Budget(exceeded)) = open(&both).await else { panic!("22 connections do not fit") };
    let message = exceeded.to_string();
    let sum = "3 tasks x 5 + 1 execution environments of functions x 2 + 5 reserved = 22 connections, but the database \
               allows 20 (max_connections 24 - 4 for superusers)";
    assert!(message.starts_with(sum), "{message}");
}
