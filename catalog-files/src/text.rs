//! Single values: codes, flags, weights, image URLs.

use std::borrow::Cow;

use shopease_shop::domain;
use shopease_shop::domain::is_invisible;
pub(super) use shopease_shop::domain::{optional_text, over_https, plain_text};

/// A code (handle, SKU, barcode) without invisible characters: in addition to [`is_invisible`], joiners, tags
/// and variation selectors, which text needs but codes never do.
pub(super) fn code(text: &str) -> Cow<'_, str> {
    let unseen = |c: char| {
        is_invisible(c) || matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E007F}')
    };
    let text = without_text_mark(text);
    if text.contains(unseen) { Cow::Owned(text.replace(unseen, "").trim().to_owned()) } else { text }
}

/// Whether a spreadsheet has replaced the code in a cell: with a long number in scientific notation (`1.23E+12`,
/// `1.23456E12`), an error in any language (`#VALUE!`, `#WERT!`), or the fill of a cell that was too narrow. The original
/// code is lost. A formula protects its code.
pub(super) fn is_reformatted(cell: &str) -> bool {
    const NOT_AVAILABLE: [&str; 4] = ["#N/A", "#NV", "#N/D", "#N/B"];
    if in_formula(cell.trim()).is_some() {
        return false;
    }
    let code = &*code(cell);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let short_number = code.split_once(['e', 'E']).is_some_and(|(number, exponent)| {
        let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, "0"));
        let has_fraction = number.contains(['.', ',']);
        let exponent = match exponent.strip_prefix('+') {
            Some(exponent) => exponent,
            // Only numbers of more than ten digits are shortened.
            None if has_fraction => {
                exponent.strip_prefix('-').unwrap_or(if exponent.len() > 1 { exponent } else { "" })
            }
            None => "",
        };
        whole.len() == 1 && digits(whole) && digits(fraction) && digits(exponent)
    });
    let error = code.strip_prefix('#').and_then(|error| error.strip_suffix(['!', '?'])).is_some_and(|name| {
        name.chars().filter(|c| c.is_alphabetic()).count() > 1
            && name.chars().all(|c| c.is_alphabetic() || "¡¿/0".contains(c))
    });
    let libre_office_error = code.strip_prefix("Err:").is_some_and(digits);
    let too_narrow = code.len() > 2 && code.bytes().all(|byte| byte == b'#');
    let not_available = NOT_AVAILABLE.iter().any(|error| code.eq_ignore_ascii_case(error));
    short_number || too_narrow || error || libre_office_error || not_available
}

/// Reads `true` and `false` as Shopify writes them, and as spreadsheets in other languages rewrite them.
pub(super) fn flag(text: &str) -> Option<bool> {
    const TRUE: &str =
        "true yes 1 wahr ja vrai oui verdadero verdadeiro vero waar sant sann sand tosi prawda pravda истина";
    const FALSE: &str = "false no 0 falsch nein faux non falso onwaar falskt usann falsk epätosi fałsz nepravda ложь";
    let text = text.to_lowercase();
    let among = |words: &str| words.split_whitespace().any(|word| word == text);
    if among(TRUE) { Some(true) } else { among(FALSE).then_some(false) }
}

/// A number with a decimal comma, such as `1.234,50`, as one with a point; `None` for another text. Periods, apostrophes, and spaces
/// separate groups of three digits.
pub(super) fn with_point(text: &str) -> Option<String> {
    let (whole, fraction) = match text.split_once(',') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let groups: Vec<&str> = whole.split(['.', '\'', '\u{2019}', ' ', '\u{a0}', '\u{202f}']).collect();
    let (first, others) = groups.split_first()?;
    let is_grouped = others.is_empty()
        || (1..=3).contains(&first.trim_start_matches('-').len()) && others.iter().all(|group| group.len() == 3);
    let fraction = fraction.map(|digits| format!(".{digits}")).unwrap_or_default();
    is_grouped.then(|| groups.concat() + &fraction)
}

/// Grams, rounded half up from a decimal such as `400.5`; `None` if it is not a weight.
pub(super) fn grams(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let round_up = fraction.bytes().next().is_some_and(|first| first >= b'5');
    whole.parse::<u32>().ok()?.checked_add(u32::from(round_up))
}

/// Whole units, possibly negative, possibly written as `12.0`.
pub(super) fn units(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    fraction.bytes().all(|byte| byte == b'0').then(|| whole.parse().ok()).flatten()
}

/// An image URL that the shop may use: `https`, or a path on this shop.
pub(super) fn image_url(text: &str) -> Option<String> {
    let url = text.trim().replace(' ', "%20");
    let url = if url.starts_with("//") { format!("https:{url}") } else { over_https(&url) };
    let scheme = url.get(..8).unwrap_or(&url).to_ascii_lowercase();
    let is_allowed = scheme.starts_with("https://") || url.starts_with('/');
    let forbidden = |c: char| c.is_control() || c.is_whitespace() || "\"'<>\\`".contains(c);
    (is_allowed && !url.chars().any(forbidden) && url.len() <= 2048).then_some(url)
}

/// The text without the apostrophe or the formula (`="00123"`) with which files mark a number as text.
pub(super) fn without_text_mark(text: &str) -> Cow<'_, str> {
    let text = text.trim().trim_start_matches(['\'', '\u{2019}']).trim();
    in_formula(text).unwrap_or(Cow::Borrowed(text))
}

/// The text in a formula like `="00123"`, whose quotation marks are doubled.
fn in_formula(text: &str) -> Option<Cow<'_, str>> {
    let text = text.strip_prefix('=')?.trim_start().strip_prefix('"')?.strip_suffix('"')?.trim();
    Some(if text.contains("\"\"") { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) })
}

