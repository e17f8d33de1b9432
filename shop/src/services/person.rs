//! What the store has about a person, found by their email address: all of it as data, and its erasure.

use serde::Serialize;
use shopease_process::retry::until_written;
use time::OffsetDateTime;

use super::audit::each_record;
use super::placement::access_key;
use super::sessions::end_sessions;
use super::{MAX_TRIES, written};
use crate::domain::{
    Address, CartOwner, Customer, EmailAddress, FulfillmentState, Order, OrderId, OrderState, PageLimit, RefundState,
    Role, Session,
};
use crate::ports::{AuditRecord, IdGenerator, OrderAdvance, OutboxMessage, Store, StoreError};
use crate::{ShopError, ShopResult};

/// In place of an erased text.
const ERASED: &str = "erased";

/// Everything that the store has about a person. Carts and failed attempts are under hashes, and expire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonalData {
    /// Accounts with the email address, or that want it.
    pub accounts: Vec<Customer>,
    /// Sessions of the accounts that have the email address, the newest 100 of each.
    pub sessions: Vec<Session>,
    /// Orders with the email address, or of an account that has it.
    pub orders: Vec<Order>,
    /// Messages of the outbox about the email address or an account.
    pub messages: Vec<OutboxMessage>,
}

/// What was erased, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ErasedPerson {
    /// Accounts that were deleted.
    pub accounts: usize,
    /// Messages that were deleted.
    pub messages: usize,
    /// Numbers of the orders in which the personal data was erased.
    pub orders: Vec<String>,
    /// Numbers of orders that are not finished: they need the data for payment and delivery.
    pub unfinished_orders: Vec<String>,
    /// Accounts of operators, which this does not delete.
    pub operators: usize,
}

impl ErasedPerson {
    /// Whether nothing remains.
    pub fn is_complete(&self) -> bool {
        self.unfinished_orders.is_empty() && self.operators == 0
    }
}

impl Order {
    /// Whether nobody needs the shopper's data any more: neither for payment nor for delivery.
    fn is_finished(&self) -> bool {
        let is_refunding = self.payment.refunds.iter().any(|refund| refund.state == RefundState::Requested);
        let is_delivered = self.fulfillment != FulfillmentState::Unfulfilled;
        self.due_at.is_none() && !is_refunding && (self.state == OrderState::Cancelled || is_delivered)
    }

    /// Erases who has ordered. What tax law wants remains: number, date, items, amounts, taxes, country and region.
    fn erase_person(&mut self, ids: &dyn IdGenerator) {
        self.email = EmailAddress::erased();
        self.shipping_address = Address {
            name: ERASED.to_owned(),
            company: None,
            line1: ERASED.to_owned(),
            line2: None,
            city: ERASED.to_owned(),
            region: self.shipping_address.region.take(),
            postal_code: String::new(),
            country: self.shipping_address.country,
        };
        (self.billing_address, self.vat_number, self.phone, self.delivery_note) = (None, None, None, None);
        // The carrier shows where it went.
        self.tracking = None;
        self.customer_id = None;
        self.undelivered_mails.clear();
        // Links in mails end.
        self.access_key = access_key(ids);
    }
}

/// Reads everything that the store has about a person. Reads the whole store.
///
/// # Errors
/// [`StoreError`].
pub async fn personal_data<S: Store + ?Sized>(
    store: &S,
    email: &EmailAddress,
    now: OffsetDateTime,
) -> Result<PersonalData, StoreError> {
    let mut found = PersonalData::default();
    each_record(store, |record| match record {
        AuditRecord::Customer(customer) if wants(&customer, email) => found.accounts.push(*customer),
        AuditRecord::Order(order) if concerns(&order, email) => found.orders.push(*order),
        AuditRecord::Message(message) if OutboxMessage::is_personal(&message.topic) => found.messages.push(message),
        _ => {}
    })
    .await?;
    let PersonalData { accounts, sessions, orders, messages } = &mut found;
    for account in accounts.iter().filter(|account| account.email == *email) {
        sessions.extend(store.list_sessions(&account.id, now).await?);
        add_orders_of(store, account, orders).await?;
    }
    orders.sort_by_key(Order::position);
    messages.retain(|message| {
        message.subject == email.as_str()
            || message.requested_link().is_some_and(|(_, typed)| typed == *email)
            || accounts.iter().any(|account| account.id.as_str() == message.subject)
    });
    Ok(found)
}

