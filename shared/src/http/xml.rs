//! Texts in XML documents.

use std::fmt::{self, Display, Write as _};

/// A text as content of an element. Characters that XML 1.0 does not allow are left out.
pub struct XmlText<'a>(pub &'a str);

impl Display for XmlText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&apos;"),
            '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => f.write_char(c),
            _ => Ok(()),
        })
    }
}
