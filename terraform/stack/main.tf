# One environment of the shop: network, front door, data, and both paths. envs/<name>.tfvars sets the sizes.

module "kms" {
  source = "../modules/kms"

  name                 = local.prefix
  deletion_window_days = var.environment.protected ? 30 : 7
}

module "network" {
  source = "../modules/network"

  name                     = local.prefix
  cidr_block               = var.environment.cidr_block
  nat_gateways             = var.egress.nat_gateways
  interface_endpoints      = var.egress.interface_endpoints
  log_retention_days       = var.environment.log_retention_days
  kms_key_arn              = module.kms.key_arn
  permissions_boundary_arn = var.permissions_boundary_arn
}

################################################################################
# Front door
################################################################################

module "dns" {
  source = "../modules/dns"

  name        = local.prefix
  domain_name = var.domain.name
  zone_id     = var.domain.zone_id
}

module "logs" {
  source = "../modules/bucket"

  name             = "${local.prefix}-logs-${local.account}"
  force_destroy    = !var.environment.protected
  expire_days      = 90
  old_version_days = 1
  log_writers      = { load-balancer = "logdelivery.elasticloadbalancing.amazonaws.com" }
}

module "alb" {
  source = "../modules/alb"

  name                     = local.prefix
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.public_subnet_ids
  security_group_id        = aws_security_group.this["load-balancer"].id
  certificate_arn          = module.dns.certificate_arn
  zone_id                  = module.dns.zone_id
  domain_name              = var.domain.name
  log_bucket               = module.logs.name
  log_prefix               = "load-balancer"
  protected                = var.environment.protected
  port                     = var.image.container_port
  services                 = toset(concat(keys(local.images), local.fake_payments ? ["payments"] : []))
  pages                    = local.fake_payments ? { payments = ["/authenticate/*"] } : {}
  routes                   = local.routes
  lambda_target_group_arns = { for area, function in module.function : area => function.target_group_arn if contains(local.areas, area) }
  lambda_weights           = local.lambda_weights
  canary_weight            = var.canary == null ? 0 : var.canary.weight
}

module "path_shift" {
  source = "../modules/path-shift"
  count  = var.path_shift != null && local.has_functions ? 1 : 0

  name                               = local.prefix
  account_id                         = local.account
  hold_minutes                       = var.path_shift.hold_minutes
  forwards                           = module.alb.forwards
  load_balancer_arn_suffix           = module.alb.arn_suffix
  service_target_group_arn_suffixes  = { for role in ["frontend", "backend"] : role => module.alb.target_group_arn_suffixes[role] }
  function_target_group_arn_suffixes = { for area, function in module.function : area => function.target_group_arn_suffix if contains(local.areas, area) }
  alarm_topic_arns                   = [module.observability.topic_arn]
  permissions_boundary_arn           = var.permissions_boundary_arn
}

module "waf" {
  source = "../modules/waf"
  count  = var.environment.web_acl ? 1 : 0

  name               = local.prefix
  load_balancer_arn  = module.alb.arn
  log_retention_days = var.environment.log_retention_days
  kms_key_arn        = module.kms.key_arn
}

################################################################################
# Data
################################################################################

module "rds" {
  source = "../modules/rds"
  count  = local.uses_postgres ? 1 : 0

  identifier               = local.prefix
  instance_class           = var.environment.database.class
  multi_az                 = var.environment.database.multi_az
  storage_gb               = var.environment.database.storage_gb
  max_storage_gb           = var.environment.database.max_storage_gb
  backup_days              = var.environment.database.backup_days
  protected                = var.environment.protected
  subnet_ids               = module.network.isolated_subnet_ids
  security_group_id        = aws_security_group.this["database"].id
  kms_key_arn              = module.kms.key_arn
  log_retention_days       = var.environment.log_retention_days
  alarm_topic_arns         = [module.observability.topic_arn]
  permissions_boundary_arn = var.permissions_boundary_arn
}

module "dynamodb" {
  source = "../modules/dynamodb"

  name             = local.prefix
  attributes       = local.settings.table
  protected        = var.environment.protected
  kms_key_arn      = module.kms.key_arn
  alarm_topic_arns = [module.observability.topic_arn]
}

module "assets" {
  source = "../modules/bucket"

  name          = "${local.prefix}-assets-${local.account}"
  force_destroy = !var.environment.protected
}

module "secrets" {
  source   = "../modules/secrets"
  for_each = local.parameters

  prefix     = "${local.ssm_path}/${each.key}"
  parameters = each.value
  kms_key_id = module.kms.key_arn
}

module "log_router_secrets" {
  source = "../modules/secrets"

  prefix     = "${local.ssm_path}/log-router"
  parameters = var.log_destination == "datadog" ? { datadog-api-key = "API key of Datadog's log intake" } : {}
  kms_key_id = module.kms.key_arn
}

################################################################################
# Monitoring
################################################################################

module "observability" {
  source = "../modules/observability"

  name                               = local.prefix
  alarm_email                        = var.alarm_email
  kms_key_arn                        = module.kms.key_arn
  load_balancer_arn_suffix           = module.alb.arn_suffix
  target_group_arn_suffixes          = module.alb.target_group_arn_suffixes
  function_target_group_arn_suffixes = { for area, function in module.function : area => function.target_group_arn_suffix if contains(local.areas, area) }
  cluster_name                       = local.prefix
  service_names                      = { for service in keys(local.images) : service => "${local.prefix}-${service}" }
  function_names                     = { for function in keys(local.functions) : function => "${local.prefix}-${function}" }
  database_identifier                = local.uses_postgres ? local.prefix : null
  table_name                         = local.prefix
  metrics_namespace                  = "${var.project}/${local.name}"
  worker_services                    = [for process in ["backend", "worker"] : "${var.project}-${process}" if process == "backend" ? local.backend_runs_worker : contains(keys(local.functions), process)]
  order_services                     = [for process in ["backend", "checkout", "admin", "worker"] : "${var.project}-${process}" if process == "backend" || contains(keys(local.functions), process)]
  quiet_hours                        = var.environment.quiet_hours
  budget_usd                         = var.environment.budget_usd
  budget_tag                         = local.name
}
