//! The engine's start, stop, files, and port.

use super::*;

struct Variables(&'static [(&'static str, &'static str)]);

impl Env for Variables {
    fn var(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }
}

fn in_memory() -> EmbeddedConfig {
    EmbeddedConfig { path: EmbeddedPath::InMemory, port: None }
}

#[test]
fn production_is_rejected_whichever_variable_indicates_it() {
    for (name, value) in
        [("AWS_EXECUTION_ENV", "x"), ("AWS_LAMBDA_FUNCTION_NAME", "cart"), ("SHOPEASE_ENV", "production")]
    {
        let pairs: &'static [_] = Box::leak(Box::new([(name, value)]));
        let rejected = EmbeddedDynamoDb::start(&in_memory(), &Variables(pairs));
        assert!(matches!(rejected, Err(EmbeddedError::Production { variable }) if variable == name), "{name}");
    }
    assert!(EmbeddedDynamoDb::start(&in_memory(), &Variables(&[("SHOPEASE_ENV", "development")])).is_ok());
}

#[test]
fn a_directory_has_one_engine_until_that_stops() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("new");
    let config = EmbeddedConfig { path: EmbeddedPath::Directory(path.clone()), port: None };
    let first = EmbeddedDynamoDb::start(&config, &Variables(&[])).expect("starts");
    assert!(first.is_new());
    let second = EmbeddedDynamoDb::start(&config, &Variables(&[])).expect_err("in use");
    assert_eq!(second.to_string(), format!("data directory {} is in use by another shopease", path.display()));
    first.shutdown();
    // A process that another test is starting may hold this one's locks for a moment.
    let mut again = EmbeddedDynamoDb::start(&config, &Variables(&[]));
    for _ in 0..100 {
        if !matches!(again, Err(EmbeddedError::InUse { .. })) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        again = EmbeddedDynamoDb::start(&config, &Variables(&[]));
    }
    assert!(!again.expect("starts again").is_new());
    assert!(path.join("shopease.sqlite").is_file());
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn expired_items_are_deleted_from_the_file_and_others_are_kept() {
    use std::sync::Arc;

    use crate::dynamodb::DynamoDbStore;
    use shopease_shop::ports::SessionStore as _;
    use shopease_shop::testing::{SeededIds, fixtures};
    use time::macros::datetime;

    let directory = tempfile::tempdir().expect("a directory");
    let path = EmbeddedPath::Directory(directory.path().to_owned());
    let sweeps = Sweeps { first_after: Duration::from_millis(300), pause: Duration::from_millis(100) };
    let config = EmbeddedConfig { path, port: None };
    let engine = EmbeddedDynamoDb::start_with(&config, &Variables(&[]), sweeps).expect("starts");
    let store = DynamoDbStore::on_engine(&engine, "shopease", &Variables(&[]), Arc::new(SeededIds::new(1))).await;
    store.create_table().await.expect("a table");
    let ada = fixtures::customer("ada");
    let old = fixtures::session(&ada, "old", datetime!(2001-01-01 12:00 UTC));
    let new = fixtures::session(&ada, "new", datetime!(2999-01-01 12:00 UTC));
    for session in [&old, &new] {
        store.insert_session(session).await.expect("it is written");
    }
    // Read at a time when both were valid, so that an existing item is found.
    let find = async |digest: &str| store.find_session(digest, datetime!(2000-01-01 12:00 UTC)).await.expect("read");
    for _ in 0..100 {
        if find(&old.token_digest).await.is_none() {
            assert_eq!(find(&new.token_digest).await, Some(new));
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the expired session still exists");
}

fn with_port() -> EmbeddedConfig {
    let port = EmbeddedPort { number: 0, access_key: "secret".to_owned() };
    EmbeddedConfig { path: EmbeddedPath::InMemory, port: Some(port) }
}

fn address(engine: &EmbeddedDynamoDb) -> String {
    let url = engine.endpoint_url().expect("it has a port");
    url.strip_prefix("http://secret@").expect("the access key").to_owned()
}

#[test]
fn an_incomplete_request_does_not_delay_the_stop() {
    use std::io::Write as _;
    let engine = EmbeddedDynamoDb::start(&with_port(), &Variables(&[])).expect("starts");
    let mut client = std::net::TcpStream::connect(address(&engine)).expect("connects");
    client.write_all(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{").expect("sends");
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        engine.shutdown();
        done.send(())
    });
    assert!(ended.recv_timeout(Duration::from_secs(6)).is_ok());
}

/// The port's response to a request for all items, as other sites and programs might send it.
fn response_to(address: &str, headers: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut client = std::net::TcpStream::connect(address).expect("connects");
    let body = r#"{"TableName":"shopease"}"#;
    let request = format!(
        "POST / HTTP/1.1\r\n{headers}Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810.Scan\r\n\
         X-Amz-Date: 20260101T120000Z\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    client.write_all(request.as_bytes()).expect("sends");
    let mut response = String::new();
    client.read_to_string(&mut response).expect("a response");
    response
}

#[test]
fn other_sites_and_unauthorized_programs_read_nothing_from_the_port() {
    let engine = EmbeddedDynamoDb::start(&with_port(), &Variables(&[])).expect("starts");
    let address = address(&engine);
    let signed = |key: &str| {
        format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x\r\n"
        )
    };
    let host = format!("Host: {address}\r\n");
    for rejected in [
        host.clone(),
        format!("{host}{}", signed("shopease")),
        format!("{host}{}Origin: https://evil.example\r\n", signed("secret")),
        format!("Host: evil.example\r\n{}", signed("secret")),
    ] {
        let response = response_to(&address, &rejected);
        assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
        assert!(!response.to_lowercase().contains("access-control"), "{response}");
    }
    let response = response_to(&address, &format!("{host}{}", signed("secret")));
    assert!(response.contains("ResourceNotFoundException"), "there is no table yet: {response}");
}

#[test]
fn there_is_no_port_by_default() {
    let engine = EmbeddedDynamoDb::start(&in_memory(), &Variables(&[])).expect("starts");
    assert_eq!(engine.endpoint_url(), None);
}

#[cfg(unix)]
#[test]
fn files_are_restricted_to_their_owner_whatever_the_directory_allows() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("a mode");
    // Modes from an earlier release.
    let open = directory.path().join(LOCK_FILE);
    std::fs::write(&open, "").expect("a file");
    std::fs::set_permissions(&open, Permissions::from_mode(0o644)).expect("a mode");
    let config = EmbeddedConfig { path: EmbeddedPath::Directory(directory.path().to_owned()), port: None };
    let engine = EmbeddedDynamoDb::start(&config, &Variables(&[])).expect("starts");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory.path()).expect("a directory") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        names.push(entry.file_name());
    }
    assert!(names.len() >= 3, "lock, database and log: {names:?}");
    drop(engine);
}
