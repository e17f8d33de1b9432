//! Links between documents: the file is there, and so is the heading. A path of the repository in a code span is a
//! link without brackets, and must be there as well.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{is_markdown, shown};
use crate::tools::root;

/// What a document says about other places.
#[derive(Debug, Default, PartialEq, Eq)]
struct Document {
    /// Destinations of links and pictures.
    links: Vec<String>,
    /// Code spans.
    spans: Vec<String>,
    /// Anchors of its headings.
    anchors: BTreeSet<String>,
}

/// Links of all Markdown files that lead nowhere.
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
        problems.extend(wrong_spans.map(|span| format!("{}: `{span}` is not there", shown(path))));
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
        return Some("there is no such file");
    }
    let anchors = &documents.get(&target)?.anchors;
    anchor.filter(|anchor| !anchors.contains(*anchor)).map(|_| "there is no such heading")
}

/// Without `..`, as the map of documents has it.
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

/// Whether a code span names a file or directory of the project: it begins with a directory at the top, and every
/// character is one of a path.
fn is_path(span: &str) -> bool {
    let Some((top, rest)) = span.split_once('/') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    // What is built is there only sometimes, and `./data` is the reader's own.
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
                // A heading that comes again is numbered.
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

/// A heading's anchor as GitHub makes it: lower case, spaces as hyphens, no other punctuation than `-` and `_`.
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
    fn a_link_leads_to_a_file_and_its_heading() {
        let readme = root().join("README.md");
        let documents = BTreeMap::from([(readme.clone(), read("# Here\n"))]);
        let why = |link: &str| wrong_link(&root().join("docs/x.md"), link, &documents);
        assert_eq!(why("../README.md#here"), None);
        assert_eq!(why("https://example.com/nothing"), None);
        assert_eq!(why("../README.md#there"), Some("there is no such heading"));
        assert_eq!(why("../READYOU.md"), Some("there is no such file"));
        assert_eq!(wrong_link(&readme, "#there", &documents), Some("there is no such heading"));
    }

    #[test]
    fn only_paths_of_the_project_are_paths() {
        assert!(is_path("shared/src/nothing.rs") && is_path("docs/adr"));
        for other in ["http/api", "GET /docs/", "docs/*.md", "application/json", "target/debug", "./docs/x", "shared"] {
            assert!(!is_path(other), "{other}");
        }
    }
}
