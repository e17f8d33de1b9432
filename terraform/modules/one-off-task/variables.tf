variable "name" {
  description = "Family of the task, for example shopease-dev-migrate."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "AWS account of the task."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS region of the task."
  type        = string
  nullable    = false
}

variable "image" {
  description = "Image, by digest."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "The image must be given by digest: <repository>@sha256:<64 hex digits>."
  }
}

variable "user" {
  description = "Numeric user and group of the process."
  type        = string
  nullable    = false
}

variable "command" {
  description = "Arguments of the image's program."
  type        = list(string)
  nullable    = false
}

variable "environment" {
  description = "Environment variables of the program; no secrets."
  type        = map(string)
  nullable    = false
}

variable "secrets" {
  description = "Environment variable to the parameter or secret that holds its value, in ECS syntax."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secret_statements" {
  description = "IAM statements with which the execution role may read them."
  type        = list(object({ sid = string, actions = list(string), resources = list(string), condition = optional(map(map(list(string))), {}) }))
  default     = []
  nullable    = false
}

variable "task_statements" {
  description = "IAM permissions of the program: the AWS calls that the shop makes, nothing else."
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
  description = "CloudWatch log group of the task."
  type        = string
  nullable    = false
}

variable "log_group_arn" {
  description = "ARN of that log group."
  type        = string
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of both roles."
  type        = string
  default     = null
}
