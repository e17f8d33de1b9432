//! Checks whether two OpenAPI documents are compatible: clients of the last release call current servers, and current clients call
//! servers of the last release.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// A value that the current release can read but does not write yet, so that the next release may write it.
#[derive(Debug, Deserialize)]
pub struct NewValue {
    /// Schema of the enum, or of an object that is closed.
    pub schema: String,
    /// The enum's value, or the object's field.
    pub value: String,
    /// Why it is never written while a release that cannot read it is running.
    pub reason: String,
}

/// An incompatibility.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breakage {
    /// A schema with its field, a parameter, a status; empty for the operation itself.
    pub place: String,
    /// The change, and what to do.
    pub what: String,
    /// Affected operations.
    pub operations: BTreeSet<String>,
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations: Vec<_> = self.operations.iter().map(String::as_str).collect();
        let place = if self.place.is_empty() { String::new() } else { format!("{}: ", self.place) };
        write!(f, "{place}{} [{}]", self.what, operations.join(", "))
    }
}

/// The differences between two documents.
pub struct Comparison<'a> {
    last: &'a Value,
    today: &'a Value,
    operation: String,
    /// Pairs of named schemas that were already compared in this operation.
    met: BTreeSet<(String, Direction)>,
    found: BTreeMap<(String, String), BTreeSet<String>>,
    allowed: &'a [NewValue],
    /// Which allowed values were found.
    pub used: BTreeSet<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Request,
    Response,
}
use Direction::{Request, Response};

impl<'a> Comparison<'a> {
    /// Compares the current document with an earlier one.
    pub fn of(last: &'a Value, today: &'a Value, allowed: &'a [NewValue]) -> Self {
        let mut comparison = Self {
            last,
            today,
            operation: String::new(),
            met: BTreeSet::new(),
            found: BTreeMap::new(),
            allowed,
            used: BTreeSet::new(),
        };
        for (path, methods) in entries(&last["paths"]) {
            for (method, operation) in entries(methods) {
                comparison.operation(path, method, operation);
            }
        }
        comparison
    }

    /// The incompatibilities.
    pub fn breakages(&self) -> Vec<Breakage> {
        let breakages = self.found.iter().map(|((place, what), operations)| Breakage {
            place: place.clone(),
            what: what.clone(),
            operations: operations.clone(),
        });
        breakages.collect()
    }

    fn note(&mut self, place: &str, what: impl Into<String>) {
        self.found.entry((place.to_owned(), what.into())).or_default().insert(self.operation.clone());
    }

    fn operation(&mut self, path: &str, method: &str, last: &Value) {
        self.operation = format!("{} {} {path}", text(&last["operationId"]), method.to_uppercase());
        self.met.clear();
        let today = &self.today["paths"][path][method];
        if today.is_null() {
            self.note("", "the operation was removed: clients of the last release still call it");
            return;
        }
        self.parameters(last, today);
        self.request_body(&last["requestBody"], &today["requestBody"]);
        for (status, last) in entries(&last["responses"]) {
            let today = &today["responses"][status];
            // Every client can read new problems; successful responses are distinguished by status.
            let succeeds = status.starts_with(['2', '3']);
            match (today.is_null(), succeeds) {
                (true, true) => {
                    self.note(&format!("status {status}"), "was removed: clients of the last release depend on it");
                }
                (true, false) => {}
                (false, _) => self.content(last, today, &format!("status {status}"), Response),
            }
        }
    }

    fn parameters(&mut self, last: &Value, today: &Value) {
        let (last, today) = (parameters(last), parameters(today));
        for (place, parameter) in &today {
            let required = parameter["required"] == true;
            match last.get(place) {
                None if required => self.note(place, "is new and required: clients of the last release do not send it"),
                None => {}
                Some(then) => {
                    if required && then["required"] != true {
                        self.note(place, "became required: clients of the last release may leave it out");
                    }
                    self.schema(&then["schema"], &parameter["schema"], place, Request);
                }
            }
        }
        for place in last.keys().filter(|place| !today.contains_key(*place)) {
            self.note(place, "was removed: clients of the last release still send it");
        }
    }

    fn request_body(&mut self, last: &Value, today: &Value) {
        match (last.is_null(), today.is_null()) {
            (true, true) => {}
            (false, true) => self.note("request body", "was removed: clients of the last release still send it"),
            (was_absent, false) => {
                if today["required"] == true && last["required"] != true {
                    self.note("request body", "became required: clients of the last release may leave it out");
                }
                if !was_absent {
                    self.content(last, today, "request body", Request);
                }
            }
        }
    }

    fn content(&mut self, last: &Value, today: &Value, place: &str, direction: Direction) {
        for (kind, last) in entries(&last["content"]) {
            match &today["content"][kind] {
                Value::Null => self.note(place, format!("is no longer {kind}")),
                today => self.schema(&last["schema"], &today["schema"], place, direction),
            }
        }
    }

