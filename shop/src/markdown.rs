//! Markdown of the merchant as HTML, for pages and mails. Unsafe content cannot come out: HTML in the text is shown as text, and links and images have
//! allowed addresses only.

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, html};

use crate::domain::is_web_address;

/// Schemes of links.
const LINKS: &[&str] = &["https:", "http:", "mailto:", "tel:"];
/// Schemes of images.
const IMAGES: &[&str] = &["https:"];

/// Renders a text. Headings start at `h2`, below the title of the page.
pub fn render(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut output = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut output, Parser::new_ext(text, options).map(safe));
    output
}

fn safe(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            // An address between angle brackets has no scheme.
            let is_email = link_type == LinkType::Email;
            let dest_url = if is_email || is_local(&dest_url) { dest_url } else { allowed(dest_url, LINKS) };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Image { link_type, dest_url: allowed(dest_url, IMAGES), title, id })
        }
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: lower(level),
            // Not from the text: they would be attributes of the page.
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Event::End(pulldown_cmark::TagEnd::Heading(level)) => Event::End(pulldown_cmark::TagEnd::Heading(lower(level))),
        // Without a class with the name of its language, which comes from the text.
        Event::Start(Tag::CodeBlock(_)) => Event::Start(Tag::CodeBlock(pulldown_cmark::CodeBlockKind::Indented)),
        other => other,
    }
}

/// Returns whether an address is a place on the same page.
fn is_local(url: &str) -> bool {
    url.starts_with('#')
}

fn allowed<'a>(url: CowStr<'a>, schemes: &[&str]) -> CowStr<'a> {
    if is_web_address(&url, schemes) { url } else { CowStr::Borrowed("") }
}

fn lower(level: pulldown_cmark::HeadingLevel) -> pulldown_cmark::HeadingLevel {
    use pulldown_cmark::HeadingLevel::{H1, H2};
    if level == H1 { H2 } else { level }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html() {
        let text = "# Terms\n\nA *b* **c** [d](https://example.com/?a=1&b=2 \"t\")\n\n- e\n- <a@b.example>\n\n| f | g |\n|---|---|\n| h | i |";
        let html = render(text);
        for part in [
            "<h2>Terms</h2>",
            "<em>b</em> <strong>c</strong>",
            "<a href=\"https://example.com/?a=1&amp;b=2\" title=\"t\">d</a>",
            "<li>e</li>",
            "<a href=\"mailto:a@b.example\">a@b.example</a>",
            "<td>h</td>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn nothing_in_a_text_can_run() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<svg/onload=alert(1)>",
            "[a](javascript:alert(1))",
            "[a](JaVaScRiPt:alert(1))",
            "[a](java\nscript:alert(1))",
            "[a](&#106;avascript:alert(1))",
            "[a](data:text/html;base64,PHNjcmlwdD4=)",
            "[a](vbscript:x)",
            "![a](javascript:alert(1))",
            "![a\" onerror=\"alert(1)](https://x.example/a.png)",
            "[a](https://x.example/\"onclick=\"alert(1))",
            "[a](https://x.example 'x\" onclick=\"alert(1)')",
            "<javascript:alert(1)>",
            "[a]: javascript:alert(1)\n\n[a]",
            "```html\" onclick=\"alert(1)\n<script>\n```",
            "# a {onclick=alert(1)}",
            "<!-- --><script>alert(1)</script>",
            "<style>@import 'x'</style><iframe src=x>",
        ] {
            let html = render(text).to_lowercase();
            for (index, _) in html.match_indices('<') {
                let tag: String = html[index..].chars().take_while(|c| *c != '>').collect();
                let name = tag.trim_start_matches(['<', '/']).split([' ', '/']).next().unwrap_or_default();
                let is_known = ["p", "a", "img", "h2", "pre", "code", "em", "strong"].contains(&name);
                assert!(is_known, "{text} has the tag {tag}");
                // Values are quoted, and a quote in a text is escaped.
                let unquoted: String = tag.split('"').step_by(2).collect();
                assert!(!unquoted.contains("on"), "{text} has the tag {tag}");
                assert!(!tag.contains("script:") && !tag.contains("data:"), "{text} has the tag {tag}");
            }
        }
    }
}
