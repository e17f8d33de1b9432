//! Determines the options of a product: those in the file, those in the store, and each row's values for them.

use super::group::DraftProduct;
use super::issue::Issues;
use super::variant::VariantRow;
use shopease_shop::domain::{Handle, Product, Variant};

/// The options of a product after the import.
pub(super) struct Layout {
    /// Option names.
    pub(super) names: Vec<String>,
    /// Whether the file has values for them.
    pub(super) is_given: bool,
    /// Whether there are as many options as in the store, so that variants that the file does not name still fit.
    pub(super) is_kept: bool,
    /// The option columns in use, each with the filler for an empty value.
    columns: Vec<(usize, String)>,
    handle: Handle,
}

impl Layout {
    pub(super) fn of(draft: &DraftProduct, stored: Option<&Product>, replace: bool, issues: &mut Issues) -> Self {
        let handle = draft.handle.clone();
        let used =
            |place: &usize| draft.rows.iter().any(|row| row.values.get(*place).is_some_and(|text| !text.is_empty()));
        let used: Vec<usize> = (0..3).filter(used).collect();
        let stored_names: Vec<String> =
            stored.iter().flat_map(|product| &product.options).map(|option| option.name.clone()).collect();
        if used.is_empty() {
            // A file without any option value leaves the options unchanged, unless it replaces everything.
            let names = if replace { Vec::new() } else { stored_names };
            let is_kept = stored.is_none_or(|product| product.options.len() == names.len());
            return Self { names, is_given: replace, is_kept, columns: Vec::new(), handle };
        }
        let is_kept = stored.is_none_or(|product| product.options.len() == used.len());
        let mut layout = Self { names: Vec::new(), is_given: true, is_kept, columns: Vec::new(), handle };
        for (number, place) in used.into_iter().enumerate() {
            let written = draft.option_names.get(place).cloned().unwrap_or_default();
            let stored_name = stored_names.get(number).filter(|_| is_kept && !replace && written.is_empty());
            let name =
                stored_name.cloned().unwrap_or_else(|| layout.new_name(written, place, draft.first_line, issues));
            layout.names.push(name);
            let used =
                |filler: &str| draft.rows.iter().any(|row| row.values.get(place).is_some_and(|text| text == filler));
            let filler = ["Default", "-", "\u{2013}"].into_iter().find(|filler| !used(filler)).unwrap_or("?");
            layout.columns.push((place, filler.to_owned()));
        }
        layout
    }

    /// The values of a row, one for each option. For an empty cell, the value of the variant with the row's SKU is
    /// kept; otherwise a filler is used.
    ///
    /// # Errors
    /// The reason why the row matches nothing: it names no options, and the product has no variant with its SKU.
    pub(super) fn values(
        &self,
        row: &VariantRow,
        same_sku: Option<&Variant>,
        issues: &mut Issues,
    ) -> Result<Vec<String>, String> {
        if self.columns.is_empty() && !self.names.is_empty() {
            let names = self.names.join(", ");
            let reason = || {
                format!("the product has the options {names}; the row has no value for them and no SKU of the product")
            };
            return same_sku.map(|variant| variant.option_values.clone()).ok_or_else(reason);
        }
        let mut values = Vec::with_capacity(self.columns.len());
        for (number, (place, filler)) in self.columns.iter().enumerate() {
            let written = row.values.get(*place).filter(|value| !value.is_empty());
            let stored = same_sku.filter(|_| self.is_kept).and_then(|variant| variant.option_values.get(number));
            values.push(written.or(stored).cloned().unwrap_or_else(|| {
                let name = self.names.get(number).map_or("", String::as_str);
                let reason = format!("it has no value for {name:?}; the value was set to {filler:?}");
                issues.note(row.line, Some(&self.handle), reason);
                filler.clone()
            }));
        }
        Ok(values)
    }

    fn new_name(&self, written: String, place: usize, first_line: u64, issues: &mut Issues) -> String {
        if !written.is_empty() && !self.names.contains(&written) {
            return written;
        }
        let name = format!("{written} {}", place + 1).trim().to_owned();
        let reason = format!("option {} has no unique name; its name was set to {name:?}", place + 1);
        issues.note(first_line, Some(&self.handle), reason);
        name
    }
}
