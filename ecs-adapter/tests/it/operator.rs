//! `shopease operator`: creates an operator, and sets a new password of one who has lost it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::client::{Shop, post};

const EMAIL: &str = "boss@example.com";

/// Runs the command with a password on standard input. Returns whether it succeeded, and its output.
fn operator(data: &Path, args: &[&str], password: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopease"));
    command.arg("operator").args(args).env("SHOPEASE_DATA_DIR", data).env("SHOPEASE_LOG", "warn");
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = piped.spawn().expect("the binary starts");
    // The command may end before it reads the password.
    let _ = writeln!(running.stdin.take().expect("its input"), "{password}");
    let output = running.wait_with_output().expect("it ends");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

#[test]
fn a_lost_password_of_an_operator_is_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path();
    let with = |args: &[&str], password: &str| operator(data, args, password);
    let (ok, text) = with(&[EMAIL, "--reset-password"], "a brand new password");
    assert!(!ok && text.contains("has no account; without --reset-password"), "{text}");
    let (ok, text) = with(&[EMAIL], "a long password");
    assert!(ok && text.contains("can sign in at /login"), "{text}");
    let (ok, text) = with(&[EMAIL], "a brand new password");
    assert!(!ok && text.contains("shopease operator boss@example.com --reset-password"), "a way onward: {text}");
    assert_eq!(text.lines().count(), 1, "nothing of the store: {text}");
    let (ok, text) = with(&[EMAIL, "--reset-password"], "short");
    assert!(!ok && text.contains("8 to 256 characters"), "{text}");
    let (ok, text) = with(&[EMAIL, "--reset-password"], "a brand new password");
    assert!(ok && text.contains("signed out on all devices"), "{text}");

    // Without mail, an address belongs to its account at once.
    let shop = Shop::start(&[("SHOPEASE_DATA_DIR", data.to_str().expect("a path")), ("SHOPEASE_MAIL", "off")]);
    let log_in = |password: &str| {
        let body = format!(r#"{{"email": "{EMAIL}", "password": "{password}"}}"#);
        post(shop.port, "/api/v1/sessions", "", &body).expect("a response").status
    };
    assert_eq!([log_in("a long password"), log_in("a brand new password")], [401, 201]);
    let account = r#"{"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}"#;
    assert_eq!(post(shop.port, "/api/v1/accounts", "", account).expect("a response").status, 201);
    drop(shop);
    for args in [&["ada@example.com"][..], &["ada@example.com", "--reset-password"]] {
        let (ok, text) = with(args, "a brand new password");
        assert!(!ok && text.contains("belongs to a customer"), "{text}");
    }
}
