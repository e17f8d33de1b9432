output "url" {
  description = "URL of the shop."
  value       = local.url
}

output "http_api_url" {
  description = "URL of the functions without the load balancer; null without the HTTP API."
  value       = one(module.http_api[*].url)
}

output "name_servers" {
  description = "Name servers to which the parent of a new zone must delegate."
  value       = module.dns.name_servers
}

output "deployment" {
  description = "Settings for the pipeline and smoke tests; also stored below <ssm path>/deployment."
  value       = local.deployment
}

output "release" {
  description = "What runs: image, functions, and the versions to which their aliases point, for the pipeline's canary and rollback."
  value       = { image = var.image, functions = var.functions, function_versions = { for area, function in module.function : area => function.live_version } }
}

output "weights" {
  description = "Share of each target group in every rule, in percent."
  value       = { for name, rule in module.alb.rules : name => rule.weights }
}

output "dashboard" {
  description = "URL of the dashboard that shows both paths."
  value       = "https://${local.region}.console.aws.amazonaws.com/cloudwatch/home?region=${local.region}#dashboards/dashboard/${module.observability.dashboard_name}"
}

output "parameter_names" {
  description = "Every parameter of the environment, for the pipeline's check that the secrets are set."
  value = concat(
    flatten([for secrets in module.secrets : secrets.names]),
    module.log_router_secrets.names,
    [for parameter in aws_ssm_parameter.deployment : parameter.name],
    [for parameter in aws_ssm_parameter.tasks : parameter.name],
  )
}

output "policies" {
  description = "Every policy document by module and role, for review and tests."
  value = merge(
    { for name, policy in module.kms.policies : "kms/${name}" => policy },
    { for name, policy in module.network.policies : "network/${name}" => policy },
    { for name, policy in module.logs.policies : "logs/${name}" => policy },
    { for name, policy in module.assets.policies : "assets/${name}" => policy },
    merge([for key, service in merge(module.backend, module.frontend) : { for name, policy in service.policies : "${key}/${name}" => policy }]...),
    merge([for service in module.payments : { for name, policy in service.policies : "payments/${name}" => policy }]...),
    merge([for key, function in module.function : { for name, policy in function.policies : "function-${key}/${name}" => policy }]...),
    merge([for shift in module.path_shift : { for name, policy in shift.policies : "path-shift/${name}" => policy }]...),
    merge([for task in module.migrate : { for name, policy in task.policies : "migrate/${name}" => policy }]...),
    merge([for task in module.database_users : { for name, policy in task.policies : "database-users/${name}" => policy }]...),
  )
}

locals {
  deployment = merge({
    url                = local.url
    frontend-service   = module.frontend["frontend"].name
    backend-service    = module.backend["backend"].name
    backend-task       = module.backend["backend"].task_definition_arn
    table              = module.dynamodb.name
    assets-bucket      = module.assets.name
    kms-key-arn        = module.kms.key_arn
    frontend-error     = module.frontend["frontend"].error_alarm_name
    backend-error      = module.backend["backend"].error_alarm_name
    parameter-path     = local.ssm_path
    dashboard          = module.observability.dashboard_name
    alarm-topic-arn    = module.observability.topic_arn
    load-balancer-name = module.alb.dns_name
    },
    local.tasks,
    { for database in module.rds : "database" => database.identifier },
  )
}

resource "aws_ssm_parameter" "deployment" {
  #checkov:skip=CKV2_AWS_34:Names and addresses for scripts, no secrets
  for_each = { for name, value in local.deployment : name => value if !contains(keys(local.tasks), name) }

  name  = "${local.ssm_path}/deployment/${each.key}"
  type  = "String"
  value = each.value
}
