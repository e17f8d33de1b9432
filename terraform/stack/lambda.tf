# Path B: one function per area, and the worker if no task runs it. Sizes come from functions/settings.json, permissions on the table from
# functions/access.json; the SAM template is generated from both.

locals {
  parameter_arn = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${local.ssm_path}"

  # Read access to the parameters below the function's own path, decrypted with the environment's key; none if there are no parameters.
  function_ssm = {
    for function in keys(local.functions) : function => [for statement in [
      {
        sid       = "ReadOwnParameters"
        actions   = ["ssm:GetParametersByPath"]
        resources = ["${local.parameter_arn}/${function}", "${local.parameter_arn}/${function}/*"]
        condition = {}
      },
      {
        sid       = "DecryptOwnParameters"
        actions   = ["kms:Decrypt"]
        resources = [module.kms.key_arn]
        condition = {
          StringEquals = { "kms:ViaService" = ["ssm.${local.region}.amazonaws.com"] }
          StringLike   = { "kms:EncryptionContext:PARAMETER_ARN" = ["${local.parameter_arn}/${function}/*"] }
        }
      },
    ] : statement if length(local.parameters[function]) > 0]
  }

  # Each function can access only the items that it works with, by key prefix.
  function_table = {
    for function in keys(local.functions) : function => concat(
      [
        for number, access in local.access[function] : {
          sid       = "Table${number + 1}"
          actions   = [for action in access.actions : "dynamodb:${action}"]
          resources = [module.dynamodb.arn]
          condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = access.keys } }
        }
      ],
      [local.key_statement],
    )
  }
}

module "function" {
  source   = "../modules/lambda-service"
  for_each = local.functions

  name                     = "${local.prefix}-${each.key}"
  target_group_name        = contains(local.areas, each.key) ? trimsuffix(substr("${local.prefix}-fn-${each.key}", 0, 32), "-") : null
  artefact                 = { bucket = var.functions.bucket, key = "${var.functions.prefix}/${each.key}.zip" }
  memory_mb                = each.value.memory_mb
  timeout_seconds          = each.value.timeout_seconds
  reserved_concurrency     = local.reserved[each.key] == null ? -1 : local.reserved[each.key]
  live_version             = lookup(var.function_versions, each.key, null)
  canary_percent           = var.function_canary_percent
  schedule                 = each.value.schedule
  kms_key_arn              = module.kms.key_arn
  log_retention_days       = var.environment.log_retention_days
  alarm_topic_arns         = [module.observability.topic_arn]
  permissions_boundary_arn = var.permissions_boundary_arn

  # On DynamoDB outside any VPC: functions start faster and leave no network interfaces behind. Test payments, however, are inside the VPC.
  vpc = var.store.lambda == "postgres" || local.fake_payments ? { subnet_ids = module.network.private_subnet_ids, security_group_id = aws_security_group.this["functions"].id } : null

  environment = merge(
    local.common,
    local.store_variables[var.store.lambda],
    local.settings.variables,
    {
      DD_SERVICE = "${var.project}-${each.key}"
      DD_VERSION = coalesce(var.functions.release, var.image.release)
    },
    contains(["storefront", "admin"], each.key) ? { SHOPEASE_ASSETS = local.assets_location } : {},
    each.key == "worker" ? local.mail_variables : {},
    # Whether accounts confirm their address, and guests find their orders, with a mailed link; the worker sends the mail.
    contains(["accounts", "checkout"], each.key) && var.mail != null ? { SHOPEASE_MAIL = local.mail_transport } : {},
    length(local.parameters[each.key]) > 0 ? { SHOPEASE_SSM_PREFIX = "${local.ssm_path}/${each.key}" } : {},
    var.store.lambda == "postgres" ? {
      SHOPEASE_DATABASE_ROOT_CERTIFICATE = var.functions.rds_authority
      SHOPEASE_DATABASE_CONNECTIONS      = tostring(var.function_connections)
      SHOPEASE_DATABASE_PEER_CONNECTIONS = tostring(var.task_connections)
    } : {},
  )

  statements = concat(
    local.function_ssm[each.key],
    [for statement in local.assets_statements : statement if each.key == "storefront"],
    [for statement in local.pictures_statements : statement if each.key == "admin"],
    [for statement in local.mail_statements : statement if each.key == "worker"],
    [for statement in local.database_statements : statement if var.store.lambda == "postgres"],
    [for statement in local.function_table[each.key] : statement if var.store.lambda == "dynamodb"],
  )

  depends_on = [terraform_data.connection_budget]
}

module "http_api" {
  source = "../modules/http-api"
  count  = var.http_api && local.has_functions ? 1 : 0

  name                = local.prefix
  paths               = local.routes.paths
  default             = local.routes.default.area
  requests_per_second = var.environment.api_requests_per_second
  log_retention_days  = var.environment.log_retention_days
  kms_key_arn         = module.kms.key_arn
  alarm_topic_arns    = [module.observability.topic_arn]

  functions = {
    for area, function in module.function : area => { name = function.name, alias_name = function.alias_name, alias_invoke_arn = function.alias_invoke_arn }
    if contains(local.areas, area)
  }
}
