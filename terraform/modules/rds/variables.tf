variable "identifier" {
  description = "Name of the instance, for example shopease-dev."
  type        = string
  nullable    = false
}

variable "engine_version" {
  description = "Major version of PostgreSQL. RDS installs minor versions in the maintenance window."
  type        = string
  default     = "17"
  nullable    = false
}

variable "instance_class" {
  description = "Instance class; must be in local.memory_gib, from which the number of connections is derived."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["db.t4g.micro", "db.t4g.small", "db.t4g.medium", "db.t4g.large", "db.m7g.large", "db.m7g.xlarge", "db.r7g.large", "db.r7g.xlarge"], var.instance_class)
    error_message = "The class is not in the table of modules/rds/main.tf. Add it there with its memory."
  }
}

variable "storage_gb" {
  description = "Initial storage, in GB."
  type        = number
  nullable    = false
}

variable "max_storage_gb" {
  description = "Maximum to which storage grows automatically, in GB."
  type        = number
  nullable    = false
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over on failure."
  type        = bool
  nullable    = false
}

variable "backup_days" {
  description = "Days for which point-in-time recovery is possible."
  type        = number
  nullable    = false

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days must be 1 to 35."
  }
}

variable "protected" {
  description = "Whether deletion protection is on and deletion takes a final snapshot."
  type        = bool
  nullable    = false
}

variable "database_name" {
  description = "Name of the database to create."
  type        = string
  default     = "shopease"
  nullable    = false
}

variable "subnet_ids" {
  description = "Isolated subnets in at least two availability zones."
  type        = list(string)
  nullable    = false
}

variable "security_group_id" {
  description = "Security group of the database."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key of storage, backups, Performance Insights, and the master password."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "Retention of the server's logs, in days."
  type        = number
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that alarms notify."
  type        = list(string)
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the monitoring role."
  type        = string
  default     = null
}
