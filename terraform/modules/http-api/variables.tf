variable "name" {
  description = "Name of the API."
  type        = string
  nullable    = false
}

variable "paths" {
  description = "Path of every route to its function: paths of routes.json."
  type        = map(string)
  nullable    = false
}

variable "default" {
  description = "Function for all other paths."
  type        = string
  nullable    = false
}

variable "functions" {
  description = "Functions by area."
  type        = map(object({ name = string, alias_name = string, alias_invoke_arn = string }))
  nullable    = false
}

variable "requests_per_second" {
  description = "Requests per second, and burst size, before the API returns 429."
  type        = number
  nullable    = false
}

variable "log_retention_days" {
  description = "Retention of the access log, in days."
  type        = number
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the access log."
  type        = string
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that alarms notify."
  type        = list(string)
  nullable    = false
}
