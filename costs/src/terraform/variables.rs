//! Reads `variables.tf` and tfvars as Terraform does: values are checked against the declared types, and missing ones get the
//! declared defaults, those of `optional(...)` included. Names that no variable declares are errors, as a typing mistake would
//! otherwise change nothing.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail, ensure};
use hcl::Expression;
use hcl::eval::{Context, Evaluate as _};
use serde_json::{Map, Value};

use crate::services::closest;

#[derive(Debug)]
pub struct Variables(BTreeMap<String, Variable>);

#[derive(Debug)]
struct Variable {
    kind: Expression,
    /// None for a variable that somebody must set.
    default: Option<Value>,
}

impl Variables {
    /// Reads a `variables.tf`.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        let body = hcl::parse(text)?;
        let mut variables = BTreeMap::new();
        for block in body.blocks().filter(|block| block.identifier() == "variable") {
            let name = block.labels().first().context("a variable has no name")?.as_str();
            let attribute = |key: &str| block.body().attributes().find(|attribute| attribute.key() == key);
            let kind = attribute("type").with_context(|| format!("variable {name} has no type"))?.expr().clone();
            let default = attribute("default").map(|default| json(default.expr())).transpose()?;
            variables.insert(name.to_owned(), Variable { kind, default });
        }
        Ok(Self(variables))
    }

    /// The value of every variable that has one, from a tfvars file and the defaults.
    pub fn values(&self, tfvars: &str) -> anyhow::Result<Map<String, Value>> {
        let mut given: BTreeMap<String, Value> = hcl::from_str(tfvars)?;
        known(given.keys(), self.0.keys())?;
        let mut values = Map::new();
        for (name, variable) in &self.0 {
            let Some(value) = given.remove(name).or_else(|| variable.default.clone()) else { continue };
            values.insert(name.clone(), complete(name, &variable.kind, value)?);
        }
        Ok(values)
    }
}

/// Checks a value against its type, and fills in what the type says of missing fields.
fn complete(at: &str, kind: &Expression, value: Value) -> anyhow::Result<Value> {
    if value.is_null() {
        return Ok(value);
    }
    let fits = match kind {
        Expression::Variable(name) => match name.as_str() {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "bool" => value.is_boolean(),
            _ => true,
        },
        Expression::FuncCall(call) => match (call.name.name.as_str(), &*call.args) {
            ("optional", [kind, ..]) => return complete(at, kind, value),
            ("object", [Expression::Object(fields)]) if value.is_object() => return complete_object(at, fields, value),
            ("map", [kind]) if value.is_object() => {
                let fields: BTreeMap<String, Value> = serde_json::from_value(value)?;
                let fields = fields.into_iter().map(|(name, value)| {
                    let value = complete(&format!("{at}.{name}"), kind, value)?;
                    anyhow::Ok((name, value))
                });
                return Ok(Value::Object(fields.collect::<anyhow::Result<_>>()?));
            }
            ("list" | "set", _) => value.is_array(),
            _ => false,
        },
        _ => bail!("{at}: the type {kind} is not supported"),
    };
    ensure!(fits, "{at} is {value}, not of type {}", type_name(kind));
    Ok(value)
}

fn complete_object(at: &str, fields: &hcl::Object<hcl::ObjectKey, Expression>, value: Value) -> anyhow::Result<Value> {
    let mut given: BTreeMap<String, Value> = serde_json::from_value(value)?;
    let names: Vec<String> = fields.keys().map(ToString::to_string).collect();
    known(given.keys(), names.iter()).with_context(|| at.to_owned())?;
    let mut values = Map::new();
    for (name, kind) in names.into_iter().zip(fields.values()) {
        let at = format!("{at}.{name}");
        let value = match (given.remove(&name), kind) {
            (Some(value), _) => value,
            (None, Expression::FuncCall(call)) if call.name.name.as_str() == "optional" => {
                call.args.get(1).map_or(Ok(Value::Null), json)?
            }
            (None, _) => bail!("{at} is missing"),
        };
        values.insert(name, complete(&at, kind, value)?);
    }
    Ok(Value::Object(values))
}

fn known<'a>(given: impl Iterator<Item = &'a String>, names: impl Iterator<Item = &'a String>) -> anyhow::Result<()> {
    let names: Vec<&str> = names.map(String::as_str).collect();
    let unknown = given.into_iter().find(|name| !names.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| Err(anyhow!("{name:?} is not declared{}", closest(name, &names))))
}

/// The value of an expression without references.
fn json(expression: &Expression) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(expression.evaluate(&Context::new())?)?)
}

fn type_name(kind: &Expression) -> &str {
    match kind {
        Expression::Variable(name) => name.as_str(),
        Expression::FuncCall(call) => call.name.name.as_str(),
        _ => "unknown",
    }
}
