//! Messages when the shop cannot start: what is wrong and which variable to correct, once.

use std::process::Command;

use shopease_shop::ports::{Env as _, ProcessEnv};
use shopease_shop::testing::free_port;

/// The output of a command with this database URL.
fn output_of(url: &str, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_shopease"))
        .args(args)
        .env("SHOPEASE_STORE", "postgres")
        .env("SHOPEASE_DATABASE_URL", url)
        .env("SHOPEASE_LOG", "error")
        .output()
        .expect("the binary runs");
    assert!(!output.status.success(), "{url}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn assert_helps(url: &str, expected: &[&str]) {
    let text = output_of(url, &["migrate"]);
    for part in expected.iter().chain(&["SHOPEASE_DATABASE_URL"]) {
        assert_eq!(text.matches(part).count(), 1, "{url}: {part:?} does not occur once: {text}");
    }
    for internal in ["corrupt", "at line", "relative URL", "error returned from database", "hunter2"] {
        assert!(!text.contains(internal), "{url}: {text}");
    }
}

#[test]
fn an_invalid_url_is_reported_with_an_example() {
    for url in ["not a url", "localhost/shop", "http://127.0.0.1/shop", "postgres//user:hunter2@host/shop"] {
        assert_helps(url, &["postgres://user:password@host:5432/database"]);
    }
}

#[test]
fn an_unreachable_database_output_of() {
    assert_helps(&format!("postgres://user:hunter2@127.0.0.1:{}/shop", free_port()), &["cannot be reached"]);
}

#[test]
fn a_wrong_name_and_a_wrong_user_are_distinguished() {
    let Some(url) = ProcessEnv.var("SHOPEASE_TEST_DATABASE_URL") else {
        eprintln!("skipped: SHOPEASE_TEST_DATABASE_URL is not set: a_wrong_name_and_a_wrong_user_are_distinguished");
        return;
    };
    let (server, _) = url.rsplit_once('/').expect("a database in the URL");
    assert_helps(&format!("{server}/no_such_database"), &["database does not exist"]);
    let (scheme, rest) = server.split_once("://").expect("a scheme");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    assert_helps(&format!("{scheme}://nobody:hunter2@{host}/postgres"), &["rejected the user or the password"]);
}

#[test]
fn a_database_without_tables_is_reported() {
    let Some(url) = ProcessEnv.var("SHOPEASE_TEST_DATABASE_URL") else {
        eprintln!("skipped: SHOPEASE_TEST_DATABASE_URL is not set: a_database_without_tables_is_reported");
        return;
    };
    let port = free_port().to_string();
    for args in [&["serve", "--port", port.as_str()][..], &["worker", "--once"], &["audit"]] {
        let text = output_of(&format!("{url}?options[search_path]=never_migrated"), args);
        assert!(text.contains("does not have the shop's tables. Run `shopease migrate`"), "{args:?}: {text}");
        assert!(!text.contains("corrupt") && !text.contains("relation"), "{args:?}: {text}");
    }
}
