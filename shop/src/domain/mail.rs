//! Mails that could not be delivered.

use time::OffsetDateTime;

use super::{EmailAddress, MailKind, Order, OrderStep};

/// A mail about an order that the recipient's server has refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeliveredMail {
    /// The mail.
    pub kind: MailKind,
    /// Its recipient.
    pub address: EmailAddress,
    /// The server's reply code, such as `550`.
    pub code: String,
    /// When it was refused.
    pub refused_at: OffsetDateTime,
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
