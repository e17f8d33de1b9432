//! Accounts: register, sign in with a new session, and adopt the visitor's cart and orders, and orders with the account's address.

use std::fmt;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::attempts::Attempt;
use super::carts::CART_CONFLICTS;
use super::password::Passwords;
use super::password_rules::{MAX_CHARS, password_problem};
use super::{Caller, LocalShop, MAX_TRIES, written};
use crate::domain::{
    Cart, CartId, CartOwner, Customer, CustomerId, EmailAddress, EmailState, Field, OrderId, PageLimit, Role,
    RuleError, Session, SessionId, Subject, Token, line,
};
use crate::ports::{AccountStore, Clock, IdGenerator, OrderAdvance, OutboxMessage, StoreError};
use crate::{ShopError, ShopResult};
use shopease_process::retry::{TryError, until_written};

/// Creates an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Register {
    /// Unique in the shop.
    pub email: EmailAddress,
    /// Name of the customer.
    pub name: String,
    /// 8 to 256 characters of any kind, but not a common password.
    pub password: String,
}

/// Signs in.
#[derive(Clone, PartialEq, Eq)]
pub struct LogIn {
    /// Email address of the account.
    pub email: EmailAddress,
    /// Password of the account.
    pub password: String,
}

/// A new session.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Bearer token of the session.
    pub token: String,
    /// The signed-in customer.
    pub customer: CustomerView,
    /// Units in the merged cart.
    pub cart_units: u32,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("customer", &self.customer).finish_non_exhaustive()
    }
}

/// The signed-in customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerView {
    /// Customer ID.
    pub id: CustomerId,
    /// Email address.
    pub email: EmailAddress,
    /// Name.
    pub name: String,
    /// Role of the account.
    pub role: Role,
    /// The email address that a mailed link will confirm: that of a new account, or one that the account changes to.
    pub unconfirmed_email: Option<EmailAddress>,
}

impl From<Customer> for CustomerView {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id,
            email: customer.email,
            name: customer.name,
            role: customer.role,
            unconfirmed_email: customer.email_change.map(|change| change.email),
        }
    }
}

/// Requests a link that resets a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPasswordReset {
    /// Email address of the account.
    pub email: EmailAddress,
}

/// Resets a password with a mailed link.
#[derive(Clone, PartialEq, Eq)]
pub struct ResetPassword {
    /// Token of the link.
    pub token: String,
    /// New password, 8 to 256 characters of any kind, but not a common password.
    pub password: String,
}

/// Confirms an email address with a mailed link, and signs in.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfirmEmail {
    /// Token of the link.
    pub token: String,
    /// Password of the account.
    pub password: String,
}

/// Requests another mail with the link that confirms the email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestEmailConfirmation;

/// Changes the name of the signed-in customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeName {
    /// New name.
    pub name: String,
}

/// Changes the email address of the signed-in customer.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangeEmail {
    /// New email address.
    pub email: EmailAddress,
    /// Password of the account.
    pub password: String,
}

/// Changes the password of the signed-in customer.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangePassword {
    /// Current password.
    pub password: String,
    /// New password, 8 to 256 characters of any kind, but not a common password.
    pub new_password: String,
}

/// Deletes the account of the signed-in customer.
#[derive(Clone, PartialEq, Eq)]
pub struct DeleteAccount {
    /// Password of the account.
    pub password: String,
}

/// Ends the caller's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOut;

/// Requests the sessions of the signed-in customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListSessions;

/// Ends a session of the signed-in customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndSession {
    /// The session.
    pub id: SessionId,
}

/// Ends all sessions of the signed-in customer but the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndOtherSessions;

/// A session of the signed-in customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Session ID.
    pub id: SessionId,
    /// Browser and system at sign-in, such as `Firefox on Linux`, if known.
    pub device: Option<String>,
    /// When the customer signed in.
    pub signed_in_at: OffsetDateTime,
    /// Whether it is the caller's.
    pub is_current: bool,
}

/// Requests the signed-in customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentCustomer;

