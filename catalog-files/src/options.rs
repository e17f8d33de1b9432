//! Determines the options of a product: those in the file, those in the store, and each row's values for them.

use std::borrow::Cow;

use super::group::DraftProduct;
use super::issue::Issues;
use super::variant::VariantRow;
use shopease_shop::domain::{Handle, Product, Variant};

/// The options of a product after the import.
pub(super) struct Layout {
    /// Option names.
    pub(super) names: Vec<String>,
    /// Whether the file has values for all of them.
    pub(super) is_given: bool,
    /// For each option, its place among the stored options; `None` if the options changed, so that variants that the
    /// file does not name no longer fit.
    stored_places: Option<Vec<usize>>,
    /// A stored option and the option of the file that takes its place.
    pub(super) renamed: Option<(String, String)>,
    /// For each option, its column and the filler for an empty value; `None` if the file has no column for it.
    columns: Vec<Option<(usize, String)>>,
    handle: Handle,
}

impl Layout {
    /// # Errors
    /// The reason why the file's options and the stored ones cannot be combined.
    pub(super) fn of(
        draft: &DraftProduct,
        stored: Option<&Product>,
        replace: bool,
        issues: &mut Issues,
    ) -> Result<Self, String> {
        let handle = draft.handle.clone();
        let has_value =
            |place: &usize| draft.rows.iter().any(|row| row.values.get(*place).is_some_and(|text| !text.is_empty()));
        let used: Vec<usize> = (0..3).filter(has_value).collect();
        let stored_names: Vec<String> =
            stored.iter().flat_map(|product| &product.options).map(|option| option.name.clone()).collect();
        let count = stored_names.len();
        if used.is_empty() {
            // A file without any option value leaves the options unchanged, unless it replaces everything.
            let names = if replace { Vec::new() } else { stored_names };
            let stored_places = (names.len() == count).then(|| (0..count).collect());
            let columns = vec![None; names.len()];
            return Ok(Self { names, is_given: replace, stored_places, renamed: None, columns, handle });
        }
        let found = stored_places(&used, &draft.option_names, &stored_names);
        let is_emptied = (0..count).any(|place| draft.has_option_column(place) && !used.contains(&place));
        let misses_columns = used.len() < count && !is_emptied && !replace;
        let mut places: Vec<(Option<usize>, Option<usize>)> =
            used.iter().copied().map(Some).zip(found.iter().copied()).collect();
        if misses_columns {
            if let Some((Some(place), _)) = places.iter().find(|(_, stored)| stored.is_none()) {
                let written = draft.option_names.get(*place).map_or("", String::as_str);
                let names = stored_names.join(", ");
                return Err(format!(
                    "the product has the options {names}, and the file has {written:?} but not all of them; add the \
                     missing option columns"
                ));
            }
            places.extend((0..count).filter(|place| !found.contains(&Some(*place))).map(|place| (None, Some(place))));
            places.sort_by_key(|(_, stored)| *stored);
        }
        let stored_places: Option<Vec<usize>> =
            if places.len() == count { places.iter().map(|(_, stored)| *stored).collect() } else { None };
        let is_kept = stored_places.is_some();
        let mut layout = Self {
            names: Vec::new(),
            is_given: !misses_columns,
            stored_places,
            renamed: None,
            columns: Vec::new(),
            handle,
        };
        for (place, stored) in places {
            let written = place.and_then(|place| draft.option_names.get(place)).cloned().unwrap_or_default();
            let stored_name = stored.filter(|_| is_kept).and_then(|stored| stored_names.get(stored));
            let name = match stored_name {
                Some(name) if written.is_empty() && !replace => name.clone(),
                _ => layout.new_name(written, place.unwrap_or_default(), draft.first_line, issues),
            };
            if let Some(stored_name) = stored_name.filter(|stored| stored.to_lowercase() != name.to_lowercase()) {
                layout.renamed = Some((stored_name.clone(), name.clone()));
            }
            layout.names.push(name);
            layout.columns.push(place.map(|place| (place, filler(draft, place))));
        }
        Ok(layout)
    }

