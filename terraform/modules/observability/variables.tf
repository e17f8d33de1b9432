variable "name" {
  description = "Prefix of the alarms and name of the dashboard."
  type        = string
  nullable    = false
}

variable "alarm_email" {
  description = "Email address that alarms notify; null: no subscription."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "KMS key of the topic."
  type        = string
  nullable    = false
}

variable "load_balancer_arn_suffix" {
  description = "Load balancer as a CloudWatch dimension."
  type        = string
  nullable    = false
}

variable "target_group_arn_suffixes" {
  description = "Fargate target groups by service."
  type        = map(string)
  nullable    = false
}

variable "function_target_group_arn_suffixes" {
  description = "Lambda target groups by area."
  type        = map(string)
  nullable    = false
}

variable "cluster_name" {
  description = "Name of the cluster."
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
  description = "Identifier of the database; null: none."
  type        = string
  default     = null
}

variable "table_name" {
  description = "Name of the table."
  type        = string
  nullable    = false
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the shop's own metrics."
  type        = string
  nullable    = false
}

variable "worker_services" {
  description = "Names under which processes that run the worker write metrics."
  type        = list(string)
  nullable    = false
}

variable "order_services" {
  description = "Names under which processes that change orders and payments write metrics."
  type        = list(string)
  nullable    = false
}

variable "quiet_hours" {
  description = "Hours without an order after which an alarm fires. null: none."
  type        = number
  default     = null
}

variable "latency_seconds" {
  description = "95th percentile of latency that triggers the alarm, in seconds."
  type        = number
  default     = 1
  nullable    = false
}

variable "budget_usd" {
  description = "Monthly budget of the environment, in US dollars."
  type        = number
  nullable    = false
}

variable "budget_tag" {
  description = "Value of the tag Environment that the budget filters by."
  type        = string
  nullable    = false
}
