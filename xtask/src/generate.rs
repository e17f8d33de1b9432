//! Generates the files that are generated and committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use shopease_shared::http::listener_rules::{self, LISTENER_RULES};
use shopease_shared::http::openapi;
use shopease_shared::http::routes::{self, Surface};

use crate::postgres::Postgres;
use crate::sam_template;
use crate::terraform_modules;
use crate::tools::{cargo, execute, root};

/// Marks the generated part of `Cargo.toml`.
const BEGIN: &str = "# Generated from the route table by `cargo xtask generate`:\n";
const END: &str = "# End of the generated part.\n";

/// Rewrites all generated files, or with `check` fails if a file would change.
///
/// # Errors
/// If a file cannot be generated, or with `check` is out of date.
pub fn run(check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in texts()? {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        if found != text {
            stale.push(path.display().to_string());
            if !check {
                std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
    }
    stale.extend(query_metadata(check)?);
    match (stale.is_empty(), check) {
        (true, _) => println!("All generated files are up to date."),
        (false, false) => println!("Rewritten:\n  {}", stale.join("\n  ")),
        (false, true) => {
            bail!("generated files are out of date; run `cargo xtask generate`:\n  {}", stale.join("\n  "))
        }
    }
    Ok(())
}

fn texts() -> Result<Vec<(PathBuf, String)>> {
    let (manifest, sam) = (root().join("Cargo.toml"), root().join("sam/template.yaml"));
    let mut texts = vec![
        (root().join("docs/openapi.json"), openapi::json()?),
        (root().join("docs/routes.md"), route_document()?),
        (manifest.clone(), manifest_with_routes(&std::fs::read_to_string(&manifest)?)?),
        (sam.clone(), sam_template::template(&std::fs::read_to_string(&sam)?)?),
        (root().join("terraform/routes.json"), front_door_routes()?),
    ];
    texts.extend(terraform_modules::documents(&root().join("terraform"))?);
    Ok(texts)
}

/// Path to function, for `cargo lambda watch`. Every path belongs to one area; unknown paths go to the storefront,
/// which returns the shop's own 404.
fn watch_router() -> BTreeMap<&'static str, &'static str> {
    let mut router: BTreeMap<_, _> = routes::all().map(|route| (route.path, route.area.name())).collect();
    router.insert("/{*path}", "storefront");
    router
}

fn manifest_with_routes(manifest: &str) -> Result<String> {
    let (before, rest) = manifest.split_once(BEGIN).context("Cargo.toml has no generated part")?;
    let (_, after) = rest.split_once(END).context("the generated part of Cargo.toml has no end")?;
    let mut routes = String::new();
    for (path, function) in watch_router() {
        writeln!(routes, "{path:?} = {function:?}")?;
    }
    Ok(format!("{before}{BEGIN}[workspace.metadata.lambda.watch.router]\n{routes}{END}{after}"))
}

/// Routing data for Terraform: the load balancer's listener rules in order, the default, and, for an HTTP API, which
/// has no path patterns, every path with its function.
fn front_door_routes() -> Result<String> {
    let rules: Vec<_> = LISTENER_RULES
        .iter()
        .map(|rule| json!({ "area": rule.area.name(), "service": service(rule.surface), "patterns": rule.patterns }))
        .collect();
    let (area, surface) = listener_rules::DEFAULT;
    let paths: BTreeMap<_, _> =
        routes::all().map(|route| (route.path.replace("{*path}", "{path+}"), route.area.name())).collect();
    let default = json!({ "area": area.name(), "service": service(surface) });
    Ok(serde_json::to_string_pretty(&json!({ "default": default, "rules": rules, "paths": paths }))? + "\n")
}

/// The Fargate service of a surface.
fn service(surface: Surface) -> &'static str {
    if surface == Surface::Api { "backend" } else { "frontend" }
}

fn route_document() -> Result<String> {
    let mut rows = String::new();
    for route in routes::all() {
        writeln!(rows, "| {} | {:?} | {} | `{}` |", route.area.name(), route.surface, route.method, route.path)?;
    }
    Ok(format!(
        "# Routes\n\nGenerated from `shared/src/http/routes.rs` by `cargo xtask generate`. The area is the Lambda function and the \
         listener rule; the surface is the Fargate role (`Page`: frontend, `Api`: backend, `Probe`: both).\n\n\
         | Area | Surface | Method | Path |\n|---|---|---|---|\n{rows}"
    ))
}

/// Compiles the queries against a migrated database, which writes one file per query; returns the files that changed.
fn query_metadata(check: bool) -> Result<Vec<String>> {
    let committed = root().join("storage/.sqlx");
    let fresh = root().join("target/xtask/sqlx");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh)?;
    }
    std::fs::create_dir_all(&fresh)?;
    let server = Postgres::start()?;
    // Not with the shop itself, which compiles only after this metadata has been generated.
    for migration in sorted_files(&root().join("storage/migrations"))? {
        server.run_script(&migration)?;
    }
    // A separate target directory: the macros run only when the crate is compiled.
    let mut build = cargo();
    build.args([
        "check",
        "--quiet",
        "--package",
        "shopease-storage",
        "--no-default-features",
        "--features",
        "postgres",
    ]);
    build.env("CARGO_TARGET_DIR", root().join("target/xtask/queries"));
    build.env("DATABASE_URL", server.url()).env("SQLX_OFFLINE_DIR", &fresh);
    let touched = root().join("target/xtask/queries/debug/.fingerprint");
    forget(&touched, "shopease-storage-")?;
    execute(&mut build)?;
    let stale = differences(&committed, &fresh)?;
    if !check && !stale.is_empty() {
        std::fs::remove_dir_all(&committed)
            .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        std::fs::create_dir_all(&committed)?;
        for entry in std::fs::read_dir(&fresh)? {
            let entry = entry?;
            std::fs::copy(entry.path(), committed.join(entry.file_name()))?;
        }
    }
    Ok(stale)
}

/// The files of a directory, sorted by name.
///
/// # Errors
/// If the directory cannot be read.
pub fn sorted_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Makes cargo recompile a crate.
fn forget(fingerprints: &Path, prefix: &str) -> Result<()> {
    for entry in std::fs::read_dir(fingerprints).into_iter().flatten() {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn differences(committed: &Path, fresh: &Path) -> Result<Vec<String>> {
    let read = |directory: &Path| -> Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let entry = entry?;
            files.insert(entry.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path())?);
        }
        Ok(files)
    };
    let (committed, fresh) = (read(committed)?, read(fresh)?);
    let names: BTreeSet<&String> = committed.keys().chain(fresh.keys()).collect();
    Ok(names
        .into_iter()
        .filter(|name| committed.get(*name) != fresh.get(*name))
        .map(|name| format!("storage/.sqlx/{name}"))
        .collect())
}
