variable "name" {
  description = "Name of the bucket, unique across AWS."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket name must have 3 to 63 lowercase letters, digits, and hyphens."
  }
}

variable "force_destroy" {
  description = "Whether destroying the bucket also deletes its objects."
  type        = bool
  default     = false
  nullable    = false
}

variable "old_version_days" {
  description = "Days for which replaced and deleted objects can be restored."
  type        = number
  default     = 30
  nullable    = false
}

variable "expire_days" {
  description = "Days after which objects are deleted; null: never."
  type        = number
  default     = null
}

variable "reading_accounts" {
  description = "Other accounts that may read the objects."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "log_writers" {
  description = "AWS services that may write logs, by the prefix that they write to."
  type        = map(string)
  default     = {}
  nullable    = false
}
