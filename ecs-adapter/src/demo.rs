//! The first run on a laptop: demo catalog, operator account, `--fresh`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use shopease_shop::config::ShopConfig;
use shopease_shop::domain::{EmailAddress, Handle, HomePage, PageLimit, Sku};
use shopease_shop::ports::{IdGenerator as _, SharedStore, SystemClock, SystemIds};
use shopease_shop::services::{LAPTOP_OPERATOR, create_operator, current_settings};
use shopease_storage::StoreConfig;

/// The catalog of a new shop.
const CATALOG: &[u8] = include_bytes!("../../shared/demo/catalog.csv");

/// Returns the data directory if the store is the embedded one.
pub fn data_directory(store: &StoreConfig) -> Option<&Path> {
    match store {
        #[cfg(feature = "embedded")]
        StoreConfig::Embedded { directory, .. } => Some(directory),
        _ => None,
    }
}

/// Deletes the embedded store's files.
///
/// # Errors
/// If another store is configured, or a file cannot be deleted.
pub fn start_over(store: &StoreConfig) -> anyhow::Result<()> {
    let Some(directory) = data_directory(store) else { bail!("--fresh works only with the embedded store") };
    let files: Vec<PathBuf> = match std::fs::read_dir(directory) {
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", directory.display())),
    };
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("shopease.sqlite") || name == OPERATOR_FILE || name == PAYMENTS_FILE {
            std::fs::remove_file(&file).with_context(|| format!("{} cannot be deleted", file.display()))?;
        } else if [MAIL_DIRECTORY, PICTURES_DIRECTORY].contains(&name) {
            std::fs::remove_dir_all(&file).with_context(|| format!("{} cannot be deleted", file.display()))?;
        }
    }
    Ok(())
}

/// Loads the demo catalog if the store has no products. Returns whether the shop has products afterwards: the catalog's prices
/// have two decimals, so it is not loaded if the currency has fewer. With the catalog, a new shop gets a home page that fits it.
///
/// # Errors
/// If the store fails.
pub async fn load_if_empty(store: &SharedStore, shop: &mut ShopConfig) -> anyhow::Result<bool> {
    if store.has_products().await? {
        return Ok(true);
    }
    let current = current_settings(&**store, &shop.settings, &SystemClock).await?.settings;
    let currency = current.selling.currency;
    if currency.exponent() < 2 {
        tracing::warn!(
            "the demo catalog was not loaded: its prices have decimals, {currency} has none; add products with `shopease import`"
        );
        return Ok(false);
    }
    let report = crate::import::load(CATALOG, shop.language, currency, store, &SystemClock)
        .await
        .context("the demo catalog cannot be loaded")?;
    tracing::info!(products = report, "demo catalog loaded");
    // For the first version of the settings of a new shop.
    shop.settings.initial.home = HomePage::of_demo_catalog();
    Ok(true)
}

/// The products of the catalog of a new shop, each with its SKUs.
///
/// # Errors
/// If the catalog is not a CSV file with handles and SKUs.
pub fn products() -> anyhow::Result<BTreeMap<Handle, BTreeSet<Sku>>> {
    let mut rows = csv::Reader::from_reader(CATALOG);
    let header = rows.headers()?.clone();
    let column = |name: &str| header.iter().position(|found| found == name).context(format!("no column {name}"));
    let (handles, skus) = (column("Handle")?, column("Variant SKU")?);
    let mut products = BTreeMap::<Handle, BTreeSet<Sku>>::new();
    for row in rows.records() {
        let row = row?;
        let product = products.entry(row.get(handles).unwrap_or_default().parse()?).or_default();
        // Rows with further images have no SKU.
        if let Some(sku) = row.get(skus).filter(|sku| !sku.is_empty()) {
            product.insert(sku.parse()?);
        }
    }
    Ok(products)
}

/// The account for `/admin` on a laptop.
pub struct Operator {
    /// Email address for signing in.
    pub email: &'static str,
    /// Generated at the first start and kept beside the data until the operator has signed in.
    pub password: Option<String>,
}

/// The fake payment provider's ledger, kept beside the embedded store's data.
pub const PAYMENTS_FILE: &str = "payments.jsonl";

/// The mails of a laptop, kept beside the embedded store's data.
pub const MAIL_DIRECTORY: &str = "mail";

