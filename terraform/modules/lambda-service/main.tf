# A function of the shop with alias live, log group, role, and alarms; with a target group if the load balancer invokes it.

locals {
  statements = concat(
    [
      {
        Sid      = "WriteOwnLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this.arn}:*"
      },
      { Sid = "SendTraces", Effect = "Allow", Action = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], Resource = "*" },
    ],
    var.vpc == null ? [] : [{
      Sid    = "OwnNetworkInterfaces"
      Effect = "Allow"
      Action = [
        "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
      ]
      Resource = "*"
    }],
    [for statement in var.statements : merge(
      { Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources },
      length(statement.condition) == 0 ? {} : { Condition = statement.condition },
    )],
  )
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

################################################################################
# Function
################################################################################

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:Concurrency is reserved only to protect a database; on DynamoDB, the account's limit applies
  #checkov:skip=CKV_AWS_116:Invoked synchronously, or by a schedule that repeats after a minute: there is no event to keep
  #checkov:skip=CKV_AWS_117:A function on DynamoDB needs nothing in a VPC, and starts faster outside one
  #checkov:skip=CKV_AWS_173:The variables hold no secrets; those are in SSM
  #checkov:skip=CKV_AWS_272:The artifact is selected by digest from a bucket that only the pipeline writes to
  function_name                  = var.name
  role                           = aws_iam_role.this.arn
  runtime                        = "provided.al2023"
  architectures                  = ["arm64"]
  handler                        = "bootstrap"
  s3_bucket                      = var.artefact.bucket
  s3_key                         = var.artefact.key
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  publish                        = true
  tags                           = { Path = "lambda" }
  # Otherwise network interfaces block the deletion of the security group long after the function is deleted.
  replace_security_groups_on_destroy = var.vpc == null ? null : true

  environment {
    variables = var.environment
  }

  tracing_config {
    mode = "Active"
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = [vpc_config.value.security_group_id]
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = var.live_version == null ? aws_lambda_function.this.version : var.live_version

  dynamic "routing_config" {
    for_each = var.live_version == null || var.canary_percent == 0 ? [] : [for version in [aws_lambda_function.this.version] : version if version != var.live_version]
    content {
      additional_version_weights = { (routing_config.value) = var.canary_percent / 100 }
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Each environment chooses its log retention, which costs money
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "this" {
  name                 = var.name
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "run"
  role   = aws_iam_role.this.id
  policy = local.policy
}

################################################################################
# Load balancer
################################################################################

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_261:Each health check of a function is a billed invocation; alarms monitor its errors instead
  count = var.target_group_name == null ? 0 : 1

  name        = var.target_group_name
  target_type = "lambda"
  # Without multi-value headers, the second Set-Cookie of a response is lost, and query strings arrive undecoded.
  lambda_multi_value_headers_enabled = true
}

resource "aws_lambda_permission" "load_balancer" {
  count = var.target_group_name == null ? 0 : 1

  statement_id  = "load-balancer"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "elasticloadbalancing.amazonaws.com"
  source_arn    = aws_lb_target_group.this[0].arn
}

resource "aws_lb_target_group_attachment" "this" {
  count = var.target_group_name == null ? 0 : 1

  target_group_arn = aws_lb_target_group.this[0].arn
  target_id        = aws_lambda_alias.live.arn

  # Registering the target invokes the function and fails without this permission.
  depends_on = [aws_lambda_permission.load_balancer]
}

################################################################################
# Schedule
################################################################################

resource "aws_cloudwatch_event_rule" "schedule" {
  count = var.schedule == null ? 0 : 1

  name                = var.name
  description         = "Runs ${var.name}"
  schedule_expression = var.schedule
}

resource "aws_cloudwatch_event_target" "schedule" {
  count = var.schedule == null ? 0 : 1

  rule = aws_cloudwatch_event_rule.schedule[0].name
  arn  = aws_lambda_alias.live.arn

  # A run that cannot start need not be repeated: the next run processes the same work.
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }
}

# A failed run need not be repeated either. By default, Lambda retries twice.
resource "aws_lambda_function_event_invoke_config" "schedule" {
  count = var.schedule == null ? 0 : 1

  function_name                = aws_lambda_function.this.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}

resource "aws_lambda_permission" "schedule" {
  count = var.schedule == null ? 0 : 1

  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule[0].arn
}

################################################################################
# Alarms
################################################################################

module "alarms" {
  source = "../alarms"

  prefix     = var.name
  topic_arns = var.alarm_topic_arns

  alarms = {
    for kind, threshold in { errors = 0, throttles = 3 } : kind => {
      description                   = "Function ${var.name}: ${kind}. Runbook: function ${kind}."
      namespace                     = "AWS/Lambda"
      metric                        = title(kind)
      # Of the alias, which callers invoke.
      dimensions  = { FunctionName = aws_lambda_function.this.function_name, Resource = "${aws_lambda_function.this.function_name}:${aws_lambda_alias.live.name}" }
      bad_minutes = 2
      threshold   = threshold
    }
  }
}
