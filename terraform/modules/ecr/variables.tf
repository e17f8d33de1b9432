variable "name" {
  description = "Name of the repository."
  type        = string
  nullable    = false
}

variable "keep_images" {
  description = "Number of tagged images (builds) to keep, newest first. Every environment must run one of them."
  type        = number
  default     = 500
  nullable    = false
}

variable "reading_accounts" {
  description = "Other accounts that may pull the images."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the images; null: the account's key for ECR."
  type        = string
  default     = null
}

variable "force_delete" {
  description = "Whether destroying the repository also deletes its images."
  type        = bool
  default     = false
  nullable    = false
}
