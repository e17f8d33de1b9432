use super::*;

const ENVIRONMENTS: [&str; 5] = ["dev", "perf", "staging", "canary", "prod"];

/// Facts of the templates, of which `from` was replaced by `to`.
fn sam(from: &str, to: &str) -> Facts {
    let mut facts = Facts::new();
    let mut found = from.is_empty();
    for path in ["sam/template.yaml", "sam/load-balancer.yaml"] {
        let text = std::fs::read_to_string(root().join(path)).expect("a template");
        found |= text.contains(from);
        let text = if from.is_empty() { text } else { text.replacen(from, to, 1) };
        let parameters = template::parameters_of("dev").expect("parameters");
        facts.extend(settings::of_template(&template::evaluate(&text, &parameters).expect("a template")));
    }
    assert!(found, "the templates have no {from:?}");
    facts
}

#[test]
fn a_broken_value_of_each_kind_is_told() {
    let broken = [
        (
            "MemorySize: 256",
            "MemorySize: 128",
            "function shopease-dev-storefront: memory: \"256\" in Terraform, \"128\" in SAM",
        ),
        ("Timeout: 15", "Timeout: 16", "function shopease-dev-storefront: timeout"),
        ("[arm64]", "[x86_64]", "function shopease-dev-cart: architecture: \"arm64\" in Terraform, \"x86_64\" in SAM"),
        (
            "FunctionName: !Sub \"shopease-${Environment}-cart\"",
            "FunctionName: cart",
            "function shopease-dev-cart: exists",
        ),
        ("SHOPEASE_METRICS: emf", "SHOPEASE_METRICS: none", "function shopease-dev-cart: variable SHOPEASE_METRICS"),
        (
            "        DD_ENV: !Ref Environment\n",
            "",
            "function shopease-dev-cart: variable DD_ENV: \"dev\" in Terraform, not there in SAM",
        ),
        ("\"dynamodb:BatchGetItem\"", "\"dynamodb:Scan\"", "function shopease-dev-storefront: may dynamodb:Scan"),
        ("\"CART#*\"", "\"*\"", "if dynamodb:LeadingKeys * or"),
        (
            "\"logs:PutLogEvents\"]\n                Resource: !Sub \"arn:",
            "\"logs:PutLogEvents\"]\n                Resource: !Sub \"*arn:",
            "may logs:PutLogEvents on *arn:",
        ),
        ("Principal: { Service: lambda.", "Principal: { Service: ec2.", "by {\"Service\":\"ec2.amazonaws.com\"}"),
        (
            "Threshold: 0\n",
            "Threshold: 5\n",
            "alarm shopease-dev-storefront-errors: threshold: \"0\" in Terraform, \"5\" in SAM",
        ),
        ("-table-read-throttles", "-table-reads", "alarm shopease-dev-table-read-throttles: exists"),
        ("RouteKey: \"ANY /cart\"", "RouteKey: \"ANY /basket\"", "route ANY /cart: exists"),
        (
            "integrations/${CartIntegration}",
            "integrations/${CatalogIntegration}",
            "shopease-dev-cart:live\" in Terraform, \"integrations/shopease-dev-catalog:live\" in SAM",
        ),
        ("TableName: !Sub \"shopease-${Environment}\"", "TableName: shop", "table shopease-dev: exists"),
        (
            "{ AttributeName: sk, KeyType: RANGE }",
            "{ AttributeName: pk, KeyType: RANGE }",
            "table shopease-dev: sort key: \"sk\" in Terraform, \"pk\" in SAM",
        ),
        ("AttributeName: expires_at", "AttributeName: expires", "table shopease-dev: TTL of"),
        (
            "PointInTimeRecoveryEnabled: true",
            "PointInTimeRecoveryEnabled: false",
            "table shopease-dev: point-in-time recovery",
        ),
        ("rate(1 minute)", "rate(5 minutes)", "schedule shopease-dev-worker: when"),
        (
            "MaximumRetryAttempts: 0\n      MaximumEventAge",
            "MaximumRetryAttempts: 2\n      MaximumEventAge",
            "events of shopease-dev-worker: retries",
        ),
        ("RetentionInDays: !Ref LogRetentionDays", "RetentionInDays: 1", "log /aws/apigateway/shopease-dev: days"),
        ("\"bytes\":\"$context.responseLength\",", "", "stage $default: log has bytes"),
        (
            "lambda.multi_value_headers.enabled, Value: \"true\"",
            "lambda.multi_value_headers.enabled, Value: \"false\"",
            "multi-value headers",
        ),
        ("${Api}/*/*", "${Api}/*", "permission of apigateway.amazonaws.com to shopease-dev-storefront:live: source"),
    ];
    let whole = sam("", "");
    for (from, to, line) in broken {
        let problems = differences(&whole, &sam(from, to), &[]);
        assert!(problems.iter().any(|problem| problem.contains(line)), "{from:?} broken: {problems:#?}");
    }
    assert!(differences(&whole, &whole, &[]).is_empty());
}

#[test]
fn what_is_meant_is_not_told_and_what_is_meant_for_nothing_is() {
    let (ours, theirs) = (Facts::from([("table a: key".into(), "arn".into())]), Facts::new());
    let meant = |subject| Meant { subject, setting: ": key", because: "a reason" };
    assert!(differences(&ours, &theirs, &[meant("table ")]).is_empty());
    let problems = differences(&ours, &theirs, &[meant("log ")]);
    assert_eq!(
        problems,
        [
            "  table a: key: \"arn\" in Terraform, not there in SAM",
            "  said to differ and does not: log : key (a reason)"
        ]
    );
}

#[test]
fn environments_have_the_same_sizes() {
    let pairs = [("log_retention_days", "LogRetentionDays"), ("api_requests_per_second", "ApiRequestsPerSecond")];
    for environment in ENVIRONMENTS {
        let parameters = template::parameters_of(environment).expect("parameters");
        let file = root().join(format!("terraform/stack/envs/{environment}.tfvars"));
        let variables = std::fs::read_to_string(file).expect("variables");
        let value = |name: &str| {
            let lines = variables.lines().filter_map(|line| line.split_once('='));
            lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        for (terraform, sam) in pairs {
            assert_eq!(value(terraform), parameters.get(sam).map(String::as_str), "{environment}: {terraform}");
        }
        // The template protects its table in prod only.
        assert_eq!(value("protected") == Some("true"), environment == "prod", "{environment}: protected");
    }
}
