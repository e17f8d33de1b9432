variable "name" {
  description = "Prefix of every name, for example shopease-prod."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "Account of the roles."
  type        = string
  nullable    = false
}

variable "hold_minutes" {
  description = "Minutes without errors after which a path gets its requests back."
  type        = number
  nullable    = false

  validation {
    condition     = var.hold_minutes >= 10 && var.hold_minutes <= 720
    error_message = "A path must be healthy for 10 to 720 minutes."
  }
}

variable "percent" {
  description = "Percentage of all requests to the shop that must fail on a path, in two minutes, before it loses its requests."
  type        = number
  default     = 2
  nullable    = false
}

variable "forwards" {
  description = "Rules that forward to both paths, and the default action (listener_arn instead of rule_arn), with their targets as configured."
  type = map(object({
    rule_arn     = optional(string)
    listener_arn = optional(string)
    service_arn  = string
    function_arn = string
    targets      = list(object({ arn = string, weight = number }))
  }))
  nullable = false
}

variable "load_balancer_arn_suffix" {
  description = "Load balancer as a CloudWatch dimension."
  type        = string
  nullable    = false
}

variable "service_target_group_arn_suffixes" {
  description = "Target groups of the Fargate services as CloudWatch dimensions."
  type        = map(string)
  nullable    = false
}

variable "function_target_group_arn_suffixes" {
  description = "Target groups of the functions as CloudWatch dimensions; at most eight."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.function_target_group_arn_suffixes) <= 8
    error_message = "An alarm can use ten metrics: those of eight functions, the requests, and their quotient."
  }
}

variable "alarm_topic_arns" {
  description = "SNS topics that alarms notify."
  type        = list(string)
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles."
  type        = string
  default     = null
}