/// Whether an order contains an email address.
fn concerns(order: &Order, email: &EmailAddress) -> bool {
    order.email == *email || order.undelivered_mails.iter().any(|mail| mail.address == *email)
}

/// Adds the orders of an account that are not there yet.
async fn add_orders_of<S: Store + ?Sized>(
    store: &S,
    account: &Customer,
    orders: &mut Vec<Order>,
) -> Result<(), StoreError> {
    let (owner, mut after) = (CartOwner::customer(account), None);
    loop {
        let page = store.list_orders_of(&owner, after.as_ref(), PageLimit::DEFAULT).await?;
        for summary in page.items {
            if !orders.iter().any(|order| order.id == summary.id) {
                orders.extend(store.find_order(&summary.id).await?);
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn wants(customer: &Customer, email: &EmailAddress) -> bool {
    customer.email == *email || customer.email_change.as_ref().is_some_and(|change| change.email == *email)
}

/// Erases what the store has about a person: deletes the accounts with their sessions, and the messages, and erases the person's data
/// in finished orders.
///
/// # Errors
/// [`ShopError::Unavailable`] when the store fails; some of it may then be erased.
pub async fn erase_person<S: Store + ?Sized>(
    store: &S,
    ids: &dyn IdGenerator,
    email: &EmailAddress,
    now: OffsetDateTime,
) -> ShopResult<ErasedPerson> {
    let found = personal_data(store, email, now).await?;
    let mut erased = ErasedPerson::default();
    for order in found.orders {
        let is_erased = erase_order(store, ids, &order.id).await?;
        let list = if is_erased { &mut erased.orders } else { &mut erased.unfinished_orders };
        list.push(order.order_number);
    }
    for message in found.messages {
        store.remove_outbox_message(&message.id).await?;
        erased.messages += 1;
    }
    for account in found.accounts {
        if account.role == Role::Operator {
            erased.operators += 1;
        } else {
            // First: they are not found without the account.
            if account.email == *email {
                end_sessions(store, &account.id, None, now).await?;
            }
            erase_account(store, account, email).await?;
            erased.accounts += 1;
        }
    }
    Ok(erased)
}

/// Erases who has placed an order, if it is finished. Returns whether it is.
async fn erase_order<S: Store + ?Sized>(store: &S, ids: &dyn IdGenerator, id: &OrderId) -> ShopResult<bool> {
    until_written(MAX_TRIES, || async {
        let found = store.find_order(id).await.map_err(ShopError::from)?;
        let Some(mut order) = found else { return Ok(true) };
        if !order.is_finished() {
            return Ok(false);
        }
        let previous_email = (!order.email.is_erased()).then(|| order.email.clone());
        order.erase_person(ids);
        order.version += 1;
        let advance = OrderAdvance { previous_email, ..OrderAdvance::to(order) };
        written(store.advance_order(&advance).await)?;
        Ok(true)
    })
    .await
}

/// Deletes an account with an email address; one that only wants it, wants it no more.
async fn erase_account<S: Store + ?Sized>(store: &S, account: Customer, email: &EmailAddress) -> ShopResult<()> {
    until_written(MAX_TRIES, || async {
        let found = store.find_customer(&account.id).await.map_err(ShopError::from)?;
        let Some(account) = found.filter(|account| wants(account, email)) else { return Ok(()) };
        if account.email == *email {
            return written(store.remove_customer(&account).await);
        }
        let next = Customer { email_change: None, version: account.version + 1, ..account.clone() };
        written(store.replace_customer(&account, &next).await)
    })
    .await
}
