//! `cargo xtask mutate`: breaks the infrastructure on purpose, one change of `terraform/mutations.toml` after another,
//! and reports which check notices. A change that nobody notices is a missing check.

use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;

use crate::infrastructure::{BOOTSTRAP, Moto, WorkingCopy};
use crate::tools::{find_program, root, timed};

const MUTATIONS: &str = "terraform/mutations.toml";
/// Changes that may stay unnoticed.
const ALLOWED: usize = 2;
/// Where the results are.
const DOCUMENT: &str = "docs/testing.md";
const BEGIN: &str = "<!-- Written by `cargo xtask mutate --write`. -->\n";
const END: &str = "<!-- End of what it wrote. -->\n";

/// What to change.
#[derive(Debug, Args)]
pub struct MutateArgs {
    /// Only the changes with these numbers.
    numbers: Vec<String>,
    /// Write the result into `docs/testing.md`.
    #[arg(long, conflicts_with = "numbers")]
    write: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutations {
    mutations: Vec<Mutation>,
}

/// A change of the sources, and where it has an effect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    number: String,
    /// What is wrong then, as a sentence.
    what: String,
    /// The state that shows it: an environment, `serverless`, or `bootstrap`.
    state: String,
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    file: String,
    old: String,
    new: String,
}

/// Applies every environment once; of each change, plans only the state that it names.
///
/// # Errors
/// If a change does not apply, or too many of them stay unnoticed.
pub fn run(args: &MutateArgs) -> Result<()> {
    let mut mutations = read()?;
    if let Some(unknown) = args.numbers.iter().find(|number| mutations.iter().all(|other| other.number != **number)) {
        bail!("{MUTATIONS} has no change {unknown}");
    }
    mutations.iter().try_for_each(Mutation::applies)?;
    mutations.retain(|mutation| args.numbers.is_empty() || args.numbers.contains(&mutation.number));
    let work = WorkingCopy::new(find_program("terraform", &[]).context("terraform is not on PATH")?)?;
    let moto = work.start_moto()?;
    timed("all environments on moto", || work.apply_all(&moto))?;
    for script in ["tables.py", "infrastructure.py"] {
        work.script(script, &[]).context("something is wrong without any change")?;
    }
    let mut results = Vec::new();
    for mutation in &mutations {
        let begun = Instant::now();
        let noticed = mutation.try_out(&work, &moto).with_context(|| format!("change {}", mutation.number))?;
        let shown = if noticed.is_empty() { "NOTHING".to_owned() } else { noticed.join(", ") };
        println!("  {:>4} s  {:4} {shown:30} {}", begun.elapsed().as_secs(), mutation.number, mutation.what);
        results.push((mutation, noticed));
    }
    let unnoticed = results.iter().filter(|(_, noticed)| noticed.is_empty()).count();
    println!("\n{} of {} changes are noticed", results.len() - unnoticed, results.len());
    if args.write {
        write(&results)?;
    }
    ensure!(unnoticed <= ALLOWED, "{unnoticed} changes stay unnoticed; {ALLOWED} are allowed");
    Ok(())
}

fn read() -> Result<Vec<Mutation>> {
    let text = fs::read_to_string(root().join(MUTATIONS)).with_context(|| format!("cannot read {MUTATIONS}"))?;
    let Mutations { mutations } = basic_toml::from_str(&text).context(MUTATIONS)?;
    Ok(mutations)
}

impl Mutation {
    /// Checks that every old text is there, once.
    fn applies(&self) -> Result<()> {
        for Change { file, old, .. } in &self.changes {
            let text =
                fs::read_to_string(root().join(file)).with_context(|| format!("change {}: {file}", self.number))?;
            let times = text.matches(old.as_str()).count();
            ensure!(times == 1, "change {}: {file} has this text {times} times instead of once:\n{old}", self.number);
        }
        Ok(())
    }

    /// Which checks notice the change. Those that take long run only if no other has noticed.
    fn try_out(&self, work: &WorkingCopy, moto: &Moto) -> Result<Vec<&'static str>> {
        let mut originals = Vec::new();
        for Change { file, old, new } in &self.changes {
            for path in work.copies(file) {
                let text = fs::read_to_string(&path)?;
                fs::write(&path, text.replace(old, new))?;
                originals.push((path, text));
            }
        }
        let shown = work.shown(&self.state);
        let state = fs::read(&shown)?;
        let noticed = self.noticed_by(work, moto);
        fs::write(shown, state)?;
        // The last change first: two of them may be in one file.
        for (path, text) in originals.into_iter().rev() {
            fs::write(path, text)?;
        }
        Ok(noticed)
    }

    fn noticed_by(&self, work: &WorkingCopy, moto: &Moto) -> Vec<&'static str> {
        let planned = work.plan(&self.state, moto);
        if planned.is_err() {
            return findings([("plan", planned)]);
        }
        let tables = work.script("tables.py", &["--only", &self.state]);
        let noticed = findings([("tables", tables), ("checks", work.script("infrastructure.py", &[]))]);
        if !noticed.is_empty() {
            return noticed;
        }
        let tests = if self.state == BOOTSTRAP { BOOTSTRAP } else { "stack" };
        findings([("checkov", work.checkov()), ("terraform test", work.tests(tests))])
    }
}

/// The checks that failed; prints the first lines of what each found, below its command.
fn findings<const N: usize>(results: [(&'static str, Result<()>); N]) -> Vec<&'static str> {
    let failed = results.into_iter().filter_map(|(name, result)| {
        let text = format!("{:#}", result.err()?);
        for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()).take(8) {
            println!("          {name}: {}", line.chars().take(180).collect::<String>());
        }
        // What the provider replaces has no ID in a plan. A check that stops because of this has noticed nothing.
        (!text.contains("Traceback")).then_some(name)
    });
    failed.collect()
}

/// Writes the results into the document.
fn write(results: &[(&Mutation, Vec<&'static str>)]) -> Result<()> {
    let mut table = "\n| change | noticed by |\n|---|---|\n".to_owned();
    for (mutation, noticed) in results {
        let noticed = if noticed.is_empty() { "**nothing**".to_owned() } else { noticed.join(", ") };
        writeln!(table, "| {}: {} | {noticed} |", mutation.number, mutation.what.trim())?;
    }
    let path = root().join(DOCUMENT);
    let text = fs::read_to_string(&path)?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.with_context(|| format!("{DOCUMENT} has no place for the result"))?;
    Ok(fs::write(path, format!("{before}{BEGIN}{table}\n{END}{after}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_applies_to_the_sources() {
        let mutations = read().expect("the changes can be read");
        assert_eq!(mutations.len(), 36);
        for mutation in mutations {
            mutation.applies().expect("its old text is in the sources, once");
        }
    }
}
