################################################################################
# The environment and its size: envs/<name>.tfvars
################################################################################

variable "environment" {
  description = "Settings of the environment: name, number and size of tasks, database, and the share of each path."
  nullable    = false

  type = object({
    name        = string
    protected   = optional(bool, false)
    web_acl     = optional(bool, false)
    cidr_block  = string
    autoscaling = optional(bool, false)
    spot        = optional(bool, false)
    # Besides CPU, scale by requests a minute and task that the load balancer sends. From one hour until another, the minimum is one task.
    requests_per_target = optional(number)
    night               = optional(object({ from = number, until = number, time_zone = optional(string, "UTC") }))
    frontend            = object({ cpu = number, memory_mb = number, desired = number, min = optional(number, 1), max = optional(number, 1) })
    backend             = object({ cpu = number, memory_mb = number, desired = number, min = optional(number, 1), max = optional(number, 1) })
    database = object({
      class          = string
      multi_az       = optional(bool, false)
      storage_gb     = optional(number, 20)
      max_storage_gb = optional(number, 100)
      backup_days    = optional(number, 7)
    })
    log_retention_days      = optional(number, 30)
    api_requests_per_second = optional(number, 100)
    quiet_hours             = optional(number)
    budget_usd              = number
    # Share of the requests that a new release gets first, on both paths, and for how long the pipeline then watches the alarms.
    rollout = optional(object({ percent = number, minutes = number }))
  })

  validation {
    condition     = contains(["dev", "perf", "staging", "canary", "prod"], var.environment.name)
    error_message = "The environment must be dev, perf, staging, canary, or prod."
  }

  validation {
    condition     = !var.environment.autoscaling || contains(["perf", "staging", "prod"], var.environment.name)
    error_message = "Autoscaling is allowed only in perf, staging, and prod: elsewhere a changing task count hides the effect under test."
  }

  validation {
    condition     = var.environment.autoscaling || (var.environment.requests_per_target == null && var.environment.night == null)
    error_message = "requests_per_target and night change how the number of tasks follows the load: they require autoscaling."
  }

  validation {
    condition     = var.environment.night == null || try(alltrue([for hour in [var.environment.night.from, var.environment.night.until] : contains(range(24), hour)]) && var.environment.night.from != var.environment.night.until, false)
    error_message = "The night lasts from one hour until another, each from 0 to 23."
  }

  validation {
    condition     = !var.environment.spot || contains(["dev", "perf"], var.environment.name)
    error_message = "Fargate Spot is allowed only in dev and perf: AWS may stop its tasks at any time."
  }

  validation {
    condition     = var.environment.rollout == null || try(var.environment.rollout.percent >= 1 && var.environment.rollout.percent <= 50 && var.environment.rollout.minutes >= 5, false)
    error_message = "A rollout begins with 1 to 50 percent and takes at least five minutes: an alarm needs three."
  }

  validation {
    condition     = var.environment.name != "prod" || (var.environment.protected && var.environment.web_acl && var.environment.database.multi_az)
    error_message = "prod must be protected, have a web ACL (web_acl = true), and have a standby database (multi_az = true)."
  }
}

variable "project" {
  description = "Prefix of every name and tag, and of the SSM path."
  type        = string
  default     = "shopease"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.project))
    error_message = "The project must have 2 to 10 lowercase letters and digits: target group names are limited to 32 characters."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}

variable "domain" {
  description = "Domain name of the shop and the public zone that contains it; without zone_id, a zone of that name is created."
  type        = object({ name = string, zone_id = optional(string) })
  nullable    = false
}

################################################################################
# Releases: chosen by the pipeline, promoted by digest
################################################################################

variable "image" {
  description = "The shop's image: repository in this region and in this account or registry_account, digest, and the paths of the program and the certificates in it."
  nullable    = false

  type = object({
    registry_account = optional(string)
    repository       = optional(string, "shopease")
    digest           = string
    binary           = optional(string, "/shopease")
    rds_authority    = optional(string, "/etc/ssl/rds/global-bundle.pem")
    release          = optional(string, "unknown")
    router           = optional(string, "shopease-log-router")
    router_digest    = optional(string)
    psql             = optional(string, "shopease-psql")
    psql_digest      = optional(string)
    container_port   = optional(number, 8080)
  })

  validation {
    condition     = can(regex("^sha256:[0-9a-f]{64}$", var.image.digest))
    error_message = "The digest must be sha256:<64 hex digits>."
  }
}

