//! `costs report`: both bills on one page; `costs serve`: the same with inputs that can be moved.

use std::path::PathBuf;

use clap::Args;

use super::{Book, Shop, write};
use crate::deployment::{Deployment, Path};
use crate::live::{Base, serve};
use crate::report::{PAIR, page, report};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    compared: Compared,
    /// The file to write.
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
}

#[derive(Debug, Args)]
pub struct ServeArguments {
    #[command(flatten)]
    compared: Compared,
    /// Port on the loopback interface; 0 takes a free one.
    #[arg(long, default_value_t = 8090)]
    port: u16,
}

#[derive(Debug, Args)]
struct Compared {
    #[command(flatten)]
    shop: Shop,
    /// The deployment on Fargate.
    #[arg(long, value_name = "DEPLOYMENT", default_value_t = PAIR[0].name(), value_parser = of_path(Path::Fargate))]
    fargate: String,
    /// The deployment on Lambda.
    #[arg(long, value_name = "DEPLOYMENT", default_value_t = PAIR[1].name(), value_parser = of_path(Path::Lambda))]
    lambda: String,
    /// Seed of the simulation.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    book: Book,
}

/// Accepts the name of a deployment on this path.
fn of_path(path: Path) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |name| Deployment::on(path, name).map(|_| name.to_owned())
}

impl Compared {
    fn open(&self) -> anyhow::Result<Base> {
        let shop = self.shop.open()?;
        let pair = [Deployment::on(Path::Fargate, &self.fargate), Deployment::on(Path::Lambda, &self.lambda)];
        let [fargate, lambda] = pair.map(|one| one.map_err(anyhow::Error::msg));
        let pair = [fargate?, lambda?];
        Ok(Base { profile: shop.profile, measured: shop.measured, book: self.book.open()?, pair, seed: self.seed })
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let base = arguments.compared.open()?;
    let report = report(base.pair, base.inputs(&base.profile), base.seed)?;
    let path = &arguments.output;
    write(path, &page(&report, None)?)?;
    println!("{}\n{}", report.verdict, path.display());
    Ok(())
}

pub fn run_server(arguments: &ServeArguments) -> anyhow::Result<()> {
    let base = arguments.compared.open()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(base, arguments.port))
}
