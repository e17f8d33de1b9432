//! Confirming an email address with a mailed link: that of a new account, or one that an account changes to. Until then, the address
//! is not the account's, so neither registering nor changing reveals whether it has an account already: its owner learns it by mail.

use shopease_process::retry::until_written;
use time::Duration;

use super::accounts::{ConfirmEmail, SignedIn};
use super::attempts::Attempt;
use super::mailed_link::MailedLink;
use super::notices::Notice;
use super::{Caller, LocalShop, written};
use crate::domain::{Customer, CustomerId, EmailAddress, EmailChange, EmailState, Subject};
use crate::ports::{OutboxMessage, StoreError};
use crate::{ShopError, ShopResult};

/// How long a link is valid.
const VALID_FOR: Duration = Duration::hours(24);
/// Tries to write an account while it is being changed.
const MAX_TRIES: u32 = 5;

impl LocalShop {
    /// A change to an email address, before its link is mailed.
    pub(super) fn email_change(&self, email: EmailAddress) -> EmailChange {
        EmailChange { email, digest: None, expires_at: self.clock.now() + VALID_FOR }
    }

    /// Requests the mail with the link. Each request counts as a failed attempt, so that nobody can fill a stranger's mailbox.
    pub(super) async fn request_link_to(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        email: &EmailAddress,
    ) -> ShopResult<()> {
        self.record_failure(&Attempt::to_request_mail(email, caller.address)).await?;
        let message = self.message(OutboxMessage::EMAIL_CONFIRMATION, customer.as_str());
        self.store.insert_outbox_message(&message).await?;
        self.wakeup.notify_one();
        Ok(())
    }

    /// Requests another link for the email address that waits for its confirmation.
    pub(super) async fn request_another_link(&self, caller: &Caller) -> ShopResult<()> {
        let customer = self.identify(caller).await?.customer.ok_or(ShopError::SignInRequired)?;
        let Some(email) = customer.email_change.map(|change| change.email) else {
            return Err(ShopError::NotFound { subject: Subject::EmailConfirmation });
        };
        let attempt = Attempt::to_request_mail(&email, caller.address);
        let (_running, ()) = self.check_limits(&attempt, async { Ok(()) }).await?;
        self.change_customer(&customer.id, |customer| {
            customer.email_change = Some(self.email_change(email.clone()));
            Ok(())
        })
        .await?;
        self.request_link_to(caller, &customer.id, &email).await
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
        let (_running, ()) = self.check_limits(&by_client, async { Ok(()) }).await?;
        let Some(link) = MailedLink::parse(&command.token) else { return Err(invalid()) };
        let found = self.store.find_customer(&link.customer_id).await?;
        let Some((mut customer, change)) = found.and_then(|customer| self.confirmed_by(customer, &link)) else {
            self.record_failure(&by_client).await?;
            return Err(invalid());
        };
        self.check_password(caller, &customer, command.password).await?;
        let previous = customer.clone();
        customer.email = change.email;
        customer.email_state = EmailState::Confirmed;
        customer.email_change = None;
        customer.version += 1;
        match self.store.replace_customer(&previous, &customer).await {
            Ok(()) => self.sign_in(caller, customer).await,
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

    /// Changes an account and writes its next version. Returns it as it is then.
    pub(super) async fn change_customer(
        &self,
        id: &CustomerId,
        change: impl Fn(&mut Customer) -> ShopResult<()>,
    ) -> ShopResult<Customer> {
        until_written(MAX_TRIES, || async {
            let found = self.store.find_customer(id).await.map_err(ShopError::from)?;
            let previous = found.ok_or(ShopError::SignInRequired)?;
            let mut customer = previous.clone();
            change(&mut customer)?;
            if customer != previous {
                customer.version += 1;
                written(self.store.replace_customer(&previous, &customer).await)?;
            }
            Ok(customer)
        })
        .await
    }
}
