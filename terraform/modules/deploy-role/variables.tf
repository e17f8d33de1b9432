variable "project" {
  description = "First part of every name."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "GitHub environment whose jobs may assume the role, and second part of the names that the role may access."
  type        = string
  nullable    = false
}

variable "other_environments" {
  description = "Other environments of this account, which the role must not access."
  type        = list(string)
  nullable    = false
}

variable "repository" {
  description = "Repository of the pipeline, as owner/name, without wildcards."
  type        = string
  nullable    = false
}

variable "oidc_provider_arn" {
  description = "OIDC identity provider of the pipeline's tokens."
  type        = string
  nullable    = false
}

variable "state_bucket_arn" {
  description = "Bucket of the Terraform state."
  type        = string
  nullable    = false
}

variable "state_key" {
  description = "Key of the environment's state in that bucket."
  type        = string
  nullable    = false
}

variable "artefact_bucket_arn" {
  description = "Bucket of the release artifacts."
  type        = string
  nullable    = false
}

variable "repository_arns" {
  description = "Image repositories."
  type        = list(string)
  nullable    = false
}
