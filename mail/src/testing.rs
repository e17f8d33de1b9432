//! A relay for tests: an SMTP server on a port of its own that keeps what it accepts.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test that cannot continue must fail")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use mail_parser::{Message, MessageParser};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail that the relay has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Address of the sender, from the envelope.
    pub from: String,
    /// Addresses of the recipients, from the envelope.
    pub to: Vec<String>,
    /// The mail as received.
    pub content: String,
}

impl Received {
    /// Its `Message-ID` without angle brackets.
    pub fn id(&self) -> String {
        self.parsed().message_id().unwrap_or_default().to_owned()
    }

    /// Its subject.
    pub fn subject(&self) -> String {
        self.parsed().subject().unwrap_or_default().to_owned()
    }

    /// Its plain text.
    pub fn text(&self) -> String {
        self.parsed().body_text(0).unwrap_or_default().into_owned()
    }

    /// The names of its headers.
    pub fn header_names(&self) -> Vec<String> {
        self.parsed().headers_raw().map(|(name, _)| name.to_owned()).collect()
    }

    fn parsed(&self) -> Message<'_> {
        MessageParser::default().parse(&self.content).expect("a mail")
    }
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    /// Replies instead of acceptance, by command and argument.
    replies: BTreeMap<String, String>,
    delay: Duration,
}

/// The relay. It stops when it is dropped.
pub struct Relay {
    port: u16,
    state: Arc<Mutex<State>>,
    listening: tokio::task::JoinHandle<()>,
}

impl Relay {
    /// Starts a relay on a free port.
    pub async fn start() -> Self {
        Self::start_at(0).await
    }

    /// Starts a relay on a port; on a free one if it is 0.
    pub async fn start_at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let listening = tokio::spawn(async move {
            let mut conversations = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                conversations.spawn(async move { converse(socket, &state).await.unwrap_or_default() });
            }
        });
        Self { port, state, listening }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    /// Replies to a command, such as `RCPT TO:<ada@example.com>`, with this line from now on.
    pub fn reply(&self, command: &str, reply: &str) {
        self.state().replies.insert(command.to_owned(), reply.to_owned());
    }

    /// Accepts everything from now on.
    pub fn accept_all(&self) {
        self.state().replies.clear();
    }

    /// Takes this long for each mail.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// The accepted mails, in order.
    pub fn received(&self) -> Vec<Received> {
        self.state().received.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn converse(socket: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 relay ESMTP\r\n").await?;
    let (mut from, mut to) = (String::new(), Vec::new());
    while let Some(command) = lines.next_line().await? {
        let scripted = state.lock().expect("not poisoned").replies.get(&command).cloned();
        let address =
            || command.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(to, _)| to.to_owned());
        let reply = match command.split(' ').next().unwrap_or_default() {
            _ if scripted.is_some() => scripted.unwrap_or_default(),
            "EHLO" => "250-relay\r\n250 8BITMIME".to_owned(),
            "MAIL" => {
                (from, to) = (address().unwrap_or_default(), Vec::new());
                "250 ok".to_owned()
            }
            "RCPT" => {
                to.extend(address());
                "250 ok".to_owned()
            }
            "DATA" => {
                write.write_all(b"354 go ahead\r\n").await?;
                let mut content = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    content.push_str(line.strip_prefix('.').unwrap_or(&line));
                    content.push_str("\r\n");
                }
                let delay = state.lock().expect("not poisoned").delay;
                tokio::time::sleep(delay).await;
                let received = Received { from: from.clone(), to: to.clone(), content };
                state.lock().expect("not poisoned").received.push(received);
                "250 accepted".to_owned()
            }
            "NOOP" | "RSET" => "250 ok".to_owned(),
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 unknown command".to_owned(),
        };
        write.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// The part of a report that says what became of a mail to a recipient (RFC 3464).
pub fn delivery_status(action: &str, status: &str) -> String {
    format!(
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\nX-Postfix-Queue-ID: 1\n\n\
         Final-Recipient: rfc822; ada@example.com\naction: {action}\nStatus: {status}\n\
         Diagnostic-Code: smtp; 550 5.1.1 user unknown: Status: 9.9.9\n"
    )
}

/// What a mail server reports about a mail, of a [`delivery_status`] and the mail, both with their `Content-Type`.
pub fn delivery_report(status: &str, original: &str) -> String {
    let report = format!(
        "From: MAILER-DAEMON@mx.example (Mail Delivery System)\nTo: orders@shop.example\n\
         Subject: Undelivered Mail Returned to Sender\nDate: Tue, 1 Dec 2026 10:00:00 +0100\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b/1\"\n\n\
         --b/1\nContent-Type: text/plain; charset=us-ascii\n\nI'm sorry to have to inform you.\n\n\
         --b/1\n{status}\n\n--b/1\n{original}\n\n--b/1--\n"
    );
    report.replace("\r\n", "\n").replace('\n', "\r\n")
}
