output "topic_arn" {
  description = "Who hears of alarms."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_name" {
  description = "The dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "dashboard_body" {
  description = "The dashboard as JSON, for tests."
  value       = aws_cloudwatch_dashboard.this.dashboard_body
}
