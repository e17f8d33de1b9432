//! The result of an import, as text and as JSON.

use std::fmt;

use serde::Serialize;

use super::{ImportIssue, IssueKind};

/// Issues of one kind that the text report shows; JSON contains all.
const SHOWN: usize = 20;

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImportReport {
    /// Nothing was written; the numbers say what would have changed.
    pub dry_run: bool,
    /// Each product was made to match the file exactly; otherwise, fields that the file does not give were kept.
    pub replace: bool,
    /// Rows of the file that are not blank.
    pub rows: usize,
    /// New products.
    pub created: usize,
    /// Products that were updated.
    pub updated: usize,
    /// Products that were already identical.
    pub unchanged: usize,
    /// Products that were on sale and were taken off sale because the file does not offer them.
    pub withdrawn: usize,
    /// Products that the file does not offer for sale.
    pub left_out: usize,
    /// Products without any variant that could be imported.
    pub rejected_products: usize,
    /// Single rows that were rejected.
    pub rejected_rows: usize,
    /// Variants on sale after the import, of the products in the file.
    pub variants: usize,
    /// Variants that were removed from products of the file.
    pub variants_withdrawn: usize,
    /// SKUs whose stock level was set for the first time.
    pub stock_initialized: usize,
    /// SKUs whose available units were overwritten with the file's quantity.
    pub stock_corrected: usize,
    /// SKUs that received the units of their variant's previous SKU.
    pub stock_moved: usize,
    /// What must be configured before the shop can sell these products.
    pub warnings: Vec<String>,
    /// Everything that was not imported, was rejected, or was imported with a note, by line.
    pub issues: Vec<ImportIssue>,
}

impl ImportReport {
    /// Whether anything in the file was rejected.
    pub fn has_rejections(&self) -> bool {
        self.rejected_products + self.rejected_rows > 0
    }

    fn write_issues(&self, f: &mut fmt::Formatter<'_>, kind: IssueKind, heading: &str) -> fmt::Result {
        let issues: Vec<_> = self.issues.iter().filter(|issue| issue.kind == kind).collect();
        if issues.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{heading} ({}):", issues.len())?;
        for issue in issues.iter().take(SHOWN) {
            let handle = issue.handle.as_deref().unwrap_or("-");
            writeln!(f, "  line {:<6} {handle}: {}", issue.line, issue.reason)?;
        }
        if issues.len() > SHOWN {
            writeln!(f, "  and {} more (--json shows all)", issues.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let products = self.created + self.updated + self.unchanged;
        if self.dry_run {
            writeln!(f, "Dry run: nothing was written. The import would have this result:")?;
        }
        writeln!(f, "{products} products with {} variants on sale, from {} rows:", self.variants, self.rows)?;
        writeln!(f, "  {} created, {} updated, {} unchanged", self.created, self.updated, self.unchanged)?;
        let (new, corrected, moved) = (self.stock_initialized, self.stock_corrected, self.stock_moved);
        let moved = if moved > 0 { format!(", {moved} moved to a new SKU") } else { String::new() };
        writeln!(f, "  stock levels: {new} new, {corrected} overwritten{moved}")?;
        if self.variants_withdrawn > 0 {
            writeln!(f, "{} variants of these products were taken off sale", self.variants_withdrawn)?;
        }
        if self.left_out > 0 {
            writeln!(
                f,
                "{} products were not imported, {} of them were taken off sale",
                self.left_out, self.withdrawn
            )?;
        }
        if self.has_rejections() {
            let (products, rows) = (self.rejected_products, self.rejected_rows);
            writeln!(f, "WARNING: {products} products and {rows} other rows were rejected")?;
        }
        for warning in &self.warnings {
            writeln!(f, "WARNING: {warning}")?;
        }
        self.write_issues(f, IssueKind::RejectedProduct, "Rejected products")?;
        self.write_issues(f, IssueKind::RejectedRow, "Rejected rows")?;
        self.write_issues(f, IssueKind::LeftOut, "Not imported")?;
        self.write_issues(f, IssueKind::Note, "Notes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_report_shows_the_first_twenty_of_a_kind_and_counts_the_others() {
        let issue =
            |line| ImportIssue { line, handle: None, kind: IssueKind::RejectedRow, reason: "no price".to_owned() };
        let report =
            ImportReport { rejected_rows: 25, issues: (1..=25).map(issue).collect(), ..ImportReport::default() };
        let text = report.to_string();
        assert_eq!(text.matches("no price").count(), 20, "{text}");
        assert!(text.contains("and 5 more") && text.contains("Rejected rows (25)"), "{text}");
        assert!(text.contains("WARNING"), "{text}");
    }
}
