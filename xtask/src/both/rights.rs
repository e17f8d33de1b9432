//! Policies, statement by statement, so that neither order nor grouping counts.

use serde_json::Value;

use super::{Facts, text};

/// What a role of the template may do, and who may take it.
pub(super) fn of_role(role: &Value) -> Facts {
    let name = role.pointer("/RoleName").and_then(text).unwrap_or_default();
    let policies = role.pointer("/Policies").and_then(Value::as_array).into_iter().flatten();
    let mut facts = of_document(&name, role.pointer("/AssumeRolePolicyDocument"));
    facts.extend(policies.flat_map(|policy| of_document(&name, policy.pointer("/PolicyDocument"))));
    facts
}

/// Facts of a policy document: one for each action on each resource under its conditions.
pub(super) fn of_document(role: &str, document: Option<&Value>) -> Facts {
    let mut facts = Facts::new();
    for statement in document.and_then(|document| document.get("Statement")).map(items).unwrap_or_default() {
        let conditions = conditions(statement.get("Condition"));
        let whom = statement.get("Principal").map(|principal| format!(" by {principal}")).unwrap_or_default();
        for action in statement.get("Action").map(items).unwrap_or_default() {
            let action = action.as_str().unwrap_or_default();
            let resources = statement.get("Resource").map(items).unwrap_or_default();
            let on: Vec<_> = resources.iter().filter_map(Value::as_str).map(|on| format!(" on {on}")).collect();
            for on in if on.is_empty() { vec![String::new()] } else { on } {
                facts.insert(
                    format!("function {role}: may {action}{conditions}{on}{whom}"),
                    statement.get("Effect").and_then(text).unwrap_or_default(),
                );
            }
        }
    }
    facts
}

/// ` if <key> <values> <operator>` for each condition, in the order of their keys.
fn conditions(condition: Option<&Value>) -> String {
    let mut all: Vec<_> = condition
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(move |(key, values)| {
                let mut values: Vec<_> = items(values).iter().filter_map(text).collect();
                values.sort();
                format!(" if {key} {} ({operator})", values.join(" or "))
            })
        })
        .collect();
    all.sort();
    all.concat()
}

/// One or many: policies write both.
fn items(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}
