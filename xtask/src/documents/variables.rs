//! Checks the environment variables: those that the programs read, those explained in `docs/configuration.md`, and
//! those named by other documents and deployments must be the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{is_markdown, shown};
use crate::tools::root;

/// The document that explains every variable.
const TABLE: &str = "docs/configuration.md";
/// Crates with their own variables: tools and tests.
const TOOLS: [&str; 4] = ["costs", "front-door", "tests", "xtask"];
/// Files that set variables for a deployment.
const DEPLOYMENTS: [&str; 4] = ["tf", "tfvars", "yaml", "yml"];
const PREFIX: &str = "SHOPEASE_";

/// Variables that only one side has.
pub(super) fn problems(files: &[PathBuf]) -> Result<Vec<String>> {
    let table = names(&std::fs::read_to_string(root().join(TABLE)).with_context(|| format!("cannot read {TABLE}"))?);
    let mut read = BTreeSet::new();
    let mut problems = Vec::new();
    for path in files {
        let place = place(path);
        if place == Place::Other {
            continue;
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let named = names(&text);
        if place == Place::Program {
            read.extend(named.iter().cloned());
        }
        let unknown = named.difference(&table);
        problems.extend(unknown.map(|name| format!("{}: {name} is not in {TABLE}", shown(path))));
    }
    let unread = table.difference(&read);
    problems.extend(unread.map(|name| format!("{TABLE}: no program reads {name}")));
    Ok(problems)
}

/// How a file relates to variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Source of a deployed program.
    Program,
    /// A file that names variables.
    Names,
    Other,
}

fn place(path: &Path) -> Place {
    let path = path.strip_prefix(root()).unwrap_or(path);
    let mut parts = path.iter().filter_map(|part| part.to_str());
    let (top, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if extension == "rs" && second == "src" && !TOOLS.contains(&top) {
        Place::Program
    } else if is_markdown(path) || DEPLOYMENTS.contains(&extension) || path.ends_with("Dockerfile") {
        Place::Names
    } else {
        Place::Other
    }
}

/// The variables named in a text. `SHOPEASE_DATABASE_*` names none; test variables are excluded.
fn names(text: &str) -> BTreeSet<String> {
    let part_of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let found = text.match_indices(PREFIX).map(|(start, _)| {
        let rest = &text[start..];
        &rest[..rest.find(|c| !part_of_name(c)).unwrap_or(rest.len())]
    });
    found.filter(|name| !name.ends_with('_') && !name.starts_with("SHOPEASE_TEST_")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_names_are_found_and_prefixes_are_not() {
        let text = "`SHOPEASE_STORE=postgres`, \"SHOPEASE_DATABASE_URL\", SHOPEASE_DATABASE_*, SHOPEASE_TEST_SCALE";
        assert_eq!(names(text), ["SHOPEASE_DATABASE_URL", "SHOPEASE_STORE"].map(str::to_owned).into());
    }

    #[test]
    fn programs_read_variables_and_deployments_name_them() {
        let of = |path: &str| place(&root().join(path));
        assert_eq!(of("storage/src/postgres/pool.rs"), Place::Program);
        assert_eq!(of("front-door/src/main.rs"), Place::Other);
        assert_eq!(of("storage/tests/it.rs"), Place::Other);
        for names in ["terraform/stack/main.tf", "sam/template.yaml", "README.md", "ecs-adapter/Dockerfile"] {
            assert_eq!(of(names), Place::Names, "{names}");
        }
    }
}
