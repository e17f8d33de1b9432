# The same functions behind an API Gateway HTTP API: a front door without an hourly price.

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  protocol_type = "HTTP"
  description   = "The shop, one integration a function."
}

resource "aws_apigatewayv2_integration" "function" {
  for_each = var.functions

  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = each.value.alias_invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "path" {
  #checkov:skip=CKV_AWS_309:The shop is public; the shop itself checks sessions and operators
  for_each = var.paths

  api_id    = aws_apigatewayv2_api.this.id
  route_key = "ANY ${each.key}"
  target    = "integrations/${aws_apigatewayv2_integration.function[each.value].id}"
}

resource "aws_apigatewayv2_route" "default" {
  #checkov:skip=CKV_AWS_309:The shop is public; the shop itself checks sessions and operators
  api_id    = aws_apigatewayv2_api.this.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.function[var.default].id}"
}

resource "aws_lambda_permission" "this" {
  for_each = var.functions

  statement_id  = "http-api"
  action        = "lambda:InvokeFunction"
  function_name = each.value.name
  qualifier     = each.value.alias_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*/*"
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    detailed_metrics_enabled = true
    throttling_burst_limit   = var.requests_per_second
    throttling_rate_limit    = var.requests_per_second
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.this.arn
    # Neither query nor address: both can identify a visitor.
    format = jsonencode({
      request_id        = "$context.requestId"
      method            = "$context.httpMethod"
      route             = "$context.routeKey"
      status            = "$context.status"
      duration_ms       = "$context.responseLatency"
      bytes             = "$context.responseLength"
      integration_error = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Each environment chooses its log retention, which costs money
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

module "alarms" {
  source = "../alarms"

  prefix     = var.name
  topic_arns = var.alarm_topic_arns

  alarms = {
    # The average of this metric is the ratio of failed requests.
    api-5xx = {
      description = "More than one percent of the answers of HTTP API ${var.name} are 5xx. Runbook: api 5xx."
      namespace   = "AWS/ApiGateway"
      metric      = "5xx"
      dimensions  = { ApiId = aws_apigatewayv2_api.this.id }
      statistic   = "Average"
      threshold   = 0.01
    }
  }
}
