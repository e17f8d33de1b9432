//! What is compared, and where each side has it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::template::Resource;
use super::{EXISTS, Facts, rights, text};

/// A kind of resource. Settings are JSON pointers, in Terraform's state and in the template's properties; a map is compared
/// entry by entry.
pub(super) struct Kind {
    subject: &'static str,
    pub(super) terraform: &'static str,
    sam: &'static str,
    /// What tells one from another.
    name: [&'static str; 2],
    settings: &'static [(&'static str, &'static str, &'static str)],
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        subject: "function",
        terraform: "aws_lambda_function",
        sam: "AWS::Serverless::Function",
        name: ["/function_name", "/FunctionName"],
        settings: &[
            ("memory", "/memory_size", "/MemorySize"),
            ("timeout", "/timeout", "/Timeout"),
            ("runtime", "/runtime", "/Runtime"),
            ("architecture", "/architectures", "/Architectures"),
            ("handler", "/handler", "/Handler"),
            ("traces", "/tracing_config/0/mode", "/Tracing"),
            ("log", "/logging_config/0/log_group", "/LoggingConfig/LogGroup"),
            ("role", "/role", "/Role"),
            ("reserved concurrency", "/reserved_concurrent_executions", "/ReservedConcurrentExecutions"),
            ("variable", "/environment/0/variables", "/Environment/Variables"),
        ],
    },
    Kind {
        subject: "log",
        terraform: "aws_cloudwatch_log_group",
        sam: "AWS::Logs::LogGroup",
        name: ["/name", "/LogGroupName"],
        settings: &[("days", "/retention_in_days", "/RetentionInDays")],
    },
    Kind {
        subject: "alarm",
        terraform: "aws_cloudwatch_metric_alarm",
        sam: "AWS::CloudWatch::Alarm",
        name: ["/alarm_name", "/AlarmName"],
        settings: &[
            ("description", "/alarm_description", "/AlarmDescription"),
            ("namespace", "/namespace", "/Namespace"),
            ("metric", "/metric_name", "/MetricName"),
            ("dimension", "/dimensions", "/Dimensions"),
            ("statistic", "/statistic", "/Statistic"),
            ("period", "/period", "/Period"),
            ("minutes", "/evaluation_periods", "/EvaluationPeriods"),
            ("bad minutes", "/datapoints_to_alarm", "/DatapointsToAlarm"),
            ("threshold", "/threshold", "/Threshold"),
            ("operator", "/comparison_operator", "/ComparisonOperator"),
            ("silence", "/treat_missing_data", "/TreatMissingData"),
            ("tells", "/alarm_actions", "/AlarmActions"),
            ("tells the end", "/ok_actions", "/OKActions"),
        ],
    },
    Kind {
        subject: "table",
        terraform: "aws_dynamodb_table",
        sam: "AWS::DynamoDB::Table",
        name: ["/name", "/TableName"],
        settings: &[
            ("billing", "/billing_mode", "/BillingMode"),
            ("partition key", "/hash_key", "/KeySchema/0/AttributeName"),
            ("sort key", "/range_key", "/KeySchema/1/AttributeName"),
            ("attribute", "/attribute", "/AttributeDefinitions"),
            ("TTL of", "/ttl/0/attribute_name", "/TimeToLiveSpecification/AttributeName"),
            ("TTL", "/ttl/0/enabled", "/TimeToLiveSpecification/Enabled"),
            (
                "point-in-time recovery",
                "/point_in_time_recovery/0/enabled",
                "/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled",
            ),
            ("encryption", "/server_side_encryption/0/enabled", "/SSESpecification/SSEEnabled"),
            ("key", "/server_side_encryption/0/kms_key_arn", "/SSESpecification/KMSMasterKeyId"),
            ("deletion protection", "/deletion_protection_enabled", "/DeletionProtectionEnabled"),
        ],
    },
    Kind {
        subject: "api",
        terraform: "aws_apigatewayv2_api",
        sam: "AWS::ApiGatewayV2::Api",
        name: ["/name", "/Name"],
        settings: &[("protocol", "/protocol_type", "/ProtocolType"), ("description", "/description", "/Description")],
    },
    Kind {
        subject: "stage",
        terraform: "aws_apigatewayv2_stage",
        sam: "AWS::ApiGatewayV2::Stage",
        name: ["/name", "/StageName"],
        settings: &[
            ("deploys itself", "/auto_deploy", "/AutoDeploy"),
            (
                "detailed metrics",
                "/default_route_settings/0/detailed_metrics_enabled",
                "/DefaultRouteSettings/DetailedMetricsEnabled",
            ),
            ("rate", "/default_route_settings/0/throttling_rate_limit", "/DefaultRouteSettings/ThrottlingRateLimit"),
            ("burst", "/default_route_settings/0/throttling_burst_limit", "/DefaultRouteSettings/ThrottlingBurstLimit"),
            ("log", "/access_log_settings/0/destination_arn", "/AccessLogSettings/DestinationArn"),
            ("log has", "/access_log_settings/0/format", "/AccessLogSettings/Format"),
        ],
    },
    Kind {
        subject: "route",
        terraform: "aws_apigatewayv2_route",
        sam: "AWS::ApiGatewayV2::Route",
        name: ["/route_key", "/RouteKey"],
        settings: &[("goes to", "/target", "/Target"), ("authorization", "/authorization_type", "/AuthorizationType")],
    },
    Kind {
        subject: "integration",
        terraform: "aws_apigatewayv2_integration",
        sam: "AWS::ApiGatewayV2::Integration",
        name: ["/integration_uri", "/IntegrationUri"],
        settings: &[
            ("type", "/integration_type", "/IntegrationType"),
            ("event", "/payload_format_version", "/PayloadFormatVersion"),
        ],
    },
    Kind {
        subject: "schedule",
        terraform: "aws_cloudwatch_event_rule",
        sam: "AWS::Events::Rule",
        name: ["/name", "/Name"],
        settings: &[("when", "/schedule_expression", "/ScheduleExpression"), ("state", "/state", "/State")],
    },
    Kind {
        subject: "events of",
        terraform: "aws_lambda_function_event_invoke_config",
        sam: "AWS::Lambda::EventInvokeConfig",
        name: ["/function_name", "/FunctionName"],
        settings: &[
            ("alias", "/qualifier", "/Qualifier"),
            ("retries", "/maximum_retry_attempts", "/MaximumRetryAttempts"),
            ("age", "/maximum_event_age_in_seconds", "/MaximumEventAgeInSeconds"),
        ],
    },
    Kind {
        subject: "permission of",
        terraform: "aws_lambda_permission",
        sam: "AWS::Lambda::Permission",
        name: ["/who", "/who"],
        settings: &[
            ("action", "/action", "/Action"),
            ("source", "/source_arn", "/SourceArn"),
            ("account", "/source_account", "/SourceAccount"),
        ],
    },
    Kind {
        subject: "target group",
        terraform: "aws_lb_target_group",
        sam: "AWS::ElasticLoadBalancingV2::TargetGroup",
        name: ["/name", "/Name"],
        settings: &[
            ("type", "/target_type", "/TargetType"),
            (
                "multi-value headers",
                "/lambda_multi_value_headers_enabled",
                "/TargetGroupAttributes/lambda.multi_value_headers.enabled",
            ),
        ],
    },
];

