//! What an import did, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::{ImportIssue, IssueKind};

/// Remarks of one kind shown to people; programs get them all.
const SHOWN: usize = 20;

/// The outcome of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImportReport {
    /// Nothing was written: this is what would have happened.
    pub dry_run: bool,
    /// Products became what the file says and nothing else; without this, what the file does not say stayed.
    pub replace: bool,
    /// Rows of the file that are not blank.
    pub rows: usize,
    /// Products that are new to the store.
    pub created: usize,
    /// Products the store had differently.
    pub updated: usize,
    /// Products the store had exactly so.
    pub unchanged: usize,
    /// Products that were on sale here and are left out by the file: no longer sold.
    pub withdrawn: usize,
    /// Products the file says not to sell.
    pub left_out: usize,
    /// Products of which nothing could be sold.
    pub rejected_products: usize,
    /// Single rows that could not be used.
    pub rejected_rows: usize,
    /// Variants on sale after the import, of the products in the file.
    pub variants: usize,
    /// Variants that products of the file had and have no more.
    pub variants_withdrawn: usize,
    /// SKUs that got their first stock level.
    pub stock_initialized: usize,
    /// SKUs whose available units were set to the file's.
    pub stock_corrected: usize,
    /// SKUs that got the units of the SKU that their variant had before.
    pub stock_moved: usize,
    /// What has to be done before the shop can sell what it has.
    pub warnings: Vec<String>,
    /// Everything that was left out, rejected or taken with a remark, by line.
    pub issues: Vec<ImportIssue>,
}

impl ImportReport {
    /// Whether anything in the file could not be used.
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
            writeln!(f, "Dry run: nothing was written; this is what would be.")?;
        }
        writeln!(f, "{products} products with {} variants are sold, from {} rows:", self.variants, self.rows)?;
        writeln!(f, "  {} created, {} updated, {} unchanged", self.created, self.updated, self.unchanged)?;
        let (new, corrected, moved) = (self.stock_initialized, self.stock_corrected, self.stock_moved);
        let moved = if moved > 0 { format!(", {moved} moved to another SKU") } else { String::new() };
        writeln!(f, "  stock: {new} levels new, {corrected} corrected{moved}")?;
        if self.variants_withdrawn > 0 {
            writeln!(f, "{} variants of these products are no longer on sale", self.variants_withdrawn)?;
        }
        if self.left_out > 0 {
            writeln!(f, "{} products are left out, {} of them were sold before", self.left_out, self.withdrawn)?;
        }
        if self.has_rejections() {
            let (products, rows) = (self.rejected_products, self.rejected_rows);
            writeln!(f, "WARNING: {products} products and {rows} single rows were rejected")?;
        }
        for warning in &self.warnings {
            writeln!(f, "WARNING: {warning}")?;
        }
        self.write_issues(f, IssueKind::RejectedProduct, "Rejected products")?;
        self.write_issues(f, IssueKind::RejectedRow, "Rejected rows")?;
        self.write_issues(f, IssueKind::LeftOut, "Left out")?;
        self.write_issues(f, IssueKind::Note, "Notes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_the_first_twenty_of_a_kind_and_the_number_of_the_others() {
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
