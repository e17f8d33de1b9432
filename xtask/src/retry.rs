//! The program through which cargo starts every test executable (its `runner`): a failed test is run once more, alone.
//!
//! A test that then passes is FLAKY: it is listed at the end of the run, which allows [`ALLOWED`] of them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};

use crate::tools::root;

/// Flaky tests that a run may have; none with `--strict`.
pub const ALLOWED: usize = 2;

/// More failures than this in one executable have one cause, and are not repeated.
const MAX_REPEATED: usize = 8;

/// The directories of the crates whose tests run, with commas between them; all when it is empty.
pub const ONLY_CRATES: &str = "XTASK_ONLY_CRATES";

/// Where the names of flaky tests are collected.
fn list() -> PathBuf {
    root().join("target/xtask/flaky")
}

/// Forgets the flaky tests of earlier runs.
///
/// # Errors
/// When the list cannot be removed.
pub fn forget() -> Result<()> {
    match std::fs::remove_file(list()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("cannot remove the list"),
        _ => Ok(()),
    }
}

/// The tests of this run that failed and then passed.
pub fn flaky() -> Vec<String> {
    std::fs::read_to_string(list()).map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default()
}

/// Lets cargo start test executables through this program.
pub fn through_runner(cargo: &mut Command) {
    let program = root().join("target/debug/xtask");
    cargo
        .arg("--config")
        .arg(format!("target.'cfg(all())'.runner = [{:?}, \"run-tests\"]", program.display().to_string()));
}

/// Runs a test executable, then each of its failed tests alone.
///
/// # Errors
/// When the executable cannot be started.
pub fn run(executable: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    // Cargo starts tests in the directory of their crate.
    let (here, only) = (std::env::current_dir()?, chosen_crates());
    if !only.is_empty() && !only.iter().any(|name| root().join(name) == here) {
        return Ok(ExitCode::SUCCESS);
    }
    let mut first = Command::new(executable);
    let mut process =
        first.args(arguments).stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run {first:?}"))?;
    let mut failed = Failures::default();
    for line in BufReader::new(process.stdout.take().context("no output")?).lines() {
        let line = line?;
        println!("{line}");
        failed.read(&line);
    }
    let status = process.wait()?;
    if status.success() {
        return Ok(ExitCode::SUCCESS);
    }
    let failed = failed.names;
    let program = executable.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if failed.is_empty() || failed.len() > MAX_REPEATED {
        println!("{program} failed ({status})");
        return Ok(ExitCode::FAILURE);
    }
    let mut passed = Vec::new();
    for name in &failed {
        println!("\n{name} failed: once more, alone");
        let mut again = Command::new(executable);
        again.args(arguments.iter().filter(|argument| *argument == "--ignored")).args([name, "--exact", "--nocapture"]);
        if again.status()?.success() {
            passed.push(format!("{} {name}", program.rsplit_once('-').map_or(&*program, |(name, _)| name)));
        }
    }
    let mut list = OpenOptions::new().create(true).append(true).open(list()).context("cannot open the list")?;
    for name in &passed {
        println!("FLAKY {name}");
        writeln!(list, "{name}")?;
    }
    Ok(if passed.len() == failed.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen_crates() -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the program that reads it")]
    let names = std::env::var(ONLY_CRATES).unwrap_or_default();
    names.split_terminator(',').map(str::to_owned).collect()
}

/// The names in the last `failures:` of a test executable's output.
#[derive(Default)]
struct Failures {
    listing: bool,
    names: BTreeSet<String>,
}

impl Failures {
    fn read(&mut self, line: &str) {
        match line.strip_prefix("    ") {
            Some(name) if self.listing && !name.is_empty() => {
                self.names.insert(name.to_owned());
            }
            // The first list has what each test printed; the names are in the second.
            None if line == "failures:" => (self.listing, self.names) = (true, BTreeSet::new()),
            None if !line.is_empty() => self.listing = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_failed_tests_are_those_of_the_last_list() {
        let output = "running 3 tests\ntest a::one ... FAILED\ntest b ... ok\ntest c ... FAILED\n\nfailures:\n\n\
                      ---- a::one stdout ----\n    not a name\n\n---- c stdout ----\nfailures:\n    printed by a test\n\n\
                      failures:\n    a::one\n    c\n\ntest result: FAILED. 1 passed; 2 failed\n    later\n";
        let mut failures = Failures::default();
        output.lines().for_each(|line| failures.read(line));
        assert_eq!(failures.names, ["a::one", "c"].map(str::to_owned).into());
    }
}
