variable "prefix" {
  description = "First part of every alarm's name."
  type        = string
  nullable    = false
}

variable "alarms" {
  description = "Alarms by the rest of their name; a description ends with the heading of docs/runbook.md that helps."
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
    error_message = "Each alarm says which heading of the runbook helps."
  }
}

variable "topic_arns" {
  description = "Who hears of alarms, and of their end."
  type        = list(string)
  nullable    = false
}
