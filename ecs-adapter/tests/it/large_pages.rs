//! The memory for many large pages at once.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::fmt::Write as _;
use std::process::Command;
use std::thread;

use crate::client::{Shop, get};

#[test]
fn memory_of_large_pages_is_returned() {
    let data = tempfile::tempdir().expect("a directory");
    let file = data.path().join("products.csv");
    let mut rows = "Handle,Title,Body (HTML),Variant Price,Variant Inventory Qty\n".to_owned();
    for number in 0..100 {
        let text = format!("number {number} of many ").repeat(18_000);
        writeln!(rows, "large-{number},Large {number},{text},10.00,1").expect("a String never refuses");
    }
    std::fs::write(&file, rows).expect("the file is written");
    let data_directory = data.path().join("data");
    let imported = Command::new(env!("CARGO_BIN_EXE_shopease"))
        .args(["import".as_ref(), file.as_os_str()])
        .env("SHOPEASE_DATA_DIR", &data_directory)
        .status();
    assert!(imported.expect("the binary starts").success());

    let shop = Shop::start(&[("SHOPEASE_DATA_DIR", data_directory.to_str().expect("UTF-8"))]);
    let page = |number| {
        let page = get(shop.port, &format!("/products/large-{number}")).expect("a response");
        assert_eq!(page.status, 200);
        assert!(page.body.len() > 300_000, "{} bytes", page.body.len());
    };
    page(0);
    let before = shop.resident_mb();
    thread::scope(|clients| {
        for client in 0..25 {
            clients.spawn(move || (0..4).for_each(|request| page(client * 4 + request)));
        }
    });
    println!("{before} MB before, {} MB after", shop.resident_mb());
    shop.assert_memory_returned(before);
}
