//! SES on the wire: the request, and what its errors mean.

#![expect(clippy::expect_used, reason = "a test that cannot continue must fail")]

use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::Credentials;
use shopease_mail::SesMailer;
use shopease_shop::ports::{HeaderText, Mail, MailError, Mailbox, Mailer as _};
use shopease_shop::testing::fixtures;
use time::macros::datetime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A service that gives each request the next response; records the requests.
async fn service(responses: Vec<(u16, &'static str, &'static str)>) -> (SesMailer, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        for (status, error, message) in responses {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let request = read(&mut socket).await;
            seen.lock().expect("not poisoned").push(request);
            let body = if error.is_empty() {
                r#"{"MessageId":"1"}"#.to_owned()
            } else {
                format!(r#"{{"message":"{message}"}}"#)
            };
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nx-amzn-errortype: {error}\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            socket.write_all((head + &body).as_bytes()).await.expect("written");
        }
    });
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("eu-north-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    (SesMailer::new(Client::new(&config), Some("shop-mails".to_owned())), requests)
}

/// A request with its body.
async fn read(socket: &mut tokio::net::TcpStream) -> String {
    let mut request = String::new();
    loop {
        let mut buffer = [0; 4096];
        let length = socket.read(&mut buffer).await.expect("read");
        request.push_str(&String::from_utf8_lossy(&buffer[..length]));
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let expected = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if length == 0 || expected.is_none_or(|expected: usize| body.len() >= expected) {
            return request;
        }
    }
}

fn mail() -> Mail {
    let mailbox =
        |name: &str, email: &str| Mailbox { name: HeaderText::new(name), email: email.parse().expect("an address") };
    Mail {
        id: fixtures::mail_id(),
        from: mailbox("Shop", "orders@shop.example"),
        reply_to: None,
        to: mailbox("Ada", "ada@bücher.example"),
        subject: HeaderText::new("Your order"),
        date: datetime!(2026-01-01 12:00 UTC),
        text: "Text".to_owned(),
        html: "<p>HTML</p>".to_owned(),
    }
}

#[tokio::test]
async fn a_mail_is_sent_as_raw_content_to_its_recipient() {
    let (mailer, requests) = service(vec![(200, "", "")]).await;
    mailer.send(&mail()).await.expect("accepted");
    let requests = requests.lock().expect("not poisoned");
    assert!(requests[0].starts_with("POST /v2/email/outbound-emails "), "{requests:?}");
    assert!(requests[0].contains(r#""ToAddresses":["ada@xn--bcher-kva.example"]"#), "{requests:?}");
    assert!(requests[0].contains(r#""Raw":{"Data":""#), "{requests:?}");
    // What is reported about a mail that comes back.
    assert!(requests[0].contains(r#""ConfigurationSetName":"shop-mails""#), "{requests:?}");
    let tag = mail().id.tag();
    assert!(requests[0].contains(&format!(r#""EmailTags":[{{"Name":"mail","Value":"{tag}"}}]"#)), "{requests:?}");
    assert!(
        tag.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-')),
        "what SES accepts: {tag}"
    );
}

#[tokio::test]
async fn only_a_rejected_mail_is_final() {
    let sandbox = "Email address is not verified. The following identities failed the check: ada@example.com";
    let (mailer, _) = service(vec![
        (400, "MessageRejected", "Content rejected"),
        (400, "BadRequestException", "Local address contains control or whitespace"),
        (400, "MessageRejected", sandbox),
        (400, "MailFromDomainNotVerifiedException", "x"),
        (400, "SendingPausedException", "x"),
        (403, "AccessDeniedException", "x"),
        (429, "TooManyRequestsException", "Maximum sending rate exceeded"),
        (503, "InternalFailure", "x"),
    ])
    .await;
    let mut refused = Vec::new();
    for _ in 0..8 {
        match mailer.send(&mail()).await.expect_err("rejected") {
            MailError::Refused { code, .. } => refused.push(code),
            MailError::Unavailable(_) => refused.push("unavailable".to_owned()),
            MailError::Deferred(_) => refused.push("deferred".to_owned()),
        }
    }
    assert_eq!(refused[..2], ["MessageRejected", "BadRequestException"]);
    assert!(refused[2..].iter().all(|seen| seen == "unavailable"), "{refused:?}");
}
