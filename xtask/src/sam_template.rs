//! The generated parts of the SAM templates: functions with their roles, logs, alarms and integrations from
//! `functions/settings.json` and `functions/access.json`, routes and listener rules from the route table. Terraform reads the
//! same sources.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use shopease_shared::http::listener_rules::{self, LISTENER_RULES};
use shopease_shared::http::routes::{self, Area, Surface};

use crate::tools::root;

const FUNCTIONS: &str = "  # Generated from functions/settings.json and the route table by `cargo xtask generate`:\n";
const RULES: &str = "  # Generated from the route table by `cargo xtask generate`:\n";
const END: &str = "  # End of the generated part.\n";

/// `functions/settings.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    defaults: Limits,
    functions: BTreeMap<String, Function>,
}

/// What every function has, unless it says otherwise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    memory_mb: u32,
    timeout_seconds: u32,
    reserved_concurrency: Option<u32>,
}

/// One function.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Function {
    memory_mb: Option<u32>,
    timeout_seconds: Option<u32>,
    reserved_concurrency: Option<u32>,
}

/// `functions/access.json`: what each function does to the table, as a test of `tests/it/access.rs` has recorded it.
type AccessOfFunctions = BTreeMap<String, Vec<Access>>;

/// Actions on items whose partition key is like one of `keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    actions: Vec<String>,
    keys: Vec<String>,
}

/// `sam/template.yaml` with its functions and routes.
///
/// # Errors
/// When the settings cannot be read, do not fit the areas, or the template has no generated part.
pub fn functions(template: &str) -> Result<String> {
    let settings: Settings = serde_json::from_str(&std::fs::read_to_string(root().join("functions/settings.json"))?)
        .context("functions/settings.json")?;
    let accesses: AccessOfFunctions =
        serde_json::from_str(&std::fs::read_to_string(root().join("functions/access.json"))?)
            .context("functions/access.json")?;
    let mut known: Vec<_> = Area::ALL.iter().map(|area| area.name()).collect();
    known.push("worker");
    if let Some(stranger) = settings.functions.keys().find(|name| !known.contains(&name.as_str())) {
        bail!("functions/settings.json names {stranger:?}, which is no function");
    }
    let mut resources = String::new();
    for name in known {
        let function =
            settings.functions.get(name).with_context(|| format!("functions/settings.json lacks {name:?}"))?;
        let access = accesses.get(name).with_context(|| format!("functions/access.json lacks {name:?}"))?;
        resources += &function_resources(name, function, access, &settings.defaults);
        if name != "worker" {
            resources += &integration(name);
        }
    }
    resources += &routes();
    replaced(template, FUNCTIONS, &resources)
}

/// `sam/load-balancer.yaml` with its target groups and rules.
///
/// # Errors
/// When the template has no generated part.
pub fn load_balancer(template: &str) -> Result<String> {
    let mut resources: String = Area::ALL.iter().map(|area| target_group(area.name())).collect();
    let catch_all = vec!["/*".to_owned()];
    let (area, surface) = listener_rules::DEFAULT;
    let rules = LISTENER_RULES.iter().map(|rule| (rule.area, rule.surface, &rule.patterns));
    for (number, (area, surface, patterns)) in rules.chain([(area, surface, &catch_all)]).enumerate() {
        resources += &listener_rule(number, area, surface, patterns);
    }
    replaced(template, RULES, &resources)
}

