variable "name" {
  description = "Name of the table."
  type        = string
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
