//! Issues that an import reports about single rows and products.

use serde::Serialize;

use shopease_shop::domain::{AmountError, Currency, Handle};

/// Variants named in one note.
const NAMED: usize = 20;

/// What happened to the row or product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueKind {
    /// The product was not imported because the merchant does not offer it.
    LeftOut,
    /// The product has no variant that can be sold.
    RejectedProduct,
    /// The row was not used; other rows of the product were.
    RejectedRow,
    /// The row was used with a change worth reporting.
    Note,
}

/// An issue with its position in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportIssue {
    /// Physical line on which the row starts.
    pub line: u64,
    /// The product, if the row names one.
    pub handle: Option<String>,
    /// The kind of issue.
    pub kind: IssueKind,
    /// The reason, as a sentence without a full stop.
    pub reason: String,
}

/// Returns why `text` is not an amount in `currency`, as the reason of an issue.
pub(super) fn amount_reason(text: &str, currency: Currency, error: AmountError) -> String {
    match error {
        AmountError::Comma => format!("{text:?} has a comma; write amounts as 1234.50, or import with --decimal-comma"),
        AmountError::Malformed => format!("{text:?} is not an amount such as 1234.50"),
        AmountError::Decimals { max } => {
            format!(
                "{text:?} has more decimal places than {currency} allows ({max}); write a thousand as 1000, without a separator"
            )
        }
        AmountError::TooLarge => format!("{text:?} is too large"),
    }
}

/// The first names of a list and the number of the others.
pub(super) fn named(names: &[impl AsRef<str>]) -> String {
    let first: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let others = names.len().saturating_sub(NAMED);
    let others = if others > 0 { format!(" and {others} more") } else { String::new() };
    format!("{}{others}", first.join(", "))
}

/// Collects the issues while a file is read.
#[derive(Debug, Default)]
pub(super) struct Issues(Vec<ImportIssue>);

impl Issues {
    pub(super) fn left_out(&mut self, line: u64, handle: &Handle, reason: String) {
        self.push(line, Some(handle), IssueKind::LeftOut, reason);
    }

    pub(super) fn reject_product(&mut self, line: u64, handle: &Handle, reason: String) {
        self.push(line, Some(handle), IssueKind::RejectedProduct, reason);
    }

    pub(super) fn reject_row(&mut self, line: u64, handle: Option<&Handle>, reason: String) {
        self.push(line, handle, IssueKind::RejectedRow, reason);
    }

    pub(super) fn note(&mut self, line: u64, handle: Option<&Handle>, reason: String) {
        self.push(line, handle, IssueKind::Note, reason);
    }

    /// Number of rejected rows.
    pub(super) fn rejected_rows(&self) -> usize {
        self.0.iter().filter(|issue| issue.kind == IssueKind::RejectedRow).count()
    }

    /// The issues by line; those of one line keep their order.
    pub(super) fn sorted(self) -> Vec<ImportIssue> {
        let mut issues = self.0;
        issues.sort_by_key(|issue| issue.line);
        issues
    }

    pub(super) fn append(&mut self, mut issues: Self) {
        self.0.append(&mut issues.0);
    }

    fn push(&mut self, line: u64, handle: Option<&Handle>, kind: IssueKind, reason: String) {
        self.0.push(ImportIssue { line, handle: handle.map(ToString::to_string), kind, reason });
    }
}
