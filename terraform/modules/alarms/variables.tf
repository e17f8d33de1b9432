variable "prefix" {
  description = "Prefix of every alarm's name."
  type        = string
  nullable    = false
}

variable "alarms" {
  description = "Alarms by the rest of their name. Each description ends with the heading of docs/runbook.md that describes the response."
  nullable    = false

  type = map(object({
    description = string
    namespace   = string
    metric      = string
    dimensions  = map(string)
    statistic   = optional(string, "Sum")
    minutes     = optional(number, 3)
    bad_minutes = optional(number)
    operator    = optional(string, "GreaterThanThreshold")
    threshold   = number
    silence     = optional(string, "notBreaching")
  }))

  validation {
    condition     = alltrue([for alarm in values(var.alarms) : endswith(alarm.description, ".") && strcontains(alarm.description, "Runbook")])
    error_message = "Each alarm's description must end with a period and name a heading of docs/runbook.md."
  }
}

variable "topic_arns" {
  description = "SNS topics that alarms notify when they fire and when they recover."
  type        = list(string)
  nullable    = false
}
