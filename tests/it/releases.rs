//! Compatibility of releases that run side by side: the current API and client are checked against earlier releases, as recorded in
//! `/releases/<version>` (`openapi.json`, `answers`).

mod answers;
mod compatibility;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;
use shopease_shared::http::openapi;

use compatibility::{Comparison, NewValue};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("releases")
}

/// The releases with the file `fact`, by version. Releases that can no longer run next to the next one may lack it.
fn releases_with(fact: &str) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory()).expect("the directory of releases");
    let entries =
        entries.map(|entry| entry.expect("an entry")).map(|entry| (entry.file_name(), entry.path().join(fact)));
    let mut releases: Vec<_> = entries
        .filter(|(_, path)| path.exists())
        .map(|(version, path)| (version.into_string().expect("UTF-8"), path))
        .collect();
    releases.sort();
    assert!(!releases.is_empty(), "no release has {fact}");
    releases
}

fn read_json<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The current API, generated instead of read from the committed copy.
fn todays_api() -> Value {
    let text = openapi::json().expect("an OpenAPI document");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_api_is_compatible_with_every_release() {
    let new_values = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/releases/new-values.json");
    let (today, new_values) = (todays_api(), read_json::<Vec<NewValue>>(&new_values));
    let (mut breakages, mut unused) = (Vec::new(), (0..new_values.len()).collect::<Vec<_>>());
    for (version, path) in releases_with("openapi.json") {
        let last = read_json(&path);
        let comparison = Comparison::of(&last, &today, &new_values);
        breakages.extend(comparison.breakages().iter().map(|breakage| format!("release {version}: {breakage}")));
        unused.retain(|entry| !comparison.used.contains(entry));
    }
    assert!(breakages.is_empty(), "an earlier release cannot run beside this one:\n{}", breakages.join("\n"));
    for new in &new_values {
        assert!(!new.reason.trim().is_empty(), "{new:?} needs a reason");
    }
    let unused: Vec<_> = unused.into_iter().map(|entry| &new_values[entry]).collect();
    assert!(unused.is_empty(), "every release has these values: delete them from new-values.json: {unused:?}");
}
