variable "name" {
  description = "Name of the service, for example shopease-dev-backend."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "AWS account of the service. A variable, because a data source is unknown at plan time in a module that depends on another."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS region of the service."
  type        = string
  nullable    = false
}

variable "cluster_arn" {
  description = "Cluster of the service."
  type        = string
  nullable    = false
}

variable "cluster_name" {
  description = "Name of the cluster, for autoscaling."
  type        = string
  nullable    = false
}

variable "namespace_arn" {
  description = "Service Connect namespace."
  type        = string
  nullable    = false
}

variable "discovery_name" {
  description = "Name under which other services of the namespace reach this one; null: this service is only a client."
  type        = string
  default     = null
}

variable "request_timeout_seconds" {
  description = "Longest request of a Service Connect client: longer than the deadline of the frontend's requests to the backend."
  type        = number
  default     = 35
  nullable    = false
}

variable "registry_arn" {
  description = "Cloud Map service that gives the tasks a name in the VPC's DNS; null: none."
  type        = string
  default     = null
}

variable "alone" {
  description = "Whether a new task starts only after the old one has stopped, because two tasks do not share state. Not valid with autoscaling."
  type        = bool
  default     = false
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

variable "command" {
  description = "Arguments of the image's program."
  type        = list(string)
  nullable    = false
}

variable "binary" {
  description = "Path of the program in the image, for the health check."
  type        = string
  nullable    = false
}

variable "port" {
  description = "Port of the container."
  type        = number
  default     = 8080
  nullable    = false
}

variable "cpu" {
  description = "CPU units of a task; 1,024 are one vCPU."
  type        = number
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.cpu)
    error_message = "cpu must be 256, 512, 1024, 2048, or 4096."
  }
}

variable "memory_mb" {
  description = "Memory of a task in MiB."
  type        = number
  nullable    = false

  validation {
    condition     = var.memory_mb >= var.cpu * 2 && var.memory_mb <= var.cpu * 8
    error_message = "Fargate allows 2 to 8 GiB of memory per vCPU."
  }
}

variable "desired_count" {
  description = "Number of tasks; with autoscaling, only at creation."
  type        = number
  nullable    = false
}

variable "autoscaling" {
  description = "Minimum, maximum, and targets of autoscaling: CPU, and requests a minute and task. From one hour of the night until another, the minimum is 1. null: the number of tasks is fixed."
  default     = null

  type = object({
    min                 = number
    max                 = number
    cpu_percent         = optional(number, 60)
    requests_per_target = optional(number)
    night               = optional(object({ from = number, until = number, time_zone = optional(string, "UTC") }))
  })

  validation {
    condition     = var.autoscaling == null || try(var.autoscaling.min >= 1 && var.autoscaling.min <= var.autoscaling.max, false)
    error_message = "autoscaling requires 1 <= min <= max."
  }
}

variable "environment" {
  description = "Environment variables of the program; no secrets."
  type        = map(string)
  nullable    = false
}

variable "secrets" {
  description = "Environment variable to the ARN of the SSM parameter that holds its value."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "further_secret_arns" {
  description = "Additional parameters needed to start the task, such as the log router's API key."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key of the parameters."
  type        = string
  nullable    = false
}

variable "repository_arns" {
  description = "Repositories of the task's images."
  type        = list(string)
  nullable    = false
}

variable "log_configuration" {
  description = "logConfiguration of the container as JSON, from module log-router."
  type        = string
  nullable    = false
}

variable "log_router" {
  description = "Log router container as JSON, from module log-router; null: none."
  type        = string
  default     = null
}

variable "log_group_arn" {
  description = "CloudWatch log group that the task may write to."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
  nullable    = false
}

variable "security_group_id" {
  description = "Security group of the tasks."
  type        = string
  nullable    = false
}

variable "target_group_arn" {
  description = "Target group of the service."
  type        = string
  nullable    = false
}

variable "target_group_arn_suffix" {
  description = "Target group as a CloudWatch dimension."
  type        = string
  nullable    = false
}

variable "load_balancer_arn_suffix" {
  description = "Load balancer as a CloudWatch dimension."
  type        = string
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that alarms notify."
  type        = list(string)
  nullable    = false
}

variable "alarm_5xx_percent" {
  description = "Percentage of 5xx responses, of at least two a minute, that triggers the alarm."
  type        = number
  default     = 1
  nullable    = false
}

variable "task_statements" {
  description = "IAM permissions of the program: the AWS calls that the shop makes, nothing else."
  type        = list(object({ sid = string, actions = list(string), resources = list(string), condition = optional(map(map(list(string))), {}) }))
  default     = []
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of both roles."
  type        = string
  default     = null
}

variable "wait_for_steady_state" {
  description = "Whether apply waits until the new tasks serve requests, and fails if they were rolled back."
  type        = bool
  default     = true
  nullable    = false
}

variable "spot" {
  description = "Whether tasks run on Fargate Spot: cheaper, but AWS may stop each with two minutes' notice."
  type        = bool
  default     = false
  nullable    = false
}
