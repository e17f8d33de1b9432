//! Fields of the forms of operators: how they are shown, and what was typed. Fields are named like the paths of their values.

/// How a field is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// One line.
    Line,
    /// One line, with suggestions.
    Suggested(Vec<String>),
    /// A color.
    Color,
    /// A whole number.
    Number,
    /// An amount of money.
    Amount,
    /// Several lines.
    Area(u16),
    /// A box to check.
    Check,
    /// One of several values: value, title.
    Select(Vec<(String, String)>),
    /// Several boxes with the same name: value, title.
    Choices(Vec<(String, String)>),
    /// An image, whose address cannot be edited.
    Picture,
    /// A file of a picture, with a button that adds it.
    File,
}

impl Input {
    /// One of several values: value, title.
    pub fn select(choices: &[(&str, &str)]) -> Self {
        Self::Select(choices.iter().map(|(value, title)| ((*value).to_owned(), (*title).to_owned())).collect())
    }
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// Path of the setting.
    pub name: String,
    /// Label.
    pub label: &'static str,
    /// How it is shown.
    pub input: Input,
    /// Values as typed; one, except for choices.
    pub values: Vec<String>,
    /// A hint below it.
    pub hint: Option<String>,
    /// Whether it may be empty.
    pub optional: bool,
}

impl FormField {
    /// A field with a value.
    pub fn new(label: &'static str, name: impl Into<String>, input: Input, value: impl Into<String>) -> Self {
        Self { label, name: name.into(), input, values: vec![value.into()], hint: None, optional: false }
    }

    /// The field may be empty.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Replaces the label.
    #[must_use]
    pub fn label(self, label: &'static str) -> Self {
        Self { label, ..self }
    }

    /// The value of a field with one.
    pub fn value(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }

    /// Returns whether a box is checked.
    pub fn is_checked(&self, value: &str) -> bool {
        self.values.iter().any(|checked| checked == value)
    }
}

/// Fields with a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldGroup {
    /// Heading, if there are several groups.
    pub legend: Option<String>,
    /// Class of the element, if it has one of its own.
    pub class: &'static str,
    /// Fields.
    pub fields: Vec<FormField>,
}

/// What was typed, by field name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed(pub Vec<(String, String)>);

impl Typed {
    /// The last value of a field.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().rev().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str())
    }

    /// The last value of a field.
    pub fn text(&self, name: &str) -> String {
        self.get(name).to_owned()
    }

    /// The last value of a field, if it is not blank.
    pub fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.trim().is_empty())
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.clone()).collect()
    }

    /// The parts of a field whose values are separated by commas, without blank ones.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.get(name).split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    }

    /// Whether a box is checked.
    pub fn is_checked(&self, name: &str) -> bool {
        self.get(name) == CHECKED
    }

    /// Number of rows of a form with rows.
    pub fn rows(&self) -> usize {
        self.get("rows").parse().unwrap_or(0).min(MAX_ROWS)
    }
}

/// Value of a checked box.
pub const CHECKED: &str = "yes";
/// Most rows that a form is read with.
pub const MAX_ROWS: usize = 60;
