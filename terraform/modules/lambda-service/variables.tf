variable "name" {
  description = "Name of the function, for example shopease-dev-catalog."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.name) <= 64
    error_message = "64 characters at most."
  }
}

variable "target_group_name" {
  description = "Name of its target group; null: no load balancer calls it."
  type        = string
  default     = null

  validation {
    condition     = var.target_group_name == null || length(coalesce(var.target_group_name, "x")) <= 32
    error_message = "32 characters at most."
  }
}

variable "artefact" {
  description = "Zip with the program bootstrap; the key names the digest, so that another key is another release."
  type        = object({ bucket = string, key = string })
  nullable    = false
}

variable "memory_mb" {
  description = "Memory in MB; CPU comes with it."
  type        = number
  nullable    = false
}

variable "timeout_seconds" {
  description = "Longest run of an invocation."
  type        = number
  nullable    = false
}

variable "reserved_concurrency" {
  description = "Execution environments at once; -1: what the account has left."
  type        = number
  default     = -1
  nullable    = false
}

variable "environment" {
  description = "Variables of the program; no secrets."
  type        = map(string)
  nullable    = false
}

variable "statements" {
  description = "What the program may do beyond logs, traces and network."
  type        = list(object({ sid = string, actions = list(string), resources = list(string), condition = optional(map(map(list(string))), {}) }))
  default     = []
  nullable    = false
}

variable "vpc" {
  description = "Where the function lives; null: outside of any VPC, which starts faster and leaves no interfaces behind."
  type        = object({ subnet_ids = list(string), security_group_id = string })
  default     = null
}

variable "live_version" {
  description = "Version that alias live stands for; null: the newest. Set it to roll back."
  type        = string
  default     = null
}

variable "canary" {
  description = "Another version that gets a share of live, between 0 and 1; null: none."
  type        = object({ version = string, weight = number })
  default     = null

  validation {
    condition     = var.canary == null || try(var.canary.weight > 0 && var.canary.weight < 1, false)
    error_message = "A weight between 0 and 1."
  }
}

variable "schedule" {
  description = "Schedule expression by which the function runs; null: none."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "Key that encrypts the log."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that the log is kept."
  type        = number
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "Who hears of alarms."
  type        = list(string)
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Boundary of the role."
  type        = string
  default     = null
}
