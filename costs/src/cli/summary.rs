//! `costs summary`: the answer in short.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::Book;
use crate::measured::Measured;
use crate::summary::{into_document, markdown, picture};

/// What to write.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Put the table into this Markdown file, between its markers, instead of printing it.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// Write the chart of cost against load to this SVG file.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    #[command(flatten)]
    book: Book,
}

/// Prints or writes it.
///
/// # Errors
/// When a price is missing, or a file cannot be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (book, measured) = (arguments.book.open()?, Measured::built_in());
    let text = markdown(&measured, &book)?;
    match &arguments.document {
        None => print!("{text}"),
        Some(path) => write(path, &into_document(&read(path)?, &text)?)?,
    }
    if let Some(path) = &arguments.chart {
        write(path, &picture(&measured, &book)?)?;
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
