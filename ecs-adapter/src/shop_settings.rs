//! `shopease settings`: the settings of the shop as a file, for pipelines.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::Value;
use shopease_shared::http::api::settings::{SettingChange, SettingsDocument, value_at};
use shopease_shared::http::setting_rule_text;
use shopease_shop::ShopError;
use shopease_shop::ports::{Clock as _, SystemClock};
use shopease_shop::services::{current_settings, store_first_settings, write_settings};

use crate::open::{self, Settings};

/// Recorded as the author of imported settings.
const AUTHOR: &str = "shopease settings import";
/// Largest file: a document of the largest allowed texts is smaller.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Subcommands of `settings`.
#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// Write the settings as JSON.
    Export {
        /// The file; - is standard output [default: -].
        file: Option<PathBuf>,
    },
    /// Replace the settings by those of a JSON file. If anything in it is wrong, nothing is changed.
    Import {
        /// The file; - is standard input [default: -].
        file: Option<PathBuf>,
        /// Print what would change; change nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// If the file cannot be read or written, is not JSON, or the store is unavailable.
pub async fn run(command: SettingsCommand) -> anyhow::Result<ExitCode> {
    match command {
        SettingsCommand::Export { file } => export(named(file.as_deref())).await,
        SettingsCommand::Import { file, dry_run } => import(named(file.as_deref()), dry_run).await,
    }
}

/// The file, if it is not standard input or output.
fn named(file: Option<&Path>) -> Option<&Path> {
    file.filter(|file| *file != Path::new("-"))
}

async fn export(file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(false).await?;
    let open = open::store_to_read(&settings).await?;
    let current = current_settings(&*open.store, &settings.shop.settings, &SystemClock).await?;
    let text = serde_json::to_string_pretty(&SettingsDocument::from(current.settings))? + "\n";
    match file {
        Some(file) => std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?,
        None => std::io::stdout().write_all(text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn import(file: Option<&Path>, dry_run: bool) -> anyhow::Result<ExitCode> {
    let name = file.map_or_else(|| "standard input".to_owned(), |file| file.display().to_string());
    let json = read(file).with_context(|| format!("{name} cannot be read"))?;
    // Editors on Windows write a byte order mark.
    let json = json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&json);
    let json: Value = serde_json::from_slice(json).with_context(|| format!("{name} is not JSON"))?;
    let imported = match SettingsDocument::read_json(&json) {
        Ok(imported) => imported,
        Err(problems) => {
            let mut errors = std::io::stderr().lock();
            for problem in &problems {
                let path = problem.field().unwrap_or("settings");
                let value = value_at(&json, path);
                writeln!(errors, "{path}: {}", setting_rule_text(problem, value.as_deref()))?;
            }
            bail!("{name} has {}; nothing was changed", count(problems.len(), "problem"));
        }
    };
    let settings = Settings::load(false).await?;
    let open = if dry_run { open::store_to_read(&settings).await? } else { open::store(&settings).await? };
    let (store, variables) = (&*open.store, &settings.shop.settings);
    let current = if dry_run {
        current_settings(store, variables, &SystemClock).await?
    } else {
        store_first_settings(store, variables, &SystemClock).await?
    };
    let changes = SettingChange::between(&current.settings, &imported);
    let mut out = std::io::stdout().lock();
    for SettingChange { path, from, to } in &changes {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        writeln!(out, "{path}: {} -> {}", shown(from), shown(to))?;
    }
    let values = count(changes.len(), "value");
    if dry_run || changes.is_empty() {
        writeln!(
            out,
            "{}",
            if changes.is_empty() { "No changes.".to_owned() } else { format!("{values} would change.") }
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let version = current.about.version;
    let written = write_settings(store, &current, version, imported, AUTHOR, SystemClock.now()).await;
    let written = written.map_err(|error| match error {
        ShopError::Conflict => {
            anyhow::Error::msg("the settings were changed at the same time; nothing was imported, run the import again")
        }
        error => error.into(),
    })?;
    writeln!(out, "{values} changed. Version {} is in force within five seconds.", written.about.version)?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: Option<&Path>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file {
        Some(file) => std::fs::File::open(file)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?,
        None => std::io::stdin().lock().take(MAX_FILE_BYTES).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
