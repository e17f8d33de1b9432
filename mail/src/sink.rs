//! The consumers of the outbox that write to shoppers and to the operator.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use shopease_shop::domain::EmailAddress;
use shopease_shop::ports::{
    Consumer, Delivery, EventSink, HeaderText, MailError, Mailbox, Mailer, OutboxMessage, ReturnedMail,
};
use shopease_shop::services::{LocalShop, Notice, concerns_operator, concerns_shopper};
use shopease_shop::{ShopError, ShopResult};
use time::Duration;

use crate::config::{MailConfig, Transport};
use crate::texts::Texts;
use crate::{MailDirectory, SmtpMailer};

/// How long a mail is offered to a relay that defers it. Then it is treated as refused.
const DEFERRED_FOR: Duration = Duration::days(5);

/// To whom a sink writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// The shopper of an order.
    Shopper,
    /// The operator, at this address.
    Operator(EmailAddress),
}

/// Writes about events.
pub struct MailSink {
    shop: LocalShop,
    mailer: Arc<dyn Mailer>,
    sender: Mailbox,
    audience: Audience,
}

impl MailSink {
    /// Creates a sink. A sender without a name has that of the shop.
    pub fn new(shop: LocalShop, mailer: Arc<dyn Mailer>, sender: Mailbox, audience: Audience) -> Self {
        Self { shop, mailer, sender, audience }
    }

    async fn notice(&self, event: &OutboxMessage) -> ShopResult<Option<Notice>> {
        match self.audience {
            Audience::Shopper => self.shop.notice_to_shopper(event).await,
            Audience::Operator(_) => self.shop.notice_to_operator(event).await,
        }
    }

    /// Writes about an event, if there is something to write. Returns whether the event is done with.
    async fn write(&self, event: &OutboxMessage) -> ShopResult<bool> {
        let Some(notice) = self.notice(event).await? else { return Ok(true) };
        let brand = self.shop.brand().await?;
        let mut sender = self.sender.clone();
        if sender.name.as_str().is_empty() {
            sender.name = HeaderText::new(&brand.name);
        }
        let operator = match &self.audience {
            Audience::Shopper => None,
            Audience::Operator(address) => Some(address),
        };
        let texts = Texts { brand: &brand, sender: &sender };
        let mail = texts.about(&notice, operator, event).map_err(|error| ShopError::Internal(error.into()))?;
        let (code, reason) = match self.mailer.send(&mail).await {
            Ok(()) => return Ok(true),
            Err(MailError::Unavailable(reason)) => {
                return Err(ShopError::Unavailable {
                    retry_after_seconds: 60,
                    source: Some(redacted(&*reason).into()),
                });
            }
            Err(MailError::Deferred(reason)) if self.shop.now() - event.occurred_at < DEFERRED_FOR => {
                tracing::warn!(event_id = %event.id, error = redacted(&*reason), "mail was deferred");
                return Ok(false);
            }
            Err(MailError::Deferred(reason)) => ("deferred".to_owned(), reason),
            Err(MailError::Refused { code, reason }) => (code, reason),
        };
        tracing::warn!(event_id = %event.id, code, error = redacted(&*reason), "mail was refused");
        let returned = ReturnedMail { id: mail.id, code, at: self.shop.now() };
        Box::pin(self.shop.record_undelivered_mail(&returned)).await?;
        Ok(true)
    }
}

#[async_trait]
impl EventSink for MailSink {
    fn consumer(&self) -> Consumer {
        match self.audience {
            Audience::Shopper => Consumer::ShopperMail,
            Audience::Operator(_) => Consumer::OperatorMail,
        }
    }

    fn wants(&self, topic: &str) -> bool {
        match self.audience {
            Audience::Shopper => concerns_shopper(topic),
            Audience::Operator(_) => concerns_operator(topic),
        }
    }

    fn one_by_one(&self) -> bool {
        true
    }

    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        let mut delivery = Delivery::default();
        for event in messages {
            match self.write(event).await {
                Ok(true) => delivery.taken.push(event.clone()),
                Ok(false) => {}
                Err(error @ ShopError::Unavailable { .. }) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(event_id = %event.id, %error, source, "mail was not sent");
                    delivery.is_away = true;
                    break;
                }
                Err(error) => tracing::error!(event_id = %event.id, %error, "mail cannot be written"),
            }
        }
        delivery
    }
}

/// A relay's reply without the addresses that many relays repeat in it: logs contain no personal data.
fn redacted(reason: &dyn Error) -> String {
    let mut text = reason.to_string();
    if let Some(source) = reason.source() {
        text = format!("{text}: {source}");
    }
    let words = text.split_whitespace().map(|word| if word.contains('@') { "<address>" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// The consumers of the outbox that send mails as configured. Makes no connection yet.
pub async fn open(config: Option<&MailConfig>, shop: &LocalShop) -> Vec<Arc<dyn EventSink>> {
    let Some(config) = config else {
        tracing::warn!("SHOPEASE_MAIL is off: no mails are sent, and nobody can reset a password");
        return Vec::new();
    };
    let mailer: Arc<dyn Mailer> = match &config.transport {
        Transport::Directory(directory) => Arc::new(MailDirectory::new(directory)),
        Transport::Smtp(relay) => Arc::new(SmtpMailer::new(relay.clone())),
        #[cfg(feature = "aws")]
        Transport::Ses { configuration_set } => {
            Arc::new(crate::aws::SesMailer::connect(configuration_set.clone()).await)
        }
    };
    // Shoppers last: what is recorded right after their mail is the shortest.
    let audiences = config.operator.clone().map(Audience::Operator).into_iter().chain([Audience::Shopper]);
    let sink = |audience| MailSink::new(shop.clone(), Arc::clone(&mailer), config.from.clone(), audience);
    audiences.map(|audience| Arc::new(sink(audience)) as Arc<dyn EventSink>).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_logged_without_addresses() {
        let reply = std::io::Error::other("550 5.1.1 <ada@example.com>: no such user");
        assert_eq!(redacted(&reply), "550 5.1.1 <address> no such user");
    }
}
