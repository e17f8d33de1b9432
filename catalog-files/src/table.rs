//! Splits text into records: delimiter, header, physical line numbers, and recovery after a broken quote.

use std::sync::{Mutex, PoisonError};

use csv::{ReaderBuilder, StringRecord};

use super::ReadError;
use super::columns::{Column, Columns};

/// Longest field in bytes; a longer one is not product text.
const MAX_FIELD_BYTES: usize = 1 << 20;

/// One record, with the physical line it starts on (the header is usually line 1).
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) record: StringRecord,
}

/// Position of a record in the text; kept until its product is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowPlace {
    pub(super) line: u64,
    start: usize,
    end: usize,
}

/// A record that cannot be used, and the reason.
pub(super) struct BrokenRow {
    /// Its first line, which may still name the product.
    pub(super) row: Row,
    pub(super) reason: String,
}

/// The whole file: its text, and the positions of its records. Splitting all records into fields at once would take
/// many times the memory of the text.
pub(super) struct Table {
    text: String,
    reader: Mutex<csv_core::Reader>,
    pub(super) columns: Columns,
    pub(super) places: Vec<RowPlace>,
    pub(super) broken: Vec<BrokenRow>,
}

impl Table {
    /// The record at a position.
    pub(super) fn row(&self, place: RowPlace) -> Row {
        let text = self.text.get(place.start..place.end).unwrap_or_default();
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        Row { line: place.line, record: fields(&mut reader, text) }
    }
}

/// Splits a text that is one record. One reader is shared, because a new one first computes its tables.
fn fields(reader: &mut csv_core::Reader, text: &str) -> StringRecord {
    reader.reset();
    let mut input = text.as_bytes();
    // No field is longer than its source text, and every field end but the last has a delimiter.
    let (mut output, mut ends) = (vec![0; text.len() + 1], vec![0; text.len() + 2]);
    let (mut written, mut count) = (0, 0);
    loop {
        let (result, read, bytes, fields) = reader.read_record(input, &mut output[written..], &mut ends[count..]);
        (input, written, count) = (&input[read..], written + bytes, count + fields);
        // A record without a line break at its end needs one more call with empty input.
        if !matches!(result, csv_core::ReadRecordResult::InputEmpty) {
            break;
        }
    }
    let text = std::str::from_utf8(&output[..written]).unwrap_or_default();
    let mut start = 0;
    let ends = ends.iter().take(count);
    ends.map(|end| text.get(std::mem::replace(&mut start, *end)..*end).unwrap_or_default()).collect()
}

/// Finds the records of the text. Skips blank records. Reports a record whose quote does not close, or closes in the
/// wrong place some lines later, and resumes at the line after its first.
///
/// # Errors
/// [`ReadError`] if the file is empty or its header is not that of a product file.
pub(super) fn parse(text: String) -> Result<Table, ReadError> {
    let (body, first_line, named) = match excel_separator(&text) {
        Some((rest, delimiter)) => (rest, 2, Some(delimiter)),
        None => (text.as_str(), 1, None),
    };
    let offset = text.len() - body.len();
    let (delimiter, columns) = find_header(body, named)?;
    let mut lines = LineCounter::new(body, first_line);
    let (mut places, mut broken) = (Vec::new(), Vec::new());
    let mut records = Records::new(body, delimiter);
    let mut record = StringRecord::new();
    let mut header = true;
    let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
    let mut first_line =
        |line, raw: &str| Row { line, record: fields(&mut reader, raw.lines().next().unwrap_or_default()) };
    while let Some((start, end)) = records.next_record(&mut record)? {
        let line = lines.line_at(start);
        let raw = &body[start..end];
        if std::mem::take(&mut header) || record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let several_lines = raw.trim_end_matches(['\r', '\n']).contains('\n');
        if several_lines && !well_quoted(raw.as_bytes(), delimiter) {
            let reason = "a quotation mark is missing or misplaced".to_owned();
            broken.push(BrokenRow { row: first_line(line, raw), reason });
            records.resume_at(start + raw.find('\n').map_or(raw.len(), |at| at + 1));
        } else if record.iter().any(|field| field.len() > MAX_FIELD_BYTES) {
            let reason = "a field is longer than 1 MiB".to_owned();
            broken.push(BrokenRow { row: first_line(line, raw), reason });
        } else if end == body.len() && !raw.ends_with(['\r', '\n']) && record.len() < columns.width {
            // Spreadsheets also write short rows, but end their lines.
            let (found, expected) = (record.len(), columns.width);
            let reason = format!("the file seems to be cut off: its last row has {found} of {expected} columns");
            broken.push(BrokenRow { row: first_line(line, raw), reason });
        } else {
            places.push(RowPlace { line, start: offset + start, end: offset + end });
        }
    }
    Ok(Table { text, reader: Mutex::new(reader), columns, places, broken })
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes())
}

