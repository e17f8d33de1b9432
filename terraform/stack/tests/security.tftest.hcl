# Who may talk to whom, who may do what, and what a container looks like.

mock_provider "aws" {
  source = "./tests/mocks"
}

################################################################################
# On PostgreSQL
################################################################################

run "postgres" {
  assert {
    condition = alltrue([
      for rule in aws_vpc_security_group_ingress_rule.flow : rule.referenced_security_group_id != null && rule.cidr_ipv4 == null && rule.from_port == rule.to_port
    ])
    error_message = "Inside the VPC a rule names a group and one port, not addresses."
  }

  assert {
    condition     = toset([for flow in keys(local.flows) : split(" ", flow)[0] if endswith(flow, " database")]) == toset(["backend", "functions"])
    error_message = "Only backend and functions reach the database."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.shoppers : rule.from_port]) == toset([80, 443]) && alltrue([for rule in aws_vpc_security_group_ingress_rule.shoppers : rule.security_group_id == aws_security_group.this["load-balancer"].id])
    error_message = "Only the load balancer is open to addresses, at 80 and 443."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.flow : rule.from_port != 24224])
    error_message = "The log router's port is nobody's business."
  }

  assert {
    condition     = module.rds[0].settings.encrypted && module.rds[0].settings.iam && module.rds[0].settings.force_ssl == "1" && !module.rds[0].settings.public
    error_message = "The database is encrypted, private, takes TLS only, and logs users in with IAM."
  }

  # Whole services and nameless resources, each with its reason.
  assert {
    condition = alltrue(flatten([
      for key, document in output.policies : [
        for statement in jsondecode(document).Statement : [
          for action in flatten([statement.Action]) : !strcontains(action, "*") || contains([
            "AccountDecides", # a key's own policy: * is this key, and the account's policies decide
            "TlsOnly",        # a denial
          ], statement.Sid)
        ]
      ]
    ]))
    error_message = "An action with * needs a reason in this list."
  }

  assert {
    condition = alltrue(flatten([
      for key, document in output.policies : [
        for statement in jsondecode(document).Statement : [
          for resource in flatten([statement.Resource]) : resource != "*" || contains([
            "AccountDecides", "LogGroups", "AlarmsToTopic", # a key's own policy: * is this key
            "RegistryLogin",                                # ecr:GetAuthorizationToken knows no resources
            "SendTraces",                                   # X-Ray knows no resources for segments
            "OwnNetworkInterfaces",                         # made and removed by Lambda itself; ids are not known before
          ], statement.Sid)
        ]
      ]
    ]))
    error_message = "A resource * needs a reason in this list."
  }

  assert {
    condition     = length(output.policies) >= 18 && alltrue([for document in values(output.policies) : length(jsondecode(document).Statement) >= 0])
    error_message = "The assertions above look at every policy."
  }

  # Components: the frontend has no way to the store, a function only to its own parameters.
  assert {
    condition     = [for statement in jsondecode(output.policies["frontend/task"]).Statement : statement.Sid] == ["ReadAssets", "FindAssets"]
    error_message = "The frontend reads assets and nothing else."
  }

  assert {
    condition     = [for statement in jsondecode(output.policies["backend/task"]).Statement : statement.Sid] == ["LogIn"]
    error_message = "On PostgreSQL the backend logs in to the database and calls nothing else."
  }

  assert {
    condition = alltrue([
      for area in ["storefront", "catalog", "cart", "checkout", "accounts", "admin"] : alltrue([
        for statement in jsondecode(output.policies["function-${area}/function"]).Statement :
        alltrue([for resource in flatten([statement.Resource]) : endswith(resource, "parameter/shopease/staging/${area}") || endswith(resource, "parameter/shopease/staging/${area}/*")])
        if statement.Sid == "ReadOwnParameters"
      ])
    ])
    error_message = "A function reads the parameters below its own path only."
  }

  # Containers.
  assert {
    condition = alltrue(flatten([
      for service in [module.backend["backend"], module.frontend["frontend"], module.migrate[0], module.database_users[0]] : [
        for container in jsondecode(service.container_definitions) : container.readonlyRootFilesystem && can(regex("@sha256:[0-9a-f]{64}$", container.image))
      ]
    ]))
    error_message = "Every container has a read-only root and an image by digest."
  }

  assert {
    condition     = jsondecode(module.backend["backend"].container_definitions)[0].healthCheck.command == ["CMD", "/shopease", "healthcheck"]
    error_message = "The health check is the program's own subcommand, for the image has no shell."
  }

  assert {
    condition = alltrue(flatten([
      for service in [module.backend["backend"], module.frontend["frontend"]] : [
        for variable in jsondecode(service.container_definitions)[0].environment : !can(regex("(?i)secret|password|api_key", variable.name))
      ]
    ]))
    error_message = "No secret is a plain variable."
  }

  assert {
    condition     = [for secret in jsondecode(module.backend["backend"].container_definitions)[0].secrets : secret.name] == ["SHOPEASE_PAYMENT_WEBHOOK_SECRET", "SHOPEASE_STRIPE_SECRET_KEY"]
    error_message = "The backend gets Stripe's keys from SSM."
  }

  assert {
    condition     = jsondecode(module.frontend["frontend"].container_definitions)[0].secrets == []
    error_message = "The frontend gets no secrets."
  }

  # Log routing.
  assert {
    condition = alltrue([
      for service in [module.backend["backend"], module.frontend["frontend"]] :
      jsondecode(service.container_definitions)[0].logConfiguration.logDriver == "awsfirelens" &&
      jsondecode(service.container_definitions)[0].logConfiguration.secretOptions[0].name == "apikey" &&
      !can(jsondecode(service.container_definitions)[0].logConfiguration.options.apikey)
    ])
    error_message = "Lines leave by the log router, whose key comes from SSM."
  }

  assert {
    condition = alltrue([
      for router in [for container in jsondecode(module.backend["backend"].container_definitions) : container if container.name == "log-router"] :
      router.memory >= 2 * router.memoryReservation && router.stopTimeout >= jsondecode(module.backend["backend"].container_definitions)[0].stopTimeout && router.logConfiguration.logDriver == "awslogs"
    ]) && length(jsondecode(module.backend["backend"].container_definitions)) == 2
    error_message = "The router has memory for twice its buffer, stops last, and does not log through itself."
  }

  # Lambda in the VPC, behind the alias.
  assert {
    condition     = alltrue([for function in values(module.function) : function.settings.in_vpc && function.settings.reserved_concurrency > 0])
    error_message = "Functions on PostgreSQL are in the VPC, and their number is limited."
  }

  assert {
    condition     = alltrue([for function in values(module.function) : endswith(function.target_id, ":live") && function.multi_value_headers])
    error_message = "The load balancer calls alias live, with every header."
  }

  assert {
    condition     = alltrue([for function in values(module.function) : !can(regex("(?i)secret|password|api_key", join(" ", keys(function.settings.environment))))])
    error_message = "No secret is a variable of a function."
  }
}

