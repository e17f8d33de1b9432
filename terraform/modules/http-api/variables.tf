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
  description = "Function that serves what no path names."
  type        = string
  nullable    = false
}

variable "functions" {
  description = "Functions by area."
  type        = map(object({ name = string, alias_name = string, alias_invoke_arn = string }))
  nullable    = false
}

variable "requests_per_second" {
  description = "Requests a second, and at once, before 429."
  type        = number
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that the access log is kept."
  type        = number
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key that encrypts the access log."
  type        = string
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "Who hears of alarms."
  type        = list(string)
  nullable    = false
}
