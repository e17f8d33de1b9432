output "name" {
  description = "Name of the service."
  value       = one(local.services[*].name)
}

output "task_definition_arn" {
  description = "Task definition, for one-off tasks with the same image."
  value       = aws_ecs_task_definition.this.arn
}

output "container_definitions" {
  description = "Containers as JSON, for review and tests."
  value       = aws_ecs_task_definition.this.container_definitions
}

output "scaling" {
  description = "Minimum and maximum of autoscaling; empty without autoscaling."
  value       = [for target in concat(aws_appautoscaling_target.this, aws_appautoscaling_target.scheduled) : [target.min_capacity, target.max_capacity]]
}

output "scaling_rules" {
  description = "Value of each scaling policy by its metric, and minimum of each scheduled action by its schedule, for tests."
  value = {
    policies = {
      for policy in concat(aws_appautoscaling_policy.cpu, aws_appautoscaling_policy.requests) :
      policy.target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type => policy.target_tracking_scaling_policy_configuration[0].target_value
    }
    schedules = { for action in aws_appautoscaling_scheduled_action.night : action.schedule => tonumber(action.scalable_target_action[0].min_capacity) }
  }
}

output "size" {
  description = "Number of tasks, CPU units, and MiB, for review and tests."
  value       = { desired = one(local.services[*].desired_count), cpu = var.cpu, memory_mb = var.memory_mb }
}

output "error_alarm_name" {
  description = "Alarm on 5xx responses."
  value       = module.alarms.names["5xx"]
}

output "execution_role_arn" {
  description = "Execution role: starts tasks."
  value       = aws_iam_role.execution.arn
}

output "task_role_arn" {
  description = "Task role: permissions of the program."
  value       = aws_iam_role.task.arn
}

output "policies" {
  description = "Policy documents of the module's roles, for review and tests."
  value       = { execution = local.execution_policy, task = local.task_policy }
}

output "deployment" {
  description = "Minimum and maximum percentage of tasks during a deployment, for tests."
  value       = { least = one(local.services[*].deployment_minimum_healthy_percent), most = one(local.services[*].deployment_maximum_percent) }
}

output "capacity" {
  description = "Where tasks run: FARGATE or FARGATE_SPOT, for tests."
  value       = one([for service in local.services : length(service.capacity_provider_strategy) == 0 ? service.launch_type : one(service.capacity_provider_strategy).capacity_provider])
}
