//! Mails on the wire and in a directory.

use shopease_mail::testing::{Received, Relay};
use shopease_mail::{MailConfig, MailDirectory, Security, SmtpConfig, SmtpMailer};
use shopease_process::config::Reader;
use shopease_process::testing::MapEnv;
use shopease_shop::domain::MailKind;
use shopease_shop::ports::{Mail, MailError, Mailer as _, SentMails as _};

use crate::letters::{mail, mailbox, order};

fn mailer(port: u16) -> SmtpMailer {
    SmtpMailer::new(SmtpConfig { host: "127.0.0.1".to_owned(), port, security: Security::Plain, credentials: None })
}

fn confirmation() -> Mail {
    mail(MailKind::OrderConfirmation, order())
}

#[tokio::test]
async fn a_mail_arrives_with_text_and_html_and_the_same_id_each_time() {
    let relay = Relay::start().await;
    let mailer = mailer(relay.port());
    for _ in 0..2 {
        mailer.send(&confirmation()).await.expect("accepted");
    }
    let [first, second]: [Received; 2] = relay.received().try_into().expect("two mails");
    assert_eq!(first, second);
    assert_eq!(
        (first.from.as_str(), &first.to[..]),
        ("orders@kitchen.example", &["visitor@example.com".to_owned()][..])
    );
    assert_eq!(first.id(), format!("{}@kitchen.example", confirmation().id));
    assert_eq!(first.subject(), "Your order 0GXB7-65C6F at Kitchen & Co");
    for part in [
        "multipart/alternative",
        "text/plain; charset=utf-8",
        "text/html; charset=utf-8",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(first.content.contains(part), "{part}: {}", first.content);
    }
    assert!(first.content.is_ascii(), "for relays without 8BITMIME");
}

#[tokio::test]
async fn no_text_adds_a_header_or_a_recipient() {
    let relay = Relay::start().await;
    let mailer = mailer(relay.port());
    mailer.send(&confirmation()).await.expect("accepted");
    let hostile = "Eve\r\nBcc: eve@example.com\r\nX-Evil: 1\r\n\r\n.\r\nMAIL FROM:<eve@example.com>\r\n";
    let mut order = order();
    order.shipping_address.name = hostile.to_owned();
    order.order_number = hostile.to_owned();
    order.lines[0].line.title = hostile.to_owned();
    mailer.send(&mail(MailKind::OrderConfirmation, order)).await.expect("accepted");
    let received = relay.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[1].header_names(), received[0].header_names());
    assert_eq!(received[1].to, ["visitor@example.com"]);
}

#[tokio::test]
async fn only_a_refused_recipient_or_content_is_final() {
    let relay = Relay::start().await;
    let mailer = mailer(relay.port());
    let rcpt = "RCPT TO:<visitor@example.com>";
    let sender = "MAIL FROM:<orders@kitchen.example>";
    for (command, reply, outcome) in [
        (rcpt, "550 5.1.1 no such user", "refused 550"),
        (rcpt, "451 4.7.1 greylisted", "deferred"),
        (rcpt, "421 closing", "unavailable"),
        ("DATA", "554 5.7.1 spam", "refused 554"),
        ("DATA", "452 4.3.1 full", "deferred"),
        (sender, "550 5.7.1 not your domain", "unavailable"),
        (sender, "451 4.3.0 later", "unavailable"),
        ("NOOP", "500 what", "accepted"),
    ] {
        relay.accept_all();
        relay.reply(command, reply);
        let seen = match mailer.send(&confirmation()).await {
            Ok(()) => "accepted".to_owned(),
            Err(MailError::Refused { code, .. }) => format!("refused {code}"),
            Err(MailError::Deferred(_)) => "deferred".to_owned(),
            Err(MailError::Unavailable(_)) => "unavailable".to_owned(),
        };
        assert_eq!(seen, outcome, "{command}: {reply}");
        relay.accept_all();
        mailer.send(&confirmation()).await.expect("the next is accepted");
    }
}

#[tokio::test]
async fn a_relay_may_go_and_come_back() {
    let relay = Relay::start().await;
    let port = relay.port();
    let mailer = mailer(port);
    mailer.send(&confirmation()).await.expect("accepted");
    drop(relay);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(matches!(mailer.send(&confirmation()).await, Err(MailError::Unavailable(_))));
    let relay = Relay::start_at(port).await;
    mailer.send(&confirmation()).await.expect("accepted again");
    assert_eq!(relay.received().len(), 1);
}

#[tokio::test]
async fn addresses_in_other_scripts_are_sent_or_refused() {
    let relay = Relay::start().await;
    let mailer = mailer(relay.port());
    let to = |email: &str| Mail { to: mailbox("Jürgen", email), ..confirmation() };
    mailer.send(&to("jurgen@bücher.example")).await.expect("the domain is ASCII on the wire");
    assert_eq!(relay.received()[0].to, ["jurgen@xn--bcher-kva.example"]);
    let refused = mailer.send(&to("jürgen@bücher.example")).await;
    assert!(matches!(refused, Err(MailError::Refused { code, .. }) if code == "smtputf8"));
}

#[tokio::test]
async fn a_directory_keeps_mails_that_can_be_read_again() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = MailDirectory::new(home.path().join("mail"));
    assert_eq!(directory.newest().await.expect("a list"), []);
    let sent = confirmation();
    for _ in 0..2 {
        directory.send(&sent).await.expect("written");
    }
    #[cfg(unix)]
    {
        let mode = std::fs::metadata(home.path().join("mail")).expect("a directory").permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o700, "only the owner reads mails");
    }
    let [mail] = &directory.newest().await.expect("a list")[..] else { panic!("one mail") };
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("visitor@example.com", sent.subject.as_str()));
    assert_eq!((mail.text.replace("\r\n", "\n"), mail.html.replace("\r\n", "\n")), (sent.text, sent.html));
    assert!(mail.headers.contains("Reply-To: ") && !mail.headers.contains("<html"), "{}", mail.headers);
    assert_eq!(directory.find(&mail.name).await.expect("a mail").as_ref(), Some(mail));
    std::fs::write(home.path().join("secret.eml"), "Subject: secret\r\n\r\n").expect("written");
    for name in ["../secret", "..", "", "nothing", "/etc/passwd"] {
        assert_eq!(directory.find(name).await.expect("no error"), None, "{name}");
    }
}

#[tokio::test]
async fn a_configured_relay_is_used() {
    let relay = Relay::start().await;
    let url = relay.url();
    let env = MapEnv::new([
        ("SHOPEASE_MAIL", "smtp"),
        ("SHOPEASE_MAIL_FROM", "a@b.example"),
        ("SHOPEASE_MAIL_SMTP_URL", url.as_str()),
    ]);
    let mut reader = Reader::new(&env);
    let config = MailConfig::read(&mut reader, None).expect("a configuration");
    assert_eq!(reader.finish(), Ok(()));
    let shopease_mail::Transport::Smtp(config) = config.transport else { panic!("a relay") };
    SmtpMailer::new(config).send(&confirmation()).await.expect("accepted");
    assert_eq!(relay.received().len(), 1);
}
