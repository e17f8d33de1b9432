//! `shopease person`: what the store has about a person, for requests under the GDPR.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};
use shopease_shared::http::api::accounts::Customer;
use shopease_shared::http::api::addresses::AddressBook;
use shopease_shared::http::api::order::Order;
use shopease_shared::http::api::wire::Out as _;
use shopease_shop::domain::{self, EmailAddress};
use shopease_shop::ports::{Clock as _, OutboxMessage, SystemClock, SystemIds};
use shopease_shop::services::{CustomerView, ErasedPerson, OrderView, PersonalData, erase_person, personal_data};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::email_address;
use crate::open::{self, Settings};

/// Subcommands of `person`.
#[derive(Debug, Subcommand)]
pub enum PersonCommand {
    /// Print everything that the store has about a person, as JSON. Reads the whole store.
    Export {
        /// Email address of the person.
        #[arg(value_parser = email_address)]
        email: EmailAddress,
    },
    /// Delete the accounts of a person, and erase the person in finished orders. Reads the whole store. Exits with 1 if something
    /// remains.
    Erase {
        /// Email address of the person.
        #[arg(value_parser = email_address)]
        email: EmailAddress,
        /// Erase. Without it, the command only prints what it would erase.
        #[arg(long)]
        yes: bool,
        /// Print the result as JSON.
        #[arg(long, requires = "yes")]
        json: bool,
    },
}

/// What the store has about a person. Passwords are not in it: the store has only hashes.
fn export(email: &EmailAddress, data: PersonalData) -> Value {
    let session = |session: domain::Session| {
        let (signed_in_at, expires_at) = (rfc3339(session.signed_in_at), rfc3339(session.expires_at));
        json!({ "device": session.device, "signed_in_at": signed_in_at, "expires_at": expires_at })
    };
    let message = |OutboxMessage { topic, subject, occurred_at, .. }| json!({ "topic": topic, "subject": subject, "occurred_at": rfc3339(occurred_at) });
    json!({
        "email": email,
        "accounts": data.accounts.into_iter().map(account).collect::<Value>(),
        "sessions": data.sessions.into_iter().map(session).collect::<Value>(),
        "orders": data.orders.into_iter().map(|order| Order::of(OrderView::from(order))).collect::<Vec<_>>(),
        "messages": data.messages.into_iter().map(message).collect::<Value>(),
    })
}

/// An account with its addresses, without its password.
pub fn account(account: domain::Customer) -> Value {
    let (created_at, addresses) = (account.created_at, AddressBook::of(account.addresses.clone()).addresses);
    let customer = Customer::of(CustomerView::from(account));
    json!({ "customer": customer, "addresses": addresses, "created_at": rfc3339(created_at) })
}

fn rfc3339(time: OffsetDateTime) -> Option<String> {
    time.format(&Rfc3339).ok()
}

/// Runs a subcommand.
///
/// # Errors
/// If the configuration is invalid or the store is unavailable.
pub async fn run(command: PersonCommand) -> anyhow::Result<ExitCode> {
    let open = open::store(&Settings::load(false).await?).await?;
    let (mut out, now) = (std::io::stdout().lock(), SystemClock.now());
    match command {
        PersonCommand::Export { email } => {
            let data = personal_data(&*open.store, &email, now).await?;
            writeln!(out, "{}", serde_json::to_string_pretty(&export(&email, data))?)?;
            Ok(ExitCode::SUCCESS)
        }
        PersonCommand::Erase { email, yes: false, .. } => {
            let data = personal_data(&*open.store, &email, now).await?;
            let (accounts, sessions) = (data.accounts.len(), data.sessions.len());
            let (orders, messages) = (data.orders.len(), data.messages.len());
            writeln!(out, "Accounts: {accounts}. Sessions: {sessions}. Orders: {orders}. Messages: {messages}.")?;
            writeln!(out, "Nothing was erased. To erase this, repeat the command with --yes. Nobody can undo it.")?;
            Ok(ExitCode::SUCCESS)
        }
        PersonCommand::Erase { email, yes: true, json } => {
            let erased = erase_person(&*open.store, &SystemIds, &email, now).await?;
            if json {
                writeln!(out, "{}", serde_json::to_string_pretty(&erased)?)?;
            } else {
                print(&mut out, &erased)?;
            }
            Ok(if erased.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn print(out: &mut impl std::io::Write, erased: &ErasedPerson) -> std::io::Result<()> {
    let (accounts, messages) = (erased.accounts, erased.messages);
    writeln!(out, "Deleted: {accounts} accounts, {messages} messages. Erased in {} orders.", erased.orders.len())?;
    if !erased.unfinished_orders.is_empty() {
        let numbers = erased.unfinished_orders.join(", ");
        writeln!(out, "Not erased: {numbers}. Orders need the data until they are shipped or canceled, and paid out.")?;
    }
    if erased.operators > 0 {
        writeln!(out, "Not erased: the account of an operator.")?;
    }
    Ok(())
}
