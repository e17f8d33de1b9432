//! `costs evaluate`.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::Book;
use crate::evaluate::{evaluate_text, service_names};
use crate::services::{self, Kind};

/// The request.
#[derive(Debug, Args)]
pub struct Arguments {
    /// File with the request; standard input when it is - or not given.
    request: Option<PathBuf>,
    /// List the usage fields, prices and totals of a service, or of every service with "all".
    #[arg(long, value_name = "SERVICE", conflicts_with = "request")]
    fields: Option<String>,
    #[command(flatten)]
    book: Book,
}

/// Answers the request with JSON.
///
/// # Errors
/// When it cannot be read or answered.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(service) = &arguments.fields {
        return list(service);
    }
    let mut text = String::new();
    match arguments.request.as_deref().filter(|path| path.as_os_str() != "-") {
        Some(path) => text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
        None => {
            std::io::stdin().read_to_string(&mut text).context("standard input")?;
        }
    }
    let evaluation = evaluate_text(&text, &arguments.book.open()?)?;
    println!("{}", serde_json::to_string_pretty(&evaluation)?);
    Ok(())
}

fn list(name: &str) -> anyhow::Result<()> {
    let all = name == "all";
    let found = services::find(name);
    anyhow::ensure!(all || found.is_some(), "there is no service {name:?} (known: {})", service_names().join(", "));
    for service in services::SERVICES.iter().filter(|service| all || found.is_some_and(|one| one.name == service.name))
    {
        println!("{}: {} (also: {})", service.name, service.about, service.also.join(", "));
        for field in service.fields {
            let kind = match field.kind {
                Kind::Number => "number",
                Kind::Flag => "true or false",
                Kind::Choice(_) | Kind::Text => "text",
            };
            println!("  usage  {:28} {kind:14} {}", field.name, field.about);
            if !field.also.is_empty() {
                println!("         {:28} also: {}", "", field.also.join(", "));
            }
        }
        for key in service.prices {
            println!("  price  {:28} per {}; also: {}", key.name, key.unit, key.also.join(", "));
        }
        println!("  totals total, {}\n", service.totals.join(", "));
    }
    Ok(())
}
