//! `costs sensitivity`.

use clap::Args;

use super::estimate::{heading, money};
use super::table::Table;
use super::{Book, Shop, print_json};
use crate::deployment::Deployment;
use crate::sensitivity::{Swing, sensitivity};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    shop: Shop,
    /// Deployments.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "DEPLOYMENT",
        default_value = "fargate-postgresql-alb,lambda-dynamodb-alb"
    )]
    only: Vec<Deployment>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    book: Book,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (book, shop) = (arguments.book.open()?, arguments.shop.open()?);
    let mut answers = Vec::new();
    for deployment in &arguments.only {
        answers.push((deployment.name(), sensitivity(*deployment, shop.inputs(&book))?));
    }
    if arguments.json {
        let answer = |(name, swings): &(String, Vec<Swing>)| serde_json::json!({"deployment": name, "swings": swings});
        return print_json(answers.iter().map(answer).collect::<Vec<_>>());
    }
    print!("{}", heading(&shop));
    for (name, swings) in &answers {
        let mut table = Table::of(&["input", "known", "from", "to", "USD low", "USD high", "swing", "what"]);
        for swing in swings.iter().filter(|swing| !swing.width().is_zero()) {
            table.row(vec![
                swing.input.to_owned(),
                swing.known.word().to_owned(),
                swing.low_factor.normalize().to_string(),
                swing.high_factor.normalize().to_string(),
                money(swing.low_total),
                money(swing.high_total),
                money(swing.width()),
                swing.about.to_owned(),
            ]);
        }
        println!("{name}, all environments\n{table}");
    }
    Ok(())
}
