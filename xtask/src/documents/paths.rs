//! A path of the repository in a code span is a link without brackets: the file must be there.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{is_markdown, shown};
use crate::tools::root;

/// Paths that lead nowhere.
pub(super) fn problems(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in files.iter().filter(|path| is_markdown(path)) {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let missing = spans(&text).filter(|span| is_path(span) && !root().join(span).exists());
        problems.extend(missing.map(|span| format!("{}: `{span}` does not exist", shown(path))));
    }
    Ok(problems)
}

/// Code spans within a line, outside of code blocks.
fn spans(document: &str) -> impl Iterator<Item = &str> {
    let blocks = document.split("```").step_by(2);
    blocks.flat_map(str::lines).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Whether a code span names a file or directory of the project: it begins with a directory at the top, and every
/// character is one of a path.
fn is_path(span: &str) -> bool {
    let Some((top, rest)) = span.split_once('/') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    // What is built is there only sometimes, and `./data` is the reader's own.
    !matches!(top, "" | "." | ".." | "target")
        && !rest.is_empty()
        && span.chars().all(plain)
        && root().join(top).is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_found_and_code_blocks_are_not() {
        let found: Vec<_> = spans("a `b` and `shared/src`\n\n```sh\nx `y`\n```\n\n`c`\n").collect();
        assert_eq!(found, ["b", "shared/src", "c"]);
    }

    #[test]
    fn only_paths_of_the_project_are_paths() {
        assert!(is_path("shared/src/nothing.rs") && is_path("docs/adr"));
        for other in ["http/api", "GET /docs/", "docs/*.md", "application/json", "target/debug", "./docs/x", "shared"] {
            assert!(!is_path(other), "{other}");
        }
    }
}
