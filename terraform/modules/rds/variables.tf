variable "identifier" {
  description = "Name of the instance, for example shopease-dev."
  type        = string
  nullable    = false
}

variable "engine_version" {
  description = "Major version of PostgreSQL; minor ones come by themselves in the maintenance window."
  type        = string
  default     = "17"
  nullable    = false
}

variable "instance_class" {
  description = "Class of the instance; one of local.memory_gib, which is where its connections come from."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["db.t4g.micro", "db.t4g.small", "db.t4g.medium", "db.t4g.large", "db.m7g.large", "db.m7g.xlarge", "db.r7g.large", "db.r7g.xlarge"], var.instance_class)
    error_message = "The class is not in the table of modules/rds/main.tf: add it there with its memory."
  }
}

variable "storage_gb" {
  description = "Storage at the start, in GB."
  type        = number
  nullable    = false
}

variable "max_storage_gb" {
  description = "Up to which storage grows by itself, in GB."
  type        = number
  nullable    = false
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over."
  type        = bool
  nullable    = false
}

variable "backup_days" {
  description = "Days that any second can be restored."
  type        = number
  nullable    = false

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "1 to 35 days."
  }
}

variable "protected" {
  description = "Whether deletion is refused and leaves a last snapshot."
  type        = bool
  nullable    = false
}

variable "database_name" {
  description = "Database that is made."
  type        = string
  default     = "shopease"
  nullable    = false
}

variable "subnet_ids" {
  description = "Isolated subnets, in two zones or more."
  type        = list(string)
  nullable    = false
}

variable "security_group_id" {
  description = "Group of the database."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of storage, backups, insights and the master password."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that the logs of the server are kept."
  type        = number
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "Who hears of alarms."
  type        = list(string)
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Boundary of the monitoring role."
  type        = string
  default     = null
}
