//! Plain tables: columns as wide as their widest cell, numbers to the right.

use std::fmt;

#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new() -> Self {
        Self::default()
    }

    /// With the names of its columns.
    pub fn of(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().copied().map(str::to_owned).collect()] }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        // The width of a column, and whether it has a number in every row below its name.
        let shape = |column: usize| {
            let width = self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or_default();
            let numeric = |text: String| text == "-" || text.trim_end_matches('%').parse::<f64>().is_ok();
            (width, self.rows.iter().skip(1).all(|row| numeric(cell(row, column))))
        };
        let shapes: Vec<_> = (0..columns).map(shape).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (width, numeric)) in shapes.iter().enumerate() {
                let text = cell(row, column);
                let padded = if *numeric { format!("{text:>width$}  ") } else { format!("{text:<width$}  ") };
                line.push_str(&padded);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
