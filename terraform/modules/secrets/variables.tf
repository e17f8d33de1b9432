variable "prefix" {
  description = "Path of the component, for example /shopease/dev/backend."
  type        = string
  nullable    = false
}

variable "parameters" {
  description = "Description of each parameter by its key; a key such as stripe-secret-key sets SHOPEASE_STRIPE_SECRET_KEY."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.parameters) : can(regex("^[a-z0-9-]+$", key))])
    error_message = "Keys must be lowercase letters, digits, and hyphens."
  }
}

variable "kms_key_id" {
  description = "Customer managed KMS key that encrypts the parameters."
  type        = string
  nullable    = false
}
