variable "project" {
  description = "Prefix of every name."
  type        = string
  default     = "shopease"
  nullable    = false
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}

variable "repository" {
  description = "GitHub repository whose pipeline deploys, as owner/name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.repository))
    error_message = "The repository must be owner/name, without wildcards: every matching repository may deploy."
  }
}

variable "environments" {
  description = "Environments of this account; each gets a role. Use one account per environment if possible, and a separate one for prod at least."
  type        = set(string)
  default     = ["dev", "perf", "staging", "canary", "prod"]
  nullable    = false
}

variable "publishing_environment" {
  description = "Environment whose jobs push images and artifacts."
  type        = string
  default     = "dev"
  nullable    = false
}

variable "disposable" {
  description = "Whether destroying also deletes state, releases, and images."
  type        = bool
  default     = false
  nullable    = false
}
