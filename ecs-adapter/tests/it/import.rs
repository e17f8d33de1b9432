//! `shopease import` on the command line: what it creates, what it prints, what the shop shows afterwards.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::client::{Shop, get};

struct Desk {
    directory: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, bytes).expect("the file is written");
        path
    }

    fn import(&self, file: &Path, options: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_shopease"))
            .arg("import")
            .arg(file)
            .args(options)
            .env("SHOPEASE_DATA_DIR", self.data())
            .env("SHOPEASE_LOG", "warn")
            .output()
            .expect("the binary starts")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const TEE: &[u8] = b"Handle,Title,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price\n\
    tee,Tee,TEE-1,shopify,7,10.00\n";

#[test]
fn a_dry_run_creates_nothing_and_counts_as_the_real_run() {
    let desk = Desk::new();
    let file = desk.file("tee.csv", TEE);
    let dry = desk.import(&file, &["--dry-run"]);
    assert!(dry.status.success(), "{}", text(&dry.stderr));
    assert!(!desk.data().exists(), "a dry run created the data directory");
    let real = desk.import(&file, &[]);
    let lines = |output: &Output| {
        text(&output.stdout).lines().filter(|line| !line.starts_with("Dry run")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&dry), lines(&real));
    assert!(text(&real.stdout).contains("stock levels: 1 new"), "{}", text(&real.stdout));
    let again = desk.import(&file, &["--dry-run", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(
        (&report["unchanged"], &report["stock_initialized"], &report["replace"]),
        (&1.into(), &0.into(), &false.into())
    );
}

#[test]
fn an_invalid_file_is_rejected_before_anything_is_created_without_printing_its_bytes() {
    let desk = Desk::new();
    let workbook = desk.file("book.xlsx", b"PK\x03\x04\x14\x00\x06\x00\x1b[31mSECRET");
    let image: Vec<u8> = (0..=255).cycle().take(4000).collect();
    let image = desk.file("photo.csv", &image);
    for file in [&workbook, &image, &desk.file("empty.csv", b""), &desk.file("mails.csv", b"Name,Email\x1b[31m\nA,b\n")]
    {
        let output = desk.import(file, &[]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(!error.contains("SECRET") && !error.contains('\u{1b}') && !error.contains('\u{FFFD}'), "{error:?}");
        assert!(!desk.data().exists(), "{error}");
    }
    let error = text(&desk.import(&workbook, &[]).stderr);
    assert!(error.contains("save it as CSV"), "{error}");
}

#[test]
fn the_demo_is_not_added_to_a_merchants_own_products() {
    let desk = Desk::new();
    let no_type =
        desk.file("mine.csv", b"Handle,Title,Variant SKU,Variant Price,Status\nmy-own,Mine,MINE-1,10.00,active\n");
    let archived =
        desk.file("gone.csv", b"Handle,Title,Variant SKU,Variant Price,Status\nmy-own,Mine,MINE-1,10.00,archived\n");
    for (file, expected) in [(&no_type, 1), (&archived, 0)] {
        assert!(desk.import(file, &[]).status.success());
        let data = desk.data();
        let shop = Shop::start(&[("SHOPEASE_DATA_DIR", data.to_str().expect("a path"))]);
        let response = get(shop.port, "/api/v1/products?limit=100").expect("a response");
        let products: serde_json::Value = serde_json::from_str(&response.body).expect("JSON");
        assert_eq!(products["items"].as_array().map(Vec::len), Some(expected), "{}", response.body);
    }
}

#[test]
fn a_currency_without_a_shipping_price_is_reported_by_the_import_and_at_start() {
    let desk = Desk::new();
    let file = desk.file("tea.csv", b"Handle,Title,Variant SKU,Variant Price,Variant Grams\ntea,Tea,TEA-1,12000,100\n");
    let output = desk.import(&file, &["--currency", "KRW"]);
    let is_reported =
        |text: &str| text.contains("no shipping method has a price in KRW") && text.contains("/admin/settings");
    assert!(is_reported(&text(&output.stdout)), "{}", text(&output.stdout));
    let json = desk.import(&file, &["--currency", "KRW", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert!(report["warnings"][0].as_str().is_some_and(is_reported), "{report}");
    let euro = desk.import(&file, &["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&euro.stdout).expect("JSON");
    assert_eq!(report["warnings"], serde_json::json!([]));
    let log = tempfile::NamedTempFile::new().expect("a file");
    let errors = log.reopen().expect("the file");
    let out = errors.try_clone().expect("the file");
    let data = desk.data();
    let variables = [("SHOPEASE_CURRENCY", "KRW"), ("SHOPEASE_DATA_DIR", data.to_str().expect("a path"))];
    drop(Shop::start_with(&variables, Stdio::from(out), Stdio::from(errors)));
    let log = std::fs::read_to_string(log.path()).expect("the log");
    assert!(is_reported(&log), "{log}");
}
