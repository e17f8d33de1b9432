output "topic_arn" {
  description = "SNS topic that alarms notify."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "dashboard_body" {
  description = "Dashboard as JSON, for tests."
  value       = aws_cloudwatch_dashboard.this.dashboard_body
}

output "worker_services" {
  description = "Names of the processes whose worker the alarms watch, for tests."
  value       = var.worker_services
}
