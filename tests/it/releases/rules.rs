//! Tests of the comparison of two OpenAPI documents: what it rejects and what it allows.

use serde_json::{Value, json};

use super::compatibility::{Comparison, NewValue};

/// An API with one operation that uses every feature.
fn api() -> Value {
    json!({
        "paths": { "/orders/{id}": { "post": {
            "operationId": "change_order",
            "parameters": [
                { "in": "path", "name": "id", "required": true, "schema": { "type": "string" } },
                { "in": "query", "name": "limit", "schema": { "type": "integer", "maximum": 100 } },
                { "in": "header", "name": "Idempotency-Key", "schema": { "type": "string" } },
            ],
            "requestBody": { "required": true, "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/Change" },
            } } },
            "responses": {
                "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } },
                "202": { "description": "Not known yet." },
                "422": { "content": { "application/problem+json": {
                    "schema": { "type": "object", "properties": { "title": { "type": "string" } } },
                } } },
            },
        } } },
        "components": { "schemas": {
            "Change": {
                "type": "object",
                "required": ["kind"],
                "properties": {
                    "kind": { "type": "string", "enum": ["up", "down"] },
                    "note": { "type": ["string", "null"], "maxLength": 80 },
                    "address": { "oneOf": [{ "$ref": "#/components/schemas/Address" }, { "type": "null" }] },
                },
            },
            "Address": {
                "type": "object",
                "required": ["city"],
                "properties": { "city": { "type": "string" }, "region": { "type": ["string", "null"] } },
            },
            "Line": { "allOf": [
                { "type": "object", "required": ["sku"], "properties": { "sku": { "type": "string" } } },
                { "type": "object", "properties": { "units": { "type": "integer", "format": "int32" } } },
            ] },
            "State": { "type": "string", "enum": ["pending", "paid"] },
            "Step": { "oneOf": [
                { "type": "object", "properties": { "code": { "type": "string", "enum": ["sent"] } } },
                { "type": "object", "properties": { "code": { "type": "string", "enum": ["lost"] } } },
            ] },
            "Order": {
                "type": "object",
                "required": ["id", "state", "lines"],
                "properties": {
                    "id": { "type": "string" },
                    "state": { "$ref": "#/components/schemas/State" },
                    "address": { "$ref": "#/components/schemas/Address" },
                    "lines": { "type": "array", "items": { "$ref": "#/components/schemas/Line" } },
                    "steps": { "type": "array", "items": { "$ref": "#/components/schemas/Step" } },
                    "note": { "type": ["string", "null"] },
                },
            },
        } },
    })
}

fn compare(last: &Value, today: &Value) -> Vec<String> {
    let breakages = Comparison::of(last, today, &[]).breakages();
    breakages.iter().map(ToString::to_string).collect()
}

/// The API with a value set at a path, or removed from it if `null`.
fn with(place: &str, value: Value) -> Value {
    let mut api = api();
    let (parent, name) = place.rsplit_once('/').expect("a place");
    let parent = parent.replace("OPERATION", "/paths/~1orders~1{id}/post").replace("SCHEMAS", "/components/schemas");
    match api.pointer_mut(&parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Object(members) if value.is_null() => drop(members.remove(name)),
        Value::Object(members) => drop(members.insert(name.to_owned(), value)),
        Value::Array(values) if value.is_null() => drop(values.remove(name.parse().expect("a number"))),
        Value::Array(values) => values.push(value),
        other => panic!("{other} has no members"),
    }
    api
}

#[test]
fn incompatible_changes_are_rejected() {
    let text = || json!({ "type": "string" });
    for (place, value, message) in [
        ("/paths/~1orders~1{id}/post", Value::Null, "the operation was removed"),
        ("OPERATION/parameters/1", Value::Null, "query parameter limit: was removed"),
        ("OPERATION/parameters/1/required", json!(true), "query parameter limit: became required"),
        ("OPERATION/parameters/1/schema/type", json!("string"), "query parameter limit: was integer, is string"),
        ("OPERATION/parameters/1/schema/maximum", json!(50), "query parameter limit: maximum is narrower"),
        ("OPERATION/parameters/1/schema/minimum", json!(1), "query parameter limit: minimum is new"),
        ("OPERATION/parameters/2/required", json!(true), "header parameter Idempotency-Key: became required"),
        (
            "OPERATION/parameters/-",
            json!({ "in": "query", "name": "shop", "required": true }),
            "query parameter shop: is new and required",
        ),
        ("OPERATION/requestBody", Value::Null, "request body: was removed"),
        ("OPERATION/requestBody/content", json!({ "text/csv": {} }), "request body: is no longer application/json"),
        ("OPERATION/responses/202", Value::Null, "status 202: was removed"),
        ("OPERATION/responses/200/content", json!({}), "status 200: is no longer application/json"),
        (
            "OPERATION/responses/422/content/application~1problem+json/schema/properties/title",
            Value::Null,
            "status 422.title: was removed",
        ),
        ("SCHEMAS/Change/properties/note", Value::Null, "Change.note: was removed"),
        ("SCHEMAS/Change/properties/note/type", json!("string"), "Change.note: was null or string, is string"),
        ("SCHEMAS/Change/properties/note/maxLength", json!(8), "Change.note: maxLength is narrower"),
        ("SCHEMAS/Change/properties/kind/enum/1", Value::Null, "Change.kind: value \"down\" was removed"),
        ("SCHEMAS/Change/required/-", json!("note"), "Change.note: became required"),
        ("SCHEMAS/Change/additionalProperties", json!(false), "Change: rejects unknown fields"),
        ("SCHEMAS/Order/properties/lines/items", text(), "Order.lines[]: was object, is string"),
        ("SCHEMAS/Order/properties/note", Value::Null, "Order.note: was removed"),
        ("SCHEMAS/Order/properties/id/format", json!("uuid"), "Order.id: was string, is string (uuid)"),
        ("SCHEMAS/Order/required/2", Value::Null, "Order.lines: is no longer required"),
        ("SCHEMAS/Order/required/-", json!("note"), "Order.note: became required"),
        ("SCHEMAS/Line/allOf/1/properties/units/type", json!("number"), "Line.units: was integer (int32), is number"),
        ("SCHEMAS/Line/allOf/1/required", json!(["units"]), "Line.units: became required"),
        ("SCHEMAS/State/enum/0", Value::Null, "State: value \"pending\" was removed"),
        ("SCHEMAS/State/enum/-", json!("held"), "State: \"held\" is new in responses"),
        ("SCHEMAS/Step/oneOf/0", Value::Null, "Step: alternative code=sent was removed"),
        (
            "SCHEMAS/Step/oneOf/-",
            json!({ "type": "object", "properties": { "code": { "const": "found" } } }),
            "Step: \"code=found\" is new in responses",
        ),
    ] {
        let broken = compare(&api(), &with(place, value.clone()));
        let found = broken.iter().any(|broken| broken.starts_with(message));
        assert!(found, "{place} = {value}: expected {message:?}, found {broken:#?}");
        assert!(broken.iter().all(|broken| broken.ends_with("[change_order POST /orders/{id}]")), "{broken:#?}");
    }
}

