//! Whole-system tests: real processes, real stores, a real browser.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::postgres::Postgres;
use crate::test::Outcome;
use crate::tools::{
    cargo, cargo_lambda, chromium, command, execute, execute_logged, find_program, node_modules, output,
    python_programs, root, timed,
};
use crate::workspace;

/// Builds every binary. Examples have the dependencies of the tests, so with them the features are those of the tests, and nothing
/// is compiled twice.
///
/// # Errors
/// If they do not compile.
pub fn build() -> Result<std::path::PathBuf> {
    execute(cargo().args(["build", "--quiet", "--workspace", "--bins", "--examples"]))?;
    Ok(root().join("target/debug/shopease"))
}

/// The step `journeys`: `tests/browser/run.mjs` starts each deployment and runs shopping journeys in it.
///
/// # Errors
/// If a journey fails.
pub fn run() -> Result<Outcome> {
    if find_program("node", &[]).is_none() || find_program("npm", &[]).is_none() {
        return Ok(Outcome::Skipped("Node.js with npm is not installed".to_owned()));
    }
    let chromium = match chromium() {
        Ok(chromium) => chromium,
        Err(error) => return Ok(Outcome::Skipped(format!("no Chromium: {error:#}"))),
    };
    let cargo_lambda = cargo_lambda().context("cargo-lambda")?;
    node_modules()?;
    let shopease = build()?;
    let server = Postgres::start()?;
    let mut journeys = command("node");
    // `cargo lambda watch` takes what is built already.
    workspace::with_clippy(&mut journeys);
    journeys.arg(root().join("tests/browser/run.mjs"));
    journeys.env("SHOPEASE_BINARY", shopease).env("SHOPEASE_TEST_DATABASE_URL", server.url());
    journeys.env("CHROMIUM", chromium).env("CARGO_LAMBDA", cargo_lambda);
    execute_logged("journeys", &mut journeys)?;
    Ok(Outcome::Passed)
}

/// Compares the running API with its description, the newest release.
const SCHEMATHESIS: [&str; 1] = ["schemathesis==4.32.5"];

/// The step `api`: `tests/api/run.py` starts a shop, and sends it what its OpenAPI document allows and forbids.
///
/// # Errors
/// If the shop does not keep to the document.
pub fn api() -> Result<Outcome> {
    if find_program("python3", &[]).is_none() || find_program("curl", &[]).is_none() {
        return Ok(Outcome::Skipped("python3 or curl is not installed".to_owned()));
    }
    let python = timed("schemathesis", || python_programs("api", &SCHEMATHESIS))?.join("python");
    let shopease = build()?;
    execute_logged("api", command(python).arg(root().join("tests/api/run.py")).env("SHOPEASE_BINARY", shopease))?;
    Ok(Outcome::Passed)
}

/// Number of products in the step `import`, and its time limit in seconds.
const PRODUCTS: usize = 10_000;
const SECONDS: u64 = 30;

/// The step `import`: ten thousand products through the command line into PostgreSQL, twice.
///
/// # Errors
/// If it takes too long, or the second run changes anything.
pub fn large_import() -> Result<Outcome> {
    let shopease = build()?;
    let server = Postgres::durable()?;
    let file = root().join("target/xtask/large.csv");
    std::fs::create_dir_all(root().join("target/xtask"))?;
    std::fs::write(&file, large_catalog()?)?;
    let shopease = || {
        let mut shopease = command(&shopease);
        shopease.env("SHOPEASE_STORE", "postgres").env("SHOPEASE_DATABASE_URL", server.url());
        shopease
    };
    execute(shopease().arg("migrate"))?;
    for (run, expected) in [("first", "created"), ("second", "unchanged")] {
        let begun = Instant::now();
        let report = output(shopease().args(["import", "--json"]).arg(&file))?;
        let seconds = begun.elapsed().as_secs_f64();
        let report: serde_json::Value = serde_json::from_str(&report)?;
        println!("{run} run: {seconds:.1} s, {} products {expected}", report[expected]);
        ensure!(report[expected] == PRODUCTS, "the {run} run reports {report}");
        if begun.elapsed().as_secs() >= SECONDS {
            bail!("the {run} run took {seconds:.1} s, the limit is {SECONDS} s");
        }
    }
    Ok(Outcome::Passed)
}

/// A product export with [`PRODUCTS`] products of two variants each.
fn large_catalog() -> Result<String> {
    const COLOURS: [&str; 8] = ["Red", "Blue", "Green", "Black", "White", "Grey", "Teal", "Gold"];
    const THINGS: [&str; 10] = ["Shirt", "Mug", "Lamp", "Chair", "Desk", "Bag", "Shoe", "Hat", "Watch", "Kettle"];
    let mut csv = String::from(
        "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,\
         Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Image Src,Status\n",
    );
    for number in 0..PRODUCTS {
        let (color, thing) = (COLOURS[number % COLOURS.len()], THINGS[number / COLOURS.len() % THINGS.len()]);
        let price = 500 + number * 37 % 20_000;
        writeln!(
            csv,
            "p-{number},{color} {thing} model {number},\"<p>A {color} {thing} for every day, number {number}.</p>\",Maker {},{thing},\
             \"{color}, daily\",true,Size,Small,P{number}-S,250,shopify,25,deny,{}.{:02},https://img.example/{number}.jpg,active",
            number % 40,
            price / 100,
            price % 100
        )?;
        writeln!(
            csv,
            "p-{number},,,,,,,,Large,P{number}-L,400,shopify,25,deny,{}.{:02},,",
            price / 100 + 5,
            price % 100
        )?;
    }
    Ok(csv)
}
