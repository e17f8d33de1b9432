# The topic that alarms notify, alarms of the environment as a whole, and one dashboard that shows both paths.

data "aws_region" "current" {}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AlarmsAndBudget"
      Effect    = "Allow"
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

data "aws_caller_identity" "current" {}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

################################################################################
# Alarms of the load balancer and of the services; the other modules create their own
################################################################################

module "alarms" {
  source = "../alarms"

  prefix     = var.name
  topic_arns = [aws_sns_topic.alarms.arn]

  alarms = merge(
    {
      latency = {
        description = "The 95th percentile of latency is above ${var.latency_seconds} s. Runbook: latency."
        namespace   = "AWS/ApplicationELB"
        metric      = "TargetResponseTime"
        dimensions  = { LoadBalancer = var.load_balancer_arn_suffix }
        statistic   = "p95"
        minutes     = 5
        threshold   = var.latency_seconds
      }
      load-balancer-5xx = {
        description = "The load balancer itself returns 5xx: no healthy target, or a failing function. Runbook: load balancer 5xx."
        namespace   = "AWS/ApplicationELB"
        metric      = "HTTPCode_ELB_5XX_Count"
        dimensions  = { LoadBalancer = var.load_balancer_arn_suffix }
        bad_minutes = 2
        threshold   = 5
      }
    },
    {
      for service, group in var.target_group_arn_suffixes : "${service}-unhealthy" => {
        description = "Tasks of ${service} fail their health check. Runbook: unhealthy."
        namespace   = "AWS/ApplicationELB"
        metric      = "UnHealthyHostCount"
        dimensions  = { LoadBalancer = var.load_balancer_arn_suffix, TargetGroup = group }
        statistic   = "Maximum"
        threshold   = 0
      }
    },
    # A response 5xx is no error of the invocation, so the functions' own alarms do not see it.
    {
      for area, group in var.function_target_group_arn_suffixes : "fn-${area}-5xx" => {
        description = "The function of ${area} returns 5xx. Runbook: 5xx."
        namespace   = "AWS/ApplicationELB"
        expression  = "IF(errors > 1, 100 * errors / requests, 0)"
        bad_minutes = 2
        threshold   = 1
        metrics = {
          for id, metric in { errors = "HTTPCode_Target_5XX_Count", requests = "RequestCount" } :
          id => { metric = metric, dimensions = { LoadBalancer = var.load_balancer_arn_suffix, TargetGroup = group } }
        }
      }
    },
    merge([for kind in ["CPU", "Memory"] : {
      for role, service in var.service_names : "${role}-${lower(kind)}" => {
        description = "Tasks of ${role} use more than 85 % of their ${kind}. Runbook: load."
        namespace   = "AWS/ECS"
        metric      = "${kind}Utilization"
        dimensions  = { ClusterName = var.cluster_name, ServiceName = service }
        statistic   = "Average"
        minutes     = 5
        threshold   = 85
      }
    }]...),
  )
}

################################################################################
# Alarms of the business: what the shop itself counts. Each process writes metrics under its own name, so an alarm adds up those that can have the event
################################################################################

locals {
  counted = {
    payments-unknown = {
      description = "Payments stay unknown: the provider does not answer clearly. Runbook: Checkout: payments stay unknown."
      of          = { metric = "Payments", dimension = "Outcome", value = "unknown" }
      minutes     = 10
      bad_minutes = 5
    }
    refund-failed = {
      description = "A bank returned a refund. Runbook: A refund failed."
      of          = { metric = "Orders", dimension = "Event", value = "refund_failed" }
      minutes     = 1
    }
    worker-failed = {
      description = "The worker cannot process an order. Runbook: Checkout: the worker is stuck."
      of          = { metric = "Worker", dimension = "Result", value = "failed" }
      minutes     = 10
      bad_minutes = 5
    }
    undelivered = {
      description = "Messages have waited for half an hour: a receiver of events or mails rejects them. Runbook: Checkout: the worker is stuck."
      of          = { metric = "Worker", dimension = "Result", value = "undelivered" }
      minutes     = 30
      bad_minutes = 25
    }
    store = {
      description = "The worker cannot read the store. Runbook: store."
      of          = { metric = "Worker", dimension = "Result", value = "store_unavailable" }
      minutes     = 3
      bad_minutes = 2
    }
    # A worker that does not run writes nothing.
    worker-silent = {
      description = "No run of the worker has succeeded for ten minutes. Runbook: Checkout: the worker is stuck."
      of          = { metric = "Worker", dimension = "Result", value = "runs" }
      minutes     = 10
      operator    = "LessThanThreshold"
      threshold   = 1
      silence     = "breaching"
    }
  }
  no_orders = var.quiet_hours == null ? {} : {
    no-orders = {
      description = "Nobody has ordered for ${var.quiet_hours} hours. Runbook: no orders."
      of          = { metric = "Orders", dimension = "Event", value = "placed" }
      minutes     = var.quiet_hours
      period      = 3600
      operator    = "LessThanThreshold"
      threshold   = 1
      silence     = "breaching"
    }
  }
}