/// The line `sep=;` that Excel writes and reads before the header.
fn excel_separator(text: &str) -> Option<(&str, u8)> {
    let (line, rest) = text.split_once('\n')?;
    match line.trim_end().trim_matches('"').strip_prefix("sep=")?.as_bytes() {
        [delimiter] => Some((rest, *delimiter)),
        _ => None,
    }
}

/// Chooses the delimiter with which the header has the most recognized columns.
fn find_header(text: &str, named: Option<u8>) -> Result<(u8, Columns), ReadError> {
    let mut best: Option<(u8, Columns, Vec<String>)> = None;
    for delimiter in named.into_iter().chain(*b",;\t|") {
        let mut header = StringRecord::new();
        if Records::new(text, delimiter).next_record(&mut header)?.is_none() {
            return Err(ReadError::Empty);
        }
        let columns = Columns::of(header.iter());
        if best
            .as_ref()
            .is_none_or(|(_, best, _)| (columns.recognized(), columns.width) > (best.recognized(), best.width))
        {
            best = Some((delimiter, columns, header.iter().map(str::to_owned).collect()));
        }
    }
    let (delimiter, columns, found) = best.ok_or(ReadError::Empty)?;
    if !columns.has(Column::Handle) && !columns.has(Column::Title) {
        return Err(ReadError::NotProducts { missing: "Handle (or Title)", found });
    }
    // With handles, a file without prices updates the products that it names.
    if !columns.has(Column::Price) && !columns.has(Column::Handle) {
        return Err(ReadError::NotProducts { missing: "Variant Price", found });
    }
    Ok((delimiter, columns))
}

/// The records from an offset on, each with the offsets of its first byte and of the byte after it.
struct Records<'t> {
    text: &'t str,
    delimiter: u8,
    base: usize,
    reader: csv::Reader<&'t [u8]>,
}

impl<'t> Records<'t> {
    fn new(text: &'t str, delimiter: u8) -> Self {
        Self { text, delimiter, base: 0, reader: reader(text, delimiter) }
    }

    fn resume_at(&mut self, offset: usize) {
        self.base = offset;
        self.reader = reader(&self.text[offset..], self.delimiter);
    }

    fn next_record(&mut self, record: &mut StringRecord) -> Result<Option<(usize, usize)>, ReadError> {
        if !self.reader.read_record(record).map_err(ReadError::Csv)? {
            return Ok(None);
        }
        let offset = |position: &csv::Position| usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let end = (self.base + offset(self.reader.position())).min(self.text.len());
        let mut start = (self.base + record.position().map_or(0, offset)).min(end);
        // The reader counts blank lines, and the LF of a CR LF, as the start of the next record.
        start += self.text[start..end].bytes().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        Ok(Some((start, end)))
    }
}

/// Physical line numbers for increasing offsets. Lines end in LF, or in CR if the file has no LF at all.
struct LineCounter<'t> {
    text: &'t [u8],
    terminator: u8,
    offset: usize,
    line: u64,
}

impl<'t> LineCounter<'t> {
    fn new(text: &'t str, first_line: u64) -> Self {
        let terminator = if text.contains('\n') { b'\n' } else { b'\r' };
        Self { text: text.as_bytes(), terminator, offset: 0, line: first_line }
    }

    fn line_at(&mut self, offset: usize) -> u64 {
        let passed = self.text.get(self.offset..offset).unwrap_or_default();
        for byte in passed {
            self.line += u64::from(*byte == self.terminator);
        }
        self.offset = self.offset.max(offset);
        self.line
    }
}