/// Accounts and sessions.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Creates an account, signs in with a new session, and moves the visitor's cart to the account. If the shop sends mail, a mailed
    /// link confirms the email address, and only then can the customer sign in again.
    ///
    /// # Errors
    /// [`ShopError::Rules`]; [`ShopError::AlreadyExists`] (`email`) if the shop sends no mail; [`ShopError::TooManyAttempts`] after too
    /// many failed attempts of this client, or too many mails to this email address.
    async fn register(&self, caller: &Caller, command: Register) -> ShopResult<SignedIn>;

    /// Signs in with a new session, merges the visitor's cart into the account's, and moves the visitor's orders to the account. If a
    /// mailed link has confirmed the account's email address, orders without an account that have this address move to it, too.
    ///
    /// # Errors
    /// [`ShopError::WrongCredentials`], [`ShopError::TooManyAttempts`] after too many failed attempts of this client or on
    /// this account.
    async fn log_in(&self, caller: &Caller, command: LogIn) -> ShopResult<SignedIn>;

    /// Ends the caller's session; also succeeds without a session.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn log_out(&self, caller: &Caller, command: LogOut) -> ShopResult<()>;

    /// The sessions of the signed-in customer, the newest first, at most 100.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`].
    async fn list_sessions(&self, caller: &Caller, command: ListSessions) -> ShopResult<Vec<SessionView>>;

    /// Ends a session of the signed-in customer.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`]; [`ShopError::NotFound`] (`session`) if it has ended, or is another customer's.
    async fn end_session(&self, caller: &Caller, command: EndSession) -> ShopResult<()>;

    /// Ends all sessions of the signed-in customer but the caller's.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`].
    async fn end_other_sessions(&self, caller: &Caller, command: EndOtherSessions) -> ShopResult<()>;

    /// Requests a mail with a link that resets the password. Nothing reveals whether the email address has an account.
    ///
    /// # Errors
    /// [`ShopError::TooManyAttempts`] after too many requests of this client or for this email address.
    async fn request_password_reset(&self, caller: &Caller, command: RequestPasswordReset) -> ShopResult<()>;

    /// Sets a new password. Ends all sessions of the account, and uses up the link. Without a password, only the link is checked.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] (`password_reset`) for a link that is invalid, used, or older than one hour; [`ShopError::Rules`] for
    /// the password, and the link remains valid; [`ShopError::TooManyAttempts`] after too many failed attempts of this client.
    async fn reset_password(&self, caller: &Caller, command: ResetPassword) -> ShopResult<()>;

    /// Confirms an email address with a mailed link, and signs in with a new session, as [`Accounts::log_in`] does. Without a
    /// password, only the link is checked, and nothing counts as a wrong password.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] (`email confirmation`) for a link that is invalid, used, or older than a day, and when the address now
    /// belongs to another account; [`ShopError::Rules`] for a wrong password; [`ShopError::TooManyAttempts`] after too many of them.
    async fn confirm_email(&self, caller: &Caller, command: ConfirmEmail) -> ShopResult<SignedIn>;

    /// Requests another mail with the link that confirms the email address.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`]; [`ShopError::NotFound`] (`email confirmation`) if no address waits for its confirmation;
    /// [`ShopError::TooManyAttempts`] after too many requests.
    async fn request_email_confirmation(&self, caller: &Caller, command: RequestEmailConfirmation) -> ShopResult<()>;

    /// Changes the name of the signed-in customer.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Rules`].
    async fn change_name(&self, caller: &Caller, command: ChangeName) -> ShopResult<CustomerView>;

    /// Changes the email address of the signed-in customer: if the shop sends mail, with a link that is mailed to the new address, and
    /// nothing reveals whether that address has another account; else at once.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`]; [`ShopError::Rules`] for a wrong password; [`ShopError::AlreadyExists`] (`email`) if the shop
    /// sends no mail; [`ShopError::TooManyAttempts`] after too many wrong passwords or mails to this email address.
    async fn change_email(&self, caller: &Caller, command: ChangeEmail) -> ShopResult<CustomerView>;

    /// Changes the password of the signed-in customer. Ends all sessions of the account, and signs in with a new one.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`]; [`ShopError::Rules`] for a wrong or an invalid password; [`ShopError::TooManyAttempts`] after too
    /// many wrong passwords.
    async fn change_password(&self, caller: &Caller, command: ChangePassword) -> ShopResult<SignedIn>;

    /// Deletes the account of the signed-in customer and ends all its sessions. Its orders stay with the merchant.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`]; [`ShopError::Forbidden`] for operators; [`ShopError::Rules`] for a wrong password;
    /// [`ShopError::TooManyAttempts`] after too many of them.
    async fn delete_account(&self, caller: &Caller, command: DeleteAccount) -> ShopResult<()>;

    /// The signed-in customer.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`].
    async fn current_customer(&self, caller: &Caller, command: CurrentCustomer) -> ShopResult<CustomerView>;
}

