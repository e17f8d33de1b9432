################################################################################
# Which environment, and how large: envs/<name>.tfvars
################################################################################

variable "environment" {
  description = "What makes an environment: its name, how many tasks of which size, its database, and which path serves how much."
  nullable    = false

  type = object({
    name        = string
    protected   = optional(bool, false)
    firewall    = optional(bool, false)
    cidr_block  = string
    autoscaling = optional(bool, false)
    frontend    = object({ cpu = number, memory_mb = number, desired = number, min = optional(number, 1), max = optional(number, 1) })
    backend     = object({ cpu = number, memory_mb = number, desired = number, min = optional(number, 1), max = optional(number, 1) })
    database = object({
      class          = string
      multi_az       = optional(bool, false)
      storage_gb     = optional(number, 20)
      max_storage_gb = optional(number, 100)
      backup_days    = optional(number, 7)
    })
    log_retention_days      = optional(number, 30)
    api_requests_per_second = optional(number, 100)
    budget_usd              = number
  })

  validation {
    condition     = contains(["dev", "perf", "staging", "canary", "prod"], var.environment.name)
    error_message = "dev, perf, staging, canary or prod."
  }

  validation {
    condition     = !var.environment.autoscaling || contains(["perf", "staging", "prod"], var.environment.name)
    error_message = "Autoscaling only in perf, staging and prod: elsewhere a count that moves by itself hides what is being tried."
  }

  validation {
    condition     = var.environment.name != "prod" || (var.environment.protected && var.environment.firewall && var.environment.database.multi_az)
    error_message = "prod is protected, behind a firewall, and its database has a standby."
  }
}

variable "project" {
  description = "First part of every name and tag, and of the SSM path."
  type        = string
  default     = "shopease"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.project))
    error_message = "2 to 10 lower-case letters and digits: names of target groups end after 32 characters."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}

variable "domain" {
  description = "Where browsers find the shop, and the public zone that holds the name; without zone_id a zone of that name is made."
  type        = object({ name = string, zone_id = optional(string) })
  nullable    = false
}

################################################################################
# What runs: chosen by the pipeline, promoted by digest
################################################################################

variable "image" {
  description = "The shop's image: repository of this account and region, digest, and the program's and the certificates' place in it."
  nullable    = false

  type = object({
    repository     = optional(string, "shopease")
    digest         = string
    binary         = optional(string, "/shopease")
    rds_authority  = optional(string, "/etc/ssl/rds/global-bundle.pem")
    release        = optional(string, "unknown")
    router         = optional(string, "shopease-log-router")
    router_digest  = optional(string)
    psql           = optional(string, "shopease-psql")
    psql_digest    = optional(string)
    container_port = optional(number, 8080)
  })

  validation {
    condition     = can(regex("^sha256:[0-9a-f]{64}$", var.image.digest))
    error_message = "The digest is sha256:<64 hex digits>."
  }
}

variable "functions" {
  description = "The functions' release: bucket and prefix of <area>.zip, named by digest. null: no functions."
  type        = object({ bucket = string, prefix = string, rds_authority = optional(string, "/var/task/rds-ca.pem") })
  default     = null
}

variable "canary" {
  description = "A second image that serves a share of the Fargate requests of this environment, on the same data: digest, share of 100, tasks. null: none."
  type        = object({ digest = string, release = optional(string, "canary"), weight = number, tasks = optional(number, 1) })
  default     = null

  validation {
    condition     = var.canary == null || try(var.canary.weight >= 0 && var.canary.weight <= 100 && floor(var.canary.weight) == var.canary.weight, false)
    error_message = "The canary's weight is a whole number from 0 to 100."
  }
}

variable "function_canary" {
  description = "A second published version of functions, by area, with its share of alias live between 0 and 1."
  type        = map(object({ version = string, weight = number }))
  default     = {}
  nullable    = false
}

variable "function_versions" {
  description = "Versions that alias live is held at, by area, to roll back; others follow the newest."
  type        = map(string)
  default     = {}
  nullable    = false
}

################################################################################
# Which path, which store
################################################################################

variable "lambda_weight" {
  description = "Of 100 requests, how many the functions serve; the rest goes to Fargate."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.lambda_weight >= 0 && var.lambda_weight <= 100 && floor(var.lambda_weight) == var.lambda_weight
    error_message = "A whole number from 0 to 100."
  }
}