module "business_alarms" {
  source = "../alarms"

  prefix     = var.name
  topic_arns = [aws_sns_topic.alarms.arn]

  alarms = {
    for name, alarm in merge(local.counted, local.no_orders) : name => {
      description    = alarm.description
      namespace      = var.metrics_namespace
      expression     = "SUM(METRICS())"
      metrics        = { for index, service in alarm.of.metric == "Worker" ? var.worker_services : var.order_services : "m${index}" => { metric = alarm.of.metric, dimensions = { Service = service, (alarm.of.dimension) = alarm.of.value } } }
      minutes        = alarm.minutes
      bad_minutes    = lookup(alarm, "bad_minutes", alarm.minutes)
      period_seconds = lookup(alarm, "period", 60)
      operator       = lookup(alarm, "operator", "GreaterThanThreshold")
      threshold      = lookup(alarm, "threshold", 0)
      silence        = lookup(alarm, "silence", "notBreaching")
    }
  }
}

################################################################################
# Budget
################################################################################

resource "aws_budgets_budget" "this" {
  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = format("%.1f", var.budget_usd)
  limit_unit   = "USD"

  # The budget filters by tag; activate the tag once in the billing console.
  cost_filter {
    name = "TagKeyValue"
    # $${ would be a literal ${.
    values = [format("user:Environment$%s", var.budget_tag)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }
    content {
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      comparison_operator       = "GREATER_THAN"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }
}

################################################################################
# Dashboard
################################################################################

locals {
  region = data.aws_region.current.name
  widgets = concat(
    [
      {
        title = "Requests and errors"
        stat  = "Sum"
        metrics = [for metric in ["RequestCount", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"] :
        ["AWS/ApplicationELB", metric, "LoadBalancer", var.load_balancer_arn_suffix]]
      },
      {
        title = "Latency of both paths, p95"
        stat  = "p95"
        metrics = concat(
          [for service, group in var.target_group_arn_suffixes : ["AWS/ApplicationELB", "TargetResponseTime", "TargetGroup", group, "LoadBalancer", var.load_balancer_arn_suffix]],
          [for area, name in var.function_names : ["AWS/Lambda", "Duration", "FunctionName", name]],
        )
      },
      {
        title   = "Tasks: CPU and memory"
        stat    = "Average"
        metrics = concat([for role, name in var.service_names : [for metric in ["CPUUtilization", "MemoryUtilization"] : ["AWS/ECS", metric, "ClusterName", var.cluster_name, "ServiceName", name]]]...)
      },
      {
        title   = "Table: consumed units and throttles"
        stat    = "Sum"
        metrics = [for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"] : ["AWS/DynamoDB", metric, "TableName", var.table_name]]
      },
    ],
    length(var.function_names) == 0 ? [] : [{
      title   = "Functions: invocations, errors, throttles"
      stat    = "Sum"
      metrics = concat([for metric in ["Invocations", "Errors", "Throttles"] : [for area, name in var.function_names : ["AWS/Lambda", metric, "FunctionName", name]]]...)
    }],
    var.database_identifier == null ? [] : [{
      title   = "Database: CPU and connections"
      stat    = "Average"
      metrics = [for metric in ["CPUUtilization", "DatabaseConnections"] : ["AWS/RDS", metric, "DBInstanceIdentifier", var.database_identifier]]
    }],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type   = "metric"
        x      = index % 2 * 12
        y      = floor(index / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = widget.title
          stat    = widget.stat
          metrics = widget.metrics
          region  = local.region
          period  = 60
        }
      }
    ]
  })
}
