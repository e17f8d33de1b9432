//! Confirming an email address with a mailed link: that of a new account, or one that an account changes to. Until then, the address
//! is not the account's, so neither registering nor changing reveals whether it has an account already: its owner learns it by mail.

use time::Duration;

use super::accounts::{ConfirmEmail, SignedIn};
use super::attempts::Attempt;
use super::mailed_link::MailedLink;
use super::notices::Notice;
use super::{Caller, LocalShop};
use crate::domain::{
    Customer, CustomerId, EmailAddress, EmailChange, EmailState, Field, RuleError, Subject, ValueRule,
};
use crate::ports::{OutboxMessage, StoreError};
use crate::{ShopError, ShopResult};

/// How long a link is valid.
const VALID_FOR: Duration = Duration::hours(24);

impl LocalShop {
    /// A change to an email address, before its link is mailed.
    pub(super) fn email_change(&self, email: EmailAddress) -> EmailChange {
        EmailChange { email, digest: None, expires_at: self.clock.now() + VALID_FOR }
    }

    /// Requests another link for the email address that waits for its confirmation.
    pub(super) async fn request_another_link(&self, caller: &Caller) -> ShopResult<()> {
        let customer = self.require_customer(caller).await?;
        let Some(email) = customer.email_change.map(|change| change.email) else {
            return Err(ShopError::NotFound { subject: Subject::EmailConfirmation });
        };
        let attempt = Attempt::to_request_mail(&email, caller.address);
        let _running = self.begin(&attempt).await?;
        self.change_customer(&customer.id, |customer| {
            customer.email_change = Some(self.email_change(email.clone()));
            Ok(())
        })
        .await?;
        self.request_mail(&attempt, OutboxMessage::EMAIL_CONFIRMATION, customer.id.as_str()).await
    }

    /// What to write to the email address that an account wants; `None` if it does not want one any more.
    pub(super) async fn email_confirmation(&self, id: &CustomerId) -> ShopResult<Option<Notice>> {
        let Some(customer) = self.store.find_customer(id).await? else { return Ok(None) };
        let Some(change) = customer.email_change.filter(|change| change.expires_at > self.clock.now()) else {
            return Ok(None);
        };
        if let Some(owner) = self.store.find_customer_by_email(&change.email).await?
            && owner.id != *id
        {
            return Ok(Some(Notice::AccountExists { name: owner.name, email: change.email }));
        }
        let (token, digest) = MailedLink::generate(id, &*self.ids);
        let (name, email) = (customer.name, change.email);
        self.change_customer(id, |customer| {
            let current = customer.email_change.as_mut().filter(|change| change.email == email);
            if let Some(change) = current {
                *change = EmailChange { digest: Some(digest.clone()), ..self.email_change(email.clone()) };
            }
            Ok(())
        })
        .await?;
        Ok(Some(Notice::EmailConfirmation { name, email, token }))
    }

    /// Confirms an email address and signs in. The password proves that the reader of the mail is who has entered the address.
    pub(super) async fn confirm(&self, caller: &Caller, command: ConfirmEmail) -> ShopResult<SignedIn> {
        let invalid = || ShopError::NotFound { subject: Subject::EmailConfirmation };
        let by_client = Attempt::of_client(caller.address);
        let _running = self.begin(&by_client).await?;
        let Some(link) = MailedLink::parse(&command.token) else { return Err(invalid()) };
        let found = self.store.find_customer(&link.customer_id).await?;
        let Some((mut customer, change)) = found.and_then(|customer| self.confirmed_by(customer, &link)) else {
            self.record_invalid_link(&by_client, &command.password).await?;
            return Err(invalid());
        };
        if command.password.is_empty() {
            return Err(RuleError::invalid(Field::Password, ValueRule::Required).into());
        }
        self.check_password(caller, &customer, command.password).await?;
        let previous = customer.clone();
        customer.email = change.email;
        customer.email_state = EmailState::Confirmed;
        customer.email_change = None;
        // Its link was mailed to the former address.
        customer.password_reset = None;
        customer.version += 1;
        match self.store.replace_customer(&previous, &customer).await {
            Ok(()) => {
                self.notify(OutboxMessage::EMAIL_CHANGED, previous.owned_email()).await?;
                self.sign_in(caller, customer).await
            }
            // The link has just been used, or the address belongs to another account by now.
            Err(StoreError::Conflict | StoreError::AlreadyExists { .. }) => Err(invalid()),
            Err(error) => Err(error.into()),
        }
    }

    /// The account with the change that a link confirms, if the link is valid.
    fn confirmed_by(&self, customer: Customer, link: &MailedLink) -> Option<(Customer, EmailChange)> {
        let change = customer.email_change.clone()?;
        let is_valid = change.digest.as_ref() == Some(&link.digest) && change.expires_at > self.clock.now();
        is_valid.then_some((customer, change))
    }
}
