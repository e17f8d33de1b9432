//! A mail as RFC 5322 text, and its addresses for the relay.

use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as MimeMailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use shopease_shop::domain::EmailAddress;
use shopease_shop::ports::{Mail, MailError, Mailbox};

/// The addresses and the text of a mail.
pub(crate) struct Encoded {
    pub envelope: Envelope,
    pub content: Vec<u8>,
}

/// Encodes a mail. The text is the same each time.
///
/// # Errors
/// [`MailError::Refused`] if an address cannot be used in a mail.
pub(crate) fn encode(mail: &Mail) -> Result<Encoded, MailError> {
    let from = mailbox(&mail.from)?;
    let message_id = format!("<{}@{}>", mail.id, from.email.domain());
    // RFC 3834: automatic replies are not sent to it.
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    let mut message = Message::builder()
        .from(from)
        .to(mailbox(&mail.to)?)
        .subject(mail.subject.as_str())
        .date(mail.date.into())
        .message_id(Some(message_id));
    if let Some(reply_to) = &mail.reply_to {
        message = message.reply_to(mailbox(reply_to)?);
    }
    let body = MultiPart::alternative()
        .boundary(format!("=_{}", mail.id.event))
        .singlepart(SinglePart::plain(mail.text.clone()))
        .singlepart(SinglePart::html(mail.html.clone()));
    let message = message.raw_header(automatic).multipart(body).map_err(unusable)?;
    Ok(Encoded { envelope: message.envelope().clone(), content: message.formatted() })
}

fn mailbox(mailbox: &Mailbox) -> Result<MimeMailbox, MailError> {
    let name = Some(mailbox.name.as_str()).filter(|name| !name.is_empty());
    Ok(MimeMailbox::new(name.map(str::to_owned), address(&mailbox.email)?))
}

/// The address with its domain in ASCII, so that only a local part in another script needs a relay that supports it.
fn address(email: &EmailAddress) -> Result<Address, MailError> {
    let (user, domain) = email.as_str().rsplit_once('@').ok_or_else(|| unusable("an address without @"))?;
    let domain = idna::domain_to_ascii(domain).map_err(|_| unusable("an address with an invalid domain"))?;
    Address::new(user, domain).map_err(unusable)
}

fn unusable(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> MailError {
    MailError::Refused { code: "invalid-address".to_owned(), reason: reason.into() }
}
