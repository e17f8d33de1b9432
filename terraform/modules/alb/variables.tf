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
  description = "Public subnets, in two zones or more."
  type        = list(string)
  nullable    = false
}

variable "security_group_id" {
  description = "Group of the load balancer."
  type        = string
  nullable    = false
}

variable "certificate_arn" {
  description = "Certificate of the domain."
  type        = string
  nullable    = false
}

variable "zone_id" {
  description = "Zone that gets the alias."
  type        = string
  nullable    = false
}

variable "domain_name" {
  description = "Name of the alias."
  type        = string
  nullable    = false
}

variable "log_bucket" {
  description = "Bucket of the access logs."
  type        = string
  nullable    = false
}

variable "log_prefix" {
  description = "Prefix of the access logs in their bucket."
  type        = string
  nullable    = false
}

variable "protected" {
  description = "Whether deleting the load balancer is refused."
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
  description = "Fargate services with a target group: frontend, backend, and each one's <service>-canary while there is a canary."
  type        = set(string)
  nullable    = false
}

variable "routes" {
  description = "The listener rules in their order and who serves what no rule names: routes.json, generated from the shop's route table."
  type = object({
    default = object({ area = string, service = string })
    rules   = list(object({ area = string, service = string, patterns = list(string) }))
  })
  nullable = false

  validation {
    condition     = alltrue([for rule in var.routes.rules : length(rule.patterns) >= 1 && length(rule.patterns) <= 5])
    error_message = "A listener rule takes one to five patterns."
  }
}

variable "lambda_target_group_arns" {
  description = "Target group of the function of each area; empty without functions."
  type        = map(string)
  nullable    = false
}

variable "lambda_weights" {
  description = "Of 100 requests to an area, how many its function serves."
  type        = map(number)
  nullable    = false

  validation {
    condition     = alltrue([for weight in values(var.lambda_weights) : weight >= 0 && weight <= 100 && floor(weight) == weight])
    error_message = "Weights are whole numbers from 0 to 100."
  }
}

variable "canary_weight" {
  description = "Of 100 requests, how many the canary of a Fargate service serves, if it has one."
  type        = number
  default     = 0
  nullable    = false
}

variable "pages" {
  description = "Path patterns of services beside the shop, by service."
  type        = map(list(string))
  default     = {}
  nullable    = false
}