    fn schema(&mut self, last: &Value, today: &Value, place: &str, direction: Direction) {
        let (mut then, mut now) = (Shape::default(), Shape::default());
        then.add(self.last, last);
        now.add(self.today, today);
        if (&then.types, &then.format) != (&now.types, &now.format) {
            self.note(place, format!("was {}, is {}: the other release cannot read it", then.kind(), now.kind()));
            return;
        }
        let place = match now.name.as_ref().or(then.name.as_ref()) {
            // A named schema is compared once per operation.
            Some(name) if self.met.insert((name.clone(), direction)) => name.clone(),
            Some(_) => return,
            None => place.to_owned(),
        };
        self.values(&then, &now, &place, direction);
        self.fields(&then, &now, &place, direction);
        self.alternatives(&then, &now, &place, direction);
        for (inner, then, now) in [("[]", then.items, now.items), ("{}", then.others, now.others)] {
            if let (Some(then), Some(now)) = (then, now) {
                self.schema(then, now, &format!("{place}{inner}"), direction);
            }
        }
        if now.closed && !then.closed {
            self.note(&place, "rejects unknown fields, including those that the next release adds");
        }
        if direction == Request {
            for (limit, (narrower, last)) in &then.limits {
                let today = now.limits.get(limit).map(|(_, today)| *today);
                if today.is_some_and(|today| if *narrower == Narrower::Less { today < *last } else { today > *last }) {
                    self.note(
                        &place,
                        format!("{limit} is narrower than it was: clients of the last release go up to {last}"),
                    );
                }
            }
            for limit in now.limits.keys().filter(|limit| !then.limits.contains_key(*limit)) {
                self.note(&place, format!("{limit} is new: clients of the last release do not know it"));
            }
        }
    }

    fn values(&mut self, then: &Shape<'_>, now: &Shape<'_>, place: &str, direction: Direction) {
        for value in then.values.iter().filter(|value| !now.values.is_empty() && !now.values.contains(*value)) {
            self.note(place, format!("value {value:?} was removed: the last release still sends it"));
        }
        if direction == Request {
            if then.values.is_empty() && !now.values.is_empty() {
                self.note(place, "accepts listed values only: clients of the last release send others");
            }
            return;
        }
        for value in now.values.iter().filter(|value| !then.values.is_empty() && !then.values.contains(*value)) {
            self.new_in_responses(place, value);
        }
    }

    fn new_in_responses(&mut self, schema: &str, value: &str) {
        self.needs_permission(schema, value, "is new in responses: clients of the last release cannot read it");
    }

    /// Reports an enum value, or a field of a closed object, that the other release cannot read, unless it is allowed.
    fn needs_permission(&mut self, schema: &str, value: &str, what: &str) {
        match self.allowed.iter().position(|new| new.schema == schema && new.value == value) {
            Some(entry) => drop(self.used.insert(entry)),
            None => self.note(
                schema,
                format!(
                    "{value:?} {what}. First release what reads it and does not write it, and enter it in \
                     tests/it/releases/new-values.json"
                ),
            ),
        }
    }

    fn fields(&mut self, then: &Shape<'_>, now: &Shape<'_>, place: &str, direction: Direction) {
        for (name, last) in &then.fields {
            let place = format!("{place}.{name}");
            let (was_required, required) = (then.required.contains(name), now.required.contains(name));
            let Some(today) = now.fields.get(name) else {
                let what = match direction {
                    Request => "was removed: clients of the last release still send it",
                    Response => "was removed: clients of the last release still read it",
                };
                self.note(&place, what);
                continue;
            };
            match (direction, was_required, required) {
                (Request, false, true) => {
                    self.note(&place, "became required: clients of the last release may leave it out");
                }
                (Response, true, false) => {
                    self.note(&place, "is no longer required: clients of the last release rely on it");
                }
                (Response, false, true) => self.note(
                    &place,
                    "became required: servers of the last release may leave it out, and today's client could not read \
                     their responses. Give it a serde default",
                ),
                _ => {}
            }
            self.schema(last, today, &place, direction);
        }
        let new: Vec<_> = now.fields.keys().filter(|name| !then.fields.contains_key(*name)).collect();
        for name in new.iter().filter(|_| direction == Request && then.closed) {
            self.needs_permission(place, name, "is new: servers of the last release reject unknown fields");
        }
        for name in new.into_iter().filter(|name| now.required.contains(*name)) {
            let what = match direction {
                Request => "is new and required: clients of the last release do not send it. Give it a serde default",
                Response => {
                    "is new and required: servers of the last release do not send it, and today's client could not read \
                     their responses. Give it a serde default"
                }
            };
            self.note(&format!("{place}.{name}"), what);
        }
    }

