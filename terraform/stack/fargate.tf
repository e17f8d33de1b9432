# Path A: frontend and backend tasks, a canary of each while there is one, and one-off tasks.

module "cluster" {
  source = "../modules/ecs-cluster"

  name = local.prefix
}

resource "aws_cloudwatch_log_group" "tasks" {
  #checkov:skip=CKV_AWS_338:Each environment chooses its log retention, which costs money
  name              = "/${local.prefix}/tasks"
  retention_in_days = var.environment.log_retention_days
  kms_key_id        = module.kms.key_arn
}

module "log_router" {
  source   = "../modules/log-router"
  for_each = local.images

  destination         = var.log_destination
  service             = "${var.project}-${each.value.role}"
  environment         = local.name
  release             = each.value.release
  log_group_name      = aws_cloudwatch_log_group.tasks.name
  log_group_arn       = aws_cloudwatch_log_group.tasks.arn
  router_image        = var.image.router_digest == null ? null : "${local.registry}/${var.image.router}@${var.image.router_digest}"
  datadog_site        = var.datadog_site
  datadog_api_key_arn = lookup(module.log_router_secrets.arns, "datadog-api-key", null)
}

locals {
  autoscaling = {
    for role, tasks in { backend = var.environment.backend, frontend = var.environment.frontend } : role => merge(
      { min = tasks.min, max = tasks.max },
      { requests_per_target = var.environment.requests_per_target, night = var.environment.night },
    ) if var.environment.autoscaling
  }

  task_variables = {
    for service, image in local.images : service => merge(
      local.common,
      {
        SHOPEASE_ROLE          = image.role
        SHOPEASE_LOG_FORMAT    = "json"
        SHOPEASE_METRICS       = "emf"
        SHOPEASE_HTTP_PORT     = tostring(var.image.container_port)
        SHOPEASE_DRAIN_SECONDS = "10"
        DD_SERVICE             = "${var.project}-${image.role}"
        DD_VERSION             = image.release
      },
      # Only the load balancer and the frontend connect to a task; both append the client's address.
      { SHOPEASE_CLIENT_ADDRESS = "x-forwarded-for" },
    )
  }

  table_statements = [
    {
      sid = "UseTable"
      # All calls that the shop makes; Scan is for the audit.
      actions = [
        "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem",
        "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
      ]
      resources = [module.dynamodb.arn]
    },
    local.key_statement,
  ]
  database_statements = [{ sid = "LogIn", actions = ["rds-db:connect"], resources = [local.database_connect_arn] }]
  key_statement = {
    sid       = "DecryptTable"
    actions   = ["kms:Decrypt"]
    resources = [module.kms.key_arn]
    condition = { StringEquals = { "kms:ViaService" = ["dynamodb.${local.region}.amazonaws.com"] } }
  }
  assets_location = "s3://${module.assets.name}/assets"
  assets_statements = [
    { sid = "ReadAssets", actions = ["s3:GetObject"], resources = ["${module.assets.arn}/assets/*"] },
    # Without it, S3 returns 403 instead of 404 for a missing file.
    { sid = "FindAssets", actions = ["s3:ListBucket"], resources = [module.assets.arn], condition = { StringLike = { "s3:prefix" = ["assets/*"] } } },
  ]
  pictures_statements = [{ sid = "WritePictures", actions = ["s3:PutObject"], resources = ["${module.assets.arn}/assets/pictures/*"] }]
}

module "backend" {
  source   = "../modules/ecs-service"
  for_each = { for service, image in local.images : service => image if image.role == "backend" }

