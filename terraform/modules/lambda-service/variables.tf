variable "name" {
  description = "Name of the function, for example shopease-dev-catalog."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.name) <= 64
    error_message = "The name must have at most 64 characters."
  }
}

variable "target_group_name" {
  description = "Name of the function's target group; null: no load balancer invokes it."
  type        = string
  default     = null

  validation {
    condition     = var.target_group_name == null || length(coalesce(var.target_group_name, "x")) <= 32
    error_message = "The name must have at most 32 characters."
  }
}

variable "artefact" {
  description = "Zip file with the program bootstrap. The key contains the digest, so a different key is a different release."
  type        = object({ bucket = string, key = string })
  nullable    = false
}

variable "memory_mb" {
  description = "Memory in MB. Lambda allocates CPU in proportion."
  type        = number
  nullable    = false
}

variable "timeout_seconds" {
  description = "Timeout of an invocation."
  type        = number
  nullable    = false
}

variable "reserved_concurrency" {
  description = "Maximum number of concurrent execution environments; -1: the account's unreserved concurrency."
  type        = number
  default     = -1
  nullable    = false
}

variable "environment" {
  description = "Environment variables of the program; no secrets."
  type        = map(string)
  nullable    = false
}

variable "statements" {
  description = "IAM permissions of the program beyond logs, traces, and network."
  type        = list(object({ sid = string, actions = list(string), resources = list(string), condition = optional(map(map(list(string))), {}) }))
  default     = []
  nullable    = false
}

variable "vpc" {
  description = "Subnets and security group of the function; null: outside any VPC, which starts faster and leaves no network interfaces behind."
  type        = object({ subnet_ids = list(string), security_group_id = string })
  default     = null
}

variable "live_version" {
  description = "Version that the alias live points to; null: the newest. Set it to roll back."
  type        = string
  default     = null
}

variable "canary_percent" {
  description = "Percentage of the requests to alias live that the newest version serves while live_version pins the alias to another one."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.canary_percent >= 0 && var.canary_percent < 100
    error_message = "The percentage must be at least 0 and less than 100."
  }
}

variable "schedule" {
  description = "Schedule expression on which the function runs; null: none."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the log."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "Retention of the log, in days."
  type        = number
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that alarms notify."
  type        = list(string)
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role."
  type        = string
  default     = null
}
