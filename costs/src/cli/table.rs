//! Plain tables: columns as wide as their widest cell, numbers to the right.

use std::fmt;

/// A table.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// The names of the columns.
    pub fn head(&mut self, cells: Vec<String>) {
        self.rows.insert(0, cells);
    }

    /// One row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column| self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..columns).map(width).collect();
        // A column of numbers has a number in every row below its name.
        let numeric = |column: usize| {
            self.rows.iter().skip(1).all(|row| {
                let text = cell(row, column);
                text == "-" || text.trim_end_matches('%').parse::<f64>().is_ok()
            })
        };
        let right: Vec<bool> = (0..columns).map(numeric).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (width, right)) in widths.iter().zip(&right).enumerate() {
                let text = cell(row, column);
                let padded = if *right { format!("{text:>width$}  ") } else { format!("{text:<width$}  ") };
                line.push_str(&padded);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
