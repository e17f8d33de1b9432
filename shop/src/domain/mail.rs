//! What identifies a mail, and mails that could not be delivered.

use std::fmt;
use std::str::FromStr;

use time::OffsetDateTime;

use super::{EmailAddress, Field, Format, MailKind, Order, OrderId, OrderStep, OutboxMessageId, RuleError};

/// What identifies a mail: its `Message-ID` before the `@`. A mail that is sent again has the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailId {
    /// The event that the mail is about.
    pub event: OutboxMessageId,
    /// The mail.
    pub kind: MailKind,
    /// The order, if the mail writes to the shopper about one. It finds the order again when the mail comes back.
    pub order: Option<OrderId>,
}

impl MailId {
    /// The same as a word of letters, digits, `_` and `-`, for what accepts no dots.
    pub fn tag(&self) -> String {
        self.to_string().replace('.', "-")
    }

    /// The ID of a [`MailId::tag`].
    ///
    /// # Errors
    /// [`RuleError`] if it was not made by it.
    pub fn from_tag(tag: &str) -> Result<Self, RuleError> {
        tag.replace('-', ".").parse()
    }
}

impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.event, self.kind)?;
        self.order.as_ref().map_or(Ok(()), |order| write!(f, ".{order}"))
    }
}

impl FromStr for MailId {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let malformed = || RuleError::malformed(Field::Id, Format::Id);
        let mut parts = text.split('.');
        let event = parts.next().unwrap_or_default().parse()?;
        let kind = parts.next().and_then(MailKind::find).ok_or_else(malformed)?;
        let order = parts.next().map(str::parse).transpose()?;
        if parts.next().is_some() { Err(malformed()) } else { Ok(Self { event, kind, order }) }
    }
}

/// A mail about an order that a server has refused, at once or after it had accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeliveredMail {
    /// The mail.
    pub kind: MailKind,
    /// Its recipient.
    pub address: EmailAddress,
    /// The server's reply code, such as `550`, or its status, such as `5.1.1`.
    pub code: String,
    /// When it was refused.
    pub refused_at: OffsetDateTime,
}

impl UndeliveredMail {
    /// Longest code that is recorded, in characters: reports come from outside.
    pub const MAX_CODE_CHARS: usize = 40;
}

impl Order {
    /// Most mails that are recorded. An order leads to fewer, unless it is refunded in many parts.
    const MAX_UNDELIVERED_MAILS: usize = 20;

    /// Records a refused mail; `None` if it is recorded already, or too many are.
    pub fn record_undelivered_mail(&self, mail: &UndeliveredMail) -> Option<OrderStep> {
        if self.undelivered_mails.contains(mail) || self.undelivered_mails.len() >= Self::MAX_UNDELIVERED_MAILS {
            return None;
        }
        let mut step = self.step();
        step.order.undelivered_mails.push(mail.clone());
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_mail_is_read_as_it_was_written() {
        let event = OutboxMessageId::derive("event");
        for order in [None, Some(OrderId::derive("order"))] {
            let id = MailId { event: event.clone(), kind: MailKind::OrderShipped, order };
            assert_eq!(id.to_string().parse(), Ok(id.clone()));
            assert_eq!(MailId::from_tag(&id.tag()), Ok(id));
        }
        let order = OrderId::derive("order");
        for wrong in [
            String::new(),
            event.to_string(),
            format!("{event}.news"),
            format!("{event}.order_shipped."),
            format!("{event}.order_shipped.{event}"),
            format!("{event}.order_shipped.{order}.x"),
            format!("{order}.order_shipped"),
        ] {
            wrong.parse::<MailId>().expect_err(&wrong);
        }
    }
}
