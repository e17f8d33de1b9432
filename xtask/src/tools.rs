//! Running commands and getting the tools that tests need.

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// A command in the root of the workspace, without standard input.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Cargo, as it was called, with the compiler of [`with_clippy`](crate::workspace::with_clippy).
pub fn cargo() -> Command {
    let mut cargo = command(option_env!("CARGO").unwrap_or("cargo"));
    crate::workspace::with_clippy(&mut cargo);
    cargo
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started or fails.
pub fn execute(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown} failed ({status})");
    }
    Ok(())
}

/// Lines of a failed command that its error repeats.
const LAST_LINES: usize = 60;

/// Runs a command to its end and shows what it prints, which is also kept in `target/xtask/NAME.log`: an error ends with the last
/// lines of it, so that the end of a long run shows why it failed.
///
/// The command writes into the file and not into a pipe, since a process that it leaves behind would hold a pipe open.
///
/// # Errors
/// When it cannot be started or fails.
pub fn execute_logged(name: &str, command: &mut Command) -> Result<()> {
    let log = root().join(format!("target/xtask/{name}.log"));
    std::fs::create_dir_all(root().join("target/xtask"))?;
    let file = File::create(&log)?;
    let mut written = File::open(&log)?;
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let shown = format!("{command:?}");
    let mut process =
        command.stdout(file.try_clone()?).stderr(file).spawn().with_context(|| format!("cannot run {shown}"))?;
    let status = loop {
        let ended = process.try_wait()?;
        std::io::copy(&mut written, &mut std::io::stdout())?;
        match ended {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    };
    if !status.success() {
        let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
        let lines: Vec<_> = text.lines().collect();
        let (earlier, last) = lines.split_at(lines.len().saturating_sub(LAST_LINES));
        // What a test says may be far above the end of its run.
        let failures = lines_of_failures(earlier).into_iter().take(LAST_LINES);
        let failures: Vec<_> = failures.chain(last.iter().copied()).collect();
        bail!(
            "{shown} failed ({status}); its last lines, all in target/xtask/{name}.log:\n    {}",
            failures.join("\n    ")
        );
    }
    Ok(())
}

/// Which tests failed, where they panicked, and why: the line below a panic.
fn lines_of_failures<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let panicked = |line: &str| line.contains(" panicked at ");
    let pairs = std::iter::once("").chain(lines.iter().copied()).zip(lines.iter().copied());
    let failures = pairs.filter(|(before, line)| line.ends_with("FAILED") || panicked(line) || panicked(before));
    failures.map(|(_, line)| line).collect()
}

/// What a command prints.
///
/// # Errors
/// When it cannot be started or fails.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run {shown}"))?;
    if !output.status.success() {
        bail!("{shown} failed ({})", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Where a program is on `PATH` or in one of `further` directories.
pub fn find_program(name: &str, further: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(further.iter().cloned())
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    output(command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Installs Debian packages, where that is possible.
///
/// # Errors
/// When this is no Debian, not root, or the packages cannot be had.
pub fn apt_install(packages: &[&str]) -> Result<()> {
    if !is_root() || find_program("apt-get", &[]).is_none() {
        bail!("install {} to run this", packages.join(" "));
    }
    let install = |packages: &[&str]| {
        let mut apt = command("apt-get");
        // Two steps may install at once.
        apt.args(["-o", "DPkg::Lock::Timeout=300", "install", "-y", "-qq", "--no-install-recommends"]).args(packages);
        apt.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        execute(&mut apt)
    };
    if install(packages).is_ok() {
        return Ok(());
    }
    execute(command("apt-get").args(["update", "-qq"]).stdout(Stdio::null()))?;
    install(packages)
}

/// A Chromium.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn chromium() -> Result<PathBuf> {
    let find = || ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| find_program(name, &[]));
    if let Some(found) = find() {
        return Ok(found);
    }
    apt_install(&["chromium"])?;
    find().context("chromium was installed but is not on PATH")
}

/// `cargo-lambda`: the one on `PATH`, or one from PyPI in a virtual environment below `target`.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn cargo_lambda() -> Result<PathBuf> {
    if let Some(found) = find_program("cargo-lambda", &[]) {
        return Ok(found);
    }
    Ok(python_programs("cargo-lambda", &["cargo-lambda==1.9.2"])?.join("cargo-lambda"))
}

/// Where the programs of these packages from PyPI are: a virtual environment below `target`, made when it is missing or
/// holds other versions. Steps that run beside each other wait for one another here.
///
/// # Errors
/// When Python is missing or the packages cannot be had.
pub fn python_programs(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let home = root().join("target/xtask/python");
    let (environment, stamp, wanted) = (home.join(name), home.join(name).join("packages"), packages.join("\n"));
    std::fs::create_dir_all(&home)?;
    let lock = File::create(home.join(format!("{name}.lock")))?;
    lock.lock()?;
    if std::fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
        execute(command("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut pip = command(environment.join("bin/pip"));
        execute(pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
        std::fs::write(stamp, wanted)?;
    }
    Ok(environment.join("bin"))
}

/// A directory for one run of a step, away from the sources; it goes with this value.
pub struct Scratch(PathBuf);

impl Scratch {
    /// # Errors
    /// When it cannot be made.
    pub fn new(name: &str) -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("shopease-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        Ok(Self(directory))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a part of a step and prints what it took.
///
/// # Errors
/// As the part.
pub fn timed<T>(name: &str, part: impl FnOnce() -> Result<T>) -> Result<T> {
    let begun = std::time::Instant::now();
    let result = part().with_context(|| name.to_owned());
    println!("  {:6.1} s  {name}", begun.elapsed().as_secs_f64());
    result
}

/// The Node packages of the browser tests.
///
/// # Errors
/// When npm is missing or fails.
pub fn node_modules() -> Result<()> {
    let directory = root().join("tests/browser");
    execute(command("npm").current_dir(directory).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_reason() {
        let log = [
            "test one ... ok",
            "thread 'two' (7) panicked at it.rs:1:2:",
            "a cart: Unavailable(PoolTimedOut)",
            "note: run with `RUST_BACKTRACE=1`",
            "test two ... FAILED",
        ];
        assert_eq!(lines_of_failures(&log), [log[1], log[2], log[4]]);
    }
}
