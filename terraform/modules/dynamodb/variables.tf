variable "name" {
  description = "Name of the table."
  type        = string
  nullable    = false
}

variable "protected" {
  description = "Whether deleting the table is refused."
  type        = bool
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key that encrypts the table."
  type        = string
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "Who hears of alarms."
  type        = list(string)
  nullable    = false
}
