variable "name" {
  description = "Name of the repository."
  type        = string
  nullable    = false
}

variable "keep_images" {
  description = "Number of images to keep, newest first."
  type        = number
  default     = 50
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
