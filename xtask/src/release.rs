//! Records what a release depends on in `releases/VERSION`; tests verify that later versions stay compatible.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha384};

use crate::generate::sorted_files;
use crate::postgres::Postgres;
use crate::tools::{cargo, execute, root};

/// Records the release of this source tree.
///
/// # Errors
/// If the version differs, the release is already recorded, or a part of it cannot be generated.
pub fn run(version: &str) -> Result<()> {
    if version != env!("CARGO_PKG_VERSION") {
        bail!("Cargo.toml has version {}, not {version}", env!("CARGO_PKG_VERSION"));
    }
    let release = root().join("releases").join(version);
    let parts = ["statements", "calls.json", "openapi.json", "answers", "access.json"].map(|part| release.join(part));
    if let Some(there) = parts.iter().find(|path| path.exists()) {
        bail!("{} already exists; a recorded release is never changed", there.display());
    }
    let statements = release.join("statements");
    std::fs::create_dir_all(&statements)?;
    for statement in sorted_files(&root().join("storage/.sqlx"))? {
        std::fs::copy(&statement, statements.join(statement.file_name().context("a file has a name")?))?;
    }
    std::fs::write(release.join("migrations.txt"), migrations()?)?;
    calls(&release.join("calls.json"))?;
    api(&release)?;
    access(&release)?;
    documents()?;
    println!("Recorded in {}.", release.display());
    Ok(())
}

/// The migrations with the checksums by which sqlx identifies them, as printed by `sha384sum`.
fn migrations() -> Result<String> {
    let mut list = String::new();
    for migration in sorted_files(&root().join("storage/migrations"))? {
        for byte in Sha384::digest(std::fs::read(&migration)?) {
            write!(list, "{byte:02x}")?;
        }
        let name = migration.file_name().context("a file has a name")?;
        writeln!(list, "  {}", name.display())?;
    }
    Ok(list)
}

/// Calls of the database functions with their effects.
fn calls(file: &Path) -> Result<()> {
    let server = Postgres::start()?;
    let url = server.url();
    let test = "postgres::tests::releases::every_function_that_a_statement_calls_is_recorded";
    let variables = [("SHOPEASE_TEST_DATABASE_URL", Path::new(&url)), ("SHOPEASE_TEST_RECORD_CALLS", file)];
    recorded_by(&["--lib"], test, &variables, file)
}

/// The API description, and a response of every operation.
fn api(release: &Path) -> Result<()> {
    let test = "releases::answers::every_current_operation_is_recorded";
    recorded_by(&["--test", "it"], test, &[("SHOPEASE_TEST_RECORD_API", release)], &release.join("openapi.json"))
}

/// Each function's access to the table.
fn access(release: &Path) -> Result<()> {
    let test = "access::each_function_has_the_table_access_of_its_use_cases";
    recorded_by(&["--test", "it"], test, &[("SHOPEASE_TEST_RECORD_ACCESS", release)], &release.join("access.json"))
}

/// Runs a test that writes a file to the path in its variables. The whole workspace is built, to share the build of an
/// ordinary test run.
fn recorded_by(target: &[&str], test: &str, variables: &[(&str, &Path)], file: &Path) -> Result<()> {
    let mut command = cargo();
    command.args(["test", "--quiet", "--workspace"]).args(target).args(["--", "--exact", test]);
    execute(command.envs(variables.iter().copied()))?;
    if !file.exists() {
        bail!("{} was not written; check that the test {test} still exists", file.display());
    }
    Ok(())
}

/// The documents of the stores: a test writes them for the version in `Cargo.toml`.
fn documents() -> Result<()> {
    let test = "documents::tests::this_release_writes_all_fields_of_the_newest_golden_documents";
    let arguments = ["test", "--quiet", "--workspace", "--lib", "--", "--exact", test];
    execute(cargo().args(arguments).env("SHOPEASE_TEST_WRITE_DOCUMENTS", "1"))
}
