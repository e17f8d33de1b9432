# Inputs that validation rejects before AWS sees them. Each run breaks exactly one rule.

mock_provider "aws" {
  source = "./tests/mocks"
}

################################################################################
# Environments that do not exist or do not match their name
################################################################################

run "an_unknown_environment" {
  command = plan

  variables {
    environment = {
      name        = "test"
      cidr_block  = "10.0.0.0/16"
      autoscaling = false
      frontend    = { cpu = 256, memory_mb = 512, desired = 1, min = 1, max = 2 }
      backend     = { cpu = 256, memory_mb = 512, desired = 1, min = 1, max = 2 }
      database    = { class = "db.t4g.small" }
      budget_usd  = 100
    }
  }

  expect_failures = [var.environment]
}

run "scaling_in_dev" {
  command = plan

  variables {
    environment = {
      name        = "dev"
      cidr_block  = "10.0.0.0/16"
      autoscaling = true
      frontend    = { cpu = 256, memory_mb = 512, desired = 1, min = 1, max = 2 }
      backend     = { cpu = 256, memory_mb = 512, desired = 1, min = 1, max = 2 }
      database    = { class = "db.t4g.small" }
      budget_usd  = 100
    }
  }

  expect_failures = [var.environment]
}

run "night_without_autoscaling" {
  command = plan

  variables {
    environment = {
      name       = "staging"
      cidr_block = "10.0.0.0/16"
      night      = { from = 20, until = 6 }
      frontend   = { cpu = 256, memory_mb = 512, desired = 1 }
      backend    = { cpu = 256, memory_mb = 512, desired = 1 }
      database   = { class = "db.t4g.small" }
      budget_usd = 100
    }
  }

  expect_failures = [var.environment]
}

run "night_at_no_hour" {
  command = plan

  variables {
    environment = {
      name        = "staging"
      cidr_block  = "10.0.0.0/16"
      autoscaling = true
      night       = { from = 20, until = 24 }
      frontend    = { cpu = 256, memory_mb = 512, desired = 1 }
      backend     = { cpu = 256, memory_mb = 512, desired = 1 }
      database    = { class = "db.t4g.small" }
      budget_usd  = 100
    }
  }

  expect_failures = [var.environment]
}

run "scaling_in_canary" {
  command = plan

  variables {
    environment = {
      name        = "canary"
      cidr_block  = "10.0.0.0/16"
      autoscaling = true
      frontend    = { cpu = 256, memory_mb = 512, desired = 1, min = 1, max = 2 }
      backend     = { cpu = 256, memory_mb = 512, desired = 1, min = 1, max = 2 }
      database    = { class = "db.t4g.small" }
      budget_usd  = 100
    }
  }

  expect_failures = [var.environment]
}

run "prod_that_can_be_deleted" {
  command = plan

  variables {
    environment = {
      name       = "prod"
      protected  = false
      web_acl    = true
      cidr_block = "10.0.0.0/16"
      frontend   = { cpu = 256, memory_mb = 512, desired = 1 }
      backend    = { cpu = 256, memory_mb = 512, desired = 1 }
      database   = { class = "db.t4g.small", multi_az = true }
      budget_usd = 100
    }
  }

  expect_failures = [var.environment]
}

run "prod_without_a_web_acl" {
  command = plan

  variables {
    environment = {
      name       = "prod"
      protected  = true
      web_acl    = false
      cidr_block = "10.0.0.0/16"
      frontend   = { cpu = 256, memory_mb = 512, desired = 1 }
      backend    = { cpu = 256, memory_mb = 512, desired = 1 }
      database   = { class = "db.t4g.small", multi_az = true }
      budget_usd = 100
    }
  }

  expect_failures = [var.environment]
}

run "prod_without_a_standby" {
  command = plan

  variables {
    environment = {
      name       = "prod"
      protected  = true
      web_acl    = true
      cidr_block = "10.0.0.0/16"
      frontend   = { cpu = 256, memory_mb = 512, desired = 1 }
      backend    = { cpu = 256, memory_mb = 512, desired = 1 }
      database   = { class = "db.t4g.small", multi_az = false }
      budget_usd = 100
    }
  }

  expect_failures = [var.environment]
}

run "test_cards_in_prod" {
  command = plan

  variables {
    environment = {
      name       = "prod"
      protected  = true
      web_acl    = true
      cidr_block = "10.0.0.0/16"
      frontend   = { cpu = 256, memory_mb = 512, desired = 1 }
      backend    = { cpu = 256, memory_mb = 512, desired = 1 }
      database   = { class = "db.t4g.small", multi_az = true }
      budget_usd = 100
    }
    payment_provider = "fake"
  }

  expect_failures = [var.payment_provider]
}

run "a_long_name" {
  command = plan

  variables {
    project = "elevencharac"
  }

  expect_failures = [var.project]
}

################################################################################
# Weights
################################################################################

run "prod_like_on_spot" {
  command = plan

  variables {
    environment = {
      name       = "staging"
      spot       = true
      cidr_block = "10.0.0.0/16"
      frontend   = { cpu = 256, memory_mb = 512, desired = 1 }
      backend    = { cpu = 256, memory_mb = 512, desired = 1 }
      database   = { class = "db.t4g.small" }
      budget_usd = 100
    }
  }

  expect_failures = [var.environment]
}

