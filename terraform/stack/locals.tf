# Derived values.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  name      = var.environment.name
  prefix    = "${var.project}-${local.name}"
  ssm_path  = "/${var.project}/${local.name}"
  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  url       = "https://${var.domain.name}"

  routes   = jsondecode(file("${path.module}/../routes.json"))
  settings = jsondecode(file("${path.module}/../../functions/settings.json"))
  access   = jsondecode(file("${path.module}/../../functions/access.json"))
  areas    = toset(concat(keys({ for path, area in local.routes.paths : area => path... }), [local.routes.default.area]))

  # Functions by area, and the worker if no Fargate backend runs it.
  has_functions = var.functions != null
  functions = {
    for function, own in local.settings.functions : function => merge(local.settings.defaults, own)
    if local.has_functions && (contains(local.areas, function) || local.worker_is_function)
  }
  worker_is_function = var.store.fargate != var.store.lambda || local.lambda_serves_all
  # With two stores, each has its own worker.
  backend_runs_worker = !local.worker_is_function || var.store.fargate != var.store.lambda
  lambda_weights      = { for area in local.areas : area => local.has_functions ? lookup(var.lambda_weights, area, var.lambda_weight) : 0 }
  lambda_serves_all   = alltrue([for weight in values(local.lambda_weights) : weight == 100])

  # Fargate services, and their canaries while there are any.
  images = merge(
    { for role in ["frontend", "backend"] : role => { digest = var.image.digest, release = var.image.release, role = role } },
    var.canary == null ? {} : { for role in ["frontend", "backend"] : "${role}-canary" => { digest = var.canary.digest, release = var.canary.release, role = role } },
  )
  registry_account = var.image.registry_account == null ? local.account : var.image.registry_account
  registry         = "${local.registry_account}.dkr.ecr.${local.region}.amazonaws.com"
  image_urls = {
    for service, image in local.images : service => "${local.registry}/${var.image.repository}@${image.digest}"
  }
  repository_arns = {
    for repository in [var.image.repository, var.image.router, var.image.psql] :
    repository => "arn:${local.partition}:ecr:${local.region}:${local.registry_account}:repository/${repository}"
  }

  # Stores in use. An unused table costs nothing; an unused database does not.
  uses_postgres        = var.store.fargate == "postgres" || (local.has_functions && var.store.lambda == "postgres")
  functions_on_rds     = local.has_functions && var.store.lambda == "postgres"
  database_user        = "shopease"
  database_connect_arn = local.uses_postgres ? "arn:${local.partition}:rds-db:${local.region}:${local.account}:dbuser:${module.rds[0].resource_id}/${local.database_user}" : null

  # Keys of the payment provider, for each component that connects to it.
  payment_parameters = var.payment_provider == "stripe" ? {
    stripe-secret-key      = "Secret or restricted key of Stripe's API"
    payment-webhook-secret = "What Stripe signs webhooks with"
  } : {}

  # Mails: for the components that run the worker.
  mail_transport  = var.mail == null ? "off" : var.mail.transport
  mail_components = toset(["backend", "worker"])
  mail_parameters = local.mail_transport == "smtp" ? { mail-smtp-url = "URL of the SMTP relay, with user and password" } : {}
  mail_variables = var.mail == null ? {} : merge(
    { SHOPEASE_MAIL = var.mail.transport, SHOPEASE_MAIL_FROM = var.mail.from },
    var.mail.operator == null ? {} : { SHOPEASE_MAIL_OPERATOR = var.mail.operator },
    local.mail_set == null ? {} : {
      SHOPEASE_MAIL_SES_CONFIGURATION_SET = local.mail_set
      SHOPEASE_MAIL_BOUNCES               = aws_sqs_queue.bounces[0].url
    },
  )
  mail_statements = local.mail_transport == "ses" ? [
    {
      sid       = "SendMail"
      actions   = ["ses:SendEmail", "ses:SendRawEmail"]
      resources = [for resource in ["identity/*", "configuration-set/${local.mail_set}"] : "arn:${local.partition}:ses:${local.region}:${local.account}:${resource}"]
      condition = { StringEquals = { "ses:FromAddress" = [trimsuffix(regex("[^<]+$", var.mail.from), ">")] } }
    },
    {
      sid       = "ReadReturnedMails"
      actions   = ["sqs:DeleteMessage", "sqs:ReceiveMessage"]
      resources = [aws_sqs_queue.bounces[0].arn]
      condition = {}
    },
  ] : []

  # Parameters of each component.
  parameters = {
    for component in concat(["backend"], keys(local.functions)) :
    component => merge(local.payment_parameters, contains(local.mail_components, component) ? local.mail_parameters : {})
  }

  # Environment variables of every process of the shop. Those of all functions are in settings.json.
  common = merge({
    SHOPEASE_PUBLIC_URL       = local.url
    SHOPEASE_PAYMENT_PROVIDER = var.payment_provider
    DD_ENV                    = local.name
  }, local.fake_payments ? { SHOPEASE_FAKE_PAYMENTS_URL = local.fake_payments_url } : {}, var.settings)

  store_variables = {
    dynamodb = {
      SHOPEASE_STORE          = "dynamodb"
      SHOPEASE_DYNAMODB_TABLE = module.dynamodb.name
    }
    postgres = local.uses_postgres ? {
      SHOPEASE_STORE                       = "postgres"
      SHOPEASE_DATABASE_URL                = "postgres://${local.database_user}@${module.rds[0].address}:5432/${module.rds[0].database_name}?sslmode=verify-full"
      SHOPEASE_DATABASE_AUTH               = "iam"
      SHOPEASE_DATABASE_REGION             = local.region
      SHOPEASE_DATABASE_TASKS              = tostring(local.budget.tasks)
      SHOPEASE_DATABASE_LAMBDA_CONCURRENCY = tostring(local.budget.environments)
    } : {}
  }
}

################################################################################
# Connection budget: the maximum that all processes can open, against the database's limit. The program checks the same sum at startup
################################################################################

locals {
  reserved = {
    for function, settings in local.functions : function =>
    var.account_concurrency != null ? null : settings.reserved_concurrency != null ? settings.reserved_concurrency : (local.functions_on_rds ? var.lambda_concurrency : null)
  }
  budget = {
    # A rolling deployment runs as many new tasks next to the old ones.
    tasks = var.store.fargate != "postgres" ? 0 : 2 * (
      (var.environment.autoscaling ? var.environment.backend.max : var.environment.backend.desired) + (var.canary == null ? 0 : var.canary.tasks)
    )
    environments = !local.functions_on_rds ? 0 : var.account_concurrency != null ? var.account_concurrency : sum(values(local.reserved))
    # Operators and one-off migration tasks.
    others = 5
  }
  connections = local.budget.tasks * var.task_connections + local.budget.environments * var.function_connections + local.budget.others
}

resource "terraform_data" "connection_budget" {
  count = local.uses_postgres ? 1 : 0

  input = local.connections

  lifecycle {
    precondition {
      condition = local.connections <= module.rds[0].allowed_connections
      error_message = join("", [
        "${var.environment.database.class} allows ${module.rds[0].allowed_connections} connections, but the shop can open ${local.connections}: ",
        "${local.budget.tasks} tasks x ${var.task_connections} + ${local.budget.environments} execution environments x ${var.function_connections} + ",
        "${local.budget.others}. Use a larger class, fewer tasks, or less concurrency.",
      ])
    }
  }
}
