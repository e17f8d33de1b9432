//! The layout of a mail, as text and as HTML.

use askama::Template;
use shopease_shop::domain::{Address, Country, PageKind, RefundState};
use shopease_shop::markdown;
use shopease_shop::services::{Brand, OrderView};
use shopease_shop::text::page_title;

/// The content of a mail, in sentences.
#[derive(Debug, Default)]
pub(crate) struct Letter<'a> {
    pub heading: String,
    pub paragraphs: Vec<String>,
    /// Label and URL of the next step.
    pub action: Option<(&'static str, String)>,
    /// The order with its lines, totals and addresses.
    pub order: Option<&'a OrderView>,
    /// Sections at the end, title and text in Markdown: the terms.
    pub sections: &'a [(PageKind, String)],
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    brand: &'a Brand,
    contact: &'a str,
    letter: &'a Letter<'a>,
}

#[derive(Template)]
#[template(path = "letter.txt")]
struct Text<'a> {
    brand: &'a Brand,
    contact: &'a str,
    letter: &'a Letter<'a>,
}

impl Letter<'_> {
    /// The mail as text and as HTML.
    ///
    /// # Errors
    /// If a template cannot be rendered.
    pub fn render(&self, brand: &Brand, contact: &str) -> askama::Result<(String, String)> {
        let text = Text { brand, contact, letter: self }.render()?;
        Ok((text, Html { brand, contact, letter: self }.render()?))
    }
}

/// The lines of an address.
fn address_lines(address: &Address) -> Vec<String> {
    let country = Country::find(address.country).map(|country| country.name.clone());
    let city = format!("{} {}", address.postal_code, address.city).trim().to_owned();
    let Address { name, company, line1, line2, region, .. } = address.clone();
    let lines = [Some(name), company, Some(line1), line2, Some(city), region, country];
    lines.into_iter().flatten().collect()
}

/// Filters of the templates.
#[expect(
    clippy::inline_always,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    clippy::trivially_copy_pass_by_ref,
    reason = "the template engine requires this signature"
)]
mod filters {
    use askama::{Result, Values, filter_fn};
    use shopease_shop::domain::Money;
    use shopease_shop::text;
    use time::OffsetDateTime;

    /// See [`text::money`].
    #[filter_fn]
    pub fn money(amount: &Money, _: &dyn Values) -> Result<String> {
        Ok(text::money(*amount))
    }

    /// See [`text::percent`].
    #[filter_fn]
    pub fn percent(rate_ppm: &u32, _: &dyn Values) -> Result<String> {
        Ok(text::percent(*rate_ppm))
    }

    /// See [`crate::texts::day`].
    #[filter_fn]
    pub fn date(at: &OffsetDateTime, _: &dyn Values) -> Result<String> {
        crate::texts::day(*at)
    }

    /// The text in one line: a title or name cannot add lines to a mail in plain text.
    #[filter_fn]
    pub fn line(input: &str, _: &dyn Values) -> Result<String> {
        Ok(text::one_line(input))
    }
}
