//! `shopease person export` and `erase`, as an operator uses them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::client::{Shop, post};

fn shopease(data: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopease"));
    command.args(args).env("SHOPEASE_DATA_DIR", data).env("SHOPEASE_LOG", "warn").stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

#[test]
fn an_account_is_exported_and_erased() {
    let data = tempfile::tempdir().expect("a directory");
    let (data, ada) = (data.path(), "ada@example.com");
    {
        let shop = Shop::start(&[("SHOPEASE_DATA_DIR", data.to_str().expect("a path"))]);
        let account = format!(r#"{{"email": "{ada}", "name": "Ada Lovelace", "password": "correct horse battery"}}"#);
        assert_eq!(post(shop.port, "/api/v1/accounts", "", &account).expect("a response").status, 201);
    }
    let export = || {
        let (code, text) = shopease(data, &["person", "export", ada]);
        assert_eq!(code, Some(0), "{text}");
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let found = export();
    assert_eq!((&found["accounts"][0]["customer"]["name"], &found["email"]), (&"Ada Lovelace".into(), &ada.into()));
    assert!(!found.to_string().contains("argon2"), "{found}");

    let (code, text) = shopease(data, &["person", "erase", ada]);
    assert!(code == Some(0) && text.contains("Accounts: 1.") && text.contains("Nothing was erased"), "{text}");
    assert_eq!(export()["accounts"], found["accounts"]);
    let (code, text) = shopease(data, &["person", "erase", ada, "--yes", "--json"]);
    let erased: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &erased["accounts"]), (Some(0), &1.into()), "{text}");
    let left = export();
    assert_eq!((&left["accounts"], &left["messages"]), (&Value::Array(vec![]), &Value::Array(vec![])), "{left}");

    let (code, text) = shopease(data, &["person", "erase", "operator@shopease.test", "--yes"]);
    assert!(code == Some(1) && text.contains("Not erased: the account of an operator."), "{text}");
    let (code, text) = shopease(data, &["person", "export", "ada at example"]);
    assert!(code == Some(2) && text.contains("not an email address"), "{text}");
}
