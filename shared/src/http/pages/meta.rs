//! What a public page says about itself to search engines and social networks: address, title, description, image, structured data.

use super::structured_data::Script;
use crate::http::absolute;
use shopease_shop::services::ShopView;
use shopease_shop::text::one_line;

/// Longest description in characters. Search engines cut longer ones.
const MAX_DESCRIPTION_CHARS: usize = 160;

/// Elements inside a line of text. All others begin a new line.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "del", "em", "i", "ins", "kbd", "mark", "q", "s", "small", "span",
    "strike", "strong", "sub", "sup", "tt", "u", "wbr",
];

/// The metadata of a public page. Pages without it have `noindex`.
pub struct Meta {
    /// The absolute address of the page, without parameters that do not change its content.
    pub url: String,
    /// Title, without the name of the shop.
    pub title: String,
    /// Description as one line.
    pub description: String,
    /// Open Graph's type of the page.
    pub kind: &'static str,
    /// The absolute address of an image.
    pub image: Option<String>,
    /// Structured data.
    pub scripts: Vec<Script>,
    public_url: String,
}

impl Meta {
    /// The metadata of the page at `path` of the shop at `public_url`.
    pub fn new(public_url: &str, path: &str, title: &str) -> Self {
        Self {
            url: absolute(public_url, path),
            title: title.to_owned(),
            description: String::new(),
            kind: "website",
            image: None,
            scripts: Vec::new(),
            public_url: public_url.to_owned(),
        }
    }

    /// Adds the first text that is not empty as the description, shortened to what search engines show.
    #[must_use]
    pub fn described_by<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut texts = texts.into_iter().map(one_line);
        let description = texts.find(|text| !text.is_empty()).unwrap_or_default();
        Self { description: shortened(&description, MAX_DESCRIPTION_CHARS), ..self }
    }

    /// Adds a description that the merchant wrote for search engines.
    #[must_use]
    pub fn with_description(self, text: Option<&str>) -> Self {
        let text = text.map(one_line).filter(|text| !text.is_empty());
        Self { description: text.unwrap_or(self.description), ..self }
    }

    /// Sets Open Graph's type of the page, which is `website` by default.
    #[must_use]
    pub fn of_kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// Adds an image, or else the logo.
    #[must_use]
    pub fn with_image(self, url: Option<&str>, logo: Option<&str>) -> Self {
        let image = url.or(logo).map(|url| absolute(&self.public_url, url));
        Self { image, ..self }
    }

    /// Adds structured data.
    #[must_use]
    pub fn with_data(mut self, script: Script) -> Self {
        self.scripts.push(script);
        self
    }

    /// How social networks show the page.
    pub fn card(&self) -> &'static str {
        if self.image.is_some() { "summary_large_image" } else { "summary" }
    }
}

/// The description of a page that has no text of its own.
pub fn at_shop(title: &str, shop: &ShopView) -> String {
    format!("{title} at {}.", shop.name)
}

/// The text of sanitized HTML as one line.
pub fn plain_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        let tag = &rest[start + 1..];
        let end = end_of_tag(tag);
        let name = tag[..end].trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next();
        if !name.is_some_and(|name| INLINE.contains(&name)) {
            text.push(' ');
        }
        rest = tag.get(end + 1..).unwrap_or_default();
    }
    text.push_str(rest);
    // `&amp;` last, so that nothing is decoded twice.
    for (entity, character) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
    {
        text = text.replace(entity, character);
    }
    one_line(&text)
}

/// Where a tag ends: at the first `>` outside the value of an attribute.
fn end_of_tag(tag: &str) -> usize {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    tag.len()
}

/// The text, cut between two words and marked with an ellipsis if it is longer than `max_chars`.
pub fn shortened(text: &str, max_chars: usize) -> String {
    if text.chars().count() <= max_chars {
        return text.to_owned();
    }
    // With room for the ellipsis, and one more character that may be the space after the last word.
    let end = text.char_indices().nth(max_chars).map_or(text.len(), |(at, _)| at);
    let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
    let cut = match text[..end].rfind(' ') {
        Some(space) => &text[..space],
        None => &text[..end - last],
    };
    format!("{}…", cut.trim_end_matches(|c: char| c.is_whitespace() || ",;:.-–—".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_one_line_of_text() {
        for (html, text) in [
            ("", ""),
            ("<p>Cut from oak.</p><ul><li>Solid</li><li>Heavy</li></ul>", "Cut from oak. Solid Heavy"),
            ("<p>un<b>believ</b>able,<br>really</p>", "unbelievable, really"),
            ("a &lt;b&gt; &amp;amp; c&nbsp;d", "a <b> &amp; c d"),
            ("<a title=\"a > b\" href='x'>link</a>\n\n text", "link text"),
            ("1 <p", "1"),
        ] {
            assert_eq!(plain_text(html), text, "{html}");
        }
    }

    #[test]
    fn texts_are_cut_between_words() {
        for (text, max, expected) in [
            ("one two three", 13, "one two three"),
            ("one two three", 12, "one two…"),
            ("one two, three", 9, "one two…"),
            ("one two three", 8, "one two…"),
            ("one two three", 7, "one…"),
            ("äöüäöü", 4, "äöü…"),
        ] {
            let short = shortened(text, max);
            assert_eq!(short, expected, "{text} {max}");
            assert!(short.chars().count() <= max, "{text} {max}");
        }
    }
}
