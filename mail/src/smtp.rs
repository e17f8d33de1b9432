//! Mails to an SMTP relay. Each step of the conversation decides what a rejection means, so it is made here and not by lettre's
//! transport, which reports only the code.

use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
#[cfg(feature = "tls")]
use lettre::transport::smtp::client::TlsParameters;
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use secrecy::ExposeSecret as _;
use shopease_shop::ports::{Mail, MailError, Mailer};
use tokio::sync::Mutex;

#[cfg(feature = "tls")]
use crate::config::Security;
use crate::config::SmtpConfig;
use crate::mime::{Encoded, encode};

/// Time limit of a mail, including the connection.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Time limit of a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The relay closes the connection after this reply.
const CLOSING: u16 = 421;

/// Sends mails to an SMTP relay over one connection, which is kept between mails.
pub struct SmtpMailer {
    relay: SmtpConfig,
    connection: Mutex<Option<AsyncSmtpConnection>>,
}

impl std::fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpMailer").field("relay", &self.relay).finish_non_exhaustive()
    }
}

impl SmtpMailer {
    /// Creates a mailer. Makes no connection yet.
    pub fn new(relay: SmtpConfig) -> Self {
        Self { relay, connection: Mutex::new(None) }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let relay = &self.relay;
        let name = ClientId::default();
        #[cfg(feature = "tls")]
        let parameters = TlsParameters::new_rustls(relay.host.clone())?;
        #[cfg(feature = "tls")]
        let implicit = (relay.security == Security::Tls).then(|| parameters.clone());
        #[cfg(not(feature = "tls"))]
        let implicit = None;
        let server = (relay.host.as_str(), relay.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_TIMEOUT), &name, implicit, None).await?;
        #[cfg(feature = "tls")]
        if relay.security == Security::StartTls {
            connection.starttls(parameters, &name).await?;
        }
        if let Some((user, password)) = &relay.credentials {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }

    async fn converse(&self, kept: &mut Option<AsyncSmtpConnection>, mail: &Encoded) -> Result<(), MailError> {
        let mut open = kept.take();
        if let Some(connection) = &mut open
            && !connection.test_connected().await
        {
            open = None;
        }
        let mut connection = match open {
            Some(connection) => connection,
            None => self.connect().await.map_err(unavailable)?,
        };
        let mut options = Vec::new();
        let is_ascii = |address: &Address| address.to_string().is_ascii();
        if !mail.envelope.from().into_iter().chain(mail.envelope.to()).all(is_ascii) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                *kept = Some(connection);
                let reason = "the relay does not support addresses with letters other than ASCII";
                return Err(MailError::Refused { code: "smtputf8".to_owned(), reason: reason.into() });
            }
            options.push(MailParameter::SmtpUtfEight);
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        // The sender is the same for all mails, so a rejection does not concern this mail.
        let sender = MailFrom::new(mail.envelope.from().cloned(), options);
        connection.command(sender).await.map_err(unavailable)?;
        for recipient in mail.envelope.to() {
            connection.command(Rcpt::new(recipient.clone(), Vec::new())).await.map_err(rejected)?;
        }
        connection.command(Data).await.map_err(rejected)?;
        connection.message(&mail.content).await.map_err(rejected)?;
        *kept = Some(connection);
        Ok(())
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let encoded = encode(mail)?;
        let mut kept = self.connection.lock().await;
        // After an error, the connection is dropped: its state is unknown.
        match tokio::time::timeout(TIMEOUT, self.converse(&mut kept, &encoded)).await {
            Ok(done) => done,
            Err(late) => Err(unavailable(late)),
        }
    }
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> MailError {
    MailError::Unavailable(error.into())
}

/// What a negative reply to a recipient or to the content means.
fn rejected(error: Error) -> MailError {
    match error.status().map(u16::from) {
        Some(CLOSING) | None => unavailable(error),
        Some(code) if error.is_permanent() => MailError::Refused { code: code.to_string(), reason: Box::new(error) },
        Some(_) => MailError::Deferred(Box::new(error)),
    }
}
