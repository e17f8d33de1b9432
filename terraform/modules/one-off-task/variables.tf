variable "name" {
  description = "Family of the task, for example shopease-dev-migrate."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "Account of the task."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the task."
  type        = string
  nullable    = false
}

variable "image" {
  description = "Image by digest."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "An image is deployed by digest: <repository>@sha256:<64 hex digits>."
  }
}

variable "user" {
  description = "User and group of the process, as numbers."
  type        = string
  nullable    = false
}

variable "command" {
  description = "Arguments of the image's program."
  type        = list(string)
  nullable    = false
}

variable "environment" {
  description = "Variables of the program; no secrets."
  type        = map(string)
  nullable    = false
}

variable "secrets" {
  description = "Variable to the parameter or secret it comes from, as ECS spells it."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secret_statements" {
  description = "By which the execution role may read them."
  type        = list(object({ sid = string, actions = list(string), resources = list(string), condition = optional(map(map(list(string))), {}) }))
  default     = []
  nullable    = false
}

variable "task_statements" {
  description = "What the program itself may do: what the shop calls, and nothing else."
  type        = list(object({ sid = string, actions = list(string), resources = list(string), condition = optional(map(map(list(string))), {}) }))
  default     = []
  nullable    = false
}

variable "repository_arn" {
  description = "Repository of the image."
  type        = string
  nullable    = false
}

variable "log_group_name" {
  description = "CloudWatch group of its lines."
  type        = string
  nullable    = false
}

variable "log_group_arn" {
  description = "The same as ARN."
  type        = string
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Boundary of both roles."
  type        = string
  default     = null
}
