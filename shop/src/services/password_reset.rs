//! Resetting a forgotten password. The request leaves only a message in the outbox, whether or not the address has an account, so
//! that neither response nor time reveals it. The link comes into being when the worker mails it: its secret is in the mail alone.

use shopease_process::retry::until_written;
use time::Duration;

use super::accounts::salt;
use super::attempts::Attempt;
use super::mailed_link::MailedLink;
use super::{Caller, LocalShop, MAX_TRIES, ResetPassword, written};
use crate::domain::{Customer, EmailAddress, EmailState, Field, PasswordReset, Subject};
use crate::ports::{OutboxMessage, StoreError};
use crate::{ShopError, ShopResult};

/// How long a link is valid.
pub(super) const VALID_FOR: Duration = Duration::hours(1);

impl LocalShop {
    pub(super) async fn request_reset(&self, caller: &Caller, email: &EmailAddress) -> ShopResult<()> {
        let attempt = Attempt::to_request_mail(email, caller.address);
        let _running = self.begin(&attempt).await?;
        self.request_mail(&attempt, OutboxMessage::PASSWORD_RESET, email.as_str()).await
    }

    pub(super) async fn reset(&self, caller: &Caller, command: ResetPassword) -> ShopResult<()> {
        let invalid = || ShopError::NotFound { subject: Subject::PasswordReset };
        let attempt = Attempt::of_client(caller.address);
        let _running = self.begin(&attempt).await?;
        let Some(link) = MailedLink::parse(&command.token) else { return Err(invalid()) };
        let found = self.store.find_customer(&link.customer_id).await?;
        let found = found.filter(|customer| self.is_valid(customer, &link.digest));
        let Some(mut customer) = found else {
            self.record_invalid_link(&attempt, &command.password).await?;
            return Err(invalid());
        };
        self.check_new_password(&command.password, Field::Password, &customer).await?;
        let previous = customer.clone();
        // The link was mailed to the address.
        customer.email_state = EmailState::Confirmed;
        customer.password_hash = self.passwords.hash(&command.password, salt(&*self.ids)).await?;
        customer.password_changes += 1;
        customer.password_reset = None;
        customer.version += 1;
        // Somebody else has just used the link, or a newer one has been mailed.
        self.store.replace_customer(&previous, &customer).await.map_err(|error| match error {
            StoreError::Conflict => invalid(),
            error => error.into(),
        })?;
        self.notify(OutboxMessage::PASSWORD_CHANGED, customer.owned_email()).await
    }

    fn is_valid(&self, customer: &Customer, digest: &str) -> bool {
        let reset = customer.password_reset.as_ref();
        reset.is_some_and(|reset| reset.digest == digest && reset.expires_at > self.clock.now())
    }

    /// Makes a link valid for the account with an address, in place of an earlier one. Returns the account and the link's token.
    pub(super) async fn new_reset_token(&self, email: &EmailAddress) -> ShopResult<Option<(Customer, String)>> {
        until_written(MAX_TRIES, || async {
            let found = self.store.find_customer_by_email(email).await.map_err(ShopError::from)?;
            let Some(previous) = found else { return Ok(None) };
            let (token, digest) = MailedLink::generate(&previous.id, &*self.ids);
            let password_reset = Some(PasswordReset { digest, expires_at: self.clock.now() + VALID_FOR });
            let customer = Customer { password_reset, version: previous.version + 1, ..previous.clone() };
            written(self.store.replace_customer(&previous, &customer).await)?;
            Ok(Some((customer, token)))
        })
        .await
    }
}
