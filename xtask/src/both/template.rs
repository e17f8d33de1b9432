//! A template of `CloudFormation` with its parameters filled in: `!Ref`, `!Sub`, `!If` and the few others that ours use.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

use crate::tools::root;

/// What pseudo parameters stand for; the emulator's account and Region.
const PSEUDO: [(&str, &str); 3] =
    [("AWS::Partition", "aws"), ("AWS::Region", "us-east-1"), ("AWS::AccountId", "123456789012")];
/// Properties by which other resources know one: what `!Ref` and `!GetAtt ... .Arn` stand for here.
const NAMES: [&str; 6] = ["FunctionName", "TableName", "LogGroupName", "RoleName", "Name", "IntegrationUri"];

/// A resource whose properties are values.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) kind: String,
    pub(super) properties: Value,
}

/// The parameters that `sam/samconfig.toml` gives an environment.
///
/// # Errors
/// When it knows no such environment.
pub(super) fn parameters_of(environment: &str) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(root().join("sam/samconfig.toml"))?;
    let (_, table) = text
        .split_once(&format!("[{environment}.deploy.parameters]"))
        .with_context(|| format!("samconfig.toml has no environment {environment}"))?;
    let overrides = table.lines().find_map(|line| line.strip_prefix("parameter_overrides = \""));
    let pairs = overrides.context("no parameter_overrides")?.trim_end_matches('"').split(' ');
    Ok(pairs.filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Every resource of a template that these parameters bring about.
///
/// # Errors
/// When it is no template, a parameter has no value, or something is referred to that is not there.
pub(super) fn evaluate(text: &str, parameters: &BTreeMap<String, String>) -> Result<BTreeMap<String, Resource>> {
    let documents = Yaml::load_from_str(text)?;
    let template = Template::new(json_of(documents.first().context("no document")?)?, parameters);
    let mut resources = BTreeMap::new();
    for (name, resource) in template.section("Resources").context("no resources")? {
        let condition = resource["Condition"].as_str();
        if !condition.map_or(Ok(true), |condition| template.condition(condition))? {
            continue;
        }
        let kind = resource["Type"].as_str().unwrap_or_default().to_owned();
        let mut properties = resource["Properties"].clone();
        if kind == "AWS::Serverless::Function" {
            merge(&mut properties, &template.document["Globals"]["Function"]);
        }
        let properties = template.value(&properties).with_context(|| name.clone())?.unwrap_or_default();
        resources.insert(name.clone(), Resource { kind, properties });
    }
    Ok(resources)
}

/// YAML as JSON; `!Ref x` as `{"Ref": "x"}`, every other tag as `{"Fn::<tag>": ...}`.
fn json_of(node: &Yaml<'_>) -> Result<Value> {
    Ok(match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(json_of).collect::<Result<_>>()?,
        Yaml::Mapping(entries) => {
            let entry = |(key, value): (&Yaml<'_>, _)| match json_of(key)? {
                Value::String(key) => Ok((key, json_of(value)?)),
                other => Ok((other.to_string(), json_of(value)?)),
            };
            Value::Object(entries.iter().map(entry).collect::<Result<_>>()?)
        }
        Yaml::Tagged(tag, node) => {
            let function = if tag.suffix == "Ref" { "Ref".to_owned() } else { format!("Fn::{}", tag.suffix) };
            json!({ function: json_of(node)? })
        }
        other => bail!("a template has no {other:?}"),
    })
}

/// Adds what `defaults` has and `value` has not, map by map.
fn merge(value: &mut Value, defaults: &Value) {
    if let (Some(value), Some(defaults)) = (value.as_object_mut(), defaults.as_object()) {
        for (key, default) in defaults {
            merge(value.entry(key.clone()).or_insert_with(|| default.clone()), default);
        }
    }
}

struct Template {
    document: Value,
    parameters: BTreeMap<String, String>,
}

impl Template {
    fn new(document: Value, given: &BTreeMap<String, String>) -> Self {
        let mut parameters: BTreeMap<_, _> = PSEUDO.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (name, declared) in document["Parameters"].as_object().into_iter().flatten() {
            let default = declared.get("Default").map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
            // A parameter that this comparison has no use for is called by its name.
            parameters.insert(name.clone(), given.get(name).cloned().or(default).unwrap_or_else(|| name.clone()));
        }
        Self { document, parameters }
    }