run "settings_of_functions" {
  command = plan

  assert {
    condition = alltrue([
      for name, function in module.function :
      function.settings.memory_mb == lookup(local.settings.functions[name], "memory_mb", local.settings.defaults.memory_mb) &&
      function.settings.timeout_seconds == lookup(local.settings.functions[name], "timeout_seconds", local.settings.defaults.timeout_seconds)
    ])
    error_message = "Memory and timeout are those of functions/settings.json."
  }

  assert {
    condition     = length(module.function) == 6
    error_message = "While tasks serve, their backend does the worker's work."
  }
}

run "settings_of_the_shop" {
  command = plan

  variables {
    settings = { SHOPEASE_COUNTRIES = "DE,AT" }
  }

  assert {
    condition = alltrue([
      for service in [module.backend["backend"], module.frontend["frontend"]] :
      contains([for variable in jsondecode(service.container_definitions)[0].environment : "${variable.name}=${variable.value}"], "SHOPEASE_COUNTRIES=DE,AT")
    ]) && alltrue([for function in module.function : function.settings.environment.SHOPEASE_COUNTRIES == "DE,AT"])
    error_message = "Frontend, backend and functions get the same settings of the shop."
  }
}

################################################################################
# On DynamoDB
################################################################################

run "dynamodb" {
  variables {
    store         = { fargate = "dynamodb", lambda = "dynamodb" }
    lambda_weight = 100
  }

  assert {
    condition     = length(module.rds) == 0 && length(module.migrate) == 0
    error_message = "Without PostgreSQL there is no database that costs."
  }

  assert {
    condition     = alltrue([for function in values(module.function) : !function.settings.in_vpc])
    error_message = "Functions on DynamoDB are outside of any VPC."
  }

  assert {
    condition = length(module.function) == 7 && module.function["worker"].settings.reserved_concurrency == 1 && one([
      for variable in jsondecode(module.backend["backend"].container_definitions)[0].environment : variable.value if variable.name == "SHOPEASE_WORKER_SECONDS"
    ]) == "0"
    error_message = "Where functions serve everything, the worker is one of them, once, and no task does its work."
  }

  assert {
    condition = alltrue([
      for name, function in module.function : alltrue([
        for statement in jsondecode(function.policies.function).Statement :
        length(statement.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]) > 0 && !contains(statement.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"], "*")
        if anytrue([for action in flatten([statement.Action]) : startswith(action, "dynamodb:")])
      ])
    ])
    error_message = "A function sees only the items it works with, by their keys."
  }

  assert {
    condition = !anytrue([
      for statement in jsondecode(module.function["catalog"].policies.function).Statement :
      anytrue([for action in flatten([statement.Action]) : can(regex("Put|Update|Delete|Scan|Write", action)) && startswith(action, "dynamodb:")])
    ])
    error_message = "The catalog function cannot write."
  }

  assert {
    condition = alltrue(flatten([
      for key, document in output.policies : [
        for statement in jsondecode(document).Statement : [
          for resource in flatten([statement.Resource]) : resource != "*" || contains(["AccountDecides", "LogGroups", "AlarmsToTopic", "RegistryLogin", "SendTraces"], statement.Sid)
        ]
      ]
    ]))
    error_message = "A resource * needs a reason."
  }
}