    /// Whether variants that the file does not name still fit.
    pub(super) fn is_kept(&self) -> bool {
        self.stored_places.is_some()
    }

    /// The stored product with the values of its variants in the order of these options.
    pub(super) fn aligned<'p>(&self, stored: &'p Product) -> Cow<'p, Product> {
        match &self.stored_places {
            Some(places) if !places.is_sorted() => {
                let mut stored = stored.clone();
                for variant in &mut stored.variants {
                    let value = |place: &usize| variant.option_values.get(*place).cloned();
                    variant.option_values = places.iter().filter_map(value).collect();
                }
                Cow::Owned(stored)
            }
            _ => Cow::Borrowed(stored),
        }
    }

    /// The values of a row, one for each option. For an empty cell, the value of the variant with the row's SKU is
    /// kept; otherwise a filler is used.
    ///
    /// # Errors
    /// The reason why the row matches nothing: it has no column for an option, and the product has no variant with its
    /// SKU.
    pub(super) fn values(
        &self,
        row: &VariantRow,
        same_sku: Option<&Variant>,
        issues: &mut Issues,
    ) -> Result<Vec<String>, String> {
        let mut values = Vec::with_capacity(self.columns.len());
        for (number, (column, name)) in self.columns.iter().zip(&self.names).enumerate() {
            let stored = same_sku.filter(|_| self.is_kept()).and_then(|variant| variant.option_values.get(number));
            let written =
                column.as_ref().and_then(|(place, _)| row.values.get(*place)).filter(|value| !value.is_empty());
            values.push(match (written.or(stored), column) {
                (Some(value), _) => value.clone(),
                (None, Some((_, filler))) => {
                    let reason = format!("it has no value for {name:?}; the value was set to {filler:?}");
                    issues.note(row.line, Some(&self.handle), reason);
                    filler.clone()
                }
                (None, None) => {
                    let names = self.names.join(", ");
                    return Err(format!(
                        "the product has the options {names}; the row has no value for {name} and no SKU of the product"
                    ));
                }
            });
        }
        Ok(values)
    }

    fn new_name(&self, written: String, place: usize, first_line: u64, issues: &mut Issues) -> String {
        if !written.is_empty() && !self.names.contains(&written) {
            return written;
        }
        let name = numbered(&written, place);
        let reason = format!("option {} has no unique name; its name was set to {name:?}", place + 1);
        issues.note(first_line, Some(&self.handle), reason);
        name
    }
}

/// For each used option column, the stored option that it is: the one of its name, wherever it is. A column without a
/// name, or with a new name if the number of options is the same, is an option that no other column names.
fn stored_places(used: &[usize], written: &[String; 3], stored: &[String]) -> Vec<Option<usize>> {
    let mut found: Vec<Option<usize>> = Vec::with_capacity(used.len());
    for place in used {
        let name = written.get(*place).map_or("", String::as_str);
        let candidates = [name.to_lowercase(), numbered(name, *place).to_lowercase()];
        let matching = |name: &String| {
            (0..stored.len()).find(|other| stored[*other].to_lowercase() == *name && !found.contains(&Some(*other)))
        };
        found.push(candidates.iter().find_map(matching));
    }
    for (number, place) in used.iter().enumerate() {
        let is_free = |other: &usize| *other < stored.len() && !found.contains(&Some(*other));
        let is_unnamed = written.get(*place).is_none_or(String::is_empty);
        if found[number].is_none() {
            found[number] = if used.len() == stored.len() {
                std::iter::once(number).chain(0..stored.len()).find(is_free)
            } else {
                Some(*place).filter(|place| is_unnamed && is_free(place))
            };
        }
    }
    found
}

/// The name of an option column without a unique name.
fn numbered(name: &str, place: usize) -> String {
    format!("{name} {}", place + 1).trim().to_owned()
}

/// The value of a variant whose option cell is empty: one that no other variant has.
fn filler(draft: &DraftProduct, place: usize) -> String {
    let used = |filler: &str| draft.rows.iter().any(|row| row.values.get(place).is_some_and(|text| text == filler));
    ["Default", "-", "\u{2013}"].into_iter().find(|filler| !used(filler)).unwrap_or("?").to_owned()
}
