# The environment table: values of envs/*.tfvars, and the resources that result.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "table" {
  command = plan

  module {
    source = "./tests/environments"
  }

  assert {
    condition     = output.sizes.perf == output.sizes.prod
    error_message = "perf must have the size of prod; otherwise its load tests prove nothing."
  }

  assert {
    condition     = alltrue([for name in ["dev", "staging", "canary"] : output.sizes[name] != output.sizes.prod])
    error_message = "Only perf has the size of prod."
  }

  assert {
    condition     = length(distinct(output.cidr_blocks)) == 5
    error_message = "Each environment has its own address range."
  }
}

run "dev" {
  command = plan

  variables {
    environment        = run.table.of.dev.environment
    lambda_weight      = run.table.of.dev.lambda_weight
    lambda_concurrency = run.table.of.dev.lambda_concurrency
    task_connections   = run.table.of.dev.task_connections
    egress             = run.table.of.dev.egress
    payment_provider   = run.table.of.dev.payment_provider
    log_destination    = run.table.of.dev.log_destination
    http_api           = run.table.of.dev.http_api
  }

  assert {
    condition     = length(module.backend["backend"].scaling) == 0 && length(module.frontend["frontend"].scaling) == 0
    error_message = "dev must have no scaling target."
  }

  assert {
    condition     = module.backend["backend"].size.desired == 1 && module.frontend["frontend"].size.desired == 1
    error_message = "dev must have one task per service."
  }

  assert {
    condition     = module.backend["backend"].capacity == "FARGATE_SPOT" && module.frontend["frontend"].capacity == "FARGATE_SPOT" && module.payments[0].capacity == "FARGATE"
    error_message = "Tasks of dev must run on Spot, except the ledger of test payments, which is in memory."
  }

  assert {
    condition     = module.rds[0].identifier == "shopease-dev"
    error_message = "dev must have its own database."
  }

  assert {
    condition     = alltrue([for name in output.parameter_names : startswith(name, "/shopease/dev/")]) && length(output.parameter_names) > 0
    error_message = "Parameters of dev must be below its own path."
  }

  assert {
    condition     = !module.rds[0].settings.protected && length(module.waf) == 0
    error_message = "dev must be removable with one command."
  }
}

run "canary" {
  command = plan

  variables {
    environment        = run.table.of.canary.environment
    lambda_weight      = run.table.of.canary.lambda_weight
    lambda_concurrency = run.table.of.canary.lambda_concurrency
    task_connections   = run.table.of.canary.task_connections
    egress             = run.table.of.canary.egress
    payment_provider   = run.table.of.canary.payment_provider
    log_destination    = run.table.of.canary.log_destination
    http_api           = run.table.of.canary.http_api
  }

  assert {
    condition     = length(module.backend["backend"].scaling) == 0 && length(module.frontend["frontend"].scaling) == 0
    error_message = "canary must have no scaling target."
  }

  assert {
    condition     = module.backend["backend"].size.desired == 1 && module.frontend["frontend"].size.desired == 1
    error_message = "canary must have one task per service."
  }

  assert {
    condition     = module.rds[0].identifier == "shopease-canary"
    error_message = "canary must have its own database."
  }

  assert {
    condition     = alltrue([for name in output.parameter_names : startswith(name, "/shopease/canary/")]) && length(output.parameter_names) > 0
    error_message = "Parameters of canary must be below its own path."
  }

  assert {
    condition     = !module.rds[0].settings.protected && length(module.waf) == 0
    error_message = "canary must be removable with one command."
  }
}

