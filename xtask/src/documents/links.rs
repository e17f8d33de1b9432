//! Checks links between documents: the file and the heading must exist. A path of the repository in a code span counts
//! as a link and must exist as well.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{is_markdown, shown};
use crate::tools::root;

/// The parts of a document that refer to other places or can be referred to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Document {
    /// Destinations of links and images.
    links: Vec<String>,
    /// Code spans.
    spans: Vec<String>,
    /// Anchors of its headings.
    anchors: BTreeSet<String>,
}

/// Broken links in all Markdown files.
pub(super) fn problems(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut documents = BTreeMap::new();
    for path in files.iter().filter(|path| is_markdown(path)) {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        documents.insert(path.clone(), read(&text));
    }
    let mut problems = Vec::new();
    for (path, document) in &documents {
        let wrong_links = document.links.iter().filter_map(|link| Some((link, wrong_link(path, link, &documents)?)));
        problems.extend(wrong_links.map(|(link, why)| format!("{}: link {link:?}: {why}", shown(path))));
        let wrong_spans = document.spans.iter().filter(|span| is_path(span) && !root().join(span).exists());
        problems.extend(wrong_spans.map(|span| format!("{}: `{span}` does not exist", shown(path))));
    }
    Ok(problems)
}

/// Whether a document has a heading with this text.
pub(super) fn has_heading(document: &str, text: &str) -> bool {
    read(document).anchors.contains(&slug(text))
}

fn wrong_link(from: &Path, link: &str, documents: &BTreeMap<PathBuf, Document>) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = match file {
        "" => from.to_path_buf(),
        file => normal(&from.parent().unwrap_or(from).join(file)),
    };
    if !target.exists() {
        return Some("the file does not exist");
    }
    let anchors = &documents.get(&target)?.anchors;
    anchor.filter(|anchor| !anchors.contains(*anchor)).map(|_| "the heading does not exist")
}

/// Removes `..`, as in the keys of the map of documents.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(normal.pop()),
            std::path::Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

/// Whether a code span is a path of the project: it starts with a top-level directory, and contains only path
/// characters.
/// character is one of a path.
fn is_path(span: &str) -> bool {
    let Some((top, rest)) = span.split_once('/') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    // Build output exists only sometimes, and `./data` belongs to the reader.
    !matches!(top, "" | "." | ".." | "target")
        && !rest.is_empty()
        && span.chars().all(plain)
        && root().join(top).is_dir()
}

fn read(text: &str) -> Document {
    let mut document = Document::default();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                document.links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap_or_default());
                // A repeated heading is numbered.
                let numbered = (1..).map(|number| format!("{slug}-{number}"));
                let free = std::iter::once(slug.clone()).chain(numbered).find(|name| !document.anchors.contains(name));
                document.anchors.extend(free);
            }
            Event::Text(text) => heading = heading.map(|heading| heading + &text),
            Event::Code(code) => {
                heading = heading.map(|heading| heading + &code);
                document.spans.push(code.into_string());
            }
            _ => {}
        }
    }
    document
}

/// A heading's anchor as GitHub generates it: lower case, spaces as hyphens, no other punctuation than `-` and `_`.
fn slug(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    heading.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_spans_and_anchors_are_found_and_those_in_code_blocks_are_not() {
        let document =
            read("# A `b`: c, d\n\n[x](y.md#z) `shared/src`\n\n```\n[not](one)\n```\n\n## Twice\n## Twice\n");
        assert_eq!(document.links, ["y.md#z"]);
        assert_eq!(document.spans, ["b", "shared/src"]);
        assert_eq!(document.anchors, ["a-b-c-d", "twice", "twice-1"].map(str::to_owned).into());
    }

    #[test]
    fn a_link_refers_to_a_file_and_its_heading() {
        let readme = root().join("README.md");
        let documents = BTreeMap::from([(readme.clone(), read("# Here\n"))]);
        let why = |link: &str| wrong_link(&root().join("docs/x.md"), link, &documents);
        assert_eq!(why("../README.md#here"), None);
        assert_eq!(why("https://example.com/nothing"), None);
        assert_eq!(why("../README.md#there"), Some("the heading does not exist"));
        assert_eq!(why("../READYOU.md"), Some("the file does not exist"));
        assert_eq!(wrong_link(&readme, "#there", &documents), Some("the heading does not exist"));
    }

    #[test]
    fn only_paths_of_the_project_are_paths() {
        assert!(is_path("shared/src/nothing.rs") && is_path("docs/adr"));
        for other in ["http/api", "GET /docs/", "docs/*.md", "application/json", "target/debug", "./docs/x", "shared"] {
            assert!(!is_path(other), "{other}");
        }
    }
}