################################################################################
# Without NAT
################################################################################

run "endpoints_instead_of_nat" {
  command = plan

  variables {
    egress           = { nat_gateways = 0, interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "ssm", "kms"] }
    payment_provider = "fake"
    log_destination  = "cloudwatch"
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.world) == 0
    error_message = "Without NAT nothing leaves to the world."
  }

  assert {
    condition     = jsondecode(module.log_router["backend"].log_configuration).logDriver == "awslogs"
    error_message = "Lines go to CloudWatch."
  }
}

################################################################################
# Test payments
################################################################################

run "one_ledger_of_test_payments" {
  variables {
    store            = { fargate = "dynamodb", lambda = "dynamodb" }
    lambda_weight    = 50
    payment_provider = "fake"
  }

  assert {
    condition = toset([for service in concat(values(module.backend), values(module.frontend)) : one([
      for variable in jsondecode(service.container_definitions)[0].environment : variable.value if variable.name == "SHOPEASE_FAKE_PAYMENTS_URL"
    ])]) == toset(["http://payments.shopease-staging.internal:8080"])
    error_message = "Every task asks the one ledger."
  }

  assert {
    condition     = alltrue([for function in values(module.function) : function.settings.in_vpc && function.settings.environment["SHOPEASE_FAKE_PAYMENTS_URL"] == "http://payments.shopease-staging.internal:8080"])
    error_message = "Every function asks the one ledger, from inside the VPC."
  }

  assert {
    condition     = module.payments[0].size.desired == 1 && length(module.payments[0].scaling) == 0 && module.payments[0].deployment == { least = 0, most = 100 }
    error_message = "There is one ledger, also while a new task takes over."
  }

  assert {
    condition     = toset([for flow in keys(local.flows) : split(" ", flow)[0] if endswith(flow, " payments")]) == toset(["load-balancer", "backend", "functions"])
    error_message = "Who may ask the ledger."
  }

  assert {
    condition     = jsonencode(module.alb.pages) == jsonencode({ payments = ["/authenticate/*"] })
    error_message = "Only the bank's page is open to shoppers, not the ledger."
  }

  assert {
    condition     = jsondecode(output.policies["payments/task"]).Statement == []
    error_message = "The ledger calls nothing."
  }
}

run "no_ledger_beside_stripe" {
  command = plan

  assert {
    condition     = length(module.payments) == 0 && length(aws_service_discovery_private_dns_namespace.this) == 0 && length(module.alb.pages) == 0
    error_message = "With Stripe there are no test payments."
  }
}
