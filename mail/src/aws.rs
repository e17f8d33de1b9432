//! Mails by SES. SDK types appear nowhere else in this crate.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, MessageTag, RawMessage};
use shopease_shop::ports::{Mail, MailError, Mailer};

use crate::mime::encode;

/// Sends mails by SES.
#[derive(Clone)]
pub struct SesMailer {
    client: Client,
    configuration_set: Option<String>,
}

impl fmt::Debug for SesMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SesMailer").finish_non_exhaustive()
    }
}

impl SesMailer {
    /// A mailer with this client, whose mails belong to a configuration set.
    pub fn new(client: Client, configuration_set: Option<String>) -> Self {
        Self { client, configuration_set }
    }

    /// A mailer with credentials and region from the environment.
    pub(crate) async fn connect(configuration_set: Option<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(Duration::from_secs(6))
            .operation_timeout(Duration::from_secs(14));
        let config = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(2))
            .timeout_config(timeouts.build());
        Self::new(Client::new(&config.load().await), configuration_set)
    }
}

#[async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let encoded = encode(mail)?;
        let recipients = encoded.envelope.to().iter().map(ToString::to_string).collect();
        let raw = RawMessage::builder().data(Blob::new(encoded.content)).build();
        let raw = raw.map_err(|error| MailError::Unavailable(error.into()))?;
        // SES sets its own `Message-ID`, but names the tags of a mail that comes back. They may not contain dots.
        let tag = MessageTag::builder().name("mail").value(mail.id.tag()).build();
        let tag = tag.map_err(|error| MailError::Unavailable(error.into()))?;
        let request = self
            .client
            .send_email()
            .set_configuration_set_name(self.configuration_set.clone())
            .email_tags(tag)
            .destination(Destination::builder().set_to_addresses(Some(recipients)).build())
            .content(EmailContent::builder().raw(raw).build());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let reason = DisplayErrorContext(&error).to_string().into();
                match error.as_service_error() {
                    Some(error) if is_about_this_mail(error) => {
                        Err(MailError::Refused { code: error.code().unwrap_or("rejected").to_owned(), reason })
                    }
                    _ => Err(MailError::Unavailable(reason)),
                }
            }
        }
    }
}

/// Whether SES rejects this mail and not the account, the sender, or the rate. An address that is "not verified" is the sender, or
/// anyone while the account is in the sandbox.
fn is_about_this_mail(error: &SendEmailError) -> bool {
    let is_rejected = error.is_message_rejected() || error.is_bad_request_exception();
    is_rejected && !error.message().unwrap_or_default().contains("not verified")
}
