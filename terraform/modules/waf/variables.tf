variable "name" {
  description = "Name of the firewall, for example shopease-prod."
  type        = string
  nullable    = false
}

variable "load_balancer_arn" {
  description = "What it stands in front of."
  type        = string
  nullable    = false
}

variable "requests_per_5_minutes" {
  description = "Requests of one address in five minutes; further ones are refused."
  type        = number
  default     = 2000
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that refused requests are kept."
  type        = number
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key that encrypts the log."
  type        = string
  nullable    = false
}
