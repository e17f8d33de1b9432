//! `shopease export` on the command line: what goes to standard output, and that it can be imported again.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn shopease(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopease"));
    command.args(args).env("SHOPEASE_DATA_DIR", data).env("SHOPEASE_LOG", "warn");
    command
}

fn run(data: &Path, args: &[&str]) -> Output {
    let output = shopease(data, args).output().expect("the binary starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn the_products_of_one_shop_are_imported_into_another() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, other) = (directory.path().join("one"), directory.path().join("other"));
    run(&one, &["migrate", "--demo"]);
    let products = run(&one, &["export", "products"]);
    assert!(products.stderr.is_empty(), "{}", String::from_utf8_lossy(&products.stderr));
    let file = directory.path().join("products.csv");
    std::fs::write(&file, &products.stdout).expect("written");
    run(&other, &["import", file.to_str().expect("a path"), "--strict"]);
    assert_eq!(products.stdout, run(&other, &["export", "products"]).stdout);

    let lines = run(&one, &["export", "products", "--json"]).stdout;
    let lines: Vec<Value> =
        lines.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).expect("JSON")).collect();
    let mut rows = csv::Reader::from_reader(&products.stdout[..]);
    let titled = rows.records().filter(|row| !row.as_ref().expect("a row")[1].is_empty()).count();
    assert_eq!(lines.len(), titled);
    let handles: Vec<&str> = lines.iter().filter_map(|line| line["handle"].as_str()).collect();
    assert!(lines.len() > 5 && handles.is_sorted(), "{handles:?}");
}

#[test]
fn a_reader_may_stop_reading() {
    let directory = tempfile::tempdir().expect("a directory");
    run(directory.path(), &["migrate", "--demo"]);
    for args in [&["export", "products"][..], &["export", "products", "--json"]] {
        let mut command = shopease(directory.path(), args);
        let mut running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        drop(running.stdout.take());
        let ended = running.wait_with_output().expect("ends");
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*errors), (Some(128 + 13), ""), "{args:?}");
    }
}
