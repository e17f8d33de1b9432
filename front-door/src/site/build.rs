//! The shop's binaries: where they are, how they are built, and when their sources have changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use tokio::process::Command;

use super::root;

/// The build profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Fast to compile.
    Dev,
    /// Fast to run, as deployed; linking takes minutes.
    Release,
    /// Nearly as fast as a release, without linking whole programs at once.
    Measure,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
            Self::Measure => "measure",
        }
    }

    fn directory(self) -> &'static str {
        if self == Self::Dev { "debug" } else { self.name() }
    }
}

/// A directory with the binary `shopease` and one binary per function.
#[derive(Debug, Clone)]
pub struct Binaries(PathBuf);

impl Binaries {
    /// Uses existing binaries.
    ///
    /// # Errors
    /// If one is missing.
    pub fn at(directory: impl Into<PathBuf>) -> anyhow::Result<Self> {
        let binaries = Self(directory.into());
        let names = shopease_shared::http::routes::Area::ALL.map(shopease_shared::http::routes::Area::name);
        for file in names.into_iter().chain(["worker"]).map(|name| binaries.function(name)).chain([binaries.shopease()])
        {
            if !file.is_file() {
                bail!("{} is missing", file.display());
            }
        }
        Ok(binaries)
    }

    /// Compiles what has changed.
    ///
    /// # Errors
    /// If it does not compile.
    pub async fn build(profile: Profile) -> anyhow::Result<Self> {
        // Cargo's output goes to the terminal.
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(root())
            .args(["build", "--package", "shopease-ecs-adapter", "--package", "shopease-functions", "--bins"])
            .args(["--profile", profile.name()])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
            .context("cannot start cargo")?;
        if !status.success() {
            bail!("the shop does not compile");
        }
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        Self::at(target.join(profile.directory()))
    }

    /// The ECS server.
    pub fn shopease(&self) -> PathBuf {
        self.0.join("shopease")
    }

    /// A function's `bootstrap`.
    pub fn function(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// The source files of the shop.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
pub struct Sources {
    files: usize,
    newest: Option<SystemTime>,
}

impl Sources {
    /// Reads the modification time of every file.
    pub fn scan() -> Self {
        let mut sources = Self::default();
        for name in [
            "process",
            "shop",
            "shared",
            "storage",
            "payments",
            "events",
            "aws",
            "functions",
            "ecs-adapter",
            "Cargo.toml",
            "Cargo.lock",
        ] {
            sources.add(&root().join(name));
        }
        sources
    }

    fn add(&mut self, path: &Path) {
        // A file that disappears during a scan is a change that the next scan detects.
        let Ok(metadata) = fs::metadata(path) else { return };
        if metadata.is_dir() {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries
                .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
                .for_each(|entry| self.add(&entry.path()));
        } else {
            self.files += 1;
            self.newest = self.newest.max(metadata.modified().ok());
        }
    }
}
