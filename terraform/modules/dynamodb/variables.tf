variable "name" {
  description = "Name of the table."
  type        = string
  nullable    = false
}

variable "attributes" {
  description = "Names of the keys and of the attribute with the time after which DynamoDB deletes an item: table of functions/settings.json."
  type        = object({ partition_key = string, sort_key = string, expiry = string })
  nullable    = false
}

variable "protected" {
  description = "Whether deletion protection is on."
  type        = bool
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the table."
  type        = string
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that alarms notify."
  type        = list(string)
  nullable    = false
}
