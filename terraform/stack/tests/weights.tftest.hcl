# The weight of each target group, and the names and rules that the load balancer accepts.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "both_paths" {
  command = plan

  variables {
    lambda_weight  = 20
    lambda_weights = { catalog = 100, checkout = 0 }
  }

  assert {
    condition     = output.weights["cart-frontend-1"] == [80, 20] && output.weights["cart-backend-1"] == [80, 20]
    error_message = "Pages and API of an area must share its weight: Fargate first, then the function."
  }

  assert {
    condition     = output.weights["catalog-backend-1"] == [0, 100] && output.weights["checkout-backend-1"] == [100, 0]
    error_message = "An area with its own weight must not follow lambda_weight."
  }

  assert {
    condition     = alltrue([for weights in values(output.weights) : sum(weights) == 100])
    error_message = "The weights of a rule must add up to 100."
  }

  assert {
    condition     = alltrue([for rule in values(module.alb.rules) : length(rule.patterns) <= 5 && rule.priority >= 1 && rule.priority <= 50000])
    error_message = "A rule must have at most five patterns and a priority of at most 50,000."
  }

  assert {
    condition     = length(distinct([for rule in values(module.alb.rules) : rule.priority])) == length(module.alb.rules) && length(module.alb.rules) == length(local.routes.rules)
    error_message = "Every rule of the route table must exist, with its own priority."
  }
}

run "canary_inside_the_environment" {
  command = plan

  variables {
    lambda_weight  = 20
    lambda_weights = { catalog = 100 }
    canary         = { digest = "sha256:4444444444444444444444444444444444444444444444444444444444444444", weight = 5 }
  }

  assert {
    condition     = output.weights["cart-frontend-1"] == [76, 4, 20] && output.weights["catalog-backend-1"] == [0, 0, 100]
    error_message = "One rule must have three groups: the service, its canary with a share of what Fargate serves, the function."
  }

  assert {
    condition     = length(module.backend["backend-canary"].scaling) == 0 && module.backend["backend-canary"].size.desired == 1
    error_message = "A canary must not scale."
  }
}

run "canary_of_functions" {
  variables {
    lambda_weight           = 20
    function_versions       = { catalog = "3" }
    function_canary_percent = 10
  }

  assert {
    condition     = module.function["catalog"].live_versions == { "3" = 90, (module.function["catalog"].version) = 10 }
    error_message = "The pinned version must serve what the newest one does not."
  }

  assert {
    condition     = module.function["cart"].live_versions == { (module.function["cart"].version) = 100 }
    error_message = "A function that is not pinned has no canary."
  }
}

run "fargate_only" {
  command = plan

  variables {
    functions     = null
    lambda_weight = 20
  }

  assert {
    condition     = alltrue([for weights in values(output.weights) : weights == [100]]) && length(module.function) == 0
    error_message = "Without functions, Fargate must serve everything, whatever the weight."
  }
}

run "longest_names" {
  command = plan

  variables {
    project = "tencharact"
    canary  = { digest = "sha256:4444444444444444444444444444444444444444444444444444444444444444", weight = 5 }
  }

  assert {
    condition     = alltrue([for name in concat(module.alb.names, [for function in values(module.function) : function.target_group_name]) : length(name) <= 32 && !endswith(name, "-")])
    error_message = "Names of load balancers and target groups must have at most 32 characters and not end with a hyphen."
  }

  assert {
    condition     = length(distinct(concat(module.alb.names, [for function in values(module.function) : function.target_group_name]))) == length(module.alb.names) + length(module.function)
    error_message = "Shortened names must still differ."
  }
}

run "another_port_has_another_name" {
  command = plan

  variables {
    image = {
      digest         = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
      router_digest  = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
      container_port = 9090
    }
  }

  assert {
    condition     = alltrue([for name in slice(module.alb.names, 1, length(module.alb.names)) : !endswith(name, "-d4")])
    error_message = "The new group exists next to that of port 8080, whose name ends with -d4, so its name must differ."
  }
}

# A new account, where Lambda reserves nothing.
run "small_account" {
  command = plan

  variables {
    account_concurrency = 10
  }

  assert {
    condition     = alltrue([for function in values(module.function) : function.settings.reserved_concurrency == -1]) && local.budget.environments == 10
    error_message = "Nothing may be reserved, and the connection budget must count the account's limit."
  }
}