variable "functions" {
  description = "Release of the functions: bucket and prefix of <area>.zip, and its name if it differs from the image's. null: no functions."
  type        = object({ bucket = string, prefix = string, release = optional(string), rds_authority = optional(string, "/var/task/rds-ca.pem") })
  default     = null
}

variable "canary" {
  description = "Second image that serves a percentage of this environment's Fargate requests (weight), on the same data. null: none."
  type        = object({ digest = string, release = optional(string, "canary"), weight = number, tasks = optional(number, 1) })
  default     = null

  validation {
    condition     = var.canary == null || try(var.canary.weight >= 0 && var.canary.weight <= 100 && floor(var.canary.weight) == var.canary.weight, false)
    error_message = "The canary's weight must be a whole number from 0 to 100."
  }
}

variable "function_canary_percent" {
  description = "Percentage of a function's requests that its newest version serves, next to the version to which function_versions pins alias live."
  type        = number
  default     = 0
  nullable    = false
}

variable "function_versions" {
  description = "Versions to which alias live is pinned, by area, for a rollback; other functions follow the newest."
  type        = map(string)
  default     = {}
  nullable    = false
}

################################################################################
# Paths and stores
################################################################################

variable "lambda_weight" {
  description = "Percentage of requests that the functions serve; Fargate serves the rest."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.lambda_weight >= 0 && var.lambda_weight <= 100 && floor(var.lambda_weight) == var.lambda_weight
    error_message = "lambda_weight must be a whole number from 0 to 100."
  }
}

variable "lambda_weights" {
  description = "Overrides lambda_weight for single areas."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for weight in values(var.lambda_weights) : weight >= 0 && weight <= 100 && floor(weight) == weight])
    error_message = "Weights must be whole numbers from 0 to 100."
  }

  validation {
    condition     = length(setsubtract(keys(var.lambda_weights), ["storefront", "catalog", "cart", "checkout", "accounts", "admin"])) == 0
    error_message = "Areas are storefront, catalog, cart, checkout, accounts, and admin."
  }
}

variable "path_shift" {
  description = "Whether a path whose requests fail loses them to the other path, until it has been healthy for hold_minutes. null: no."
  type        = object({ hold_minutes = optional(number, 30) })
  default     = null

  validation {
    condition     = var.path_shift == null || var.store.fargate == var.store.lambda
    error_message = "Requests can move between the paths only if both use the same store."
  }
}

variable "store" {
  description = "Store of each path: postgres or dynamodb. Both paths must use the same store while both serve shoppers; otherwise carts would appear and disappear."
  type        = object({ fargate = optional(string, "postgres"), lambda = optional(string, "postgres") })
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for store in values(var.store) : contains(["postgres", "dynamodb"], store)])
    error_message = "The store must be postgres or dynamodb."
  }

  validation {
    condition = var.store.fargate == var.store.lambda || length(distinct([
      for area in ["storefront", "catalog", "cart", "checkout", "accounts", "admin"] : lookup(var.lambda_weights, area, var.lambda_weight)
    ])) == 1 && contains([0, 100], var.lambda_weight)
    error_message = "With different stores, one path must serve everything (weight 0 or 100 for every area), because the stores do not share data."
  }
}

variable "lambda_concurrency" {
  description = "Maximum concurrent execution environments of each function while functions use PostgreSQL; settings.json overrides it per function, and decides on DynamoDB."
  type        = number
  default     = 3
  nullable    = false
}

variable "account_concurrency" {
  description = "Limit of concurrent executions of an account that is too small to reserve any of them, such as a new one with 10. null: reserve concurrency."
  type        = number
  default     = null
}

variable "task_connections" {
  description = "Database connections per task."
  type        = number
  default     = 16
  nullable    = false
}

variable "function_connections" {
  description = "Database connections per execution environment."
  type        = number
  default     = 2
  nullable    = false
}

variable "http_api" {
  description = "Whether an API Gateway HTTP API also serves the functions."
  type        = bool
  default     = false
  nullable    = false
}