fn replaced(template: &str, begin: &str, resources: &str) -> Result<String> {
    let (before, rest) = template.split_once(begin).with_context(|| format!("the template lacks {begin}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("the template lacks {END}"))?;
    Ok(format!("{before}{begin}{resources}{END}{after}"))
}

/// A name in the templates' case: `cart` is `Cart`.
fn logical(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

fn function_resources(name: &str, function: &Function, access: &[Access], defaults: &Limits) -> String {
    let logical = logical(name);
    let memory = function.memory_mb.unwrap_or(defaults.memory_mb);
    let timeout = function.timeout_seconds.unwrap_or(defaults.timeout_seconds);
    let concurrency =
        function.reserved_concurrency.or(defaults.reserved_concurrency).map_or_else(String::new, |count| {
            format!("      ReservedConcurrentExecutions: !If [Reserves, {count}, !Ref AWS::NoValue]\n")
        });
    format!(
        "  {logical}Function:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties: {{ Binary: {name} }}
    Properties:
      FunctionName: !Sub \"shopease-${{Environment}}-{name}\"
      CodeUri: ../functions/
      MemorySize: {memory}
      Timeout: {timeout}
{concurrency}      Role: !GetAtt {logical}Role.Arn
      LoggingConfig: {{ LogGroup: !Ref {logical}Log }}
      Environment:
        Variables:
          SHOPEASE_SSM_PREFIX: !If [ReadsParameters, !Sub \"/shopease/${{Environment}}/{name}\", !Ref AWS::NoValue]
          DD_SERVICE: shopease-{name}
      DeploymentPreference:
        Type: !Ref DeploymentType
        Alarms: [!Ref {logical}ErrorsAlarm]

  {logical}Log:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      LogGroupName: !Sub \"/aws/lambda/shopease-${{Environment}}-{name}\"
      RetentionInDays: !Ref LogRetentionDays

{}
{}{}",
        role(name, &logical, access),
        alarm(name, "errors", "Errors", 0),
        alarm(name, "throttles", "Throttles", 3),
    )
}

/// An alarm on what callers of the alias meet.
fn alarm(name: &str, kind: &str, metric: &str, threshold: u32) -> String {
    let logical = logical(name);
    format!(
        "  {logical}{metric}Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !Sub \"shopease-${{Environment}}-{name}-{kind}\"
      AlarmDescription: !Sub \"Function shopease-${{Environment}}-{name}: {kind}. Runbook: function {kind}.\"
      Namespace: AWS/Lambda
      MetricName: {metric}
      Dimensions:
        - {{ Name: FunctionName, Value: !Sub \"shopease-${{Environment}}-{name}\" }}
        - {{ Name: Resource, Value: !Sub \"shopease-${{Environment}}-{name}:live\" }}
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 3
      DatapointsToAlarm: 2
      Threshold: {threshold}
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: !If [HasAlarmTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]
      OKActions: !If [HasAlarmTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]

"
    )
}

/// The role of a function: its table access, its own log, its own parameters.
fn role(name: &str, logical: &str, table: &[Access]) -> String {
    let mut statements = String::new();
    for access in table {
        let actions: Vec<_> = access.actions.iter().map(|action| format!("\"dynamodb:{action}\"")).collect();
        let keys: Vec<_> = access.keys.iter().map(|key| format!("\"{key}\"")).collect();
        let _ = write!(
            statements,
            "              - Effect: Allow
                Action: [{}]
                Resource: !Sub
                  - \"arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/${{Name}}\"
                  - {{ Name: !If [CreateTable, !Ref Table, !Ref TableName] }}
                Condition: {{ \"ForAllValues:StringLike\": {{ \"dynamodb:LeadingKeys\": [{}] }} }}
",
            actions.join(", "),
            keys.join(", ")
        );
    }
    format!(
        "  {logical}Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub \"shopease-${{Environment}}-{name}\"
      Description: What the function {name} may do.
      AssumeRolePolicyDocument:
        Version: \"2012-10-17\"
        Statement:
          - {{ Effect: Allow, Principal: {{ Service: lambda.amazonaws.com }}, Action: \"sts:AssumeRole\" }}
      Policies:
        - PolicyName: table
          PolicyDocument:
            Version: \"2012-10-17\"
            Statement:
{statements}        - PolicyName: log
          PolicyDocument:
            Version: \"2012-10-17\"
            Statement:
              - Effect: Allow
                Action: [\"logs:CreateLogStream\", \"logs:PutLogEvents\"]
                Resource: !Sub \"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:/aws/lambda/shopease-${{Environment}}-{name}:*\"
        - PolicyName: traces
          PolicyDocument:
            Version: \"2012-10-17\"
            Statement:
              # These actions know no resources.
              - {{ Effect: Allow, Action: [\"xray:PutTelemetryRecords\", \"xray:PutTraceSegments\"], Resource: \"*\" }}
        - PolicyName: parameters
          PolicyDocument:
            Version: \"2012-10-17\"
            Statement:
              - Effect: Allow
                Action: \"ssm:GetParametersByPath\"
                Resource:
                  - !Sub \"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter/shopease/${{Environment}}/{name}\"
                  - !Sub \"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter/shopease/${{Environment}}/{name}/*\"
              - !If
                - HasSecretsKey
                - Effect: Allow
                  Action: \"kms:Decrypt\"
                  Resource: !Ref SecretsKeyArn
                  Condition:
                    StringEquals: {{ \"kms:ViaService\": !Sub \"ssm.${{AWS::Region}}.amazonaws.com\" }}
                    StringLike:
                      \"kms:EncryptionContext:PARAMETER_ARN\": !Sub \"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter/shopease/${{Environment}}/{name}/*\"
                - !Ref AWS::NoValue
"
    )
}

/// How the HTTP API calls a function.
fn integration(name: &str) -> String {
    let logical = logical(name);
    format!(
        "  {logical}Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !Ref {logical}FunctionAliaslive
      PayloadFormatVersion: \"2.0\"

  {logical}ApiPermission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref {logical}FunctionAliaslive
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub \"arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/*/*\"

"
    )
}

/// A route per path, whatever the method: the function's router answers 405 and HEAD itself, as it does behind a load balancer.
fn routes() -> String {
    let paths: BTreeMap<_, _> = routes::all().map(|route| (route.path, route.area)).collect();
    let keys = paths.into_iter().map(|(path, area)| (format!("ANY {}", path.replace("{*path}", "{path+}")), area));
    let default = ("$default".to_owned(), listener_rules::DEFAULT.0);
    let mut text = String::new();
    for (number, (key, area)) in keys.chain([default]).enumerate() {
        let _ = write!(
            text,
            "  Route{number:02}:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ ApiId: !Ref Api, RouteKey: \"{key}\", AuthorizationType: NONE, Target: !Sub \"integrations/${{{}Integration}}\" }}
",
            logical(area.name())
        );
    }
    text
}

fn target_group(name: &str) -> String {
    let logical = logical(name);
    let function = format!(
        "!Sub \"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:shopease-${{Environment}}-{name}:live\""
    );
    format!(
        "  {logical}Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: {function}
      Principal: elasticloadbalancing.amazonaws.com
      SourceAccount: !Ref AWS::AccountId
      # By name: the group's own ARN exists only after its target, which needs this permission.
      SourceArn: !Sub \"arn:${{AWS::Partition}}:elasticloadbalancing:${{AWS::Region}}:${{AWS::AccountId}}:targetgroup/shopease-${{Environment}}-fn-{name}/*\"

  {logical}TargetGroup:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    DependsOn: {logical}Permission
    Properties:
      Name: !Sub \"shopease-${{Environment}}-fn-{name}\"
      TargetType: lambda
      HealthCheckEnabled: false
      TargetGroupAttributes:
        - {{ Key: lambda.multi_value_headers.enabled, Value: \"true\" }}
      Targets:
        - Id: {function}

"
    )
}

fn listener_rule(number: usize, area: Area, surface: Surface, patterns: &[String]) -> String {
    let service = if surface == Surface::Api { "Backend" } else { "Frontend" };
    let patterns: Vec<_> = patterns.iter().map(|pattern| format!("\"{pattern}\"")).collect();
    format!(
        "  Rule{number:02}:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref ListenerArn
      Priority: {}
      Conditions:
        - {{ Field: path-pattern, PathPatternConfig: {{ Values: [{}] }} }}
      Actions:
        - Type: forward
          ForwardConfig:
            TargetGroups:
              - {{ TargetGroupArn: !Ref {service}TargetGroupArn, Weight: !Ref FargateWeight }}
              - {{ TargetGroupArn: !Ref {}TargetGroup, Weight: !Ref LambdaWeight }}

",
        number + 1,
        patterns.join(", "),
        logical(area.name())
    )
}
