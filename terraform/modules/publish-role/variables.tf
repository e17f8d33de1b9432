variable "name" {
  description = "Name of the role."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "GitHub environment whose jobs may assume the role."
  type        = string
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

variable "image_repository_arn" {
  description = "Repository to which the role may push images."
  type        = string
  nullable    = false
}

variable "artefact_bucket_arn" {
  description = "Bucket of the release artifacts."
  type        = string
  nullable    = false
}

variable "artefact_prefix" {
  description = "Prefix of the artifacts that the role may write."
  type        = string
  nullable    = false
}
