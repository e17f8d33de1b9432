//! Measurement: requests the consumed capacity of each request, and feeds the meter. Only if `SHOPEASE_MEASURE` is set.

use std::error::Error;

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use serde_json::Value;
use shopease_process::telemetry::usage;

/// Operations that return their consumed capacity on request.
const READS: [&str; 4] = ["GetItem", "BatchGetItem", "Query", "TransactGetItems"];
const WRITES: [&str; 5] = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"];

#[derive(Debug)]
pub(super) struct ConsumedCapacity;

/// The kind of a request, kept until its response arrives.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Read,
    Write,
}

impl Storable for Kind {
    type Storer = StoreReplace<Self>;
}

impl Kind {
    fn of(target: Option<&str>) -> Option<Self> {
        let (_, operation) = target?.rsplit_once('.')?;
        let is_in = |operations: &[&str]| operations.contains(&operation);
        if is_in(&READS) { Some(Self::Read) } else { is_in(&WRITES).then_some(Self::Write) }
    }
}

impl Intercept for ConsumedCapacity {
    fn name(&self) -> &'static str {
        "consumed capacity"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let request = context.request_mut();
        let Some(kind) = Kind::of(request.headers().get("x-amz-target")) else { return Ok(()) };
        let Some(bytes) = request.body().bytes() else { return Ok(()) };
        config.interceptor_state().store_put(kind);
        let mut body: Value = serde_json::from_slice(bytes)?;
        body["ReturnConsumedCapacity"] = "TOTAL".into();
        let body = body.to_string();
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = body.into();
        Ok(())
    }

    // Before deserialization, the body is still being received.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let consumed = context.response().body().bytes().map(consumed).unwrap_or_default();
        match config.load::<Kind>() {
            Some(Kind::Read) => usage::read(consumed),
            Some(Kind::Write) => usage::written(consumed),
            None => {}
        }
        Ok(())
    }
}

/// Units in a response: one object, or one per table. A rejected request returns no consumed capacity.
fn consumed(response: &[u8]) -> f64 {
    let response: Value = serde_json::from_slice(response).unwrap_or_default();
    let units = |capacity: &Value| capacity["CapacityUnits"].as_f64();
    match &response["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().filter_map(units).sum(),
        capacity => units(capacity).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_one_object_or_one_per_table() {
        assert!((consumed(br#"{"ConsumedCapacity":{"TableName":"t","CapacityUnits":0.5}}"#) - 0.5).abs() < 1e-9);
        let tables = br#"{"ConsumedCapacity":[{"CapacityUnits":4.0},{"CapacityUnits":2.0}]}"#;
        assert!((consumed(tables) - 6.0).abs() < 1e-9);
        assert!(consumed(br#"{"message":"rejected"}"#).abs() < 1e-9);
        assert!(matches!(Kind::of(Some("DynamoDB_20120810.Query")), Some(Kind::Read)));
        assert!(matches!(Kind::of(Some("DynamoDB_20120810.TransactWriteItems")), Some(Kind::Write)));
        assert!(Kind::of(Some("DynamoDB_20120810.DescribeTable")).is_none());
    }
}