/// Email address of the operator that is created on a laptop, until the operator changes it.
pub const LAPTOP_OPERATOR: &str = "operator@shopease.test";

/// Creates an operator's account.
///
/// # Errors
/// [`ShopError::Rules`] for an invalid password, [`ShopError::AlreadyExists`] when the email address already has an account.
pub async fn create_operator(
    store: &dyn AccountStore,
    clock: &dyn Clock,
    ids: &dyn IdGenerator,
    email: EmailAddress,
    password: String,
) -> ShopResult<()> {
    let command = Register { email, name: "Operator".to_owned(), password };
    let customer = new_customer(command, Role::Operator, None, &Passwords::default(), clock, ids).await?;
    Ok(store.insert_customer(&customer).await?)
}

/// Sets a new password of an operator who has lost the old one. Ends all sessions of the account.
///
/// # Errors
/// [`ShopError::NotFound`] (`email`) if the email address has no account, [`ShopError::Forbidden`] if it has a customer's,
/// [`ShopError::Rules`] for an invalid password.
pub async fn reset_operator_password(
    store: &dyn AccountStore,
    ids: &dyn IdGenerator,
    email: &EmailAddress,
    password: String,
) -> ShopResult<()> {
    let found = store.find_customer_by_email(email).await?;
    let previous = found.ok_or(ShopError::NotFound { subject: Subject::Email })?;
    if previous.role != Role::Operator {
        return Err(ShopError::Forbidden);
    }
    if let Some(problem) = password_problem(&password, Field::Password, email, None) {
        return Err(problem.into());
    }
    let mut operator = previous.clone();
    operator.password_hash = Passwords::default().hash(&password, salt(ids)).await?;
    operator.password_changes += 1;
    operator.password_reset = None;
    operator.version += 1;
    Ok(store.replace_customer(&previous, &operator).await?)
}

#[async_trait]
impl Accounts for LocalShop {
    async fn register(&self, caller: &Caller, command: Register) -> ShopResult<SignedIn> {
        let attempt = if self.config.sends_mail {
            Attempt::to_request_mail(&command.email, caller.address)
        } else {
            Attempt::of_client(caller.address)
        };
        let _running = self.begin(&attempt).await?;
        let shop_name = Some(self.settings().await?.settings.shop.name.clone());
        let new =
            new_customer(command, Role::Customer, shop_name.as_deref(), &self.passwords, &*self.clock, &*self.ids);
        let mut customer = new.await?;
        if self.config.sends_mail {
            customer.email_state = EmailState::Pending;
            customer.email_change = Some(self.email_change(customer.email.clone()));
            self.store.insert_customer(&customer).await?;
            self.request_mail(&attempt, OutboxMessage::EMAIL_CONFIRMATION, customer.id.as_str()).await?;
            return self.sign_in(caller, customer).await;
        }
        match self.store.insert_customer(&customer).await {
            Err(StoreError::AlreadyExists { subject: Subject::Email }) => {
                self.record_failure(&attempt).await?;
                Err(ShopError::AlreadyExists { subject: Subject::Email })
            }
            inserted => {
                inserted?;
                self.sign_in(caller, customer).await
            }
        }
    }

    async fn log_in(&self, caller: &Caller, command: LogIn) -> ShopResult<SignedIn> {
        if command.password.len() > MAX_PASSWORD_BYTES {
            return Err(ShopError::WrongCredentials);
        }
        let attempt = Attempt::to_sign_in(&command.email, caller.address);
        let (_running, customer) =
            self.check_limits(&attempt, self.store.find_customer_by_email(&command.email)).await?;
        let hash = customer.as_ref().map(|customer| customer.password_hash.clone());
        let is_right = self.passwords.verify(&command.password, hash).await?;
        if let Some(customer) = customer.filter(|_| is_right) {
            return self.sign_in(caller, customer).await;
        }
        self.record_failure(&attempt).await?;
        Err(ShopError::WrongCredentials)
    }

