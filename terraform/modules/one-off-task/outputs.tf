output "task_definition_arn" {
  description = "Task definition to run."
  value       = aws_ecs_task_definition.this.arn
}

output "container_definitions" {
  description = "Container as JSON, for review and tests."
  value       = aws_ecs_task_definition.this.container_definitions
}

output "policies" {
  description = "Policy documents of the module's roles, for review and tests."
  value       = { execution = local.execution_policy, task = local.task_policy }
}