#[test]
fn a_new_required_field_is_rejected_with_its_reason_on_each_side() {
    let new = |schema: &str| {
        let mut api = with(&format!("SCHEMAS/{schema}/properties/gift"), json!({ "type": "boolean" }));
        api["components"]["schemas"][schema]["required"].as_array_mut().expect("a list").push(json!("gift"));
        compare(&self::api(), &api)
    };
    let (request, response, both) = (new("Change"), new("Order"), new("Address"));
    assert_eq!((request.len(), response.len(), both.len()), (1, 1, 2), "{request:?} {response:?} {both:?}");
    assert!(request[0].starts_with("Change.gift: is new and required: clients of the last release do not send it"));
    assert!(response[0].starts_with("Order.gift: is new and required: servers of the last release do not send it"));
    assert!(both.iter().all(|broken| broken.starts_with("Address.gift: is new and required")));
}

#[test]
fn a_new_field_of_a_closed_object_is_rejected_until_it_is_allowed() {
    let closed = with("SCHEMAS/Change/additionalProperties", json!(false));
    let mut today = closed.clone();
    today["components"]["schemas"]["Change"]["properties"]["gift"] = json!({ "type": ["boolean", "null"] });
    let broken = compare(&closed, &today);
    assert!(broken[0].starts_with("Change: \"gift\" is new: servers of the last release reject"), "{broken:?}");
    let named =
        [NewValue { schema: "Change".to_owned(), value: "gift".to_owned(), reason: "0.2.0 reads it".to_owned() }];
    assert_eq!(Comparison::of(&closed, &today, &named).breakages(), []);
}

#[test]
fn additions_are_allowed() {
    assert_eq!(compare(&api(), &api()), [""; 0]);
    let optional = json!({ "type": ["string", "null"] });
    for (place, value) in [
        ("/paths/~1carts", json!({ "get": { "operationId": "view_cart", "responses": {} } })),
        ("OPERATION/parameters/-", json!({ "in": "query", "name": "shop" })),
        ("OPERATION/parameters/1/schema/maximum", json!(200)),
        ("OPERATION/parameters/1/description", json!("Rows per page.")),
        ("OPERATION/requestBody/required", json!(false)),
        ("OPERATION/responses/204", json!({ "description": "Nothing changed." })),
        ("OPERATION/responses/422", Value::Null),
        ("SCHEMAS/Change/properties/gift", optional.clone()),
        ("SCHEMAS/Change/properties/kind/enum/-", json!("sideways")),
        ("SCHEMAS/Change/required/0", Value::Null),
        ("SCHEMAS/Order/properties/gift", optional),
        ("SCHEMAS/Order/properties/gift", json!({ "$ref": "#/components/schemas/Change" })),
    ] {
        let broken = compare(&api(), &with(place, value.clone()));
        assert!(broken.is_empty(), "{place} = {value}: {broken:#?}");
    }
}

#[test]
fn a_value_that_is_read_before_it_is_written_can_be_allowed() {
    let today = with("SCHEMAS/State/enum/-", json!("held"));
    let entry = |schema: &str| NewValue {
        schema: schema.to_owned(),
        value: "held".to_owned(),
        reason: "0.2.0 reads it, 0.3.0 writes it".to_owned(),
    };
    let allowed = [entry("Kind"), entry("State")];
    let last = api();
    let comparison = Comparison::of(&last, &today, &allowed);
    assert_eq!(comparison.breakages(), []);
    assert_eq!(comparison.used.into_iter().collect::<Vec<_>>(), [1]);
    assert!(Comparison::of(&today, &today, &allowed).used.is_empty());
}
