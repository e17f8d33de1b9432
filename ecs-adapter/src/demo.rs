//! The first run on a laptop: demo catalog, an operator, starting over.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use shopease_shop::config::ShopConfig;
use shopease_shop::domain::EmailAddress;
use shopease_shop::ports::{IdGenerator as _, SharedStore, SystemClock, SystemIds};
use shopease_shop::services::create_operator;
use shopease_storage::StoreConfig;

/// The catalog that a new shop begins with.
const CATALOG: &[u8] = include_bytes!("../../shared/demo/catalog.csv");

/// Where the embedded store keeps its data, if that is the store.
pub fn data_directory(store: &StoreConfig) -> Option<&Path> {
    match store {
        #[cfg(feature = "embedded")]
        StoreConfig::Embedded { directory, .. } => Some(directory),
        _ => None,
    }
}

/// Removes the embedded store's files.
///
/// # Errors
/// When another store is configured, or a file cannot be removed.
pub fn start_over(store: &StoreConfig) -> anyhow::Result<()> {
    let Some(directory) = data_directory(store) else { bail!("--fresh works on the embedded store only") };
    let files: Vec<PathBuf> = match std::fs::read_dir(directory) {
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", directory.display())),
    };
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("shopease.sqlite") || name == OPERATOR_FILE || name == PAYMENTS_FILE {
            std::fs::remove_file(&file).with_context(|| format!("{} cannot be removed", file.display()))?;
        }
    }
    Ok(())
}

/// Loads the demo catalog into a store without any product; whether the shop has products then. Its prices have two decimals,
/// so a shop whose currency has fewer starts without it.
///
/// # Errors
/// When the store fails.
pub async fn load_if_empty(store: &SharedStore, shop: &ShopConfig) -> anyhow::Result<bool> {
    if store.has_products().await? {
        return Ok(true);
    }
    if shop.currency.exponent() < 2 {
        let currency = shop.currency;
        tracing::warn!(
            "no demo catalog: its prices have decimals, which {currency} does not have; `shopease import` adds your products"
        );
        return Ok(false);
    }
    let report =
        crate::import::load(CATALOG, shop, store, &SystemClock).await.context("the demo catalog cannot be loaded")?;
    tracing::info!(products = report, "demo catalog loaded");
    Ok(true)
}

/// The account that works at `/admin` on a laptop.
pub struct Operator {
    /// Where to sign in with.
    pub email: &'static str,
    /// Made at the first start, kept beside the data until the operator has signed in.
    pub password: Option<String>,
}

/// The ledger of the fake payment provider, beside the embedded store's data.
pub const PAYMENTS_FILE: &str = "payments.jsonl";

const OPERATOR_EMAIL: &str = "operator@shopease.test";
const OPERATOR_FILE: &str = "operator-password.txt";

/// The laptop's operator; created, with a random password, at the first start.
///
/// # Errors
/// When the store fails or the password file cannot be written.
pub async fn operator(store: &SharedStore, directory: &Path) -> anyhow::Result<Operator> {
    let file = directory.join(OPERATOR_FILE);
    let written = std::fs::read_to_string(&file).ok().map(|password| password.trim().to_owned());
    if written.is_some() {
        close_to_others(&file)?;
    }
    let email: EmailAddress = OPERATOR_EMAIL.parse()?;
    if store.find_customer_by_email(&email).await?.is_some() {
        return Ok(Operator { email: OPERATOR_EMAIL, password: written });
    }
    let password = written.unwrap_or_else(|| SystemIds.ulid().to_string()[14..].to_lowercase());
    // First, so that a crash in between leaves no account whose password nobody knows.
    write_own(&file, &format!("{password}\n")).with_context(|| format!("{} cannot be written", file.display()))?;
    create_operator(&**store, &SystemClock, &SystemIds, email, password.clone()).await?;
    Ok(Operator { email: OPERATOR_EMAIL, password: Some(password) })
}

/// Removes the operator's password file: they know the password when they have signed in.
pub fn remove_password(directory: &Path) {
    let file = directory.join(OPERATOR_FILE);
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, "{} cannot be removed; it has the operator's password", file.display());
        }
        _ => {}
    }
}

/// Writes a file that only its owner may read.
fn write_own(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}

/// Makes a file of an earlier release its owner's alone.
fn close_to_others(file: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .with_context(|| format!("the mode of {} cannot be set", file.display()))?;
    Ok(())
}

/// Refuses a data directory whose store is empty although its payment journal is not: orders have been lost, and a shop that
/// begins anew would hide it.
///
/// # Errors
/// When that is so.
pub fn refuse_lost_orders(store: &StoreConfig) -> anyhow::Result<()> {
    let Some(directory) = data_directory(store) else { return Ok(()) };
    let (database, journal) = (directory.join(DATABASE_FILE), directory.join(PAYMENTS_FILE));
    let size_bytes = |file: &Path| std::fs::metadata(file).map_or(0, |file| file.len());
    if size_bytes(&database) == 0 && size_bytes(&journal) > 0 {
        bail!(
            "{} is empty or missing, but {} has payments for its orders. Restore the store from a copy, or start over with --fresh, \
             which removes both",
            database.display(),
            journal.display()
        );
    }
    Ok(())
}

/// The embedded store's file.
#[cfg(feature = "embedded")]
const DATABASE_FILE: &str = shopease_storage::embedded::DATABASE_FILE;
#[cfg(not(feature = "embedded"))]
const DATABASE_FILE: &str = "shopease.sqlite";
