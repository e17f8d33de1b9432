//! The step `releases`: this release and the next one side by side. Until there is a second release, a modified copy of
//! the sources takes its place, with an additional field in an order and an additional table.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::postgres::Postgres;
use crate::test::Outcome;
use crate::tools::{cargo, command, execute, execute_logged, output, root, timed};
use crate::{journeys, retry};

/// The additions of the copy: a file, a text that occurs in it once, and the text to insert after it.
const ADDED: &[(&str, &str, &str)] = &[
    // 90.1.0 follows 0.1.0. With equal versions, cargo would confuse the crates of both.
    ("Cargo.toml", "[workspace.package]\nversion = \"", "9"),
    ("shop/src/domain/order.rs", "pub struct Order {\n", "    /// Where it was placed.\n    pub channel: String,\n"),
    (
        "storage/src/documents/order.rs",
        "pub(crate) struct Order {\n    v: Version<1>,\n",
        "    #[serde(default)]\n    channel: String,\n",
    ),
    (
        "storage/src/documents/order.rs",
        "    fn from(order: &domain::Order) -> Self {\n        Self {\n            v: Version,\n",
        "            channel: order.channel.clone(),\n",
    ),
    (
        "storage/src/documents/order.rs",
        "    fn from(order: Order) -> Self {\n        Self {\n",
        "            channel: order.channel,\n",
    ),
    ("shop/src/services/placement.rs", "let order = Order {\n", "            channel: \"next\".to_owned(),\n"),
    (
        "shop/src/services/order_view.rs",
        "pub struct OrderView {\n",
        "    /// Where it was placed.\n    pub channel: String,\n",
    ),
    ("shop/src/services/order_view.rs", "            id: order.id,\n", "            channel: order.channel,\n"),
    ("shop/src/testing/fixtures.rs", "    Order {\n", "        channel: String::new(),\n"),
    (
        "shared/src/http/api/order.rs",
        "pub struct Order {\n",
        "    /// Where it was placed.\n    #[serde(default)]\n    pub channel: String,\n",
    ),
    ("shared/src/http/api/order.rs", "mirror!(Order of services::OrderView {\n", "    channel,\n"),
];

/// The copy's own migration.
const MIGRATION: &str = "-- What a migration of the next release may do.\n\
    CREATE TABLE gift_card (code text PRIMARY KEY, document json NOT NULL);\n\
    ALTER TABLE customer_order ADD COLUMN channel text NOT NULL DEFAULT 'web';\n";

/// Programs of the next release; the test finds the functions among them.
const PROGRAMS: [&str; 4] = ["shopease", "cart", "checkout", "admin"];

/// Builds both releases, then shops in both at the same time.
///
/// # Errors
/// If one does not build, or they are incompatible.
pub fn run() -> Result<Outcome> {
    timed("this release", journeys::build)?;
    let next = timed("the next release", build)?;
    let server = Postgres::start()?;
    let mut tests = cargo();
    retry::through_runner(tests.args(["test", "--workspace", "--test", "parity", "releases::"]));
    tests.args(["--", "--ignored"]);
    tests.env("SHOPEASE_NEXT_RELEASE", next).env("SHOPEASE_TEST_DATABASE_URL", server.url());
    timed("both together", || execute_logged("releases", &mut tests))?;
    Ok(Outcome::Passed)
}

/// Builds the next release; returns the directory of its programs.
fn build() -> Result<PathBuf> {
    let home = root().join("target/xtask/next-release");
    let sources = home.join("sources");
    copy(&sources)?;
    let mut build = cargo();
    // With the features of the workspace and of its tests, which an example needs, so that no dependency is compiled twice.
    build.current_dir(&sources).args(["build", "--quiet", "--offline", "--workspace", "--example", "function"]);
    build.args(PROGRAMS.iter().flat_map(|program| ["--bin", program]));
    // Build output is shared with this release, which has compiled the dependencies; the programs are separate.
    build.env("CARGO_BUILD_BUILD_DIR", root().join("target")).env("CARGO_TARGET_DIR", home.join("target"));
    execute(&mut build)?;
    Ok(home.join("target/debug"))
}

/// Copies the files that git tracks or would add, with the additions of the next release. Unchanged files are not
/// rewritten, so that cargo compiles only what has changed.
fn copy(sources: &Path) -> Result<()> {
    let listed = output(command("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))
        .context("cannot list the sources with git")?;
    let files: BTreeSet<_> = listed.split_terminator('\0').filter(|file| root().join(file).is_file()).collect();
    if let Some((file, ..)) = ADDED.iter().find(|(file, ..)| !files.contains(file)) {
        bail!("{file} does not exist; update the additions of the next release in {}", file!());
    }
    for file in &files {
        let content = std::fs::read(root().join(file)).with_context(|| format!("cannot read {file}"))?;
        let content = if ADDED.iter().any(|(edited, ..)| edited == file) {
            with_additions(file, String::from_utf8(content)?)?.into_bytes()
        } else {
            content
        };
        write(&sources.join(file), &content)?;
    }
    let migration = next_migration(&files)?;
    write(&sources.join(&migration), MIGRATION.as_bytes())?;
    remove_others(sources, sources, &files, &migration)
}

fn with_additions(file: &str, mut content: String) -> Result<String> {
    for (_, anchor, addition) in ADDED.iter().filter(|(edited, ..)| *edited == file) {
        let found = content.matches(anchor).count();
        ensure!(
            found == 1,
            "{file} has {anchor:?} {found} times, not once: the copy that stands in for the next release cannot be made. \
             Update the additions in {}",
            file!()
        );
        content = content.replace(anchor, &format!("{anchor}{addition}"));
    }
    Ok(content)
}

/// The file of the migration after the last one.
fn next_migration(files: &BTreeSet<&str>) -> Result<String> {
    let names = files.iter().filter_map(|file| file.strip_prefix("storage/migrations/"));
    let numbers = names.filter_map(|name| name.split('_').next()?.parse::<u32>().ok());
    let last = numbers.max().context("storage/migrations is empty")?;
    Ok(format!("storage/migrations/{:04}_next.sql", last + 1))
}

fn write(file: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(file).ok().as_deref() == Some(content) {
        return Ok(());
    }
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))
}

/// Deletes files left from an earlier copy.
fn remove_others(sources: &Path, directory: &Path, files: &BTreeSet<&str>, migration: &str) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(sources, &path, files, migration)?;
            continue;
        }
        let name = path.strip_prefix(sources)?.to_string_lossy().into_owned();
        if !files.contains(name.as_str()) && name != migration {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_addition_has_its_anchor_in_the_current_sources() {
        for (file, ..) in ADDED {
            let content = std::fs::read_to_string(root().join(file)).expect("the file");
            assert_ne!(with_additions(file, content.clone()).expect("the anchors are there"), content);
        }
    }
}
