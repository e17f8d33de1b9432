# Takes the requests off a path whose alarm fires and gives them to the other path, and returns them when the alarm has recovered: docs/adr/0032. The
# alarms are slow to recover on purpose: a failing path without requests looks healthy at once, and would get them back too early.

locals {
  paths = ["fargate", "lambda"]

  # What each rule does, by the path that serves alone; both: as configured.
  forwards = {
    for way in ["both", "fargate", "lambda"] : way => [
      for forward in values(var.forwards) : merge(
        forward.rule_arn == null ? { ListenerArn = forward.listener_arn } : { RuleArn = forward.rule_arn },
        {
          Actions = [{
            Type = "forward"
            ForwardConfig = {
              TargetGroups = [
                for target in forward.targets : {
                  TargetGroupArn = target.arn
                  Weight         = way == "both" ? target.weight : target.arn == (way == "fargate" ? forward.service_arn : forward.function_arn) ? 100 : 0
                } if way == "both" || contains([forward.service_arn, forward.function_arn], target.arn)
              ]
            }
          }]
        },
      )
    ]
  }

  # One round: a failing path loses its requests to the other one. If both fail, or none does any more, the configured weights hold. A round of the
  # schedule changes nothing as long as both are healthy; the event of a recovery returns the requests.
  definition = {
    StartAt = "FailingOnFargate"
    States = merge(
      {
        for path in local.paths : "FailingOn${title(path)}" => {
          Type           = "Task"
          Resource       = "arn:${data.aws_partition.current.partition}:states:::aws-sdk:cloudwatch:describeAlarms"
          Parameters     = { AlarmNames = local.alarm_names[path], StateValue = "ALARM" }
          ResultSelector = { "alarms.$" = "$.MetricAlarms[*].AlarmName" }
          ResultPath     = "$.${path}"
          Next           = path == "fargate" ? "FailingOnLambda" : "Decide"
        }
      },
      {
        Decide = {
          Type = "Choice"
          Choices = [
            { And = [for path in local.paths : { Variable = "$.${path}.alarms[0]", IsPresent = true }], Next = "Both" },
            { Variable = "$.fargate.alarms[0]", IsPresent = true, Next = "Lambda" },
            { Variable = "$.lambda.alarms[0]", IsPresent = true, Next = "Fargate" },
            { Variable = "$.recovered", BooleanEquals = true, Next = "Both" },
          ]
          Default = "Nothing"
        }
        Nothing = { Type = "Succeed" }
      },
      { for way, forwards in local.forwards : title(way) => { Type = "Pass", Result = forwards, Next = "Forward" } },
      {
        Forward = {
          Type = "Map"
          ItemProcessor = {
            ProcessorConfig = { Mode = "INLINE" }
            StartAt         = "RuleOrDefault"
            States = {
              RuleOrDefault = { Type = "Choice", Choices = [{ Variable = "$.RuleArn", IsPresent = true, Next = "Rule" }], Default = "DefaultAction" }
              Rule = {
                Type       = "Task"
                Resource   = "arn:${data.aws_partition.current.partition}:states:::aws-sdk:elasticloadbalancingv2:modifyRule"
                Parameters = { "RuleArn.$" = "$.RuleArn", "Actions.$" = "$.Actions" }
                Retry      = local.retry
                End        = true
              }
              DefaultAction = {
                Type       = "Task"
                Resource   = "arn:${data.aws_partition.current.partition}:states:::aws-sdk:elasticloadbalancingv2:modifyListener"
                Parameters = { "ListenerArn.$" = "$.ListenerArn", "DefaultActions.$" = "$.Actions" }
                Retry      = local.retry
                End        = true
              }
            }
          }
          End = true
        }
      },
    )
  }
  retry = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 2, MaxAttempts = 4, BackoffRate = 2 }]
}

data "aws_partition" "current" {}

################################################################################
# When does a path fail
################################################################################

locals {
  # Responses 5xx of a path and failed functions, in percent of all requests to the shop. An alarm can use ten metrics.
  errors = {
    for key, of in {
      fargate-responses = { path = "fargate", metric = "HTTPCode_Target_5XX_Count", groups = var.service_target_group_arn_suffixes }
      lambda-responses  = { path = "lambda", metric = "HTTPCode_Target_5XX_Count", groups = var.function_target_group_arn_suffixes }
      lambda-failures   = { path = "lambda", metric = "LambdaUserError", groups = var.function_target_group_arn_suffixes }
      } : key => {
      path    = of.path
      errors  = "(${join(" + ", [for name in sort(keys(of.groups)) : "FILL(${name}, 0)"])})"
      metrics = { for name, group in of.groups : name => { metric = of.metric, dimensions = { LoadBalancer = var.load_balancer_arn_suffix, TargetGroup = group } } }
    }
  }
  # A service none of whose tasks is healthy answers with errors of the load balancer, which belong to no target group.
  empty = { for name, group in var.service_target_group_arn_suffixes : "fargate-no-${name}" => { path = "fargate", group = group } }

  alarm_names = { for path in local.paths : path => [for key, alarm in merge(local.errors, local.empty) : module.alarms.names[key] if alarm.path == path] }
}

