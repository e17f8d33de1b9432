variable "destination" {
  description = "Destination of the logs: cloudwatch or datadog."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["cloudwatch", "datadog"], var.destination)
    error_message = "The destination must be cloudwatch or datadog."
  }
}

variable "service" {
  description = "Name of the service in the logs."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "Name of the environment in the logs."
  type        = string
  nullable    = false
}

variable "release" {
  description = "Version of the service in the logs."
  type        = string
  nullable    = false
}

variable "log_group_name" {
  description = "CloudWatch log group of the application, or of the router."
  type        = string
  nullable    = false
}

variable "log_group_arn" {
  description = "ARN of that log group."
  type        = string
  nullable    = false
}

variable "router_image" {
  description = "Image of AWS for Fluent Bit with image/metrics.conf, by digest; required for datadog."
  type        = string
  default     = null
}

variable "datadog_site" {
  description = "Datadog site, for example datadoghq.com or datadoghq.eu."
  type        = string
  default     = "datadoghq.com"
  nullable    = false
}

variable "datadog_api_key_arn" {
  description = "SSM parameter with the API key; required for datadog."
  type        = string
  default     = null
}
