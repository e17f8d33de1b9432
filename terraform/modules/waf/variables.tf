variable "name" {
  description = "Name of the web ACL, for example shopease-prod."
  type        = string
  nullable    = false
}

variable "load_balancer_arn" {
  description = "ARN of the resource that the web ACL protects."
  type        = string
  nullable    = false
}

variable "requests_per_5_minutes" {
  description = "Maximum requests per client address in five minutes; further ones are blocked."
  type        = number
  default     = 2000
  nullable    = false
}

variable "log_retention_days" {
  description = "Retention of the log of blocked and counted requests, in days."
  type        = number
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the log."
  type        = string
  nullable    = false
}