impl Kind {
    /// Facts of one resource. `side` is 0 for Terraform, 1 for SAM.
    pub(super) fn facts(&self, properties: &Value, side: usize) -> Facts {
        let name = properties.pointer(self.name[side]).and_then(text).unwrap_or_default();
        let subject = format!("{} {name}", self.subject);
        let mut facts = Facts::from([(format!("{subject}{EXISTS}"), "yes".to_owned())]);
        for (setting, terraform, sam) in self.settings {
            let value = properties.pointer([terraform, sam][side]).cloned().unwrap_or_default();
            // A format of log lines is JSON in a string, whose order each side has its own of.
            let inner =
                value.as_str().filter(|text| text.starts_with('{')).and_then(|text| serde_json::from_str(text).ok());
            match inner.unwrap_or(value) {
                Value::Object(entries) => facts.extend(
                    entries
                        .iter()
                        .filter_map(|(entry, value)| Some((format!("{subject}: {setting} {entry}"), text(value)?))),
                ),
                value => facts.extend(text(&value).map(|value| (format!("{subject}: {setting}"), value))),
            }
        }
        facts
    }
}

/// Facts of an evaluated template.
pub(super) fn of_template(resources: &BTreeMap<String, Resource>) -> Facts {
    let mut facts = Facts::new();
    for resource in resources.values() {
        let mut properties = resource.properties.clone();
        entries_to_maps(&mut properties);
        match resource.kind.as_str() {
            "AWS::CloudWatch::Alarm" => {
                all_minutes_unless_said(&mut properties, "EvaluationPeriods", "DatapointsToAlarm");
            }
            "AWS::Lambda::Permission" => caller(&mut properties, "Principal", "FunctionName"),
            "AWS::Events::Rule" => facts.extend(schedule(
                properties.pointer("/Name"),
                ["Arn", "RetryPolicy/MaximumEventAgeInSeconds", "RetryPolicy/MaximumRetryAttempts"]
                    .map(|at| properties.pointer(&format!("/Targets/0/{at}"))),
            )),
            "AWS::IAM::Role" => facts.extend(rights::of_role(&properties)),
            _ => {}
        }
        if let Some(kind) = KINDS.iter().find(|kind| kind.sam == resource.kind) {
            facts.extend(kind.facts(&properties, 1));
        }
    }
    facts
}

