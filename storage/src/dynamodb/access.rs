//! Records a client's access to a table in IAM terms: which actions on partition keys with which prefixes. An
//! interceptor in front of each request. For tests.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use serde_json::Value;

use super::faults::operation_and_body;
use super::keys::{Kind, PARTITION};

/// Actions, each with the patterns of the partition keys that it was used on. Clones share the record.
#[derive(Debug, Clone, Default)]
pub struct Accesses(Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>);

impl Accesses {
    /// The record so far.
    pub fn recorded(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, operation: &str, body: &Value) -> Result<(), String> {
        for (action, partition) in accesses(operation, body)? {
            let pattern = Kind::pattern(partition).ok_or_else(|| format!("{partition} has no known kind"))?;
            let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            recorded.entry(action.to_owned()).or_default().insert(pattern);
        }
        Ok(())
    }
}

/// The actions that IAM checks for a request, each with a partition key.
fn accesses<'a>(operation: &'a str, body: &'a Value) -> Result<Vec<(&'a str, &'a str)>, String> {
    let partition = |key: &'a Value| key[PARTITION]["S"].as_str();
    let tables = || body["RequestItems"].as_object().into_iter().flat_map(serde_json::Map::values);
    let found: Option<Vec<_>> = match operation {
        "GetItem" | "UpdateItem" | "DeleteItem" => Some(vec![(operation, &body["Key"])]),
        "PutItem" => Some(vec![(operation, &body["Item"])]),
        "BatchGetItem" => {
            Some(tables().filter_map(|table| table["Keys"].as_array()).flatten().map(|key| (operation, key)).collect())
        }
        "BatchWriteItem" => tables()
            .filter_map(Value::as_array)
            .flatten()
            .map(|write| {
                let key = write["PutRequest"].get("Item").or_else(|| write["DeleteRequest"].get("Key"));
                Some((operation, key?))
            })
            .collect(),
        // IAM checks each action of a transaction as a separate request.
        "TransactWriteItems" => body["TransactItems"].as_array().into_iter().flatten().map(separate).collect(),
        "Query" => {
            let partition = body["ExpressionAttributeValues"][":pk"]["S"].as_str();
            return partition
                .map(|partition| vec![(operation, partition)])
                .ok_or_else(|| format!("query without a partition key: {body}"));
        }
        _ => None,
    };
    let found = found.ok_or_else(|| format!("{operation} does not name keys"))?;
    let named = found.into_iter().map(|(action, key)| Some((action, partition(key)?)));
    named.collect::<Option<_>>().ok_or_else(|| format!("{operation} without a partition key: {body}"))
}

/// The request equivalent to an action of a transaction, and the object that contains its key.
fn separate(action: &Value) -> Option<(&'static str, &Value)> {
    let of = |name, key| action.get(name).and_then(|action| action.get(key));
    let put = of("Put", "Item").map(|item| ("PutItem", item));
    let put = put.or_else(|| of("Update", "Key").map(|key| ("UpdateItem", key)));
    put.or_else(|| of("Delete", "Key").map(|key| ("DeleteItem", key)))
}

impl Intercept for Accesses {
    fn name(&self) -> &'static str {
        "accesses"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (operation, body) = operation_and_body(context.request())?;
        Ok(self.record(&operation, &body)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_action_of_a_request_is_recorded_with_its_key_prefix() {
        let accesses = Accesses::default();
        let key = |partition: &str| json!({ "pk": { "S": partition }, "sk": { "S": "X" } });
        let requests = [
            ("GetItem", json!({ "Key": key("HEALTH") })),
            ("BatchGetItem", json!({ "RequestItems": { "t": { "Keys": [key("SKU#a"), key("STOCK#a")] } } })),
            ("Query", json!({ "ExpressionAttributeValues": { ":pk": { "S": "CATEGORIES" } } })),
            ("BatchWriteItem", json!({ "RequestItems": { "t": [{ "PutRequest": { "Item": key("TERM#k") } }] } })),
            (
                "TransactWriteItems",
                json!({ "TransactItems": [
                    { "Put": { "Item": key("ORDER#1") } },
                    { "Update": { "Key": key("CART#visitor:1") } },
                    { "Delete": { "Key": key("OPEN#3") } },
                ] }),
            ),
        ];
        for (operation, body) in &requests {
            accesses.record(operation, body).expect("recorded");
        }
        let recorded = serde_json::to_value(accesses.recorded()).expect("JSON");
        let expected = json!({
            "BatchGetItem": ["SKU#*", "STOCK#*"], "BatchWriteItem": ["TERM#*"], "DeleteItem": ["OPEN#*"],
            "GetItem": ["HEALTH"], "PutItem": ["ORDER#*"], "Query": ["CATEGORIES"], "UpdateItem": ["CART#*"],
        });
        assert_eq!(recorded, expected);
        for (operation, body) in [("Scan", json!({})), ("GetItem", json!({ "Key": key("PARCEL#1") }))] {
            accesses.record(operation, &body).expect_err("no permission covers it");
        }
    }
}
