//! `costs break-even`.

use clap::Args;
use rust_decimal::Decimal;

use super::estimate::{heading, money};
use super::table::Table;
use super::{Book, Shop, print_json};
use crate::break_even::{Comparison, Crossing, LineSet, break_even};
use crate::deployment::{Deployment, Front, Path, Store};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    shop: Shop,
    /// Two deployments; without them the two paths on each store behind a load balancer, and the two natural pairs.
    #[arg(long, value_delimiter = ',', num_args = 1, value_name = "FIRST,SECOND")]
    between: Vec<Deployment>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    book: Book,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (book, shop) = (arguments.book.open()?, arguments.shop.open()?);
    let of = |path, store| Deployment { path, store, front: Front::Alb };
    let pairs = match arguments.between.as_slice() {
        [] => vec![
            [of(Path::Fargate, Store::Dynamodb), of(Path::Lambda, Store::Dynamodb)],
            [of(Path::Fargate, Store::Postgresql), of(Path::Lambda, Store::Postgresql)],
            [of(Path::Fargate, Store::Postgresql), of(Path::Lambda, Store::Dynamodb)],
        ],
        [first, second] if first != second => vec![[*first, *second]],
        _ => anyhow::bail!("--between takes two different deployments, as in fargate-dynamodb-alb,lambda-dynamodb-alb"),
    };
    let mut answers = Vec::new();
    for pair in pairs {
        answers.push((pair.map(Deployment::name), break_even(LineSet::ALL, pair, shop.inputs(&book))?));
    }
    if arguments.json {
        let answer = |([first, second], comparisons): &([String; 2], Vec<Comparison>)| serde_json::json!({"first": first, "second": second, "comparisons": comparisons});
        return print_json(answers.iter().map(answer).collect::<Vec<_>>());
    }
    print!("{}", heading(&shop));
    for ([first, second], comparisons) in &answers {
        println!("{first} against {second}\n{}", table(comparisons));
    }
    println!(
        "The band moves one input at a time within its uncertainty; a line's amount is the first side minus the second."
    );
    Ok(())
}

fn table(comparisons: &[Comparison]) -> Table {
    let mut table = Table::of(&["lines", "orders/month", "from", "to", "cheaper above", "moved by", "decided by"]);
    for comparison in comparisons {
        let lines = comparison.lines.word().to_owned();
        if comparison.crossings.is_empty() {
            let always = format!("{} at every load", comparison.cheaper_at_first);
            table.row(vec![lines.clone(), "-".into(), "-".into(), "-".into(), always]);
        }
        for crossing in &comparison.crossings {
            table.row(cells(lines.clone(), crossing));
        }
    }
    table
}

fn cells(lines: String, crossing: &Crossing) -> Vec<String> {
    let orders = |orders: Option<Decimal>| orders.map_or_else(|| "-".to_owned(), |n| n.round().normalize().to_string());
    let deciding = crossing.deciding.iter().take(3);
    let deciding: Vec<_> = deciding.map(|line| format!("{} {}", line.line, money(line.amount))).collect();
    vec![
        lines,
        orders(Some(crossing.orders_per_month)),
        orders(crossing.lowest),
        orders(crossing.highest),
        crossing.above.clone(),
        crossing.moved_by.unwrap_or("-").to_owned(),
        deciding.join(", "),
    ]
}
