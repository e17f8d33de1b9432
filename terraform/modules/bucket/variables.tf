variable "name" {
  description = "Name of the bucket, unique in all of AWS."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "force_destroy" {
  description = "Whether destroying the bucket also destroys what is in it."
  type        = bool
  default     = false
  nullable    = false
}

variable "old_version_days" {
  description = "Days that replaced and deleted objects can be brought back."
  type        = number
  default     = 30
  nullable    = false
}

variable "expire_days" {
  description = "Days after which objects are removed; null: never."
  type        = number
  default     = null
}

variable "log_writers" {
  description = "AWS services that may write logs, by the prefix they write below."
  type        = map(string)
  default     = {}
  nullable    = false
}