variable "payment_provider" {
  description = "fake (test cards, and a service with their ledger; functions run in the VPC to reach it) or stripe."
  type        = string
  default     = "stripe"
  nullable    = false

  validation {
    condition     = contains(["fake", "stripe"], var.payment_provider) && (var.payment_provider == "stripe" || var.environment.name != "prod")
    error_message = "The payment provider must be fake or stripe, and stripe in prod."
  }
}

variable "mail" {
  description = "How the worker sends mails: transport ses, or smtp (the relay's URL is the secret mail-smtp-url); the sender as \"Name <address>\"; and the operator's address for new orders and low stock. null: none are sent."
  type        = object({ transport = string, from = string, operator = optional(string) })
  default     = null

  validation {
    condition     = var.mail == null || contains(["ses", "smtp"], try(var.mail.transport, ""))
    error_message = "The transport of mails must be ses or smtp."
  }

  validation {
    condition     = var.mail == null || can(regex("^([^<>]*<[^<>@[:space:]]+@[^<>@[:space:]]+>|[^<>@[:space:]]+@[^<>@[:space:]]+)$", try(var.mail.from, "")))
    error_message = "The sender of mails must be an address, or a name and an address: Name <address>."
  }
}

variable "settings" {
  description = "Additional environment variables of the shop, for both paths: SHOPEASE_NAME, SHOPEASE_CURRENCY, SHOPEASE_COUNTRIES, SHOPEASE_EVENTS ... No secrets."
  type        = map(string)
  default     = {}
  nullable    = false
}

################################################################################
# Network, logs, alarms, and permissions
################################################################################

variable "egress" {
  description = "How private subnets reach AWS and the internet: number of NAT gateways (0, 1, or one per zone) and interface endpoints by service."
  type        = object({ nat_gateways = number, interface_endpoints = optional(set(string), []) })
  default     = { nat_gateways = 1 }
  nullable    = false

  validation {
    condition = var.egress.nat_gateways > 0 || length(setsubtract(concat(
      ["ecr.api", "ecr.dkr", "logs", "ssm", "kms"],
      contains(values(var.store), "postgres") ? ["secretsmanager"] : [],
      [for service, prefix in { events = "eventbridge:", sns = "sns:" } : service if startswith(lookup(var.settings, "SHOPEASE_EVENTS", ""), prefix)],
    ), var.egress.interface_endpoints)) == 0
    error_message = "Without NAT, tasks need the interface endpoints ecr.api, ecr.dkr, logs, ssm, and kms to start; on PostgreSQL, secretsmanager to create the database users; for events, events or sns."
  }

  validation {
    condition     = var.egress.nat_gateways > 0 || (var.payment_provider == "fake" && var.log_destination == "cloudwatch")
    error_message = "Stripe and Datadog are outside AWS and need a NAT gateway."
  }

  validation {
    condition     = var.egress.nat_gateways > 0 || var.mail == null || (try(var.mail.transport, "") == "ses" && length(setsubtract(["email", "sqs"], var.egress.interface_endpoints)) == 0)
    error_message = "Without NAT, mails need the transport ses and the interface endpoints email and sqs, for those that come back."
  }
}

variable "log_destination" {
  description = "Destination of the tasks' logs: cloudwatch, or datadog through a log router in each task."
  type        = string
  default     = "datadog"
  nullable    = false

  validation {
    condition     = contains(["cloudwatch", "datadog"], var.log_destination)
    error_message = "The log destination must be cloudwatch or datadog."
  }

  validation {
    condition     = var.log_destination == "cloudwatch" || var.image.router_digest != null
    error_message = "datadog requires the log router's image: image.router_digest."
  }
}

variable "datadog_site" {
  description = "Datadog site."
  type        = string
  default     = "datadoghq.eu"
  nullable    = false
}

variable "alarm_email" {
  description = "Email address that alarms notify, after it has confirmed the subscription. null: none."
  type        = string
  default     = null
}

variable "client_cidr_blocks" {
  description = "Address ranges that may reach the load balancer."
  type        = list(string)
  default     = ["0.0.0.0/0"]
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of every role, from terraform/bootstrap; the pipeline's role can create no role without it."
  type        = string
  default     = null
}

variable "wait_for_tasks" {
  description = "Whether apply waits until new tasks serve requests, and fails if ECS rolled them back. Set it to false for an emulator, which starts no tasks."
  type        = bool
  default     = true
  nullable    = false
}