  name                     = "${local.prefix}-${each.key}"
  account_id               = local.account
  region                   = local.region
  cluster_arn              = module.cluster.arn
  cluster_name             = module.cluster.name
  namespace_arn            = module.cluster.namespace_arn
  discovery_name           = each.key
  image                    = local.image_urls[each.key]
  command                  = ["serve"]
  binary                   = var.image.binary
  port                     = var.image.container_port
  cpu                      = var.environment.backend.cpu
  memory_mb                = var.environment.backend.memory_mb
  desired_count            = endswith(each.key, "-canary") ? var.canary.tasks : var.environment.backend.desired
  autoscaling              = endswith(each.key, "-canary") ? null : lookup(local.autoscaling, "backend", null)
  log_configuration        = module.log_router[each.key].log_configuration
  log_router               = module.log_router[each.key].container
  log_group_arn            = aws_cloudwatch_log_group.tasks.arn
  secrets                  = module.secrets["backend"].environment
  further_secret_arns      = module.log_router[each.key].secret_arns
  kms_key_arn              = module.kms.key_arn
  repository_arns          = [local.repository_arns[var.image.repository], local.repository_arns[var.image.router]]
  subnet_ids               = module.network.private_subnet_ids
  security_group_id        = aws_security_group.this["backend"].id
  target_group_arn         = module.alb.target_group_arns[each.key]
  target_group_arn_suffix  = module.alb.target_group_arn_suffixes[each.key]
  load_balancer_arn_suffix = module.alb.arn_suffix
  alarm_topic_arns         = [module.observability.topic_arn]
  permissions_boundary_arn = var.permissions_boundary_arn
  wait_for_steady_state    = var.wait_for_tasks
  spot                     = var.environment.spot

  environment = merge(
    local.task_variables[each.key],
    local.store_variables[var.store.fargate],
    local.mail_variables,
    {
      SHOPEASE_WORKER_SECONDS = local.backend_runs_worker ? "5" : "0"
      # The place of uploaded pictures.
      SHOPEASE_ASSETS = local.assets_location
    },
    var.store.fargate == "postgres" ? {
      SHOPEASE_DATABASE_ROOT_CERTIFICATE = var.image.rds_authority
      SHOPEASE_DATABASE_CONNECTIONS      = tostring(var.task_connections)
      SHOPEASE_DATABASE_PEER_CONNECTIONS = tostring(var.function_connections)
    } : {},
  )

  task_statements = concat(
    [for statement in local.database_statements : statement if var.store.fargate == "postgres"],
    [for statement in local.table_statements : statement if var.store.fargate == "dynamodb"],
    local.mail_statements,
    local.pictures_statements,
    module.log_router[each.key].task_statements,
  )

  depends_on = [terraform_data.connection_budget]
}

module "frontend" {
  source   = "../modules/ecs-service"
  for_each = { for service, image in local.images : service => image if image.role == "frontend" }

  name                     = "${local.prefix}-${each.key}"
  account_id               = local.account
  region                   = local.region
  cluster_arn              = module.cluster.arn
  cluster_name             = module.cluster.name
  namespace_arn            = module.cluster.namespace_arn
  image                    = local.image_urls[each.key]
  command                  = ["serve"]
  binary                   = var.image.binary
  port                     = var.image.container_port
  cpu                      = var.environment.frontend.cpu
  memory_mb                = var.environment.frontend.memory_mb
  desired_count            = endswith(each.key, "-canary") ? var.canary.tasks : var.environment.frontend.desired
  autoscaling              = endswith(each.key, "-canary") ? null : lookup(local.autoscaling, "frontend", null)
  log_configuration        = module.log_router[each.key].log_configuration
  log_router               = module.log_router[each.key].container
  log_group_arn            = aws_cloudwatch_log_group.tasks.arn
  further_secret_arns      = module.log_router[each.key].secret_arns
  kms_key_arn              = module.kms.key_arn
  repository_arns          = [local.repository_arns[var.image.repository], local.repository_arns[var.image.router]]
  subnet_ids               = module.network.private_subnet_ids
  security_group_id        = aws_security_group.this["frontend"].id
  target_group_arn         = module.alb.target_group_arns[each.key]
  target_group_arn_suffix  = module.alb.target_group_arn_suffixes[each.key]
  load_balancer_arn_suffix = module.alb.arn_suffix
  alarm_topic_arns         = [module.observability.topic_arn]
  permissions_boundary_arn = var.permissions_boundary_arn
  wait_for_steady_state    = var.wait_for_tasks
  spot                     = var.environment.spot

  # The frontend has no store. The variable is required, but the frontend opens nothing.
  environment = merge(local.task_variables[each.key], {
    SHOPEASE_STORE          = "dynamodb"
    SHOPEASE_BACKEND_URL    = "http://${replace(each.key, "frontend", "backend")}:${var.image.container_port}"
    SHOPEASE_ASSETS         = local.assets_location
    SHOPEASE_WORKER_SECONDS = "0"
  })

  task_statements = concat(local.assets_statements, module.log_router[each.key].task_statements)

  # A task resolves only the Service Connect names that existed when it started.
  depends_on = [module.backend]
}
