variable "project" {
  description = "First part of every name."
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
  description = "Repository whose pipeline deploys, as owner/name on GitHub."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.repository))
    error_message = "owner/name, without wildcards: whoever matches may deploy."
  }
}

variable "environments" {
  description = "Environments of this account; each gets a role. One account an environment is advised, prod at least by itself."
  type        = set(string)
  default     = ["dev", "perf", "staging", "canary", "prod"]
  nullable    = false
}

variable "publishing_environment" {
  description = "Environment whose jobs push images and artefacts."
  type        = string
  default     = "dev"
  nullable    = false
}

variable "disposable" {
  description = "Whether destroying also destroys state, releases and images."
  type        = bool
  default     = false
  nullable    = false
}
