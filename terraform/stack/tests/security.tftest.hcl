# Allowed connections, permissions, and container settings.

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
    error_message = "Inside the VPC, a rule must reference a security group and one port, not addresses."
  }

  assert {
    condition     = toset([for flow in keys(local.flows) : split(" ", flow)[0] if endswith(flow, " database")]) == toset(["backend", "functions"])
    error_message = "Only backend and functions may reach the database."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.shoppers : rule.from_port]) == toset([80, 443]) && alltrue([for rule in aws_vpc_security_group_ingress_rule.shoppers : rule.security_group_id == aws_security_group.this["load-balancer"].id])
    error_message = "Only the load balancer may be open to addresses, on ports 80 and 443."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.flow : rule.from_port != 24224])
    error_message = "No rule may open the log router's port."
  }

  assert {
    condition     = module.rds[0].settings.encrypted && module.rds[0].settings.iam && module.rds[0].settings.force_ssl == "1" && !module.rds[0].settings.public
    error_message = "The database must be encrypted, private, TLS only, and use IAM login."
  }

  # Whole services and unnamed resources, each with its reason.
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
            "RegistryLogin",                                # ecr:GetAuthorizationToken does not support resources
            "SendTraces",                                   # X-Ray does not support resources for segments
            "OwnNetworkInterfaces",                         # created and removed by Lambda itself; ids are not known before
          ], statement.Sid)
        ]
      ]
    ]))
    error_message = "A resource * needs a reason in this list."
  }

  assert {
    condition     = length(output.policies) >= 18 && alltrue([for document in values(output.policies) : length(jsondecode(document).Statement) >= 0])
    error_message = "The assertions above must cover every policy."
  }

  # Components: the frontend cannot reach the store, a function only its own parameters.
  assert {
    condition     = [for statement in jsondecode(output.policies["frontend/task"]).Statement : statement.Sid] == ["ReadAssets", "FindAssets", "WriteMetrics"]
    error_message = "The frontend may only read assets, and its log router write metrics."
  }

  assert {
    condition     = [for statement in jsondecode(output.policies["backend/task"]).Statement : statement.Sid] == ["LogIn", "WritePictures", "WriteMetrics"]
    error_message = "On PostgreSQL, the backend may only log in to the database and write pictures, and its log router write metrics."
  }

  assert {
    condition = alltrue([
      for area in ["storefront", "catalog", "cart", "checkout", "accounts", "admin"] : alltrue([
        for statement in jsondecode(output.policies["function-${area}/function"]).Statement :
        alltrue([for resource in flatten([statement.Resource]) : endswith(resource, "parameter/shopease/staging/${area}") || endswith(resource, "parameter/shopease/staging/${area}/*")])
        if statement.Sid == "ReadOwnParameters"
      ])
    ])
    error_message = "A function may read only the parameters below its own path."
  }

  # Containers.
  assert {
    condition = alltrue(flatten([
      for service in [module.backend["backend"], module.frontend["frontend"], module.migrate[0], module.database_users[0]] : [
        for container in jsondecode(service.container_definitions) : container.readonlyRootFilesystem && can(regex("@sha256:[0-9a-f]{64}$", container.image))
      ]
    ]))
    error_message = "Every container must have a read-only root and an image by digest."
  }

  assert {
    condition     = jsondecode(module.backend["backend"].container_definitions)[0].healthCheck.command == ["CMD", "/shopease", "healthcheck"]
    error_message = "The health check must be the program's own subcommand, because the image has no shell."
  }

  assert {
    condition = alltrue(flatten([
      for service in [module.backend["backend"], module.frontend["frontend"]] : [
        for variable in jsondecode(service.container_definitions)[0].environment : !can(regex("(?i)secret|password|api_key", variable.name))
      ]
    ]))
    error_message = "No secret may be a plain variable."
  }

  assert {
    condition     = [for secret in jsondecode(module.backend["backend"].container_definitions)[0].secrets : secret.name] == ["SHOPEASE_PAYMENT_WEBHOOK_SECRET", "SHOPEASE_STRIPE_SECRET_KEY"]
    error_message = "The backend must get Stripe's keys from SSM."
  }

  assert {
    condition     = jsondecode(module.frontend["frontend"].container_definitions)[0].secrets == []
    error_message = "The frontend must get no secrets."
  }

  # Log routing.
  assert {
    condition = alltrue([
      for service in [module.backend["backend"], module.frontend["frontend"]] :
      jsondecode(service.container_definitions)[0].logConfiguration.logDriver == "awsfirelens" &&
      jsondecode(service.container_definitions)[0].logConfiguration.secretOptions[0].name == "apikey" &&
      !can(jsondecode(service.container_definitions)[0].logConfiguration.options.apikey)
    ])
    error_message = "Logs must go through the log router, whose key comes from SSM."
  }

  assert {
    condition = alltrue([
      for router in [for container in jsondecode(module.backend["backend"].container_definitions) : container if container.name == "log-router"] :
      router.memory >= 2 * router.memoryReservation && router.stopTimeout >= jsondecode(module.backend["backend"].container_definitions)[0].stopTimeout && router.logConfiguration.logDriver == "awslogs"
    ]) && length(jsondecode(module.backend["backend"].container_definitions)) == 2
    error_message = "The router must have memory for twice its buffer, stop last, and not log through itself."
  }

  # Lambda in the VPC, behind the alias.
  assert {
    condition     = alltrue([for function in values(module.function) : function.settings.in_vpc && function.settings.reserved_concurrency > 0])
    error_message = "Functions on PostgreSQL must be in the VPC, with limited concurrency."
  }

  assert {
    condition     = alltrue([for function in values(module.function) : endswith(function.target_id, ":live") && function.multi_value_headers])
    error_message = "The load balancer must invoke alias live, with multi-value headers."
  }

  assert {
    condition     = alltrue([for function in values(module.function) : !can(regex("(?i)secret|password|api_key", join(" ", keys(function.settings.environment))))])
    error_message = "No secret may be a variable of a function."
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
    error_message = "Memory and timeout must be those of functions/settings.json."
  }

  assert {
    condition     = length(module.function) == 6
    error_message = "While tasks serve, their backend must run the worker."
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
# Mail
################################################################################

run "mails_by_ses" {
  variables {
    store         = { fargate = "dynamodb", lambda = "dynamodb" }
    lambda_weight = 100
    mail          = { transport = "ses", from = "Kitchen & Co <orders@kitchen.example>", operator = "owner@kitchen.example" }
  }

  assert {
    condition = {
      for function in ["worker", "admin"] : function => [
        for statement in jsondecode(module.function[function].policies.function).Statement : statement.Condition.StringEquals["ses:FromAddress"]
        if statement.Sid == "SendMail"
      ]
    } == { worker = [["orders@kitchen.example"]], admin = [] }
    error_message = "Only the worker may send mails, only from the sender's address."
  }

  assert {
    condition = alltrue([
      for function, module in module.function :
      lookup(module.settings.environment, "SHOPEASE_MAIL_FROM", "none") == (function == "worker" ? "Kitchen & Co <orders@kitchen.example>" : "none")
    ])
    error_message = "Only the worker gets the sender."
  }

  assert {
    condition = {
      for function in ["worker", "admin"] : function => [
        for statement in jsondecode(module.function[function].policies.function).Statement : flatten([statement.Action])
        if anytrue([for action in flatten([statement.Action]) : startswith(action, "sqs:")])
      ]
    } == { worker = [["sqs:DeleteMessage", "sqs:ReceiveMessage"]], admin = [] }
    error_message = "Only the worker may read returned mails."
  }

  # From the mail to the queue: each step names the one before it.
  assert {
    condition = alltrue([
      module.function["worker"].settings.environment.SHOPEASE_MAIL_SES_CONFIGURATION_SET == aws_sesv2_configuration_set_event_destination.bounces[0].configuration_set_name,
      jsondecode(aws_cloudwatch_event_rule.bounces[0].event_pattern).detail.mail.tags["ses:configuration-set"] == [aws_sesv2_configuration_set.mail[0].configuration_set_name],
      aws_cloudwatch_event_target.bounces[0].arn == aws_sqs_queue.bounces[0].arn,
      jsondecode(aws_sqs_queue_policy.bounces[0].policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == aws_cloudwatch_event_rule.bounces[0].arn,
      module.function["worker"].settings.environment.SHOPEASE_MAIL_BOUNCES == aws_sqs_queue.bounces[0].url,
    ])
    error_message = "Returned mails must reach the queue that the worker reads."
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.relay) == 0 && !anytrue([for name in output.parameter_names : endswith(name, "/mail-smtp-url")])
    error_message = "SES needs no SMTP ports and no URL of a relay."
  }
}

run "mails_by_smtp" {
  variables {
    mail = { transport = "smtp", from = "orders@kitchen.example" }
  }

  assert {
    condition     = [for name in output.parameter_names : split("/", name)[3] if endswith(name, "/mail-smtp-url")] == ["backend"]
    error_message = "The relay's URL is a secret of the component that runs the worker, and of no other."
  }

  assert {
    condition     = sort([for rule in aws_vpc_security_group_egress_rule.relay : tostring(rule.to_port) if rule.security_group_id == aws_security_group.this["backend"].id]) == tolist(["465", "587"])
    error_message = "The backend reaches the relay on the ports of TLS and STARTTLS only."
  }

  assert {
    condition     = contains([for secret in jsondecode(module.backend["backend"].container_definitions)[0].secrets : secret.name], "SHOPEASE_MAIL_SMTP_URL")
    error_message = "The backend gets the relay's URL as a secret."
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
    error_message = "Without PostgreSQL there must be no database that costs money."
  }

  assert {
    condition     = alltrue([for function in values(module.function) : !function.settings.in_vpc])
    error_message = "Functions on DynamoDB must be outside any VPC."
  }

  assert {
    condition = length(module.function) == 7 && module.function["worker"].settings.reserved_concurrency == 1 && one([
      for variable in jsondecode(module.backend["backend"].container_definitions)[0].environment : variable.value if variable.name == "SHOPEASE_WORKER_SECONDS"
    ]) == "0"
    error_message = "If functions serve everything, the worker must be exactly one function, and no task may run it."
  }

  assert {
    condition     = module.observability.worker_services == tolist(["shopease-worker"])
    error_message = "Alarms must watch the process that runs the worker."
  }

  assert {
    condition = alltrue([
      for name, function in module.function : alltrue([
        for statement in jsondecode(function.policies.function).Statement :
        length(statement.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]) > 0 && !contains(statement.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"], "*")
        if anytrue([for action in flatten([statement.Action]) : startswith(action, "dynamodb:")])
      ])
    ])
    error_message = "A function may access only the items that it works with, by key."
  }

  assert {
    condition = !anytrue([
      for statement in jsondecode(module.function["catalog"].policies.function).Statement :
      anytrue([for action in flatten([statement.Action]) : can(regex("Put|Update|Delete|Scan|Write", action)) && startswith(action, "dynamodb:")])
    ])
    error_message = "The catalog function must not be able to write."
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
    egress           = { nat_gateways = 0, interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "ssm", "kms", "secretsmanager"] }
    payment_provider = "fake"
    log_destination  = "cloudwatch"
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.world) == 0
    error_message = "Without NAT, nothing may reach the internet."
  }

  assert {
    condition     = jsondecode(module.log_router["backend"].log_configuration).logDriver == "awslogs"
    error_message = "Logs must go to CloudWatch."
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
    error_message = "Every task must use the one ledger."
  }

  assert {
    condition     = alltrue([for function in values(module.function) : function.settings.in_vpc && function.settings.environment["SHOPEASE_FAKE_PAYMENTS_URL"] == "http://payments.shopease-staging.internal:8080"])
    error_message = "Every function must use the one ledger, from inside the VPC."
  }

  assert {
    condition     = module.payments[0].size.desired == 1 && length(module.payments[0].scaling) == 0 && module.payments[0].deployment == { least = 0, most = 100 }
    error_message = "There must be one ledger, also during a deployment."
  }

  assert {
    condition     = toset([for flow in keys(local.flows) : split(" ", flow)[0] if endswith(flow, " payments")]) == toset(["load-balancer", "backend", "functions"])
    error_message = "Only these security groups may reach the ledger."
  }

  assert {
    condition     = jsonencode(module.alb.pages) == jsonencode({ payments = ["/authenticate/*"] })
    error_message = "Only the bank's page may be open to shoppers, not the ledger."
  }

  assert {
    condition     = jsondecode(output.policies["payments/task"]).Statement == []
    error_message = "The ledger must make no calls."
  }
}

run "no_ledger_with_stripe" {
  command = plan

  assert {
    condition     = length(module.payments) == 0 && length(aws_service_discovery_private_dns_namespace.this) == 0 && length(module.alb.pages) == 0
    error_message = "With Stripe there must be no test payments."
  }
}
