//! Replaces values that differ in every response by design with placeholders: IDs, tokens, times, the letter of the front door. Equal
//! values get equal placeholders: the first ID of a response is `<id 1>` everywhere.

/// Replaces them.
pub fn canonical(text: &str, letter: char, seen: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|char: char| !is_word(char)).map_or(rest, |end| &rest[..end]);
        if word.is_empty() {
            let char = rest.chars().next().unwrap_or_default();
            out.push(char);
            rest = &rest[char.len_utf8()..];
            continue;
        }
        rest = &rest[word.len()..];
        if word == "available" && rest.starts_with("\":") {
            // Each front door places orders, so the next one finds less stock.
            out.push_str("available\":<units>");
            rest = rest[2..].trim_start_matches(|char: char| char.is_ascii_digit());
        } else if let Some(time) = point_in_time(word, rest) {
            out.push_str("<time>");
            rest = &rest[time..];
        } else if is_clock(word, rest) {
            // A walk may pass midnight.
            out.truncate(out.len() - day_before_clock(&out));
            out.push_str("<clock>");
            rest = &rest[3..];
        } else if let Some((prefix, kind)) = random(word) {
            let number = seen.iter().position(|known| known == word).unwrap_or_else(|| {
                seen.push(word.to_owned());
                seen.len() - 1
            });
            out.extend([prefix, "<", kind, " ", &(number + 1).to_string(), ">"]);
        } else {
            out.push_str(&word.replace(&format!("door-{letter}"), "door-?"));
        }
    }
    out
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '-' || char == '_'
}

/// The prefix before the random part of a word, and its kind: a token or form token of 256 bits in base64url, or a ULID, possibly
/// after a prefix such as `cart_`.
fn random(word: &str) -> Option<(&str, &'static str)> {
    let is_secret = |text: &str| text.len() == 43 && text.chars().all(is_word);
    if is_secret(word) {
        return Some(("", "proof"));
    }
    if is_order_number(word) {
        return Some(("", "order number"));
    }
    let (prefix, rest) = word.split_at(word.find('_').map_or(0, |end| end + 1));
    if matches!(prefix, "vis_" | "ses_") && is_secret(rest) {
        return Some((prefix, "token"));
    }
    let is_ulid = rest.len() == 26 && rest.starts_with('0') && rest.bytes().all(is_crockford);
    is_ulid.then_some((prefix, "id"))
}

/// An order number, such as `0GXB7-65C6F`.
fn is_order_number(word: &str) -> bool {
    word.len() == 11
        && word.bytes().enumerate().all(|(at, byte)| if at == 5 { byte == b'-' } else { is_crockford(byte) })
}

fn is_crockford(byte: u8) -> bool {
    byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"ILOU".contains(&byte))
}

/// Returns whether `02` followed by `:37` is a time of day for people.
fn is_clock(word: &str, rest: &str) -> bool {
    let two_digits = |text: &[u8]| text.len() == 2 && text.iter().all(u8::is_ascii_digit);
    two_digits(word.as_bytes()) && rest.len() >= 3 && rest.starts_with(':') && two_digits(&rest.as_bytes()[1..3])
}

/// Length of the date at the end of a text, as pages show it before a time: `28 November 2026, `.
fn day_before_clock(text: &str) -> usize {
    let mut words = text.strip_suffix(", ").unwrap_or_default().rsplitn(3, ' ');
    let (Some(year), Some(month), Some(before)) = (words.next(), words.next(), words.next()) else { return 0 };
    let digits = |text: &str| text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let is_month = !month.is_empty() && month.bytes().all(|byte| byte.is_ascii_alphabetic());
    if year.len() != 4 || digits(year) != 4 || !is_month || !(1..=2).contains(&digits(before)) {
        return 0;
    }
    digits(before) + " ".len() + month.len() + " ".len() + year.len() + ", ".len()
}

/// If `2026-11-23T01` and the following text are a timestamp, returns the length of its rest.
fn point_in_time(word: &str, rest: &str) -> Option<usize> {
    let (date, hour) = word.split_once('T')?;
    let is_date = date.len() == 10 && date.split('-').all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_date || hour.len() != 2 || !rest.starts_with(':') {
        return None;
    }
    rest.find('Z').filter(|end| *end < 20).map(|end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn equal_ids_stay_equal_and_everything_else_is_unchanged() {
        let id = "01M830D3TX9FT3CR0554ZZZP9C";
        let text = format!(
            "a {id} b {id} c cart_01M830D3TX9FT3CR0554ZZZP9D at 2026-11-23T01:30:22.123Z, x-door-b@example.com, 02:37, \
             <td>8 November 2026, 23:59 UTC"
        );
        let expected = "a <id 1> b <id 1> c cart_<id 2> at <time>, x-door-?@example.com, <clock>, <td><clock> UTC";
        assert_eq!(canonical(&text, 'b', &mut Vec::new()), expected);
        for text in ["\"2qpX_WKIeoxi3lwU42NwpA\"", "2026-11-23", "stoneware-dinner-plate-moss", "äöü"] {
            assert_eq!(canonical(text, 'b', &mut Vec::new()), text);
        }
    }
}
