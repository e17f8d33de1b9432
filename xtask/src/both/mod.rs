//! Terraform and SAM deploy the same functions. Here what each makes of them is brought into one form, setting by setting, and
//! compared: the template with an environment's parameters, and Terraform's state after applying the same environment.

mod rights;
mod settings;
mod template;
mod terraform;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::tools::root;
use terraform::Deployed;

/// What a deployment consists of: `function shopease-dev-cart: memory` is `256`.
type Facts = BTreeMap<String, String>;

/// End of the name of the fact that something is there at all.
const EXISTS: &str = ": exists";

/// A difference that is meant. Both parts of a pattern must be in the fact's name.
struct Meant {
    subject: &'static str,
    setting: &'static str,
    because: &'static str,
}

const MEANT: &[Meant] = &[
    Meant {
        subject: "table ",
        setting: ": key",
        because: "the template alone brings no key: a customer's key costs by the month, DynamoDB's own does not",
    },
    Meant {
        subject: "function ",
        setting: ": may kms:Decrypt if kms:ViaService dynamodb.",
        because: "the same: only Terraform's table has a key of the account",
    },
    Meant {
        subject: "-storefront:",
        setting: ": variable SHOPEASE_ASSETS",
        because: "the bucket is the Fargate path's; without it functions serve what is inside of them",
    },
    Meant { subject: "-storefront:", setting: ": may s3:", because: "the same" },
    Meant {
        subject: "permission of elasticloadbalancing.amazonaws.com",
        setting: ": source",
        because: "CloudFormation needs the permission before the group has an ARN, so it names the group with a wildcard for its id",
    },
    Meant {
        subject: "permission of elasticloadbalancing.amazonaws.com",
        setting: ": account",
        because: "the same: a name with a wildcard is held to this account",
    },
];

/// Compares what Terraform made of `environment` with the templates.
///
/// # Errors
/// Every difference that is not meant, one a line, and what is said to be meant and is no difference.
pub fn compare(state: &str, environment: &str) -> Result<()> {
    let terraform = terraform::read(state)?;
    let parameters = parameters(environment, &terraform)?;
    let mut sam = Facts::new();
    for path in ["sam/template.yaml", "sam/load-balancer.yaml"] {
        let text = std::fs::read_to_string(root().join(path))?;
        let resources = template::evaluate(&text, &parameters).with_context(|| path.to_owned())?;
        sam.extend(settings::of_template(&resources));
    }
    let problems = differences(&terraform.facts, &sam, MEANT);
    if !problems.is_empty() {
        bail!("Terraform and SAM deploy different things:\n{}", problems.join("\n"));
    }
    Ok(())
}

/// Settings that differ, and entries of `meant` without a difference.
fn differences(terraform: &Facts, sam: &Facts, meant: &[Meant]) -> Vec<String> {
    let mut used = vec![false; meant.len()];
    let mut problems = Vec::new();
    // What one side has alone is one difference, not one a setting.
    let alone = |name: &str| {
        let exists = name.split_once(": ").map(|(subject, _)| format!("{subject}{EXISTS}")).unwrap_or_default();
        terraform.contains_key(&exists) != sam.contains_key(&exists)
    };
    let names: std::collections::BTreeSet<_> = terraform.keys().chain(sam.keys()).collect();
    for name in names {
        let (ours, theirs) = (terraform.get(name), sam.get(name));
        if ours == theirs || (alone(name) && !name.ends_with(EXISTS)) {
            continue;
        }
        let entry = meant.iter().position(|meant| name.contains(meant.subject) && name.contains(meant.setting));
        if let Some(entry) = entry {
            used[entry] = true;
            continue;
        }
        let shown = |value: Option<&String>| value.map_or_else(|| "not there".to_owned(), |value| format!("{value:?}"));
        problems.push(format!("  {name}: {} in Terraform, {} in SAM", shown(ours), shown(theirs)));
    }
    let unused = meant.iter().zip(used).filter(|(_, used)| !used);
    problems.extend(unused.map(|(meant, _)| {
        format!("  said to differ and does not: {}{} ({})", meant.subject, meant.setting, meant.because)
    }));
    problems
}

/// The template's parameters for an environment: those of `samconfig.toml`, and what only Terraform's deployment knows.
fn parameters(environment: &str, terraform: &Deployed) -> Result<BTreeMap<String, String>> {
    let url = format!("function shopease-{environment}-cart: variable SHOPEASE_PUBLIC_URL");
    let mut parameters = template::parameters_of(environment)?;
    let given = [
        ("PublicUrl", terraform.facts.get(&url).context("Terraform's function cart has no address of the shop")?),
        ("SecretsKeyArn", &terraform.key_arn),
        ("AlarmTopicArn", &terraform.topic_arn),
        // With everything that a choice brings: secrets, reserved concurrency.
        ("PaymentProvider", &"stripe".to_owned()),
        ("ReadParameters", &"true".to_owned()),
        ("ReserveConcurrency", &"true".to_owned()),
    ];
    parameters.extend(given.map(|(name, value)| (name.to_owned(), value.clone())));
    Ok(parameters)
}

/// A value as text; what is absent, empty or null is nothing.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(short(text)),
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().filter_map(text).collect();
            items.sort();
            (!items.is_empty()).then(|| items.join(", "))
        }
        other => Some(other.to_string()),
    }
}

/// ARNs of what has a name of its own are that name: one side knows the ARN, the other the name.
fn short(text: &str) -> String {
    let of = |mark: &str| text.split_once(mark).map(|(_, name)| name.trim_end_matches("/invocations").to_owned());
    if !text.starts_with("arn:") {
        return text.to_owned();
    }
    [":function:", ":log-group:", ":role/", ":rule/"]
        .iter()
        .find_map(|mark| of(mark))
        .unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests;