run "paths_shift_between_stores" {
  command = plan

  variables {
    path_shift    = {}
    lambda_weight = 100
    store         = { fargate = "postgres", lambda = "dynamodb" }
  }

  expect_failures = [var.path_shift]
}

run "a_rollout_that_no_alarm_can_end" {
  command = plan

  variables {
    environment = {
      name       = "staging"
      cidr_block = "10.0.0.0/16"
      frontend   = { cpu = 256, memory_mb = 512, desired = 1 }
      backend    = { cpu = 256, memory_mb = 512, desired = 1 }
      database   = { class = "db.t4g.small" }
      budget_usd = 100
      rollout    = { percent = 10, minutes = 2 }
    }
  }

  expect_failures = [var.environment]
}

run "a_weight_above_100" {
  command = plan

  variables {
    lambda_weight = 101
  }

  expect_failures = [var.lambda_weight]
}

run "a_weight_below_0" {
  command = plan

  variables {
    lambda_weight = -1
  }

  expect_failures = [var.lambda_weight]
}

run "a_fractional_weight" {
  command = plan

  variables {
    lambda_weight = 0.5
  }

  expect_failures = [var.lambda_weight]
}

run "a_weight_of_an_area_below_0" {
  command = plan

  variables {
    lambda_weights = { catalog = -1 }
  }

  expect_failures = [var.lambda_weights]
}

run "a_weight_of_an_unknown_area" {
  command = plan

  variables {
    lambda_weights = { catalogue = 10 }
  }

  expect_failures = [var.lambda_weights]
}

run "a_canary_above_100" {
  command = plan

  variables {
    canary = { digest = "sha256:4444444444444444444444444444444444444444444444444444444444444444", weight = 101 }
  }

  expect_failures = [var.canary]
}

run "different_stores_on_both_paths" {
  command = plan

  variables {
    lambda_weight = 50
    store         = { fargate = "postgres", lambda = "dynamodb" }
  }

  expect_failures = [var.store]
}

run "different_stores_in_one_area" {
  command = plan

  variables {
    lambda_weight  = 0
    lambda_weights = { cart = 100 }
    store          = { fargate = "postgres", lambda = "dynamodb" }
  }

  expect_failures = [var.store]
}

run "an_unknown_store" {
  command = plan

  variables {
    store = { fargate = "mysql", lambda = "mysql" }
  }

  expect_failures = [var.store]
}

################################################################################
# Releases and their requirements
################################################################################

run "a_tag_instead_of_a_digest" {
  command = plan

  variables {
    image           = { digest = "latest" }
    log_destination = "cloudwatch"
  }

  expect_failures = [var.image]
}

run "datadog_without_a_router" {
  command = plan

  variables {
    image = { digest = "sha256:4444444444444444444444444444444444444444444444444444444444444444" }
  }

  expect_failures = [var.log_destination]
}

run "an_unknown_destination" {
  command = plan

  variables {
    log_destination = "splunk"
  }

  expect_failures = [var.log_destination]
}

run "an_unknown_payment_provider" {
  command = plan

  variables {
    payment_provider = "paypal"
  }

  expect_failures = [var.payment_provider]
}

run "more_connections_than_the_database_admits" {
  command = plan

  variables {
    lambda_concurrency = 20
  }

  expect_failures = [terraform_data.connection_budget]
}

run "no_nat_and_no_endpoints" {
  command = plan

  variables {
    egress           = { nat_gateways = 0, interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "ssm"] }
    payment_provider = "fake"
    log_destination  = "cloudwatch"
  }

  expect_failures = [var.egress]
}

run "no_endpoint_for_the_first_user" {
  command = plan

  variables {
    egress           = { nat_gateways = 0, interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "ssm", "kms"] }
    payment_provider = "fake"
    log_destination  = "cloudwatch"
  }

  expect_failures = [var.egress]
}

run "no_endpoint_for_events" {
  command = plan

  variables {
    egress           = { nat_gateways = 0, interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "ssm", "kms", "secretsmanager"] }
    payment_provider = "fake"
    log_destination  = "cloudwatch"
    settings         = { SHOPEASE_EVENTS = "eventbridge:orders" }
  }

  expect_failures = [var.egress]
}

run "datadog_without_nat" {
  command = plan

  variables {
    egress           = { nat_gateways = 0, interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "ssm", "kms", "secretsmanager"] }
    payment_provider = "fake"
  }

  expect_failures = [var.egress]
}

run "stripe_without_nat" {
  command = plan

  variables {
    egress          = { nat_gateways = 0, interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "ssm", "kms", "secretsmanager"] }
    log_destination = "cloudwatch"
  }

  expect_failures = [var.egress]
}

run "mails_by_pigeon" {
  command = plan

  variables {
    mail = { transport = "pigeon", from = "orders@kitchen.example" }
  }

  expect_failures = [var.mail]
}

run "mails_from_nobody" {
  command = plan

  variables {
    mail = { transport = "ses", from = "Kitchen & Co" }
  }

  expect_failures = [var.mail]
}

run "mails_without_nat" {
  command = plan

  variables {
    egress           = { nat_gateways = 0, interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "ssm", "kms", "secretsmanager", "email"] }
    log_destination  = "cloudwatch"
    payment_provider = "fake"
    mail             = { transport = "ses", from = "orders@kitchen.example" }
  }

  expect_failures = [var.egress]
}
