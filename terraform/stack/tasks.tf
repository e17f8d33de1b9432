# One-off tasks on PostgreSQL: the first creates the users, the second migrates the schema before each deployment.
# They run in the backend's security group: aws ecs run-task, see terraform/README.md.

module "migrate" {
  source = "../modules/one-off-task"
  count  = local.uses_postgres ? 1 : 0

  name                     = "${local.prefix}-migrate"
  account_id               = local.account
  region                   = local.region
  image                    = local.image_urls["backend"]
  user                     = "65532:65532"
  command                  = ["migrate"]
  repository_arn           = local.repository_arns[var.image.repository]
  log_group_name           = aws_cloudwatch_log_group.tasks.name
  log_group_arn            = aws_cloudwatch_log_group.tasks.arn
  permissions_boundary_arn = var.permissions_boundary_arn

  # Owner of the schema. Tasks and functions log in as another user, which cannot change the schema.
  environment = {
    SHOPEASE_STORE                     = "postgres"
    SHOPEASE_DATABASE_URL              = "postgres://${local.migrate_user}@${module.rds[0].address}:5432/${module.rds[0].database_name}?sslmode=verify-full"
    SHOPEASE_DATABASE_AUTH             = "iam"
    SHOPEASE_DATABASE_REGION           = local.region
    SHOPEASE_DATABASE_ROOT_CERTIFICATE = var.image.rds_authority
    SHOPEASE_DATABASE_CONNECTIONS      = "2"
    SHOPEASE_LOG_FORMAT                = "json"
    # Migrations make no payments; the default provider needs no keys.
    SHOPEASE_PAYMENT_PROVIDER = "fake"
  }

  task_statements = [{
    sid       = "LogInAsOwner"
    actions   = ["rds-db:connect"]
    resources = ["arn:${local.partition}:rds-db:${local.region}:${local.account}:dbuser:${module.rds[0].resource_id}/${local.migrate_user}"]
  }]
}

locals {
  migrate_user = "shopease_migrate"
}

module "database_users" {
  source = "../modules/one-off-task"
  count  = local.uses_postgres && var.image.psql_digest != null ? 1 : 0

  name                     = "${local.prefix}-database-users"
  account_id               = local.account
  region                   = local.region
  image                    = "${local.registry}/${var.image.psql}@${var.image.psql_digest}"
  user                     = "70:70"
  command                  = ["psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--single-transaction", "--command=${file("${path.module}/database_users.sql")}"]
  repository_arn           = local.repository_arns[var.image.psql]
  log_group_name           = aws_cloudwatch_log_group.tasks.name
  log_group_arn            = aws_cloudwatch_log_group.tasks.arn
  permissions_boundary_arn = var.permissions_boundary_arn

  environment = {
    PGHOST     = module.rds[0].address
    PGDATABASE = module.rds[0].database_name
    PGUSER     = "postgres"
    # The psql image does not contain the RDS certificate authorities. The connection stays inside the VPC, and the task runs once.
    PGSSLMODE = "require"
  }
  secrets = { PGPASSWORD = "${module.rds[0].master_secret_arn}:password::" }

  secret_statements = [
    { sid = "ReadMasterPassword", actions = ["secretsmanager:GetSecretValue"], resources = [module.rds[0].master_secret_arn] },
    {
      sid       = "DecryptMasterPassword"
      actions   = ["kms:Decrypt"]
      resources = [module.kms.key_arn]
      condition = { StringEquals = { "kms:ViaService" = ["secretsmanager.${local.region}.amazonaws.com"] } }
    },
  ]
}

################################################################################
# Everything that a one-off task needs; can be applied first: -target=terraform_data.tasks
################################################################################

locals {
  tasks = merge(
    {
      cluster         = module.cluster.name
      private-subnets = join(",", module.network.private_subnet_ids)
      backend-group   = aws_security_group.this["backend"].id
      task-log-group  = aws_cloudwatch_log_group.tasks.name
    },
    { for task in module.migrate : "migrate-task" => task.task_definition_arn },
    { for task in module.database_users : "database-users-task" => task.task_definition_arn },
  )
}

resource "aws_ssm_parameter" "tasks" {
  #checkov:skip=CKV2_AWS_34:Names for scripts, no secrets
  for_each = local.tasks

  name  = "${local.ssm_path}/deployment/${each.key}"
  type  = "String"
  value = each.value
}

resource "terraform_data" "tasks" {
  depends_on = [
    aws_ssm_parameter.tasks,
    module.network,
    aws_vpc_security_group_egress_rule.endpoints,
    aws_vpc_security_group_egress_rule.flow,
    aws_vpc_security_group_egress_rule.gateway,
    aws_vpc_security_group_egress_rule.world,
    aws_vpc_security_group_ingress_rule.endpoints,
    aws_vpc_security_group_ingress_rule.flow,
  ]
}
