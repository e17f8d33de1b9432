//! Terraform's files as the bill reads them.

use costs::terraform::{ENVIRONMENTS, LogDestination, PaymentProvider, Stack};
use rust_decimal::dec;

#[test]
fn environments_are_the_files_of_the_stack() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/stack/envs");
    let mut files: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".tfvars")?.to_owned()))
        .collect();
    files.sort();
    let mut names = ENVIRONMENTS.map(|(name, _)| name);
    names.sort_unstable();
    assert_eq!(files, names);
    for (name, _) in ENVIRONMENTS {
        assert_eq!(Stack::of(name).unwrap().environment.name, name);
    }
}

#[test]
fn values_come_from_the_file_then_from_the_defaults() {
    let dev = Stack::of("dev").unwrap();
    assert_eq!((dev.lambda_weight, dev.http_api, dev.payment_provider), (dec!(50), true, PaymentProvider::Fake));
    assert_eq!(dev.log_destination, LogDestination::Cloudwatch);
    // Of `optional(number, 20)`, of a variable's default, and of modules.
    assert_eq!((dev.environment.database.storage_gb, dev.environment.frontend.max), (dec!(20), dec!(1)));
    assert_eq!((dev.egress.nat_gateways, &*dev.region), (dec!(1), "eu-west-1"));
    assert_eq!((dev.modules.zones, dev.modules.web_acl_rules, dev.modules.cpu_percent), (dec!(2), 4, dec!(60)));
    let memory = |function: &str| dev.modules.function_memory_mb[function].0;
    assert_eq!((memory("checkout"), memory("cart")), (dec!(512), dec!(256)));
    assert_eq!(dev.modules.payments.map(|size| size.0), [dec!(256), dec!(512)]);
    let prod = Stack::of("prod").unwrap();
    assert_eq!((prod.egress.nat_gateways, prod.environment.firewall), (dec!(2), true));
}

#[test]
fn what_terraform_would_reject_is_named() {
    let (_, dev) = ENVIRONMENTS[0];
    let replaced = |from: &str, to: &str| {
        assert!(dev.contains(from), "dev.tfvars has no {from}");
        format!("{:#}", Stack::read(&dev.replacen(from, to, 1)).unwrap_err())
    };
    for (from, to, parts) in [
        ("\"cloudwatch\"", "\"splunk\"", &["log_destination", "splunk", "datadog"][..]),
        ("http_api ", "htp_api ", &["htp_api", "did you mean \"http_api\""]),
        ("class =", "clas =", &["environment.database", "clas", "did you mean \"class\""]),
        ("desired = 1", "desired = \"one\"", &["environment.frontend.desired", "\"one\"", "number"]),
        (", desired = 1", "", &["environment.frontend.desired is missing"]),
        ("environment = {", "surroundings = {", &["surroundings"]),
        ("lambda_weight ", "lambda_weight = = ", &["3"]),
    ] {
        let error = replaced(from, to);
        assert!(parts.iter().all(|part| error.contains(part)), "{from} as {to}: {error}");
    }
    let error = format!("{:#}", Stack::of("qa").unwrap_err());
    assert!(error.contains("\"qa\"") && error.contains("dev, perf, staging, canary, prod"), "{error}");
}
