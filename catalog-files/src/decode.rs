//! Decodes the bytes of the file: UTF-8 as Shopify writes it, or the encoding that a spreadsheet saved it in.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The text of the file, and a note if its encoding had to be guessed.
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) note: Option<String>,
}

/// Whether the content is a binary format (a workbook, an archive, an image) rather than text.
pub(super) fn is_binary(text: &str) -> bool {
    const ARCHIVE: &str = "PK\u{3}\u{4}";
    const LOOKED_AT: usize = 4096;
    // A spreadsheet leaves a few stray characters; in a binary file they are a tenth of all characters or more.
    const SHARE: usize = 32;
    let odd = |c: &char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}') || *c == '\u{FFFD}';
    let looked_at = text.chars().take(LOOKED_AT);
    text.starts_with(ARCHIVE) || looked_at.clone().filter(odd).count() * SHARE > looked_at.count()
}

/// Decodes with the requested encoding, else by byte order mark, else as UTF-8, else as Windows-1252.
///
/// A file that is mostly UTF-8 (more valid multi-byte characters than invalid sequences) is read as UTF-8: one broken
/// byte must not turn every accented letter of the catalog into two wrong characters.
pub(super) fn decode(bytes: Vec<u8>, requested: Option<&'static Encoding>) -> Decoded {
    if let Some(encoding) = requested.or_else(|| Encoding::for_bom(&bytes).map(|(encoding, _)| encoding)) {
        let (text, used, broken) = encoding.decode(&bytes);
        let note = broken.then(|| format!("some bytes are not valid {}; they are replaced by \u{FFFD}", used.name()));
        return Decoded { text: text.into_owned(), note };
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Decoded { text, note: None },
        Err(error) => error.into_bytes(),
    };
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    let (encoding, note) = if good > bad {
        (UTF_8, format!("{bad} byte sequences are not valid UTF-8; they are replaced by \u{FFFD}"))
    } else {
        (WINDOWS_1252, "the file is not UTF-8; it was read as Windows-1252".to_owned())
    };
    Decoded { text: encoding.decode_without_bom_handling(&bytes).0.into_owned(), note: Some(note) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_the_same_text_reads_the_same() {
        let utf16: Vec<u8> =
            std::iter::once(0xFEFF_u16).chain("Växel €".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let cases: [(&str, &[u8], bool); 4] = [
            ("utf-8", "Växel €".as_bytes(), false),
            ("utf-8 with mark", "\u{FEFF}Växel €".as_bytes(), false),
            ("utf-16", &utf16, false),
            ("windows-1252", b"V\xe4xel \x80", true),
        ];
        for (name, bytes, noted) in cases {
            let decoded = decode(bytes.to_vec(), None);
            assert_eq!(decoded.text, "Växel €", "{name}");
            assert_eq!(decoded.note.is_some(), noted, "{name}");
        }
    }

    #[test]
    fn an_invalid_byte_leaves_other_accents_intact() {
        let decoded = decode(b"V\xc3\xa4xel, B\xc3\xa5t, \xff".to_vec(), None);
        assert_eq!(decoded.text, "Växel, Båt, \u{FFFD}");
        assert!(decoded.note.is_some());
    }

    #[test]
    fn a_requested_encoding_is_used() {
        let polish = Encoding::for_label(b"windows-1250");
        assert_eq!(decode(b"\xbf\xf3\xb3ty".to_vec(), polish).text, "żółty");
    }
}
