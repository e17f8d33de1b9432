//! `costs evaluate`.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{Book, print_json, read};
use crate::evaluate::{Request, schema};

#[derive(Debug, Args)]
pub struct Arguments {
    /// File with the request; standard input when it is - or not given.
    request: Option<PathBuf>,
    /// Print the JSON Schema of requests.
    #[arg(long, conflicts_with = "request")]
    schema: bool,
    #[command(flatten)]
    book: Book,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.schema {
        print!("{}", schema());
        return Ok(());
    }
    let mut text = String::new();
    match arguments.request.as_deref().filter(|path| path.as_os_str() != "-") {
        Some(path) => text = read(path)?,
        None => {
            std::io::stdin().read_to_string(&mut text).context("standard input")?;
        }
    }
    let evaluation = Request::read(&text)?.evaluate(&arguments.book.open()?)?;
    print_json(evaluation)
}
