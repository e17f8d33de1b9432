//! `costs report`: both bills on one page.

use std::path::PathBuf;

use clap::Args;

use super::{Book, Shop};
use crate::deployment::{Deployment, Path};
use crate::report::build::{PAIR, report};
use crate::report::page;

/// What to compare, and where to write it.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    shop: Shop,
    #[command(flatten)]
    pair: Pair,
    /// The file to write.
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    #[command(flatten)]
    book: Book,
}

/// The two deployments that are compared.
#[derive(Debug, Args)]
pub(super) struct Pair {
    /// The deployment on Fargate.
    #[arg(long, value_name = "DEPLOYMENT", default_value_t = PAIR[0].name(), value_parser = of_path(Path::Fargate))]
    fargate: String,
    /// The deployment on Lambda.
    #[arg(long, value_name = "DEPLOYMENT", default_value_t = PAIR[1].name(), value_parser = of_path(Path::Lambda))]
    lambda: String,
    /// Seed of the simulation.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

/// Accepts the name of a deployment on this path.
fn of_path(path: Path) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |name| match name.parse::<Deployment>()? {
        deployment if deployment.path == path => Ok(name.to_owned()),
        _ => Err("it is on the other path".to_owned()),
    }
}

impl Pair {
    pub(super) fn deployments(&self) -> anyhow::Result<[Deployment; 2]> {
        let read = |name: &String| name.parse::<Deployment>().map_err(anyhow::Error::msg);
        Ok([read(&self.fargate)?, read(&self.lambda)?])
    }
}

/// Writes the page.
///
/// # Errors
/// When a file cannot be read or written, or a price is missing.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (book, shop) = (arguments.book.open()?, arguments.shop.open()?);
    let report = report(arguments.pair.deployments()?, shop.inputs(&book), arguments.pair.seed)?;
    let path = &arguments.output;
    super::write(path, &page(&report, None)?)?;
    println!("{}\n{}", report.verdict, path.display());
    Ok(())
}
