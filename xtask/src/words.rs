//! The step `words`: product texts use the field's words, not those that only their author understood.

use anyhow::{Result, bail};

use crate::test::Outcome;
use crate::tools::{command, output, root};

/// What is refused, word by word (`a|b` is either), and what to write instead.
const REFUSED: &[(&str, &str)] = &[
    ("article|articles", "variant or SKU; item in texts for shoppers"),
    ("parcel|parcels", "fulfillment or shipment"),
    ("came back", "returned"),
    ("call|calls|called|calling off", "cancel"),
    ("money back", "refund"),
    ("tell|tells|told", "report, return, state"),
    ("is|are none", "does not exist, no ..."),
    ("less than nothing", "below zero"),
    ("go|goes|went|going on", "continue, resume, advance"),
    ("carry|carries|carried on", "continue, resume, advance"),
    ("admit|admits|admitted", "allows"),
    ("firewall|firewalls", "web ACL, security group"),
    ("away with it", "tear it down"),
    ("by hand", "manually"),
];

/// Texts with the words of others: demo products, recorded exports, generated data.
const NOT_OURS: [&str; 3] = ["shared/demo/", "releases/", "Cargo.lock"];

/// Looks through every text of the product; tests may quote what they like.
///
/// # Errors
/// Each place with a refused word.
pub fn check() -> Result<Outcome> {
    let mut found = Vec::new();
    for file in output(command("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?.lines() {
        if is_product_text(file)
            && let Ok(text) = std::fs::read_to_string(root().join(file))
        {
            let places = refused(&text).into_iter();
            found.extend(places.map(|(line, word, instead)| format!("{file}:{line}: {word:?}: write {instead}")));
        }
    }
    if !found.is_empty() {
        bail!("words that design documents, pages and code do not use:\n{}", found.join("\n"));
    }
    Ok(Outcome::Passed)
}

fn is_product_text(file: &str) -> bool {
    let text = ["rs", "md", "html", "tf", "sql", "yaml", "yml"].iter().any(|end| file.ends_with(&format!(".{end}")));
    let mut parts = file.split('/');
    text && !parts.any(|part| ["tests", "testing", "examples", "tests.rs"].contains(&part))
        && file != "xtask/src/words.rs"
        && !NOT_OURS.iter().any(|start| file.starts_with(start))
}

/// Line, words and what to write instead. Unit tests at the end of a file are left out.
fn refused(text: &str) -> Vec<(usize, String, &'static str)> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let words = words(text);
    let mut found = Vec::new();
    for (pattern, instead) in REFUSED {
        let pattern: Vec<Vec<&str>> = pattern.split(' ').map(|word| word.split('|').collect()).collect();
        for here in words.windows(pattern.len()) {
            if pattern.iter().zip(here).all(|(any, (_, word))| any.contains(&word.as_str())) {
                let text: Vec<&str> = here.iter().map(|(_, word)| word.as_str()).collect();
                found.push((here.first().map_or(0, |(line, _)| *line), text.join(" "), *instead));
            }
        }
    }
    found
}

/// The words of a text in small letters with their lines; an HTML element's name is no word.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // The method of `Option` is not our word.
        let line = line.replace("is_none", "");
        let mut before = ' ';
        for piece in line.split_inclusive(|letter: char| !letter.is_alphanumeric()) {
            let word = piece.trim_end_matches(|letter: char| !letter.is_alphanumeric());
            if !word.is_empty() && before != '<' {
                words.push((number + 1, word.to_lowercase()));
            }
            // `</article`: the slash ends an empty piece and keeps what stood before it.
            before = match piece.chars().last() {
                Some('/') if before == '<' => '<',
                last => last.unwrap_or(' '),
            };
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_prose_names_and_over_lines() {
        let text = "An article.\nfn call_off() {}\n<article class=\"a\"></article> articled\n// it goes\n// on\n";
        let found: Vec<_> = refused(text).into_iter().map(|(line, words, _)| (line, words)).collect();
        let expected = [(1, "article"), (2, "call off"), (4, "goes on")];
        assert_eq!(found, expected.map(|(line, words)| (line, words.to_owned())));
        assert!(refused("fine\n#[cfg(test)]\nmod tests { /* an article */ }").is_empty());
    }
}
