output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "alias_arn" {
  description = "ARN of alias live, which callers invoke."
  value       = aws_lambda_alias.live.arn
}

output "alias_invoke_arn" {
  description = "Invoke ARN of alias live, for API Gateway."
  value       = aws_lambda_alias.live.invoke_arn
}

output "alias_name" {
  description = "Name of the alias."
  value       = aws_lambda_alias.live.name
}

output "log_group_name" {
  description = "Log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "version" {
  description = "Newest version."
  value       = aws_lambda_function.this.version
}

output "live_version" {
  description = "Version to which the alias points."
  value       = aws_lambda_alias.live.function_version
}

output "live_versions" {
  description = "Percentage of requests of each version, for tests."
  value = merge(
    { (aws_lambda_alias.live.function_version) = 100 - 100 * sum(concat([0], flatten([for routing in aws_lambda_alias.live.routing_config : values(routing.additional_version_weights)]))) },
    merge([for routing in aws_lambda_alias.live.routing_config : { for version, weight in routing.additional_version_weights : version => 100 * weight }]...),
  )
}

output "target_group_arn" {
  description = "Target group of the load balancer; null without a load balancer."
  value       = one(aws_lb_target_group.this[*].arn)
}

output "target_group_arn_suffix" {
  description = "Target group as a CloudWatch dimension; null without a load balancer."
  value       = one(aws_lb_target_group.this[*].arn_suffix)
}

output "target_group_name" {
  description = "Name of the target group; null without a load balancer."
  value       = one(aws_lb_target_group.this[*].name)
}

output "target_id" {
  description = "ARN that the load balancer invokes, for tests."
  value       = one(aws_lb_target_group_attachment.this[*].target_id)
}

output "multi_value_headers" {
  description = "Whether the load balancer sends multi-value headers, for tests."
  value       = one(aws_lb_target_group.this[*].lambda_multi_value_headers_enabled)
}

output "settings" {
  description = "Settings of the function, for review and tests."
  value       = { memory_mb = aws_lambda_function.this.memory_size, timeout_seconds = aws_lambda_function.this.timeout, reserved_concurrency = aws_lambda_function.this.reserved_concurrent_executions, environment = var.environment, in_vpc = var.vpc != null }
}

output "policies" {
  description = "Policy document of the module's role, for review and tests."
  value       = { function = local.policy }
}
