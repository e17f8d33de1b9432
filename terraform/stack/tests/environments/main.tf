# Reads envs/*.tfvars, so that one test run can compare several environments. null where a file keeps a variable's default.

terraform {
  required_version = ">= 1.11"

  required_providers {
    terraform = {
      source = "terraform.io/builtin/terraform"
    }
  }
}

locals {
  names = ["dev", "perf", "staging", "canary", "prod"]
  files = { for name in local.names : name => provider::terraform::decode_tfvars(file("${path.module}/../../envs/${name}.tfvars")) }
}

output "of" {
  description = "Variables of each environment by its name."
  value = {
    for name, file in local.files : name => {
      environment        = file.environment
      lambda_weight      = lookup(file, "lambda_weight", null)
      lambda_concurrency = lookup(file, "lambda_concurrency", null)
      task_connections   = lookup(file, "task_connections", null)
      egress             = lookup(file, "egress", null)
      payment_provider   = lookup(file, "payment_provider", null)
      log_destination    = lookup(file, "log_destination", null)
      http_api           = lookup(file, "http_api", null)
    }
  }
}

output "sizes" {
  description = "Sizes of tasks and database of each environment, without the values that may differ between environments of one size."
  value = {
    for name, file in local.files : name => {
      tasks        = [file.environment.frontend, file.environment.backend]
      database     = [file.environment.database.class, try(file.environment.database.multi_az, false), try(file.environment.database.storage_gb, null)]
      autoscaling  = [try(file.environment.autoscaling, false), try(file.environment.requests_per_target, null)]
      nat_gateways = try(file.egress.nat_gateways, 1)
      functions    = [try(file.lambda_concurrency, null), try(file.task_connections, null)]
    }
  }
}

output "cidr_blocks" {
  description = "Address ranges of all environments."
  value       = [for file in values(local.files) : file.environment.cidr_block]
}
