//! Returned mails from a mail server: `shopease bounce`.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use shopease_mail::testing::{delivery_report, delivery_status};
use shopease_shop::testing::{fixtures, free_port};

/// Hands a message to the command, as a mail server does.
fn bounce(message: &str, variables: &[(&str, &str)]) -> Output {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopease"));
    command.arg("bounce").env("SHOPEASE_DATA_DIR", home.path()).envs(variables.iter().copied());
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = piped.spawn().expect("the binary starts");
    running.stdin.take().expect("its input").write_all(message.as_bytes()).expect("written");
    running.wait_with_output().expect("its output")
}

fn report() -> String {
    let original = format!("Content-Type: text/rfc822-headers\n\nMessage-ID: <{}@shop.example>", fixtures::mail_id());
    delivery_report(&delivery_status("failed", "5.1.1"), &original)
}

#[test]
fn other_messages_and_unknown_orders_are_no_errors() {
    for (message, said) in [
        ("Subject: Hello\n\nWhen does my order arrive?\n", "reports no undelivered mail"),
        ("", "reports no undelivered mail"),
        (&report(), "is about no order of this shop"),
    ] {
        let output = bounce(message, &[]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains(said), "{message}: {output:?}");
    }
}

#[test]
fn the_mail_server_is_asked_to_try_again_while_a_report_cannot_be_recorded() {
    let away = format!("postgres://shop:secret@127.0.0.1:{}/shop", free_port());
    for variables in [
        [("SHOPEASE_STORE", "postgres"), ("SHOPEASE_DATABASE_URL", &*away)],
        [("SHOPEASE_STORE", "a cupboard"), ("SHOPEASE_LOG", "error")],
    ] {
        let output = bounce(&report(), &variables);
        assert_eq!(output.status.code(), Some(75), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("shopease: "), "{output:?}");
    }
}
