//! `costs prices`.

use clap::Args;

use crate::price_book::PriceBook;

/// Words to look for.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Rows in which all these words occur.
    words: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Lists the rows.
///
/// # Errors
/// When the price file is broken, or nothing is found.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let book = PriceBook::built_in()?;
    let rows: Vec<_> = book.search(&arguments.words).collect();
    anyhow::ensure!(!rows.is_empty(), "no price has all of these words: {}", arguments.words.join(" "));
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    for row in rows {
        println!("{} {} {} {:?}", row.service, row.region, row.item, row.price_usd);
    }
    Ok(())
}
