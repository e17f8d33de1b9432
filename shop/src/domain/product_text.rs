//! Texts of products: sanitized descriptions, and lines without markup.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use super::is_unprintable;

/// Elements allowed in a description. `h1` is reserved for the page; a description's `h1` becomes `h2`.
const DESCRIPTION_ELEMENTS: &str = "a abbr b bdi bdo blockquote br caption cite code col colgroup dd del details div \
    dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s small span strong sub summary \
    sup table tbody td tfoot th thead tr u ul";

/// Elements that make a title or an option value HTML; `<M>` and `<3` are text.
const TITLE_ELEMENTS: &str = "a b big br center del div em font h1 h2 h3 h4 h5 h6 i iframe img li ol p script small span \
    strong style sub sup svg u ul";

static DESCRIPTION: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::new();
    builder
        .tags(DESCRIPTION_ELEMENTS.split_whitespace().collect())
        .clean_content_tags(HashSet::from(["script", "style", "iframe", "object", "noscript", "template", "title"]))
        .generic_attributes(HashSet::from(["lang", "dir", "title"]))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href"])),
            ("img", HashSet::from(["src", "alt", "width", "height"])),
            ("ol", HashSet::from(["start"])),
            ("td", HashSet::from(["colspan", "rowspan"])),
            ("th", HashSet::from(["colspan", "rowspan", "scope"])),
        ]))
        .set_tag_attribute_value("img", "loading", "lazy")
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        .url_relative(UrlRelative::Custom(Box::new(foreign_relative)))
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            ("img", "src") => Some(Cow::Owned(over_https(value))),
            _ => Some(Cow::Borrowed(value)),
        })
        .link_rel(Some("noopener nofollow"));
    builder
});

static PLAIN: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder.clean_content_tags(HashSet::from(["script", "style"]));
    builder
});

/// Removes URLs relative to the exporting shop, which do not exist here. `//host/..` only omits the scheme and is kept.
fn foreign_relative(url: &str) -> Option<Cow<'_, str>> {
    url.starts_with("//").then(|| Cow::Owned(format!("https:{url}")))
}

/// A description that is safe to show: no scripts, styles, frames, or event handlers. Text without any markup keeps its
/// line breaks.
pub fn description_html(body: &str) -> String {
    let body = body.trim();
    let body = if body.contains('<') || !body.contains('\n') {
        Cow::Borrowed(body)
    } else {
        let paragraphs: Vec<String> = body
            .replace("\r\n", "\n")
            .split("\n\n")
            .map(str::trim)
            .filter(|paragraph| !paragraph.is_empty())
            .map(|paragraph| format!("<p>{}</p>", paragraph.replace('\n', "<br>")))
            .collect();
        Cow::Owned(paragraphs.join("\n"))
    };
    let clean = DESCRIPTION.clean(&body).to_string();
    // In the sanitizer's output `<h1` can only be a start tag: text has `&lt;`.
    clean.replace("<h1", "<h2").replace("</h1>", "</h2>")
}

/// One line of text without markup, entities, and characters that [`is_unprintable`] refuses.
pub fn plain_text(text: &str) -> String {
    let text = if looks_like_html(text) {
        // Words on two lines of HTML are separate words.
        let mut spaced = text.to_owned();
        for element in ["<br", "<BR", "<p", "</p", "<P", "</P", "<div", "</div", "<li", "</li"] {
            spaced = spaced.replace(element, &format!(" {element}"));
        }
        let escaped = PLAIN.clean(&spaced).to_string();
        let plain = escaped.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">");
        Cow::Owned(plain.replace("&quot;", "\"").replace("&amp;", "&"))
    } else {
        Cow::Borrowed(text)
    };
    let spaced = text.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c });
    let printable: String = spaced.filter(|c| !is_invisible(*c)).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Invisible characters that no script needs: texts that differ only in these look identical.
pub fn is_invisible(c: char) -> bool {
    // Control characters separate words.
    let is_filler = matches!(c, '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}');
    is_filler || is_unprintable(c) && !c.is_control()
}

/// Like [`plain_text`]; `None` if nothing is left.
pub fn optional_text(text: &str) -> Option<String> {
    Some(plain_text(text)).filter(|text| !text.is_empty())
}

fn looks_like_html(text: &str) -> bool {
    let entity = |rest: &str| {
        rest.split_once(';').is_some_and(|(name, _)| {
            (2..=32).contains(&name.len())
                && name.trim_start_matches('#').bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    };
    let element = |rest: &str| {
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_ascii_lowercase();
        rest.contains('>') && TITLE_ELEMENTS.split_whitespace().any(|element| element == name)
    };
    text.split('&').skip(1).any(entity) || text.match_indices('<').any(|(at, _)| element(&text[at + 1..]))
}

/// The URL with `https` in place of `http`; the shop's pages load nothing else.
pub fn over_https(url: &str) -> String {
    match url.split_at_checked("http://".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http://") => format!("https://{rest}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_lose_markup_but_keep_text_that_resembles_it() {
        for (html, plain) in [
            ("<b>Red</b>&nbsp;Mug", "Red Mug"),
            ("Cup &amp; Saucer", "Cup & Saucer"),
            ("Mug<script>alert(1)</script>", "Mug"),
            ("Two<br/>lines<p>and</p>more", "Two lines and more"),
            ("H<sub>2</sub>O", "H2O"),
            ("I <3 mugs & tea", "I <3 mugs & tea"),
            ("Shirt <M>", "Shirt <M>"),
            ("AT&T; 5 < 6", "AT&T; 5 < 6"),
            ("&lt;b&gt;", "<b>"),
            (" a \t\r\n b\u{0}c ", "a b c"),
        ] {
            assert_eq!(plain_text(html), plain, "{html}");
        }
    }

    #[test]
    fn descriptions_keep_structure_and_lose_active_content() {
        for (html, clean) in [
            ("<p class=x style='color:red' onclick=a()>A</p>", "<p>A</p>"),
            ("A<script>alert(1)</script><style>b{}</style><iframe src=https://e.org>x</iframe>B", "AB"),
            ("<h1>Size</h1>", "<h2>Size</h2>"),
            ("<a href='javascript:x()'>A</a>", "<a rel=\"noopener nofollow\">A</a>"),
            ("<a href='/pages/sizes'>A</a>", "<a rel=\"noopener nofollow\">A</a>"),
            (
                "<a href='https://e.org' target=_blank>A</a>",
                "<a href=\"https://e.org\" rel=\"noopener nofollow\">A</a>",
            ),
            ("<img src='//e.org/a.png' onerror=x()>", "<img src=\"https://e.org/a.png\" loading=\"lazy\">"),
            ("<img src='http://e.org/a.png'>", "<img src=\"https://e.org/a.png\" loading=\"lazy\">"),
            ("<svg/onload=alert(1)><b>x", "<b>x</b>"),
            ("", ""),
            ("One\r\ntwo\n\n3 & 4", "<p>One<br>two</p>\n<p>3 &amp; 4</p>"),
        ] {
            assert_eq!(description_html(html), clean, "{html}");
        }
    }
}
