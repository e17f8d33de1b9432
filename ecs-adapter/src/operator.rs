//! `shopease operator`: the accounts of operators.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use shopease_shared::http::failure_text;
use shopease_shop::ShopError;
use shopease_shop::domain::{EmailAddress, Role};
use shopease_shop::ports::{SystemClock, SystemIds};
use shopease_shop::services::{LAPTOP_OPERATOR, create_operator, reset_operator_password};

use crate::demo;
use crate::open::{self, Settings};

/// Creates an operator, or sets a new password of one. The password is read from standard input.
///
/// # Errors
/// If the account is not as expected, the password is invalid, or the store is unavailable.
pub async fn run(email: EmailAddress, reset_password: bool) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(false).await?;
    let open = open::store(&settings).await?;
    // Before a password is typed.
    let role = open.store.find_customer_by_email(&email).await?.map(|account| account.role);
    match (role, reset_password) {
        (None, false) | (Some(Role::Operator), true) => {}
        (None, true) => bail!("{email} has no account; without --reset-password, this command creates one"),
        (Some(Role::Operator), false) => {
            bail!(
                "{email} is already an operator; to set a new password, run: shopease operator {email} --reset-password"
            )
        }
        (Some(Role::Customer), _) => bail!("{email} belongs to a customer; use another email address for the operator"),
    }
    let password = password()?;
    if reset_password {
        reset_operator_password(&*open.store, &SystemIds, &email, password).await.map_err(describe)?;
        if let Some(directory) = demo::data_directory(&settings.store).filter(|_| email.as_str() == LAPTOP_OPERATOR) {
            demo::remove_password(directory);
        }
        println!("{email} has a new password, and is signed out on all devices. Sign in at /login.");
    } else {
        let created = create_operator(&*open.store, &SystemClock, &SystemIds, email.clone(), password).await;
        created.map_err(describe)?;
        println!("{email} can sign in at /login and use /admin.");
    }
    Ok(ExitCode::SUCCESS)
}

fn password() -> anyhow::Result<String> {
    let mut password = String::new();
    let read = std::io::stdin().take(1024).read_to_string(&mut password);
    read.context("cannot read the password from standard input")?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}

/// Converts a failure into a sentence for the operator; a store failure stays attached as its cause.
fn describe(error: ShopError) -> anyhow::Error {
    let text = failure_text(&error);
    match error {
        ShopError::Unavailable { .. } | ShopError::Internal(_) => anyhow::Error::new(error).context(text),
        _ => anyhow::Error::msg(text),
    }
}
