//! Checks of the documents that no linter has: paths in code spans, the table of variables, and the runbook's entry for every
//! alarm.

mod alarms;
mod paths;
mod variables;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::tools::root;

/// Directories without files of the project itself.
const FOREIGN: [&str; 2] = ["target", "node_modules"];

/// Checks all documents.
///
/// # Errors
/// All problems, one line each, with the file.
pub fn check() -> Result<()> {
    let files = files(root())?;
    let mut problems = paths::problems(&files)?;
    problems.extend(alarms::problems(&files)?);
    problems.extend(variables::problems(&files)?);
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    Ok(())
}

/// All files of the project, sorted. Hidden directories belong to tools, except the pipeline's.
fn files(directory: PathBuf) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![directory];
    while let Some(directory) = waiting.pop() {
        let entries = std::fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && name != ".github";
            match entry.file_type()? {
                kind if kind.is_dir() && !hidden && !FOREIGN.contains(&name.as_str()) => waiting.push(entry.path()),
                kind if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A path as written in the documents.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}