/// Facts of a schedule's target: what it calls, how late, how often again.
pub(super) fn schedule(name: Option<&Value>, values: [Option<&Value>; 3]) -> Facts {
    let name = name.and_then(text).unwrap_or_default();
    let settings = ["calls", "late by", "repeats"].into_iter().zip(values);
    settings.filter_map(|(setting, value)| Some((format!("schedule {name}: {setting}"), text(value?)?))).collect()
}

/// A template leaves out what Terraform's provider reads back as 0: then all minutes must be bad.
pub(super) fn all_minutes_unless_said(alarm: &mut Value, minutes: &str, bad: &str) {
    let all = alarm.get(minutes).cloned().unwrap_or_default();
    let said = alarm.get(bad).and_then(Value::as_u64).is_some_and(|bad| bad > 0);
    if let (false, Some(alarm)) = (said, alarm.as_object_mut()) {
        alarm.insert(bad.to_owned(), all);
    }
}

/// Gives a permission the name by which both sides know it: who may call which alias.
pub(super) fn caller(permission: &mut Value, principal: &str, function: &str) {
    let at = |key: &str| permission.get(key).and_then(text).unwrap_or_default();
    let who = format!("{} to {}", at(principal), at(function));
    if let Some(permission) = permission.as_object_mut() {
        permission.insert("who".to_owned(), Value::String(who));
    }
}

/// Lists of entries become maps, so that their order does not count.
pub(super) fn entries_to_maps(value: &mut Value) {
    const ENTRIES: [[&str; 2]; 4] =
        [["Name", "Value"], ["Key", "Value"], ["AttributeName", "AttributeType"], ["name", "type"]];
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(entries_to_maps);
            let entry = |item: &Value| {
                let fields = item.as_object().filter(|fields| fields.len() == 2)?;
                let [name, entry] = ENTRIES.iter().find(|keys| keys.iter().all(|key| fields.contains_key(*key)))?;
                Some((fields[*name].as_str()?.to_owned(), fields[*entry].clone()))
            };
            let entries: Option<Map<_, _>> = items.iter().map(entry).collect();
            if let Some(entries) = entries.filter(|entries| !entries.is_empty()) {
                *value = Value::Object(entries);
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(entries_to_maps),
        _ => {}
    }
}
