//! Published examples, handed over as they stand in the folder beside the project. Skips where there is none.

use costs::evaluate::evaluate;
use costs::price_book::PriceBook;
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};

/// Where the example calls a total otherwise than the answer: example, its name, the name in the answer.
const NAMES: [(&str, &str, &str); 12] = [
    ("aurora-slv2", "five_acu", "acu_charge"),
    ("aurora-slv2", "half_acu", "min_acu_charge"),
    ("path-A4-fargate-endpoints", "endpoints", "interface_endpoints"),
    ("path-B1-lambda-proxy", "lambda_after_free", "lambda"),
    ("path-A2-fargate-alb", "ipv4", "fargate_ipv4"),
    // Here rds is the instance alone, in its neighbour the instance with its storage.
    ("path-eu-west-1-normalised", "rds", "rds_instance"),
    ("path-eu-west-1-normalised", "gp3", "rds_storage"),
    ("orders-per-million-events", "wru", "dynamodb_writes"),
    ("orders-per-million-events", "logs", "cloudwatch"),
    ("orders-per-million-events", "lambda_requests", "lambda_request_charge"),
    ("derived-breakeven-httpapi-vs-alb-floor", "alb_floor", "fixed_month"),
    ("simfaas-readme", "mean_lifespan_s", "mean_lifespan_s"),
];

/// Figures that do not follow from what the example states.
const NOT_STATED: [(&str, &[&str], &str); 5] = [
    ("dynamodb-aws-on-demand-bill", &["cdc", "export", "dax", "streams", "total"], "no usage of these four is given"),
    (
        "path-A2-fargate-alb",
        &["shared", "fargate", "alb", "total"],
        "neither the task's size, LCUs, S3 nor ECR are given",
    ),
    ("path-A3-fargate-nat", &["total"], "neither the task's size, Cloud Map, S3 nor ECR are given"),
    ("path-A4-fargate-endpoints", &["total"], "neither the task's size, Cloud Map, S3 nor ECR are given"),
    ("path-B1-lambda-proxy", &["total"], "S3 and ECR (0.03) are not given"),
];

/// Simulated by others with other random numbers; the shares are those that the examples' notes allow.
const RANDOM: [(&str, Decimal); 6] = [
    ("p_cold", dec!(0.1)),
    ("mean_lifespan_s", dec!(0.1)),
    ("servers", dec!(0.02)),
    ("idle", dec!(0.03)),
    ("running", dec!(0.01)),
    ("requests", dec!(0.01)),
];

#[test]
fn raw_examples_are_accepted_and_right() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/prices/worked-examples.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped: there is no ../shared/prices/worked-examples.json");
        return;
    };
    let book = PriceBook::built_in().unwrap();
    let examples: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut all, mut right, mut failures) = (0, 0, Vec::new());
    for example in examples.iter().filter(|example| example["kind"] != "do-not-copy") {
        all += 1;
        let request = json!({"service": example["service"], "region": example["region"], "usage": example["inputs"], "prices": example["assumed_prices"]});
        // The object as a whole means the same as its parts.
        let answers = [evaluate(&request, &book), evaluate(example, &book)].map(|answer| answer.map(|one| one.totals));
        let [Ok(totals), Ok(whole)] = answers else {
            failures.push(format!("{}: {answers:?}", example["id"]));
            continue;
        };
        assert_eq!(totals, whole, "{}", example["id"]);
        let wrong = wrong_figures(example, &totals);
        right += usize::from(wrong.is_empty() && NOT_STATED.iter().all(|(id, ..)| example["id"] != *id));
        failures.extend(wrong);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(all >= 79 && right >= all - NOT_STATED.len(), "{right} of {all} are right");
}

fn wrong_figures(example: &Value, totals: &std::collections::BTreeMap<String, Decimal>) -> Vec<String> {
    let id = example["id"].as_str().unwrap();
    let decimal = |value: &Value| costs::number::from_json(value);
    let expected = example["expected"].as_object().unwrap();
    let nested = expected.values().filter_map(Value::as_object).flatten();
    let open = NOT_STATED.iter().find(|(of, ..)| *of == id).map_or(&[][..], |(_, names, _)| names);
    let mut wrong = Vec::new();
    for (name, figure) in expected.iter().filter(|(_, figure)| !figure.is_object()).chain(nested) {
        let random = RANDOM.iter().find(|(of, _)| of == name).filter(|_| example["service"] == "simfaas");
        let Some(figure) =
            decimal(figure).filter(|_| !open.contains(&name.as_str()) && name != "p_cold_sd" && name != "cold")
        else {
            continue;
        };
        let tolerance = decimal(&example["tolerance_usd"]).unwrap();
        let tolerance = random.map_or(tolerance, |(_, share)| tolerance.max(figure * share));
        let called =
            NAMES.iter().find(|(of, said, _)| *of == id && said == name).map_or(name.as_str(), |(.., total)| total);
        if totals.get(called).is_none_or(|total| (total - figure).abs() > tolerance) {
            wrong.push(format!("{id}: {name} is {:?}, not {figure}", totals.get(called)));
        }
    }
    wrong
}