variable "lambda_weights" {
  description = "The same for single areas, which lambda_weight does not count for then."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for weight in values(var.lambda_weights) : weight >= 0 && weight <= 100 && floor(weight) == weight])
    error_message = "Whole numbers from 0 to 100."
  }

  validation {
    condition     = length(setsubtract(keys(var.lambda_weights), ["storefront", "catalog", "cart", "checkout", "accounts", "admin"])) == 0
    error_message = "Areas are storefront, catalog, cart, checkout, accounts and admin."
  }
}

variable "store" {
  description = "Store of each path: postgres or dynamodb. Both must be one while both serve shoppers, or carts would come and go."
  type        = object({ fargate = optional(string, "postgres"), lambda = optional(string, "postgres") })
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for store in values(var.store) : contains(["postgres", "dynamodb"], store)])
    error_message = "postgres or dynamodb."
  }

  validation {
    condition = var.store.fargate == var.store.lambda || length(distinct([
      for area in ["storefront", "catalog", "cart", "checkout", "accounts", "admin"] : lookup(var.lambda_weights, area, var.lambda_weight)
    ])) == 1 && contains([0, 100], var.lambda_weight)
    error_message = "Two stores are two shops: with different stores one path must serve everything (weight 0 or 100 for every area)."
  }
}

variable "lambda_concurrency" {
  description = "Execution environments of each function at once while functions use PostgreSQL; settings.json decides for single ones and on DynamoDB."
  type        = number
  default     = 3
  nullable    = false
}

variable "task_connections" {
  description = "Database connections of a task."
  type        = number
  default     = 16
  nullable    = false
}

variable "function_connections" {
  description = "Database connections of an execution environment."
  type        = number
  default     = 2
  nullable    = false
}

variable "http_api" {
  description = "Whether the functions are also behind an API Gateway HTTP API."
  type        = bool
  default     = false
  nullable    = false
}

variable "payment_provider" {
  description = "fake (test cards, and a service with their ledger; functions move into the VPC to reach it) or stripe."
  type        = string
  default     = "stripe"
  nullable    = false

  validation {
    condition     = contains(["fake", "stripe"], var.payment_provider) && (var.payment_provider == "stripe" || var.environment.name != "prod")
    error_message = "fake or stripe, and in prod stripe."
  }
}

variable "settings" {
  description = "Further variables of the shop, for both paths: SHOPEASE_NAME, SHOPEASE_CURRENCY, SHOPEASE_EVENTS ... No secrets."
  type        = map(string)
  default     = {}
  nullable    = false
}

################################################################################
# Surroundings
################################################################################

variable "egress" {
  description = "How private subnets reach AWS and the world: NAT gateways (0, 1, or one a zone) and interface endpoints by service."
  type        = object({ nat_gateways = number, interface_endpoints = optional(set(string), []) })
  default     = { nat_gateways = 1 }
  nullable    = false

  validation {
    condition     = var.egress.nat_gateways > 0 || length(setsubtract(["ecr.api", "ecr.dkr", "logs", "ssm", "kms"], var.egress.interface_endpoints)) == 0
    error_message = "Without NAT, tasks start only with the endpoints ecr.api, ecr.dkr, logs, ssm and kms."
  }

  validation {
    condition     = var.egress.nat_gateways > 0 || (var.payment_provider == "fake" && var.log_destination == "cloudwatch")
    error_message = "Stripe and Datadog are outside of AWS: reaching them needs a NAT gateway."
  }
}

variable "log_destination" {
  description = "Where the tasks' lines go: cloudwatch, or datadog by a log router beside each task."
  type        = string
  default     = "datadog"
  nullable    = false

  validation {
    condition     = contains(["cloudwatch", "datadog"], var.log_destination)
    error_message = "cloudwatch or datadog."
  }

  validation {
    condition     = var.log_destination == "cloudwatch" || var.image.router_digest != null
    error_message = "datadog needs the log router's image: image.router_digest."
  }
}

variable "datadog_site" {
  description = "Datadog's site."
  type        = string
  default     = "datadoghq.eu"
  nullable    = false
}

variable "alarm_email" {
  description = "Address that hears of alarms; it gets a mail to confirm. null: nobody."
  type        = string
  default     = null
}

variable "client_cidr_blocks" {
  description = "Who may reach the load balancer."
  type        = list(string)
  default     = ["0.0.0.0/0"]
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Boundary of every role, from terraform/bootstrap; the pipeline's role can make no role without it."
  type        = string
  default     = null
}

variable "wait_for_tasks" {
  description = "Whether applying waits until new tasks serve, and fails when ECS rolled them back. An emulator starts none."
  type        = bool
  default     = true
  nullable    = false
}