/// The sanitized description. Sanitizing can leave nested markup that a second pass changes; it is repeated, so that a
/// file with the result is read back as it is.
pub(super) fn description_html(body: &str) -> String {
    const MAX_PASSES: usize = 4;
    let mut html = domain::description_html(body);
    for _ in 0..MAX_PASSES {
        let again = domain::description_html(&html);
        if again == html {
            break;
        }
        html = again;
    }
    html
}

/// Characters with which a spreadsheet takes a cell for a formula.
const FORMULA_STARTS: [char; 4] = ['=', '+', '-', '@'];

/// The text of a cell that no spreadsheet takes for a formula: with an apostrophe in front, as Shopify writes phone
/// numbers. A text that looks guarded already gets one more, so that [`unguarded`] returns every text as it was.
pub(super) fn guarded(text: String) -> String {
    if needs_guard(&text) { format!("'{text}") } else { text }
}

/// The text of a cell without its guard and surrounding blanks.
pub(super) fn unguarded(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('\'').filter(|text| needs_guard(text)).unwrap_or(cell)
}

fn needs_guard(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA_STARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_in_the_language_of_the_spreadsheet() {
        for (text, value) in [
            ("TRUE", Some(true)),
            ("false", Some(false)),
            ("WAHR", Some(true)),
            ("FAUX", Some(false)),
            ("perhaps", None),
        ] {
            assert_eq!(flag(text), value, "{text}");
        }
    }

    #[test]
    fn a_guarded_text_is_no_formula_and_is_read_as_it_was() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("-20%", "'-20%"),
            ("'=1", "''=1"),
            ("''@a", "'''@a"),
            ("'90s", "'90s"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(guarded(text.to_owned()), cell, "{text}");
            assert_eq!(unguarded(cell), text, "{cell}");
        }
    }

    #[test]
    fn a_formula_protects_the_code_in_it() {
        assert_eq!(code(" =\"'1\"\"\" "), "'1\"");
        assert!(is_reformatted("1.23E+12") && !is_reformatted("=\"1.23E+12\""));
    }

    #[test]
    fn a_sanitized_description_is_sanitized_already() {
        for body in
            ["<p>a<button><p>b</p></button></p>", "One <script>x()</script>\ntwo", "<!-- c --> 1 < 2\n\n3", "<b>x"]
        {
            let html = description_html(body);
            assert_eq!(domain::description_html(&html), html, "{body}");
        }
    }

    #[test]
    fn weights_round_half_up_and_other_text_is_not_a_weight() {
        for (text, value) in [
            ("400", Some(400)),
            ("0.0", Some(0)),
            ("12.5", Some(13)),
            ("12.49", Some(12)),
            ("-1", None),
            ("1,5", None),
            ("heavy", None),
            ("4294967296", None),
        ] {
            assert_eq!(grams(text), value, "{text}");
        }
    }

    #[test]
    fn reformatted_codes_are_distinguished_from_similar_codes() {
        for ruined in
            ["1.23457E+12", "4,00638E+12", "4.00638E12", "4,00638e12", "1E+05", "1.2e-7", "#N/A", "#ref!", "#####"]
                .into_iter()
                .chain(["#WERT!", "#BEZUG!", "#ÜBERLAUF!", "#NV", "#NOM?", "#¡VALOR!", "#DIV/0!", "Err:502"])
        {
            assert!(is_reformatted(ruined), "{ruined}");
        }
        for code in [
            "1E5", "1.5E2", "1E12", "12.5E12", "#12!", "#!", "NV", "12E+3", "A.1E+2", "1.5", "E+1", "#12", "1.E+1",
            "2E-BLUE", "", "##",
        ] {
            assert!(!is_reformatted(code), "{code}");
        }
    }

    #[test]
    fn codes_and_texts_lose_invisible_characters() {
        assert_eq!(code("CAP\u{200B}-1\u{200D} "), "CAP-1");
        assert_eq!(code("'CAP-1"), "CAP-1");
        assert_eq!((code("=\"00123\"").as_ref(), code("= \"00123\" ").as_ref()), ("00123", "00123"));
        assert_eq!((code("=\"").as_ref(), code("=A1").as_ref()), ("=\"", "=A1"));
        assert_eq!(plain_text("Re\u{AD}d\u{200B} \u{FEFF}mug"), "Red mug");
        assert_eq!(
            plain_text("Mug \u{202E}gnirps\u{202C}\u{2028}2\u{7}L"),
            "Mug gnirps 2 L",
            "nothing reorders the text"
        );
        assert_eq!(plain_text("می\u{200C}خواهم"), "می\u{200C}خواهم", "a joiner is part of the script");
    }

    #[test]
    fn units_are_whole() {
        for (text, value) in
            [("12", Some(12)), ("-3", Some(-3)), ("4.0", Some(4)), ("1.5", None), ("x", None), ("", None)]
        {
            assert_eq!(units(text), value, "{text}");
        }
    }

    #[test]
    fn images_are_web_urls_or_paths_of_the_shop() {
        for (text, url) in [
            ("https://e.org/a b.png?v=1", Some("https://e.org/a%20b.png?v=1")),
            ("http://e.org/a.png", Some("https://e.org/a.png")),
            ("HTTP://e.org/a.png", Some("https://e.org/a.png")),
            ("//e.org/a.png", Some("https://e.org/a.png")),
            ("/assets/a.svg", Some("/assets/a.svg")),
            ("a.png", None),
            ("javascript:alert(1)", None),
            ("data:image/png;base64,AA", None),
            ("https://e.org/\"onerror=x", None),
        ] {
            assert_eq!(image_url(text).as_deref(), url, "{text}");
        }
    }
}