    fn alternatives(&mut self, then: &Shape<'_>, now: &Shape<'_>, place: &str, direction: Direction) {
        for (tag, last) in &then.alternatives {
            match now.alternatives.get(tag) {
                None => self.note(place, format!("alternative {tag} was removed: the last release still sends it")),
                Some(today) => self.schema(last, today, &format!("{place}({tag})"), direction),
            }
        }
        for tag in now.alternatives.keys().filter(|tag| direction == Response && !then.alternatives.contains_key(*tag))
        {
            self.new_in_responses(place, tag);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Narrower {
    Less,
    More,
}

const LIMITS: [(&str, Narrower); 6] = [
    ("maximum", Narrower::Less),
    ("maxLength", Narrower::Less),
    ("maxItems", Narrower::Less),
    ("minimum", Narrower::More),
    ("minLength", Narrower::More),
    ("minItems", Narrower::More),
];

/// A schema with everything that it references on its own level.
#[derive(Default)]
struct Shape<'a> {
    name: Option<String>,
    types: BTreeSet<&'a str>,
    format: Option<&'a str>,
    values: BTreeSet<String>,
    fields: BTreeMap<&'a str, &'a Value>,
    required: BTreeSet<&'a str>,
    items: Option<&'a Value>,
    others: Option<&'a Value>,
    closed: bool,
    alternatives: BTreeMap<String, &'a Value>,
    limits: BTreeMap<&'static str, (Narrower, f64)>,
}

impl<'a> Shape<'a> {
    fn add(&mut self, document: &'a Value, schema: &'a Value) {
        if let Some(name) =
            schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/components/schemas/"))
        {
            let named = &document["components"]["schemas"][name];
            assert!(named.is_object(), "there is no schema {name}");
            self.name.get_or_insert_with(|| name.to_owned());
            self.add(document, named);
        }
        match &schema["type"] {
            Value::String(kind) => drop(self.types.insert(kind)),
            kinds => self.types.extend(kinds.as_array().into_iter().flatten().map(text)),
        }
        self.format = schema["format"].as_str().or(self.format);
        let values = schema["enum"].as_array().into_iter().flatten().chain(schema.get("const"));
        self.values.extend(values.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        self.fields.extend(entries(&schema["properties"]));
        self.required.extend(schema["required"].as_array().into_iter().flatten().map(text));
        self.items = schema.get("items").or(self.items);
        match &schema["additionalProperties"] {
            Value::Bool(open) => self.closed |= !open,
            Value::Null => {}
            others => self.others = Some(others),
        }
        for (limit, narrower) in LIMITS {
            if let Some(value) = schema[limit].as_f64() {
                self.limits.insert(limit, (narrower, value));
            }
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            let name = self.name.take();
            self.add(document, part);
            // A composed schema is not one of its parts.
            self.name = name;
        }
        self.add_alternatives(document, schema);
    }

    fn add_alternatives(&mut self, document: &'a Value, schema: &'a Value) {
        let all = ["oneOf", "anyOf"].into_iter().filter_map(|keyword| schema[keyword].as_array()).flatten();
        let (nulls, others): (Vec<_>, Vec<_>) = all.partition(|alternative| alternative["type"] == "null");
        if !nulls.is_empty() {
            self.types.insert("null");
        }
        // A nullable schema is on its own level; a single non-null alternative is a list that may grow.
        if let ([only], false) = (&others[..], nulls.is_empty()) {
            self.add(document, only);
            return;
        }
        for (at, alternative) in others.into_iter().enumerate() {
            let mut shape = Shape::default();
            shape.add(document, alternative);
            self.alternatives.insert(shape.tag(document).unwrap_or_else(|| at.to_string()), alternative);
        }
    }

    /// The tag of an alternative: fields with a single value, or its name.
    fn tag(&self, document: &Value) -> Option<String> {
        let tags = self.fields.iter().filter_map(|(name, field)| {
            let mut shape = Shape::default();
            shape.add(document, field);
            (shape.values.len() == 1)
                .then(|| format!("{name}={}", shape.values.iter().next().map_or("", String::as_str)))
        });
        let tags: Vec<_> = tags.collect();
        if tags.is_empty() { self.name.clone() } else { Some(tags.join(",")) }
    }

    fn kind(&self) -> String {
        let types: Vec<_> = self.types.iter().copied().collect();
        let format = self.format.map(|format| format!(" ({format})")).unwrap_or_default();
        format!("{}{format}", if types.is_empty() { "anything".to_owned() } else { types.join(" or ") })
    }
}

fn parameters(operation: &Value) -> BTreeMap<String, &Value> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.map(|parameter| (format!("{} parameter {}", text(&parameter["in"]), text(&parameter["name"])), parameter))
        .collect()
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
