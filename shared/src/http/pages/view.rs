//! Formatting of amounts, times and problems: the filters and helper functions of the templates.

use crate::http::Problem;
use shopease_shop::domain::Picture;
pub use shopease_shop::text::{grouped, money};

/// Up to this many units, pages show how many are left.
pub const FEW_UNITS: u32 = 5;

/// Returns the stable name of a problem, without its path.
pub fn problem_name(problem: &Problem) -> &str {
    problem.kind.strip_prefix("/problems/").unwrap_or(&problem.kind)
}

/// Formats a weight: grams below one kilogram, otherwise kilograms with up to two decimals.
pub fn weight(grams: u32) -> String {
    if grams < 1_000 {
        return format!("{grams}\u{a0}g");
    }
    let text = format!("{}.{:02}", grams / 1_000, grams % 1_000 / 10);
    format!("{}\u{a0}kg", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Address of the smallest file of a picture; that of another image stays as it is.
pub fn smallest(url: &str) -> String {
    Picture::at(url).and_then(|picture| picture.files().next()).map_or_else(|| url.to_owned(), |(_, url)| url)
}

/// Address of the largest file of a picture; that of another image stays as it is.
pub fn largest(url: &str) -> String {
    Picture::at(url).and_then(|picture| picture.files().last()).map_or_else(|| url.to_owned(), |(_, url)| url)
}

/// Filters of the templates.
#[expect(
    clippy::inline_always,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    clippy::trivially_copy_pass_by_ref,
    reason = "the template engine requires this signature"
)]
pub mod filters {
    use askama::{Error, Result, Values, filter_fn};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    use time::macros::format_description;

    use shopease_shop::domain::{CountryCode, Money, TimeZone};

    /// See [`super::money`].
    #[filter_fn]
    pub fn money(amount: &Money, _: &dyn Values) -> Result<String> {
        Ok(super::money(*amount))
    }

    /// See [`shopease_shop::text::percent`].
    #[filter_fn]
    pub fn percent(rate_ppm: &u32, _: &dyn Values) -> Result<String> {
        Ok(shopease_shop::text::percent(*rate_ppm))
    }

    /// See [`super::weight`].
    #[filter_fn]
    pub fn weight(grams: &u32, _: &dyn Values) -> Result<String> {
        Ok(super::weight(*grams))
    }

    /// See [`crate::http::texts::country_name`].
    #[filter_fn]
    pub fn country_name(code: &CountryCode, _: &dyn Values) -> Result<String> {
        Ok(crate::http::texts::country_name(*code))
    }

    /// `15 January 2026, 12:00 UTC`, in the time zone of the shop.
    #[filter_fn]
    pub fn date_time(at: &OffsetDateTime, _: &dyn Values, zone: &TimeZone) -> Result<String> {
        let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute]");
        let (local, zone) = zone.local(*at);
        local.format(&format).map(|text| format!("{text} {zone}")).map_err(Error::custom)
    }

    /// RFC 3339, for `datetime` attributes.
    #[filter_fn]
    pub fn rfc3339(at: &OffsetDateTime, _: &dyn Values) -> Result<String> {
        at.format(&Rfc3339).map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_drop_trailing_zeros() {
        assert_eq!(
            [weight(780), weight(1_000), weight(1_250), weight(20_005)],
            ["780\u{a0}g", "1\u{a0}kg", "1.25\u{a0}kg", "20\u{a0}kg"]
        );
    }
}