    async fn log_out(&self, caller: &Caller, _: LogOut) -> ShopResult<()> {
        self.end_session_of(caller).await
    }

    async fn list_sessions(&self, caller: &Caller, _: ListSessions) -> ShopResult<Vec<SessionView>> {
        self.own_sessions(caller).await
    }

    async fn end_session(&self, caller: &Caller, command: EndSession) -> ShopResult<()> {
        self.end_own_session(caller, &command.id).await
    }

    async fn end_other_sessions(&self, caller: &Caller, _: EndOtherSessions) -> ShopResult<()> {
        self.end_own_other_sessions(caller).await
    }

    async fn request_password_reset(&self, caller: &Caller, command: RequestPasswordReset) -> ShopResult<()> {
        self.request_reset(caller, &command.email).await
    }

    async fn reset_password(&self, caller: &Caller, command: ResetPassword) -> ShopResult<()> {
        self.reset(caller, command).await
    }

    async fn confirm_email(&self, caller: &Caller, command: ConfirmEmail) -> ShopResult<SignedIn> {
        self.confirm(caller, command).await
    }

    async fn request_email_confirmation(&self, caller: &Caller, _: RequestEmailConfirmation) -> ShopResult<()> {
        self.request_another_link(caller).await
    }

    async fn change_name(&self, caller: &Caller, command: ChangeName) -> ShopResult<CustomerView> {
        self.rename(caller, command).await
    }

    async fn change_email(&self, caller: &Caller, command: ChangeEmail) -> ShopResult<CustomerView> {
        self.move_email(caller, command).await
    }

    async fn change_password(&self, caller: &Caller, command: ChangePassword) -> ShopResult<SignedIn> {
        self.replace_password(caller, command).await
    }

    async fn delete_account(&self, caller: &Caller, command: DeleteAccount) -> ShopResult<()> {
        self.delete(caller, command.password).await
    }

    async fn current_customer(&self, caller: &Caller, _: CurrentCustomer) -> ShopResult<CustomerView> {
        Ok(self.require_customer(caller).await?.into())
    }
}

impl LocalShop {
    /// Signs in with a new token, so that anyone who knows the browser's old token is not signed in (session fixation).
    pub(super) async fn sign_in(&self, caller: &Caller, customer: Customer) -> ShopResult<SignedIn> {
        let cart_units = self.merge_visitor_cart(caller, &customer).await?;
        self.adopt_visitor_orders(caller, &customer).await?;
        if customer.email_state == EmailState::Confirmed {
            self.adopt_orders_by_email(&customer).await?;
        }
        let token = Token::session(self.ids.secret());
        let session = Session {
            token_digest: token.digest(),
            customer_id: customer.id.clone(),
            password_changes: customer.password_changes,
            signed_in_at: self.clock.now(),
            device: caller.device.clone(),
            expires_at: self.expiry(),
        };
        self.store.insert_session(&session).await?;
        self.end_session_of(caller).await?;
        if customer.role == Role::Operator {
            self.operator_signed_in.notify_one();
        }
        Ok(SignedIn { token: token.expose().to_owned(), customer: customer.into(), cart_units })
    }

