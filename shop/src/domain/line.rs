//! Texts of one line: names, parts of addresses, titles, codes. What they may contain is decided here alone.

use super::ValueRule;

/// Whether a character is not printed or changes the direction of the text around it: Unicode's control characters, line and paragraph
/// separators, and the format characters that no script needs. Joiners remain: Persian, Indic scripts and emoji need them.
pub fn is_unprintable(c: char) -> bool {
    is_reordering(c)
        || matches!(
            c,
            '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// Whether a character is a control character, separates lines or paragraphs, or changes the direction of the text around it, so that
/// the text reads differently from what it is.
fn is_reordering(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A text of several lines without surrounding blanks, with `\n` as its line breaks and without characters that reorder text: keyboards
/// of some languages insert them unseen, and so does a paste.
pub fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace(['\u{2028}', '\u{2029}'], "\n");
    text.chars().filter(|c| c.is_control() || !is_reordering(*c)).collect::<String>().trim().to_owned()
}

/// A text of one line without surrounding spaces.
///
/// # Errors
/// [`ValueRule::Required`] if it is empty and `min` is not 0; [`ValueRule::Line`] for another length and for unprintable characters.
pub fn line(text: &str, min: usize, max: usize) -> Result<String, ValueRule> {
    let text = text.trim();
    match text.chars().count() {
        0 if min > 0 => Err(ValueRule::Required),
        count if !(min..=max).contains(&count) || text.chars().any(is_unprintable) => Err(ValueRule::Line { min, max }),
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_and_has_no_unprintable_characters() {
        for text in ["Ada", "Þóra Ægisdóttir", "می\u{200c}خواهم", "क\u{94d}\u{200d}ष", "👩\u{200d}🚀", "עדה"]
        {
            assert_eq!(line(&format!("\t {text}\n"), 1, 20), Ok(text.to_owned()), "{text:?}");
        }
        let refused = Err(ValueRule::Line { min: 1, max: 20 });
        for c in
            "\n\t\0\u{7f}\u{85}\u{ad}\u{61c}\u{200b}\u{200e}\u{200f}\u{2028}\u{202a}\u{202e}\u{2066}\u{2069}\u{feff}"
                .chars()
        {
            assert_eq!(line(&format!("A{c}B"), 1, 20), refused, "{c:?}");
        }
        assert_eq!(line(&"x".repeat(21), 1, 20), refused);
        assert_eq!(line(" ", 1, 20), Err(ValueRule::Required));
        assert_eq!(line(" ", 0, 20), Ok(String::new()));
    }

    #[test]
    fn several_lines_keep_their_breaks_and_lose_what_reorders_them() {
        assert_eq!(lines(" ring\r\ntwice\u{2028}\u{200f}עדה\t\u{202e}x\n"), "ring\ntwice\nעדה\tx");
    }
}
