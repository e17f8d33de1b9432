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

variable "artefact_account" {
  description = "Account that holds images and artifacts of every environment. null: this one."
  type        = string
  default     = null
}

variable "reading_accounts" {
  description = "Other accounts whose environments use the images and artifacts of this one."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "oidc_provider_arn" {
  description = "The account's existing OIDC provider for GitHub. null: create it."
  type        = string
  default     = null
}

variable "disposable" {
  description = "Whether destroying also deletes state, releases, and images."
  type        = bool
  default     = false
  nullable    = false
}
