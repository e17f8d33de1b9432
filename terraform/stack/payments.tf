# The test payment provider as a service, where payments are not real: one ledger for tasks and functions. The ledger is in the memory of its only
# task, so a new task starts with an empty one (docs/adr/0021-one-test-ledger-an-environment.md).

locals {
  fake_payments     = var.payment_provider == "fake"
  fake_payments_url = local.fake_payments ? "http://payments.${local.prefix}.internal:${var.image.container_port}" : null
}

# Functions cannot resolve Service Connect names, so the service has a name in the VPC's own DNS.
resource "aws_service_discovery_private_dns_namespace" "this" {
  count = local.fake_payments ? 1 : 0

  name        = "${local.prefix}.internal"
  description = "DNS names in ${local.prefix}"
  vpc         = module.network.vpc_id
}

resource "aws_service_discovery_service" "payments" {
  count = local.fake_payments ? 1 : 0

  name = "payments"

  dns_config {
    namespace_id = aws_service_discovery_private_dns_namespace.this[0].id

    dns_records {
      type = "A"
      ttl  = 10
    }
  }
}

module "payments" {
  source = "../modules/ecs-service"
  count  = local.fake_payments ? 1 : 0

  name                     = "${local.prefix}-payments"
  account_id               = local.account
  region                   = local.region
  cluster_arn              = module.cluster.arn
  cluster_name             = module.cluster.name
  namespace_arn            = module.cluster.namespace_arn
  registry_arn             = aws_service_discovery_service.payments[0].arn
  image                    = local.image_urls["backend"]
  command                  = ["fake-payments", "--host", "0.0.0.0", "--port", tostring(var.image.container_port), "--public-url", local.url]
  binary                   = var.image.binary
  port                     = var.image.container_port
  cpu                      = 256
  memory_mb                = 512
  desired_count            = 1
  alone                    = true
  log_configuration        = module.log_router["backend"].log_configuration
  log_router               = module.log_router["backend"].container
  log_group_arn            = aws_cloudwatch_log_group.tasks.arn
  further_secret_arns      = module.log_router["backend"].secret_arns
  kms_key_arn              = module.kms.key_arn
  repository_arns          = [local.repository_arns[var.image.repository], local.repository_arns[var.image.router]]
  subnet_ids               = module.network.private_subnet_ids
  security_group_id        = aws_security_group.this["payments"].id
  target_group_arn         = module.alb.target_group_arns["payments"]
  target_group_arn_suffix  = module.alb.target_group_arn_suffixes["payments"]
  load_balancer_arn_suffix = module.alb.arn_suffix
  alarm_topic_arns         = [module.observability.topic_arn]
  permissions_boundary_arn = var.permissions_boundary_arn
  wait_for_steady_state    = var.wait_for_tasks

  # The health check uses this port.
  environment = { SHOPEASE_HTTP_PORT = tostring(var.image.container_port), SHOPEASE_LOG_FORMAT = "json", DD_ENV = local.name, DD_SERVICE = "${var.project}-payments" }
}
