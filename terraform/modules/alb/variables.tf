variable "name" {
  description = "Name of the load balancer and prefix of its target groups, for example shopease-dev."
  type        = string
  nullable    = false
}

variable "vpc_id" {
  description = "VPC of the target groups."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Public subnets in at least two availability zones."
  type        = list(string)
  nullable    = false
}

variable "security_group_id" {
  description = "Security group of the load balancer."
  type        = string
  nullable    = false
}

variable "certificate_arn" {
  description = "Certificate for the domain."
  type        = string
  nullable    = false
}

variable "zone_id" {
  description = "Route 53 zone in which the alias record is created."
  type        = string
  nullable    = false
}

variable "domain_name" {
  description = "Name of the alias record."
  type        = string
  nullable    = false
}

variable "log_bucket" {
  description = "Bucket for access logs."
  type        = string
  nullable    = false
}

variable "log_prefix" {
  description = "Prefix for access logs in the bucket."
  type        = string
  nullable    = false
}

variable "protected" {
  description = "Whether deletion protection is on."
  type        = bool
  nullable    = false
}

variable "port" {
  description = "Port of the tasks."
  type        = number
  default     = 8080
  nullable    = false
}

variable "services" {
  description = "Fargate services with a target group: frontend, backend, and <service>-canary for each while there is a canary."
  type        = set(string)
  nullable    = false
}

variable "routes" {
  description = "Listener rules in order, and the service for all other paths: routes.json, generated from the shop's route table."
  type = object({
    default = object({ area = string, service = string })
    rules   = list(object({ area = string, service = string, patterns = list(string) }))
  })
  nullable = false

  validation {
    condition     = alltrue([for rule in var.routes.rules : length(rule.patterns) >= 1 && length(rule.patterns) <= 5])
    error_message = "A listener rule must have one to five path patterns."
  }
}

variable "lambda_target_group_arns" {
  description = "Target group of each area's function; empty without functions."
  type        = map(string)
  nullable    = false
}

variable "lambda_weights" {
  description = "Percentage of the requests of each area that its function serves."
  type        = map(number)
  nullable    = false

  validation {
    condition     = alltrue([for weight in values(var.lambda_weights) : weight >= 0 && weight <= 100 && floor(weight) == weight])
    error_message = "Weights must be whole numbers from 0 to 100."
  }
}

variable "canary_weight" {
  description = "Percentage of the requests to a Fargate service that its canary serves, if there is one."
  type        = number
  default     = 0
  nullable    = false
}

variable "pages" {
  description = "Path patterns of services outside the shop's route table, by service."
  type        = map(list(string))
  default     = {}
  nullable    = false
}
