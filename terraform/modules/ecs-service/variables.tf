variable "name" {
  description = "Name of the service, for example shopease-dev-backend."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "Account of the service. A variable, for data of a module that depends on another is unknown in plans."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the service."
  type        = string
  nullable    = false
}

variable "cluster_arn" {
  description = "Cluster of the service."
  type        = string
  nullable    = false
}

variable "cluster_name" {
  description = "The cluster's name, for autoscaling."
  type        = string
  nullable    = false
}

variable "namespace_arn" {
  description = "Namespace of Service Connect."
  type        = string
  nullable    = false
}

variable "discovery_name" {
  description = "Name by which other services of the namespace reach this one; null: it only reaches others."
  type        = string
  default     = null
}

variable "registry_arn" {
  description = "Service of Cloud Map that gives the tasks a name in the VPC's DNS; null: none."
  type        = string
  default     = null
}

variable "alone" {
  description = "Whether a new task starts only when the old one is gone, since two would not know of each other. Not with autoscaling."
  type        = bool
  default     = false
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

variable "command" {
  description = "Arguments of the image's program."
  type        = list(string)
  nullable    = false
}

variable "binary" {
  description = "The program's path in the image, for the health check."
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
  description = "CPU units of a task, 1,024 to a vCPU."
  type        = number
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.cpu)
    error_message = "Fargate knows 256, 512, 1024, 2048 and 4096 here."
  }
}

variable "memory_mb" {
  description = "Memory of a task in MiB."
  type        = number
  nullable    = false

  validation {
    condition     = var.memory_mb >= var.cpu * 2 && var.memory_mb <= var.cpu * 8
    error_message = "Fargate takes 2 to 8 GiB a vCPU."
  }
}

variable "desired_count" {
  description = "Tasks; with autoscaling only those of the first start."
  type        = number
  nullable    = false
}

variable "autoscaling" {
  description = "Bounds and target of autoscaling; null: the count stands."
  type        = object({ min = number, max = number, cpu_percent = optional(number, 60) })
  default     = null

  validation {
    condition     = var.autoscaling == null || try(var.autoscaling.min >= 1 && var.autoscaling.min <= var.autoscaling.max, false)
    error_message = "1 <= min <= max."
  }
}

variable "environment" {
  description = "Variables of the program; no secrets."
  type        = map(string)
  nullable    = false
}

variable "secrets" {
  description = "Variable to the ARN of the SSM parameter it comes from."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "further_secret_arns" {
  description = "Further parameters that starting the task needs, as the key of the log router."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of the parameters."
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
  description = "Container of the log router as JSON, from module log-router; null: none."
  type        = string
  default     = null
}

variable "log_group_arn" {
  description = "CloudWatch group that the task may write."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
  nullable    = false
}

variable "security_group_id" {
  description = "Group of the tasks."
  type        = string
  nullable    = false
}

variable "target_group_arn" {
  description = "Target group of the service."
  type        = string
  nullable    = false
}

variable "target_group_arn_suffix" {
  description = "The same in CloudWatch's dimensions."
  type        = string
  nullable    = false
}

variable "load_balancer_arn_suffix" {
  description = "The load balancer in CloudWatch's dimensions."
  type        = string
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "Who hears of alarms."
  type        = list(string)
  nullable    = false
}

variable "alarm_5xx_per_minute" {
  description = "5xx answers a minute that are too many."
  type        = number
  default     = 5
  nullable    = false
}

variable "task_statements" {
  description = "What the program itself may do: what the shop calls, and nothing else."
  type        = list(object({ sid = string, actions = list(string), resources = list(string), condition = optional(map(map(list(string))), {}) }))
  default     = []
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Boundary of both roles."
  type        = string
  default     = null
}

variable "wait_for_steady_state" {
  description = "Whether applying waits until the new tasks serve, and fails when they were rolled back."
  type        = bool
  default     = true
  nullable    = false
}