    /// Checks a new password of an account in a field.
    pub(super) async fn check_new_password(&self, password: &str, field: Field, customer: &Customer) -> ShopResult<()> {
        let settings = self.settings().await?;
        match password_problem(password, field, &customer.email, Some(&settings.settings.shop.name)) {
            Some(problem) => Err(problem.into()),
            None => Ok(()),
        }
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

    /// Merges the visitor's cart into the account's cart. Returns the number of units in it.
    async fn merge_visitor_cart(&self, caller: &Caller, customer: &Customer) -> ShopResult<u32> {
        let (visitor, owner) = (CartOwner::visitor(&caller.token), CartOwner::customer(customer));
        let attempt = || async {
            let now = self.clock.now();
            let own = self.store.find_cart(&owner, now).await.map_err(ShopError::from)?;
            let collected = self.store.find_cart(&visitor, now).await.map_err(ShopError::from)?;
            let Some(collected) = collected.filter(|cart| !cart.lines.is_empty()) else {
                return Ok(own.map_or(0, |cart| cart.units()));
            };
            let mut merged = own.unwrap_or_else(|| Cart::new(CartId::from_ulid(self.ids.ulid()), owner.clone(), now));
            merged.merge(&collected);
            merged.version += 1;
            merged.updated_at = now;
            written(self.store.merge_carts(&collected, &merged, self.expiry()).await)?;
            Ok(merged.units())
        };
        CART_CONFLICTS.run(&*self.ids, attempt).await
    }

    /// Moves the visitor's earlier orders to the account.
    async fn adopt_visitor_orders(&self, caller: &Caller, customer: &Customer) -> ShopResult<()> {
        let (visitor, mut after) = (CartOwner::visitor(&caller.token), None);
        loop {
            let page = self.store.list_orders_of(&visitor, after.as_ref(), PageLimit::DEFAULT).await?;
            for summary in page.items {
                until_written(MAX_TRIES, || self.adopt(&summary.id, &visitor, customer)).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Moves orders without an account that have the account's address to the account. Only for a confirmed address: anybody can enter
    /// somebody else's. Every sign-in does this, so a page without such orders is the last to read.
    async fn adopt_orders_by_email(&self, customer: &Customer) -> ShopResult<()> {
        let mut after = None;
        loop {
            let page = self.store.list_orders_by_email(&customer.email, after.as_ref(), PageLimit::DEFAULT).await?;
            let of_visitors: Vec<_> = page.items.iter().filter(|order| order.owner.is_visitor()).collect();
            for order in &of_visitors {
                until_written(MAX_TRIES, || self.adopt(&order.summary.id, &order.owner, customer)).await?;
            }
            after = page.next;
            if after.is_none() || of_visitors.is_empty() {
                return Ok(());
            }
        }
    }

    async fn adopt(&self, id: &OrderId, visitor: &CartOwner, customer: &Customer) -> Result<(), TryError<ShopError>> {
        let found = self.store.find_order(id).await.map_err(ShopError::from)?;
        let Some(mut order) = found.filter(|order| order.owner == *visitor) else { return Ok(()) };
        order.owner = CartOwner::customer(customer);
        order.customer_id = Some(customer.id.clone());
        order.version += 1;
        let previous_owner = Some(visitor.clone());
        let advance = OrderAdvance { previous_owner, ..OrderAdvance::to(order) };
        written(self.store.advance_order(&advance).await)
    }
}

/// Longest password in bytes: the maximum of characters, each decomposed into a letter and three combining marks of four bytes.
const MAX_PASSWORD_BYTES: usize = 4 * 4 * MAX_CHARS;
const MAX_NAME_CHARS: usize = 120;

async fn new_customer(
    command: Register,
    role: Role,
    shop_name: Option<&str>,
    passwords: &Passwords,
    clock: &dyn Clock,
    ids: &dyn IdGenerator,
) -> ShopResult<Customer> {
    let password = password_problem(&command.password, Field::Password, &command.email, shop_name);
    let name = match (customer_name(&command.name), password) {
        (Ok(name), None) => name,
        (name, password) => return Err(name.err().into_iter().chain(password).collect::<Vec<_>>().into()),
    };
    Ok(Customer {
        id: CustomerId::from_ulid(ids.ulid()),
        email: command.email,
        email_state: EmailState::Unconfirmed,
        email_change: None,
        name,
        password_hash: passwords.hash(&command.password, salt(ids)).await?,
        role,
        created_at: clock.now(),
        password_changes: 0,
        password_reset: None,
        addresses: Vec::new(),
        version: 1,
    })
}

/// The name of a customer, without surrounding spaces.
pub(super) fn customer_name(name: &str) -> Result<String, RuleError> {
    line(name, 1, MAX_NAME_CHARS).map_err(|rule| RuleError::invalid(Field::Name, rule))
}

/// A new salt of a password.
pub(super) fn salt(ids: &dyn IdGenerator) -> [u8; 16] {
    let mut salt = [0; 16];
    salt.copy_from_slice(&ids.secret()[..16]);
    salt
}
