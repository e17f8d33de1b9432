//! Checks the runbook references of alarms: `Runbook: database cpu.` in a description must refer to a heading of
//! `docs/runbook.md`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::shown;
use crate::tools::root;

const RUNBOOK: &str = "docs/runbook.md";

/// Alarms whose heading is missing from the runbook.
pub(super) fn problems(files: &[PathBuf]) -> Result<Vec<String>> {
    let runbook = std::fs::read_to_string(root().join(RUNBOOK)).with_context(|| format!("cannot read {RUNBOOK}"))?;
    let mut problems = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "tf")) {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let missing = headings(&text).filter(|heading| !has_heading(&runbook, heading));
        problems.extend(missing.map(|heading| format!("{}: {RUNBOOK} has no heading {heading:?}", shown(path))));
    }
    Ok(problems)
}

fn has_heading(document: &str, heading: &str) -> bool {
    let headings = document.lines().filter_map(|line| line.strip_prefix('#'));
    headings.map(|line| line.trim_start_matches('#').trim()).any(|found| found.eq_ignore_ascii_case(heading))
}

/// The headings that a module's alarms refer to. A part filled in by Terraform (`${each.key}`) is a row below the
/// heading.
fn headings(terraform: &str) -> impl Iterator<Item = &str> {
    terraform.split("Runbook: ").skip(1).map(|rest| {
        let name = rest.split(['.', '"']).next().unwrap_or_default();
        name.split("${").next().unwrap_or_default().trim()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_refers_to_a_heading_and_optionally_a_row_below_it() {
        let text = "description = \"Slow. Runbook: load balancer 5xx.\"\nx = \"Full. Runbook: database ${each.key}.\"";
        assert_eq!(headings(text).collect::<Vec<_>>(), ["load balancer 5xx", "database"]);
        let runbook = "# Runbook\n\n### load balancer 5xx\n";
        assert!(has_heading(runbook, "load balancer 5xx") && !has_heading(runbook, "database"));
    }
}
