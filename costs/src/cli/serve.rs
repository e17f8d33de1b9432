//! `costs serve`: the report with inputs that can be moved.

use clap::Args;

use super::report::Pair;
use super::{Book, Shop};
use crate::live::{Base, serve};

/// What to start from, and where to listen.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    shop: Shop,
    #[command(flatten)]
    pair: Pair,
    /// Port on the loopback interface; 0 takes a free one.
    #[arg(long, default_value_t = 8090)]
    port: u16,
    #[command(flatten)]
    book: Book,
}

/// Serves until it is stopped.
///
/// # Errors
/// When a file cannot be read, or the port is taken.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (book, shop) = (arguments.book.open()?, arguments.shop.open()?);
    let (pair, seed) = (arguments.pair.deployments()?, arguments.pair.seed);
    let base = Base { profile: shop.profile, measured: shop.measured, book, pair, seed };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(base, arguments.port))
}
