//! Returned mails from a mail server: `shopease bounce`.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use shopease_shop::domain::{MailId, MailKind, OrderId, OutboxMessageId};
use shopease_shop::testing::free_port;

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
    let id = MailId {
        event: OutboxMessageId::derive("event"),
        kind: MailKind::OrderShipped,
        order: Some(OrderId::derive("order")),
    };
    let status = "Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.1.1";
    format!(
        "Date: Tue, 1 Dec 2026 10:00:00 +0100\nContent-Type: multipart/report; boundary=b\n\n\
         --b\nContent-Type: message/delivery-status\n\n{status}\n\n\
         --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{id}@shop.example>\n\n--b--\n"
    )
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
