//! The shop's mails: a consumer of the outbox that writes them, and their delivery behind the port `Mailer` by SMTP, SES, or to a
//! directory.
//!
//! Nothing here decides what is sent when; that is `shopease_shop::services::Notice`.

#[cfg(feature = "aws")]
mod aws;
mod config;
mod directory;
mod letter;
mod mime;
mod returned;
mod sink;
mod smtp;
#[cfg(feature = "testing")]
pub mod testing;
mod texts;

#[cfg(feature = "aws")]
pub use aws::SesMailer;
pub use config::{MailConfig, Security, SmtpConfig, Transport};
pub use directory::MailDirectory;
pub use returned::returned_mail;
pub use sink::{Audience, MailSink, open};
pub use smtp::SmtpMailer;
pub use texts::Texts;