run "perf" {
  command = plan

  variables {
    environment        = run.table.of.perf.environment
    lambda_weight      = run.table.of.perf.lambda_weight
    lambda_concurrency = run.table.of.perf.lambda_concurrency
    task_connections   = run.table.of.perf.task_connections
    egress             = run.table.of.perf.egress
    payment_provider   = run.table.of.perf.payment_provider
    log_destination    = run.table.of.perf.log_destination
    http_api           = run.table.of.perf.http_api
  }

  assert {
    condition     = length(module.backend["backend"].scaling) == 1 && length(module.frontend["frontend"].scaling) == 1
    error_message = "Both services of perf must scale."
  }

  assert {
    condition = alltrue([for service in [module.backend["backend"], module.frontend["frontend"]] : service.scaling_rules == {
      policies  = { ECSServiceAverageCPUUtilization = 60, ALBRequestCountPerTarget = 30000 }
      schedules = { "cron(0 20 * * ? *)" = 1, "cron(0 6 * * ? *)" = 2 }
    }])
    error_message = "Both services of perf must scale by CPU and requests, and fall to one task at night."
  }

  assert {
    condition     = module.rds[0].identifier == "shopease-perf"
    error_message = "perf must have its own database."
  }

  assert {
    condition     = alltrue([for name in output.parameter_names : startswith(name, "/shopease/perf/")]) && length(output.parameter_names) > 0
    error_message = "Parameters of perf must be below its own path."
  }

  assert {
    condition     = !module.rds[0].settings.protected && length(module.waf) == 0
    error_message = "perf must be removable with one command."
  }

  assert {
    condition     = module.backend["backend"].size.cpu == run.table.sizes.prod.tasks[1].cpu && module.rds[0].settings.class == run.table.sizes.prod.database[0]
    error_message = "perf must have the tasks and the database of prod."
  }
}

run "staging" {
  command = plan

  variables {
    environment        = run.table.of.staging.environment
    lambda_weight      = run.table.of.staging.lambda_weight
    lambda_concurrency = run.table.of.staging.lambda_concurrency
    task_connections   = run.table.of.staging.task_connections
    egress             = run.table.of.staging.egress
    payment_provider   = run.table.of.staging.payment_provider
    log_destination    = run.table.of.staging.log_destination
    http_api           = run.table.of.staging.http_api
  }

  assert {
    condition     = length(module.backend["backend"].scaling) == 1 && length(module.frontend["frontend"].scaling) == 1
    error_message = "Both services of staging must scale."
  }

  assert {
    condition = alltrue([for service in [module.backend["backend"], module.frontend["frontend"]] : service.scaling_rules.policies == {
      ECSServiceAverageCPUUtilization = 60, ALBRequestCountPerTarget = 15000
    } && length(service.scaling_rules.schedules) == 0])
    error_message = "Both services of staging must scale by CPU and requests, at any hour."
  }

  assert {
    condition     = module.rds[0].identifier == "shopease-staging"
    error_message = "staging must have its own database."
  }

  assert {
    condition     = alltrue([for name in output.parameter_names : startswith(name, "/shopease/staging/")]) && length(output.parameter_names) > 0
    error_message = "Parameters of staging must be below its own path."
  }

  assert {
    condition     = !module.rds[0].settings.protected && length(module.waf) == 0
    error_message = "staging must be removable with one command."
  }
}

run "prod" {
  command = plan

  variables {
    environment        = run.table.of.prod.environment
    lambda_weight      = run.table.of.prod.lambda_weight
    lambda_concurrency = run.table.of.prod.lambda_concurrency
    task_connections   = run.table.of.prod.task_connections
    egress             = run.table.of.prod.egress
    payment_provider   = run.table.of.prod.payment_provider
    log_destination    = run.table.of.prod.log_destination
    http_api           = run.table.of.prod.http_api
  }

  assert {
    condition     = length(module.backend["backend"].scaling) == 1 && length(module.frontend["frontend"].scaling) == 1
    error_message = "Both services of prod must scale."
  }

  assert {
    condition = alltrue([for service in [module.backend["backend"], module.frontend["frontend"]] : service.scaling_rules.policies == {
      ECSServiceAverageCPUUtilization = 60, ALBRequestCountPerTarget = 30000
    } && length(service.scaling_rules.schedules) == 0])
    error_message = "Both services of prod must scale by CPU and requests, at any hour."
  }

  assert {
    condition     = module.rds[0].identifier == "shopease-prod"
    error_message = "prod must have its own database."
  }

  assert {
    condition     = alltrue([for name in output.parameter_names : startswith(name, "/shopease/prod/")]) && length(output.parameter_names) > 0
    error_message = "Parameters of prod must be below its own path."
  }

  assert {
    condition     = module.rds[0].settings.protected && module.rds[0].settings.multi_az && module.rds[0].settings.backup_days >= 14
    error_message = "prod must be protected, have a standby, and keep two weeks of backups."
  }

  assert {
    condition     = length(module.waf) == 1
    error_message = "prod must have a web ACL."
  }
}
