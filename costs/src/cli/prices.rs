//! `costs prices`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use rust_decimal::Decimal;

use super::table::Table;
use super::{Book, print_json, read, write};
use crate::price_book::Row;
use crate::price_book::import::import;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Rows in which all these words occur, as in: costs prices fargate arm64 eu-west-1
    words: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    book: Book,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replace rows by those of an AWS price list (offer file, JSON or CSV), and write the price file.
    Import {
        /// The price list, as `aws pricing get-price-list-file-url` names it.
        list: PathBuf,
        /// Where to write the price file, for --prices; standard output when not given.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Some(Command::Import { list, output }) => import_list(arguments, list, output.as_deref()),
        None => list(arguments),
    }
}

fn list(arguments: &Arguments) -> anyhow::Result<()> {
    let book = arguments.book.open()?;
    let rows: Vec<&Row> = book.search(&arguments.words).collect();
    anyhow::ensure!(!rows.is_empty(), "no price has all of these words: {}", arguments.words.join(" "));
    if arguments.json {
        return print_json(rows);
    }
    let mut table = Table::of(&["service", "region", "item", "USD", "per", "from", "to", "date", "trust", "source"]);
    let number = |number: Option<Decimal>| number.map(|n| n.normalize().to_string()).unwrap_or_default();
    for row in rows {
        let price = match (row.price_usd, row.value) {
            (None, Some(value)) => format!("rule: {}", value.normalize()),
            (None, None) => "rule".to_owned(),
            (price, _) => number(price),
        };
        table.row(vec![
            row.service.clone(),
            row.region.clone(),
            row.item.clone(),
            price,
            row.unit.clone(),
            number(row.tier_from),
            number(row.tier_to),
            if row.date.is_empty() { "?".to_owned() } else { row.date.clone() },
            row.confidence.word().to_owned(),
            row.source.chars().take(70).collect(),
        ]);
    }
    print!("{table}");
    Ok(())
}

fn import_list(arguments: &Arguments, list: &Path, output: Option<&Path>) -> anyhow::Result<()> {
    let name = list.display().to_string();
    let mut book = arguments.book.open()?;
    let file = list.file_name().map_or(name.clone(), |file| file.to_string_lossy().into_owned());
    let imported = import(&mut book, &read(list)?, &file).with_context(|| name.clone())?;
    let rows = book.to_csv()?;
    match output {
        Some(path) => write(path, &rows)?,
        None => print!("{rows}"),
    }
    eprintln!("{} items from {name}, {} other prices left out", imported.items.len(), imported.left_out);
    for item in &imported.items {
        eprintln!("  {item}");
    }
    Ok(())
}
