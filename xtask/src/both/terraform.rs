//! What Terraform made: the JSON of `terraform show -json`.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::settings::{self, KINDS};
use super::{Facts, rights, text};

/// A state, as far as it is compared, and what the template must be told.
pub(super) struct Deployed {
    pub(super) facts: Facts,
    pub(super) key_arn: String,
    pub(super) topic_arn: String,
}

/// Reads a state.
///
/// # Errors
/// When this is no state, or one without functions' key and topic.
pub(super) fn read(state: &str) -> Result<Deployed> {
    let mut resources = resources(state)?;
    let find = |kind: &str, key: &str| {
        let mut found = resources.iter().filter(|(found, _)| found == kind);
        found.find_map(|(_, values)| text(&values[key])).with_context(|| format!("the state has no {kind}"))
    };
    let (key_arn, topic_arn) = (find("aws_kms_key", "arn")?, find("aws_sns_topic", "arn")?);
    // What AWS numbers is called by its name, as in the template.
    let mut names = Vec::new();
    for (kind, values) in &resources {
        match kind.as_str() {
            "aws_apigatewayv2_api" => names.extend(text(&values["id"]).zip(text(&values["name"]))),
            "aws_apigatewayv2_integration" => names.extend(text(&values["id"]).zip(text(&values["integration_uri"]))),
            _ => {}
        }
    }
    let mut facts = Facts::new();
    for (kind, values) in &mut resources {
        for (id, name) in &names {
            *values = serde_json::from_str(&values.to_string().replace(id.as_str(), name))?;
        }
        facts.extend(of_resource(kind, values)?);
    }
    Ok(Deployed { facts, key_arn, topic_arn })
}

/// Every resource with its type, of all modules.
fn resources(state: &str) -> Result<Vec<(String, Value)>> {
    let state: Value = serde_json::from_str(state).context("Terraform's state")?;
    let mut modules = vec![state.pointer("/values/root_module").context("the state is empty")?];
    let mut found = Vec::new();
    while let Some(module) = modules.pop() {
        let of = |key: &str| module.get(key).and_then(Value::as_array).into_iter().flatten();
        for resource in of("resources").filter(|resource| resource["mode"] == "managed") {
            found.push((resource["type"].as_str().unwrap_or_default().to_owned(), resource["values"].clone()));
        }
        modules.extend(of("child_modules"));
    }
    Ok(found)
}

fn of_resource(kind: &str, values: &mut Value) -> Result<Facts> {
    settings::entries_to_maps(values);
    let mut facts = Facts::new();
    match kind {
        "aws_lambda_function" if values["reserved_concurrent_executions"] == -1 => {
            values["reserved_concurrent_executions"] = Value::Null;
        }
        "aws_cloudwatch_metric_alarm" => {
            settings::all_minutes_unless_said(values, "evaluation_periods", "datapoints_to_alarm");
        }
        "aws_lambda_permission" => {
            let of = |key: &str| values[key].as_str().unwrap_or_default();
            values["function_name"] = Value::String(format!("{}:{}", of("function_name"), of("qualifier")));
            settings::caller(values, "principal", "function_name");
        }
        "aws_cloudwatch_event_target" => facts.extend(settings::schedule(
            values.pointer("/rule"),
            ["arn", "retry_policy/0/maximum_event_age_in_seconds", "retry_policy/0/maximum_retry_attempts"]
                .map(|at| values.pointer(&format!("/{at}"))),
        )),
        "aws_iam_role" => facts.extend(of_policy(&values["name"], &values["assume_role_policy"])?),
        "aws_iam_role_policy" => facts.extend(of_policy(&values["role"], &values["policy"])?),
        _ => {}
    }
    if let Some(known) = KINDS.iter().find(|known| known.terraform == kind) {
        facts.extend(known.facts(values, 0));
    }
    Ok(facts)
}

fn of_policy(role: &Value, document: &Value) -> Result<Facts> {
    let document = serde_json::from_str(document.as_str().unwrap_or_default()).context("a policy")?;
    Ok(rights::of_document(role.as_str().unwrap_or_default(), Some(&document)))
}