/// Whether every quoted field of the record closes, and closes right before a delimiter or the end of the record.
fn well_quoted(raw: &[u8], delimiter: u8) -> bool {
    let ends_field = |byte: Option<&u8>| byte.is_none_or(|byte| [delimiter, b'\r', b'\n'].contains(byte));
    let mut rest = raw;
    loop {
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let mut at = 0;
            loop {
                match (quoted.get(at), quoted.get(at + 1)) {
                    (None, _) => return false,
                    (Some(b'"'), Some(b'"')) => at += 2,
                    (Some(b'"'), _) => break,
                    _ => at += 1,
                }
            }
            rest = &quoted[at + 1..];
            if !ends_field(rest.first()) {
                return false;
            }
        }
        match rest.iter().position(|byte| *byte == delimiter) {
            Some(at) => rest = &rest[at + 1..],
            None => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Table, ReadError> {
        super::parse(text.to_owned())
    }

    fn lines(text: &str) -> Vec<(u64, String)> {
        let table = parse(text).expect("a product file");
        let rows = table.places.iter().map(|place| table.row(*place));
        rows.map(|row| (row.line, row.record.iter().collect::<Vec<_>>().join("|"))).collect()
    }

    #[test]
    fn lines_are_those_an_editor_shows() {
        let expected = [(2, "a|A|1"), (4, "b|B\nb|2"), (7, "c|C \"c\"|3")].map(|(n, text)| (n, text.to_owned()));
        let text = "Handle,Title,Price\na,A,1\n\nb,\"B\nb\",2\n,,\nc,\"C \"\"c\"\"\",3\n";
        assert_eq!(lines(text), expected);
        let crlf = lines(&text.replace('\n', "\r\n"));
        assert_eq!(crlf.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4, 7]);
        assert_eq!(lines("Handle,Title,Price\ra,A,1\rb,B,2"), [(2, "a|A|1".to_owned()), (3, "b|B|2".to_owned())]);
    }

    #[test]
    fn other_delimiters_are_found_by_the_header() {
        for delimiter in [";", "\t", "|"] {
            let text = "Handle,Title,Price\na,\"A, B\",1\n"
                .replacen(',', delimiter, 2)
                .replace("a,", &format!("a{delimiter}"));
            let text = text.replace("\",1", &format!("\"{delimiter}1"));
            assert_eq!(lines(&text), [(2, "a|A, B|1".to_owned())], "{delimiter:?}");
        }
        assert_eq!(lines("sep=;\r\nHandle;Title;Price\r\na;A;1\r\n"), [(3, "a|A|1".to_owned())]);
    }

    #[test]
    fn a_broken_quote_rejects_only_its_own_line() {
        for (name, after) in [("later closed", "c,\"C\",3"), ("never closed", "c,C,3")] {
            let text = format!("Handle,Title,Price\na,A,1\nb,\"B,2\n{after}\nd,D,4\n");
            let table = parse(&text).expect("a product file");
            let kept: Vec<u64> = table.places.iter().map(|row| row.line).collect();
            let lost: Vec<u64> = table.broken.iter().map(|broken| broken.row.line).collect();
            assert_eq!((kept, lost), (vec![2, 4, 5], vec![3]), "{name}");
        }
    }

    #[test]
    fn a_loose_quote_on_one_line_is_kept_verbatim() {
        assert_eq!(lines("Handle,Title,Price\na,\"Ruler\" 12\",1\n"), [(2, "a|Ruler 12\"|1".to_owned())]);
        assert_eq!(lines("Handle,Title,Price\na,Ruler 12\",1\n"), [(2, "a|Ruler 12\"|1".to_owned())]);
    }

    #[test]
    fn a_file_without_product_columns_is_rejected_by_column_name() {
        assert!(matches!(parse(""), Err(ReadError::Empty)));
        let error = parse("Name,Email\nA,b@example.org\n").err().expect("rejected").to_string();
        assert!(error.contains("Name, Email"), "{error}");
        let error = parse("Title,Vendor\nA,B\n").err().expect("rejected").to_string();
        assert!(error.contains("Variant Price"), "{error}");
    }

    #[test]
    fn a_record_read_again_has_the_same_fields() {
        let mut again = csv_core::ReaderBuilder::new().build();
        for text in [
            "a,b",
            "a,b\n",
            "a,b\r\n",
            "\"a,\"\"b\n\",\"\"\n",
            ",,\n",
            "a,Ruler 12\",1",
            "\"a\"b,c\n",
            "é,\u{FEFF}x,\r",
        ] {
            let mut expected = StringRecord::new();
            super::reader(text, b',').read_record(&mut expected).expect("a record");
            assert_eq!(fields(&mut again, text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_field_over_the_size_limit_rejects_only_its_row() {
        let text = format!("Handle,Title,Price\na,{},1\nb,B,2\n", "x".repeat(MAX_FIELD_BYTES + 1));
        let table = parse(&text).expect("a product file");
        assert_eq!((table.broken[0].row.line, table.places[0].line), (2, 3));
    }
}