    fn section(&self, name: &str) -> Option<&Map<String, Value>> {
        self.document.get(name)?.as_object()
    }

    fn condition(&self, name: &str) -> Result<bool> {
        let condition = self.section("Conditions").and_then(|all| all.get(name));
        self.holds(condition.with_context(|| format!("no condition {name}"))?)
    }

    fn holds(&self, condition: &Value) -> Result<bool> {
        match function(condition) {
            Some(("Fn::Equals", Value::Array(pair))) if pair.len() == 2 => {
                Ok(self.value(&pair[0])? == self.value(&pair[1])?)
            }
            Some(("Fn::Not", Value::Array(one))) if one.len() == 1 => Ok(!self.holds(&one[0])?),
            _ => bail!("{condition} is no condition that is known here"),
        }
    }

    /// A value without functions; `None` for `AWS::NoValue`.
    fn value(&self, value: &Value) -> Result<Option<Value>> {
        if let Some((name, argument)) = function(value) {
            return self.call(name, argument);
        }
        Ok(Some(match value {
            Value::Array(items) => {
                let values = items.iter().filter_map(|item| self.value(item).transpose());
                Value::Array(values.collect::<Result<_>>()?)
            }
            Value::Object(fields) => {
                let entry = |(key, value): (&String, _)| Some((key.clone(), self.value(value).transpose()?));
                let entries = fields.iter().filter_map(entry).map(|(key, value)| Ok((key, value?)));
                Value::Object(entries.collect::<Result<_>>()?)
            }
            scalar => scalar.clone(),
        }))
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Option<Value>> {
        match (name, argument) {
            ("Ref", Value::String(name)) if name == "AWS::NoValue" => Ok(None),
            ("Ref", Value::String(name)) => Ok(Some(self.reference(name)?.into())),
            ("Fn::GetAtt", Value::String(path)) => {
                Ok(Some(self.reference(path.split('.').next().unwrap_or_default())?.into()))
            }
            ("Fn::If", Value::Array(parts)) if parts.len() == 3 => {
                let holds = self.condition(parts[0].as_str().unwrap_or_default())?;
                self.value(&parts[if holds { 1 } else { 2 }])
            }
            ("Fn::Sub", Value::String(text)) => Ok(Some(self.filled(text, &Map::new())?.into())),
            ("Fn::Sub", Value::Array(parts)) if parts.len() == 2 => {
                let own = self.value(&parts[1])?.unwrap_or_default();
                let text = parts[0].as_str().unwrap_or_default();
                Ok(Some(self.filled(text, own.as_object().unwrap_or(&Map::new()))?.into()))
            }
            _ => bail!("{name} of {argument} is not known here"),
        }
    }

    /// A text with its `${...}` filled in.
    fn filled(&self, text: &str, own: &Map<String, Value>) -> Result<String> {
        let mut parts = text.split("${");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').with_context(|| format!("{text:?} lacks a brace"))?;
            match own.get(name).and_then(Value::as_str) {
                Some(value) => filled += value,
                None => filled += &self.reference(name)?,
            }
            filled += rest;
        }
        Ok(filled)
    }

    /// A parameter's value, or the name of a resource.
    fn reference(&self, name: &str) -> Result<String> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        // What SAM makes beside a function with `AutoPublishAlias`.
        if let Some(function) = name.strip_suffix("Aliaslive") {
            return Ok(format!("{}:live", self.reference(function)?));
        }
        let resource = self.section("Resources").and_then(|all| all.get(name));
        let properties = &resource.with_context(|| format!("nothing is called {name}"))?["Properties"];
        let named = NAMES.iter().find_map(|property| properties.get(property));
        match named.map(|named| self.value(named)).transpose()?.flatten() {
            Some(Value::String(text)) => Ok(text),
            _ => Ok(name.to_owned()),
        }
    }
}

/// The one function of a map that is a call.
fn function(value: &Value) -> Option<(&str, &Value)> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    let (name, argument) = fields.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}
