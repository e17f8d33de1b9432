//! Terraform's files as the bill reads them.

use costs::deployment::{Deployment, Inputs, estimate};
use costs::measured::Measured;
use costs::price_book::PriceBook;
use costs::profile::Profile;
use costs::terraform::{ENVIRONMENTS, LogDestination, PaymentProvider, Stack};
use rust_decimal::{Decimal, dec};

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
    let memory = |function: &str| dev.modules.function_memory_mb[function];
    assert_eq!((memory("checkout"), memory("cart")), (dec!(512), dec!(256)));
    assert_eq!(dev.modules.payments, [dec!(256), dec!(512)]);
    let prod = Stack::of("prod").unwrap();
    assert_eq!((prod.egress.nat_gateways, prod.environment.web_acl), (dec!(2), true));
}

#[test]
fn what_terraform_would_reject_is_named() {
    let (_, dev) = ENVIRONMENTS[0];
    let line = dev.lines().take_while(|line| !line.starts_with("lambda_weight")).count() + 1;
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
        ("lambda_weight ", "lambda_weight = = ", &[&format!("line {line}")]),
    ] {
        let error = replaced(from, to);
        assert!(parts.iter().all(|part| error.contains(part)), "{from} as {to}: {error}");
    }
    let error = format!("{:#}", Stack::of("qa").unwrap_err());
    assert!(error.contains("\"qa\"") && error.contains("dev, perf, staging, canary, prod"), "{error}");
    let profile = r#"{"name": "a", "orders_per_month": 1, "journeys_per_order": {}, "environments": {"qa": {}}}"#;
    let error = Profile::read(profile).unwrap_err().to_string();
    assert!(error.contains("\"qa\"") && error.contains("dev, perf, staging, canary, prod"), "{error}");
}

/// USD a month of what is deployed for a tfvars file of prod.
fn bill(tfvars: &str) -> Result<Decimal, String> {
    let (measured, book) = (Measured::built_in(), PriceBook::built_in());
    let mut profile = Profile::example("small-shop").unwrap();
    profile.environments.retain(|environment| environment.name == "prod");
    profile.replace(tfvars).map_err(|error| format!("{error:#}"))?;
    let bill = estimate(Deployment::DEPLOYED, Inputs { profile: &profile, measured: &measured, book: &book });
    bill.map(|bill| bill.total).map_err(|error| format!("{error:#}"))
}

#[test]
fn every_size_and_switch_is_on_the_bill() {
    let (_, prod) = ENVIRONMENTS[4];
    let deployed = bill(prod).unwrap();
    for (from, to) in [
        ("web_acl                 = true", "web_acl = false"),
        ("nat_gateways = 2", "nat_gateways = 1"),
        ("multi_az = true", "multi_az = false"),
        ("db.m7g.large", "db.t4g.small"),
        ("storage_gb = 100", "storage_gb = 50"),
        ("cpu = 1024, memory_mb = 2048, desired = 2, min = 2", "cpu = 512, memory_mb = 1024, desired = 2, min = 2"),
        ("desired = 2, min = 2", "desired = 2, min = 1"),
        ("log_retention_days      = 90", "log_retention_days = 7"),
    ] {
        assert!(prod.contains(from), "prod.tfvars has no {from}");
        let smaller = bill(&prod.replacen(from, to, 1)).unwrap();
        assert!(smaller < deployed, "{to}: {smaller}, as deployed {deployed}");
    }
    let endpoints = "nat_gateways = 2, interface_endpoints = [\"logs\", \"ssm\"]";
    assert!(bill(&prod.replacen("nat_gateways = 2", endpoints, 1)).unwrap() > deployed);
    assert!(bill(&format!("{prod}\nlambda_weight = 100")).unwrap() > deployed, "tasks stand beside functions");
}

#[test]
fn what_has_no_price_or_no_size_is_an_error() {
    let (_, prod) = ENVIRONMENTS[4];
    for (from, to, part) in [
        ("db.m7g.large", "db.z9.large", "db.z9.large"),
        ("memory_mb = 1024", "memory_mb = 900", "0.5 vCPU"),
        ("\"prod\"", "\"qa\"", "no environment \"qa\""),
    ] {
        let error = bill(&prod.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(part), "{to}: {error}");
    }
}
