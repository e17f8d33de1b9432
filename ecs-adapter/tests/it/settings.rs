//! `shopease settings export` and `import`, as a pipeline uses them.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn shopease(data: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopease"));
    command.args(args).env("SHOPEASE_DATA_DIR", data).env("SHOPEASE_LOG", "warn").envs(variables.iter().copied());
    command.stdin(Stdio::null()).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn export(data: &Path) -> Value {
    let output = shopease(data, &["settings", "export"], &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn an_export_is_changed_and_imported() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, file) = (directory.path().join("data"), directory.path().join("settings.json"));
    let file_name = file.to_str().expect("a path");
    // The first settings come from the variables.
    let migrated = shopease(&data, &["migrate"], &[]);
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    let output = shopease(&data, &["settings", "export", file_name], &[("SHOPEASE_NAME", "Växlar")]);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", text(&output.stderr));
    let mut settings: Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
    assert_eq!(settings["shop"]["name"], "Växlar");

    settings["shop"]["name"] = json!("Kugghjul");
    settings["footer"]["links"] = json!([{"title": "News", "url": "https://example.com"}]);
    fs::write(&file, settings.to_string()).expect("written");
    let import = |args: &[&str]| {
        let args = [&["settings", "import", file_name], args].concat();
        shopease(&data, &args, &[("SHOPEASE_NAME", "Växlar")])
    };
    let dry = import(&["--dry-run"]);
    let shown = text(&dry.stdout);
    assert!(dry.status.success() && shown.contains("shop.name: \"Växlar\" -> \"Kugghjul\""), "{shown}");
    assert!(shown.contains("footer.links[0]: nothing -> {") && shown.ends_with("2 values would change.\n"), "{shown}");
    assert_eq!(export(&data)["shop"]["name"], "My shop", "nothing was stored");

    let imported = import(&[]);
    let shown = text(&imported.stdout);
    assert!(imported.status.success() && shown.contains("2 values changed. Version 2 is in force"), "{shown}");
    assert_eq!(export(&data), settings);
    let again = import(&[]);
    assert_eq!(text(&again.stdout), "No changes.\n");
}

#[test]
fn a_hyphen_is_standard_output_and_input_and_a_byte_order_mark_is_no_content() {
    let directory = tempfile::tempdir().expect("a directory");
    assert!(shopease(directory.path(), &["migrate"], &[]).status.success());
    let exported = shopease(directory.path(), &["settings", "export", "-"], &[]);
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    let changed = text(&exported.stdout).replace("\"My shop\"", "\"Kugghjul\"");
    assert!(!Path::new("-").exists());
    let mut import = Command::new(env!("CARGO_BIN_EXE_shopease"));
    import.args(["settings", "import", "-"]).env("SHOPEASE_DATA_DIR", directory.path()).env("SHOPEASE_LOG", "warn");
    let mut running =
        import.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut input = running.stdin.take().expect("its input");
    input.write_all(format!("\u{feff}{changed}").as_bytes()).expect("written");
    drop(input);
    let imported = running.wait_with_output().expect("ends");
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert_eq!(export(directory.path())["shop"]["name"], "Kugghjul");
}

#[test]
fn a_file_with_problems_changes_nothing_and_names_them_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, file) = (directory.path().join("data"), directory.path().join("settings.json"));
    assert!(shopease(&data, &["migrate"], &[]).status.success());
    let before = export(&data);
    let import = |content: &str| {
        fs::write(&file, content).expect("written");
        let output = shopease(&data, &["settings", "import", file.to_str().expect("a path")], &[]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{}", text(&output.stdout));
        text(&output.stderr)
    };
    let mut settings = before.clone();
    settings["shop"]["accent_color"] = json!("#ffffff");
    settings["shop"]["slogan"] = json!("x");
    settings["selling"]["countries"] = json!(["DE", "UK"]);
    settings["tax"]["rates"][2]["country"] = json!("XX");
    let errors = import(&settings.to_string());
    for path in [
        "shop.accent_color: Choose a darker",
        "shop.slogan: ",
        "selling.countries[1]: \"UK\" ",
        "tax.rates[2].country: \"XX\" ",
    ] {
        assert!(errors.contains(path), "{path} is not in {errors}");
    }
    assert!(errors.contains("has 4 problems; nothing was changed"), "{errors}");
    assert!(import("{").contains("is not JSON"));
    assert!(import("[]").contains("nothing was changed"));
    assert_eq!(export(&data), before);
}