module "alarms" {
  source = "../alarms"

  prefix     = "${var.name}-path"
  topic_arns = var.alarm_topic_arns

  alarms = merge(
    {
      for key, alarm in local.errors : key => {
        description = "More than ${var.percent} % of the shop's requests fail on path ${alarm.path}. It gets none until ${var.hold_minutes} minutes are free of errors. Runbook: a path fails."
        namespace   = "AWS/ApplicationELB"
        expression  = "IF(${alarm.errors} > 5, 100 * ${alarm.errors} / requests, 0)"
        metrics     = merge(alarm.metrics, { requests = { metric = "RequestCount", dimensions = { LoadBalancer = var.load_balancer_arn_suffix } } })
        minutes     = var.hold_minutes
        bad_minutes = 2
        threshold   = var.percent
      }
    },
    {
      for key, alarm in local.empty : key => {
        description = "No task is healthy. Path fargate gets no requests until ${var.hold_minutes} minutes are free of errors. Runbook: a path fails."
        namespace   = "AWS/ApplicationELB"
        metric      = "HealthyHostCount"
        dimensions  = { LoadBalancer = var.load_balancer_arn_suffix, TargetGroup = alarm.group }
        statistic   = "Maximum"
        minutes     = var.hold_minutes
        bad_minutes = 2
        operator    = "LessThanThreshold"
        threshold   = 1
        silence     = "breaching"
      }
    },
  )
}

################################################################################
# The rounds
################################################################################

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_284:A round takes a second and calls two services
  #checkov:skip=CKV_AWS_285:A failed round fires an alarm, and the next one follows after a minute; the history has no input of shoppers
  name       = "${var.name}-path-shift"
  type       = "EXPRESS"
  role_arn   = aws_iam_role.this["states"].arn
  definition = jsonencode(local.definition)
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = {
    minute    = { schedule_expression = "rate(1 minute)", event_pattern = null }
    recovered = { schedule_expression = null, event_pattern = jsonencode({ source = ["aws.cloudwatch"], "detail-type" = ["CloudWatch Alarm State Change"], detail = { alarmName = flatten(values(local.alarm_names)), state = { value = ["OK"] } } }) }
  }

  name                = "${var.name}-path-shift-${each.key}"
  description         = "Compares the paths of ${var.name}"
  schedule_expression = each.value.schedule_expression
  event_pattern       = each.value.event_pattern
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = aws_cloudwatch_event_rule.this

  rule     = each.value.name
  arn      = aws_sfn_state_machine.this.arn
  role_arn = aws_iam_role.this["events"].arn
  input    = jsonencode({ recovered = each.key == "recovered" })
}

module "failed" {
  source = "../alarms"

  prefix     = var.name
  topic_arns = var.alarm_topic_arns

  alarms = {
    path-shift-failed = {
      description = "Requests could not be moved between the paths. Runbook: a path fails."
      namespace   = "AWS/States"
      metric      = "ExecutionsFailed"
      dimensions  = { StateMachineArn = aws_sfn_state_machine.this.arn }
      bad_minutes = 2
      threshold   = 0
    }
  }
}

locals {
  rule_arns = compact([for forward in values(var.forwards) : forward.rule_arn])
  policies = {
    states = [
      # The action does not support resources.
      { Sid = "ReadAlarms", Effect = "Allow", Action = "cloudwatch:DescribeAlarms", Resource = "*" },
      { Sid = "SetWeights", Effect = "Allow", Action = "elasticloadbalancing:ModifyRule", Resource = local.rule_arns },
      { Sid = "SetDefaultWeights", Effect = "Allow", Action = "elasticloadbalancing:ModifyListener", Resource = [for forward in values(var.forwards) : forward.listener_arn if forward.listener_arn != null] },
    ]
    events = [{ Sid = "StartRounds", Effect = "Allow", Action = "states:StartExecution", Resource = aws_sfn_state_machine.this.arn }]
  }
}

resource "aws_iam_role" "this" {
  for_each = toset(["states", "events"])

  name                 = "${var.name}-path-shift-${each.key}"
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "${each.key}.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.policies

  name   = "run"
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}
