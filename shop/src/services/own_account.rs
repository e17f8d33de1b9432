//! Changes that customers make to their own account.

use super::accounts::{ChangeEmail, ChangeName, ChangePassword, CustomerView, SignedIn, customer_name, salt};
use super::attempts::Attempt;
use super::{Caller, LocalShop};
use crate::domain::{Customer, EmailState, Field, Role, RuleError, ValueRule};
use crate::ports::OutboxMessage;
use crate::{ShopError, ShopResult};

impl LocalShop {
    pub(super) async fn rename(&self, caller: &Caller, command: ChangeName) -> ShopResult<CustomerView> {
        let customer = self.require_customer(caller).await?;
        let name = customer_name(&command.name)?;
        let renamed = self.change_customer(&customer.id, |customer| {
            customer.name.clone_from(&name);
            Ok(())
        });
        Ok(renamed.await?.into())
    }

    pub(super) async fn move_email(&self, caller: &Caller, command: ChangeEmail) -> ShopResult<CustomerView> {
        let customer = self.require_customer(caller).await?;
        let ChangeEmail { email, password } = command;
        let attempt = Attempt::to_request_mail(&email, caller.address);
        let _running = self.begin(&attempt).await?;
        self.check_password(caller, &customer, password).await?;
        let is_own = customer.owned_email() == Some(&email);
        let changed = self.change_customer(&customer.id, |customer| {
            let needs_link = self.config.sends_mail && !is_own;
            customer.email_change = needs_link.then(|| self.email_change(email.clone()));
            if !needs_link && !is_own {
                customer.email_state = EmailState::Unconfirmed;
                // Its link was mailed to the former address.
                customer.password_reset = None;
            }
            if customer.email_state == EmailState::Pending || !needs_link {
                customer.email.clone_from(&email);
            }
            Ok(())
        });
        let changed = changed.await?;
        if changed.email_change.is_some() {
            self.request_mail(&attempt, OutboxMessage::EMAIL_CONFIRMATION, changed.id.as_str()).await?;
        }
        Ok(changed.into())
    }

    /// Ends all sessions, and signs in again.
    pub(super) async fn replace_password(&self, caller: &Caller, command: ChangePassword) -> ShopResult<SignedIn> {
        let customer = self.require_customer(caller).await?;
        self.check_new_password(&command.new_password, Field::NewPassword, &customer).await?;
        self.check_password(caller, &customer, command.password).await?;
        let hash = self.passwords.hash(&command.new_password, salt(&*self.ids)).await?;
        let seen = customer.password_changes;
        let changed = self.change_customer(&customer.id, |customer| {
            if customer.password_changes != seen {
                return Err(ShopError::SignInRequired);
            }
            customer.password_hash.clone_from(&hash);
            customer.password_changes += 1;
            customer.password_reset = None;
            Ok(())
        });
        let changed = changed.await?;
        self.notify(OutboxMessage::PASSWORD_CHANGED, changed.owned_email()).await?;
        self.sign_in(caller, changed).await
    }

    /// Deletes the account. Its orders stay with the merchant.
    pub(super) async fn delete(&self, caller: &Caller, password: String) -> ShopResult<()> {
        let customer = self.require_customer(caller).await?;
        // The shop would have nobody to manage it.
        if customer.role == Role::Operator {
            return Err(ShopError::Forbidden);
        }
        self.check_password(caller, &customer, password).await?;
        // Sessions first: nobody could repeat this without an account. The caller's last, because the account may have changed.
        self.end_other_sessions_of(&customer.id, caller).await?;
        self.store.remove_customer(&customer).await?;
        self.end_session_of(caller).await
    }

    /// Checks the password of an account that a caller wants to change.
    pub(super) async fn check_password(
        &self,
        caller: &Caller,
        customer: &Customer,
        password: String,
    ) -> ShopResult<()> {
        let attempt = Attempt::to_change(&customer.id, caller.address);
        let _running = self.begin(&attempt).await?;
        if self.passwords.verify(&password, Some(customer.password_hash.clone())).await? {
            return Ok(());
        }
        self.record_failure(&attempt).await?;
        Err(RuleError::invalid(Field::Password, ValueRule::CurrentPassword).into())
    }
}
