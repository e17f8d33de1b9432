output "log_configuration" {
  description = "logConfiguration of the application's container, as JSON."
  value       = var.destination == "datadog" ? jsonencode(local.firelens) : jsonencode(local.awslogs)
}

output "container" {
  description = "Definition of the router's container as JSON; null without a router."
  value       = var.destination == "datadog" ? jsonencode(local.router) : null
}

output "secret_arns" {
  description = "Parameters that the execution role must be able to read for the router."
  value       = var.destination == "datadog" ? [var.datadog_api_key_arn] : []
}

output "task_statements" {
  description = "IAM permissions that the router needs from the task's role: the metrics of the application's log lines."
  value       = var.destination == "datadog" ? [{ sid = "WriteMetrics", actions = ["logs:CreateLogStream", "logs:PutLogEvents"], resources = ["${var.log_group_arn}:*"] }] : []
}
