variable "prefix" {
  description = "Path of the component, for example /shopease/dev/backend."
  type        = string
  nullable    = false
}

variable "parameters" {
  description = "What each parameter is, by its key; a key such as stripe-secret-key stands for SHOPEASE_STRIPE_SECRET_KEY."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.parameters) : can(regex("^[a-z0-9-]+$", key))])
    error_message = "Keys are lower-case letters, digits and hyphens."
  }
}

variable "kms_key_id" {
  description = "Customer key that encrypts them."
  type        = string
  nullable    = false
}
