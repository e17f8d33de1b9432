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
    # One metric, or the result of an expression over several.
    metric     = optional(string)
    dimensions = optional(map(string))
    expression = optional(string)
    metrics    = optional(map(object({ metric = string, dimensions = map(string) })), {})
    statistic  = optional(string, "Sum")
    # Number of periods, of which bad_minutes must be beyond the threshold.
    minutes        = optional(number, 3)
    period_seconds = optional(number, 60)
    bad_minutes    = optional(number)
    operator       = optional(string, "GreaterThanThreshold")
    threshold      = number
    silence        = optional(string, "notBreaching")
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