/// The uploaded pictures of a laptop, kept beside the embedded store's data.
pub const PICTURES_DIRECTORY: &str = "pictures";

const OPERATOR_FILE: &str = "operator-password.txt";

/// Returns the laptop's operator account; creates it with a random password at the first start.
///
/// # Errors
/// If the store fails or the password file cannot be written.
pub async fn operator(store: &SharedStore, directory: &Path) -> anyhow::Result<Operator> {
    let file = directory.join(OPERATOR_FILE);
    let written = std::fs::read_to_string(&file).ok().map(|password| password.trim().to_owned());
    if written.is_some() {
        restrict_to_owner(&file)?;
    }
    let email: EmailAddress = LAPTOP_OPERATOR.parse()?;
    if store.find_customer_by_email(&email).await?.is_some() {
        return Ok(Operator { email: LAPTOP_OPERATOR, password: written });
    }
    let password = written.unwrap_or_else(|| SystemIds.ulid().to_string()[14..].to_lowercase());
    // Before the account, so that a crash in between leaves no account with an unknown password.
    write_own(&file, &format!("{password}\n")).with_context(|| format!("{} cannot be written", file.display()))?;
    create_operator(&**store, &SystemClock, &SystemIds, email, password.clone()).await?;
    Ok(Operator { email: LAPTOP_OPERATOR, password: Some(password) })
}

/// Deletes the operator's password file, which is not needed after the first sign-in.
pub fn remove_password(directory: &Path) {
    let file = directory.join(OPERATOR_FILE);
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, "{} cannot be deleted; it contains the operator's password", file.display());
        }
        _ => {}
    }
}

/// Writes a file that only its owner can read.
fn write_own(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}

/// Restricts a file that an earlier release wrote to its owner.
fn restrict_to_owner(file: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .with_context(|| format!("the mode of {} cannot be set", file.display()))?;
    Ok(())
}

/// Rejects a data directory whose store is empty while its payment journal is not: orders have been lost, and starting
/// with a new store would hide it.
///
/// # Errors
/// If that is the case.
pub fn check_for_lost_orders(store: &StoreConfig) -> anyhow::Result<()> {
    let Some(directory) = data_directory(store) else { return Ok(()) };
    let (database, journal) = (directory.join(DATABASE_FILE), directory.join(PAYMENTS_FILE));
    if size_bytes(&database) == 0 && size_bytes(&journal) > 0 {
        bail!(
            "{} is empty or missing, but {} has payments for its orders. Restore the store from a backup, or start over with --fresh, \
             which deletes both",
            database.display(),
            journal.display()
        );
    }
    Ok(())
}

/// Rejects a data directory whose payment journal is empty or missing while its store has orders: their payments could be neither
/// captured nor refunded.
///
/// # Errors
/// If that is the case, or the store cannot be read.
pub async fn check_for_lost_payments(journal: &Path, store: &SharedStore) -> anyhow::Result<()> {
    if size_bytes(journal) > 0 {
        return Ok(());
    }
    let mut after = None;
    loop {
        let page = store.list_orders(after.as_ref(), PageLimit::DEFAULT).await?;
        for order in page.items {
            if store.find_order(&order.id).await?.is_some_and(|order| order.payment.intent_id.is_some()) {
                bail!(
                    "{} is empty or missing, but the store has orders with payments. If another payment provider has them, set \
                     SHOPEASE_PAYMENT_PROVIDER or SHOPEASE_FAKE_PAYMENTS_URL as before. Otherwise restore the file from a \
                     backup, or start over with --fresh, which deletes the orders",
                    journal.display()
                );
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn size_bytes(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |file| file.len())
}

/// The embedded store's file.
#[cfg(feature = "embedded")]
const DATABASE_FILE: &str = shopease_storage::embedded::DATABASE_FILE;
#[cfg(not(feature = "embedded"))]
const DATABASE_FILE: &str = "shopease.sqlite";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_demo_product_has_a_sku() {
        let products = products().expect("a catalog");
        let empty: Vec<_> = products.iter().filter(|(_, skus)| skus.is_empty()).collect();
        assert!(products.len() > 30 && empty.is_empty(), "{} {empty:?}", products.len());
    }
}
