variable "name" {
  description = "Prefix of alarms and name of the dashboard."
  type        = string
  nullable    = false
}

variable "alarm_email" {
  description = "Address that hears of alarms; null: nobody is subscribed."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "Key of the topic."
  type        = string
  nullable    = false
}

variable "load_balancer_arn_suffix" {
  description = "The load balancer in CloudWatch's dimensions."
  type        = string
  nullable    = false
}

variable "target_group_arn_suffixes" {
  description = "Target groups of Fargate by service."
  type        = map(string)
  nullable    = false
}

variable "cluster_name" {
  description = "The cluster."
  type        = string
  nullable    = false
}

variable "service_names" {
  description = "Fargate services by role."
  type        = map(string)
  nullable    = false
}

variable "function_names" {
  description = "Functions by area."
  type        = map(string)
  nullable    = false
}

variable "database_identifier" {
  description = "The database; null: none."
  type        = string
  default     = null
}

variable "table_name" {
  description = "The table."
  type        = string
  nullable    = false
}

variable "latency_seconds" {
  description = "Latency of the slowest twentieth that is too much, in seconds."
  type        = number
  default     = 1
  nullable    = false
}

variable "budget_usd" {
  description = "What the environment may cost a month, in US dollars."
  type        = number
  nullable    = false
}

variable "budget_tag" {
  description = "Value of the tag Environment by which the budget counts."
  type        = string
  nullable    = false
}
