variable "name" {
  description = "Project and environment, for example shopease-dev: what the role may touch is named so."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "Environment of the pipeline whose jobs may take the role."
  type        = string
  nullable    = false
}

variable "repository" {
  description = "Repository of the pipeline, as owner/name, without wildcards."
  type        = string
  nullable    = false
}

variable "oidc_provider_arn" {
  description = "Identity provider of the pipeline's tokens."
  type        = string
  nullable    = false
}

variable "state_bucket_arn" {
  description = "Bucket of the state."
  type        = string
  nullable    = false
}

variable "state_key" {
  description = "Key of the environment's state in it."
  type        = string
  nullable    = false
}

variable "artefact_bucket_arn" {
  description = "Bucket of the release artefacts."
  type        = string
  nullable    = false
}

variable "repository_arns" {
  description = "Image repositories."
  type        = list(string)
  nullable    = false
}

variable "may_publish" {
  description = "Whether the role may push images and artefacts; others only deploy what was pushed."
  type        = bool
  default     = false
  nullable    = false
}
