//! `costs summary`: the answer in short.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{Book, read, write};
use crate::measured::Measured;
use crate::summary::{into_document, parts, picture};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Replace the marked parts of these Markdown files instead of printing them.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    document: Vec<PathBuf>,
    /// Write the chart of cost against load to this SVG file.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    #[command(flatten)]
    book: Book,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (book, measured) = (arguments.book.open()?, Measured::built_in());
    let parts = parts(&measured, &book)?;
    if arguments.document.is_empty() {
        print!("{}", parts.values().cloned().collect::<String>());
    }
    for path in &arguments.document {
        write(path, &into_document(&read(path)?, &parts).with_context(|| path.display().to_string())?)?;
    }
    if let Some(path) = &arguments.chart {
        write(path, &picture(&measured, &book)?)?;
    }
    Ok(())
}
