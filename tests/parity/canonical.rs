//! What is new in every answer by design becomes a placeholder: ids, tokens, points in time, the letter of the front door. Which
//! values are equal to which stays visible: the first id of an answer is `<id 1>` wherever it stands.

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
        if let Some(time) = point_in_time(word, rest) {
            out.push_str("<time>");
            rest = &rest[time..];
        } else if let Some(prefix) = random(word) {
            let number = seen.iter().position(|known| known == word).unwrap_or_else(|| {
                seen.push(word.to_owned());
                seen.len() - 1
            });
            out.push_str(&format!("<{prefix} {}>", number + 1));
        } else {
            out.push_str(&word.replace(&format!("door-{letter}"), "door-?"));
        }
    }
    out
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '-' || char == '_'
}

/// The kind of a random word, if it is one: a token or a form's proof of 256 bits in base64url, or a ULID.
fn random(word: &str) -> Option<&'static str> {
    let is_secret = |text: &str| text.len() == 43 && text.chars().all(is_word);
    if let Some((prefix, secret)) = word.split_once('_')
        && matches!(prefix, "vis" | "ses")
        && is_secret(secret)
    {
        return Some("token");
    }
    let is_ulid = word.len() == 26
        && word.starts_with('0')
        && word.bytes().all(|byte| byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"ILOU".contains(&byte)));
    if is_ulid {
        return Some("id");
    }
    is_secret(word).then_some("proof")
}

/// Whether `2026-11-23T01` and what follows it is a point in time; gives how much of the rest belongs to it.
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
    fn equal_ids_stay_equal_and_everything_else_stays() {
        let id = "01M830D3TX9FT3CR0554ZZZP9C";
        let text =
            format!("a {id} b {id} c 01M830D3TX9FT3CR0554ZZZP9D at 2026-11-23T01:30:22.123Z, x-door-b@example.com");
        let expected = "a <id 1> b <id 1> c <id 2> at <time>, x-door-?@example.com";
        assert_eq!(canonical(&text, 'b', &mut Vec::new()), expected);
        for text in ["\"2qpX_WKIeoxi3lwU42NwpA\"", "2026-11-23", "stoneware-dinner-plate-moss", "äöü"] {
            assert_eq!(canonical(text, 'b', &mut Vec::new()), text);
        }
    }
}
