//! Mails, and their delivery.

use std::fmt;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::Source;
use crate::domain::{EmailAddress, MailId};
use crate::text::one_line;

/// The text of a header or of a name in it: one line without control characters, so that no text can add a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderText(String);

impl HeaderText {
    /// Longest text in characters; the rest is cut off.
    const MAX_CHARS: usize = 200;

    /// Makes one line of a text, see [`one_line`].
    pub fn new(text: &str) -> Self {
        Self(one_line(text).chars().take(Self::MAX_CHARS).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An email address with the name of its owner, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Name of the owner.
    pub name: HeaderText,
    /// The address.
    pub email: EmailAddress,
}

/// A mail to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// What identifies it.
    pub id: MailId,
    /// The sender.
    pub from: Mailbox,
    /// Where replies go, if not to the sender.
    pub reply_to: Option<Mailbox>,
    /// The recipient.
    pub to: Mailbox,
    /// The subject.
    pub subject: HeaderText,
    /// When it was written.
    pub date: OffsetDateTime,
    /// The body as plain text.
    pub text: String,
    /// The same body as HTML.
    pub html: String,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The relay cannot be used at the moment, for any mail.
    #[error("the mail relay is not available")]
    Unavailable(#[source] Source),
    /// This mail was not accepted now. It may be accepted later.
    #[error("the mail was deferred")]
    Deferred(#[source] Source),
    /// This mail will never be accepted.
    #[error("the mail was refused with code {code}")]
    Refused {
        /// The relay's reply code, such as `550`, or the name of its error.
        code: String,
        /// The relay's reply.
        #[source]
        reason: Source,
    },
}

/// Sends mails.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail to a relay, which is responsible for it from then on. Takes at most 15 seconds. A mail with an ID that was already
    /// sent may be sent again.
    ///
    /// # Errors
    /// [`MailError`]. After [`MailError::Unavailable`], the mail may have been sent.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// A mail that a server had accepted and could not deliver in the end: a bounce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnedMail {
    /// The mail.
    pub id: MailId,
    /// The status of its delivery, such as `5.1.1`.
    pub code: String,
    /// When it was returned, as its report says.
    pub at: OffsetDateTime,
}

/// A report in a [`BounceQueue`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BounceReport {
    /// The returned mail; `None` if the report is about something else.
    pub mail: Option<ReturnedMail>,
    /// What removes the report from the queue.
    pub receipt: String,
}

/// Reports about returned mails, until they are recorded.
#[async_trait]
pub trait BounceQueue: Send + Sync {
    /// Some reports, none if none wait. Each comes again until it is removed, and may come again even then.
    ///
    /// # Errors
    /// When the queue cannot be read.
    async fn receive(&self) -> Result<Vec<BounceReport>, Source>;

    /// Removes a report.
    ///
    /// # Errors
    /// When the queue cannot be written.
    async fn remove(&self, receipt: &str) -> Result<(), Source>;
}

/// A mail in a [`SentMails`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMail {
    /// Its name, which sorts by time of its event.
    pub name: String,
    /// Its headers as they were sent.
    pub headers: String,
    /// The recipient.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
}

/// Mails that were written to a directory instead of being sent, for a shop on a laptop.
#[async_trait]
pub trait SentMails: Send + Sync {
    /// The newest mails, at most 100, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn newest(&self) -> std::io::Result<Vec<SentMail>>;

    /// The mail with a name.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn find(&self, name: &str) -> std::io::Result<Option<SentMail>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_text_is_one_line() {
        for (text, line) in [
            ("Ada\r\nBcc: eve@example.com", "Ada Bcc: eve@example.com"),
            ("  a\u{0}b\u{85}c\u{2028}d\te  ", "a b c d e"),
            ("\r\n", ""),
            ("Köln 東京", "Köln 東京"),
        ] {
            assert_eq!(HeaderText::new(text).as_str(), line);
        }
        assert_eq!(HeaderText::new(&"x".repeat(1000)).as_str().len(), 200);
    }

    #[test]
    fn an_address_has_no_line_breaks() {
        for text in ["a@b.example\r\nBcc: c@d.example", "\"a\r\n b\"@c.example", "\"a\nb\"@c.example", "a\0@b.example"]
        {
            text.parse::<EmailAddress>().expect_err(text);
        }
    }
}
